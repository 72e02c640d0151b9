export async function upload(url, token, file) {
  const query = 'mutation($file: Upload!) { uploadAttachment(file: $file) { attachment { id url thumbnailUrl } } }';
  const body = new FormData(); // in this order: operations, map, files
  body.append('operations', JSON.stringify({ query, variables: { file: null } }));
  body.append('map', JSON.stringify({ 0: ['variables.file'] }));
  body.append('0', file, file.name);
  // No Content-Type: FormData brings its own, with the boundary.
  const response = await fetch(`${url}/graphql`, { method: 'POST', headers: { Authorization: `Bearer ${token}` }, body });
  const { data, errors } = await response.json();
  if (errors) throw errors;
  return data.uploadAttachment.attachment;
}

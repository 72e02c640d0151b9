// Runs graphql-http's audits of the GraphQL over HTTP specification:
//
//	OMARTY_URL=http://127.0.0.1:8080 node audits.mjs [--allow 28B9,2EA1]
//
// What the specification only recommends counts as much as what it demands;
// only the audits named under --allow may fail. The last line says how many
// passed: "61 of 61".
import { parseArgs } from 'node:util';
import { serverAudits } from 'graphql-http';

const { values } = parseArgs({ options: { allow: { type: 'string', default: '' } } });
const allowed = new Set(values.allow.split(',').map((id) => id.trim()).filter(Boolean));
const base = process.env.OMARTY_URL?.replace(/\/+$/, '');
if (!base) {
  console.error('usage: OMARTY_URL=http://host:port node audits.mjs [--allow ID,ID…]');
  process.exit(2);
}

const audits = serverAudits({
  url: `${base}/graphql`,
  // A server that never answers fails the audit rather than holding up the rest.
  fetchFn: (url, init) => fetch(url, { ...init, signal: AbortSignal.timeout(10_000) }),
});

for (const id of allowed) {
  if (audits.some((audit) => audit.id === id)) continue;
  console.error(`--allow ${id}: there is no such audit`);
  process.exit(2);
}

let passed = 0;
// One after the other, so that a server that limits rates is not run into.
for (const audit of audits) {
  let result;
  try {
    result = await audit.fn();
  } catch (error) {
    // Thrown where not even a response came.
    result = { status: 'error', reason: [error.message, error.cause?.message].filter(Boolean).join(': ') };
  }
  const may = allowed.has(audit.id);
  if (result.status === 'ok') {
    passed++;
    if (may) console.log(`ok ${audit.id}: no need to allow that it fails`);
    continue;
  }
  console.log(`${may ? 'allowed' : 'not ok'} ${audit.id} ${audit.name}: ${result.reason}`);
  if (!may) process.exitCode = 1;
}
console.log(`${passed} of ${audits.length}`);

// docs/clients.md shows what clients.mjs tests, to the letter; and what that cannot
// bring about at the real server is tested here at the servers of graphql-ws and
// graphql-sse.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import test from 'node:test';
import { GraphQLError, buildSchema } from 'graphql';
import { createHandler } from 'graphql-sse/lib/use/http';
import { useServer } from 'graphql-ws/use/ws';
import { WebSocketServer } from 'ws';
import * as apollo from './resume-apollo.mjs';
import * as sse from './resume-graphql-sse.mjs';
import * as ws from './resume-graphql-ws.mjs';
import * as urql from './resume-urql.mjs';
import { upload } from './upload.mjs';

const here = import.meta.dirname;

test('docs/clients.md shows the code that is tested', () => {
  const page = fs.readFileSync(path.join(here, '..', '..', 'docs', 'clients.md'), 'utf8');
  const shown = [...page.matchAll(/^\[`([^`]+)`\]\(\.\.\/e2e\/node\/\1\):\n\n```js\n(.*?)^```$/gms)];
  for (const [, name, code] of shown) {
    assert.equal(code, fs.readFileSync(path.join(here, name), 'utf8'), `${name} is another in docs/clients.md`);
  }
  const names = fs.readdirSync(here).filter((name) => /^(resume|upload).*\.mjs$/.test(name));
  assert.deepEqual(shown.map(([, name]) => name).sort(), names.sort());
  assert.equal(page.match(/^```js$/gm).length, shown.length, 'code that nothing tests');
});

test('a file is uploaded as a multipart request, in its order', async (t) => {
  let asked = '';
  const server = http.createServer(async (request, response) => {
    for await (const part of request) asked += part;
    asked = `${request.method} ${request.url} ${request.headers.authorization} ${request.headers['content-type']}\n${asked}`;
    response.end(JSON.stringify(asked.includes('refuse') ? { errors: ['refused'] } : { data: { uploadAttachment: { attachment: { id: 'file_1' } } } }));
  });
  await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
  t.after(() => server.close());
  const url = `http://127.0.0.1:${server.address().port}`;
  assert.deepEqual(await upload(url, 'a-token', new File(['hello'], 'a.txt')), { id: 'file_1' });
  assert.match(asked, /^POST \/graphql Bearer a-token multipart\/form-data; boundary=.*name="operations".*"file":null.*name="map".*\{"0":\["variables.file"\]\}.*name="0"; filename="a.txt".*hello/s);
  await assert.rejects(async () => { throw (await upload(url, 'a-token', new File(['refuse'], 'b.txt')).catch((errors) => new Error(errors))); }, /refused/);
});

for (const [name, library] of Object.entries({ 'graphql-ws': ws, 'graphql-sse': sse, 'Apollo Client': apollo, urql })) {
  test(`${name}: errors beside entries, a break, and a refusal that passes`, { timeout: 20_000 }, async (t) => {
    const asked = [];
    const server = await serve(entries, ({ after }) => {
      asked.push(after);
      if (asked.length === 2) return refusal('UNAVAILABLE');
      if (asked.length === 4) return refusal('NOT_FOUND');
    });
    t.after(server.stop);
    async function* entries(_, { after }) {
      for (const seq of [after + 1, after + 2]) {
        yield { roomEvents: { seq, message: seq === 1 ? () => { throw new Error('It is gone'); } : 'here' } };
      }
      server.breakOff();
      await new Promise(() => {});
    }
    const client = library.connect(server.url, 'a token');
    t.after(client.close);
    const heard = [];
    const cause = await new Promise((resolve) => {
      client.listen('subscription ($after: Int) { roomEvents(after: $after) { seq message } }', { after: 0 },
        ({ roomEvents: { seq, message } }) => heard.push([seq, message]), resolve);
    });
    assert.equal(cause[0].extensions.code, 'NOT_FOUND');
    assert.deepEqual(heard, [[1, null], [2, 'here'], [3, 'here'], [4, 'here']]);
    assert.deepEqual(asked, [0, 2, 2, 4]);
  });
}

const refusal = (code) => [new GraphQLError('No', { extensions: { code } })];

// A server of both protocols, which breaks off all there is when it is told to.
async function serve(entries, refuse) {
  const schema = buildSchema(`
    type Query { a: Int }
    type Entry { seq: Int! message: String }
    type Subscription { roomEvents(after: Int): Entry }`);
  schema.getSubscriptionType().getFields().roomEvents.subscribe = entries;
  const handle = createHandler({
    schema,
    onSubscribe(_, { variables }) {
      const errors = refuse(variables);
      return errors && { data: null, errors };
    },
  });
  const connections = new Set();
  const server = http.createServer(handle);
  server.on('connection', (connection) => connections.add(connection));
  useServer({ schema, onSubscribe: (_, __, { variables }) => refuse(variables) }, new WebSocketServer({ server }));
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const breakOff = () => connections.forEach((connection) => connection.destroy());
  return {
    url: `http://127.0.0.1:${server.address().port}/graphql`,
    breakOff: () => setTimeout(breakOff, 50),
    stop() {
      server.close();
      breakOff();
    },
  };
}

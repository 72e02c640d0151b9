// Lets clients that are not ours at the server's sockets and event streams:
//
//	OMARTY_URL=http://127.0.0.1:8080 node sockets.mjs [--stop PID]
//
// It breaks the rules of graphql-transport-ws in every way, at this server and at
// the npm package graphql-ws's own, and compares how each closes; then it works
// with the npm clients graphql-ws and graphql-sse. With --stop it ends by sending
// SIGTERM to the server, to see how sockets and streams end then.
import crypto from 'node:crypto';
import http from 'node:http';
import assert from 'node:assert/strict';
import { parseArgs } from 'node:util';
import { buildSchema } from 'graphql';
import { createClient } from 'graphql-ws';
import { useServer } from 'graphql-ws/use/ws';
import { createClient as createEventClient } from 'graphql-sse';
import { WebSocket, WebSocketServer } from 'ws';

const { values } = parseArgs({ options: { stop: { type: 'string' } } });
const base = process.env.OMARTY_URL?.replace(/\/+$/, '');
if (!base) {
  console.error('usage: OMARTY_URL=http://host:port node sockets.mjs [--stop PID]');
  process.exit(2);
}
const ours = `${base}/graphql`;
const subprotocol = 'graphql-transport-ws';

// Whatever hangs: the step that waits is named.
let step = 'start';
const limit = setTimeout(() => {
  console.error(`sockets: not done after 60 s, in: ${step}`);
  process.exit(1);
}, 60_000);

async function check(name, run) {
  step = name;
  await run();
  console.log(`ok ${name}`);
}

const within = (promise, ms, what) =>
  Promise.race([promise, new Promise((_, reject) => setTimeout(() => reject(new Error(`not in ${ms} ms: ${what}`)), ms).unref())]);

// ── Beside the reference ──

const reference = http.createServer();
useServer({ schema: buildSchema('type Query { a: Int } type Subscription { b: Int }'), roots: { subscription: { b: endless } } },
  new WebSocketServer({ server: reference }));
await new Promise((resolve) => reference.listen(0, '127.0.0.1', resolve));
const theirs = `http://127.0.0.1:${reference.address().port}/graphql`;

async function* endless() {
  await new Promise(() => {});
}

// What a server does with messages, until it closes: the types of what it sends,
// and how it closes. With `stays`, it must not, and is asked for a pong.
function probe(url, { say = [], protocols = [subprotocol], stays = false }) {
  return within(new Promise((resolve, reject) => {
    const heard = [];
    const socket = new WebSocket(url.replace(/^http/, 'ws'), protocols);
    socket.on('error', (error) => resolve(`refused: ${error.message}`));
    socket.on('unexpected-response', (_, response) => {
      resolve(`refused: ${response.statusCode}`);
      socket.terminate();
    });
    socket.on('open', () => {
      const next = () => {
        const message = say.shift();
        if (message === undefined) {
          if (stays) socket.send('{"type":"ping"}');
          return;
        }
        // Each waits for what the one before brings: a server may acknowledge later.
        socket.send(message, { binary: typeof message !== 'string' });
        if (String(message).includes('connection_init') && say.length > 0) socket.once('message', next);
        else setTimeout(next, 50);
      };
      next();
    });
    socket.on('message', (data) => {
      const { type } = JSON.parse(data);
      heard.push(type);
      if (stays && type === 'pong') {
        resolve([...heard].join(' '));
        socket.close();
      }
    });
    socket.on('close', (code, reason) => resolve([...heard, `${code} ${reason}`].join(' ')));
    setTimeout(() => reject(new Error(`it does not close; heard ${heard}`)), 9_000).unref();
  }), 10_000, url);
}

const init = '{"type":"connection_init"}';
const subscribe = (id, query) => JSON.stringify({ id, type: 'subscribe', payload: { query } });
// Where the reference closes with 4500, for a document that does not parse or a
// type of the server's, the contract wants an error and 4400: see the tests in Go.
const probes = {
  'no init': {},
  'init twice': { say: [init, init] },
  'subscribe before the acknowledgement': { say: [subscribe('1', '{ __typename }')] },
  'malformed JSON': { say: ['{"type":'] },
  'no JSON before init': { say: ['hello'] },
  'a list': { say: ['[]'] },
  'an unknown type': { say: [init, '{"type":"start","id":"1"}'] },
  'no type': { say: [init, '{}'] },
  'subscribe without an id': { say: [init, '{"type":"subscribe","payload":{"query":"{ __typename }"}}'] },
  'subscribe with an empty id': { say: [init, subscribe('', '{ __typename }')] },
  'subscribe without a query': { say: [init, '{"type":"subscribe","id":"1","payload":{}}'] },
  'subscribe with a list of variables': { say: [init, '{"type":"subscribe","id":"1","payload":{"query":"{ __typename }","variables":[]}}'] },
  'init with a list': { say: ['{"type":"connection_init","payload":[]}'] },
  'ping with a text': { say: [init, '{"type":"ping","payload":"a"}'] },
  'complete without an id': { say: [init, '{"type":"complete"}'] },
  'a binary frame': { say: [init, Buffer.from([1, 2, 3])] },
  'ping before init': { say: ['{"type":"ping"}'], stays: true },
  'complete of nothing': { say: [init, '{"type":"complete","id":"1"}'], stays: true },
  'pong unasked': { say: [init, '{"type":"pong"}'], stays: true },
  'a query': { say: [init, subscribe('1', '{ __typename }')], stays: true },
  'a document that does not fit': { say: [init, subscribe('1', '{ nothing }')], stays: true },
};

await Promise.all(Object.entries(probes).map(([name, p]) => check(name, async () => {
  const [is, want] = await Promise.all([ours, theirs].map((url) => probe(url, { ...p, say: [...(p.say ?? [])] })));
  assert.equal(is, want);
})));

await check('an id in use', async () => {
  // Ours: a log-in hashes a password, which takes longer than the next message.
  const slow = JSON.stringify({ id: 'a', type: 'subscribe', payload: { query: 'mutation { logIn(input: {login: "nobody@example.com", password: "a quiet evening"}) { token } }' } });
  assert.equal(await burst(ours, [init, slow, slow]), '4409 Subscriber for a already exists');
  const stream = subscribe('a', 'subscription { b }');
  assert.equal(await burst(theirs, [init, stream, stream]), '4409 Subscriber for a already exists');
});

// How a server closes after messages that come together, once it has acknowledged.
function burst(url, [first, ...rest]) {
  return within(new Promise((resolve) => {
    const socket = new WebSocket(url.replace(/^http/, 'ws'), subprotocol);
    socket.on('open', () => socket.send(first));
    socket.once('message', () => rest.forEach((m) => socket.send(m)));
    socket.on('close', (code, reason) => resolve(`${code} ${reason}`));
  }), 10_000, 'the close');
}

await check('subprotocols', async () => {
  // The reference accepts no subprotocol and closes with 4406; here the handshake
  // is refused, before a socket costs anything.
  for (const protocols of [[], ['graphql-ws'], ['soap']]) {
    assert.equal(await probe(ours, { protocols }), 'refused: 400', protocols);
    assert.match(await probe(theirs, { protocols }), /^4406|^refused/, protocols);
  }
  assert.equal(await probe(ours, { protocols: ['graphql-ws', subprotocol], say: [init], stays: true }), 'connection_ack pong');
});

await check('origins', async () => {
  const from = (origin) => new Promise((resolve) => {
    const socket = new WebSocket(ours.replace(/^http/, 'ws'), subprotocol, { origin });
    socket.on('error', () => {});
    socket.on('unexpected-response', (_, response) => resolve(response.statusCode));
    socket.on('open', () => { socket.close(); resolve(101); });
  });
  assert.equal(await from(base), 101);
  assert.equal(await from('https://elsewhere.example.com'), 403);
});

reference.close();
reference.closeAllConnections();

// ── The npm clients ──

const person = {
  name: 'Mona Adel',
  phone: `010${crypto.randomInt(1e8).toString().padStart(8, '0')}`,
  email: `sockets-${crypto.randomBytes(6).toString('hex')}@example.com`,
  password: `felucca ${crypto.randomBytes(9).toString('base64url')}`,
};

function connect(token, more = {}) {
  return createClient({ url: ours.replace(/^http/, 'ws'), webSocketImpl: WebSocket, connectionParams: token === undefined ? undefined : { token }, retryAttempts: 0, ...more });
}

// All results of an operation; what the stream fails with is thrown.
async function all(client, operation) {
  const results = [];
  for await (const result of client.iterate(operation)) results.push(result);
  return results;
}

async function ask(client, query, variables) {
  const [result, ...more] = await within(all(client, { query, variables }), 10_000, query);
  assert.deepEqual(more, []);
  assert.equal(result.errors, undefined, JSON.stringify(result.errors));
  return result.data;
}

// How a client fails that runs an operation: the close event, or errors.
const fails = (client, query) => within(all(client, { query }).then(
  (results) => assert.fail(`no failure: ${JSON.stringify(results)}`), (error) => error), 10_000, query);

const logIn = async (client) => (await ask(client, 'mutation ($input: LogInInput!) { logIn(input: $input) { token session { id } } }',
  { input: { login: person.email, password: person.password } })).logIn;

let token;
await check('register and log in without a token', async () => {
  const client = connect();
  assert.equal((await ask(client, '{ viewer { id } }')).viewer, null);
  const { register } = await ask(client, 'mutation ($input: RegisterInput!) { register(input: $input) { user { name } } }',
    { input: { ...person, confirmPassword: person.password } });
  assert.equal(register.user.name, person.name);
  ({ token } = await logIn(client));
  assert.equal((await ask(client, '{ viewer { id } }')).viewer, null, 'a socket stays whose it was');
  await client.dispose();
});

await check('ask with a token', async () => {
  for (const client of [connect(token), createClient({
    url: ours.replace(/^http/, 'ws'),
    webSocketImpl: class extends WebSocket {
      constructor(url, protocols) {
        super(url, protocols, { headers: { Authorization: `Bearer ${token}` } });
      }
    },
  })]) {
    assert.equal((await ask(client, '{ viewer { user { name } } }')).viewer.user.name, person.name);
    await client.dispose();
  }
});

await check('a subscription that is refused', async () => {
  const client = connect(token);
  const errors = await fails(client, 'subscription { roomSignals(room: "none") { __typename } }');
  assert.equal(errors[0].extensions.code, 'NOT_FOUND');
  assert.ok((await ask(client, '{ viewer { id } }')).viewer, 'the socket stays');
  await client.dispose();
});

await check('a bad token', async () => {
  const { code, reason } = await fails(connect('not a token'), '{ viewer { id } }');
  assert.deepEqual([code, reason], [4401, 'Unauthorized']);
});

// A socket with nothing on it: how it closes.
async function idle(token) {
  const socket = new WebSocket(ours.replace(/^http/, 'ws'), subprotocol);
  const closed = new Promise((resolve) => socket.on('close', (code, reason) => resolve(`${code} ${reason}`)));
  await within(new Promise((resolve) => {
    socket.on('open', () => socket.send(JSON.stringify({ type: 'connection_init', payload: { token } })));
    socket.once('message', resolve);
  }), 5_000, 'the acknowledgement');
  return { socket, closed: (ms) => within(closed, ms, 'the close') };
}

await check('sessions that end', async () => {
  const client = connect(token);
  const other = await logIn(client);
  const socket = await idle(other.token);
  await ask(client, 'mutation ($id: ID!) { revokeSession(session: $id) { sessionId } }', { id: other.session.id });
  assert.equal(await socket.closed(1_000), '4401 Session ended');
  assert.equal((await fails(connect(other.token), '{ viewer { id } }')).code, 4401);

  const third = await idle((await logIn(client)).token);
  await ask(client, 'mutation { revokeOtherSessions { revokedCount } }');
  assert.equal(await third.closed(1_000), '4401 Session ended');

  const fourth = await idle((await logIn(client)).token);
  const password = `${person.password}!`;
  await ask(client, 'mutation ($input: ChangePasswordInput!) { changePassword(input: $input) { viewer { id } } }',
    { input: { currentPassword: person.password, newPassword: password } });
  person.password = password;
  assert.equal(await fourth.closed(1_000), '4401 Session ended');
  assert.ok((await ask(client, '{ viewer { id } }')).viewer, 'its own session stays');
  await client.dispose();
});

await check('event streams', async () => {
  const client = createEventClient({ url: ours, headers: { Authorization: `Bearer ${token}` }, retryAttempts: 0 });
  assert.equal((await ask(client, '{ viewer { user { name } } }')).viewer.user.name, person.name);
  const refused = async (query) => (await within(all(client, { query }), 5_000, query))[0].errors[0].extensions.code;
  assert.equal(await refused('subscription { roomSignals(room: "none") { __typename } }'), 'NOT_FOUND');
  assert.equal(await refused('{ nothing }'), 'BAD_REQUEST');
  assert.equal(await refused('{'), 'BAD_REQUEST');
  client.dispose();

  const response = await fetch(`${ours}?query=${encodeURIComponent('{ viewer { id } }')}`, { headers: { Accept: 'text/event-stream' } });
  assert.equal(response.headers.get('content-type'), 'text/event-stream; charset=utf-8');
  assert.equal(response.headers.get('cache-control'), 'no-store');
  assert.equal(response.headers.get('content-encoding'), null);
  assert.equal(await response.text(), 'event: next\ndata: {"data":{"viewer":null}}\n\nevent: complete\ndata:\n\n');
  const mutation = await fetch(`${ours}?query=${encodeURIComponent('mutation { logOut { sessionId } }')}`, { headers: { Accept: 'text/event-stream' } });
  assert.match(await mutation.text(), /BAD_REQUEST/);
});

await check('a subscription by a plain request', async () => {
  const query = 'subscription { roomSignals(room: "none") { __typename } }';
  const posted = await fetch(ours, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ query }) });
  // What it fails with at once; what would begin is told how to subscribe.
  assert.equal((await posted.json()).errors[0].extensions.code, 'UNAUTHENTICATED');
  const got = await fetch(`${ours}?query=${encodeURIComponent(query)}`);
  assert.equal((await got.json()).errors[0].extensions.code, 'BAD_REQUEST');
});

if (values.stop) {
  await check('the server stops', async () => {
    const sockets = await Promise.all([idle(token), idle(token), idle()]);
    const start = Date.now();
    process.kill(Number(values.stop), 'SIGTERM');
    for (const socket of sockets) {
      const [, ms] = /^1012 retry-after-ms=(\d+)$/.exec(await socket.closed(8_000)) ?? assert.fail('not closed with 1012');
      assert.ok(ms >= 500 && ms <= 2_000, ms);
    }
    console.log(`closed after ${Date.now() - start} ms`);
  });
}

clearTimeout(limit);
console.log('sockets: fine');

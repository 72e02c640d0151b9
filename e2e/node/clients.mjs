// Lets the clients that people use talk with each other in a building, while its
// server is killed and started again:
//
//	[OMARTY_DATABASE_URL=postgres://…] node clients.mjs
//
// graphql-ws, graphql-sse, Apollo Client and urql are a person each, the manager
// is curl and fetch. Everybody sends, and everybody hears everybody: each entry of
// the room's log once and in order, across kills, a restart, and what ends a
// stream for good. How each library resumes is in resume-*.mjs, which
// docs/clients.md shows. It starts bin/omarty-chat itself.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import crypto from 'node:crypto';
import { promisify } from 'node:util';
import * as apollo from './resume-apollo.mjs';
import * as sse from './resume-graphql-sse.mjs';
import * as ws from './resume-graphql-ws.mjs';
import * as urql from './resume-urql.mjs';
import { passes, sleep, untilAnswered } from './resume.mjs';
import { Server } from './server.mjs';

const libraries = { 'graphql-ws': ws, 'graphql-sse': sse, 'Apollo Client': apollo, urql };
const engine = process.env.OMARTY_DATABASE_URL?.startsWith('postgres') ? 'PostgreSQL' : 'SQLite';

// Whatever hangs: the step that waits is named.
let step = 'start';
setTimeout(() => {
  console.error(`clients: not done after 120 s, in: ${step}`);
  process.exit(1);
}, 120_000).unref();

async function check(name, run) {
  step = name;
  const start = Date.now();
  await run();
  console.log(`ok ${name} (${Date.now() - start} ms)`);
}

async function until(condition, otherwise, ms = 20_000) {
  const deadline = Date.now() + ms;
  while (!condition()) {
    if (Date.now() > deadline) assert.fail(`not in ${ms} ms: ${typeof otherwise === 'function' ? otherwise() : otherwise}`);
    await sleep(10);
  }
}

// ── What they say ──

const REGISTER = 'mutation ($input: RegisterInput!) { register(input: $input) { user { id name } } }';
const LOG_IN = 'mutation ($input: LogInInput!) { logIn(input: $input) { token session { id } viewer { user { id name } } } }';
const CREATE_BUILDING = 'mutation ($input: CreateBuildingInput!) { createBuilding(input: $input) { building { id viewerRooms { nodes { id kind } } } } }';
const INVITE = 'mutation ($input: CreateInvitationInput!) { createInvitation(input: $input) { invitation { code } } }';
const JOIN = 'mutation ($input: JoinBuildingInput!) { joinBuilding(input: $input) { membership { id status } } }';
const SEND = 'mutation ($input: SendMessageInput!) { sendMessage(input: $input) { message { id seq key } replayed } }';
const STAND = 'query ($room: ID!) { room(id: $room) { logId lastSeq } }';
const PULL = `query ($room: ID!, $after: Int!, $logId: ID) {
  room(id: $room) { events(after: $after, logId: $logId, first: 1000) { nodes { seq kind message { id key text author { name } } member { id } } hasNextPage } }
}`;
const ROOM_EVENTS = `subscription ($room: ID!, $after: Int, $logId: ID) {
  roomEvents(room: $room, after: $after, logId: $logId) {
    __typename
    ... on RoomEvent { seq kind message { id key text author { name } } member { id } }
    ... on CaughtUp { position }
  }
}`;
const MESSAGE_POSTED = `subscription ($room: ID!, $after: Int, $logId: ID) {
  messagePosted(room: $room, after: $after, logId: $logId) { seq kind message { id key text author { name } } }
}`;

// ── Who they are ──

const run = crypto.randomBytes(4).toString('hex');
const password = `felucca ${crypto.randomBytes(9).toString('base64url')}`;

function newPerson(name, slug) {
  return { name, phone: `010${crypto.randomInt(1e8).toString().padStart(8, '0')}`, email: `${slug}-${run}@example.com`, password };
}

// The manager: curl, as in the README.
const manager = newPerson('منى عادل', 'manager');

const curl = async (...args) => (await promisify(execFile)('curl', ['-sS', '--compressed', '--max-time', '10', ...args])).stdout;

async function manage(query, variables) {
  const { data, errors } = JSON.parse(await curl(graphql, '-H', 'Content-Type: application/json',
    ...(manager.token ? ['-H', `Authorization: Bearer ${manager.token}`] : []), '-d', JSON.stringify({ query, variables })));
  assert.equal(errors, undefined, JSON.stringify(errors));
  return data;
}

// One of the others: their library, and what they heard.
class Resident {
  constructor(name, library) {
    Object.assign(this, newPerson(`${name} ساكن`, name.toLowerCase().replace(/\W/g, '-')), { library });
    this.streams = [];
    this.closes = []; // how sockets closed
    this.connects = 0;
    this.replayed = 0; // what was posted, and never answered
    this.acknowledged = new Map(); // from key to message
  }

  connect(keepAlive) {
    this.client = this.library.connect(graphql, this.token, {
      keepAlive,
      on: {
        connecting: () => { this.connects++; },
        closed: ({ code, reason }) => { this.closes.push(`${code} ${reason}`); },
      },
    });
  }

  listen(query, room, { logId, lastSeq: after }) {
    const whole = query === ROOM_EVENTS; // else the messages alone
    const stream = { room, after, whole, shows: (entry) => whole || entry.kind === 'MESSAGE_POSTED', heard: [], caughtUp: [], failed: [] };
    stream.leave = this.client.listen(query, { room, after, logId }, (data) => {
      const [update] = Object.values(data);
      if (update.__typename === 'CaughtUp') stream.caughtUp.push(update.position);
      else stream.heard.push(update);
    }, (cause) => stream.failed.push(cause));
    this.streams.push(stream);
    return stream;
  }

  async send(room, text, key = crypto.randomUUID()) {
    const { sendMessage } = await untilAnswered(() => this.client.ask(SEND, { input: { room, key, text } }));
    assert.equal(sendMessage.message.key, key);
    if (sendMessage.replayed) this.replayed++;
    this.acknowledged.set(key, sendMessage.message);
    return sendMessage;
  }
}

const residents = Object.entries(libraries).map(([name, library]) => new Resident(name, library));
const each = (run) => Promise.all(residents.map(run));

// What a log says now, and how what was heard differs from it: nothing may.
async function pull(room, after = 0) {
  const { room: { events } } = await manage(PULL, { room, after });
  assert.equal(events.hasNextPage, false);
  return events.nodes;
}

const shape = ({ seq, kind, message }) => `${seq} ${kind} ${message?.key ?? ''} ${message?.text ?? ''} ${message?.author?.name ?? ''}`;

async function heardAll(streams) {
  for (const room of new Set(streams.map((stream) => stream.room))) {
    const log = await pull(room);
    log.forEach((entry, i) => assert.equal(entry.seq, i + 1, 'the log has a gap'));
    for (const [i, stream] of streams.filter((s) => s.room === room).entries()) {
      const want = log.filter((entry) => entry.seq > stream.after && stream.shows(entry)).map(shape);
      await until(() => stream.heard.length >= want.length || stream.failed.length > 0,
        () => `stream ${i} heard ${stream.heard.length} of ${want.length} entries`, 40_000);
      assert.deepEqual(stream.failed, []);
      assert.deepEqual(stream.heard.map(shape), want);
    }
  }
}

// What is open to the end: streams that nothing ended.
const streams = () => residents.flatMap((resident) => resident.streams);

const server = await Server.create();
const graphql = `${server.url}/graphql`;
const homes = []; // the buildings
try {
  await tell();
  console.log(`clients: fine on ${engine}`);
} catch (error) {
  console.error(`clients: in: ${step}\n${error.stack ?? error}\n--- the server's log\n${server.log.slice(-4_000)}`);
  process.exitCode = 1;
} finally {
  residents.forEach(({ client }) => client?.close());
  await server.end('SIGKILL');
  process.exit();
}

async function tell() {
  await check('curl posts the form of the apps in the field, and logs in', async () => {
    const form = ['--data-urlencode', `pnum=${manager.phone}`, '--data-urlencode', `email=${manager.email}`,
      '--data-urlencode', `password=${password}`, '--data-urlencode', `confirmPassword=${password}`,
      '--data-urlencode', `name=${manager.name}`, '-w', '\n%{http_code} %{content_type}'];
    const post = () => curl(`${server.url}/omartyapis/Auth/Register/`, ...form);
    assert.equal(await post(), '{"status":200,"data":"A new record added"}\n200 application/json; charset=utf-8');
    assert.equal(await post(), '{"status":403,"message":"email already exist."}\n403 application/json; charset=utf-8');
    const { logIn } = await manage(LOG_IN, { input: { login: `+2 ${manager.phone}`, password, device: 'curl' } });
    assert.equal(logIn.viewer.user.name, manager.name);
    manager.token = logIn.token;
    manager.id = logIn.viewer.user.id;
  });

  await check('each library registers and logs in', () => each(async (resident) => {
    resident.connect();
    const { register } = await resident.client.ask(REGISTER,
      { input: { name: resident.name, phone: resident.phone, email: resident.email, password, confirmPassword: password } });
    assert.equal(register.user.name, resident.name);
    const refused = await resident.client.ask(LOG_IN, { input: { login: resident.email, password: 'another one' } }).catch((cause) => cause);
    assert.equal(refused[0]?.extensions.code, 'INVALID_CREDENTIALS', refused);
    assert.equal(passes(refused), false);
    const { logIn } = await resident.client.ask(LOG_IN, { input: { login: resident.email, password, device: resident.name } });
    Object.assign(resident, { token: logIn.token, session: logIn.session.id, id: logIn.viewer.user.id });
    resident.client.close();
    resident.connect();
  }));

  await check('the manager makes two buildings, and all come in', async () => {
    for (const name of ['عمارة النيل', 'Garden House']) {
      const { createBuilding: { building } } = await manage(CREATE_BUILDING, { input: { name, apartments: [{ number: '1' }, { number: '2A', floor: 2 }] } });
      const room = building.viewerRooms.nodes.find((r) => r.kind === 'COMMUNITY').id;
      const { createInvitation: { invitation } } = await manage(INVITE, { input: { building: building.id, preapproved: true } });
      const home = { room, memberships: new Map() };
      homes.push(home);
      await each(async (resident) => {
        const { joinBuilding: { membership } } = await resident.client.ask(JOIN, { input: { code: invitation.code } });
        assert.equal(membership.status, 'ACTIVE');
        home.memberships.set(resident, membership.id);
      });
    }
  });
  const [nile, garden] = homes;

  await check('a key is good for one message', () => each(async (resident) => {
    const first = await resident.send(nile.room, 'صباح الخير', `good morning ${run}`);
    assert.equal(first.replayed, false);
    const second = await resident.send(nile.room, 'صباح الخير', `good morning ${run}`);
    assert.deepEqual([second.replayed, second.message.id], [true, first.message.id]);
    resident.replayed = 0;
    const other = await resident.client.ask(SEND, { input: { room: nile.room, key: `good morning ${run}`, text: 'Good evening' } }).catch((cause) => cause);
    assert.deepEqual([other[0].extensions.code, other[0].extensions.message], ['KEY_REUSED', first.message.id]);
  }));

  await check('each hears all that the others send', async () => {
    await each(async (resident) => {
      for (const { room } of homes) {
        const stand = (await resident.client.ask(STAND, { room })).room;
        resident.listen(ROOM_EVENTS, room, stand);
        resident.listen(MESSAGE_POSTED, room, stand);
      }
      // And one who was away: from the beginning.
      const { logId } = (await resident.client.ask(STAND, { room: nile.room })).room;
      resident.listen(ROOM_EVENTS, nile.room, { logId, lastSeq: 0 });
    });
    await until(() => streams().every((s) => s.caughtUp.length > 0 || !s.whole), 'not all have caught up');
    await each(async (resident) => {
      for (let i = 1; i <= 3; i++) await resident.send(nile.room, `${i} من ${resident.name}`);
      await resident.send(garden.room, `Hello from ${resident.name}`);
    });
    await heardAll(streams());
  });

  await check('a position that is not of the log is refused', () => each(async (resident) => {
    const { logId } = resident.streams[0];
    const strays = [resident.listen(ROOM_EVENTS, nile.room, { logId, lastSeq: 1_000_000 }), resident.listen(MESSAGE_POSTED, nile.room, { logId: 'another', lastSeq: 1 })];
    await until(() => strays.every((s) => s.failed.length > 0), 'a position that is none is taken');
    for (const stray of strays) {
      assert.deepEqual([stray.failed.length, stray.failed[0][0].extensions.code], [1, 'LOG_MISMATCH']);
      resident.streams.splice(resident.streams.indexOf(stray), 1);
    }
  }));

  // Everybody sends one after the other, until told to stop, and at least as often
  // as said after it.
  async function converse(meanwhile) {
    const sent = () => residents.reduce((sum, { acknowledged }) => sum + acknowledged.size, 0);
    let talking = true;
    const replayed = () => residents.reduce((sum, resident) => sum + resident.replayed, 0);
    const [before, again] = [sent(), replayed()];
    const talk = each(async (resident) => {
      for (let i = 0; talking; i++) {
        await resident.send(i % 4 === 3 ? garden.room : nile.room, `${resident.name} ${i}`);
        await sleep(20 * Math.random());
      }
    });
    await Promise.all([talk, meanwhile().finally(() => { talking = false; })]);
    await each((resident) => resident.send(nile.room, `${resident.name} is there`));
    console.log(`   ${sent() - before} messages were acknowledged, ${replayed() - again} of them at a second try`);
  }

  // Each message that was acknowledged is in the log once, as it was answered.
  async function kept() {
    const log = (await Promise.all(homes.map(({ room }) => pull(room)))).flat().filter((e) => e.message);
    for (const resident of residents) {
      const posted = log.filter((e) => e.message.author.name === resident.name);
      assert.equal(posted.length, resident.acknowledged.size, `${resident.name} posted what was not acknowledged, or twice`);
      for (const [key, { id, seq }] of resident.acknowledged) {
        const entries = posted.filter((e) => e.message.key === key);
        assert.deepEqual(entries.map((e) => [e.message.id, e.seq]), [[id, seq]], key);
      }
    }
  }

  await check('killed twice in the middle of a talk, nothing is lost and nothing comes twice', async () => {
    await converse(async () => {
      for (let i = 0; i < 2; i++) {
        await sleep(400 + 400 * Math.random());
        assert.equal(await server.end('SIGKILL'), 'SIGKILL');
        await sleep(300);
        await server.start();
      }
      await sleep(1_500);
    });
    await heardAll(streams());
    await kept();
  });

  await check('a restart tells sockets when to come back, and they do', async () => {
    residents.forEach((resident) => { resident.closes = []; });
    let came;
    await converse(async () => {
      await sleep(300);
      assert.equal(await server.end('SIGTERM'), 0);
      came = Date.now();
      await server.start();
      await sleep(1_000);
    });
    console.log(`   all had answers again ${Date.now() - came} ms after the end`);
    await heardAll(streams());
    await kept();
    for (const { name, library, closes } of residents) {
      if (library === sse) continue;
      const [, ms] = /^1012 retry-after-ms=(\d+)$/.exec(closes[0]) ?? assert.fail(`${name} saw the socket close with ${closes}`);
      assert.ok(ms >= 500 && ms <= 2_000, ms);
    }
  });

  await check('where nothing answers, sockets are given up, and come back', async () => {
    // A second client of each, in a hurry; an event stream cannot ask, and waits.
    const before = new Map(residents.map((resident) => [resident, resident.client]));
    const { room: stand } = await manage(STAND, { room: garden.room });
    const hurried = residents.filter(({ library }) => library !== sse).map((resident) => {
      resident.connect(1_000);
      resident.closes = [];
      return [resident, resident.listen(ROOM_EVENTS, garden.room, stand)];
    });
    await until(() => hurried.every(([, s]) => s.caughtUp.length === 1), 'not all have caught up');
    server.signal('SIGSTOP');
    try {
      await until(() => hurried.every(([{ closes }]) => closes.length > 0), 'a socket without an answer stays');
    } finally {
      server.signal('SIGCONT');
    }
    for (const [{ closes }] of hurried) assert.match(closes[0], /^4499 /);
    await each((resident) => resident.send(garden.room, `${resident.name} was away`));
    await heardAll(streams());
    for (const [resident, stream] of hurried) {
      stream.leave();
      resident.streams.splice(resident.streams.indexOf(stream), 1);
      resident.client.close();
      resident.client = before.get(resident);
    }
  });

  await check('a member who is removed hears it, and others on the socket go on', async () => {
    for (const resident of residents) {
      const { endMembership } = await manage('mutation ($id: ID!) { endMembership(membership: $id) { membership { status } } }', { id: nile.memberships.get(resident) });
      assert.equal(endMembership.membership.status, 'ENDED');
      const [ended, goOn] = [nile, garden].map(({ room }) => resident.streams.filter((s) => s.room === room));
      const last = (await pull(nile.room)).findLast((e) => e.kind === 'MEMBER_LEFT' && e.member?.id === resident.id);
      await until(() => ended.every((s) => s.failed.length > 0), `${resident.name} is told nothing`);
      for (const { failed, heard, whole } of ended) {
        assert.equal(failed.length, 1);
        const [{ extensions }] = failed[0];
        assert.deepEqual([extensions.code, extensions.seq], ['NOT_FOUND', last.seq]);
        if (whole) assert.equal(heard.at(-1).seq, last.seq, 'the entry that ended it comes before');
      }
      resident.streams = goOn;
      const refused = await resident.client.ask(SEND, { input: { room: nile.room, key: 'late', text: 'Let me in' } }).catch((cause) => cause);
      assert.equal(refused[0]?.extensions.code, 'NOT_FOUND');
      await resident.send(garden.room, `${resident.name} is still here`);
    }
    await heardAll(streams());
  });

  await check('who signs out a device has it stay away', async () => {
    await each(async (resident) => {
      const { logIn } = await manage(LOG_IN, { input: { login: resident.email, password, device: 'another' } });
      const before = resident.connects;
      resident.closes = [];
      await curl(graphql, '-H', 'Content-Type: application/json', '-H', `Authorization: Bearer ${logIn.token}`,
        '-d', JSON.stringify({ query: 'mutation ($id: ID!) { revokeSession(session: $id) { sessionId } }', variables: { id: resident.session } }));
      await until(() => resident.streams.every((s) => s.failed.length > 0), `${resident.name} is told nothing`, 3_000);
      for (const { failed: [cause] } of resident.streams) {
        if (resident.library === sse) assert.equal(cause[0].extensions.code, 'UNAUTHENTICATED');
        else assert.match(`${cause.code} ${cause.reason} ${cause.message}`, /4401 Session ended/);
      }
      if (resident.library !== sse) assert.deepEqual(resident.closes, ['4401 Session ended']);
      await sleep(2_500);
      assert.equal(resident.connects, before, `${resident.name} came back`);
    });
    assert.ok(streams().every((s) => s.failed.length === 1));
  });
}

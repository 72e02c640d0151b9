// Walks through the playground as a visitor does, in a real browser:
//
//	OMARTY_URL=http://127.0.0.1:8080 node playground.mjs shot.png
//
// It registers a new person with the prepared operations, signs them in, asks who
// they are, makes a building, sends a message and listens to its room, where a
// neighbour answers; then it comes back for a second visit. All the while it
// listens for errors, for requests to other hosts and for what the page's content
// security policy refused. Screenshots are left: shot.png of what was heard, and
// beside it shot-viewer.png and shot-narrow.png.
import crypto from 'node:crypto';
import path from 'node:path';
import { chromium } from 'playwright-core';

const [shot] = process.argv.slice(2);
const base = process.env.OMARTY_URL?.replace(/\/+$/, '');
if (!base || !shot) {
  console.error('usage: OMARTY_URL=http://host:port node playground.mjs SCREENSHOT.png');
  process.exit(2);
}
const { host } = new URL(base);

const newPerson = (name) => ({
  name,
  phone: `010${crypto.randomInt(1e8).toString().padStart(8, '0')}`,
  email: `playground-${crypto.randomBytes(6).toString('hex')}@example.com`,
  password: `felucca ${crypto.randomBytes(9).toString('base64url')}`,
});
const person = newPerson('Mona Adel منى عادل');
const neighbour = newPerson('عمر الشريف');

// What others do, who are not in the playground.
async function ask(token, query, variables) {
  const response = await fetch(`${base}/graphql`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', ...(token && { Authorization: `Bearer ${token}` }) },
    body: JSON.stringify({ query, variables }),
  });
  const { data, errors } = await response.json();
  expect(!errors, `${query}: ${JSON.stringify(errors)}`);
  return data;
}

async function signUp({ name, phone, email, password }) {
  await ask('', 'mutation ($input: RegisterInput!) { register(input: $input) { user { id } } }',
    { input: { name, phone, email, password, confirmPassword: password } });
  const { logIn } = await ask('', 'mutation ($input: LogInInput!) { logIn(input: $input) { token } }', { input: { login: email, password } });
  return logIn.token;
}

let browser;
// Whatever hangs: closing the browser makes the step that waits fail.
const limit = setTimeout(() => {
  console.error('playground: not done after 60 s');
  browser?.close();
}, 60_000);
try {
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM || '/usr/bin/chromium',
    args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-background-networking'],
  });
  await walk(await browser.newContext({ viewport: { width: 1280, height: 800 }, colorScheme: 'light' }));
  console.log(`playground: fine, see ${shot}`);
} catch (error) {
  console.error(`playground: ${error.message}`);
  process.exitCode = 1;
} finally {
  clearTimeout(limit);
  await browser?.close();
}

async function walk(context) {
  const faults = [];
  const sent = []; // frames on sockets
  context.setDefaultTimeout(15_000);
  context.on('request', (request) => elsewhere(request.url()));
  context.on('console', (message) => {
    if (message.type() === 'error') faults.push(`console: ${message.text()} (${message.location().url})`);
  });
  context.on('weberror', (error) => faults.push(`uncaught: ${error.error().message}`));
  context.on('requestfailed', (request) => faults.push(`failed: ${request.url()} ${request.failure()?.errorText}`));
  // The browser also says so on the console, but not for every kind.
  await context.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', (event) => {
      console.error(`refused by ${event.violatedDirective}: ${event.blockedURI}`);
    });
  });
  const page = await context.newPage();
  page.on('websocket', (ws) => {
    elsewhere(ws.url());
    ws.on('framesent', ({ payload }) => sent.push(String(payload)));
  });

  function elsewhere(address) {
    const url = new URL(address);
    if (url.protocol !== 'data:' && url.protocol !== 'blob:' && url.host !== host) faults.push(`asked another host: ${address}`);
  }

  // ── The panes ──
  const tab = (name) => page.getByRole('tab', { name, exact: true });
  const tabNames = () => page.locator('.graphiql-tabs [role="tab"]').allInnerTexts();
  const editor = (selector) => page.locator(`${selector} .CodeMirror`).filter({ visible: true });
  const query = editor('.graphiql-query-editor');
  const tool = editor('.graphiql-editor-tool');
  const response = editor('.graphiql-response');
  // The editor shows only the lines in view: its own value is the whole text.
  const text = (pane) => pane.evaluate((element) => element.CodeMirror.getValue());

  async function write(pane, value) {
    await pane.click();
    await page.keyboard.press('Control+A');
    await page.keyboard.insertText(value);
    expect((await text(pane)) === value, 'an editor took something else than was typed');
  }

  // GraphiQL looks for the operation in a text a moment after it has changed,
  // and until then would run it under the name of the one before.
  async function choose(name) {
    await tab(name).click();
    await found(name);
  }

  async function found(name) {
    await until(() => query.evaluate((element, name) => element.CodeMirror.operationName === name, name), `the editor found no operation ${name}`);
  }

  // Runs the tab's operation and gives its data.
  async function run(what) {
    await page.getByRole('button', { name: /execute query/i }).click();
    let answer;
    await until(async () => {
      try {
        answer = JSON.parse(await text(response));
      } catch {
        return false;
      }
      return true;
    }, `no answer to ${what}`);
    expect(!answer.errors, `${what}: ${JSON.stringify(answer.errors)}`);
    return answer.data;
  }

  // A picture of the page, beside the others.
  async function picture(which) {
    const { dir, name, ext } = path.parse(shot);
    await page.mouse.move(640, 790); // off the button, whose tooltip would be in it
    await page.waitForTimeout(700); // the arrows for folding come late
    await page.screenshot({ path: path.join(dir, `${name}${which}${ext}`) });
  }

  async function open() {
    const answer = await page.goto(`${base}/playground`);
    expect(answer.status() === 200, `/playground answered ${answer.status()}`);
    await query.waitFor();
    await tool.waitFor();
  }

  // ── First visit ──
  await open();
  expect((await page.title()) === 'Omarty Chat playground', `the title is ${await page.title()}`);
  const examples = await tabNames();
  expect(examples.join() === 'Register,LogIn,Viewer,CreateBuilding,SendMessage,RoomEvents', `the tabs of a first visit are ${examples}`);
  expect(/mutation Register/.test(await text(query)), 'the first tab has no Register operation');
  const prepared = JSON.parse(await text(tool));
  expect(prepared.input?.phone, 'Register comes without its variables');

  await write(tool, JSON.stringify({ input: { ...prepared.input, ...person, confirmPassword: person.password } }, null, 2));
  const { register } = await run('Register');
  expect(register.user.name === person.name, `Register answered ${JSON.stringify(register)}`);

  await choose('LogIn');
  const login = JSON.parse(await text(tool));
  let token;
  for (const name of [person.email, person.phone]) {
    await write(tool, JSON.stringify({ input: { ...login.input, login: name, password: person.password } }, null, 2));
    const { logIn } = await run(`LogIn as ${name}`);
    expect(logIn.viewer.user.name === person.name, `LogIn answered ${JSON.stringify(logIn)}`);
    token = logIn.token;
  }

  await choose('Viewer');
  await page.getByRole('button', { name: 'Headers', exact: true }).click();
  const headers = await text(tool);
  expect(/"Authorization": "Bearer "/.test(headers), `the Headers pane holds ${headers}`);
  await write(tool, '{}');
  const nobody = await run('Viewer without a token');
  expect(nobody.viewer === null, 'Viewer without a token is not null');
  for (const held of [headers.replace('Bearer ', `Bearer ${token}`), headers]) {
    await write(tool, held);
    const { viewer } = await run('Viewer');
    expect(viewer.user.name === person.name, `Viewer answered ${JSON.stringify(viewer)}`);
    expect(viewer.sessions.some((session) => session.current), 'no session of the viewer is the current one');
  }
  await response.getByText(person.name).waitFor();
  await picture('-viewer');
  await page.setViewportSize({ width: 420, height: 800 });
  await page.waitForTimeout(500);
  await picture('-narrow');
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  expect(overflow <= 0, `a narrow window scrolls sideways by ${overflow} pixels`);
  await page.setViewportSize({ width: 1280, height: 800 });

  // ── A building, and a room in which people talk ──
  await choose('CreateBuilding');
  await page.getByRole('button', { name: 'Variables', exact: true }).click();
  const { createBuilding: { building } } = await run('CreateBuilding');
  const room = building.viewerRooms.nodes.find(({ kind }) => kind === 'COMMUNITY').id;

  await choose('SendMessage');
  const message = JSON.parse(await text(tool));
  await write(tool, JSON.stringify({ input: { ...message.input, room } }, null, 2));
  for (const replayed of [false, true]) {
    const { sendMessage } = await run('SendMessage');
    expect(sendMessage.replayed === replayed && sendMessage.message.text === message.input.text, `SendMessage answered ${JSON.stringify(sendMessage)}`);
  }

  const theirs = await signUp(neighbour);
  const { createInvitation: { invitation } } = await ask(token,
    'mutation ($input: CreateInvitationInput!) { createInvitation(input: $input) { invitation { code } } }', { input: { building: building.id, preapproved: true } });
  await ask(theirs, 'mutation ($code: String!) { joinBuilding(input: {code: $code}) { membership { id } } }', { code: invitation.code });

  await choose('RoomEvents');
  await write(tool, JSON.stringify({ ...JSON.parse(await text(tool)), room }, null, 2));
  await page.getByRole('button', { name: /execute query/i }).click();
  const heard = async () => {
    try {
      return JSON.parse(await text(response)).data?.roomEvents ?? {};
    } catch {
      return {};
    }
  };
  await until(async () => (await heard()).position === 3, 'the subscription did not catch up');
  const init = JSON.parse(sent[0]);
  expect(init.type === 'connection_init' && init.payload?.token === token, 'the socket did not open with the token');
  await ask(theirs, 'mutation ($input: SendMessageInput!) { sendMessage(input: $input) { message { id } } }',
    { input: { room, key: 'answer', text: 'مساء النور! مين نازل يسقي الجنينة؟' } });
  await until(async () => (await heard()).seq === 4, 'what a neighbour sent did not arrive');
  expect((await heard()).message.author.name === neighbour.name, `what arrived is ${JSON.stringify(await heard())}`);
  await response.getByText(neighbour.name).waitFor();
  await picture('');
  await page.getByRole('button', { name: /stop query/i }).click();
  await until(() => sent.some((frame) => JSON.parse(frame).type === 'complete'), 'stopping did not end the subscription');

  // ── The documentation, which shows that introspection works ──
  await page.getByRole('button', { name: 'Show Documentation Explorer' }).click();
  const docs = page.locator('.graphiql-doc-explorer');
  await docs.getByRole('link', { name: 'Mutation', exact: true }).click();
  await docs.getByRole('link', { name: 'logIn', exact: true }).first().waitFor();
  await page.getByRole('button', { name: 'Hide Documentation Explorer' }).click();

  // ── The dialogs, whose styles GraphiQL makes when they open ──
  for (const name of ['Open settings dialog', 'Open short keys dialog']) {
    await page.getByRole('button', { name }).click();
    await page.getByRole('dialog').waitFor();
    await page.waitForTimeout(200);
    expect((await page.evaluate(() => getComputedStyle(document.body).overflow)) === 'hidden', `${name}: the styles of the dialog are missing`);
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
  }

  // ── Second visit ──
  // GraphiQL stores half a second after the last change.
  await page.waitForTimeout(1_000);
  const before = await tabNames();
  await open();
  const after = await tabNames();
  expect(after.join() === before.join(), `a reload made the tabs ${before} into ${after}`);
  await choose('Register');
  await until(async () => (await text(tool)).includes(person.email), 'a reload lost what was written in a tab');
  await page.waitForTimeout(1_000);
  const stored = await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }]));
  expect(stored.includes(person.email), 'the visitor\'s tabs are not in localStorage');
  expect(!stored.includes(token), 'the token is in localStorage');

  // ── A visitor who only looks finds the same tabs again ──
  const looker = await browser.newContext();
  const visit = await looker.newPage();
  for (let i = 0; i < 2; i++) {
    await visit.goto(`${base}/playground`);
    const tabs = visit.locator('.graphiql-tabs [role="tab"]');
    await tabs.first().waitFor();
    await visit.waitForTimeout(1_000);
    const names = await tabs.allInnerTexts();
    expect(names.join() === examples.join(), `a look without a change made the tabs ${names}`);
  }
  await looker.close();

  expect(faults.length === 0, `\n  ${[...new Set(faults)].join('\n  ')}`);
}

async function until(condition, otherwise) {
  const deadline = Date.now() + 15_000;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(otherwise);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function expect(truth, otherwise) {
  if (!truth) throw new Error(otherwise);
}

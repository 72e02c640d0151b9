// The built program as a process of a test's own, which it starts, kills and starts
// again on the same port, over the same data.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';

const binary = path.join(import.meta.dirname, '..', '..', 'bin', 'omarty-chat');

export class Server {
  // Over the database of OMARTY_DATABASE_URL, or where that is unset, over a file.
  static async create() {
    const server = new Server();
    server.folder = fs.mkdtempSync(path.join(os.tmpdir(), 'omarty-clients-'));
    server.address = `127.0.0.1:${await freePort()}`;
    server.url = `http://${server.address}`;
    server.log = '';
    // However this process ends, the server goes with it.
    process.on('exit', () => {
      server.process?.kill('SIGKILL');
      fs.rmSync(server.folder, { recursive: true, force: true, maxRetries: 5 });
    });
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => process.exit(1));
    await server.start();
    return server;
  }

  async start() {
    const child = spawn(binary, [], {
      env: {
        ...process.env,
        OMARTY_LISTEN: this.address,
        OMARTY_DATA_DIR: path.join(this.folder, 'data'),
        OMARTY_RATE_LIMITS: 'off',
      },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    child.stderr.on('data', (text) => { this.log += text; });
    this.process = child;
    this.ended = new Promise((resolve, reject) => {
      child.on('exit', (code, signal) => resolve(signal ?? code));
      child.on('error', reject);
    });
    let dead = false;
    this.ended.then(() => { dead = true; }, () => { dead = true; });
    const deadline = Date.now() + 20_000;
    while (!(await this.ready())) {
      if (dead || Date.now() > deadline) throw new Error(`the server is not ready:\n${this.log}`);
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
  }

  async ready() {
    try {
      return (await fetch(`${this.url}/readyz`)).ok;
    } catch {
      return false;
    }
  }

  signal(signal) {
    this.process.kill(signal);
  }

  // Ends it by a signal, and gives how it ended: the signal, or its status.
  async end(signal) {
    this.signal(signal);
    return this.ended;
  }
}

async function freePort() {
  const listener = net.createServer();
  await new Promise((resolve, reject) => listener.on('error', reject).listen(0, '127.0.0.1', resolve));
  const { port } = listener.address();
  await new Promise((resolve) => listener.close(resolve));
  return port;
}

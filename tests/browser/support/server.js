import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const TRIES = 600;

/** Local mode with its demo, as `npm start` has it, on a data directory and ports of its own. */
export class PortalServer {
  /** @type {string} */
  url;
  /** @type {string} */
  dataDir;
  #port;
  #emulatorPort;
  #env;
  /** @type {import('node:child_process').ChildProcess | null} */
  #server = null;

  /** @private */
  constructor({ port, emulatorPort, dataDir, env }) {
    this.url = `http://localhost:${port}`;
    this.#port = port;
    this.#emulatorPort = emulatorPort;
    this.dataDir = dataDir;
    this.#env = env;
  }

  /**
   * Starts it, and waits until its people are there.
   * @param {Record<string, string>} [env] Settings besides those of every browser test.
   * @returns {Promise<PortalServer>}
   */
  static async start(env = {}) {
    const dataDir = await mkdtemp(join(tmpdir(), 'tollgate-browser-'));
    const server = new PortalServer({ port: await freePort(), emulatorPort: await freePort(), dataDir, env });
    await server.begin();
    return server;
  }

  /** Begins, again after {@link kill}, at the same address and with the same data. */
  async begin() {
    const server = spawn(process.execPath, ['scripts/tollgate.mjs', 'start'], {
      env: {
        PATH: process.env.PATH,
        HOST: '127.0.0.1',
        PORT: String(this.#port),
        STRIPE_EMULATOR_PORT: String(this.#emulatorPort),
        DATA_DIR: this.dataDir,
        LOG_LEVEL: 'warn',
        ...this.#env,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#server = server;
    let output = '';
    for (const stream of [server.stdout, server.stderr]) stream.on('data', (chunk) => (output += chunk));
    for (let tries = 0; tries < TRIES; tries += 1) {
      if (server.exitCode !== null) throw new Error(`The server ended at start:\n${output}`);
      // The demo's people are made after it listens, so its welcome is waited for.
      if (output.includes('Sign in as')) return;
      await sleep(200);
    }
    throw new Error(`The server did not start:\n${output}`);
  }

  /** Ends it by SIGKILL: it says goodbye to nobody. */
  kill() {
    return this.#end('SIGKILL');
  }

  /** Ends it with what it brought along, and removes its data. */
  async stop() {
    await this.#end('SIGTERM');
    await rm(this.dataDir, { recursive: true, force: true });
  }

  async #end(signal) {
    const server = this.#server;
    if (server === null || server.exitCode !== null || server.signalCode !== null) return;
    const ended = once(server, 'exit');
    server.kill(signal);
    await ended;
  }
}

/** A port of this machine that nobody listens on. */
export async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

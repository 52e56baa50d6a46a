import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const TRIES = 600;

/** Once per run: local mode with its demo, as `npm start` has it, on an empty data directory and ports of its own. */
export default async function start() {
  const dataDir = await mkdtemp(join(tmpdir(), 'tollgate-browser-'));
  const [port, emulatorPort] = [await freePort(), await freePort()];
  const server = spawn(process.execPath, ['scripts/tollgate.mjs', 'start'], {
    env: {
      PATH: process.env.PATH,
      HOST: '127.0.0.1',
      PORT: String(port),
      STRIPE_EMULATOR_PORT: String(emulatorPort),
      DATA_DIR: dataDir,
      LOG_LEVEL: 'warn',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [server.stdout, server.stderr]) stream.on('data', (chunk) => (output += chunk));
  process.env.PORTAL_DATA_DIR = dataDir;
  process.env.PORTAL_URL = `http://localhost:${port}`;
  globalThis.portal = { server, dataDir };
  for (let tries = 0; tries < TRIES; tries += 1) {
    if (server.exitCode !== null) throw new Error(`The server ended at start:\n${output}`);
    // The demo's people are made after it listens, so its welcome is waited for.
    if (output.includes('Sign in as')) return;
    await sleep(200);
  }
  throw new Error(`The server did not start:\n${output}`);
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

/** What the Dockerfile copies is enough for the server and for every command. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { glob, readFile } from 'node:fs/promises';
import { isBuiltin } from 'node:module';
import { join } from 'node:path';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { startBench, type Bench } from '@tollgate/stripe-emulator/testing/bench';
import { freePort } from '../support/free-port.ts';
import { type Image, layOutImage, productionFolders } from '../support/image.ts';
import { stripeEnv } from '../support/stripe.ts';
import { waitFor } from '../support/wait-for.ts';

let image: Image;
let database: TestDatabase;
let stripe: Bench;

beforeAll(async () => {
  [image, database, stripe] = await Promise.all([
    readFile('Dockerfile', 'utf8').then(layOutImage),
    createTestDatabase(),
    startBench(),
  ]);
}, 300_000);

afterAll(async () => {
  await Promise.all([image.remove(), database.drop(), stripe.emulator.stop()]);
});

const settings = (): Record<string, string> => ({
  ...image.env,
  DATABASE_URL: database.url,
  AUTH_JWT_SECRET: 'x'.repeat(32),
  ENCRYPTION_KEYS: `k1:${Buffer.alloc(32, 7).toString('base64')}`,
  ...stripeEnv(stripe.emulator),
});

interface Ended {
  readonly code: number | string | null;
  readonly stdout: string;
  readonly stderr: string;
}

function run(args: readonly string[], env: Readonly<Record<string, string>> = settings()): Promise<Ended> {
  return new Promise((resolve) => {
    const options = { cwd: image.directory, env, timeout: 110_000 };
    execFile(process.execPath, args, options, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : (error.code ?? null), stdout, stderr });
    });
  });
}

const command = (...args: readonly string[]): Promise<Ended> => run([...image.entrypoint, ...args]);

it('serves when no command is named, is healthy, and stops with 0', async () => {
  const port = String(await freePort());
  const env = { ...settings(), PORT: port, HOST: '127.0.0.1' };
  const child = spawn(process.execPath, [...image.entrypoint, ...image.command], {
    cwd: image.directory,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const ended = once(child, 'close');
  try {
    await waitFor(async () => {
      if (child.exitCode !== null) throw new Error(`it ended at start:\n${output}`);
      return (await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => null))?.status === 200;
    }, 'the server to be ready');
    const health = await fetch(`http://127.0.0.1:${port}/healthz`);
    expect(health.status).toBe(200);
    const portal = await fetch(`http://127.0.0.1:${port}/usage`, { headers: { accept: 'text/html' } });
    const page = await portal.text();
    expect(page).toContain('<div id="root">');
    const [script = ''] = /\/assets\/[^"]+\.js/.exec(page) ?? [];
    expect((await fetch(`http://127.0.0.1:${port}${script}`)).headers.get('content-type')).toMatch(/^text\/javascript/);
    const [node, ...check] = image.healthcheck;
    expect(node).toBe('node');
    expect(await run(check, env)).toMatchObject({ code: 0 });
  } finally {
    child.kill('SIGTERM');
  }
  expect((await ended)[0]).toBe(0);
  expect(await run(image.healthcheck.slice(1), env)).toMatchObject({ code: 1 });
}, 180_000);

/** In this order: a catalog is missing, then made. */
const runs = [
  { args: ['stripe:check'], code: 1, says: /differences\.\n$/ },
  { args: ['stripe:setup'], code: 0, says: /\nDone\.\n$/ },
  { args: ['stripe:check'], code: 0, says: /\nNothing differs\.\n$/ },
  { args: ['stripe:reconcile'], code: 0, says: /^Nothing remains\.\n$/ },
  { args: ['ledger:verify'], code: 0, says: /: all consistent\n$/ },
  { args: ['keys:rotate'], code: 0, says: /^0 wrapped by k1, 0 unreadable, 0 remain\n$/ },
  { args: ['schema', '--into', 'emitted'], code: 0, says: /^$/ },
  { args: ['schema', '--check', '--into', 'emitted'], code: 0, says: /^$/ },
] as const;

it('carries every command, and each ends as the operations manual says', async () => {
  for (const { args, code, says } of runs) {
    expect({ args, ...(await command(...args)) }).toEqual({
      args,
      code,
      stdout: expect.stringMatching(says),
      stderr: '',
    });
  }
  expect(await readFile(join(image.directory, 'emitted/schema/schema.graphql'), 'utf8')).toBe(
    await readFile('schema/schema.graphql', 'utf8'),
  );
  const { stdout } = await command('--help');
  const listed = stdout.split('\n').flatMap((line) => /^ {2}(\S+) {2}/.exec(line)?.[1] ?? []);
  const tried = new Set<string>([...runs.map(({ args: [name] }) => name), ...image.command, 'start']);
  expect(listed.filter((name) => !tried.has(name))).toEqual([]);
}, 300_000);

it.each(['start', 'ledger:verify', 'keys:rotate'])(
  '%s says in one line that an image has no database of its own',
  async (name) => {
    const { DATABASE_URL: _url, STRIPE_SECRET_KEY: _key, ...env } = settings();
    expect(await run([...image.entrypoint, name], env)).toEqual({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(/^[^\n]*DATABASE_URL[^\n]*\n$/),
    });
  },
  120_000,
);

/** What is imported at the head of a file, and what by `import()`. */
const IMPORTED =
  /^(?:.*\*\/ )?(?:import|export)\s+(?:[^'"=(]*?\sfrom\s+)?['"]([^'"]+)['"];$|\bimport\(\s*['"]([^'"]+)['"]\s*\)/gm;

it('has every package that its code may import, local mode aside', async () => {
  const there = new Set(
    (await productionFolders('.'))
      .filter((folder) => folder.lastIndexOf('node_modules/') === 0)
      .map((folder) => folder.slice(13)),
  );
  const missing = new Set<string>();
  let files = 0;
  for await (const file of glob('dist/{src,migrations}/**/*.js', { cwd: image.directory })) {
    if (file.startsWith('dist/src/local/')) continue;
    files += 1;
    const code = await readFile(join(image.directory, file), 'utf8');
    for (const [, one, other] of code.matchAll(IMPORTED)) {
      const specifier = one ?? other ?? '';
      if (specifier.startsWith('.')) continue;
      const [name] = /^(@[^/]+\/)?[^/]+/.exec(specifier) ?? [''];
      if (!isBuiltin(specifier) && !there.has(name)) missing.add(`${file}: ${name}`);
    }
  }
  expect(files).toBeGreaterThan(100);
  expect([...missing]).toEqual([]);
});

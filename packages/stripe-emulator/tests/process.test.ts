import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { loadSettings } from '../src/settings.ts';
import { startEmulator } from '../src/emulator.ts';
import { clientOf, START, startBench } from './support/bench.ts';

const entry = join(import.meta.dirname, '../dist/main.js');

let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tollgate-emulator-'));
});

afterAll(() => rm(directory, { recursive: true }));

const start = (env: Record<string, string>, ...args: string[]): ChildProcess =>
  spawn(process.execPath, [entry, ...args], {
    env: { STRIPE_EMULATOR_PORT: '0', STRIPE_EMULATOR_WEBHOOKS: 'none', ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });

const firstLine = async (child: ChildProcess): Promise<{ ready: boolean; port: number }> => {
  for await (const line of createInterface({ input: child.stdout ?? process.stdin })) {
    return JSON.parse(line) as { ready: boolean; port: number };
  }
  throw new Error('it printed nothing');
};

const exitCode = (child: ChildProcess): Promise<number | null> =>
  new Promise((resolve) => child.once('close', (code) => resolve(code)));

test('says where it listens, and stops when it is told to', async () => {
  const child = start({});
  const closed = exitCode(child);
  const { ready, port } = await firstLine(child);
  expect([ready, port > 0]).toEqual([true, true]);
  child.kill('SIGTERM');
  expect(await closed).toBe(0);
});

test('stops when whoever started it is gone', async () => {
  const child = start({}, '--with-parent');
  const closed = exitCode(child);
  await firstLine(child);
  child.stdin?.end();
  expect(await closed).toBe(0);
});

test('does not start in production, except for the local mode', async () => {
  expect(await exitCode(start({ NODE_ENV: 'production' }))).toBe(1);
  const child = start({ NODE_ENV: 'production', TOLLGATE_MODE: 'local' });
  const closed = exitCode(child);
  expect((await firstLine(child)).ready).toBe(true);
  child.kill('SIGTERM');
  await closed;
});

test('delivers to the application beside it unless told otherwise, signed by the first secret', () => {
  const settings = loadSettings({ PORT: '4001', STRIPE_WEBHOOK_SECRET: 'whsec_new, whsec_old' });
  expect(settings).toEqual({
    port: 4242,
    publicUrl: null,
    stateFile: null,
    endpoints: [
      { url: 'http://127.0.0.1:4001/webhooks/stripe', secret: 'whsec_new', thin: false },
      { url: 'http://127.0.0.1:4001/webhooks/stripe/thin', secret: 'whsec_new', thin: true },
    ],
  });
  expect(() => loadSettings({ STRIPE_EMULATOR_PORT: 'x' })).toThrow('STRIPE_EMULATOR_PORT');
});

test('with a file everything is there again after a restart, the clock and idempotency keys too', async () => {
  const stateFile = join(directory, 'state.json');
  const first = await startBench({ stateFile });
  const customer = await first.stripe.customers.create({ name: 'Kept' }, { idempotencyKey: 'kept' });
  await first.control.setCard(customer.id, 'declined');
  await first.control.moveClock({ advanceSeconds: 60 });
  await first.emulator.stop();
  const second = await startEmulator({ stateFile });
  const stripe = clientOf(second);
  expect(await second.control.now()).toBe(START + 60);
  expect((await stripe.customers.create({ name: 'Kept' }, { idempotencyKey: 'kept' })).id).toBe(customer.id);
  expect(await stripe.customers.retrieve(customer.id)).toMatchObject({ name: 'Kept' });
  await second.stop();
});

test('a clock that runs goes on from where it was set, and what came due happens by itself', async () => {
  const emulator = await startEmulator();
  const before = await emulator.control.now();
  await emulator.control.moveClock({ advanceSeconds: 86_400 }, false);
  const session = await clientOf(emulator).checkout.sessions.create({
    mode: 'payment',
    line_items: [{ price_data: { currency: 'usd', unit_amount: 50, product_data: { name: 'x' } }, quantity: 1 }],
    success_url: 'http://127.0.0.1/done',
  });
  expect(session.created).toBeGreaterThanOrEqual(before + 86_400);
  await emulator.control.moveClock({ advanceSeconds: 86_400 }, false);
  expect((await clientOf(emulator).checkout.sessions.retrieve(session.id)).status).toBe('expired');
  expect(await emulator.control.now()).toBeGreaterThanOrEqual(before + 2 * 86_400);
  await emulator.stop();
});

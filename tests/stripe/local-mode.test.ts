import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { EmulatorControl } from '@tollgate/stripe-emulator';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { freePort } from '../support/free-port.ts';
import { ServerProcess } from '../support/server-process.ts';
import { stripeClientOf } from '../support/stripe.ts';
import { waitFor } from '../support/wait-for.ts';

let database: TestDatabase;
let dataDir: string;
let server: ServerProcess;
let emulatorPort: number;

beforeAll(async () => {
  [database, dataDir, emulatorPort] = await Promise.all([
    createTestDatabase(),
    mkdtemp(join(tmpdir(), 'tollgate-stripe-')),
    freePort(),
  ]);
  server = await start();
}, 60_000);

afterAll(async () => {
  await server.stop();
  await rm(dataDir, { recursive: true });
  await database.drop();
});

/** Local mode without a key, on the same data each time. */
async function start(): Promise<ServerProcess> {
  return ServerProcess.start(await freePort(), {
    DATABASE_URL: database.url,
    DATA_DIR: dataDir,
    STRIPE_SECRET_KEY: '',
    STRIPE_WEBHOOK_SECRET: '',
    STRIPE_API_BASE: '',
    STRIPE_EMULATOR_PORT: String(emulatorPort),
  });
}

const emulator = () => ({ url: `http://127.0.0.1:${emulatorPort}` });
const isThere = (): Promise<boolean> =>
  fetch(`${emulator().url}/_emulator/clock`).then(
    () => true,
    () => false,
  );

async function run(command: 'setup' | 'check'): Promise<{ code: number | null; output: string }> {
  const child = spawn(process.execPath, ['scripts/tollgate.mjs', `stripe:${command}`], {
    env: { STRIPE_EMULATOR_PORT: String(emulatorPort) },
  });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, output };
}

test('prints where its Stripe is, which is set up', async () => {
  await waitFor(() => server.output.includes(`Stripe     http://localhost:${emulatorPort}`), 'the address');
  expect(await run('check')).toMatchObject({ code: 0, output: expect.stringContaining('Nothing differs.') });
  expect(await run('setup')).toMatchObject({ code: 0, output: expect.stringContaining('Nothing to change.') });
});

test('says what somebody changed, exits with 1, and mends it when told to', async () => {
  await stripeClientOf(emulator()).call('product', (sdk) => sdk.products.update('tollgate_pro', { name: 'Super' }));
  const told = await run('check');
  expect(told.code).toBe(1);
  expect(told.output).toContain('product tollgate_pro is called «Super», not «Pro»');
  expect((await run('setup')).output).toContain('restored product tollgate_pro');
  expect((await run('check')).code).toBe(0);
});

test('hears from it, and forgets neither account nor events when both are killed', async () => {
  const stripe = stripeClientOf(emulator());
  const control = new EmulatorControl(emulator().url);
  await control.deliveryMode({ hold: true });
  const { id } = await stripe.call('customer', (sdk) => sdk.customers.create({ name: 'Ada' }));
  await control.deliveryMode({ hold: false });
  await stripe.call('customer', (sdk) => sdk.customers.update(id, { name: 'Ben' }));
  await control.deliveriesSettled();
  await server.kill();
  await waitFor(async () => !(await isThere()), 'the emulator to end with its parent');
  server = await start();
  expect(await stripe.call('customer', (sdk) => sdk.customers.retrieve(id))).toMatchObject({ name: 'Ben' });
  await control.releaseDeliveries();
  await control.deliveriesSettled();
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  await waitFor(async () => {
    const { rows } = await client.query<{ type: string }>(
      'select type from stripe_event where customer_id = $1 and processed_at is not null order by 1',
      [id],
    );
    return rows.map(({ type }) => type).join() === 'customer.created,customer.updated';
  }, 'both events to be handled');
  await client.end();
}, 60_000);

test('a second one on the same port says which setting is in its way', async () => {
  const port = await freePort();
  const child = spawn(process.execPath, ['scripts/tollgate.mjs', 'start'], {
    env: {
      PORT: String(port),
      DATABASE_URL: database.url,
      DATA_DIR: dataDir,
      STRIPE_EMULATOR_PORT: String(emulatorPort),
    },
  });
  let complaint = '';
  child.stderr.on('data', (chunk: Buffer) => (complaint += chunk.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  expect({ code, complaint }).toMatchObject({ code: 1, complaint: expect.stringContaining('STRIPE_EMULATOR_PORT') });
});

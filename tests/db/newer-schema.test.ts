/** A database that a newer release has migrated: an older one does not start on it, and its commands do not touch it. */
import { execFile } from 'node:child_process';
import pg from 'pg';
import { migrate } from '../../src/persistence/migrate.ts';
import { startTestApp } from '../support/app.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

let database: TestDatabase;
let client: pg.Client;

beforeEach(async () => {
  database = await createTestDatabase();
  client = new pg.Client({ connectionString: database.url });
  await client.connect();
});

afterEach(async () => {
  await client.end();
  await database.drop();
});

const fromTheFuture = (): Promise<unknown> =>
  client.query(`insert into schema_migration (name, executed_at) values ('OfTheFuture', now())`);

/** All that there is, in a few words. */
async function state(): Promise<unknown> {
  const { rows } = await client.query(`select
      (select json_agg(name order by id) from schema_migration) as migrations,
      (select sum(n_tup_ins + n_tup_upd + n_tup_del)::text from pg_stat_user_tables) as written,
      (select count(*)::int from pg_class) as relations`);
  return rows;
}

const SERVE = {
  AUTH_JWT_SECRET: 'x'.repeat(32),
  STRIPE_SECRET_KEY: 'sk_test_1',
  STRIPE_API_BASE: 'http://127.0.0.1:1',
  STRIPE_WEBHOOK_SECRET: 'whsec_1',
  ENCRYPTION_KEYS: `k1:${Buffer.alloc(32, 7).toString('base64')}`,
  PORT: '0',
  LOG_LEVEL: 'silent',
};

function run(command: string): Promise<{ code: number | string | null; output: string }> {
  return new Promise((resolve) => {
    const env = { PATH: process.env['PATH'], DATABASE_URL: database.url, ...SERVE };
    execFile(process.execPath, ['scripts/tollgate.mjs', command], { env, timeout: 60_000 }, (error, stdout, stderr) => {
      resolve({ code: error?.code ?? 0, output: `${stdout}${stderr}`.replace(/^built in .*\n/m, '') });
    });
  });
}

const LINE = 'the database has been migrated by a newer release (OfTheFuture): start that one, or a newer one, here';

it.each(['serve', 'start', 'ledger:verify', 'keys:rotate', 'stripe:reconcile'])(
  '%s says so in one line, exits with 1 and writes nothing',
  async (command) => {
    await fromTheFuture();
    await client.query('select pg_stat_force_next_flush()');
    const before = await state();
    expect(await run(command)).toEqual({ code: 1, output: `${LINE}\n` });
    expect(await state()).toEqual(before);
  },
  90_000,
);

it('is told apart from one of this release, and is found by whoever migrates', async () => {
  await migrate(database.url);
  await fromTheFuture();
  await expect(migrate(database.url)).rejects.toThrow(LINE);
}, 60_000);

it('serves on whoever is running already, so that releases can follow one another without a gap', async () => {
  const app = await startTestApp(database.url);
  await fromTheFuture();
  const ready = await fetch(new URL('/readyz', app.url));
  expect([ready.status, await ready.json()]).toEqual([200, { status: 'ready' }]);
  await app.stop();
}, 60_000);

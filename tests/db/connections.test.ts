/** docs/operations.md says how many connections a process opens at most: counted while everything that can wait waits. */
import { readFile } from 'node:fs/promises';
import pg from 'pg';
import { send, tokenOf } from '../support/app.ts';
import { Bench } from '../support/bench.ts';
import { Exclusive } from '../../src/db/advisory-lock.ts';

const [lanes, readers] = [3, 6];

it('a process opens no more than is said, and that many but for the locks around Stripe', async () => {
  const said = /at most `2 × LEDGER_LANES \+ DATABASE_POOL_SIZE \+ (\d+)`/.exec(
    await readFile('docs/operations.md', 'utf8'),
  );
  const most = 2 * lanes + readers + Number(said?.[1]);
  const bench = await Bench.open();
  const admin = new pg.Client({ connectionString: bench.database.adminUrl });
  await admin.connect();
  const app = await bench.server({
    env: { LEDGER_LANES: String(lanes), DATABASE_POOL_SIZE: String(readers), RATE_LIMIT_USER: '0' },
  });
  try {
    const tokens = await Promise.all(Array.from({ length: 12 }, (_, index) => tokenOf(`user-${index}`)));
    const ids = await Promise.all(
      tokens.map(async (token) => {
        const { data } = await send(app.url, token, '{ viewer { user { id } } }');
        return (data as never as { viewer: { user: { id: string } } }).viewer.user.id;
      }),
    );
    const count = async (): Promise<number> => {
      const { rows } = await admin.query<{ n: number }>(
        `select count(*)::int as n from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()`,
      );
      return rows[0]?.n ?? 0;
    };
    const use = `mutation ($key: String!) { consumeCredits(input: { idempotencyKey: $key, lines: [{ resource: AI_TOKENS, quantity: 10 }] }) { __typename } }`;
    // Remembered accounts use the lanes' other connections.
    await Promise.all(tokens.map((token) => send(app.url, token, use, { key: 'first' })));
    // Nobody is answered, so that every pool opens all that it may.
    await admin.query('begin; lock table billing_entity, credit_account, usage_record in access exclusive mode');
    const waiting = tokens.flatMap((token, index) => [
      send(app.url, token, use, { key: `k${index}` }),
      send(app.url, token, '{ viewer { user { name } } }'),
      app.services.usage.records(
        { billingEntityId: ids[index] as string, type: 'USER' } as never,
        { first: 1, after: null },
        {
          from: null,
          to: null,
          recordedFrom: null,
          recordedTo: null,
          resources: null,
          userExternalIds: null,
          billingModes: null,
          features: null,
          apiKeyIds: null,
          organizationExternalIds: null,
          models: null,
        },
      ),
    ]);
    const settled = Promise.allSettled(waiting);
    // Locks, two for live events, two at least of the queue.
    const least = lanes + readers + 4 + 2;
    while ((await count()) < least) await new Promise((resolve) => setImmediate(resolve));
    expect(await count()).toBeLessThanOrEqual(most - 16);
    await admin.query('rollback');
    await settled;
  } finally {
    await admin.end();
    await bench.close();
  }
}, 60_000);

it('of which sixteen are locks, when as many names are held', async () => {
  const bench = await Bench.open();
  const services = await readFile('src/services.ts', 'utf8');
  expect(services).toMatch(/const NAMES_AT_ONCE = 16;/);
  const exclusive = new Exclusive(bench.database.url, { max: 16, onIdleError: () => undefined });
  const admin = new pg.Client({ connectionString: bench.database.adminUrl });
  await admin.connect();
  let held = 0;
  let release: () => void = () => undefined;
  const released = new Promise<void>((resolve) => (release = resolve));
  const all = Array.from({ length: 20 }, (_, index) =>
    exclusive.run(`name ${index}`, async () => {
      held += 1;
      if (held === 16) {
        const { rows } = await admin.query<{ n: number }>(
          `select count(*)::int as n from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()`,
        );
        expect(rows[0]?.n).toBeLessThanOrEqual(16);
        release();
      }
      await released;
    }),
  );
  await Promise.all(all);
  await exclusive.end();
  await admin.end();
  await bench.close();
}, 60_000);

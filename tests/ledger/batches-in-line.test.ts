/** Batches on a remembered account that are sent one behind the other, and what comes in between. */
import type { Command } from '../../src/ledger/rules/commands.ts';
import type { ConsumeInput } from '../../src/metering/consumption.ts';
import { RATES } from '../../src/plans/rates.ts';
import { OPERATOR, SERVICE } from '../support/installation.ts';
import { type Pool, Remembering } from '../support/remembering.ts';
import { waitFor } from '../support/wait-for.ts';

let memory: Remembering;

beforeAll(async () => {
  memory = await Remembering.open();
});

afterAll(() => memory.close());

describe('batches one behind the other', () => {
  /** Holds an account's row, as another process would. */
  async function hold(billingEntityId: string): Promise<{ readonly letGo: () => Promise<void> }> {
    const client = await memory.installation.admin.connect();
    await client.query('begin');
    await client.query('select from credit_account where billing_entity_id = $1 for update', [billingEntityId]);
    return {
      async letGo() {
        await client.query('commit');
        client.release();
      },
    };
  }

  /** Sessions that wait for a lock, those of them that wait longest first. */
  async function waiting(): Promise<{ pid: number; query: string }[]> {
    const { rows } = await memory.installation.admin.query<{ pid: number; query: string }>(
      `select pid, query from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock' order by query_start`,
    );
    return rows;
  }

  const untilWaiting = (count: number): Promise<void> =>
    waitFor(async () => (await waiting()).length >= count, `${count} sessions to wait for the account`);
  const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

  /** Two batches under way on a remembered account that somebody holds. */
  async function underWay(pool: Pool, inputs: readonly [ConsumeInput, ConsumeInput]): Promise<Promise<string>[]> {
    const sessions = (await waiting()).length;
    const first = memory.outcomeOf(memory.here, pool, inputs[0]);
    await untilWaiting(sessions + 1);
    const second = memory.outcomeOf(memory.here, pool, inputs[1]);
    await waitFor(() => Promise.resolve(memory.here.ledger.queued === 0), 'the second to be sent');
    await nextTurn();
    return [first, second];
  }

  it('are both written, each on what the one before left', async () => {
    const pool = await memory.newPool();
    await memory.remember(pool);
    const { letGo } = await hold(pool.id);
    const outcomes = await underWay(pool, [pool.use(100), pool.use(100)]);
    memory.roads.length = 0;
    await letGo();
    expect(await Promise.all(outcomes)).toEqual(['done', 'done']);
    expect(memory.roads).toEqual(['REMEMBERED', 'REMEMBERED']);
    await memory.installation.expectProven(pool.id);
  });

  it('are decided anew when another process comes before them, with as many changes as the first has', async () => {
    const pool = await memory.newPool();
    await memory.remember(pool);
    await memory.installation.two.administration.adjust(OPERATOR, {
      ...{ idempotencyKey: memory.installation.key(), billingEntityId: pool.id, amount: -9_965n, reason: 'test' },
    });
    // 15 credits are left: enough for one of the three.
    await expect(memory.outcomeOf(memory.here, pool, pool.use(0))).resolves.toBe('done');
    await expect(memory.outcomeOf(memory.here, pool, pool.use(0))).resolves.toBe('done');
    const { letGo } = await hold(pool.id);
    const faster = memory.outcomeOf(memory.installation.two, pool, pool.use(100));
    await untilWaiting(1);
    const outcomes = await underWay(pool, [pool.use(100), pool.use(0)]);
    await letGo();
    expect(await faster).toBe('done');
    expect(await Promise.all(outcomes)).toEqual(['INSUFFICIENT_CREDITS', 'done']);
    expect((await memory.installation.two.accounts.balance(pool.id))?.available).toBe(5n);
    await memory.installation.expectProven(pool.id);
  });

  it('take effect once when their connection is cut', async () => {
    const pool = await memory.newPool();
    await memory.remember(pool);
    const before = await memory.usedBy(pool.id);
    const { letGo } = await hold(pool.id);
    const outcomes = await underWay(pool, [pool.use(100), pool.use(200)]);
    const [session] = (await waiting()).filter(({ query }) => query.includes('part_guard'));
    await memory.installation.admin.query('select pg_terminate_backend($1)', [session?.pid]);
    await letGo();
    expect(await Promise.all(outcomes)).toEqual(['done', 'done']);
    expect((await memory.usedBy(pool.id)) - before).toBe(30n);
    await memory.installation.expectProven(pool.id);
  });

  it('are told apart when a statement of one fails', async () => {
    const person = await memory.installation.person(1_000n);
    const command = (key: string, actor = 'test'): Command => ({
      ...{
        kind: 'consume',
        billingEntityId: person.id,
        actor,
        lines: [{ quantity: 0n, rate: RATES.AI_TOKENS }],
        userId: person.id,
        organizationId: null,
      },
      ...{ apiKey: null, otherPayers: [], billingMode: 'FULL', feature: null, metadata: null, occurredAt: null },
      idempotency: { key, fingerprint: Buffer.alloc(16) },
    });
    for (const key of ['first', 'second']) await memory.here.ledger.submit(command(key));
    const { letGo } = await hold(person.id);
    // No caller can send it: PostgreSQL does not take such text.
    const bad = memory.here.ledger.submit(command('bad', 'nul \0')).catch(() => 'failed' as const);
    const good = Promise.all(['third', 'fourth'].map((key) => memory.here.ledger.submit(command(key))));
    await letGo();
    expect(await bad).toBe('failed');
    for (const outcome of await good) expect(outcome.kind).toBe('committed');
    // Who made a batch fail goes alone from then on, and keeps nobody else from the short road.
    for (let payers = 0; payers < 8; payers++) await memory.remember(await memory.newPool());
    await memory.installation.expectProven(person.id);
  });

  it('take a key once that comes again while the first is under way, here and elsewhere', async () => {
    const pool = await memory.newPool();
    await memory.remember(pool);
    const before = await memory.usedBy(pool.id);
    const input = pool.use(100);
    const { letGo } = await hold(pool.id);
    const outcomes = await underWay(pool, [input, input]);
    const elsewhere = memory.outcomeOf(memory.installation.two, pool, input);
    await untilWaiting(2);
    const third = memory.outcomeOf(memory.here, pool, input);
    await letGo();
    expect(await Promise.all([...outcomes, elsewhere, third])).toEqual(['done', 'done', 'done', 'done']);
    expect((await memory.usedBy(pool.id)) - before).toBe(10n);
    await memory.installation.expectProven(pool.id);
  });

  it('of two processes that hammer one account all get through', async () => {
    const person = await memory.installation.person(100_000n);
    const uses = Array.from({ length: 600 }, (_, index) =>
      (index % 3 === 0 ? memory.installation.two : memory.here).consumption.consume(
        SERVICE,
        memory.installation.use(person, 10),
      ),
    );
    for (const result of await Promise.all(uses)) expect(result).toMatchObject({ kind: 'success', replayed: false });
    expect(await memory.usedBy(person.id)).toBe(600n);
    await memory.installation.expectProven(person.id);
  });
});

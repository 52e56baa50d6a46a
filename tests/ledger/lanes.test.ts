/** What one account can do to others of its lane, on PostgreSQL. */
import type pg from 'pg';
import { pino } from 'pino';
import type { Command } from '../../src/ledger/rules/commands.ts';
import { Ledger } from '../../src/ledger/ledger.ts';
import { RATES } from '../../src/plans/rates.ts';
import { openLedgerPool } from '../../src/db/pools.ts';
import type { DomainServices } from '../../src/services.ts';
import { Bench } from '../support/bench.ts';
import { TestClock } from '../support/clock.ts';
import type { Outcome } from '../../src/ledger/outcome.ts';

let bench: Bench;
let services: DomainServices;
const pools: pg.Pool[] = [];

beforeAll(async () => {
  bench = await Bench.open();
  services = await bench.services({ log: pino({ level: 'silent' }) });
});

afterAll(async () => {
  await Promise.all(pools.map((pool) => pool.end()));
  await bench.close();
});

let people = 0;
function newcomer(): Promise<string> {
  return services.entities.ensureUser({ externalId: `person-${(people += 1)}`, name: null, withTrial: true });
}

/** A ledger of one lane, and how many connections it made. */
function openLedger(): { readonly ledger: Ledger; readonly connections: () => number } {
  const pool = openLedgerPool(bench.database.url, { max: 1, onIdleError: () => undefined });
  pools.push(pool);
  let made = 0;
  pool.on('connect', () => (made += 1));
  const ledger = new Ledger({
    lanes: 1,
    maxBatch: 500,
    maxQueued: 20_000,
    patienceMs: 10_000,
    pool,
    clock: new TestClock(),
    onCommitted: () => undefined,
  });
  return { ledger, connections: () => made };
}

let keys = 0;
/** Use of ten tokens. Of a bad one the statement fails: PostgreSQL does not take the text. No caller can send it. */
function use(billingEntityId: string, isBad = false): Command {
  keys += 1;
  return {
    kind: 'consume',
    billingEntityId,
    actor: isBad ? 'nul \0' : 'test',
    idempotency: { key: `use-${keys}`, fingerprint: Buffer.alloc(16) },
    lines: [{ quantity: 10n, rate: RATES.AI_TOKENS }],
    userId: billingEntityId,
    organizationId: null,
    apiKey: null,
    otherPayers: [],
    billingMode: 'COMPUTE_ONLY',
    feature: null,
    metadata: null,
    occurredAt: null,
  };
}

/** Keeps so many commands of an account waiting until it is stopped; how many of them succeeded and failed. */
function flood(
  ledger: Ledger,
  billingEntityId: string,
  isBad: boolean,
): () => Promise<{ done: number; failed: number }> {
  const came = { done: 0, failed: 0 };
  const state = { isOver: false };
  const one = async (): Promise<void> => {
    while (!state.isOver) {
      await ledger.submit(use(billingEntityId, isBad)).then(
        () => (came.done += 1),
        () => (came.failed += 1),
      );
    }
  };
  const all = Promise.all(Array.from({ length: 200 }, one));
  return async () => {
    state.isOver = true;
    await all;
    return came;
  };
}

/** How long each of a few bystanders waits, one after another: the median. */
async function medianWaitMs(ledger: Ledger, bystanders: readonly string[]): Promise<number> {
  const waits: number[] = [];
  for (const id of bystanders) {
    const startedAt = performance.now();
    const { kind }: Outcome = await ledger.submit(use(id));
    waits.push(performance.now() - startedAt);
    expect(kind).toBe('committed');
  }
  return waits.sort((a, b) => a - b)[waits.length >> 1] as number;
}

test('a flood of failing commands keeps others waiting no longer than a flood of good ones, a few times over', async () => {
  const { ledger, connections } = openLedger();
  const flooder = await newcomer();
  const bystanders = await Promise.all(Array.from({ length: 15 }, newcomer));

  const stopGood = flood(ledger, flooder, false);
  const ordinaryMs = await medianWaitMs(ledger, bystanders);
  expect((await stopGood()).failed).toBe(0);
  const stopBad = flood(ledger, flooder, true);
  const sufferedMs = await medianWaitMs(ledger, bystanders);
  const { done, failed } = await stopBad();

  expect(done).toBe(0);
  expect(failed).toBeGreaterThanOrEqual(200);
  expect(sufferedMs / ordinaryMs).toBeLessThan(8);
  // A connection that is sound after its rollback is kept.
  expect(connections()).toBe(1);
  for (const id of [flooder, ...bystanders]) expect((await services.verification.verify(id)).problems).toEqual([]);
});

test('what fails in one batch with others is found, and of the others every one takes effect once and in order', async () => {
  const { ledger, connections } = openLedger();
  const accounts = await Promise.all(Array.from({ length: 6 }, newcomer));
  const sent = Array.from({ length: 300 }, (_, index) => {
    const isBad = index % 50 === 7;
    const id = accounts[index % accounts.length] as string;
    return { id, isBad, outcome: ledger.submit(use(id, isBad)).catch(() => 'failed' as const) };
  });
  const last = new Map<string, bigint>();
  for (const { id, isBad, outcome } of sent) {
    const came = await outcome;
    if (came === 'failed' || came.kind !== 'committed') {
      expect({ came, isBad }).toEqual({ came: 'failed', isBad: true });
      continue;
    }
    expect(isBad).toBe(false);
    const sequence = came.entries[0]?.sequence as bigint;
    expect(sequence).toBeGreaterThan(last.get(id) ?? 0n);
    last.set(id, sequence);
  }
  expect(connections()).toBe(1);
  for (const id of accounts) expect((await services.verification.verify(id)).problems).toEqual([]);
});

test('a connection that was lost is not used again', async () => {
  const { ledger, connections } = openLedger();
  const id = await newcomer();
  const pool = pools.at(-1) as pg.Pool;
  await ledger.submit(use(id));
  const { rows } = await pool.query<{ pid: number }>('select pg_backend_pid() as pid');
  const waiting = Array.from({ length: 20 }, () => ledger.submit(use(id)));
  await services.ledger.submit(use(id));
  await killed(rows[0]?.pid as number);
  waiting.push(...Array.from({ length: 20 }, () => ledger.submit(use(id))));
  for (const outcome of await Promise.all(waiting)) expect(['committed', 'replayed']).toContain(outcome.kind);
  expect(connections()).toBeGreaterThan(1);
});

async function killed(pid: number): Promise<void> {
  const other = openLedgerPool(bench.database.url, { max: 1, onIdleError: () => undefined });
  await other.query('select pg_terminate_backend($1)', [pid]);
  await other.end();
}

/** A database that the last release filled: it migrates, is proven, answers its keys as it did, and its pools take back what they gave. */
import { migrations } from '../../migrations/list.ts';
import { migrate } from '../../src/persistence/migrate.ts';
import { openOrm } from '../../src/persistence/orm.ts';
import { tokenOf, type TestApp } from '../support/app.ts';
import { Bench } from '../support/bench.ts';
import { TestClock } from '../support/clock.ts';
import { type Ask, asker } from '../support/organizations.ts';
import { type Fixture, readFixture } from './fixture.ts';
import { bearerOf, sendAsWritten } from './recorder.ts';

/** Zones whose days are compared with the records. */
const ZONES = ['UTC', 'Europe/Berlin', 'Asia/Tokyo', 'Asia/Kolkata', 'Asia/Kathmandu'];

let bench: Bench;
let fixture: Fixture;
let clock: TestClock;
let app: TestApp;
let ask: Ask;
let operator: string;

beforeAll(async () => {
  fixture = await readFixture('tests/fixtures/last-release.json.gz');
  bench = await Bench.open({ isEmpty: true });
  await migrateTo(fixture.migrations.at(-1) as string);
  await load();
  await migrate(bench.database.url);
  clock = new TestClock(new Date(fixture.endedAt));
  app = await bench.server({ clock });
  ask = asker(() => app.url);
  operator = await tokenOf('root', { scope: 'billing:operator' });
});

afterAll(() => bench.close());

async function migrateTo(last: string): Promise<void> {
  const orm = await openOrm(bench.database.url, { poolSize: 2, statementTimeoutMs: 0 });
  try {
    await orm.migrator.up({ to: last });
  } finally {
    await orm.close();
  }
}

/** The rows as they were, past triggers and keys. */
async function load(): Promise<void> {
  const client = await bench.admin().connect();
  try {
    await client.query('set session_replication_role = replica');
    for (const { name, columns, rows } of fixture.tables) {
      const list = columns.map((column) => `"${column}"`).join(', ');
      await client.query(
        `insert into ${name} (${list}) overriding system value select ${list} from json_populate_recordset(null::${name}, $1::json)`,
        [rows],
      );
    }
  } finally {
    client.release(true);
  }
}

async function accounts(): Promise<string[]> {
  const { rows } = await bench
    .admin()
    .query<{ id: string }>('select billing_entity_id as id from credit_account order by 1');
  return rows.map(({ id }) => id);
}

it('has had all migrations since', async () => {
  const { rows } = await bench.admin().query<{ name: string }>('select name from schema_migration order by id');
  expect(rows.map(({ name }) => name)).toEqual(
    migrations.map((Each) => Reflect.construct(Each, [null, null]).name as string),
  );
  expect(fixture.migrations).toEqual(rows.slice(0, fixture.migrations.length).map(({ name }) => name));
});

it('is proven, every account of it', async () => {
  const ids = await accounts();
  expect(ids.length).toBeGreaterThan(8);
  for (const id of ids) {
    const { problems, entriesChecked } = await app.services.verification.verify(id);
    expect({ id, problems }).toEqual({ id, problems: [] });
    expect(entriesChecked).toBeGreaterThan(0n);
  }
});

/** Members that say how things are now, and not how they were. */
const NEWER = new Set(['balance', 'replayed']);

function then(answer: unknown): unknown {
  if (Array.isArray(answer)) return answer.map(then);
  if (typeof answer !== 'object' || answer === null) return answer;
  return Object.fromEntries(
    Object.entries(answer)
      .filter(([name]) => !NEWER.has(name))
      .map(([name, value]) => [name, then(value)]),
  );
}

const NAMES = ['consume', 'consumeBatch', 'reserve', 'grant', 'adjust', 'refund', 'transfer'];

it.each(NAMES)('answers the keys of %s as it did', async (name) => {
  const sent = fixture.commands.filter(({ document }) => document === name);
  expect(sent.length).toBeGreaterThan(0);
  for (const { by, variables, answer } of sent) {
    const bearer = await bearerOf(fixture.callers[by] ?? {});
    const again = await sendAsWritten(app.url, bearer, { document: fixture.documents[name] as string, variables });
    for (const item of [again].flat()) {
      expect({ variables, item }).toMatchObject({ variables, item: { replayed: true } });
    }
    expect({ variables, answer: then(again) }).toEqual({ variables, answer: then(answer) });
  }
});

it('has changed nothing by answering', async () => {
  const { rows } = await bench.admin().query<{ entries: string }>('select count(*) as entries from ledger_entry');
  const { rows: entries } = fixture.tables.find(({ name }) => name === 'ledger_entry') as { rows: string };
  expect(Number(rows[0]?.entries)).toBe((JSON.parse(entries) as unknown[]).length);
});

it('says that the key was used for something else when its input is another', async () => {
  const { by, variables } = fixture.commands.find(({ document }) => document === 'adjust') as {
    by: string;
    variables: string;
  };
  const { input } = JSON.parse(variables) as { input: { amount: number } };
  await expect(
    sendAsWritten(app.url, await bearerOf(fixture.callers[by] ?? {}), {
      document: fixture.documents['adjust'] as string,
      variables: JSON.stringify({ input: { ...input, amount: input.amount + 1 } }),
    }),
  ).rejects.toThrow('IDEMPOTENCY_KEY_REUSED');
});

interface Line {
  readonly resource: string;
  readonly quantity: number;
  readonly credits: number;
  readonly occurredAt: string;
  readonly refundedAt: string | null;
}

/** Every record of an account, as its list shows them. */
async function recordsOf(id: string): Promise<Line[]> {
  const lines: Line[] = [];
  for (let after: string | null = null; ;) {
    const { usage }: { usage: { edges: { node: Line }[]; pageInfo: { hasNextPage: boolean; endCursor: string } } } =
      await ask(
        operator,
        `query ($id: ID!, $after: String) { billingEntity(id: $id) { usage(first: 100, after: $after) {
        pageInfo { hasNextPage endCursor } edges { node { resource quantity credits occurredAt refundedAt } } } } }`,
        { id, after },
      );
    lines.push(...usage.edges.map(({ node }) => node));
    if (!usage.pageInfo.hasNextPage) return lines;
    after = usage.pageInfo.endCursor;
  }
}

interface Bucket {
  readonly start: string;
  readonly resource: string;
  readonly quantity: number;
  readonly credits: number;
  readonly records: number;
}

const SUMMARY = `query ($id: ID!, $from: DateTime!, $to: DateTime!, $timeZone: String!) { billingEntity(id: $id) {
  usageSummary(from: $from, to: $to, interval: DAY, groupBy: [RESOURCE], timeZone: $timeZone) { start resource quantity credits records } } }`;

it.each(ZONES)('sums up what its records say, by the days of %s', async (timeZone) => {
  const dayOf = new Intl.DateTimeFormat('sv', { timeZone });
  let compared = 0;
  for (const id of await accounts()) {
    const expected = new Map<string, Omit<Bucket, 'start' | 'resource'>>();
    for (const { resource, quantity, credits, occurredAt, refundedAt } of await recordsOf(id)) {
      const key = `${dayOf.format(new Date(occurredAt))} ${resource}`;
      const before = expected.get(key) ?? { quantity: 0, credits: 0, records: 0 };
      expected.set(key, {
        quantity: before.quantity + quantity,
        credits: before.credits + (refundedAt === null ? credits : 0),
        records: before.records + 1,
      });
    }
    const span = { from: '2025-12-20T00:00:00Z', to: '2026-03-25T00:00:00Z' };
    const { usageSummary } = await ask<{ usageSummary: Bucket[] }>(operator, SUMMARY, { id, timeZone, ...span });
    const summed = usageSummary.map(({ start, resource, ...sums }) => [
      `${dayOf.format(new Date(start))} ${resource}`,
      sums,
    ]);
    expect(Object.fromEntries(summed)).toEqual(Object.fromEntries(expected));
    compared += summed.length;
  }
  expect(compared).toBeGreaterThan(100);
});

it('lets a pool take back what it gave of its own in parts that joined, and no more: those that joined go by their root', async () => {
  const { pool, owner, holder, credits } = fixture.joined;
  const token = await bearerOf(fixture.callers[owner] ?? {});
  const transfer = (amount: number, idempotencyKey: string): Promise<unknown> =>
    sendAsWritten(app.url, token, {
      document: `mutation ($input: TransferCreditsInput!) { transferCredits(input: $input) {
        __typename ... on TransferCreditsSuccess { replayed } ... on InsufficientCredits { available } } }`,
      variables: JSON.stringify({
        input: { idempotencyKey, fromBillingEntityId: holder, toBillingEntityId: pool, amount },
      }),
    });
  expect(await transfer(credits + 1, 'too-much')).toEqual({ __typename: 'InsufficientCredits', available: credits });
  expect(await transfer(credits, 'all')).toEqual({ __typename: 'TransferCreditsSuccess', replayed: false });
});

/** What was recorded since a place, on a real database, in which commits become visible in whatever order they like. */
import fc from 'fast-check';
import pg from 'pg';
import { v7 as uuidv7 } from 'uuid';
import { Database } from '../../src/db/database.ts';
import type { UsageRecord } from '../../src/ledger/rules/entries.ts';
import { type Bounds, type News, RecordedSince } from '../../src/usage/recorded-since.ts';
import type { AccountPlace, PublicPlace, UsagePlace } from '../../src/usage/usage-cursor.ts';
import { Bench } from '../support/bench.ts';
import { TestClock } from '../support/clock.ts';
import { createHousehold, record } from './recorded-use.ts';

let bench: Bench;
let client: pg.Client;
const databases: Database[] = [];
/** A record to make others of. */
let template: UsageRecord;

beforeAll(async () => {
  bench = await Bench.open();
  const clock = new TestClock();
  const services = await bench.services({ clock });
  const household = await createHousehold(services, bench.database.url);
  const line = { resource: 'AI_TOKENS', quantity: 1_000n } as const;
  const draft = {
    isApart: true,
    isOnKey: false,
    person: 1,
    billingMode: 'FULL',
    feature: null,
    minutesAgo: 0,
  } as const;
  [template] = (await record(services, household, {
    drafts: [{ ...draft, lines: [line] }],
    now: clock.now(),
  })) as [UsageRecord];
  client = new pg.Client({ connectionString: bench.database.url });
  await client.connect();
});

afterAll(async () => {
  await client.end();
  for (const database of databases) await database.end();
  await bench.close();
});

/** A reader of its own connections, as statements are prepared with its bounds. */
function readerWith(bounds?: Bounds): RecordedSince {
  const database = new Database(bench.database.url, { max: 4, onIdleError: () => undefined });
  databases.push(database);
  return new RecordedSince(database, bounds);
}

interface Written {
  readonly billingEntityId: string;
  readonly sequence: number;
  readonly lines: number;
  readonly organizationId: string;
  readonly apiKeyId: string | null;
  readonly atMs: number;
}

/** Writes the records of an entry, as a commit makes them visible. */
async function write({ billingEntityId, sequence, lines, organizationId, apiKeyId, atMs }: Written): Promise<void> {
  await client.query(
    `insert into usage_record select (jsonb_populate_record(u, $3 || jsonb_build_object('line', l))).*
     from usage_record u cross join generate_series(0, $4::int - 1) as l
     where u.billing_entity_id = $1 and u.sequence = $2 and u.line = 0`,
    [
      template.billingEntityId,
      template.sequence,
      JSON.stringify({
        billing_entity_id: billingEntityId,
        sequence,
        organization_id: organizationId,
        api_key_id: apiKeyId,
        api_key_entity_id: apiKeyId === null ? null : organizationId,
        recorded_at: new Date(atMs).toISOString(),
      }),
      lines,
    ],
  );
}

const nameOf = ({ billingEntityId, sequence, line }: UsageRecord): string => `${billingEntityId} ${sequence}/${line}`;

/** Somebody who is told again and again what is new, from the place where they were. */
class Told<Place extends UsagePlace> {
  count = 0n;
  hasGap = false;
  readonly shown: string[] = [];
  readonly #read: (place: Place) => Promise<News<Place>>;
  #place: Place;

  constructor(place: Place, read: (place: Place) => Promise<News<Place>>) {
    this.#place = place;
    this.#read = read;
  }

  async more(): Promise<News<Place>> {
    const news = await this.#read(this.#place);
    this.#place = news.place;
    this.count += news.skipped + BigInt(news.records.length);
    this.hasGap ||= news.hasGap;
    this.shown.push(...news.records.map(nameOf));
    return news;
  }
}

const T0 = Date.parse('2026-01-02T00:00:00Z');
const ROOMY: Bounds = { counted: 2_000, unsettled: 1_000, settleMs: 60_000, headed: 1_000 };

describe('use in a public organization', () => {
  const step = fc.record({
    account: fc.nat({ max: 14 }),
    lines: fc.integer({ min: 1, max: 3 }),
    isOnKey: fc.boolean(),
    /** After the step before. */
    laterMs: fc.oneof(fc.constant(0), fc.nat({ max: 50 }), fc.nat({ max: 90_000 })),
    /** Steps of others that become visible before this one. */
    late: fc.oneof(fc.constant(0), fc.nat({ max: 6 })),
    isRead: fc.boolean(),
  });

  it.each([
    ['many accounts', ROOMY],
    ['few that are named', { ...ROOMY, headed: 3 }],
    ['few that are counted', { ...ROOMY, unsettled: 40, counted: 400 }],
  ])('is told whole and once in whatever order commits become visible: %s', async (_what, bounds) => {
    const since = readerWith(bounds);
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 30 }), async (steps) => {
        const organizationId = uuidv7();
        const key = uuidv7();
        const accounts = Array.from({ length: 15 }, () => uuidv7());
        const last = new Map<string, { sequence: number; at: number }>();
        let atMs = T0;
        // An entry is recorded at its time and visible later, though never before the account's entry before it, nor a minute late.
        const written = steps.map(({ account, lines, isOnKey, laterMs, late }, index) => {
          atMs += laterMs;
          const billingEntityId = accounts[account] as string;
          const before = last.get(billingEntityId) ?? { sequence: 0, at: 0 };
          const slow = laterMs > 1_000 ? 0 : late;
          const at = Math.max(before.at, index + slow + 0.5);
          last.set(billingEntityId, { sequence: before.sequence + 2, at });
          const sequence = before.sequence + 2;
          return { billingEntityId, sequence, lines, organizationId, apiKeyId: isOnKey ? key : null, atMs, at, index };
        });
        const inTime = written.filter(({ atMs: mine, at }) =>
          written.every((other) => other.at >= at || other.atMs - mine < 30_000),
        );
        const watchers = [null, key].map((apiKeyId) => {
          const use = { organizationId, apiKeyId };
          return since.publicNow(use).then((place) => new Told(place, (from) => since.inPublic(use, from)));
        });
        const [all, onKey] = (await Promise.all(watchers)) as [Told<PublicPlace>, Told<PublicPlace>];
        for (const each of inTime.toSorted((one, other) => one.at - other.at || one.index - other.index)) {
          await write(each);
          if (steps[each.index]?.isRead === true) await Promise.all([all.more(), onKey.more()]);
        }
        await Promise.all([all.more(), onKey.more()]);
        const linesOf = (some: typeof inTime): bigint => BigInt(some.reduce((sum, { lines }) => sum + lines, 0));
        expect([all.count, all.hasGap]).toEqual([linesOf(inTime), false]);
        expect([onKey.count, onKey.hasGap]).toEqual([
          linesOf(inTime.filter(({ apiKeyId }) => apiKeyId !== null)),
          false,
        ]);
        for (const { shown } of [all, onKey]) expect(new Set(shown).size).toBe(shown.length);
        const last20 = await all.more();
        expect(last20).toMatchObject({ records: [], skipped: 0n });
      }),
      { numRuns: 40 },
    );
  });

  it('that became visible late is shown, not only counted, while few accounts are busy', async () => {
    const since = readerWith();
    const use = { organizationId: uuidv7(), apiKeyId: null };
    const [ann, ben] = [uuidv7(), uuidv7()] as [string, string];
    const entry = { organizationId: use.organizationId, apiKeyId: null, lines: 1 };
    const told = new Told(await since.publicNow(use), (place) => since.inPublic(use, place));
    await write({ ...entry, billingEntityId: ann, sequence: 5, atMs: T0 + 100 });
    await told.more();
    await write({ ...entry, billingEntityId: ben, sequence: 9, atMs: T0 + 50 });
    await told.more();
    expect(told.shown).toEqual([`${ann} 5/0`, `${ben} 9/0`]);
  });

  it('is not counted beyond a bound, and that is said', async () => {
    const since = readerWith({ ...ROOMY, counted: 50, unsettled: 20 });
    const use = { organizationId: uuidv7(), apiKeyId: null };
    const entry = { organizationId: use.organizationId, apiKeyId: null, billingEntityId: uuidv7() };
    const place = await since.publicNow(use);
    const told = new Told(place, (from) => since.inPublic(use, from));
    for (let at = 1; at <= 30; at += 1) await write({ ...entry, sequence: at, lines: 2, atMs: T0 + at * 1_000 });
    expect(await told.more()).toMatchObject({ hasGap: true, records: { length: 20 } });
    expect(told.count).toBeLessThanOrEqual(60n);
    await write({ ...entry, sequence: 31, lines: 2, atMs: T0 + 31_000 });
    expect(await told.more()).toMatchObject({ hasGap: false, skipped: 0n, records: { length: 2 } });
    // A place that says more was seen than there is: a database that was restored, or somebody's own making.
    const wrong = await since.inPublic(use, { ...place, seen: 1_000n });
    expect(wrong).toMatchObject({ hasGap: true, skipped: 0n });
    expect(await since.inPublic(use, wrong.place)).toMatchObject({ hasGap: false, records: [], skipped: 0n });
  });
});

describe('use of one account', () => {
  const anything = { own: null, organizationId: null };

  it('is told whole and once, and of it only what may be read', async () => {
    const since = readerWith();
    const [billingEntityId, key, organizationId] = [uuidv7(), uuidv7(), uuidv7()] as [string, string, string];
    const entry = { billingEntityId, organizationId, lines: 3 };
    const uses = [anything, { ...anything, own: { apiKeyId: key } }, { ...anything, organizationId: uuidv7() }];
    const told = uses.map((use) => {
      const of = { billingEntityId, ...use };
      const start = { kind: 'account', sequence: 0n } as const;
      return new Told<AccountPlace>(start, (place) => since.inAccount(of, place));
    });
    for (let at = 1; at <= 12; at += 1) {
      await write({ ...entry, sequence: 2 * at, apiKeyId: at % 3 === 0 ? key : null, atMs: T0 });
      if (at % 4 === 0) for (const each of told) await each.more();
    }
    await write({ ...entry, sequence: 60, lines: 25, apiKeyId: null, atMs: T0 });
    const [all] = told as [(typeof told)[0]];
    expect(await all.more()).toMatchObject({ skipped: 5n, hasGap: false });
    for (const each of told) await each.more();
    expect(told.map(({ count }) => count)).toEqual([61n, 12n, 0n]);
    expect(new Set(all.shown).size).toBe(all.shown.length);
  });

  it('is not counted beyond a bound, nor beyond its end, and that is said', async () => {
    const since = readerWith({ ...ROOMY, counted: 10 });
    const of = { billingEntityId: uuidv7(), ...anything };
    const entry = { billingEntityId: of.billingEntityId, organizationId: uuidv7(), apiKeyId: null, lines: 1, atMs: T0 };
    for (let at = 1; at <= 12; at += 1) await write({ ...entry, sequence: at });
    const from = (sequence: bigint) => since.inAccount(of, { kind: 'account', sequence });
    const place = { kind: 'account', sequence: 12n };
    expect(await from(1n)).toMatchObject({ hasGap: true, records: { length: 10 }, skipped: 0n, place });
    expect(await from(2n)).toMatchObject({ hasGap: false, records: { length: 10 }, skipped: 0n, place });
    expect(await from(12n)).toMatchObject({ hasGap: false, records: [], skipped: 0n, place });
    expect(await from(13n)).toMatchObject({ hasGap: true, records: [], skipped: 0n, place });
  });
});

import fc from 'fast-check';
import type { DomainServices } from '../../src/services.ts';
import type { UsageFilter } from '../../src/usage/usage-history.ts';
import { Bench } from '../support/bench.ts';
import { TestClock } from '../support/clock.ts';
import {
  createHousehold,
  filterDraft,
  filterOf,
  fits,
  type Household,
  newestUseFirst,
  record,
  useDraft,
} from './recorded-use.ts';
import type { UsageRecord } from '../../src/ledger/rules/entries.ts';

const EVERYTHING: UsageFilter = {
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
};

let bench: Bench;
let clock: TestClock;
let services: DomainServices;

beforeAll(async () => {
  bench = await Bench.open();
  clock = new TestClock();
  services = await bench.services({ clock });
});

afterAll(() => bench.close());

/** Walks all pages; `between` may do something before each next one. */
async function walk(
  household: Household,
  filter: UsageFilter,
  { first = 7, between = async () => {} }: { first?: number; between?: () => Promise<void> } = {},
): Promise<UsageRecord[]> {
  const records: UsageRecord[] = [];
  for (let after: string | null = null; ;) {
    const { edges, pageInfo } = await services.usage.records(household, { first, after }, filter);
    records.push(...edges.map(({ node }) => node));
    if (!pageInfo.hasNextPage) return records;
    after = pageInfo.endCursor;
    await between();
  }
}

const nameOf = ({ billingEntityId, sequence, line }: UsageRecord): string => `${billingEntityId} ${sequence}/${line}`;

describe('pages of use', () => {
  it('have every record that fits the filter once, newest use first, whatever is asked', async () => {
    const minutesAgo = fc.option(fc.nat({ max: 35 * 24 * 60 }));
    const first = fc.integer({ min: 1, max: 9 });
    await fc.assert(
      fc.asyncProperty(
        fc.array(useDraft, { minLength: 1, maxLength: 40 }),
        fc.array(fc.record({ draft: filterDraft, first, from: minutesAgo, to: minutesAgo }), {
          minLength: 1,
          maxLength: 8,
        }),
        async (drafts, questions) => {
          const household = await createHousehold(services, bench.database.url);
          const now = clock.now();
          const recorded = await record(services, household, { drafts, now });
          const instant = (ago: number | null): Date | null =>
            ago === null ? null : new Date(now.getTime() - ago * 60_000);
          for (const { draft, first, ...span } of questions) {
            const [from, to] = [instant(span.from), instant(span.to)];
            const filter = { ...EVERYTHING, ...filterOf(draft, household), from, to };
            const expected = recorded
              .filter((each) => fits(each, filter, household))
              .filter(({ occurredAt }) => (!from || occurredAt >= from) && (!to || occurredAt < to))
              .toSorted(newestUseFirst);
            expect(await walk(household, filter, { first })).toEqual(expected);
          }
        },
      ),
      { numRuns: 25 },
    );
  }, 120_000);

  it('stay as they were for who turns them while use is recorded, newer and older', async () => {
    const household = await createHousehold(services, bench.database.url);
    const drafts = fc.sample(useDraft, { numRuns: 60, seed: 7 });
    const before = await record(services, household, { drafts, now: clock.now() });
    const arrivals = fc.sample(useDraft, { numRuns: 200, seed: 8 });
    const turned = await walk(household, EVERYTHING, {
      between: async () => {
        await record(services, household, { drafts: arrivals.splice(0, 5), now: clock.now() });
      },
    });
    // What arrived ahead of the reader may be among them; what was there is, once and in order.
    expect(turned).toEqual(turned.toSorted(newestUseFirst));
    expect(new Set(turned.map(nameOf)).size).toBe(turned.length);
    const known = new Set(before.map(nameOf));
    expect(turned.filter((each) => known.has(nameOf(each)))).toEqual(before.toSorted(newestUseFirst));
  });

  it('refuse sizes and cursors that are none', async () => {
    const household = await createHousehold(services, bench.database.url);
    for (const page of [
      { first: 0, after: null },
      { first: 101, after: null },
      { first: 1, after: 'nonsense' },
    ]) {
      await expect(services.usage.records(household, page, EVERYTHING)).rejects.toMatchObject({
        code: 'BAD_USER_INPUT',
      });
    }
  });
});

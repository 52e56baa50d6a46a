import fc from 'fast-check';
import type { DomainServices } from '../../src/services.ts';
import type { SummaryRequest, UsageBucket, UsageDimension, UsageInterval } from '../../src/usage/usage-summary.ts';
import { Bench } from '../support/bench.ts';
import { TestClock } from '../support/clock.ts';
import {
  createHousehold,
  filterDraft,
  filterOf,
  fits,
  record,
  refund,
  useDraft,
  type UseDraft,
} from './recorded-use.ts';
import type { UsageRecord } from '../../src/ledger/rules/entries.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** In the 35 days before, clocks were changed in America and in Europe, and put back in Chile. */
const NOW = new Date('2026-04-10T12:30:00.000Z');
/** Ahead and behind, near and far; over midnight and at it. */
const ZONES = [
  'UTC',
  'Europe/Berlin',
  'America/New_York',
  'America/Los_Angeles',
  'America/Santiago',
  'Africa/Cairo',
  'Asia/Tokyo',
  'Pacific/Auckland',
  'Pacific/Kiritimati',
  'Etc/GMT+12',
];
const EVERYTHING = {
  resources: null,
  userExternalIds: null,
  billingModes: null,
  features: null,
  apiKeyIds: null,
  organizationExternalIds: null,
};

let bench: Bench;
let clock: TestClock;
let services: DomainServices;

beforeAll(async () => {
  bench = await Bench.open();
  clock = new TestClock(NOW);
  services = await bench.services({ clock });
});

afterAll(() => bench.close());

function requestOf(request: Partial<SummaryRequest> = {}): SummaryRequest {
  const from = new Date('2026-03-01T00:00:00.000Z');
  return { from, to: NOW, interval: 'DAY', groupBy: [], filter: EVERYTHING, timeZone: 'UTC', ...request };
}

/** What the clocks of a place show, as text that sorts: 2026-03-29 03:00. */
function shown(instant: Date, timeZone: string): string {
  return instant.toLocaleString('sv-SE', { timeZone, dateStyle: 'short', timeStyle: 'short' });
}

/** The name of the bucket that an instant falls into: as much of the local time as the interval tells. */
function nameOf(instant: Date, interval: UsageInterval, timeZone: string): string {
  const length = { HOUR: 0, DAY: 10, MONTH: 7, TOTAL: 0 }[interval];
  if (interval === 'HOUR') return String(Math.floor(instant.getTime() / HOUR_MS));
  return shown(instant, timeZone).slice(0, length);
}

type Summed = Omit<UsageBucket, 'start' | 'apiKey'> & { readonly name: string; readonly apiKeyId: string | null };

const ALL_DIMENSIONS: readonly UsageDimension[] = ['USER', 'API_KEY', 'RESOURCE', 'BILLING_MODE', 'FEATURE'];

/** Summed up the long way: over every record. */
function fold(
  records: readonly UsageRecord[],
  refunded: ReadonlySet<UsageRecord>,
  { interval, groupBy, timeZone }: SummaryRequest,
): Map<string, Summed> {
  const buckets = new Map<string, Summed>();
  for (const each of records) {
    const of = <T>(dimension: UsageDimension, value: T): T | null => (groupBy.includes(dimension) ? value : null);
    const keys = {
      name: nameOf(each.occurredAt, interval, timeZone),
      userId: of('USER', each.userId),
      apiKeyId: of('API_KEY', each.apiKey?.id ?? null),
      resource: of('RESOURCE', each.resource),
      billingMode: of('BILLING_MODE', each.billingMode),
      feature: of('FEATURE', each.feature),
    };
    const key = Object.values(keys).join(' ');
    const before = buckets.get(key) ?? { quantity: 0n, credits: 0n, overage: 0n, records: 0n };
    const isCharged = !refunded.has(each);
    buckets.set(key, {
      ...keys,
      quantity: before.quantity + each.quantity,
      credits: before.credits + (isCharged ? each.credits : 0n),
      overage: before.overage + (isCharged ? each.overage : 0n),
      records: before.records + 1n,
    });
  }
  return buckets;
}

function keyed(buckets: readonly UsageBucket[], { interval, timeZone }: SummaryRequest): Map<string, Summed> {
  return new Map(
    buckets.map(({ start, userId, apiKey, resource, billingMode, feature, ...sums }) => {
      const name = interval === 'TOTAL' ? '' : nameOf(start, interval, timeZone);
      const keys = { name, userId, apiKeyId: apiKey?.id ?? null, resource, billingMode, feature };
      return [Object.values(keys).join(' '), { ...keys, ...sums }];
    }),
  );
}

/** No instant before it belongs to the same day or month, and it does. */
function expectToBegin({ start }: UsageBucket, { interval, timeZone }: SummaryRequest): void {
  const justBefore = new Date(start.getTime() - 1);
  expect(nameOf(justBefore, interval, timeZone) < nameOf(start, interval, timeZone)).toBe(true);
}

describe('summaries of use', () => {
  it('say what a fold over every record says, whatever was used and refunded and however it is asked', async () => {
    const hoursAgo = fc.nat({ max: 36 * 24 });
    const question = fc.record({
      interval: fc.constantFrom<UsageInterval>('HOUR', 'DAY', 'DAY', 'MONTH', 'TOTAL'),
      groupBy: fc.subarray([...ALL_DIMENSIONS]),
      draft: filterDraft,
      timeZone: fc.constantFrom(...ZONES),
      ago: fc.tuple(hoursAgo, hoursAgo).filter(([one, other]) => one !== other),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(useDraft, { minLength: 1, maxLength: 60 }),
        fc.array(fc.boolean(), { minLength: 20, maxLength: 60 }),
        fc.array(question, { minLength: 1, maxLength: 12 }),
        async (drafts, wentWrong, questions) => {
          const household = await createHousehold(services, bench.database.url);
          const recorded = await record(services, household, { drafts, now: clock.now() });
          const refunded = new Set(recorded.filter((_, index) => wentWrong[index] === true));
          await Promise.all([...refunded].map((each) => refund(services, each)));
          for (const { draft, ago, ...rest } of questions) {
            const [from, to] = ago.toSorted((one, other) => other - one).map(hourBeforeNow) as [Date, Date];
            const request = { ...rest, from, to, filter: filterOf(draft, household) };
            const asked = recorded.filter((each) => fits(each, request.filter, household) && isWithin(each, request));
            const buckets = await services.summaries.summarize(household, request);
            expect(keyed(buckets, request)).toEqual(fold(asked, refunded, request));
            const starts = buckets.map(({ start }) => start.getTime());
            expect(starts).toEqual(starts.toSorted((one, other) => one - other));
            for (const bucket of buckets) {
              if (request.interval === 'TOTAL') expect(bucket.start).toEqual(from);
              else expectToBegin(bucket, request);
            }
          }
        },
      ),
      { numRuns: 30 },
    );
  });

  it('begin days at the zone’s midnight when clocks are changed: of 23 hours, of 25, and without a midnight', async () => {
    const household = await createHousehold(services, bench.database.url);
    const everyHour = Array.from({ length: 30 * 24 }, (_, index) => tokensAt(index * 60 + 30));
    await record(services, household, { drafts: everyHour, now: clock.now() });
    const records = async (timeZone: string, from: string, to: string): Promise<[string, bigint][]> => {
      const span = { from: new Date(from), to: new Date(to) };
      const buckets = await services.summaries.summarize(household, requestOf({ ...span, timeZone }));
      return buckets.map((bucket) => [bucket.start.toISOString().slice(0, 16), bucket.records]);
    };
    expect(await records('Europe/Berlin', '2026-03-27T23:00Z', '2026-03-30T22:00Z')).toEqual([
      ['2026-03-27T23:00', 24n],
      ['2026-03-28T23:00', 23n],
      ['2026-03-29T22:00', 24n],
    ]);
    expect(await records('America/Santiago', '2026-04-03T03:00Z', '2026-04-06T04:00Z')).toEqual([
      ['2026-04-03T03:00', 24n],
      ['2026-04-04T03:00', 25n],
      ['2026-04-05T04:00', 24n],
    ]);
    // Hours at the ends are of days that began before.
    expect(await records('Asia/Tokyo', '2026-04-01T14:00Z', '2026-04-01T16:00Z')).toEqual([
      ['2026-03-31T15:00', 1n],
      ['2026-04-01T15:00', 1n],
    ]);
  });

  it('have an hour whole that the span begins or ends in', async () => {
    const household = await createHousehold(services, bench.database.url);
    const drafts = [tokensAt(0), tokensAt(25), tokensAt(31), tokensAt(91)];
    await record(services, household, { drafts, now: clock.now() });
    const span = { from: new Date('2026-04-10T11:45:00Z'), to: new Date('2026-04-10T12:01:00Z') };
    const total = requestOf({ ...span, interval: 'TOTAL' });
    expect(await services.summaries.summarize(household, total)).toMatchObject([
      { start: new Date('2026-04-10T11:00:00Z'), records: 3n },
    ]);
  });

  it('are empty where nothing was used', async () => {
    const household = await createHousehold(services, bench.database.url);
    for (const interval of ['HOUR', 'DAY', 'MONTH', 'TOTAL'] as const) {
      expect(await services.summaries.summarize(household, requestOf({ interval }))).toEqual([]);
    }
    const ages = requestOf({ from: new Date('1970-01-01T00:00:00Z'), to: new Date('9999-12-31T23:59:59Z') });
    expect(await services.summaries.summarize(household, ages)).toEqual([]);
  });

  it.each([
    ['an empty span', { from: NOW, to: NOW }],
    ['a span that runs backwards', { from: NOW, to: new Date(NOW.getTime() - DAY_MS) }],
    ['a zone that nobody knows', { timeZone: 'Europe/Atlantis' }],
    ['no zone', { timeZone: '' }],
    ['an offset without a name', { timeZone: '+02:00' }],
    ['half an hour', { timeZone: 'Asia/Kolkata' }],
    ['half an hour, of a total', { timeZone: 'Asia/Kolkata', interval: 'TOTAL' as const }],
    ['three quarters of an hour', { timeZone: 'Asia/Kathmandu' }],
    ['whole hours only since', { timeZone: 'Europe/Berlin', from: new Date('1880-01-01T00:00:00Z') }],
  ])('refuse %s, used or not', async (_, request) => {
    const household = await createHousehold(services, bench.database.url);
    await expect(services.summaries.summarize(household, requestOf(request))).rejects.toMatchObject({
      code: 'BAD_USER_INPUT',
    });
  });

  it('have at most 10 000 buckets', async () => {
    const household = await createHousehold(services, bench.database.url);
    // Fifteen buckets an hour would be too many for a month; eight are not.
    const drafts = Array.from({ length: 30 * 24 }, (_, hour) =>
      [0, 1, 2, null].flatMap((person) =>
        (['FULL', 'COMPUTE_ONLY'] as const).map((billingMode): UseDraft => ({
          ...tokensAt(hour * 60 + 30),
          lines: [
            { resource: 'AI_TOKENS', quantity: 1n },
            { resource: 'COMPUTE', quantity: 1n },
          ],
          person,
          billingMode,
        })),
      ),
    ).flat();
    await record(services, household, { drafts, now: clock.now() });
    const ask = (groupBy: readonly UsageDimension[], interval: UsageInterval = 'HOUR'): Promise<UsageBucket[]> =>
      services.summaries.summarize(household, requestOf({ groupBy, interval }));
    expect(await ask(['USER', 'RESOURCE'])).toHaveLength(30 * 24 * 8);
    await expect(ask(['USER', 'RESOURCE', 'BILLING_MODE'])).rejects.toMatchObject({
      code: 'BAD_USER_INPUT',
      message: expect.stringContaining('10000 buckets') as string,
    });
    expect(await ask(['USER', 'RESOURCE', 'BILLING_MODE'], 'MONTH')).toHaveLength(2 * 16);
  });
});

function tokensAt(minutesAgo: number): UseDraft {
  return {
    isApart: false,
    isOnKey: false,
    person: 0,
    billingMode: 'FULL',
    feature: null,
    lines: [{ resource: 'AI_TOKENS', quantity: 5n }],
    minutesAgo,
  };
}

function hourBeforeNow(hours: number): Date {
  return new Date(Math.ceil(NOW.getTime() / HOUR_MS) * HOUR_MS - hours * HOUR_MS);
}

function isWithin({ occurredAt }: UsageRecord, { from, to }: SummaryRequest): boolean {
  return occurredAt >= from && occurredAt < to;
}

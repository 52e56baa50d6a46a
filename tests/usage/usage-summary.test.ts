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
/** When clocks are changed in these weeks, and the minutes by which they are then ahead of UTC. */
type Offsets = readonly (readonly [from: string, minutes: number])[];
/** Ahead and behind, near and far; over midnight and at it; of halves and quarters of an hour. */
const ZONES: Readonly<Record<string, Offsets>> = {
  UTC: [['2000-01-01T00:00Z', 0]],
  'Europe/Berlin': [
    ['2000-01-01T00:00Z', 60],
    ['2026-03-29T01:00Z', 120],
  ],
  'America/New_York': [
    ['2000-01-01T00:00Z', -300],
    ['2026-03-08T07:00Z', -240],
  ],
  'America/Los_Angeles': [
    ['2000-01-01T00:00Z', -480],
    ['2026-03-08T10:00Z', -420],
  ],
  'America/Santiago': [
    ['2000-01-01T00:00Z', -180],
    ['2026-04-05T03:00Z', -240],
  ],
  'America/St_Johns': [
    ['2000-01-01T00:00Z', -210],
    ['2026-03-08T05:30Z', -150],
  ],
  'Africa/Cairo': [['2000-01-01T00:00Z', 120]],
  'Asia/Kolkata': [['2000-01-01T00:00Z', 330]],
  'Asia/Kathmandu': [['2000-01-01T00:00Z', 345]],
  'Asia/Tokyo': [['2000-01-01T00:00Z', 540]],
  'Australia/Adelaide': [
    ['2000-01-01T00:00Z', 630],
    ['2026-04-04T16:30Z', 570],
  ],
  'Australia/Lord_Howe': [
    ['2000-01-01T00:00Z', 660],
    ['2026-04-04T15:00Z', 630],
  ],
  'Pacific/Auckland': [
    ['2000-01-01T00:00Z', 780],
    ['2026-04-04T14:00Z', 720],
  ],
  'Pacific/Chatham': [
    ['2000-01-01T00:00Z', 825],
    ['2026-04-04T14:00Z', 765],
  ],
  'Pacific/Marquesas': [['2000-01-01T00:00Z', -570]],
  'Pacific/Kiritimati': [['2000-01-01T00:00Z', 840]],
  'Etc/GMT+12': [['2000-01-01T00:00Z', -720]],
};
const MINUTE_MS = 60_000;
const QUARTER_MS = 15 * MINUTE_MS;
const isOfWholeHours = (zone: string): boolean => (ZONES[zone] ?? []).every(([, minutes]) => minutes % 60 === 0);
/** As few as a person's day may have by name here. */
const MODELS_A_DAY = 2;
/** What the sums of further models are called here. */
const FURTHER = 'further models';

const EVERYTHING = {
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
  clock = new TestClock(NOW);
  services = await bench.services({
    clock,
    ledger: { lanes: 2, maxBatch: 500, maxQueued: 20_000, patienceMs: 10_000, modelsPerDay: MODELS_A_DAY },
  });
});

afterAll(() => bench.close());

function requestOf(request: Partial<SummaryRequest> = {}): SummaryRequest {
  const from = new Date('2026-03-01T00:00:00.000Z');
  return { from, to: NOW, interval: 'DAY', groupBy: [], filter: EVERYTHING, timeZone: 'UTC', ...request };
}

/** What the clocks of a place show, as text that sorts: 2026-03-29T03:00. */
function shown(instant: Date, timeZone: string): string {
  const minutes = ZONES[timeZone]?.findLast(([from]) => new Date(from) <= instant)?.[1] ?? Number.NaN;
  return new Date(instant.getTime() + minutes * MINUTE_MS).toISOString().slice(0, 16);
}

/** The name of the bucket that an instant falls into: as much of the local time as the interval tells. */
function nameOf(instant: Date, interval: UsageInterval, timeZone: string): string {
  const length = { HOUR: 0, DAY: 10, MONTH: 7, TOTAL: 0 }[interval];
  if (interval === 'HOUR') return String(Math.floor(instant.getTime() / HOUR_MS));
  return shown(instant, timeZone).slice(0, length);
}

type Summed = Omit<UsageBucket, 'start' | 'apiKey' | 'otherModels'> & {
  readonly name: string;
  readonly apiKeyId: string | null;
};

const ALL_DIMENSIONS: readonly UsageDimension[] = [
  ...(['USER', 'API_KEY', 'RESOURCE', 'BILLING_MODE', 'FEATURE', 'MODEL'] as const),
  'ORGANIZATION',
];

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
      model: of('MODEL', each.modelFolded ? FURTHER : each.model),
      organizationId: of('ORGANIZATION', each.organizationId),
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
    buckets.map(({ start, userId, apiKey, resource, billingMode, feature, otherModels, ...rest }) => {
      const name = interval === 'TOTAL' ? '' : nameOf(start, interval, timeZone);
      const { model: shownModel, organizationId, ...sums } = rest;
      expect(shownModel === 'other' || !otherModels).toBe(true);
      const model = otherModels ? FURTHER : shownModel;
      const keys = {
        name,
        userId,
        apiKeyId: apiKey?.id ?? null,
        resource,
        billingMode,
        feature,
        model,
        organizationId,
      };
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
    // At any minute, at the quarters at which sums are kept, or at the midnights between which their days lie.
    const minutesAgo = fc.oneof(
      fc.nat({ max: 36 * 24 * 60 }),
      fc.nat({ max: 36 * 24 * 4 }).map((each) => each * 15),
      fc.nat({ max: 36 }).map((days) => days * 24 * 60 + NOW.getUTCHours() * 60 + NOW.getUTCMinutes()),
    );
    const question = fc.record({
      interval: fc.constantFrom<UsageInterval>('HOUR', 'DAY', 'DAY', 'MONTH', 'TOTAL'),
      groupBy: fc.subarray([...ALL_DIMENSIONS]),
      draft: filterDraft,
      timeZone: fc.oneof(fc.constant('UTC'), fc.constantFrom(...Object.keys(ZONES))),
      ago: fc.tuple(minutesAgo, minutesAgo).filter(([one, other]) => one !== other),
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
          expect(recorded.map(({ modelFolded }) => modelFolded)).toEqual(foldedInOrder(recorded));
          for (const id of household.people.values()) {
            expect((await services.verification.verify(id)).problems).toEqual([]);
          }
          for (const { draft, ago, ...rest } of questions) {
            const [from, to] = ago.toSorted((one, other) => other - one).map(minutesBefore) as [Date, Date];
            const isRefused = rest.interval === 'HOUR' && !isOfWholeHours(rest.timeZone);
            const timeZone = isRefused ? 'Europe/Berlin' : rest.timeZone;
            const request = { ...rest, timeZone, from, to, filter: filterOf(draft, household) };
            // Further models are found by no name.
            const summed = (each: UsageRecord): UsageRecord => (each.modelFolded ? { ...each, model: FURTHER } : each);
            const asked = recorded.filter(
              (each) => fits(summed(each), request.filter, household) && isWithin(each, request),
            );
            const buckets = await services.summaries.summarize(household, request);
            expect(keyed(buckets, request)).toEqual(fold(asked, refunded, request));
            for (const id of household.people.values()) {
              if (id === household.billingEntityId) continue;
              const own = await services.summaries.summarize({ billingEntityId: id, type: 'USER' }, request);
              const paid = asked.filter(({ billingEntityId }) => billingEntityId === id);
              expect(keyed(own, request)).toEqual(fold(paid, refunded, request));
            }
            const starts = buckets.map(({ start }) => start.getTime());
            expect(starts).toEqual(starts.toSorted((one, other) => one - other));
            for (const bucket of buckets) {
              if (request.interval === 'TOTAL') expect(bucket.start.getTime()).toBe(quarterOf(from));
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

  it('have a quarter hour whole that the span begins or ends in', async () => {
    const household = await createHousehold(services, bench.database.url);
    // At 12:30, 12:05, 11:59, 11:31 and 10:59.
    const drafts = [tokensAt(0), tokensAt(25), tokensAt(31), tokensAt(59), tokensAt(91)];
    await record(services, household, { drafts, now: clock.now() });
    const span = { from: new Date('2026-04-10T11:44:00Z'), to: new Date('2026-04-10T12:01:00Z') };
    const startOf = (text: string, records: bigint): object => ({ start: new Date(text), records });
    const ask = (interval: UsageInterval): Promise<UsageBucket[]> =>
      services.summaries.summarize(household, requestOf({ ...span, interval }));
    expect(await ask('TOTAL')).toMatchObject([startOf('2026-04-10T11:30:00Z', 3n)]);
    expect(await ask('HOUR')).toMatchObject([startOf('2026-04-10T11:00:00Z', 2n), startOf('2026-04-10T12:00:00Z', 1n)]);
    expect(await ask('DAY')).toMatchObject([startOf('2026-04-10T00:00:00Z', 3n)]);
  });

  it.each([
    'Asia/Singapore',
    'Europe/Amsterdam',
    'Africa/Monrovia',
    'Europe/Berlin',
    'America/Los_Angeles',
    'Asia/Pyongyang',
  ])('answer over all time in %s, whatever offset it had when nothing was used', async (timeZone) => {
    const household = await createHousehold(services, bench.database.url);
    await record(services, household, { drafts: [tokensAt(0)], now: clock.now() });
    for (const from of [
      '0001-01-01T00:00:00Z',
      '1880-01-01T00:00:00Z',
      '1905-06-01T00:00:00Z',
      '1970-01-01T00:00:00Z',
    ]) {
      const ages = { from: new Date(from), to: new Date('9999-12-31T23:59:59Z'), timeZone };
      for (const interval of ['HOUR', 'DAY', 'MONTH', 'TOTAL'] as const) {
        const buckets = await services.summaries.summarize(household, requestOf({ ...ages, interval }));
        expect(buckets.map(({ records }) => records)).toEqual([1n]);
      }
    }
  });

  it('of a total ask for no zone', async () => {
    const household = await createHousehold(services, bench.database.url);
    await record(services, household, { drafts: [tokensAt(0)], now: clock.now() });
    for (const timeZone of Object.keys(ZONES)) {
      const total = requestOf({ timeZone, interval: 'TOTAL' });
      expect(
        await services.summaries.summarize(household, { ...total, to: new Date('2027-01-01T00:00:00Z') }),
      ).toMatchObject([{ records: 1n }]);
    }
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
    ['hours of half an hour', { timeZone: 'Asia/Kolkata', interval: 'HOUR' as const }],
    ['hours of three quarters of an hour', { timeZone: 'Asia/Kathmandu', interval: 'HOUR' as const }],
    [
      'hours of a zone that has half hours in winter, in summer',
      {
        ...{ timeZone: 'Australia/Lord_Howe', interval: 'HOUR' as const },
        ...{ from: new Date('2026-01-01T00:00:00Z'), to: new Date('2026-01-02T00:00:00Z') },
      },
    ],
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

function minutesBefore(minutes: number): Date {
  return new Date(NOW.getTime() - minutes * MINUTE_MS);
}

function quarterOf(instant: Date): number {
  return Math.floor(instant.getTime() / QUARTER_MS) * QUARTER_MS;
}

/** By the quarter hours that the span touches. */
function isWithin({ occurredAt }: UsageRecord, { from, to }: SummaryRequest): boolean {
  return quarterOf(occurredAt) >= quarterOf(from) && quarterOf(occurredAt) < to.getTime();
}

/** Which of the records' models are not summed up by name, found the long way: one by one, in the order of recording. */
function foldedInOrder(records: readonly UsageRecord[]): boolean[] {
  const named = new Map<string, string[]>();
  const folded = new Map<UsageRecord, boolean>();
  for (const each of records.toSorted((a, b) => Number(a.sequence - b.sequence) || a.line - b.line)) {
    const day = [each.billingEntityId, each.userId, each.occurredAt.toISOString().slice(0, 10)].join(' ');
    const names = named.get(day) ?? [];
    named.set(day, names);
    const { model } = each;
    folded.set(each, model !== null && !names.includes(model) && names.length >= MODELS_A_DAY);
    if (model !== null && !names.includes(model) && names.length < MODELS_A_DAY) names.push(model);
  }
  return records.map((each) => folded.get(each) as boolean);
}

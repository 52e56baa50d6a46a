import { alertTicks, unitsOf } from '../src/pages/balance/measures.ts';
import { filterOf, withFilter, withoutFilter } from '../src/pages/usage/filters.ts';
import { barsOf, type Bucket, groupsOf, seriesOf } from '../src/pages/usage/groups.ts';
import { rangeOf } from '../src/pages/usage/range.ts';
import { receiptSentence } from '../src/pages/usage/receipt.ts';
import { readUsageSearch } from '../src/pages/usage/search.ts';
import { layOut } from '../src/ui/stack.ts';

const TOKENS = { resource: 'AI_TOKENS', units: 1_000, credits: 100, costPerCredit: '0.00004' } as const;

describe('the receipt in words', () => {
  const charge = {
    quantity: 1_965,
    resource: 'AI_TOKENS',
    rate: TOKENS,
    billingMode: 'FULL',
    carriedBefore: '0.3',
    carriedAfter: '0.8',
    credits: 196,
  } as const;

  test('adds quantity, rate and what was carried up to the credits', () => {
    expect(receiptSentence(charge)).toBe('1,965 tokens × 0.1 + 0.3 carried = 196 credits, 0.8 carried on');
  });

  test('leaves out what was not carried', () => {
    expect(receiptSentence({ ...charge, quantity: 10, carriedBefore: '0', carriedAfter: '0.0', credits: 1 })).toBe(
      '10 tokens × 0.1 = 1 credit',
    );
  });

  test('shows a rate without an end as a fraction', () => {
    const rate = { resource: 'COMPUTE', units: 60_000, credits: 7, costPerCredit: '0.00004' } as const;
    expect(receiptSentence({ ...charge, resource: 'COMPUTE', rate, quantity: 60_000, credits: 7 })).toContain(
      '60,000 ms × 7/60,000',
    );
  });

  test('says why tokens on a key that pays for compute only cost nothing', () => {
    expect(receiptSentence({ ...charge, billingMode: 'COMPUTE_ONLY', credits: 0 })).toContain(
      'compute only: 0 credits',
    );
  });
});

describe('the address of the page of usage', () => {
  test('what is not understood is left out', () => {
    expect(readUsageSearch({ range: 'forever', group: 'USER', models: 'x', from: '2026-13-45', record: 7 })).toEqual({
      group: 'USER',
      record: '7',
    });
  });

  test('filters are added once, taken away, and sent by the API’s names', () => {
    const two = withFilter(withFilter(withFilter({}, 'models', 'a'), 'models', 'b'), 'models', 'a');
    expect(filterOf(two)).toEqual({ models: ['a', 'b'] });
    expect(filterOf(withoutFilter(withoutFilter(two, 'models', 'a'), 'models', 'b'))).toEqual({});
  });

  test('seven days are six whole ones and today', () => {
    const range = rangeOf({ range: '7d' }, { now: new Date('2026-03-10T15:00:00Z'), utc: true, periodStart: null });
    expect([range.from.toISOString(), range.to.toISOString()]).toEqual([
      '2026-03-04T00:00:00.000Z',
      '2026-03-11T00:00:00.000Z',
    ]);
  });

  test('hours of ninety days are shown by day', () => {
    const given = { now: new Date('2026-03-10T15:00:00Z'), utc: true, periodStart: null };
    expect(rangeOf({ range: '90d', interval: 'HOUR' }, given).interval).toBe('DAY');
    expect(rangeOf({ range: '7d', interval: 'HOUR' }, given).interval).toBe('HOUR');
  });
});

describe('groups', () => {
  const bucket = (model: string | null, credits: number, start = '2026-03-01T00:00:00Z'): Bucket => ({
    ...{ start, credits, model, overage: 0, quantity: 1, records: 1, otherModels: false },
    ...{ feature: null, resource: null, billingMode: null, user: null, apiKey: null, organization: null },
  });
  const ten = Array.from({ length: 10 }, (_, index) => bucket(`m${index}`, 100 - index));

  test('the top eight have a colour each, the others one grey', () => {
    const series = seriesOf(groupsOf(ten, 'MODEL'));
    expect(series.map(({ label, colour }) => [label, colour]).slice(7)).toEqual([
      ['m7', 7],
      ['Other', null],
    ]);
  });

  test('each credit of the summary stands in one bar', () => {
    const groups = groupsOf([...ten, bucket(null, 5)], 'MODEL');
    const range = {
      from: new Date('2026-03-01T00:00:00Z'),
      to: new Date('2026-03-03T00:00:00Z'),
      interval: 'DAY',
    } as const;
    const bars = barsOf([...ten, bucket(null, 5)], { range, series: seriesOf(groups), by: 'MODEL', utc: true });
    const sums = bars.map(({ parts }) => Object.values(parts).reduce((sum, part) => sum + part, 0));
    expect(sums).toEqual([960, 0]);
  });

  test('bars reach from the foot of the chart to their value', () => {
    const { segments } = layOut(
      [{ key: 'd', label: 'd', parts: { a: 60, b: 40 } }],
      [
        { key: 'a', label: 'a', colour: 0 },
        { key: 'b', label: 'b', colour: 1 },
      ],
    );
    expect(segments.map(({ y, height }) => [y, height])).toEqual([
      [40, 60],
      [0, 40],
    ]);
  });
});

test('credits in units that people think in, and the levels of alerts on the bar', () => {
  expect(unitsOf(1_000, [TOKENS, { resource: 'COMPUTE', units: 60_000, credits: 50 }])).toEqual({
    tokens: 10_000,
    minutes: 20,
  });
  const preference = { type: 'WARNING', enabled: true, level: null, remaining: null } as const;
  const preferences = [
    { ...preference, level: 0.8 },
    { ...preference, remaining: 100 },
    { ...preference, level: 0.5, enabled: false },
    { ...preference, remaining: 5_000 },
  ];
  expect(alertTicks(preferences, 1_000)).toEqual([0.8, 0.9]);
});

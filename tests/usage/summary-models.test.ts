import type { DomainServices } from '../../src/services.ts';
import type { SummaryRequest, UsageBucket } from '../../src/usage/usage-summary.ts';
import { Bench } from '../support/bench.ts';
import { TestClock } from '../support/clock.ts';
import { createHousehold, record, type UseDraft } from './recorded-use.ts';

const NOW = new Date('2026-04-10T12:30:00.000Z');
const DAYS = 30;
const NAMES = 400;
const DAY_MINUTES = 24 * 60;

let bench: Bench;
let clock: TestClock;
let services: DomainServices;

beforeAll(async () => {
  bench = await Bench.open();
  clock = new TestClock(NOW);
  services = await bench.services({
    clock,
    ledger: { lanes: 2, maxBatch: 500, maxQueued: 20_000, patienceMs: 10_000, modelsPerDay: NAMES },
  });
});

afterAll(() => bench.close());

it('names of models never make a summary too large: the smallest are told together, the others by name', async () => {
  const household = await createHousehold(services, bench.database.url);
  // The larger its number, the more credits a model takes; one use a day names none.
  const models = [null, ...Array.from({ length: NAMES }, (_, index) => `model-${index}`)];
  const chunks = Array.from({ length: Math.ceil(models.length / 10) }, (_, index) =>
    models.slice(index * 10, index * 10 + 10),
  );
  const drafts = Array.from({ length: DAYS }, (_, day) =>
    chunks.map((chunk): UseDraft => ({
      ...{ isApart: false, isOnKey: false, person: 0, billingMode: 'FULL', feature: null },
      lines: chunk.map((model) => ({
        resource: 'AI_TOKENS',
        quantity: BigInt(model === null ? 10 : 10 * (1 + Number(model.slice(6)))),
        model,
      })),
      minutesAgo: day * DAY_MINUTES,
    })),
  ).flat();
  await record(services, household, { drafts, now: clock.now() });
  const filter = {
    ...{ resources: null, userExternalIds: null, billingModes: null, features: null, apiKeyIds: null },
    ...{ organizationExternalIds: null, models: null },
  };
  const ask = (groupBy: SummaryRequest['groupBy'], interval: SummaryRequest['interval']): Promise<UsageBucket[]> => {
    const from = new Date(NOW.getTime() - DAYS * DAY_MINUTES * 60_000);
    return services.summaries.summarize(household, { from, to: NOW, interval, groupBy, filter, timeZone: 'UTC' });
  };
  const sum = (buckets: readonly UsageBucket[]): bigint => buckets.reduce((all, { credits }) => all + credits, 0n);
  for (const interval of ['DAY', 'HOUR'] as const) {
    const all = await ask([], interval);
    const buckets = await ask(['MODEL'], interval);
    expect(buckets.length).toBeLessThanOrEqual(10_000);
    expect(sum(buckets)).toBe(sum(all));
    // Of each day: use without a model, further models, and as many by name as there is room for.
    const spans = new Set(buckets.map(({ start }) => start.getTime())).size;
    const room = Math.floor(10_000 / spans) - 2;
    const named = new Set(buckets.flatMap(({ model, otherModels }) => (model === null || otherModels ? [] : [model])));
    const largest = Array.from({ length: room }, (_, index) => `model-${NAMES - 1 - index}`);
    expect([...named].toSorted()).toEqual(largest.toSorted());
    expect(buckets.filter(({ otherModels }) => otherModels)).toHaveLength(spans);
    expect(buckets.filter(({ model }) => model === null)).toHaveLength(spans);
    expect(buckets.map(({ start }) => start.getTime())).toEqual(
      buckets.map(({ start }) => start.getTime()).toSorted((a, b) => a - b),
    );
  }
  expect(await ask(['MODEL'], 'TOTAL')).toHaveLength(NAMES + 1);
}, 120_000);

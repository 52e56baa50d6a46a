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

const MINUTE_MS = 60_000;
/** More entries than are sorted for a page. */
const MANY = 3_000;
const ROUNDS = 12;

let bench: Bench;
let clock: TestClock;
let services: DomainServices;

beforeAll(async () => {
  bench = await Bench.open();
  clock = new TestClock();
  services = await bench.services({ clock });
});

afterAll(() => bench.close());

async function walk(household: Household, filter: UsageFilter): Promise<UsageRecord[]> {
  const records: UsageRecord[] = [];
  for await (const page of services.usage.everyRecord(household, filter, 250)) records.push(...page);
  return records;
}

const namesOf = (records: readonly UsageRecord[]): string[] =>
  records.map(({ billingEntityId, sequence, line }) => `${billingEntityId} ${sequence}/${line}`);

describe('records of a span of recording', () => {
  it('are those that were recorded in it, by occurredAt, whatever else is asked and however many there are', async () => {
    const household = await createHousehold(services, bench.database.url);
    const start = clock.now();
    const recorded: UsageRecord[] = [];
    for (const seed of Array.from({ length: ROUNDS }, (_, index) => index)) {
      const drafts = fc.sample(useDraft, { numRuns: MANY / ROUNDS, seed });
      recorded.push(...(await record(services, household, { drafts, now: clock.now() })));
      clock.forwardMs(10 * MINUTE_MS);
    }
    // Every second one is the very instant of a round.
    const minute = fc.option(
      fc.integer({ min: -2, max: 2 * (ROUNDS + 1) }).map((half) => half * 5),
      { freq: 4 },
    );
    const question = fc.record({
      draft: fc.option(filterDraft, { freq: 2 }),
      from: minute,
      to: minute,
      old: fc.boolean(),
    });
    const instant = (minutes: number | null): Date | null =>
      minutes === null ? null : new Date(start.getTime() + minutes * MINUTE_MS);
    const questions = fc.sample(question, { numRuns: 60, seed: 3 });
    let found = 0;
    for (const { draft, old, ...span } of questions) {
      const [recordedFrom, recordedTo] = [instant(span.from), instant(span.to)];
      const none = {
        resources: null,
        people: null,
        keysOf: null,
        isApart: null,
        billingModes: null,
        features: null,
        models: null,
      };
      const [from, to] = [null, old ? start : null];
      const filter = { ...filterOf(draft ?? none, household), from, to, recordedFrom, recordedTo };
      const expected = recorded
        .filter((each) => fits(each, filter, household))
        .filter(
          ({ recordedAt }) => (!recordedFrom || recordedAt >= recordedFrom) && (!recordedTo || recordedAt < recordedTo),
        )
        .filter(({ occurredAt }) => !to || occurredAt < to)
        .toSorted(newestUseFirst);
      expect({ span, records: namesOf(await walk(household, filter)) }).toEqual({ span, records: namesOf(expected) });
      found += expected.length;
    }
    expect(found).toBeGreaterThan(MANY);
  }, 120_000);

  it('are none of a time before all that was ever recorded, and none of one that is to come', async () => {
    const household = await createHousehold(services, bench.database.url);
    await record(services, household, { drafts: fc.sample(useDraft, { numRuns: 3, seed: 1 }), now: clock.now() });
    const everything = {
      resources: null,
      people: null,
      keysOf: null,
      isApart: null,
      billingModes: null,
      features: null,
      models: null,
    };
    const filter = { ...filterOf(everything, household), from: null, to: null, recordedFrom: null, recordedTo: null };
    expect(await walk(household, { ...filter, recordedTo: new Date('0001-01-01T00:00:00Z') })).toEqual([]);
    expect(await walk(household, { ...filter, recordedFrom: new Date('9999-12-31T23:59:59Z') })).toEqual([]);
    const empty = { recordedFrom: clock.now(), recordedTo: clock.now() };
    expect(await walk(household, { ...filter, ...empty })).toEqual([]);
  });
});

import pg from 'pg';
import type { DomainServices } from '../../src/services.ts';
import { Bench } from '../support/bench.ts';
import { TestClock } from '../support/clock.ts';
import { createHousehold, record, refund, type UseDraft } from './recorded-use.ts';

const TOKENS: UseDraft = {
  isApart: false,
  isOnKey: false,
  person: 1,
  billingMode: 'FULL',
  feature: null,
  lines: [{ resource: 'AI_TOKENS', quantity: 1_000n }],
  minutesAgo: 0,
};

let bench: Bench;
let clock: TestClock;
let services: DomainServices;
let admin: pg.Client;

beforeAll(async () => {
  bench = await Bench.open();
  clock = new TestClock();
  services = await bench.services({ clock });
  admin = new pg.Client({ connectionString: bench.database.url });
  await admin.connect();
});

afterAll(async () => {
  await admin.end();
  await bench.close();
});

describe('sums of use', () => {
  it('of an hour lose what a refund gives back, in a transaction of its own or together with new use of that hour', async () => {
    const household = await createHousehold(services, bench.database.url);
    const use = (): ReturnType<typeof record> =>
      record(services, household, { drafts: [TOKENS, TOKENS], now: clock.now() });
    const sums = async (): Promise<unknown[]> => {
      const { rows } = await admin.query<Record<string, number>>(
        'select quantity::int, credits::int, records::int from usage_rollup where billing_entity_id = $1',
        [household.billingEntityId],
      );
      return rows;
    };
    const [first, second] = await use();
    expect(await sums()).toEqual([{ quantity: 2_000, credits: 200, records: 2 }]);
    await refund(services, first as NonNullable<typeof first>);
    expect(await sums()).toEqual([{ quantity: 2_000, credits: 100, records: 2 }]);
    // One batch: two uses and a refund.
    await Promise.all([use(), refund(services, second as NonNullable<typeof second>)]);
    expect(await sums()).toEqual([{ quantity: 4_000, credits: 200, records: 4 }]);
    expect((await services.verification.verify(household.billingEntityId)).problems).toEqual([]);
  });

  it('lose each part of a refund as it comes, several of one record in one batch, also to the last credit', async () => {
    const household = await createHousehold(services, bench.database.url);
    const [used] = await record(services, household, { drafts: [TOKENS], now: clock.now() });
    const one = used as NonNullable<typeof used>;
    const sums = async (table: string): Promise<unknown> => {
      const { rows } = await admin.query<object>(
        `select quantity::int, credits::int, records::int from ${table} where billing_entity_id = $1`,
        [household.billingEntityId],
      );
      return rows;
    };
    await refund(services, one, 30n);
    expect(await sums('usage_rollup')).toEqual([{ quantity: 1_000, credits: 70, records: 1 }]);
    await Promise.all([refund(services, one, 20n), refund(services, one, 40n)]);
    expect(await sums('usage_rollup')).toEqual([{ quantity: 1_000, credits: 10, records: 1 }]);
    await refund(services, one);
    expect(await sums('usage_rollup')).toEqual([{ quantity: 1_000, credits: 0, records: 1 }]);
    expect(await sums('usage_rollup_day')).toEqual(await sums('usage_rollup'));
    expect((await services.verification.verify(household.billingEntityId)).problems).toEqual([]);
  });

  it('and by the day are held against each other and the records by verification', async () => {
    const { billingEntityId, ...rest } = await createHousehold(services, bench.database.url);
    await record(services, { billingEntityId, ...rest }, { drafts: [TOKENS], now: clock.now() });
    const damages = [
      [`update usage_rollup_day set credits = credits + 1`, /^day’s summary of 2026-03-10T00:00.*its hours say/],
      [`delete from usage_rollup_day`, /^day’s summary of 2026-03-10T00:00.*are not there, its hours say/],
      [`update usage_rollup set records = records + 1`, /^summary of 2026-03-10T12:00.*the records say/],
    ] as const;
    for (const [damage, problem] of damages) {
      const { rows } = await admin.query<Record<string, unknown>>(
        `${damage} where billing_entity_id = $1 returning *`,
        [billingEntityId],
      );
      expect(rows).toHaveLength(1);
      const { consistent, problems } = await services.verification.verify(billingEntityId);
      expect({ consistent, problems }).toMatchObject({ consistent: false });
      expect(problems[0]).toMatch(problem);
    }
  });
});

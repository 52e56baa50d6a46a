import fc from 'fast-check';
import type { DomainServices } from '../../src/services.ts';
import { forecastOf } from '../../src/usage/forecast.ts';
import { Bench } from '../support/bench.ts';
import { TestClock } from '../support/clock.ts';

const DAY_MS = 86_400_000;
const NOON = new Date('2026-03-10T12:00:00.000Z');
const PERIOD_END = new Date('2026-04-01T00:00:00.000Z');
const inDays = (days: number): Date => new Date(NOON.getTime() + days * DAY_MS);

describe('a forecast', () => {
  it('is exact, whatever was rounded to show it', () => {
    // 10 credits in seven days are 1.43 a day: 20 last fourteen days.
    const pace = { available: 20n, burnt: 10n, now: NOON, periodEnd: PERIOD_END };
    expect(forecastOf(pace)).toEqual({ dailyBurn: 1n, exhaustsAt: inDays(14) });
    expect(forecastOf({ ...pace, available: 1n, burnt: 7n * 86_400_000n })).toMatchObject({
      exhaustsAt: new Date(NOON.getTime() + 1),
    });
  });

  it.each([
    [0n, 0n],
    [3n, 0n],
    [4n, 1n],
    [10n, 1n],
    [11n, 2n],
    [700n, 100n],
  ])('of %d credits in seven days shows %d a day', (burnt, dailyBurn) => {
    expect(forecastOf({ available: 1n, burnt, now: NOON, periodEnd: PERIOD_END }).dailyBurn).toBe(dailyBurn);
  });

  it('sees no end at or after that of the period, when credits come again', () => {
    const pace = { available: 100n, now: NOON, periodEnd: inDays(7) };
    expect(forecastOf({ ...pace, burnt: 100n }).exhaustsAt).toBeNull();
    expect(forecastOf({ ...pace, burnt: 101n }).exhaustsAt).not.toBeNull();
    expect(forecastOf({ ...pace, burnt: 0n }).exhaustsAt).toBeNull();
  });

  it('of an account that has nothing is now', () => {
    for (const burnt of [0n, 5n]) {
      expect(forecastOf({ available: 0n, burnt, now: NOON, periodEnd: PERIOD_END }).exhaustsAt).toEqual(NOON);
    }
  });

  it('never names a moment at which anything would be left, nor one a millisecond too late', () => {
    const amount = fc.bigInt(1n, 2n ** 53n - 1n);
    fc.assert(
      fc.property(amount, amount, (available, burnt) => {
        const { exhaustsAt } = forecastOf({ available, burnt, now: NOON, periodEnd: PERIOD_END });
        if (exhaustsAt === null) return;
        const lastsMs = BigInt(exhaustsAt.getTime() - NOON.getTime());
        const needed = available * BigInt(7 * DAY_MS);
        expect(burnt * lastsMs >= needed && burnt * (lastsMs - 1n) < needed).toBe(true);
      }),
    );
  });
});

describe('the forecast of an account', () => {
  let bench: Bench;
  let clock: TestClock;
  let services: DomainServices;

  beforeAll(async () => {
    bench = await Bench.open();
    clock = new TestClock(NOON);
    services = await bench.services({ clock });
  });

  afterAll(() => bench.close());

  const consume = async (userExternalId: string, tokens: bigint, occurredAt: Date): Promise<void> => {
    const result = await services.consumption.consume(
      { kind: 'SERVICE', subject: 'platform', expiresAt: inDays(1) },
      {
        idempotencyKey: `${userExternalId} ${tokens} ${occurredAt.toISOString()}`,
        lines: [{ resource: 'AI_TOKENS', quantity: tokens }],
        userExternalId,
        organizationExternalId: null,
        apiKeyId: null,
        feature: null,
        reservationId: null,
        occurredAt,
        metadata: null,
      },
    );
    expect(result.kind).toBe('success');
  };

  it('follows the use of seven days, with what is due applied', async () => {
    const id = await services.entities.ensureUser({ externalId: 'ann', name: null, withTrial: true });
    expect(await services.forecasts.forecast(id)).toEqual({ dailyBurn: 0n, exhaustsAt: null });
    await consume('ann', 10_000n, inDays(-7));
    await consume('ann', 60_000n, inDays(-1));
    await consume('ann', 10_000n, inDays(-8));
    // 7 000 of 10 000 credits in seven days; 8 000 in all.
    expect(await services.forecasts.forecast(id)).toEqual({ dailyBurn: 1_000n, exhaustsAt: inDays(2) });
    // A promotion that nobody has looked at since it took effect.
    await services.ledger.submit({
      kind: 'grant',
      billingEntityId: id,
      actor: 'test',
      idempotency: null,
      grantId: '01900000-0000-7000-8000-000000000001',
      source: 'PROMOTION',
      amount: 4_000n,
      priority: 50,
      effectiveAt: new Date(NOON.getTime() + 1),
      expiresAt: null,
      reason: 'test',
    });
    expect((await services.forecasts.forecast(id))?.exhaustsAt).toEqual(inDays(2));
    clock.forwardMs(2);
    // The use of just seven days ago has gone out of the window: 6 000 credits are left at 6 000 in seven days.
    expect(await services.forecasts.forecast(id)).toEqual({
      dailyBurn: 857n,
      exhaustsAt: new Date(NOON.getTime() + 2 + 7 * DAY_MS),
    });
  });

  it('is none where there is no account', async () => {
    expect(await services.forecasts.forecast('01900000-0000-7000-8000-00000000ffff')).toBeNull();
  });
});

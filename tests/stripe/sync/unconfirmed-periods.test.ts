/** Periods of which nothing was paid: their credits come when they are paid, and what was given ahead goes back (rule 25). */
import type { Stripe } from 'stripe';
import { contractViolations, CONTRACT_TIMEOUT_MS } from '@tollgate/stripe-emulator/testing/contract';
import { type Buyer, Till } from '../../support/till.ts';
import type { Exchange } from '@tollgate/stripe-emulator';
import { DAY_MS, FIRST_END, HOUR_MS, payOnPage, stands, START, subscribeAtStripe } from './periods.ts';

const MONTH_ENDS = ['2027-02-28', '2027-03-31', '2027-04-30', '2027-05-31'].map((day) => Date.parse(day));

let till: Till;
const traffic: Exchange[] = [];

/** Moving the clock renews everybody: each test has a Till of its own. */
beforeEach(async () => {
  till = await Till.open();
});

afterEach(async () => {
  traffic.push(...till.app.emulator.traffic);
  await till.close();
});

describe('a trial of the plan without a card, raised by its payer to a thousand units,', () => {
  const TRIAL_END = START + 14 * DAY_MS;

  async function raisedTrial(missing: 'cancel' | 'pause' | 'create_invoice'): Promise<Buyer> {
    const ada = await till.buyer();
    await subscribeAtStripe(till, ada, {
      trial_period_days: 14,
      trial_settings: { end_behavior: { missing_payment_method: missing } },
    });
    await till.allowOverage(ada);
    await till.change(ada, 1_000);
    expect(await till.shown(ada)).toMatchObject({ ...stands('TRIALING', 500_000), subscription: { quantity: 1_000 } });
    return ada;
  }

  test.each([
    ['cancel', null],
    ['pause', 'PAUSED'],
    ['create_invoice', 'ACTIVE'],
  ] as const)('brings nothing at its end, where that is to %s', async (missing, status) => {
    const ada = await raisedTrial(missing);
    // Our clock alone first, then Stripe's, which makes the invoice of the first period an hour later.
    till.clock.set(new Date(TRIAL_END));
    expect(await till.shown(ada)).toMatchObject({ credits: { available: 0 } });
    expect(await till.use(ada, 1)).toMatchObject({ reason: 'INSUFFICIENT_CREDITS', available: 0 });
    await till.moveTo(TRIAL_END);
    const shown = await till.shown(ada);
    expect(shown.credits).toEqual({ available: 0, owed: 0 });
    expect(shown.subscription?.status ?? null).toBe(status);
    expect(await till.use(ada, 1)).toMatchObject({ available: 0 });
    await till.moveTo(TRIAL_END + 2 * HOUR_MS);
    expect((await till.shown(ada)).credits).toEqual({ available: 0, owed: 0 });
    expect(await till.chargesOf(ada)).toEqual([]);
    await till.expectProven(ada);
  });

  test('brings all of them once they are paid', async () => {
    const ada = await raisedTrial('create_invoice');
    await till.moveTo(TRIAL_END);
    await till.moveTo(TRIAL_END + 2 * HOUR_MS);
    await payOnPage(till, ada);
    expect((await till.chargesOf(ada)).filter(({ paid }) => paid).map(({ amount }) => amount)).toEqual([2_000_000]);
    expect(await till.shown(ada)).toMatchObject(stands('ACTIVE', 500_000_000));
    await till.expectProven(ada);
  });
});

describe('a trial that is moved on at Stripe, again and again,', () => {
  const move = async (
    buyer: Buyer,
    end: number,
    terms: Partial<Stripe.SubscriptionUpdateParams> = {},
  ): Promise<void> => {
    const { id } = await till.stripeSubscriptionOf(buyer);
    await till.stripe.call('subscription', (sdk) =>
      sdk.subscriptions.update(id, { trial_end: end / 1_000, proration_behavior: 'none', ...terms }),
    );
    await till.settled();
  };

  test('lets the credits of a paid period go on, and brings no others', async () => {
    const ada = await till.subscribed();
    expect(await till.use(ada, 300_000)).toMatchObject({ credits: 300_000 });
    for (const day of [5, 10, 15]) {
      await till.moveTo(START + day * DAY_MS);
      await move(ada, START + (day + 30) * DAY_MS);
      expect(await till.shown(ada)).toMatchObject({
        ...stands('TRIALING', 200_000),
        subscription: { currentPeriodEnd: new Date(START + (day + 30) * DAY_MS).toISOString() },
      });
    }
    expect(await till.use(ada, 200_000)).toMatchObject({ credits: 200_000 });
    const end = START + 45 * DAY_MS;
    await till.moveTo(end);
    expect(await till.shown(ada)).toMatchObject(stands('ACTIVE', 0));
    await till.moveTo(end + 2 * HOUR_MS);
    expect(await till.shown(ada)).toMatchObject(stands('ACTIVE', 500_000));
    expect((await till.chargesOf(ada)).map(({ amount }) => amount)).toEqual([2_000, 2_000]);
    await till.expectProven(ada);
  });

  test('has the credits of its first day, and no others', async () => {
    const ada = await till.buyer();
    await subscribeAtStripe(till, ada, { trial_period_days: 7 });
    expect(await till.use(ada, 400_000)).toMatchObject({ credits: 400_000 });
    for (const day of [3, 6, 9]) {
      await till.moveTo(START + day * DAY_MS);
      await move(ada, START + (day + 7) * DAY_MS);
      expect(await till.shown(ada)).toMatchObject(stands('TRIALING', 100_000));
    }
    await till.expectProven(ada);
  });
});

describe('a subscription that Stripe does not answer for', () => {
  test('is renewed once more, and no further until it is confirmed', async () => {
    const ada = await till.subscribed();
    await till.allowOverage(ada);
    const fault = { kind: 'rejected', code: 'resource_missing' } as const;
    for (const path of ['/v1/subscriptions*', '/v1/invoices*', '/v1/charges*', '/v1/customers/*']) {
      await till.control.addFault({ ...fault, path, times: 0 });
    }
    await till.control.deliveryMode({ hold: true });
    const seen: number[] = [];
    for (const end of MONTH_ENDS) {
      till.clock.set(new Date(end + DAY_MS));
      seen.push(await till.available(ada));
    }
    expect(seen).toEqual([500_000, 500_000, 0, 0]);
    expect(await till.use(ada, 1)).toMatchObject({ reason: 'INSUFFICIENT_CREDITS', available: 0 });
    await till.control.clearFaults();
    await till.moveTo((MONTH_ENDS.at(-1) as number) + 2 * DAY_MS);
    await till.release();
    expect(await till.shown(ada)).toMatchObject(stands('ACTIVE', 500_000));
    await till.expectProven(ada);
  });
});

test('who is sent invoices and pays none is owed nothing more after the second, and owes what was used of both', async () => {
  const ada = await till.buyer();
  const made = await subscribeAtStripe(till, ada, { collection_method: 'send_invoice', days_until_due: 90 });
  await till.stripe.call('invoice', (sdk) =>
    sdk.invoices.pay(made.latest_invoice as string, { paid_out_of_band: true }),
  );
  await till.settled();
  expect(await till.shown(ada)).toMatchObject(stands('ACTIVE', 500_000));
  const seen: unknown[] = [];
  for (const end of MONTH_ENDS.slice(0, 3)) {
    await till.moveTo(end);
    await till.moveTo(end + 2 * HOUR_MS);
    const { credits } = await till.shown(ada);
    seen.push(credits);
    if (credits.available > 0) await till.use(ada, credits.available);
  }
  expect(seen).toEqual([
    { available: 500_000, owed: 0 },
    { available: 500_000, owed: 0 },
    { available: 0, owed: 1_000_000 },
  ]);
  const { subscription } = await till.shown(ada);
  expect(subscription?.waiting).toContainEqual(expect.objectContaining({ kind: 'PERIOD_UNPAID' }));
  const open = (await till.invoicesOf(ada)).filter(({ status }) => status === 'open');
  expect(open).toHaveLength(3);
  for (const { id } of open.toReversed()) {
    await till.stripe.call('invoice', (sdk) => sdk.invoices.pay(id, { paid_out_of_band: true }));
  }
  await till.settled();
  expect(await till.shown(ada)).toMatchObject(stands('ACTIVE', 500_000));
  await till.moveTo(FIRST_END + 100 * DAY_MS);
  await till.expectProven(ada);
});

test(
  'every call and every answer is as the SDK declares it',
  () => {
    const isSdk = ({ path, status }: Exchange & { status?: number }): boolean =>
      path !== '/v1/events' && status !== 400;
    expect(contractViolations(traffic.filter(isSdk))).toEqual([]);
  },
  CONTRACT_TIMEOUT_MS,
);

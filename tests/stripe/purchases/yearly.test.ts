/** Prices that are billed by the year or by several months: the plan's credits come by the month, and changes with the bill. */
import type { Stripe } from 'stripe';
import { type Buyer, CANCEL, RESUME, type ShownSubscription, Till } from '../../support/till.ts';
import { FREE, HOUR_MS, subscribeAtStripe } from '../sync/periods.ts';
import { preview, subscriptionOf } from './plan-changes.ts';

const UNIT = 500_000;
const YEAR_END = '2028-01-31T00:00:00.000Z';
const LAST_MONTH = '2027-12-31T00:00:00.000Z';

let till: Till;

/** Moving the clock renews everybody: each test has a Till of its own. */
beforeEach(async () => {
  till = await Till.open();
});

afterEach(() => till.close());

/** Somebody with a card and a subscription by this price of the plan. */
async function subscribed(terms: Partial<Stripe.PriceCreateParams>, quantity: number): Promise<Buyer> {
  const { id: price } = await till.stripe.call('price', (sdk) =>
    sdk.prices.create({ currency: 'usd', product: 'tollgate_pro', ...terms }),
  );
  const ada = await till.buyer();
  await till.purchase(ada, 20_000);
  await till.setCard(ada, 'accepted');
  await subscribeAtStripe(till, ada, { items: [{ price, quantity }] });
  return ada;
}

const yearly = (quantity = 2): Promise<Buyer> =>
  subscribed({ unit_amount: 24_000, recurring: { interval: 'year' } }, quantity);

/** Our clock alone goes on, and nobody tells us anything: months turn by themselves. */
function ourClockAt(instant: string | number): void {
  till.clock.set(new Date(instant));
}

const ended = (at: string): Partial<ShownSubscription> => ({ cancelAtPeriodEnd: true, endsAt: at });
const goingOn = { cancelAtPeriodEnd: false, endsAt: null, scheduledAt: null, scheduledQuantity: null };

async function phasesOf(buyer: Buyer): Promise<{ from: string; until: string; units: number | undefined }[]> {
  const { schedule } = await till.stripeSubscriptionOf(buyer);
  const { phases } = await till.stripe.call('subscription_schedule', (sdk) =>
    sdk.subscriptionSchedules.retrieve(schedule as string),
  );
  const dayOf = (seconds: number): string => new Date(seconds * 1_000).toISOString();
  return phases.map(({ start_date: from, end_date: until, items }) => ({
    from: dayOf(from),
    until: dayOf(until),
    units: items[0]?.quantity,
  }));
}

describe('a yearly price', () => {
  test('is changed with its year: fewer units, none, and each of them taken back', async () => {
    const ada = await yearly();
    expect(await preview(till, ada, 1)).toMatchObject({
      timing: 'PERIOD_END',
      effectiveAt: YEAR_END,
      dueNowCents: 0,
      nextInvoiceCents: 24_000,
    });
    expect(await till.change(ada, 1)).toMatchObject({
      quantity: 2,
      scheduledQuantity: 1,
      scheduledAt: YEAR_END,
      cancelAtPeriodEnd: false,
      endsAt: null,
    });
    expect((await phasesOf(ada)).slice(1)).toEqual([{ from: YEAR_END, until: '2029-01-31T00:00:00.000Z', units: 1 }]);
    expect(await till.change(ada, 2)).toMatchObject(goingOn);
    expect(await preview(till, ada, 1, 'FREE_TRIAL')).toMatchObject({ timing: 'PERIOD_END', effectiveAt: YEAR_END });
    expect(await till.change(ada, 1, 'FREE_TRIAL')).toMatchObject({
      ...ended(YEAR_END),
      scheduledPlan: { code: 'FREE_TRIAL' },
      scheduledAt: YEAR_END,
    });
    expect(await till.of(ada, RESUME)).toMatchObject(goingOn);
    expect(await till.of(ada, CANCEL)).toMatchObject(ended(YEAR_END));
    expect(await subscriptionOf(till, ada)).toMatchObject({
      ...ended(YEAR_END),
      currentPeriodEnd: '2027-02-28T00:00:00.000Z',
    });
  });

  test('brings what the preview of more units says, and no second year', async () => {
    const ada = await yearly();
    await till.moveTo('2027-02-28T00:00:00.000Z');
    const before = await till.available(ada);
    const { dueNowCents, creditsAdded, ...rest } = await preview(till, ada, 3);
    expect(rest).toMatchObject({ timing: 'WHEN_PAID', nextInvoiceCents: 72_000 });
    expect(await till.change(ada, 3)).toMatchObject({ quantity: 3, ...goingOn });
    await till.settled();
    expect((await till.available(ada)) - before).toBe(creditsAdded);
    expect((await till.chargesOf(ada))[0]?.amount).toBe(dueNowCents);
    expect(creditsAdded).toBe(UNIT);
    await till.expectProven(ada);
  });

  test('that is cancelled brings its months until its end, and none after it, though nobody tells us', async () => {
    const ada = await yearly(1);
    await till.of(ada, CANCEL);
    ourClockAt(Date.parse(LAST_MONTH) + HOUR_MS);
    expect(await till.shown(ada)).toMatchObject({
      credits: { available: UNIT + 20_000 },
      subscription: { ...ended(YEAR_END), currentPeriodEnd: YEAR_END },
    });
    ourClockAt(YEAR_END);
    expect(await till.shown(ada)).toMatchObject({ ...FREE, credits: { available: 20_000, owed: 0 } });
    await till.expectProven(ada);
  });

  test('that was cancelled is over, however long nobody looked', async () => {
    const ada = await yearly(1);
    await till.of(ada, CANCEL);
    ourClockAt('2028-02-10T00:00:00.000Z');
    expect(await till.shown(ada)).toMatchObject({ ...FREE, credits: { available: 20_000, owed: 0 } });
    await till.expectProven(ada);
  });

  test('begins its next year with the units that were chosen, though nobody tells us', async () => {
    const ada = await yearly();
    await till.change(ada, 1);
    ourClockAt(Date.parse(LAST_MONTH) + HOUR_MS);
    expect(await till.shown(ada)).toMatchObject({
      credits: { available: 2 * UNIT + 20_000 },
      subscription: { quantity: 2, scheduledQuantity: 1, scheduledAt: YEAR_END },
    });
    await till.moveTo(Date.parse(YEAR_END) + 2 * HOUR_MS);
    expect(await till.shown(ada)).toMatchObject({
      credits: { available: UNIT + 20_000, owed: 0 },
      subscription: { quantity: 1, ...goingOn },
    });
    expect((await till.chargesOf(ada)).map(({ amount }) => amount)).toEqual([24_000, 48_000, 80]);
    await till.expectProven(ada);
  });
});

test('a price of three months is changed with its three months', async () => {
  const ada = await subscribed({ unit_amount: 6_000, recurring: { interval: 'month', interval_count: 3 } }, 2);
  const end = '2027-04-30T00:00:00.000Z';
  expect(await till.change(ada, 1)).toMatchObject({ scheduledQuantity: 1, scheduledAt: end });
  expect((await phasesOf(ada)).slice(1)).toMatchObject([{ from: end, until: '2027-07-30T00:00:00.000Z', units: 1 }]);
  expect(await till.of(ada, CANCEL)).toMatchObject(ended(end));
  ourClockAt('2027-04-01T00:00:00.000Z');
  expect(await till.shown(ada)).toMatchObject({ credits: { available: 2 * UNIT + 20_000 } });
  ourClockAt(end);
  expect(await till.shown(ada)).toMatchObject({ ...FREE, credits: { available: 20_000, owed: 0 } });
  await till.expectProven(ada);
});

test('an end that somebody arranged for a later month is shown as that day, and is the end by our clock', async () => {
  const ada = await till.subscribed();
  const { id } = await till.stripeSubscriptionOf(ada);
  const at = '2027-03-10T00:00:00.000Z';
  await till.stripe.call('subscription', (sdk) => sdk.subscriptions.update(id, { cancel_at: Date.parse(at) / 1_000 }));
  await till.settled();
  // Another month is charged before it ends.
  expect(await subscriptionOf(till, ada)).toMatchObject({ cancelAtPeriodEnd: false, endsAt: at, scheduledPlan: null });
  ourClockAt('2027-03-01T00:00:00.000Z');
  expect(await subscriptionOf(till, ada)).toMatchObject({ ...ended(at), currentPeriodEnd: at });
  ourClockAt(at);
  expect(await till.shown(ada)).toMatchObject({ ...FREE, credits: { available: 0, owed: 0 } });
  await till.expectProven(ada);
});

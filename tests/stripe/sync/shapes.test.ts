/** Subscriptions that were made in the dashboard, in shapes that our Checkout does not make (rules 13, 24, 26). */
import type { Stripe } from 'stripe';
import { contractViolations, CONTRACT_TIMEOUT_MS } from '@tollgate/stripe-emulator/testing/contract';
import { type Buyer, CANCEL, CHANGE, RESUME, Till } from '../../support/till.ts';
import type { Exchange } from '@tollgate/stripe-emulator';
import { DAY_MS, FIRST_END, FREE, HOUR_MS, stands, START, subscribeAtStripe } from './periods.ts';

const UNIT = 500_000;
const SECOND_END = Date.parse('2027-03-31T00:00:00.000Z');

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

/** A price of the plan besides ours. */
function priceOf(terms: Omit<Stripe.PriceCreateParams, 'currency' | 'product'>): Promise<Stripe.Price> {
  return till.stripe.call('price', (sdk) => sdk.prices.create({ currency: 'usd', product: 'tollgate_pro', ...terms }));
}

/** Somebody with a card who has just this subscription. */
async function withItems(items: Stripe.SubscriptionCreateParams.Item[]): Promise<Buyer> {
  const ada = await till.buyer();
  await till.purchase(ada, 20_000);
  await till.setCard(ada, 'accepted');
  await subscribeAtStripe(till, ada, { items });
  return ada;
}

describe('a second price of the plan in one subscription', () => {
  test('counts beside the first, is renewed with it, and is left to people, who are told', async () => {
    const { prices, overagePrice } = await till.catalog();
    const cheap = await priceOf({ unit_amount: 1_000, recurring: { interval: 'month' } });
    const items = [{ price: prices.get('PRO') as string, quantity: 2 }, { price: cheap.id }, { price: overagePrice }];
    const ada = await withItems(items);
    expect(await till.shown(ada)).toMatchObject({
      ...stands('ACTIVE', 3 * UNIT + 20_000),
      subscription: { quantity: 3 },
    });
    for (const quantity of [2, 4]) {
      expect(await till.codeOf(ada, CHANGE, { input: { billingEntityId: ada.id, plan: 'PRO', quantity } })).toBe(
        'CONFLICT',
      );
    }
    await till.moveTo(FIRST_END);
    await till.moveTo(FIRST_END + 2 * HOUR_MS);
    expect(await till.shown(ada)).toMatchObject(stands('ACTIVE', 3 * UNIT + 20_000));
    const [charge] = await till.chargesOf(ada);
    expect(charge?.amount).toBe(5_000);
    await till.control.refund(charge?.id as string, 2_500);
    await till.settled();
    expect(await till.available(ada)).toBe((3 * UNIT) / 2 + 20_000);
    expect(await till.of(ada, CANCEL)).toMatchObject({ cancelAtPeriodEnd: true });
    const found = await till.app.services.stripe?.reconciler.run();
    expect(found?.remaining).toEqual([expect.stringContaining('has several prices of PRO')]);
    await till.expectProven(ada);
  });
});

describe('a yearly price', () => {
  async function yearly(quantity = 1): Promise<Buyer> {
    const price = await priceOf({ unit_amount: 24_000, recurring: { interval: 'year' } });
    return withItems([{ price: price.id, quantity }]);
  }

  test('brings the plan’s credits month by month', async () => {
    const ada = await yearly();
    expect(await till.shown(ada)).toMatchObject({
      ...stands('ACTIVE', UNIT + 20_000),
      subscription: { currentPeriodEnd: new Date(FIRST_END).toISOString(), cancelAtPeriodEnd: false },
    });
    for (const end of [FIRST_END, SECOND_END]) {
      await till.use(ada, UNIT);
      await till.moveTo(end);
      await till.sync(ada);
      expect(await till.shown(ada)).toMatchObject(stands('ACTIVE', UNIT + 20_000));
    }
    await till.of(ada, CANCEL);
    await till.moveTo(Date.parse('2027-12-31T01:00:00.000Z'));
    expect(await till.shown(ada)).toMatchObject(stands('ACTIVE', UNIT + 20_000));
    await till.moveTo(Date.parse('2028-01-31T00:00:00.000Z'));
    expect(await till.shown(ada)).toMatchObject({ ...FREE, credits: { available: 20_000, owed: 0 } });
    expect((await till.chargesOf(ada)).map(({ amount }) => amount)).toEqual([24_000, 80]);
    await till.expectProven(ada);
  });

  test('whose money goes back loses the months that were not given yet first', async () => {
    const ada = await yearly();
    await till.moveTo(FIRST_END);
    const [charge] = await till.chargesOf(ada);
    // Ten and a half months of twelve: half of the second is left.
    await till.control.refund(charge?.id as string, 21_000);
    await till.settled();
    expect(await till.shown(ada)).toMatchObject(stands('ACTIVE', UNIT / 2 + 20_000));
    await till.moveTo(SECOND_END);
    expect(await till.available(ada)).toBe(20_000);
    await till.sync(ada);
    expect(await till.shown(ada)).toMatchObject({ credits: { available: 20_000, owed: 0 } });
    await till.expectProven(ada);
  });

  test('with units that are added in mid-year brings them for the rest of it', async () => {
    const ada = await yearly();
    await till.moveTo(FIRST_END);
    await till.changeAtStripe(ada, 2);
    await till.settled();
    expect(await till.available(ada)).toBe(2 * UNIT + 20_000);
    await till.moveTo(SECOND_END);
    await till.sync(ada);
    expect(await till.available(ada)).toBe(2 * UNIT + 20_000);
    await till.expectProven(ada);
  });
});

test('a weekly price brings what it is the price of, week by week', async () => {
  const price = await priceOf({ unit_amount: 500, recurring: { interval: 'week' } });
  const ada = await withItems([{ price: price.id }]);
  const share = Math.floor((UNIT * 7) / 31);
  expect(await till.available(ada)).toBe(share + 20_000);
  await till.moveTo(START + 7 * DAY_MS);
  await till.moveTo(START + 7 * DAY_MS + 2 * HOUR_MS);
  expect(await till.available(ada)).toBe(share + 20_000);
  const kinds = (await till.shown(ada)).subscription?.waiting?.map(({ kind }) => kind);
  expect(kinds).toContain('SHORT_PERIODS');
  await till.expectProven(ada);
});

test('a first period that is cut to the 15th brings its share at once, and the next ones whole', async () => {
  const ada = await till.buyer();
  await till.purchase(ada, 20_000);
  await till.setCard(ada, 'accepted');
  const first = Date.parse('2027-02-15T00:00:00.000Z');
  await subscribeAtStripe(till, ada, { billing_cycle_anchor: first / 1_000 });
  const share = Math.floor((UNIT * 15) / 31);
  expect(await till.shown(ada)).toMatchObject({
    ...stands('ACTIVE', share + 20_000),
    subscription: { currentPeriodEnd: new Date(first).toISOString() },
  });
  await till.moveTo(first);
  expect(await till.available(ada)).toBe(UNIT + 20_000);
  await till.moveTo(first + 2 * HOUR_MS);
  expect(await till.shown(ada)).toMatchObject(stands('ACTIVE', UNIT + 20_000));
  await till.expectProven(ada);
});

describe('a subscription that was paid and then paused at Stripe', () => {
  async function paused(): Promise<Buyer> {
    const ada = await till.subscribed();
    const { id } = await till.stripeSubscriptionOf(ada);
    await till.stripe.call('subscription', (sdk) => sdk.subscriptions.pause(id));
    await till.settled();
    await till.allowOverage(ada);
    expect(await till.shown(ada)).toMatchObject(stands('PAUSED', UNIT));
    return ada;
  }

  test('keeps what was paid for until its period ends, also when its payer cancels it', async () => {
    const ada = await paused();
    expect(await till.use(ada, 100_000)).toMatchObject({ credits: 100_000 });
    expect(await till.of(ada, CANCEL)).toMatchObject({ status: 'PAUSED', cancelAtPeriodEnd: true });
    expect(await till.use(ada, 400_001)).toMatchObject({ reason: 'INSUFFICIENT_CREDITS', available: 400_000 });
    expect(await till.use(ada, 400_000)).toMatchObject({ credits: 400_000 });
    await till.moveTo(FIRST_END);
    expect(await till.shown(ada)).toMatchObject({ ...FREE, credits: { available: 0, owed: 0 } });
    await till.expectProven(ada);
  });

  test('goes on in the period that is paid when its payer resumes it', async () => {
    const ada = await paused();
    await till.moveTo(START + 5 * DAY_MS);
    expect(await till.of(ada, RESUME)).toMatchObject({ status: 'ACTIVE' });
    expect((await till.chargesOf(ada)).map(({ amount }) => amount)).toEqual([2_000]);
    expect(await till.shown(ada)).toMatchObject({
      ...stands('ACTIVE', UNIT),
      subscription: { currentPeriodEnd: new Date(FIRST_END).toISOString() },
    });
  });
});

test(
  'every call and every answer is as the SDK declares it',
  () => {
    expect(contractViolations(traffic.filter(({ path }) => path !== '/v1/events'))).toEqual([]);
  },
  CONTRACT_TIMEOUT_MS,
);

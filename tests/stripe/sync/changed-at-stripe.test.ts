/** What is ended, changed or given back at Stripe itself, without us. */
import { contractViolations, CONTRACT_TIMEOUT_MS } from '@tollgate/stripe-emulator/testing/contract';
import { OPEN_CHECKOUT, RETURNS, Till } from '../../support/till.ts';
import type { Exchange } from '@tollgate/stripe-emulator';
import { DAY_MS, FIRST_END, FREE, HOUR_MS, stands, START } from './periods.ts';

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

describe('a subscription that is ended at once, at Stripe', () => {
  test('takes its credits along, and leaves the trial’s and the bought ones', async () => {
    const ada = await till.clients.user(10_000);
    await till.subscribe(ada);
    await till.purchase(ada, 20_000);
    expect(await till.available(ada)).toBe(530_000);
    const [subscription] = await till.subscriptionsOf(ada);
    await till.stripe.call('subscription', (sdk) => sdk.subscriptions.cancel(subscription?.id as string));
    await till.settled();
    expect(await till.shown(ada)).toMatchObject({ ...FREE, credits: { available: 30_000, owed: 0 } });
    const input = { billingEntityId: ada.id, plan: 'PRO', ...RETURNS };
    expect(await till.codeOf(ada, OPEN_CHECKOUT, { input })).toBeUndefined();
    await till.expectProven(ada);
  });
});

describe('units that changed at Stripe before a period began, of which nobody was told', () => {
  test.each([
    // Half of it was paid by what Stripe had given back for the third unit.
    { from: 3, to: 2, given: 1_500_000, left: 750_000 },
    { from: 1, to: 2, given: 500_000, left: 500_000 },
  ])('($from to $to) come out as they were paid for, and go with their money', async ({ from, to, given, left }) => {
    const ada = await till.buyer();
    await till.subscribe(ada, from);
    await till.control.deliveryMode({ hold: true });
    await till.changeAtStripe(ada, to);
    await till.moveTo(FIRST_END);
    expect(await till.available(ada)).toBe(given);
    await till.moveTo(FIRST_END + HOUR_MS);
    await till.release('reversed');
    expect(await till.shown(ada)).toMatchObject({ ...stands('ACTIVE', 1_000_000), subscription: { quantity: to } });
    const [renewal] = await till.chargesOf(ada);
    await till.control.refund(renewal?.id as string, (renewal?.amount as number) / 2);
    await till.settled();
    await till.sync(ada);
    expect(await till.shown(ada)).toMatchObject(stands('ACTIVE', left));
    await till.expectProven(ada);
  });
});

test('two subscriptions that were both paid month after month before anybody heard: the second one ends, and people decide on its money', async () => {
  const ada = await till.buyer();
  const sessions = [await till.checkout(ada, { plan: 'PRO' }), await till.checkout(ada, { plan: 'PRO', quantity: 3 })];
  await till.control.deliveryMode({ hold: true });
  for (const session of sessions) {
    await till.moveTo(till.clock.now().getTime() + 1_000);
    await till.control.payCheckout(session);
  }
  await till.moveTo(FIRST_END + 2 * HOUR_MS);
  await expect(till.sync(ada)).rejects.toThrow('decide by hand');
  expect((await till.subscriptionsOf(ada)).map(({ status }) => status)).toEqual(['canceled', 'active']);
  const charges = await till.chargesOf(ada);
  expect(charges.map(({ amount_refunded: cents }) => cents)).toEqual([0, 0, 0, 0]);
  expect(await till.shown(ada)).toMatchObject({ ...stands('ACTIVE', 500_000), subscription: { quantity: 1 } });
  // They have decided.
  for (const { id } of charges.filter(({ amount }) => amount === 6_000)) await till.control.refund(id);
  await till.sync(ada);
  expect(await till.shown(ada)).toMatchObject({ ...stands('ACTIVE', 500_000), subscription: { quantity: 1 } });
});

describe('a subscription of no units', () => {
  test('is none, and keeps nobody from buying credits', async () => {
    const ada = await till.subscribed();
    await till.changeAtStripe(ada, 0);
    await till.settled();
    expect(await till.shown(ada)).toMatchObject({ ...FREE, credits: { available: 0, owed: 0 } });
    await till.purchase(ada, 20_000);
    expect(await till.shown(ada)).toMatchObject({ ...FREE, credits: { available: 20_000, owed: 0 } });
    await till.changeAtStripe(ada, 1);
    await till.settled();
    expect(await till.shown(ada)).toMatchObject({ plan: { code: 'PRO' }, subscription: { status: 'ACTIVE' } });
    await till.expectProven(ada);
  });
});

test('a subscription that cannot be followed keeps nobody from what else they bought', async () => {
  const ada = await till.subscribed();
  await till.control.deliveryMode({ hold: true });
  // More than can be counted here, which nobody can ask for by us.
  await till.changeAtStripe(ada, 100_000_000_000);
  await till.control.payCheckout(await till.checkout(ada, { credits: 20_000 }));
  await expect(till.sync(ada)).rejects.toMatchObject({ code: 'BAD_USER_INPUT' });
  expect(await till.shown(ada)).toMatchObject({ credits: { available: 520_000 }, subscription: { quantity: 1 } });
  await till.expectProven(ada);
});

test('a customer that is deleted at Stripe takes the subscription along; who comes again becomes another one', async () => {
  const ada = await till.subscribed();
  await till.purchase(ada, 20_000);
  const former = await till.customerOf(ada);
  await till.stripe.call('customer', (sdk) => sdk.customers.del(former));
  await till.settled();
  expect(await till.shown(ada)).toMatchObject({ ...FREE, credits: { available: 20_000, owed: 0 } });
  await till.subscribe(ada);
  expect(await till.shown(ada)).toMatchObject(stands('ACTIVE', 520_000));
  expect(await till.customerOf(ada)).not.toBe(former);
  // What is told of the former one once more is nobody's.
  await till.control.emit('customer.subscription.deleted', { object: 'subscription', id: 'sub_1', customer: former });
  await till.settled();
  expect(await till.shown(ada)).toMatchObject(stands('ACTIVE', 520_000));
  await till.expectProven(ada);
});

test('a refund of what a card paid, where a credit at Stripe had paid the rest, takes the card’s share', async () => {
  const ada = await till.buyer();
  await till.subscribe(ada, 2);
  await till.moveTo(START + 14 * DAY_MS);
  // Stripe keeps in credit what of the second unit was not used.
  await till.changeAtStripe(ada, 1);
  await till.moveTo(FIRST_END);
  await till.moveTo(FIRST_END + 2 * HOUR_MS);
  expect(await till.shown(ada)).toMatchObject(stands('ACTIVE', 500_000));
  const [charge] = await till.chargesOf(ada);
  expect(charge?.amount).toBe(1_000);
  await till.control.refund(charge?.id as string);
  await till.settled();
  expect(await till.shown(ada)).toMatchObject(stands('ACTIVE', 250_000));
  await till.expectProven(ada);
});

test(
  'every call and every answer is as the SDK declares it',
  () => {
    expect(contractViolations(traffic.filter(({ path }) => path !== '/v1/events'))).toEqual([]);
  },
  CONTRACT_TIMEOUT_MS,
);

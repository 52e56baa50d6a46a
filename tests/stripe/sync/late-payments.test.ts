/** What is paid, or heard of, when its period is over (rules 24, 25). */
import type { Stripe } from 'stripe';
import { contractViolations, CONTRACT_TIMEOUT_MS } from '@tollgate/stripe-emulator/testing/contract';
import { type Buyer, Till } from '../../support/till.ts';
import type { Exchange } from '@tollgate/stripe-emulator';
import { DAY_MS, FIRST_END, HOUR_MS, stands, START } from './periods.ts';

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

describe('what was paid in its time, and heard of later,', () => {
  test('has lapsed with its period', async () => {
    const ada = await till.subscribed();
    await till.control.deliveryMode({ hold: true });
    await till.moveTo(START + 14 * DAY_MS);
    await till.changeAtStripe(ada, 2);
    for (const end of ['2027-02-28', '2027-03-31', '2027-04-30']) await till.moveTo(Date.parse(end) + 2 * HOUR_MS);
    await till.release('reversed');
    expect(await till.shown(ada)).toMatchObject(stands('ACTIVE', 1_000_000));
    await till.expectProven(ada);
  });
});

describe('more units, taken at Stripe with a card that does not pay,', () => {
  test('bring their share when it is paid, though their period is over', async () => {
    await till.control.behave({ afterRetries: 'past_due' });
    const ada = await till.subscribed();
    await till.setCard(ada, 'declined');
    const changed = START + 14 * DAY_MS;
    await till.moveTo(changed);
    await till.changeAtStripe(ada, 2);
    await till.settled();
    expect(await till.shown(ada)).toMatchObject({ credits: { available: 500_000 }, subscription: { quantity: 2 } });
    await till.moveTo(changed + 7 * DAY_MS);
    await till.setCard(ada, 'accepted');
    await till.moveTo(FIRST_END);
    await till.moveTo(FIRST_END + 2 * HOUR_MS);
    expect(await till.shown(ada)).toMatchObject(stands('ACTIVE', 1_000_000));
    const open = (await till.invoicesOf(ada)).find(({ status }) => status === 'open');
    await till.stripe.call('invoice', (sdk) => sdk.invoices.pay(open?.id as string));
    await till.settled();
    const share = Math.floor((500_000 * (FIRST_END - changed)) / (FIRST_END - START));
    expect(await till.shown(ada)).toMatchObject(stands('ACTIVE', 1_000_000 + share));
    await till.expectProven(ada);
  });
});

describe('a period that had no credits, because nobody paid, of a subscription that ended, is paid', () => {
  const SECOND_END = Date.parse('2027-03-31T00:00:00.000Z');
  const THIRD_END = Date.parse('2027-04-30T00:00:00.000Z');

  async function payAll(invoices: readonly Stripe.Invoice[]): Promise<void> {
    for (const { hosted_invoice_url: page } of invoices) await till.submit(page as string, { card: 'accepted' });
  }

  async function unpaidInSecond(): Promise<Buyer> {
    await till.control.behave({ afterRetries: 'past_due' });
    const ada = await till.subscribed();
    await till.setCard(ada, 'declined');
    await till.moveTo(FIRST_END);
    await till.moveTo(FIRST_END + HOUR_MS);
    await till.moveTo(SECOND_END);
    await till.moveTo(SECOND_END + 2 * HOUR_MS);
    return ada;
  }

  test.each([
    ['while the period still runs', SECOND_END + 3 * DAY_MS],
    ['when the period is over', THIRD_END + DAY_MS],
  ])('%s', async (_when, paidAt) => {
    const ada = await unpaidInSecond();
    await till.moveTo(SECOND_END + 2 * DAY_MS);
    await till.endAtStripe(ada);
    await till.settled();
    await till.moveTo(paidAt);
    const open = (await till.invoicesOf(ada)).filter(({ status }) => status === 'open');
    expect(open).toHaveLength(2);
    await payAll(open);
    expect((await till.chargesOf(ada)).filter(({ paid }) => paid)).toHaveLength(3);
    // $40 for two periods.
    expect((await till.shown(ada)).credits).toEqual({ available: 1_000_000, owed: 0 });
  });

  test.each([
    ['each told at once', false],
    ['told together half an hour later', true],
  ])('ended first and paid then, when it is over, %s', async (_how, isHeld) => {
    const ada = await unpaidInSecond();
    await till.moveTo(THIRD_END + 2 * HOUR_MS);
    await till.control.deliveryMode({ hold: isHeld });
    const open = (await till.invoicesOf(ada)).filter(({ status }) => status === 'open');
    await till.endAtStripe(ada);
    if (!isHeld) await till.settled();
    await till.moveTo(THIRD_END + 2.5 * HOUR_MS);
    // The two periods that are over.
    await payAll(open.slice(-2));
    expect((await till.chargesOf(ada)).filter(({ paid }) => paid)).toHaveLength(3);
    await till.moveTo(THIRD_END + 3 * HOUR_MS);
    await till.release();
    expect((await till.shown(ada)).credits).toEqual({ available: 1_000_000, owed: 0 });
  });

  /** Unpaid from the first renewal on, and ended in the third period, whose base nobody ever gave. */
  async function endedInArrears(): Promise<Buyer> {
    await till.control.behave({ afterRetries: 'past_due' });
    const ada = await till.subscribed();
    await till.setCard(ada, 'declined');
    await till.moveTo(FIRST_END);
    await till.moveTo(FIRST_END + HOUR_MS);
    await till.moveTo(Date.parse('2027-03-31T00:00:00.000Z'));
    await till.moveTo(Date.parse('2027-03-31T02:00:00.000Z'));
    await till.moveTo(Date.parse('2027-04-05T00:00:00.000Z'));
    await till.endAtStripe(ada);
    await till.settled();
    return ada;
  }

  test.each([false, true])('beside a first payment that comes to nothing (%s)', async (tries) => {
    const ada = await endedInArrears();
    await till.moveTo(Date.parse('2027-04-06T00:00:00.000Z'));
    await till.control.deliveryMode({ hold: true });
    if (tries) {
      const { prices } = await till.catalog();
      const customer = await till.customerOf(ada);
      await till.stripe.call('subscription', (sdk) =>
        sdk.subscriptions.create({ customer, items: [{ price: prices.get('PRO') as string, quantity: 1 }] }),
      );
    }
    const [third] = (await till.invoicesOf(ada)).filter(
      ({ billing_reason: reason, status }) => reason === 'subscription_cycle' && status === 'open',
    );
    const answer = await fetch(third?.hosted_invoice_url as string, {
      method: 'POST',
      headers: { connection: 'close' },
      body: new URLSearchParams({ card: 'accepted' }),
    });
    expect(answer.status).toBe(200);
    till.clock.set('2027-04-07T12:00:00.000Z');
    await till.control.moveClock({ to: till.clock.now() });
    await till.release();
    expect((await till.shown(ada)).credits).toMatchObject({ available: 500_000 });
  });

  test('when somebody has cut it short at Stripe', async () => {
    await till.control.behave({ afterRetries: 'past_due' });
    const ada = await till.subscribed();
    await till.setCard(ada, 'declined');
    await till.moveTo(FIRST_END);
    await till.moveTo(FIRST_END + HOUR_MS);
    const third = Date.parse('2027-03-31T00:00:00.000Z');
    await till.moveTo(third);
    await till.moveTo(third + 2 * HOUR_MS);
    const { id } = await till.stripeSubscriptionOf(ada);
    await till.moveTo(third + DAY_MS);
    await till.setCard(ada, 'accepted');
    await till.stripe.call('subscription', (sdk) =>
      sdk.subscriptions.update(id, { billing_cycle_anchor: { type: 'now' }, proration_behavior: 'none' }),
    );
    await till.settled();
    await till.moveTo(third + DAY_MS + HOUR_MS);
    const before = (await till.shown(ada)).credits;
    const open = (await till.invoicesOf(ada)).filter(({ status }) => status === 'open');
    for (const { hosted_invoice_url: page } of open) await till.submit(page as string, { card: 'accepted' });
    await till.settled();
    const after = (await till.shown(ada)).credits;
    expect({ before, open: open.length, gained: after.available - before.available }).toMatchObject({
      open: 2,
      gained: open.length * 500_000,
    });
  });
});

test('a period of fewer units than it was given for, paid when it is over, gives back what was paid for', async () => {
  await till.control.behave({ afterRetries: 'unpaid' });
  const ada = await till.buyer();
  await till.subscribe(ada, 3);
  await till.control.deliveryMode({ hold: true });
  await till.changeAtStripe(ada, 2);
  await till.setCard(ada, 'declined');
  await till.moveTo(FIRST_END);
  expect(await till.available(ada)).toBe(1_500_000);
  await till.moveTo(FIRST_END + HOUR_MS);
  await till.release();
  expect(await till.shown(ada)).toMatchObject(stands('PAST_DUE', 0));
  await till.moveTo(FIRST_END + HOUR_MS + 7 * DAY_MS);
  await till.moveTo(Date.parse('2027-03-31T02:00:00.000Z'));
  const open = (await till.invoicesOf(ada)).find(({ status }) => status === 'open');
  await till.submit(open?.hosted_invoice_url as string, { card: 'accepted' });
  expect(await till.available(ada)).toBe(1_000_000);
  await till.expectProven(ada);
});

test(
  'every call and every answer is as the SDK declares it',
  () => {
    expect(contractViolations(traffic.filter(({ path }) => path !== '/v1/events'))).toEqual([]);
  },
  CONTRACT_TIMEOUT_MS,
);

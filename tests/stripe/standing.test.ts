/** How payers stand, and what they may use then: trials, arrears, recovery, first payments, ends (rules 18, 25, 26). */
import type { Stripe } from 'stripe';
import { contractViolations, CONTRACT_TIMEOUT_MS } from '@tollgate/stripe-emulator/testing/contract';
import { type Buyer, CANCEL, CHANGE, OPEN_CHECKOUT, RESUME, RETURNS, Till } from '../support/till.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

let till: Till;

/** Moving the clock renews everybody: each test has a Till of its own kind of people. */
beforeEach(async () => {
  till = await Till.open();
});

afterEach(async () => {
  await till.close();
});

const traffic: Parameters<typeof contractViolations>[0][number][] = [];

afterEach(() => {
  traffic.push(...till.app.emulator.traffic);
});

const START = Date.parse('2027-01-31T00:00:00.000Z');
/** When the first period of who bought at the start ends. */
const FIRST_END = Date.parse('2027-02-28T00:00:00.000Z');

const at = (ms: number): Promise<void> => till.moveTo(new Date(ms));

async function subscribed(): Promise<Buyer> {
  const buyer = await till.buyer();
  await till.subscribe(buyer);
  return buyer;
}

async function purchase(buyer: Buyer, credits: number): Promise<void> {
  await till.control.payCheckout(await till.checkout(buyer, { credits }));
  await till.settled();
}

/** The card says no from now on, and the renewal's first charge fails with it, an hour after the period began. */
async function failRenewal(buyer: Buyer): Promise<void> {
  await till.setCard(buyer, 'declined');
  await at(FIRST_END);
  await at(FIRST_END + HOUR_MS);
}

/** Pays the newest invoice on its hosted page, with another card. */
async function payOnPage(buyer: Buyer): Promise<void> {
  const [invoice] = await till.invoicesOf(buyer);
  const answer = await fetch(invoice?.hosted_invoice_url as string, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: 'card=accepted',
  });
  expect(answer.status).toBe(200);
  await till.settled();
}

/** A subscription that nobody bought by us. */
async function subscribeAtStripe(
  buyer: Buyer,
  terms: Partial<Stripe.SubscriptionCreateParams> = {},
  quantity = 1,
): Promise<Stripe.Subscription> {
  const { customers, catalog } = till.app.services.stripe as NonNullable<typeof till.app.services.stripe>;
  const customer = await customers.ensure({ billingEntityId: buyer.id, externalId: buyer.externalId, name: 'Ada' });
  const { prices, overagePrice } = await catalog.get();
  const items = [{ price: prices.get('PRO') as string, quantity }, { price: overagePrice }];
  const made = await till.stripe.call('subscription', (sdk) => sdk.subscriptions.create({ customer, items, ...terms }));
  await till.settled();
  return made;
}

const stands = (status: string, available: number, owed = 0) => ({
  plan: { code: 'PRO' },
  credits: { available, owed },
  subscription: { status },
});
const FREE = { plan: { code: 'FREE_TRIAL' }, subscription: null };

describe('a renewal that fails', () => {
  test('takes its credits back; what else is there is used for a week, and nothing on credit; payment lifts all at once', async () => {
    const ada = await subscribed();
    await purchase(ada, 20_000);
    await till.allowOverage(ada);
    await failRenewal(ada);
    expect(await till.shown(ada)).toMatchObject({
      ...stands('PAST_DUE', 20_000),
      subscription: { status: 'PAST_DUE', graceEndsAt: new Date(FIRST_END + 7 * DAY_MS).toISOString() },
    });
    expect(await till.use(ada, 5_000)).toMatchObject({ credits: 5_000 });
    expect(await till.use(ada, 15_001)).toMatchObject({ reason: 'INSUFFICIENT_CREDITS', available: 15_000 });
    await at(FIRST_END + 7 * DAY_MS);
    expect(await till.use(ada, 1)).toMatchObject({ reason: 'PAYMENT_PAST_DUE' });
    await payOnPage(ada);
    expect(await till.shown(ada)).toMatchObject({ ...stands('ACTIVE', 515_000), subscription: { graceEndsAt: null } });
    expect(await till.use(ada, 520_000)).toMatchObject({ credits: 520_000 });
    await till.expectProven(ada);
  });

  test('leaves what was used in its first hour owed, until somebody pays', async () => {
    const ada = await subscribed();
    await till.setCard(ada, 'declined');
    await at(FIRST_END);
    expect(await till.use(ada, 100_000)).toMatchObject({ credits: 100_000 });
    await at(FIRST_END + HOUR_MS);
    expect(await till.shown(ada)).toMatchObject(stands('PAST_DUE', 0, 100_000));
    await till.setCard(ada, 'accepted');
    // Stripe tries again after three days.
    await at(FIRST_END + HOUR_MS + 3 * DAY_MS);
    expect(await till.shown(ada)).toMatchObject(stands('ACTIVE', 400_000));
    await till.expectProven(ada);
  });

  test('is the same when it is told late, twice and backwards, and nothing at all when it is told after it was paid', async () => {
    const [ada, ben] = [await subscribed(), await subscribed()];
    await till.control.deliveryMode({ hold: true, copies: 2 });
    await failRenewal(ada);
    await till.setCard(ben, 'declined');
    expect(await till.shown(ada)).toMatchObject(stands('ACTIVE', 500_000));
    const told = (await till.eventsOf(ada))[0]?.map(({ id }) => id).toReversed();
    await till.control.releaseDeliveries(told);
    await till.settled();
    expect(await till.shown(ada)).toMatchObject(stands('PAST_DUE', 0));
    await payOnPage(ada);
    await payOnPage(ben);
    await till.release('reversed');
    for (const buyer of [ada, ben]) {
      expect(await till.shown(buyer)).toMatchObject(stands('ACTIVE', 500_000));
      expect((await till.shown(buyer)).subscription?.currentPeriodStart).toBe(new Date(FIRST_END).toISOString());
    }
    await till.expectProven(ada, ben);
  });

  test('and is given up ends the subscription: what was bought stays', async () => {
    const ada = await subscribed();
    await purchase(ada, 20_000);
    await failRenewal(ada);
    await at(FIRST_END + HOUR_MS + 7 * DAY_MS);
    expect(await till.shown(ada)).toMatchObject({ ...FREE, credits: { available: 20_000, owed: 0 } });
    expect(await till.use(ada, 20_000)).toMatchObject({ credits: 20_000 });
    await till.expectProven(ada);
  });

  test('and is left UNPAID refuses all use, also in the period that follows, until that is paid', async () => {
    await till.control.behave({ afterRetries: 'unpaid' });
    const ada = await subscribed();
    await purchase(ada, 20_000);
    await failRenewal(ada);
    await at(FIRST_END + HOUR_MS + 7 * DAY_MS);
    expect(await till.shown(ada)).toMatchObject(stands('UNPAID', 20_000));
    expect(await till.use(ada, 1)).toMatchObject({ reason: 'PAYMENT_PAST_DUE' });
    await at(Date.parse('2027-03-31T02:00:00.000Z'));
    expect(await till.shown(ada)).toMatchObject(stands('UNPAID', 20_000));
    expect(await till.use(ada, 1)).toMatchObject({ reason: 'PAYMENT_PAST_DUE' });
    // What it goes on to cost Stripe only writes down.
    const [draft] = await till.invoicesOf(ada);
    await till.stripe.call('invoice', (sdk) => sdk.invoices.finalizeInvoice(draft?.id as string));
    await payOnPage(ada);
    expect(await till.shown(ada)).toMatchObject(stands('ACTIVE', 520_000));
    expect(await till.use(ada, 1)).toMatchObject({ credits: 1 });
    await till.expectProven(ada);
  });

  describe('and is paid only after its period', () => {
    /** Of the two periods after it. */
    const ENDS = [Date.parse('2027-03-31T00:00:00.000Z'), Date.parse('2027-04-30T00:00:00.000Z')];

    async function leftUnpaid(): Promise<Buyer> {
      await till.control.behave({ afterRetries: 'unpaid' });
      const ada = await subscribed();
      await till.setCard(ada, 'declined');
      await at(FIRST_END);
      expect(await till.use(ada, 300_000)).toMatchObject({ credits: 300_000 });
      await at(FIRST_END + HOUR_MS);
      expect(await till.shown(ada)).toMatchObject(stands('PAST_DUE', 0, 300_000));
      return ada;
    }

    /** Pays these on their hosted pages, with a card that is good again. */
    async function pay(invoices: readonly Stripe.Invoice[]): Promise<void> {
      for (const { id, status } of invoices) {
        const { hosted_invoice_url: page } = await till.stripe.call('invoice', (sdk) =>
          status === 'draft' ? sdk.invoices.finalizeInvoice(id) : sdk.invoices.retrieve(id),
        );
        await till.submit(page as string, { card: 'accepted' });
      }
    }

    test.each(['the oldest first', 'the newest first'])('%s: each of three brings its own credits', async (order) => {
      const ada = await leftUnpaid();
      await at(FIRST_END + HOUR_MS + 7 * DAY_MS);
      for (const end of ENDS) await at(end + 2 * HOUR_MS);
      const unpaid = (await till.invoicesOf(ada)).filter(({ status }) => status !== 'paid');
      expect(unpaid).toHaveLength(3);
      for (const invoice of order === 'the newest first' ? unpaid : unpaid.toReversed()) await pay([invoice]);
      expect(await till.shown(ada)).toMatchObject(stands('ACTIVE', 3 * 500_000 - 300_000));
      await till.sync(ada);
      expect(await till.shown(ada)).toMatchObject(stands('ACTIVE', 3 * 500_000 - 300_000));
      await till.expectProven(ada);
    });

    test('together with the others, and told once, in the wrong order', async () => {
      const ada = await leftUnpaid();
      await at(FIRST_END + HOUR_MS + 7 * DAY_MS);
      for (const end of ENDS) await at(end + 2 * HOUR_MS);
      await till.toldLate(async () => {
        const unpaid = (await till.invoicesOf(ada)).filter(({ status }) => status !== 'paid');
        for (const { id, status } of unpaid) {
          if (status === 'draft') await till.stripe.call('invoice', (sdk) => sdk.invoices.finalizeInvoice(id));
        }
        await till.setCard(ada, 'accepted');
        for (const { id } of unpaid) await till.stripe.call('invoice', (sdk) => sdk.invoices.pay(id));
      });
      expect(await till.shown(ada)).toMatchObject(stands('ACTIVE', 3 * 500_000 - 300_000));
      // A period that was paid late gives its credits back with its money.
      const charge = (await till.chargesOf(ada)).find(({ paid, amount }) => paid && amount === 2_000);
      await till.control.refund(charge?.id as string);
      await till.settled();
      expect(await till.shown(ada)).toMatchObject(stands('ACTIVE', 2 * 500_000 - 300_000));
      await till.expectProven(ada);
    });

    test('when there is no subscription any more: nothing is owed for it', async () => {
      const ada = await leftUnpaid();
      const { id } = await till.stripeSubscriptionOf(ada);
      await till.stripe.call('subscription', (sdk) => sdk.subscriptions.cancel(id));
      await till.settled();
      expect(await till.shown(ada)).toMatchObject({ ...FREE, credits: { available: 0, owed: 300_000 } });
      await pay((await till.invoicesOf(ada)).filter(({ status }) => status === 'open'));
      expect(await till.shown(ada)).toMatchObject({ ...FREE, credits: { owed: 0 } });
      await till.expectProven(ada);
    });
  });

  describe('of which nobody heard until the subscription had ended', () => {
    const used = async (): Promise<Buyer> => {
      const ada = await subscribed();
      await till.setCard(ada, 'declined');
      await till.control.deliveryMode({ hold: true });
      await at(FIRST_END);
      expect(await till.use(ada, 300_000)).toMatchObject({ credits: 300_000 });
      await at(FIRST_END + HOUR_MS);
      return ada;
    };

    test.each(['by itself', 'by hand'])('%s: what was used of it is owed', async (how) => {
      const ada = await used();
      if (how === 'by itself') await at(FIRST_END + HOUR_MS + 7 * DAY_MS);
      const { id } = await till.stripeSubscriptionOf(ada);
      if (how === 'by hand') await till.stripe.call('subscription', (sdk) => sdk.subscriptions.cancel(id));
      await till.release('reversed');
      expect(await till.shown(ada)).toMatchObject({ ...FREE, credits: { available: 0, owed: 300_000 } });
      await till.expectProven(ada);
    });

    test('and another one had begun: that one pays for what was used', async () => {
      const ada = await used();
      const { id } = await till.stripeSubscriptionOf(ada);
      await till.stripe.call('subscription', (sdk) => sdk.subscriptions.cancel(id));
      await till.setCard(ada, 'accepted');
      const { prices, overagePrice } = await till.catalog();
      const items = [{ price: prices.get('PRO') as string }, { price: overagePrice }];
      const customer = await till.customerOf(ada);
      await till.stripe.call('subscription', (sdk) => sdk.subscriptions.create({ customer, items }));
      await till.release();
      expect(await till.shown(ada)).toMatchObject(stands('ACTIVE', 200_000));
      await till.expectProven(ada);
    });

    test('nor of its cancellation: a period that Stripe never began is owed, as far as it was used', async () => {
      const ada = await subscribed();
      await till.control.deliveryMode({ hold: true });
      const { id } = await till.stripeSubscriptionOf(ada);
      await till.stripe.call('subscription', (sdk) => sdk.subscriptions.update(id, { cancel_at_period_end: true }));
      await at(FIRST_END);
      expect(await till.use(ada, 300_000)).toMatchObject({ credits: 300_000 });
      await till.release();
      expect(await till.shown(ada)).toMatchObject({ ...FREE, credits: { available: 0, owed: 300_000 } });
      await till.expectProven(ada);
    });

    test('for two periods that Stripe never began: both are owed', async () => {
      const ada = await subscribed();
      await till.control.deliveryMode({ hold: true });
      const { id } = await till.stripeSubscriptionOf(ada);
      await till.stripe.call('subscription', (sdk) => sdk.subscriptions.update(id, { cancel_at_period_end: true }));
      for (const start of [FIRST_END, Date.parse('2027-03-31T00:00:00.000Z')]) {
        await at(start);
        expect(await till.use(ada, 300_000)).toMatchObject({ credits: 300_000 });
      }
      await till.release();
      expect(await till.shown(ada)).toMatchObject({ ...FREE, credits: { available: 0, owed: 600_000 } });
      await till.expectProven(ada);
    });

    test('and until a later one was paid: the period that nobody paid is owed', async () => {
      await till.control.behave({ afterRetries: 'unpaid' });
      const ada = await used();
      const second = Date.parse('2027-03-31T00:00:00.000Z');
      await at(second);
      await at(second + HOUR_MS);
      await till.setCard(ada, 'accepted');
      const [draft] = await till.invoicesOf(ada);
      await till.stripe.call('invoice', (sdk) => sdk.invoices.finalizeInvoice(draft?.id as string));
      await till.stripe.call('invoice', (sdk) => sdk.invoices.pay(draft?.id as string));
      await till.release();
      expect(await till.shown(ada)).toMatchObject(stands('ACTIVE', 200_000));
      await till.expectProven(ada);
    });
  });

  test('because the bank asks the payer is paid by confirming', async () => {
    const ada = await subscribed();
    await till.setCard(ada, 'requires_action');
    await at(FIRST_END);
    await at(FIRST_END + HOUR_MS);
    expect(await till.shown(ada)).toMatchObject(stands('PAST_DUE', 0));
    const [invoice] = await till.invoicesOf(ada);
    await till.control.authenticateInvoice(invoice?.id as string);
    await till.settled();
    expect(await till.shown(ada)).toMatchObject(stands('ACTIVE', 500_000));
    await till.expectProven(ada);
  });
});

describe('what was paid in its time, and heard of later,', () => {
  test('has lapsed with its period', async () => {
    const ada = await subscribed();
    await till.control.deliveryMode({ hold: true });
    await at(START + 14 * DAY_MS);
    await till.changeAtStripe(ada, 2);
    for (const end of ['2027-02-28', '2027-03-31', '2027-04-30']) await at(Date.parse(end) + 2 * HOUR_MS);
    await till.release('reversed');
    expect(await till.shown(ada)).toMatchObject(stands('ACTIVE', 1_000_000));
    await till.expectProven(ada);
  });
});

describe('more units, taken at Stripe with a card that does not pay,', () => {
  test('bring their share when it is paid, though their period is over', async () => {
    await till.control.behave({ afterRetries: 'past_due' });
    const ada = await subscribed();
    await till.setCard(ada, 'declined');
    const changed = START + 14 * DAY_MS;
    await at(changed);
    await till.changeAtStripe(ada, 2);
    await till.settled();
    expect(await till.shown(ada)).toMatchObject({ credits: { available: 500_000 }, subscription: { quantity: 2 } });
    await at(changed + 7 * DAY_MS);
    await till.setCard(ada, 'accepted');
    await at(FIRST_END);
    await at(FIRST_END + 2 * HOUR_MS);
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
    const ada = await subscribed();
    await till.setCard(ada, 'declined');
    await at(FIRST_END);
    await at(FIRST_END + HOUR_MS);
    await at(SECOND_END);
    await at(SECOND_END + 2 * HOUR_MS);
    return ada;
  }

  test.each([
    ['while the period still runs', SECOND_END + 3 * DAY_MS],
    ['when the period is over', THIRD_END + DAY_MS],
  ])('%s', async (_when, paidAt) => {
    const ada = await unpaidInSecond();
    await at(SECOND_END + 2 * DAY_MS);
    await till.endAtStripe(ada);
    await till.settled();
    await at(paidAt);
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
    await at(THIRD_END + 2 * HOUR_MS);
    await till.control.deliveryMode({ hold: isHeld });
    const open = (await till.invoicesOf(ada)).filter(({ status }) => status === 'open');
    await till.endAtStripe(ada);
    if (!isHeld) await till.settled();
    await at(THIRD_END + 2.5 * HOUR_MS);
    // The two periods that are over.
    await payAll(open.slice(-2));
    expect((await till.chargesOf(ada)).filter(({ paid }) => paid)).toHaveLength(3);
    await at(THIRD_END + 3 * HOUR_MS);
    await till.release();
    expect((await till.shown(ada)).credits).toEqual({ available: 1_000_000, owed: 0 });
  });

  /** Unpaid from the first renewal on, and ended in the third period, whose base nobody ever gave. */
  async function endedInArrears(): Promise<Buyer> {
    await till.control.behave({ afterRetries: 'past_due' });
    const ada = await subscribed();
    await till.setCard(ada, 'declined');
    await at(FIRST_END);
    await at(FIRST_END + HOUR_MS);
    await at(Date.parse('2027-03-31T00:00:00.000Z'));
    await at(Date.parse('2027-03-31T02:00:00.000Z'));
    await at(Date.parse('2027-04-05T00:00:00.000Z'));
    await till.endAtStripe(ada);
    await till.settled();
    return ada;
  }

  test.each([false, true])('beside a first payment that comes to nothing (%s)', async (tries) => {
    const ada = await endedInArrears();
    await at(Date.parse('2027-04-06T00:00:00.000Z'));
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
    const ada = await subscribed();
    await till.setCard(ada, 'declined');
    await at(FIRST_END);
    await at(FIRST_END + HOUR_MS);
    const third = Date.parse('2027-03-31T00:00:00.000Z');
    await at(third);
    await at(third + 2 * HOUR_MS);
    const { id } = await till.stripeSubscriptionOf(ada);
    await at(third + DAY_MS);
    await till.setCard(ada, 'accepted');
    await till.stripe.call('subscription', (sdk) =>
      sdk.subscriptions.update(id, { billing_cycle_anchor: { type: 'now' }, proration_behavior: 'none' }),
    );
    await till.settled();
    await at(third + DAY_MS + HOUR_MS);
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

describe('a trial of the plan', () => {
  const TRIAL_END = START + 14 * DAY_MS;
  const trial = (missing: 'cancel' | 'pause' | 'create_invoice'): Partial<Stripe.SubscriptionCreateParams> => ({
    trial_period_days: 14,
    trial_settings: { end_behavior: { missing_payment_method: missing } },
  });

  test('that was paused and is cancelled leaves who had it free to subscribe', async () => {
    const ada = await till.buyer();
    await subscribeAtStripe(ada, trial('pause'));
    await at(TRIAL_END);
    await at(TRIAL_END + DAY_MS);
    await till.setCard(ada, 'accepted');
    await till.of(ada, CANCEL);
    await at(START + 90 * DAY_MS);
    const input = { billingEntityId: ada.id, plan: 'PRO', ...RETURNS };
    expect(await till.codeOf(ada, OPEN_CHECKOUT, { input })).toBeUndefined();
  });

  test('that was paused goes where another subscription is paid', async () => {
    const ada = await till.buyer();
    const paused = await subscribeAtStripe(ada, trial('pause'));
    await at(TRIAL_END);
    await at(TRIAL_END + DAY_MS);
    expect((await till.shown(ada)).subscription).toMatchObject({ id: paused.id, status: 'PAUSED' });
    await till.setCard(ada, 'accepted');
    const paid = await subscribeAtStripe(ada);
    expect((await till.chargesOf(ada)).map(({ amount, refunded }) => ({ amount, refunded }))).toEqual([
      { amount: 2_000, refunded: false },
    ]);
    expect(await till.shown(ada)).toMatchObject({
      credits: { available: 500_000, owed: 0 },
      subscription: { id: paid.id, status: 'ACTIVE' },
    });
  });

  test('takes no overage, which nobody would be billed for', async () => {
    const ada = await till.buyer();
    await subscribeAtStripe(ada, trial('cancel'));
    await till.allowOverage(ada);
    expect(await till.use(ada, 500_001)).toMatchObject({ reason: 'INSUFFICIENT_CREDITS', available: 500_000 });
    await till.setCard(ada, 'accepted');
    await at(TRIAL_END);
    await at(TRIAL_END + 2 * HOUR_MS);
    expect(await till.use(ada, 500_001)).toMatchObject({ credits: 500_001 });
    await till.expectProven(ada);
  });

  test('that was paused goes on when somebody resumes it with a card', async () => {
    const ada = await till.buyer();
    await subscribeAtStripe(ada, trial('pause'));
    await at(TRIAL_END);
    await at(TRIAL_END + DAY_MS);
    await till.setCard(ada, 'accepted');
    expect(await till.of(ada, RESUME)).toMatchObject({ status: 'ACTIVE' });
    expect(await till.shown(ada)).toMatchObject(stands('ACTIVE', 500_000));
    await till.expectProven(ada);
  });

  test('that was paused has no fewer units, and no preview of them', async () => {
    const ada = await till.buyer();
    await subscribeAtStripe(ada, trial('pause'), 2);
    await at(TRIAL_END);
    await at(TRIAL_END + DAY_MS);
    const input = { billingEntityId: ada.id, plan: 'PRO', quantity: 1 };
    const preview = 'query ($input: ChangePlanInput!) { previewPlanChange(input: $input) { timing } }';
    expect(await till.codeOf(ada, preview, { input })).toBe('CONFLICT');
    expect(await till.codeOf(ada, CHANGE, { input })).toBe('CONFLICT');
    expect((await till.stripeSubscriptionOf(ada)).schedule).toBeNull();
  });

  test('goes on with fewer units, which come at its end', async () => {
    const ada = await till.buyer();
    await subscribeAtStripe(ada, trial('cancel'), 2);
    expect(await till.change(ada, 1)).toMatchObject({ status: 'TRIALING', quantity: 2, scheduledQuantity: 1 });
    expect((await till.stripeSubscriptionOf(ada)).trial_end).toBe(TRIAL_END / 1_000);
    await till.setCard(ada, 'accepted');
    await at(TRIAL_END);
    await at(TRIAL_END + 2 * HOUR_MS);
    expect((await till.chargesOf(ada)).map(({ amount }) => amount)).toEqual([2_000]);
    expect(await till.shown(ada)).toMatchObject(stands('ACTIVE', 500_000));
  });

  test('gives the plan’s credits, and at its end with a card the next ones without a gap', async () => {
    const ada = await till.buyer();
    await subscribeAtStripe(ada, trial('cancel'));
    expect(await till.shown(ada)).toMatchObject(stands('TRIALING', 500_000));
    expect(await till.use(ada, 499_000)).toMatchObject({ credits: 499_000 });
    await till.setCard(ada, 'accepted');
    await at(TRIAL_END);
    expect(await till.shown(ada)).toMatchObject(stands('ACTIVE', 500_000));
    await at(TRIAL_END + HOUR_MS);
    expect(await till.shown(ada)).toMatchObject({
      ...stands('ACTIVE', 500_000),
      subscription: { currentPeriodStart: new Date(TRIAL_END).toISOString() },
    });
    await till.expectProven(ada);
  });

  test('that ends without a card is over, where it was to be canceled', async () => {
    const ada = await till.buyer();
    await purchase(ada, 20_000);
    await subscribeAtStripe(ada, trial('cancel'));
    await till.setCard(ada, null);
    await at(TRIAL_END);
    expect(await till.shown(ada)).toMatchObject({ ...FREE, credits: { available: 20_000, owed: 0 } });
    await till.expectProven(ada);
  });

  test('that ends without a card is paused, where it was to be: nothing is used until it goes on', async () => {
    const ada = await till.buyer();
    const { id } = await subscribeAtStripe(ada, trial('pause'));
    // Turned by our clock, before Stripe told.
    await till.control.deliveryMode({ hold: true });
    await at(TRIAL_END);
    expect(await till.use(ada, 1_000)).toMatchObject({ credits: 1_000 });
    await till.release();
    expect(await till.shown(ada)).toMatchObject(stands('PAUSED', 0, 1_000));
    expect(await till.use(ada, 1)).toMatchObject({ reason: 'PAYMENT_PAST_DUE' });
    await at(TRIAL_END + 3 * DAY_MS);
    await till.setCard(ada, 'accepted');
    await till.stripe.call('subscription', (sdk) => sdk.subscriptions.resume(id));
    await till.settled();
    expect(await till.shown(ada)).toMatchObject({
      ...stands('ACTIVE', 499_000),
      subscription: { currentPeriodStart: new Date(TRIAL_END + 3 * DAY_MS).toISOString() },
    });
    await till.expectProven(ada);
  });

  test('that ends without a card is in arrears, where an invoice was to be made', async () => {
    const ada = await till.buyer();
    await subscribeAtStripe(ada, trial('create_invoice'));
    await at(TRIAL_END);
    await at(TRIAL_END + HOUR_MS);
    expect(await till.shown(ada)).toMatchObject(stands('PAST_DUE', 0));
    await payOnPage(ada);
    expect(await till.shown(ada)).toMatchObject(stands('ACTIVE', 500_000));
    await till.expectProven(ada);
  });
});

describe('a first payment that the bank asks about', () => {
  test('on the Checkout page buys nothing until it is confirmed', async () => {
    const ada = await till.buyer();
    const session = await till.checkout(ada, { plan: 'PRO' });
    const { outcome } = await till.control.payCheckout(session, { card: 'requires_action', authenticate: false });
    await till.settled();
    expect(outcome).toBe('requires_action');
    expect(await till.shown(ada)).toMatchObject({ ...FREE, credits: { available: 0 } });
    await till.control.payCheckout(session, { card: 'requires_action' });
    await till.settled();
    expect(await till.shown(ada)).toMatchObject(stands('ACTIVE', 500_000));
    await till.expectProven(ada);
  });

  test('of a subscription grants nothing until it is paid, and says where', async () => {
    const ada = await till.buyer();
    await subscribeAtStripe(ada);
    expect(await till.shown(ada)).toMatchObject({
      plan: { code: 'FREE_TRIAL' },
      credits: { available: 0 },
      subscription: { status: 'INCOMPLETE', currentPeriodEnd: null, pendingPayment: { quantity: 1 } },
    });
    await payOnPage(ada);
    expect(await till.shown(ada)).toMatchObject({
      ...stands('ACTIVE', 500_000),
      subscription: { pendingPayment: null },
    });
    await till.expectProven(ada);
  });

  test('that never comes is forgotten after 23 hours, as if it had not been', async () => {
    const ada = await till.buyer();
    await subscribeAtStripe(ada);
    await at(START + 23 * HOUR_MS);
    expect(await till.shown(ada)).toMatchObject({ ...FREE, credits: { available: 0 } });
    await till.subscribe(ada);
    expect(await till.shown(ada)).toMatchObject(stands('ACTIVE', 500_000));
    await till.expectProven(ada);
  });

  test('stands in nobody’s way who pays for another subscription meanwhile', async () => {
    const ada = await till.buyer();
    const { id } = await subscribeAtStripe(ada);
    await till.subscribe(ada);
    expect(await till.shown(ada)).toMatchObject(stands('ACTIVE', 500_000));
    const all = await till.subscriptionsOf(ada);
    expect(all.find((each) => each.id === id)?.ended_at).not.toBeNull();
    await till.expectProven(ada);
  });
});

describe('a subscription that is ended at once, at Stripe', () => {
  test('takes its credits along, and leaves the trial’s and the bought ones', async () => {
    const ada = await till.clients.user(10_000);
    await till.subscribe(ada);
    await purchase(ada, 20_000);
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
    await at(FIRST_END);
    expect(await till.available(ada)).toBe(given);
    await at(FIRST_END + HOUR_MS);
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
    await at(till.clock.now().getTime() + 1_000);
    await till.control.payCheckout(session);
  }
  await at(FIRST_END + 2 * HOUR_MS);
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
    const ada = await subscribed();
    await till.changeAtStripe(ada, 0);
    await till.settled();
    expect(await till.shown(ada)).toMatchObject({ ...FREE, credits: { available: 0, owed: 0 } });
    await purchase(ada, 20_000);
    expect(await till.shown(ada)).toMatchObject({ ...FREE, credits: { available: 20_000, owed: 0 } });
    await till.changeAtStripe(ada, 1);
    await till.settled();
    expect(await till.shown(ada)).toMatchObject({ plan: { code: 'PRO' }, subscription: { status: 'ACTIVE' } });
    await till.expectProven(ada);
  });
});

test('a subscription that cannot be followed keeps nobody from what else they bought', async () => {
  const ada = await subscribed();
  await till.control.deliveryMode({ hold: true });
  // More than can be counted here, which nobody can ask for by us.
  await till.changeAtStripe(ada, 100_000_000_000);
  await till.control.payCheckout(await till.checkout(ada, { credits: 20_000 }));
  await expect(till.sync(ada)).rejects.toMatchObject({ code: 'BAD_USER_INPUT' });
  expect(await till.shown(ada)).toMatchObject({ credits: { available: 520_000 }, subscription: { quantity: 1 } });
  await till.expectProven(ada);
});

test('a period of fewer units than it was given for, paid when it is over, gives back what was paid for', async () => {
  await till.control.behave({ afterRetries: 'unpaid' });
  const ada = await till.buyer();
  await till.subscribe(ada, 3);
  await till.control.deliveryMode({ hold: true });
  await till.changeAtStripe(ada, 2);
  await till.setCard(ada, 'declined');
  await at(FIRST_END);
  expect(await till.available(ada)).toBe(1_500_000);
  await at(FIRST_END + HOUR_MS);
  await till.release();
  expect(await till.shown(ada)).toMatchObject(stands('PAST_DUE', 0));
  await at(FIRST_END + HOUR_MS + 7 * DAY_MS);
  await at(Date.parse('2027-03-31T02:00:00.000Z'));
  const open = (await till.invoicesOf(ada)).find(({ status }) => status === 'open');
  await till.submit(open?.hosted_invoice_url as string, { card: 'accepted' });
  expect(await till.available(ada)).toBe(1_000_000);
  await till.expectProven(ada);
});

test('a customer that is deleted at Stripe takes the subscription along; who comes again becomes another one', async () => {
  const ada = await subscribed();
  await purchase(ada, 20_000);
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
  await at(START + 14 * DAY_MS);
  // Stripe keeps in credit what of the second unit was not used.
  await till.changeAtStripe(ada, 1);
  await at(FIRST_END);
  await at(FIRST_END + 2 * HOUR_MS);
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

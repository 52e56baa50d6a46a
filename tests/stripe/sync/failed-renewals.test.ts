/** Renewals that nobody pays at first: what is taken back, what is left to use, and what payment brings (rules 18, 25). */
import type { Stripe } from 'stripe';
import { contractViolations, CONTRACT_TIMEOUT_MS } from '@tollgate/stripe-emulator/testing/contract';
import { type Buyer, Till } from '../../support/till.ts';
import type { Exchange } from '@tollgate/stripe-emulator';
import { DAY_MS, failRenewal, FIRST_END, FREE, HOUR_MS, payOnPage, stands } from './periods.ts';

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

describe('a renewal that fails', () => {
  test('takes its credits back; what else is there is used for a week, and nothing on credit; payment lifts all at once', async () => {
    const ada = await till.subscribed();
    await till.purchase(ada, 20_000);
    await till.allowOverage(ada);
    await failRenewal(till, ada);
    expect(await till.shown(ada)).toMatchObject({
      ...stands('PAST_DUE', 20_000),
      subscription: { status: 'PAST_DUE', graceEndsAt: new Date(FIRST_END + 7 * DAY_MS).toISOString() },
    });
    expect(await till.use(ada, 5_000)).toMatchObject({ credits: 5_000 });
    expect(await till.use(ada, 15_001)).toMatchObject({ reason: 'INSUFFICIENT_CREDITS', available: 15_000 });
    await till.moveTo(FIRST_END + 7 * DAY_MS);
    expect(await till.use(ada, 1)).toMatchObject({ reason: 'PAYMENT_PAST_DUE' });
    await payOnPage(till, ada);
    expect(await till.shown(ada)).toMatchObject({ ...stands('ACTIVE', 515_000), subscription: { graceEndsAt: null } });
    expect(await till.use(ada, 520_000)).toMatchObject({ credits: 520_000 });
    await till.expectProven(ada);
  });

  test('leaves what was used in its first hour owed, until somebody pays', async () => {
    const ada = await till.subscribed();
    await till.setCard(ada, 'declined');
    await till.moveTo(FIRST_END);
    expect(await till.use(ada, 100_000)).toMatchObject({ credits: 100_000 });
    await till.moveTo(FIRST_END + HOUR_MS);
    expect(await till.shown(ada)).toMatchObject(stands('PAST_DUE', 0, 100_000));
    await till.setCard(ada, 'accepted');
    // Stripe tries again after three days.
    await till.moveTo(FIRST_END + HOUR_MS + 3 * DAY_MS);
    expect(await till.shown(ada)).toMatchObject(stands('ACTIVE', 400_000));
    await till.expectProven(ada);
  });

  test('is the same when it is told late, twice and backwards, and nothing at all when it is told after it was paid', async () => {
    const [ada, ben] = [await till.subscribed(), await till.subscribed()];
    await till.control.deliveryMode({ hold: true, copies: 2 });
    await failRenewal(till, ada);
    await till.setCard(ben, 'declined');
    expect(await till.shown(ada)).toMatchObject(stands('ACTIVE', 500_000));
    const told = (await till.eventsOf(ada))[0]?.map(({ id }) => id).toReversed();
    await till.control.releaseDeliveries(told);
    await till.settled();
    expect(await till.shown(ada)).toMatchObject(stands('PAST_DUE', 0));
    await payOnPage(till, ada);
    await payOnPage(till, ben);
    await till.release('reversed');
    for (const buyer of [ada, ben]) {
      expect(await till.shown(buyer)).toMatchObject(stands('ACTIVE', 500_000));
      expect((await till.shown(buyer)).subscription?.currentPeriodStart).toBe(new Date(FIRST_END).toISOString());
    }
    await till.expectProven(ada, ben);
  });

  test('and is given up ends the subscription: what was bought stays', async () => {
    const ada = await till.subscribed();
    await till.purchase(ada, 20_000);
    await failRenewal(till, ada);
    await till.moveTo(FIRST_END + HOUR_MS + 7 * DAY_MS);
    expect(await till.shown(ada)).toMatchObject({ ...FREE, credits: { available: 20_000, owed: 0 } });
    expect(await till.use(ada, 20_000)).toMatchObject({ credits: 20_000 });
    await till.expectProven(ada);
  });

  test('and is left UNPAID refuses all use, also in the period that follows, until that is paid', async () => {
    await till.control.behave({ afterRetries: 'unpaid' });
    const ada = await till.subscribed();
    await till.purchase(ada, 20_000);
    await failRenewal(till, ada);
    await till.moveTo(FIRST_END + HOUR_MS + 7 * DAY_MS);
    expect(await till.shown(ada)).toMatchObject(stands('UNPAID', 20_000));
    expect(await till.use(ada, 1)).toMatchObject({ reason: 'PAYMENT_PAST_DUE' });
    await till.moveTo(Date.parse('2027-03-31T02:00:00.000Z'));
    expect(await till.shown(ada)).toMatchObject(stands('UNPAID', 20_000));
    expect(await till.use(ada, 1)).toMatchObject({ reason: 'PAYMENT_PAST_DUE' });
    // What it goes on to cost Stripe only writes down.
    const [draft] = await till.invoicesOf(ada);
    await till.stripe.call('invoice', (sdk) => sdk.invoices.finalizeInvoice(draft?.id as string));
    await payOnPage(till, ada);
    expect(await till.shown(ada)).toMatchObject(stands('ACTIVE', 520_000));
    expect(await till.use(ada, 1)).toMatchObject({ credits: 1 });
    await till.expectProven(ada);
  });

  describe('and is paid only after its period', () => {
    /** Of the two periods after it. */
    const ENDS = [Date.parse('2027-03-31T00:00:00.000Z'), Date.parse('2027-04-30T00:00:00.000Z')];

    async function leftUnpaid(): Promise<Buyer> {
      await till.control.behave({ afterRetries: 'unpaid' });
      const ada = await till.subscribed();
      await till.setCard(ada, 'declined');
      await till.moveTo(FIRST_END);
      expect(await till.use(ada, 300_000)).toMatchObject({ credits: 300_000 });
      await till.moveTo(FIRST_END + HOUR_MS);
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
      await till.moveTo(FIRST_END + HOUR_MS + 7 * DAY_MS);
      for (const end of ENDS) await till.moveTo(end + 2 * HOUR_MS);
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
      await till.moveTo(FIRST_END + HOUR_MS + 7 * DAY_MS);
      for (const end of ENDS) await till.moveTo(end + 2 * HOUR_MS);
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
      const ada = await till.subscribed();
      await till.setCard(ada, 'declined');
      await till.control.deliveryMode({ hold: true });
      await till.moveTo(FIRST_END);
      expect(await till.use(ada, 300_000)).toMatchObject({ credits: 300_000 });
      await till.moveTo(FIRST_END + HOUR_MS);
      return ada;
    };

    test.each(['by itself', 'by hand'])('%s: what was used of it is owed', async (how) => {
      const ada = await used();
      if (how === 'by itself') await till.moveTo(FIRST_END + HOUR_MS + 7 * DAY_MS);
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
      const ada = await till.subscribed();
      await till.control.deliveryMode({ hold: true });
      const { id } = await till.stripeSubscriptionOf(ada);
      await till.stripe.call('subscription', (sdk) => sdk.subscriptions.update(id, { cancel_at_period_end: true }));
      await till.moveTo(FIRST_END);
      expect(await till.use(ada, 300_000)).toMatchObject({ credits: 300_000 });
      await till.release();
      expect(await till.shown(ada)).toMatchObject({ ...FREE, credits: { available: 0, owed: 300_000 } });
      await till.expectProven(ada);
    });

    test('for two periods that Stripe never began: both are owed', async () => {
      const ada = await till.subscribed();
      await till.control.deliveryMode({ hold: true });
      const { id } = await till.stripeSubscriptionOf(ada);
      await till.stripe.call('subscription', (sdk) => sdk.subscriptions.update(id, { cancel_at_period_end: true }));
      for (const start of [FIRST_END, Date.parse('2027-03-31T00:00:00.000Z')]) {
        await till.moveTo(start);
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
      await till.moveTo(second);
      await till.moveTo(second + HOUR_MS);
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
    const ada = await till.subscribed();
    await till.setCard(ada, 'requires_action');
    await till.moveTo(FIRST_END);
    await till.moveTo(FIRST_END + HOUR_MS);
    expect(await till.shown(ada)).toMatchObject(stands('PAST_DUE', 0));
    const [invoice] = await till.invoicesOf(ada);
    await till.control.authenticateInvoice(invoice?.id as string);
    await till.settled();
    expect(await till.shown(ada)).toMatchObject(stands('ACTIVE', 500_000));
    await till.expectProven(ada);
  });
});

test(
  'every call and every answer is as the SDK declares it',
  () => {
    expect(contractViolations(traffic.filter(({ path }) => path !== '/v1/events'))).toEqual([]);
  },
  CONTRACT_TIMEOUT_MS,
);

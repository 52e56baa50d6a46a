/** Ends that nobody planned, or of which nobody told in time: what was used is billed once, and nobody stays where they were. */
import type { Reconciliation } from '../../src/stripe/reconciler.ts';
import type { StripeServices } from '../../src/stripe/stripe.ts';
import {
  type Buyer,
  CANCEL,
  CHANGE,
  COMPLETE,
  OPEN_CHECKOUT,
  OPEN_PORTAL,
  RESUME,
  RETURNS,
  Till,
} from '../support/till.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

let till: Till;

beforeEach(async () => {
  till = await Till.open();
});

afterEach(async () => {
  await till.close();
});

const START = Date.parse('2027-01-31T00:00:00.000Z');
const FIRST_END = Date.parse('2027-02-28T00:00:00.000Z');

/** Stripe refuses to give anything back. */
const NO_REFUNDS = { method: 'POST', path: '/v1/refunds', kind: 'rejected', times: 0 } as const;

/** The meter does not answer. */
const NO_METER = { kind: 'error_before_commit', path: '/v1/billing/meter_events', times: 0 } as const;

const at = (ms: number): Promise<void> => till.moveTo(new Date(ms));

async function subscribed(quantity = 1): Promise<Buyer> {
  const buyer = await till.buyer();
  await till.subscribe(buyer, quantity);
  return buyer;
}

async function purchase(buyer: Buyer, amount: number): Promise<void> {
  await till.control.payCheckout(await till.checkout(buyer, { credits: amount }));
  await till.settled();
}

/** Cents asked for overage, on whatever invoice, oldest first. */
async function overageCents(buyer: Buyer): Promise<number[]> {
  const { overagePrice } = await till.catalog();
  return (await till.invoicesOf(buyer))
    .toReversed()
    .flatMap(({ lines }) => lines.data)
    .filter(
      ({ pricing, description, amount }) =>
        amount > 0 &&
        (pricing?.price_details?.price === overagePrice || description?.startsWith('Overage credits used') === true),
    )
    .map(({ amount }) => amount);
}

/** We are away for so long that Stripe lists nothing any more of what it told at first: it does so for 30 days. */
async function away(buyer: Buyer, work: (customer: string) => Promise<void>, days = 41): Promise<void> {
  const customer = await till.customerOf(buyer);
  await till.restart(async () => {
    await till.control.deliveryMode({ drop: ['*'] });
    await work(customer);
    till.clock.set(new Date(START + days * DAY_MS));
    await till.control.moveClock({ to: till.clock.now() });
    await till.control.deliveryMode({ drop: [] });
  });
}

const services = () => till.app.services.stripe as StripeServices;

const reconcile = (): Promise<Reconciliation> => services().reconciler.run();

const credits = async (buyer: Buyer) => (await till.shown(buyer)).credits;

describe('overage', () => {
  test('that is used after a planned end, until we hear of it, is billed', async () => {
    const ada = await subscribed();
    await till.allowOverage(ada);
    await at(FIRST_END - 2 * HOUR_MS);
    await till.control.deliveryMode({ hold: true });
    const { id } = await till.stripeSubscriptionOf(ada);
    await till.stripe.call('subscription', (sdk) => sdk.subscriptions.update(id, { cancel_at_period_end: true }));
    await at(FIRST_END);
    await at(FIRST_END + 10 * 60_000);
    expect(await till.use(ada, 1_500_000)).toMatchObject({ credits: 1_500_000 });
    await till.reported();
    await at(FIRST_END + 20 * 60_000);
    await till.release();
    await till.reported();
    await at(FIRST_END + 5 * HOUR_MS);
    await till.reported();
    await at(FIRST_END + 8 * HOUR_MS);
    expect(await overageCents(ada)).toEqual([4_000]);
    await till.expectProven(ada);
  });

  test('is billed once beside a second subscription that cannot be refunded', async () => {
    const ada = await till.buyer();
    const [one, two] = [await till.checkout(ada, { plan: 'PRO' }), await till.checkout(ada, { plan: 'PRO' })];
    await till.control.addFault(NO_REFUNDS);
    await till.control.deliveryMode({ hold: true });
    await till.control.payCheckout(one);
    await at(START + 60_000);
    await till.control.payCheckout(two);
    await till.control.deliveryMode({ hold: false });
    await till.control.releaseDeliveries();
    await expect(till.sync(ada)).rejects.toBeDefined();
    await till.allowOverage(ada);
    expect(await till.use(ada, 1_500_000)).toMatchObject({ credits: 1_500_000 });
    await till.reported();
    till.clock.set(new Date(FIRST_END));
    await till.control.moveClock({ to: till.clock.now() });
    till.clock.set(new Date(FIRST_END + 2 * HOUR_MS));
    await till.control.moveClock({ to: till.clock.now() });
    expect((await till.subscriptionsOf(ada)).map(({ status }) => status)).toEqual(['canceled', 'active']);
    const charged = (await till.chargesOf(ada)).map(({ amount }) => amount).toSorted((a, b) => a - b);
    expect({ overage: await overageCents(ada), charged }).toEqual({ overage: [4_000], charged: [2_000, 2_000, 6_000] });
  });

  test.each([false, true])(
    'that is not told yet (frozen: %s) when somebody begins the cycle anew at Stripe is billed',
    async (isFrozen) => {
      const ada = await subscribed();
      await till.allowOverage(ada);
      await at(START + 10 * DAY_MS);
      await till.control.addFault(NO_METER);
      expect(await till.use(ada, 1_500_000)).toMatchObject({ credits: 1_500_000 });
      // As every five seconds.
      if (isFrozen) await services().meterReporter.run();
      await at(START + 10 * DAY_MS + HOUR_MS);
      const { id } = await till.stripeSubscriptionOf(ada);
      await till.stripe.call('subscription', (sdk) =>
        sdk.subscriptions.update(id, { billing_cycle_anchor: { type: 'now' }, proration_behavior: 'none' }),
      );
      await till.settled();
      await till.control.clearFaults();
      await till.reported();
      await at(START + 10 * DAY_MS + 2 * HOUR_MS);
      await at(Date.parse('2027-03-10T03:00:00.000Z'));
      await at(Date.parse('2027-03-10T05:00:00.000Z'));
      expect((await overageCents(ada)).reduce((a, b) => a + b, 0)).toBe(4_000);
    },
  );

  test.each([20, 41])(
    'that the meter has of a subscription that is ended at once while we are away for %i days is billed',
    async (days) => {
      const ada = await subscribed();
      await till.allowOverage(ada);
      await at(START + DAY_MS);
      expect(await till.use(ada, 1_500_000)).toMatchObject({ credits: 1_500_000 });
      await till.reported();
      await away(
        ada,
        async (customer) => {
          const [live] = await till.stripe.list('subscription', (sdk, page) =>
            sdk.subscriptions.list({ customer, ...page }),
          );
          await till.stripe.call('subscription', (sdk) => sdk.subscriptions.cancel(live?.id as string));
        },
        days,
      );
      const { remaining } = await reconcile();
      expect((await till.shown(ada)).subscription).toBeNull();
      await till.settled();
      await till.reported();
      await at(START + days * DAY_MS + 2 * HOUR_MS);
      expect({ cents: await overageCents(ada), remaining }).toEqual({ cents: [4_000], remaining: [] });
    },
  );

  test.each([false, true])('that a hold brings over the end (planned: %s) is charged', async (isPlanned) => {
    const ada = await subscribed();
    await till.allowOverage(ada);
    await at(FIRST_END - HOUR_MS);
    const held = await till.reserve(ada, 1_500_000);
    if (isPlanned) {
      await till.of(ada, CANCEL);
      await at(FIRST_END);
    } else {
      await till.endAtStripe(ada);
    }
    await till.settled();
    await at(FIRST_END + 2 * HOUR_MS);
    expect((await till.shown(ada)).subscription).toBeNull();
    expect(await till.use(ada, 1_500_000, held)).toMatchObject({ credits: 1_500_000 });
    await till.reported();
    await at(FIRST_END + 5 * HOUR_MS);
    await at(FIRST_END + 5 * DAY_MS);
    const charged = (await till.chargesOf(ada)).filter(({ paid }) => paid).map(({ amount }) => amount);
    expect(charged).toEqual([4_000, 2_000]);
    await till.expectProven(ada);
  });

  test.each([false, true])(
    'beside a last invoice of which we have not heard is billed (told to the meter in time: %s)',
    async (inTime) => {
      const ada = await subscribed();
      await till.allowOverage(ada);
      await at(START + 10 * DAY_MS);
      if (!inTime) await till.control.addFault(NO_METER);
      expect(await till.use(ada, 1_500_000)).toMatchObject({ credits: 1_500_000 });
      await services().meterReporter.run();
      await till.control.deliveryMode({ hold: true });
      await at(START + 10 * DAY_MS + 60_000);
      const { id } = await till.stripeSubscriptionOf(ada);
      await till.stripe.call('subscription', (sdk) => sdk.subscriptions.cancel(id, { invoice_now: true }));
      await at(START + 10 * DAY_MS + 120_000);
      await till.control.clearFaults();
      await till.reported();
      await till.release();
      await till.reported();
      await reconcile();
      await at(START + 10 * DAY_MS + 3 * HOUR_MS);
      await at(START + 12 * DAY_MS);
      await reconcile();
      expect(await overageCents(ada)).toEqual([4_000]);
    },
  );

  test.each([false, true])(
    'beside two subscriptions that were both paid for periods is billed once (told at first: %s)',
    async (told) => {
      const ada = await till.buyer();
      const sessions = [await till.checkout(ada, { plan: 'PRO' }), await till.checkout(ada, { plan: 'PRO' })];
      await till.control.addFault(NO_REFUNDS);
      await till.control.deliveryMode({ hold: true });
      for (const session of sessions) {
        await at(till.clock.now().getTime() + 60_000);
        await till.control.payCheckout(session);
      }
      if (told) await till.sync(ada).catch(() => undefined);
      const second = Date.parse('2027-02-28T00:10:00.000Z');
      await at(second);
      await at(second + 2 * HOUR_MS);
      await till.sync(ada).catch(() => undefined);
      await till.allowOverage(ada);
      expect(await till.use(ada, 1_500_000)).toMatchObject({ credits: 1_500_000 });
      await till.reported();
      const third = Date.parse('2027-03-31T00:10:00.000Z');
      await at(third);
      await at(third + 2 * HOUR_MS);
      expect(await overageCents(ada)).toEqual([4_000]);
    },
  );

  test.each([
    [130, 'goes on'],
    [120, 'goes on'],
    [130, 'is ended'],
    [120, 'is ended'],
  ])(
    'that is told too late, in thirty reports of %i credits, costs what it costs in all (the subscription %s)',
    async (each, how) => {
      const ada = await subscribed();
      await till.allowOverage(ada);
      await at(START + 10 * DAY_MS);
      await till.control.addFault(NO_METER);
      expect(await till.use(ada, 500_000)).toMatchObject({ credits: 500_000 });
      for (let uses = 0; uses < 30; uses += 1) {
        expect(await till.use(ada, each)).toMatchObject({ credits: each });
        // As every five seconds.
        await till.app.services.meterReports.freeze(ada.id);
      }
      if (how === 'is ended') {
        await till.endAtStripe(ada);
        await till.settled();
      } else {
        await at(FIRST_END);
        await at(FIRST_END + 2 * HOUR_MS);
      }
      await till.control.clearFaults();
      await till.reported();
      await at(Date.parse('2027-03-31T00:00:00.000Z'));
      await at(Date.parse('2027-03-31T03:00:00.000Z'));
      let cents = 0;
      for (const { id } of await till.invoicesOf(ada)) {
        const lines = await till.stripe.list('line_item', (sdk, page) => sdk.invoices.listLineItems(id, page));
        const own = lines.filter(({ description }) => description?.startsWith('Overage credits used') === true);
        cents += own.reduce((sum, { amount }) => sum + amount, 0);
      }
      const reports = await till.sql('select state from meter_report where billing_entity_id = $1', [ada.id]);
      expect(reports.length).toBeGreaterThanOrEqual(30);
      // Within a cent, for one rounding.
      const due = (30 * each) / 250;
      expect({ cents, due, isRight: Math.abs(cents - due) <= 1 }).toEqual({ cents, due, isRight: true });
    },
  );
});

describe('nobody stays', () => {
  test('without a plan whose customer is deleted at Stripe while we are away', async () => {
    const ada = await subscribed();
    await away(ada, async (customer) => {
      await till.stripe.call('customer', (sdk) => sdk.customers.del(customer));
    });
    await reconcile();
    expect((await till.shown(ada)).subscription).toBeNull();
    const input = { billingEntityId: ada.id, plan: 'PRO', ...RETURNS };
    expect(await till.codeOf(ada, OPEN_CHECKOUT, { input })).toBeUndefined();
  });

  test('without credits whose refund comes back from the bank while we are away', async () => {
    const ada = await till.buyer();
    await till.control.payCheckout(await till.checkout(ada, { credits: 20_000 }));
    await till.settled();
    const [charge] = await till.chargesOf(ada);
    const { id } = await till.control.refund(charge?.id as string);
    await till.settled();
    expect(await credits(ada)).toEqual({ available: 0, owed: 0 });
    await away(ada, async () => {
      await till.control.failRefund(id);
    });
    await reconcile();
    expect(await credits(ada)).toEqual({ available: 20_000, owed: 0 });
  });

  test.each([false, true])(
    'unreconciled because of another one with whom Stripe fails (%s)',
    async (fails) => {
      const [one, two] = [await subscribed(2), await subscribed(2)].toSorted((a, b) => (a.id < b.id ? -1 : 1)) as [
        Buyer,
        Buyer,
      ];
      await till.change(one, 1);
      await till.settled();
      await till.control.deliveryMode({ drop: ['*'] });
      await till.endAtStripe(two);
      await at(START + 41 * DAY_MS);
      await till.control.deliveryMode({ drop: [] });
      const path = '/v1/subscription_schedules/*';
      if (fails) await till.control.addFault({ method: 'GET', path, kind: 'error_before_commit', times: 0 });
      await reconcile();
      expect((await till.shown(two)).subscription).toBeNull();
    },
    60_000,
  );

  test('on a plan whose customer is deleted while the reconciler is at it', async () => {
    const ada = await subscribed();
    const customer = await till.customerOf(ada);
    const { sync } = services();
    const original = sync.sync.bind(sync);
    sync.sync = async (id) => {
      await original(id);
      // Somebody at Stripe, a moment after we looked.
      if (id === customer) {
        sync.sync = original;
        await till.stripe.call('customer', (sdk) => sdk.customers.del(customer));
      }
    };
    await till.control.deliveryMode({ hold: true });
    await reconcile();
    await till.release();
    await at(FIRST_END);
    await reconcile();
    await at(FIRST_END + 2 * HOUR_MS);
    const { plan, credits: balance } = await till.shown(ada);
    const input = { billingEntityId: ada.id, plan: 'PRO', ...RETURNS };
    const checkout = await till.codeOf(ada, OPEN_CHECKOUT, { input });
    expect({ plan: plan.code, balance, checkout }).toEqual({
      plan: 'FREE_TRIAL',
      balance: { available: 0, owed: 0 },
      checkout: undefined,
    });
  });

  test('before a closed till whose customer was deleted at Stripe, of which nobody has told', async () => {
    const ada = await till.buyer();
    await purchase(ada, 20_000);
    await till.control.deliveryMode({ drop: ['*'] });
    const customer = await till.customerOf(ada);
    await till.stripe.call('customer', (sdk) => sdk.customers.del(customer));
    const input = { billingEntityId: ada.id, plan: 'PRO', ...RETURNS };
    expect({
      checkout: await till.codeOf(ada, OPEN_CHECKOUT, { input }),
      portal: await till.codeOf(ada, OPEN_PORTAL, {
        input: { billingEntityId: ada.id, returnUrl: 'http://localhost:3000/plans' },
      }),
    }).toEqual({ checkout: undefined, portal: undefined });
  });

  test('without credits whose refund comes back, because of a subscription with which Stripe fails', async () => {
    const ada = await subscribed();
    await till.allowOverage(ada);
    await at(START + DAY_MS);
    expect(await till.use(ada, 1_500_000)).toMatchObject({ credits: 1_500_000 });
    await till.reported();
    const { id } = await till.stripeSubscriptionOf(ada);
    const bob = await till.buyer();
    await purchase(bob, 20_000);
    const [charge] = await till.chargesOf(bob);
    const refund = await till.control.refund(charge?.id as string);
    await till.settled();
    expect(await credits(bob)).toEqual({ available: 0, owed: 0 });
    await till.control.deliveryMode({ drop: ['*'] });
    await till.stripe.call('subscription', (sdk) => sdk.subscriptions.cancel(id));
    await till.control.failRefund(refund.id);
    // Longer than Stripe lists events.
    till.clock.set(new Date(START + 40 * DAY_MS));
    await till.control.moveClock({ to: till.clock.now() });
    await till.control.deliveryMode({ drop: [] });
    const path = `/v1/subscriptions/${id}`;
    await till.control.addFault({ method: 'GET', path, kind: 'error_before_commit', times: 0 });
    await reconcile();
    expect(await credits(bob)).toEqual({ available: 20_000, owed: 0 });
  });

  test.each(['refund', 'dispute'])(
    'with credits whose money goes back (%s) after the customer was deleted',
    async (how) => {
      const ada = await till.buyer();
      await purchase(ada, 20_000);
      const [charge] = await till.chargesOf(ada);
      const customer = await till.customerOf(ada);
      await till.stripe.call('customer', (sdk) => sdk.customers.del(customer));
      await till.settled();
      if (how === 'refund') await till.control.refund(charge?.id as string);
      else {
        const { id } = await till.control.openDispute(charge?.id as string);
        await till.control.closeDispute(id, 'lost');
      }
      await till.settled();
      await reconcile();
      expect(await credits(ada)).toEqual({ available: 0, owed: 0 });
    },
  );
});

describe('who asks beside a second subscription that cannot be refunded is answered', () => {
  const both = async (): Promise<{ ada: Buyer; two: string }> => {
    const ada = await till.buyer();
    const [one, two] = [await till.checkout(ada, { plan: 'PRO' }), await till.checkout(ada, { plan: 'PRO' })];
    await till.control.addFault(NO_REFUNDS);
    await till.control.deliveryMode({ hold: true });
    await till.control.payCheckout(one);
    await at(START + 60_000);
    await till.control.payCheckout(two);
    return { ada, two };
  };

  test('what completes a Checkout', async () => {
    const { ada, two } = await both();
    expect(await till.codeOf(ada, COMPLETE, { billingEntityId: ada.id, sessionId: two })).toBeUndefined();
  });

  test.each([
    ['cancel', CANCEL, {}],
    ['resume', RESUME, {}],
    ['change', CHANGE, { plan: 'PRO', quantity: 2 }],
  ] as const)('%s', async (_name, document, more) => {
    const { ada } = await both();
    await expect(till.sync(ada)).rejects.toBeDefined();
    const code = await till.codeOf(ada, document, { input: { billingEntityId: ada.id, ...more } });
    expect(code).toBeUndefined();
  });
});

/** Ends that nobody planned, or of which nobody told in time: what was used is billed once. */
import { type Buyer, CANCEL, PRO_ELSEWHERE, Till } from '../../support/till.ts';
import { DAY_MS, FIRST_END, HOUR_MS, START } from '../sync/periods.ts';
import { away, NO_METER, NO_REFUNDS, reconcile, stripeOf } from './outages.ts';

let till: Till;

/** Moving the clock renews everybody: each test has a Till of its own. */
beforeEach(async () => {
  till = await Till.open();
});

afterEach(() => till.close());

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

describe('overage', () => {
  test('that is used after a planned end, until we hear of it, is billed', async () => {
    const ada = await till.subscribed();
    await till.allowOverage(ada);
    await till.moveTo(FIRST_END - 2 * HOUR_MS);
    await till.control.deliveryMode({ hold: true });
    const { id } = await till.stripeSubscriptionOf(ada);
    await till.stripe.call('subscription', (sdk) => sdk.subscriptions.update(id, { cancel_at_period_end: true }));
    await till.moveTo(FIRST_END);
    await till.moveTo(FIRST_END + 10 * 60_000);
    expect(await till.use(ada, 1_500_000)).toMatchObject({ credits: 1_500_000 });
    await till.reported();
    await till.moveTo(FIRST_END + 20 * 60_000);
    await till.release();
    await till.reported();
    await till.moveTo(FIRST_END + 5 * HOUR_MS);
    await till.reported();
    await till.moveTo(FIRST_END + 8 * HOUR_MS);
    expect(await overageCents(ada)).toEqual([4_000]);
    await till.expectProven(ada);
  });

  test('is billed once beside a second subscription that cannot be refunded', async () => {
    const ada = await till.buyer();
    const [one, two] = [await till.checkout(ada, { plan: 'PRO' }), await till.checkout(ada, PRO_ELSEWHERE)];
    await till.control.addFault(NO_REFUNDS);
    await till.control.deliveryMode({ hold: true });
    await till.control.payCheckout(one);
    await till.moveTo(START + 60_000);
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
      const ada = await till.subscribed();
      await till.allowOverage(ada);
      await till.moveTo(START + 10 * DAY_MS);
      await till.control.addFault(NO_METER);
      expect(await till.use(ada, 1_500_000)).toMatchObject({ credits: 1_500_000 });
      // As every five seconds.
      if (isFrozen) await stripeOf(till).meterReporter.run();
      await till.moveTo(START + 10 * DAY_MS + HOUR_MS);
      const { id } = await till.stripeSubscriptionOf(ada);
      await till.stripe.call('subscription', (sdk) =>
        sdk.subscriptions.update(id, { billing_cycle_anchor: { type: 'now' }, proration_behavior: 'none' }),
      );
      await till.settled();
      await till.control.clearFaults();
      await till.reported();
      await till.moveTo(START + 10 * DAY_MS + 2 * HOUR_MS);
      await till.moveTo(Date.parse('2027-03-10T03:00:00.000Z'));
      await till.moveTo(Date.parse('2027-03-10T05:00:00.000Z'));
      expect((await overageCents(ada)).reduce((a, b) => a + b, 0)).toBe(4_000);
    },
  );

  test.each([20, 41])(
    'that the meter has of a subscription that is ended at once while we are away for %i days is billed',
    async (days) => {
      const ada = await till.subscribed();
      await till.allowOverage(ada);
      await till.moveTo(START + DAY_MS);
      expect(await till.use(ada, 1_500_000)).toMatchObject({ credits: 1_500_000 });
      await till.reported();
      await away(
        till,
        ada,
        async (customer) => {
          const [live] = await till.stripe.list('subscription', (sdk, page) =>
            sdk.subscriptions.list({ customer, ...page }),
          );
          await till.stripe.call('subscription', (sdk) => sdk.subscriptions.cancel(live?.id as string));
        },
        days,
      );
      const { remaining } = await reconcile(till);
      expect((await till.shown(ada)).subscription).toBeNull();
      await till.settled();
      await till.reported();
      await till.moveTo(START + days * DAY_MS + 2 * HOUR_MS);
      expect({ cents: await overageCents(ada), remaining }).toEqual({ cents: [4_000], remaining: [] });
    },
  );

  test.each([false, true])('that a hold brings over the end (planned: %s) is charged', async (isPlanned) => {
    const ada = await till.subscribed();
    await till.allowOverage(ada);
    await till.moveTo(FIRST_END - HOUR_MS);
    const held = await till.reserve(ada, 1_500_000);
    if (isPlanned) {
      await till.of(ada, CANCEL);
      await till.moveTo(FIRST_END);
    } else {
      await till.endAtStripe(ada);
    }
    await till.settled();
    await till.moveTo(FIRST_END + 2 * HOUR_MS);
    expect((await till.shown(ada)).subscription).toBeNull();
    expect(await till.use(ada, 1_500_000, held)).toMatchObject({ credits: 1_500_000 });
    await till.reported();
    await till.moveTo(FIRST_END + 5 * HOUR_MS);
    await till.moveTo(FIRST_END + 5 * DAY_MS);
    const charged = (await till.chargesOf(ada)).filter(({ paid }) => paid).map(({ amount }) => amount);
    expect(charged).toEqual([4_000, 2_000]);
    await till.expectProven(ada);
  });

  test.each([false, true])(
    'beside a last invoice of which we have not heard is billed (told to the meter in time: %s)',
    async (inTime) => {
      const ada = await till.subscribed();
      await till.allowOverage(ada);
      await till.moveTo(START + 10 * DAY_MS);
      if (!inTime) await till.control.addFault(NO_METER);
      expect(await till.use(ada, 1_500_000)).toMatchObject({ credits: 1_500_000 });
      await stripeOf(till).meterReporter.run();
      await till.control.deliveryMode({ hold: true });
      await till.moveTo(START + 10 * DAY_MS + 60_000);
      const { id } = await till.stripeSubscriptionOf(ada);
      await till.stripe.call('subscription', (sdk) => sdk.subscriptions.cancel(id, { invoice_now: true }));
      await till.moveTo(START + 10 * DAY_MS + 120_000);
      await till.control.clearFaults();
      await till.reported();
      await till.release();
      await till.reported();
      await reconcile(till);
      await till.moveTo(START + 10 * DAY_MS + 3 * HOUR_MS);
      await till.moveTo(START + 12 * DAY_MS);
      await reconcile(till);
      expect(await overageCents(ada)).toEqual([4_000]);
    },
  );

  test.each([false, true])(
    'beside two subscriptions that were both paid for periods is billed once (told at first: %s)',
    async (told) => {
      const ada = await till.buyer();
      const sessions = [await till.checkout(ada, { plan: 'PRO' }), await till.checkout(ada, PRO_ELSEWHERE)];
      await till.control.addFault(NO_REFUNDS);
      await till.control.deliveryMode({ hold: true });
      for (const session of sessions) {
        await till.moveTo(till.clock.now().getTime() + 60_000);
        await till.control.payCheckout(session);
      }
      if (told) await till.sync(ada).catch(() => undefined);
      const second = Date.parse('2027-02-28T00:10:00.000Z');
      await till.moveTo(second);
      await till.moveTo(second + 2 * HOUR_MS);
      await till.sync(ada).catch(() => undefined);
      await till.allowOverage(ada);
      expect(await till.use(ada, 1_500_000)).toMatchObject({ credits: 1_500_000 });
      await till.reported();
      const third = Date.parse('2027-03-31T00:10:00.000Z');
      await till.moveTo(third);
      await till.moveTo(third + 2 * HOUR_MS);
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
      const ada = await till.subscribed();
      await till.allowOverage(ada);
      await till.moveTo(START + 10 * DAY_MS);
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
        await till.moveTo(FIRST_END);
        await till.moveTo(FIRST_END + 2 * HOUR_MS);
      }
      await till.control.clearFaults();
      await till.reported();
      await till.moveTo(Date.parse('2027-03-31T00:00:00.000Z'));
      await till.moveTo(Date.parse('2027-03-31T03:00:00.000Z'));
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

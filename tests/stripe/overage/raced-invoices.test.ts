/** Overage of which the meter hears when its period's invoice is made already: no line counts it, so it is billed besides, once. */
import type { Stripe } from 'stripe';
import { type Buyer, Till } from '../../support/till.ts';
import { DAY_MS, HOUR_MS, START } from '../sync/periods.ts';
import { reconcile, stripeOf } from './outages.ts';

let till: Till;

/** Moving the clock renews everybody: each test has a Till of its own. */
beforeEach(async () => {
  till = await Till.open();
});

afterEach(() => till.close());

/** Cents of overage on final invoices. */
async function overageCents(buyer: Buyer): Promise<number> {
  return (await till.invoicesOf(buyer))
    .filter(({ status }) => status === 'paid')
    .flatMap(({ lines }) => lines.data)
    .filter(
      ({ pricing, description }) =>
        pricing?.price_details?.product === 'tollgate_overage' || description?.startsWith('Overage credits used'),
    )
    .reduce((sum, { amount }) => sum + amount, 0);
}

/** Changes in the dashboard that bill at once what the meter has counted so far. */
const CHANGES: Record<string, (sdk: Stripe, id: string) => Promise<unknown>> = {
  'begins a cycle anew': (sdk, id) =>
    sdk.subscriptions.update(id, { billing_cycle_anchor: { type: 'now' }, proration_behavior: 'none' }),
  'ends the subscription': (sdk, id) => sdk.subscriptions.cancel(id, { invoice_now: true }),
  'gives a trial': (sdk, id) =>
    sdk.subscriptions.update(id, { trial_end: (START + 20 * DAY_MS) / 1_000, proration_behavior: 'none' }),
  'pauses the subscription': (sdk, id) => sdk.subscriptions.pause(id),
};

describe.each(Object.keys(CHANGES))('somebody %s', (change) => {
  test.each([
    { before: 0, seconds: 0 },
    { before: 250_000, seconds: 0 },
    { before: 250_000, seconds: 20 },
  ])('before the meter hears of the last use, $seconds s after it had $before credits', async ({ before, seconds }) => {
    const ada = await till.subscribed();
    await till.allowOverage(ada);
    await till.moveTo(START + 10 * DAY_MS);
    await till.use(ada, 500_000 + before);
    await till.reported();
    await till.moveTo(START + 10 * DAY_MS + HOUR_MS);
    await till.use(ada, 1_000_000);
    // We hear of the change only when the meter was told.
    await till.control.deliveryMode({ hold: true });
    const { id } = await till.stripeSubscriptionOf(ada);
    await till.stripe.call('subscription', (sdk) => CHANGES[change]?.(sdk, id) as Promise<Stripe.Subscription>);
    till.clock.set(new Date(START + 10 * DAY_MS + HOUR_MS + seconds * 1_000));
    await till.control.moveClock({ to: till.clock.now() });
    await stripeOf(till).meterReporter.run();
    expect(await till.metered(ada)).toBe(BigInt(1_000_000 + before));
    await till.release();
    // A day later the reconciler compares; then whatever runs comes to its end.
    const rest = [11 * DAY_MS, 11 * DAY_MS + 3 * HOUR_MS];
    for (const at of rest) {
      await till.moveTo(START + at);
      await reconcile(till);
    }
    if ((await till.stripeSubscriptionOf(ada)).ended_at === null) await till.endAtStripe(ada);
    await till.settled();
    for (const hours of [6, 9, 12]) {
      await till.moveTo(START + 11 * DAY_MS + hours * HOUR_MS);
      await reconcile(till);
    }
    const { remaining } = await reconcile(till);
    expect({ cents: await overageCents(ada), remaining }).toEqual({ cents: (1_000_000 + before) / 250, remaining: [] });
    await till.expectProven(ada);
  });
});

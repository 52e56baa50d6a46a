/** Use beyond the credits that nobody could be charged for, or that no invoice would have, is not allowed (rule 14). */
import type { Stripe } from 'stripe';
import { type Buyer, Till } from '../../support/till.ts';
import { subscribeAtStripe } from '../sync/periods.ts';
import { reconcile } from './outages.ts';

/** All credits of a period and $40 of overage. */
const BEYOND = 1_500_000;
const CAP = 100_000;

let till: Till;

beforeAll(async () => {
  till = await Till.open();
});

afterAll(() => till.close());

const update = async (buyer: Buyer, changes: Stripe.SubscriptionUpdateParams): Promise<void> => {
  const { id } = await till.stripeSubscriptionOf(buyer);
  await till.stripe.call('subscription', (sdk) => sdk.subscriptions.update(id, changes));
  await till.settled();
};

const waitingOf = async (buyer: Buyer): Promise<string[]> =>
  ((await till.shown(buyer)).subscription?.waiting ?? []).map(({ kind }) => kind);

const linesOf = async (buyer: Buyer): Promise<string[]> => {
  const customer = await till.customerOf(buyer);
  return (await reconcile(till)).remaining.filter((line) => line.startsWith(customer));
};

const SECURED = { __typename: 'ConsumeCreditsSuccess' };
const REFUSED = { __typename: 'UsageRefused', reason: 'OVERAGE_CAP_REACHED', available: 500_000 };

describe('a payer without a payment method on file', () => {
  test('takes no overage, is told why, and takes it once there is a card', async () => {
    const ada = await till.subscribed();
    await till.allowOverage(ada);
    await till.setCard(ada, null);
    await till.settled();
    expect(await till.use(ada, BEYOND)).toMatchObject(REFUSED);
    expect(await till.use(ada, 500_000)).toMatchObject(SECURED);
    expect(await till.use(ada, 10)).toMatchObject({ ...REFUSED, available: 0 });
    expect(await waitingOf(ada)).toEqual(['PAYMENT_METHOD_MISSING']);
    expect(await linesOf(ada)).toEqual([]);
    await till.setCard(ada, 'accepted');
    await till.settled();
    expect(await till.use(ada, 1_000_000)).toMatchObject(SECURED);
    expect(await waitingOf(ada)).toEqual([]);
    await till.expectProven(ada);
  });

  test('is somebody whose credit paid for a subscription made in the dashboard', async () => {
    const ada = await till.buyer();
    const { customers } = till.app.services.stripe as NonNullable<typeof till.app.services.stripe>;
    const customer = await customers.ensure({ billingEntityId: ada.id, externalId: ada.externalId, name: 'Ada' });
    await till.stripe.call('customer', (sdk) => sdk.customers.update(customer, { balance: -2_000 }));
    await subscribeAtStripe(till, ada);
    await till.allowOverage(ada);
    expect(await till.use(ada, BEYOND)).toMatchObject(REFUSED);
    expect(await till.tryReserve(ada, BEYOND)).toMatchObject(REFUSED);
  });

  test('is nobody whose customer has a default card, though the subscription names none', async () => {
    const ada = await till.buyer();
    const { customers } = till.app.services.stripe as NonNullable<typeof till.app.services.stripe>;
    await customers.ensure({ billingEntityId: ada.id, externalId: ada.externalId, name: 'Ada' });
    await till.setCard(ada, 'accepted');
    expect(await subscribeAtStripe(till, ada)).toMatchObject({ default_payment_method: null });
    await till.allowOverage(ada);
    expect(await till.use(ada, BEYOND)).toMatchObject(SECURED);
  });

  test('is nobody who is sent invoices: overage is on the next one', async () => {
    const ada = await till.buyer();
    await subscribeAtStripe(till, ada, { collection_method: 'send_invoice', days_until_due: 30 });
    await till.allowOverage(ada);
    const [invoice] = await till.invoicesOf(ada);
    await till.stripe.call('invoice', (sdk) => sdk.invoices.pay(invoice?.id as string, { paid_out_of_band: true }));
    await till.settled();
    expect(await waitingOf(ada)).toEqual([]);
    expect(await till.use(ada, BEYOND)).toMatchObject(SECURED);
    await till.reported();
    const { id } = await till.stripeSubscriptionOf(ada);
    const customer = await till.customerOf(ada);
    const next = await till.stripe.call('invoice', (sdk) => sdk.invoices.createPreview({ customer, subscription: id }));
    expect(next.lines.data.map(({ amount }) => amount)).toEqual([2_000, 4_000]);
    // Whoever is charged again needs something to charge.
    await update(ada, { collection_method: 'charge_automatically' });
    expect(await till.use(ada, 10)).toMatchObject({ ...REFUSED, available: 0 });
    expect(await waitingOf(ada)).toEqual(['PAYMENT_METHOD_MISSING']);
    await till.expectProven(ada);
  });

  test('takes as much as the installation allows, and no more', async () => {
    const ada = await till.subscribed();
    await till.allowOverage(ada);
    await till.control.deliveryMode({ drop: ['*'] });
    await till.setCard(ada, null);
    await till.control.deliveryMode({ drop: [] });
    const beside = await till.beside({ OVERAGE_CAP_WITHOUT_PAYMENT_METHOD: String(CAP) });
    await till.sync(ada, beside);
    expect(await till.use(ada, 500_000 + CAP)).toMatchObject(SECURED);
    expect(await till.use(ada, 10)).toMatchObject({ ...REFUSED, available: 0 });
    await till.allowOverage(ada, 10 * CAP);
    expect(await till.use(ada, 10)).toMatchObject({ ...REFUSED, available: 0 });
    const alerts = await till.sql('select type from alert where billing_entity_id = $1', [ada.id]);
    expect(alerts).toContainEqual({ type: 'OVERAGE_CAP_REACHED' });
    await till.expectProven(ada);
  });
});

describe('a subscription without an item of the meter', () => {
  const NOT_BILLED = { __typename: 'UsageRefused', reason: 'INSUFFICIENT_CREDITS', available: 500_000 };

  test('made in the dashboard, takes no overage until somebody adds the item', async () => {
    const ada = await till.buyer();
    const { customers } = till.app.services.stripe as NonNullable<typeof till.app.services.stripe>;
    await customers.ensure({ billingEntityId: ada.id, externalId: ada.externalId, name: 'Ada' });
    await till.setCard(ada, 'accepted');
    const { prices, overagePrice } = await till.catalog();
    await subscribeAtStripe(till, ada, { items: [{ price: prices.get('PRO') as string }] });
    await till.allowOverage(ada);
    expect(await till.use(ada, BEYOND)).toMatchObject(NOT_BILLED);
    expect(await waitingOf(ada)).toEqual(['OVERAGE_UNBILLED']);
    expect(await linesOf(ada)).toEqual([expect.stringMatching(/^cus_\S+: sub_\S+ has no item of the meter /)]);
    await update(ada, { items: [{ price: overagePrice }] });
    expect(await till.use(ada, BEYOND)).toMatchObject(SECURED);
    expect(await waitingOf(ada)).toEqual([]);
    expect(await linesOf(ada)).toEqual([]);
  });

  test('whose item is deleted in the middle of the period, takes no more of it', async () => {
    const ada = await till.subscribed();
    await till.allowOverage(ada);
    const { items } = await till.stripeSubscriptionOf(ada);
    const metered = items.data.find(({ price }) => price.recurring?.meter != null);
    await update(ada, { items: [{ id: metered?.id as string, deleted: true }], proration_behavior: 'none' });
    expect(await till.use(ada, BEYOND)).toMatchObject(NOT_BILLED);
    expect(await waitingOf(ada)).toEqual(['OVERAGE_UNBILLED']);
    await till.expectProven(ada);
  });

  test('is none that has the meter at a price of somebody else’s', async () => {
    const ada = await till.subscribed();
    await till.allowOverage(ada);
    const { meter } = await till.catalog();
    const product = await till.stripe.call('product', (sdk) => sdk.products.create({ name: 'Overage at half price' }));
    const price = await till.stripe.call('price', (sdk) =>
      sdk.prices.create({
        product: product.id,
        currency: 'usd',
        unit_amount_decimal: '0.002' as never,
        recurring: { interval: 'month', usage_type: 'metered', meter },
      }),
    );
    const { items } = await till.stripeSubscriptionOf(ada);
    const metered = items.data.find((each) => each.price.recurring?.meter != null);
    await update(ada, {
      items: [{ id: metered?.id as string, deleted: true }, { price: price.id }],
      proration_behavior: 'none',
    });
    expect(await till.use(ada, BEYOND)).toMatchObject(SECURED);
  });
});

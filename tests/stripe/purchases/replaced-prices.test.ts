/** Prices of the catalog are replaced while people are subscribed to the old ones and servers run. */
import { Stripe } from 'stripe';
import { surveyCatalog } from '../../../src/stripe/catalog/survey.ts';
import { type Buyer, OPEN_CHECKOUT, OPEN_PORTAL, RETURNS, Till } from '../../support/till.ts';
import { reconcile } from '../overage/outages.ts';
import { DAY_MS, HOUR_MS, START } from '../sync/periods.ts';

const UPCOMING = `query ($id: ID!) { billingEntity(id: $id) { upcomingInvoice { totalCents overageCents } } }`;

let till: Till;

beforeAll(async () => {
  till = await Till.open();
});

afterAll(() => till.close());

/** The key of a price moves to one of other terms, which somebody made in the dashboard; setup makes it right again. */
async function replacedBySetup(lookupKey: string): Promise<void> {
  const [old] = await till.stripe.list('price', (sdk, page) => sdk.prices.list({ lookup_keys: [lookupKey], ...page }));
  const { id, product, recurring } = old as Stripe.Price;
  await till.stripe.call('price', (sdk) =>
    sdk.prices.create({
      product: product as string,
      currency: 'usd',
      lookup_key: lookupKey,
      transfer_lookup_key: true,
      unit_amount_decimal: Stripe.Decimal.from('7'),
      recurring: {
        interval: 'month',
        usage_type: recurring?.usage_type ?? 'licensed',
        ...(recurring?.meter != null && { meter: recurring.meter }),
      },
    }),
  );
  await till.stripe.call('price', (sdk) => sdk.prices.update(id, { active: false }));
  const { differences } = await surveyCatalog(till.stripe, { repair: true });
  expect(differences).toContainEqual(expect.stringContaining(`replaced price ${lookupKey}`));
}

const upcomingOf = async ({ id, token }: Buyer): Promise<{ totalCents: number; overageCents: number }> =>
  (await till.ask<{ upcomingInvoice: { totalCents: number; overageCents: number } }>(token, UPCOMING, { id }))
    .upcomingInvoice;

const paidCents = async (buyer: Buyer): Promise<number[]> =>
  (await till.chargesOf(buyer)).filter(({ paid }) => paid).map(({ amount }) => amount);

test('Checkout and the portal of a running server sell the newest prices', async () => {
  const ada = await till.buyer();
  await till.checkout(ada, { plan: 'PRO' });
  await replacedBySetup('tollgate_pro_monthly');
  const { overagePrice } = await till.catalog();
  await replacedBySetup('tollgate_overage_monthly');
  await till.control.payCheckout(await till.checkout(ada, { plan: 'PRO', quantity: 2 }));
  await till.settled();
  expect(await till.shown(ada)).toMatchObject({ credits: { available: 1_000_000 }, subscription: { quantity: 2 } });
  const { items } = await till.stripeSubscriptionOf(ada);
  expect(items.data.map(({ price }) => price.active)).toEqual([true, true]);
  expect(items.data.map(({ price }) => price.id)).not.toContain(overagePrice);
});

test('the portal is opened though its configuration was replaced', async () => {
  const ada = await till.subscribed();
  const { portalConfiguration } = await till.catalog();
  await till.stripe.call('billing_portal.configuration', (sdk) =>
    sdk.billingPortal.configurations.update(portalConfiguration, { active: false }),
  );
  const input = { billingEntityId: ada.id, returnUrl: RETURNS.cancelUrl };
  expect(await till.codeOf(ada, OPEN_PORTAL, { input })).toBe('PAYMENT_PROVIDER_ERROR');
  expect(
    await till.codeOf(ada, OPEN_CHECKOUT, { input: { billingEntityId: ada.id, credits: 12_500, ...RETURNS } }),
  ).toBe(undefined);
  await surveyCatalog(till.stripe, { repair: true });
  expect(await till.codeOf(ada, OPEN_PORTAL, { input })).toBe(undefined);
});

test('overage of who subscribed to the old price is shown, and charged once when the subscription ends at once', async () => {
  const [ada, bob] = [await till.subscribed(), await till.subscribed()];
  for (const buyer of [ada, bob]) await till.allowOverage(buyer);
  await replacedBySetup('tollgate_overage_monthly');
  await till.restart();
  await till.moveTo(START + 5 * DAY_MS);
  for (const buyer of [ada, bob]) {
    expect(await till.use(buyer, 1_500_000)).toMatchObject({ __typename: 'ConsumeCreditsSuccess' });
  }
  await till.reported();
  await till.moveTo(START + 5 * DAY_MS + HOUR_MS);
  expect(await upcomingOf(ada)).toEqual({ totalCents: 6_000, overageCents: 4_000 });
  const { id } = await till.stripeSubscriptionOf(ada);
  await till.stripe.call('subscription', (sdk) => sdk.subscriptions.cancel(id, { invoice_now: true }));
  await till.settled();
  await till.moveTo(START + 5 * DAY_MS + 4 * HOUR_MS);
  await reconcile(till);
  await till.moveTo(START + 7 * DAY_MS);
  expect(await paidCents(ada)).toEqual([4_000, 2_000]);
  expect(await paidCents(bob)).toEqual([2_000]);
  await till.expectProven(ada, bob);
});

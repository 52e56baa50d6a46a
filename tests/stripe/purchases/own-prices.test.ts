/** Amounts that a subscriber is shown are by the subscriber's own prices, whatever the catalog's are. */
import { type Buyer, Till } from '../../support/till.ts';
import { subscribeAtStripe } from '../sync/periods.ts';

const UPCOMING = `query ($id: ID!) { billingEntity(id: $id) { upcomingInvoice { totalCents overageCents } } }`;
const PREVIEW = `query ($input: ChangePlanInput!) { previewPlanChange(input: $input) { timing nextInvoiceCents } }`;

let till: Till;

beforeAll(async () => {
  till = await Till.open();
});

afterAll(() => till.close());

/** Somebody for whom support made half prices, of the plan and of overage. */
async function atHalfPrice(): Promise<Buyer> {
  const { meter } = await till.catalog();
  const plan = await till.stripe.call('price', (sdk) =>
    sdk.prices.create({
      currency: 'usd',
      product: 'tollgate_pro',
      unit_amount: 1_000,
      recurring: { interval: 'month' },
    }),
  );
  const product = await till.stripe.call('product', (sdk) => sdk.products.create({ name: 'Overage at half price' }));
  const overage = await till.stripe.call('price', (sdk) =>
    sdk.prices.create({
      currency: 'usd',
      product: product.id,
      unit_amount_decimal: '0.002' as never,
      recurring: { interval: 'month', usage_type: 'metered', meter },
    }),
  );
  const ada = await till.buyer();
  await till.purchase(ada, 20_000);
  await till.setCard(ada, 'accepted');
  await subscribeAtStripe(till, ada, { items: [{ price: plan.id, quantity: 2 }, { price: overage.id }] });
  return ada;
}

test('the next invoice and its overage, and what a change of units would come to', async () => {
  const ada = await atHalfPrice();
  await till.allowOverage(ada);
  expect(await till.use(ada, 2_020_000)).toMatchObject({ __typename: 'ConsumeCreditsSuccess' });
  await till.reported();
  expect(await till.ask(ada.token, UPCOMING, { id: ada.id })).toEqual({
    upcomingInvoice: { totalCents: 2 * 1_000 + 2_000, overageCents: 2_000 },
  });
  for (const [quantity, timing, nextInvoiceCents] of [
    [3, 'WHEN_PAID', 3_000],
    [1, 'PERIOD_END', 1_000],
  ]) {
    const input = { billingEntityId: ada.id, plan: 'PRO', quantity };
    expect(await till.ask(ada.token, PREVIEW, { input })).toEqual({ timing, nextInvoiceCents });
  }
});

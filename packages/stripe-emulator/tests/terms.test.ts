import type { Stripe } from 'stripe';
import { type Bench, type Catalog, createCatalog, DAY, idOf, itemOf, startBench, subscribe } from './support/bench.ts';

/** Terms of a subscription besides its prices: discounts, taxes, schedules that change them, collection that is paused. */
let bench: Bench;
let catalog: Catalog;

beforeAll(async () => {
  bench = await startBench();
  catalog = await createCatalog(bench.stripe);
});

afterAll(() => bench.emulator.stop());

const invoicesOf = async ({ id }: Pick<Stripe.Subscription, 'id'>): Promise<Stripe.Invoice[]> =>
  (await bench.stripe.invoices.list({ subscription: id, limit: 100 })).data;

const reload = ({ id }: Pick<Stripe.Subscription, 'id'>): Promise<Stripe.Subscription> =>
  bench.stripe.subscriptions.retrieve(id);

const payer = async (): Promise<Stripe.Customer> => {
  const customer = await bench.stripe.customers.create();
  await bench.control.setCard(customer.id, 'accepted');
  return customer;
};

const renew = async (subscription: Stripe.Subscription): Promise<Stripe.Invoice> => {
  const { current_period_end: end } = itemOf(await reload(subscription), catalog.pro);
  await bench.control.moveClock({ to: end + 3600 });
  return (await invoicesOf(subscription))[0] as Stripe.Invoice;
};

const coupon = (terms: Stripe.CouponCreateParams): Promise<Stripe.Coupon> => bench.stripe.coupons.create(terms);

const discountedBy = async (terms: Stripe.CouponCreateParams): Promise<Stripe.Subscription> =>
  bench.stripe.subscriptions.create({
    customer: (await payer()).id,
    items: [{ price: catalog.pro.id }],
    discounts: [{ coupon: (await coupon(terms)).id }],
  });

test.each([
  { duration: 'once', totals: [1_000, 2_000, 2_000] },
  { duration: 'repeating', duration_in_months: 2, totals: [1_000, 1_000, 2_000] },
  { duration: 'forever', totals: [1_000, 1_000, 1_000] },
] as const)('half off, $duration', async ({ totals, ...terms }) => {
  const subscription = await discountedBy({ ...terms, percent_off: 50 });
  const paid = [(await invoicesOf(subscription))[0]?.total];
  paid.push((await renew(subscription)).total, (await renew(subscription)).total);
  expect(paid).toEqual(totals);
});

test('a discount is told apart from the price, and a coupon that is deleted goes on for who has it', async () => {
  const subscription = await discountedBy({ percent_off: 25, duration: 'forever' });
  const [first] = await invoicesOf(subscription);
  expect(first).toMatchObject({ subtotal: 2_000, total: 1_500, amount_paid: 1_500 });
  expect(first?.lines.data[0]).toMatchObject({ amount: 2_000, discount_amounts: [{ amount: 500 }] });
  const discount = (await reload(subscription)).discounts[0];
  expect(first?.total_discount_amounts).toEqual([{ amount: 500, discount: idOf(discount) }]);
  const { discounts } = await bench.stripe.subscriptions.retrieve(subscription.id, { expand: ['discounts'] });
  await bench.stripe.coupons.del(idOf((discounts[0] as Stripe.Discount).source.coupon));
  expect((await renew(subscription)).total).toBe(1_500);
});

test('a credit gives back what was charged, and a debit costs what the item costs now', async () => {
  const subscription = await discountedBy({ percent_off: 50, duration: 'once' });
  const item = itemOf(subscription, catalog.pro);
  const [first] = await invoicesOf(subscription);
  await bench.control.moveClock({ to: (item.current_period_start + item.current_period_end) / 2 });
  await bench.stripe.subscriptions.update(subscription.id, {
    items: [{ id: item.id, quantity: 2 }],
    proration_behavior: 'always_invoice',
  });
  const [proration] = await invoicesOf(subscription);
  expect(proration?.id).not.toBe(first?.id);
  expect(proration?.lines.data.map(({ amount }) => amount)).toEqual([-500, 2_000]);
});

test.each([
  { inclusive: false, total: 2_400, tax: 400 },
  { inclusive: true, total: 2_000, tax: 333 },
])('a tax rate (inclusive: $inclusive)', async ({ inclusive, total, tax }) => {
  const rate = await bench.stripe.taxRates.create({ display_name: 'VAT', inclusive, percentage: 20 });
  const subscription = await bench.stripe.subscriptions.create({
    customer: (await payer()).id,
    items: [{ price: catalog.pro.id }],
    default_tax_rates: [rate.id],
  });
  const [first] = await invoicesOf(subscription);
  expect(first).toMatchObject({ subtotal: 2_000, total, amount_paid: total });
  expect(first?.total_taxes?.map(({ amount }) => amount)).toEqual([tax]);
});

test('a phase brings its own discounts and taxes; the one after, without any, takes them away', async () => {
  const { subscription } = await subscribe(bench, catalog, 2);
  const half = await coupon({ percent_off: 50, duration: 'forever' });
  await bench.stripe.subscriptions.update(subscription.id, { discounts: [{ coupon: half.id }] });
  const schedule = await bench.stripe.subscriptionSchedules.create({ from_subscription: subscription.id });
  const [phase] = schedule.phases;
  const discount = idOf((await reload(subscription)).discounts[0]);
  expect(phase?.discounts).toEqual([{ coupon: null, discount, promotion_code: null }]);
  const items = [{ price: catalog.pro.id, quantity: 2 }, { price: catalog.overage.id }];
  await bench.stripe.subscriptionSchedules.update(schedule.id, {
    phases: [
      { items, start_date: phase?.start_date ?? 0, end_date: phase?.end_date ?? 0, discounts: [{ discount }] },
      { items },
    ],
  });
  expect((await reload(subscription)).discounts).toEqual([discount]);
  expect((await renew(subscription)).total).toBe(4_000);
  expect((await reload(subscription)).discounts).toEqual([]);
});

test('a running phase that is written anew without its discount loses it at once', async () => {
  const subscription = await discountedBy({ percent_off: 50, duration: 'forever' });
  const schedule = await bench.stripe.subscriptionSchedules.create({ from_subscription: subscription.id });
  const [phase] = schedule.phases;
  await bench.stripe.subscriptionSchedules.update(schedule.id, {
    phases: [
      { items: [{ price: catalog.pro.id }], start_date: phase?.start_date ?? 0, end_date: phase?.end_date ?? 0 },
    ],
  });
  expect((await reload(subscription)).discounts).toEqual([]);
});

test.each([
  { behavior: 'void', status: 'void' },
  { behavior: 'mark_uncollectible', status: 'uncollectible' },
  { behavior: 'keep_as_draft', status: 'draft' },
] as const)('collection that is paused: $behavior', async ({ behavior, status }) => {
  const { subscription } = await subscribe(bench, catalog);
  await bench.stripe.subscriptions.update(subscription.id, {
    pause_collection: { behavior, resumes_at: (await bench.control.now()) + 40 * DAY },
  });
  expect((await renew(subscription)).status).toBe(status);
  expect((await reload(subscription)).status).toBe('active');
  expect((await renew(subscription)).status).toBe('paid');
  expect((await reload(subscription)).pause_collection).toBeNull();
});

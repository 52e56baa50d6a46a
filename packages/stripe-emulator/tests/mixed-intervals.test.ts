import type { Stripe } from 'stripe';
import { type Bench, type Catalog, createCatalog, DAY, itemOf, startBench } from './support/bench.ts';

/** Items of one subscription whose periods differ: each has its own, and is charged at its own boundaries. */
let bench: Bench;
let catalog: Catalog;
let yearly: Stripe.Price;

beforeEach(async () => {
  bench = await startBench();
  catalog = await createCatalog(bench.stripe);
  yearly = await bench.stripe.prices.create({
    currency: 'usd',
    product: catalog.product.id,
    unit_amount: 24_000,
    recurring: { interval: 'year' },
  });
});

afterEach(() => bench.emulator.stop());

const day = (text: string): number => Date.parse(`${text}T00:00:00Z`) / 1000;

async function yearWithMonths(): Promise<Stripe.Subscription> {
  const { stripe, control } = bench;
  await control.moveClock({ to: day('2027-01-31') });
  const { id: customer } = await stripe.customers.create();
  await control.setCard(customer, 'accepted');
  return stripe.subscriptions.create({ customer, items: [{ price: yearly.id }, { price: catalog.overage.id }] });
}

const totalsOf = async ({ id }: Pick<Stripe.Subscription, 'id'>): Promise<number[]> =>
  (await bench.stripe.invoices.list({ subscription: id, limit: 100 })).data.map(({ total }) => total);

const use = ({ customer }: Stripe.Subscription, units: number, timestamp: number): Promise<unknown> =>
  bench.stripe.billing.meterEvents.create({
    event_name: catalog.meter.event_name,
    payload: { stripe_customer_id: customer as string, value: String(units) },
    timestamp,
  });

test('months are charged by themselves, and with the year at its end', async () => {
  const { stripe, control } = bench;
  const subscription = await yearWithMonths();
  expect(itemOf(subscription, yearly).current_period_end).toBe(day('2028-01-31'));
  expect(itemOf(subscription, catalog.overage).current_period_end).toBe(day('2027-02-28'));
  await use(subscription, 1_000_000, day('2027-01-31'));
  await control.moveClock({ to: day('2027-02-28') + 3600 });
  expect(await totalsOf(subscription)).toEqual([4_000, 24_000]);
  const now = await stripe.subscriptions.retrieve(subscription.id);
  expect(itemOf(now, yearly).current_period_end).toBe(day('2028-01-31'));
  expect(itemOf(now, catalog.overage)).toMatchObject({
    current_period_start: day('2027-02-28'),
    current_period_end: day('2027-03-31'),
  });
  await control.moveClock({ to: day('2028-01-20') });
  await use(subscription, 500_000, day('2028-01-20'));
  await control.moveClock({ to: day('2028-01-31') + 3600 });
  expect((await totalsOf(subscription))[0]).toBe(26_000);
});

test('a month that is added to a year begins where its boundaries are, and a day is refused', async () => {
  const { stripe, control } = bench;
  const subscription = await yearWithMonths();
  const metered = itemOf(subscription, catalog.overage);
  await stripe.subscriptionItems.del(metered.id, { proration_behavior: 'none' });
  await control.moveClock({ to: day('2027-03-10') });
  const changed = await stripe.subscriptions.update(subscription.id, {
    items: [{ price: catalog.pro.id }],
    proration_behavior: 'always_invoice',
  });
  expect(itemOf(changed, catalog.pro)).toMatchObject({
    current_period_start: day('2027-02-28'),
    current_period_end: day('2027-03-31'),
  });
  expect((await totalsOf(subscription))[0]).toBe(Math.round((2_000 * 21) / 31));
  const daily = await stripe.prices.create({
    currency: 'usd',
    product: catalog.product.id,
    unit_amount: 100,
    recurring: { interval: 'day' },
  });
  await expect(stripe.subscriptions.update(subscription.id, { items: [{ price: daily.id }] })).rejects.toMatchObject({
    statusCode: 400,
    param: 'items',
  });
});

test.each([
  ['latest', '2028-01-31'],
  ['earliest', '2027-02-28'],
] as const)('an end with the period is that of the %s', async (mixedPeriodEnd, end) => {
  const { stripe, control } = bench;
  await control.behave({ mixedPeriodEnd });
  const { id } = await yearWithMonths();
  expect(await stripe.subscriptions.update(id, { cancel_at_period_end: true })).toMatchObject({ cancel_at: day(end) });
  await control.moveClock({ to: day(end) - DAY });
  expect((await stripe.subscriptions.retrieve(id)).status).toBe('active');
  await control.moveClock({ to: day(end) });
  expect((await stripe.subscriptions.retrieve(id)).status).toBe('canceled');
});

import type { Stripe } from 'stripe';
import { type Bench, type Catalog, createCatalog, DAY, itemOf, startBench, subscribe } from './support/bench.ts';

/** Periods that do not run from boundary to boundary: anchors, and trials of what was paid. */
let bench: Bench;
let catalog: Catalog;

beforeAll(async () => {
  bench = await startBench();
  catalog = await createCatalog(bench.stripe);
});

afterAll(() => bench.emulator.stop());

const day = (text: string): number => Date.parse(`${text}T00:00:00Z`) / 1000;

const invoicesOf = async ({ id }: Pick<Stripe.Subscription, 'id'>): Promise<Stripe.Invoice[]> =>
  (await bench.stripe.invoices.list({ subscription: id, limit: 100 })).data;

const payer = async (): Promise<Stripe.Customer> => {
  const customer = await bench.stripe.customers.create();
  await bench.control.setCard(customer.id, 'accepted');
  return customer;
};

test.each([true, false])('a first period up to an anchor costs its share (a proration: %s)', async (prorates) => {
  await bench.control.behave({ firstPeriodProrates: prorates });
  await bench.control.moveClock({ to: day(prorates ? '2027-04-11' : '2027-06-11') });
  const anchor = day(prorates ? '2027-05-01' : '2027-07-01');
  const subscription = await bench.stripe.subscriptions.create({
    customer: (await payer()).id,
    items: [{ price: catalog.pro.id, quantity: 3 }, { price: catalog.overage.id }],
    billing_cycle_anchor: anchor,
  });
  expect(itemOf(subscription, catalog.pro).current_period_end).toBe(anchor);
  const [first] = await invoicesOf(subscription);
  expect(first).toMatchObject({ status: 'paid', billing_reason: 'subscription_create', total: 4_000 });
  expect(first?.lines.data[0]?.parent?.subscription_item_details?.proration).toBe(prorates);
  await bench.control.moveClock({ to: anchor + 3600 });
  expect((await invoicesOf(subscription))[0]).toMatchObject({ status: 'paid', total: 6_000 });
});

test('units that are added in such a first period cost their share of a whole one, and so does what they give back', async () => {
  const now = await bench.control.now();
  const month = itemOf(
    await bench.stripe.subscriptions.create({
      customer: (await payer()).id,
      items: [{ price: catalog.pro.id, quantity: 1 }],
      billing_cycle_anchor: now + 10 * DAY,
    }),
    catalog.pro,
  );
  await bench.control.moveClock({ to: now + 5 * DAY });
  const changed = await bench.stripe.subscriptions.update(month.subscription, {
    items: [{ id: month.id, quantity: 2 }],
    proration_behavior: 'always_invoice',
  });
  const [change, first] = await invoicesOf(changed);
  const whole = first?.total ?? 0;
  expect(change?.lines.data.map(({ amount }) => Math.round((amount / whole) * 100))).toEqual([-50, 100]);
});

test('without prorations the first period is free; an anchor beyond the next natural date is refused', async () => {
  const now = await bench.control.now();
  const terms = { customer: (await payer()).id, items: [{ price: catalog.pro.id }] };
  await expect(
    bench.stripe.subscriptions.create({ ...terms, billing_cycle_anchor: now + 32 * DAY }),
  ).rejects.toMatchObject({ statusCode: 400, param: 'billing_cycle_anchor' });
  const subscription = await bench.stripe.subscriptions.create({
    ...terms,
    billing_cycle_anchor: now + 10 * DAY,
    proration_behavior: 'none',
  });
  expect(subscription.status).toBe('active');
  expect(await invoicesOf(subscription)).toHaveLength(0);
});

test.each([true, false])('a trial of what was paid gives the rest back (an invoice at once: %s)', async (atOnce) => {
  await bench.control.behave({ trialStartInvoices: atOnce });
  const { customer, subscription, item } = await subscribe(bench, catalog);
  await bench.control.moveClock({ to: (item.current_period_start + item.current_period_end) / 2 });
  const now = await bench.control.now();
  const trial = await bench.stripe.subscriptions.update(subscription.id, { trial_end: now + 60 * DAY });
  expect(trial).toMatchObject({ status: 'trialing', trial_start: now, trial_end: now + 60 * DAY });
  const { balance } = (await bench.stripe.customers.retrieve(customer.id)) as Stripe.Customer;
  const waiting = (await bench.stripe.invoiceItems.list({ customer: customer.id, pending: true })).data;
  expect(balance + waiting.reduce((sum, each) => sum + each.amount, 0)).toBe(-1_000);
  expect(waiting).toHaveLength(atOnce ? 0 : 1);
  expect((await invoicesOf(subscription))[0]?.total).toBe(atOnce ? -1_000 : 2_000);
});

test('a new cycle that begins now gives the rest back and charges a whole period', async () => {
  const { subscription, item } = await subscribe(bench, catalog);
  await bench.control.moveClock({ to: (item.current_period_start + item.current_period_end) / 2 });
  await bench.stripe.subscriptions.update(subscription.id, { billing_cycle_anchor: { type: 'now' } });
  const [newest] = await invoicesOf(subscription);
  expect(newest?.lines.data.map(({ amount }) => amount)).toEqual([-1_000, 2_000, 0]);
  expect(newest).toMatchObject({ status: 'paid', amount_paid: 1_000 });
});

test('a credit names the debit that it gives back: one that waits with it, or else the line of the running period', async () => {
  const { customer, subscription, item } = await subscribe(bench, catalog);
  const change = (params: Stripe.SubscriptionUpdateParams): Promise<unknown> =>
    bench.stripe.subscriptions.update(subscription.id, params);
  await bench.control.moveClock({ advanceSeconds: DAY });
  await change({ items: [{ id: item.id, quantity: 3 }] });
  const { data: waiting } = await bench.stripe.invoiceItems.list({ customer: customer.id, pending: true });
  const debit = waiting.find(({ amount }) => amount > 0);
  await bench.control.moveClock({ advanceSeconds: DAY });
  await change({ items: [{ id: item.id, quantity: 2 }] });
  const { data: more } = await bench.stripe.invoiceItems.list({ customer: customer.id, pending: true });
  const credited = more.map(({ proration_details: details }) => details?.credited_items?.invoice_item);
  expect(credited.filter((each) => each !== undefined)).toEqual([debit?.id]);
  await change({ billing_cycle_anchor: { type: 'now' } });
  await bench.control.moveClock({ advanceSeconds: DAY });
  await change({ billing_cycle_anchor: { type: 'now' } });
  const [second, first, oldest] = (await invoicesOf(subscription)) as [Stripe.Invoice, Stripe.Invoice, Stripe.Invoice];
  const namedBy = ({ lines }: Stripe.Invoice): unknown[] =>
    lines.data
      .filter(({ amount }) => amount < 0)
      .map((line) => line.parent?.subscription_item_details?.proration_details);
  const naming = ({ id, lines }: Stripe.Invoice, index: number) => ({
    credited_items: { invoice: id, invoice_line_items: [lines.data[index]?.id] },
  });
  // −1 and +3 units, −3 and +2, −2, and the new period's 2.
  expect(namedBy(first)).toEqual([naming(oldest, 0), naming(first, 1), naming(first, 3)]);
  expect(namedBy(second)).toEqual([naming(first, 5)]);
});

test.each([
  { name: 'neither invoiced nor prorated', params: {}, left: 0 },
  { name: 'invoiced', params: { invoice_now: true }, left: 0 },
  { name: 'prorated and not invoiced', params: { prorate: true }, left: 3 },
])('an end at once that is $name leaves $left waiting prorations', async ({ params, left }) => {
  const { customer, subscription, item } = await subscribe(bench, catalog, 2);
  await bench.control.moveClock({ advanceSeconds: DAY });
  await bench.stripe.subscriptions.update(subscription.id, { items: [{ id: item.id, quantity: 1 }] });
  await bench.stripe.subscriptions.cancel(subscription.id, params);
  const waiting = (await bench.stripe.invoiceItems.list({ customer: customer.id, pending: true })).data;
  expect(waiting).toHaveLength(left);
});

test.each([true, false])('use of a metered item that is deleted is billed: %s', async (bills) => {
  await bench.control.behave({ deletedItemBills: bills });
  const { customer, subscription, item } = await subscribe(bench, catalog);
  await bench.stripe.billing.meterEvents.create({
    event_name: catalog.meter.event_name,
    payload: { stripe_customer_id: customer.id, value: '1000000' },
    timestamp: await bench.control.now(),
  });
  await bench.control.moveClock({ advanceSeconds: DAY });
  const overage = itemOf(subscription, catalog.overage);
  await bench.stripe.subscriptions.update(subscription.id, { items: [{ id: overage.id, deleted: true }] });
  await bench.control.moveClock({ to: item.current_period_end + 3600 });
  expect((await invoicesOf(subscription))[0]?.total).toBe(bills ? 6_000 : 2_000);
});

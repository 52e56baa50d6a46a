import type { Stripe } from 'stripe';
import { type Bench, type Catalog, createCatalog, DAY, idOf, itemOf, startBench, subscribe } from './support/bench.ts';

/** Paused subscriptions that go on: at once, or when they are paid. */
let bench: Bench;
let catalog: Catalog;

beforeAll(async () => {
  bench = await startBench();
  catalog = await createCatalog(bench.stripe);
});

afterAll(() => bench.emulator.stop());

const reload = ({ id }: Pick<Stripe.Subscription, 'id'>): Promise<Stripe.Subscription> =>
  bench.stripe.subscriptions.retrieve(id);

const newest = async (subscription: Stripe.Subscription): Promise<Stripe.Invoice> =>
  bench.stripe.invoices.retrieve(idOf((await reload(subscription)).latest_invoice));

/** Somebody whose subscription was paused in its first period. */
const paused = async (): Promise<Stripe.Subscription> => {
  const { subscription } = await subscribe(bench, catalog);
  return bench.stripe.subscriptions.pause(subscription.id, {
    bill_for: { unused_time_from: { type: 'none' }, outstanding_usage_through: { type: 'none' } },
  });
};

const WHEN_PAID = { payment_behavior: 'resume_on_payment_success' } as const;

test('at once: a payment that fails leaves it past due', async () => {
  const subscription = await paused();
  await bench.control.setCard(idOf(subscription.customer), 'declined');
  await bench.stripe.subscriptions.resume(subscription.id);
  expect((await reload(subscription)).status).toBe('past_due');
});

test.each(['paid', 'written off'])('when its invoice is %s, and not before', async (how) => {
  const subscription = await paused();
  const before = itemOf(subscription, catalog.pro).current_period_start;
  await bench.control.moveClock({ advanceSeconds: DAY });
  const resumedAt = await bench.control.now();
  const waiting = await bench.stripe.subscriptions.resume(subscription.id, WHEN_PAID);
  expect(waiting.status).toBe('paused');
  expect(itemOf(waiting, catalog.pro).current_period_start).toBe(before);
  const invoice = await newest(subscription);
  expect(invoice).toMatchObject({ status: 'open', attempted: false, amount_due: 2_000 });
  if (how === 'paid') await bench.stripe.invoices.pay(invoice.id);
  else await bench.stripe.invoices.markUncollectible(invoice.id);
  const resumed = await reload(subscription);
  expect(resumed).toMatchObject({ status: 'active', billing_cycle_anchor: resumedAt });
  expect(itemOf(resumed, catalog.pro).current_period_start).toBe(resumedAt);
});

test('an invoice that nobody pays is voided in time, or by another resumption, and the subscription stays paused', async () => {
  const subscription = await paused();
  await bench.stripe.subscriptions.resume(subscription.id, WHEN_PAID);
  const first = await newest(subscription);
  await bench.stripe.subscriptions.resume(subscription.id, WHEN_PAID);
  const second = await newest(subscription);
  expect((await bench.stripe.invoices.retrieve(first.id)).status).toBe('void');
  await bench.control.moveClock({ advanceSeconds: 23 * 3_600 });
  expect((await bench.stripe.invoices.retrieve(second.id)).status).toBe('void');
  expect((await reload(subscription)).status).toBe('paused');
});

test.each([
  { proration_behavior: 'always_invoice', totals: [0], waits: 0 },
  { proration_behavior: 'create_prorations', totals: [], waits: 2 },
  { proration_behavior: 'none', totals: [], waits: 1 },
] as const)('in the old rhythm ($proration_behavior) the time that was given back is charged', async (terms) => {
  const { customer, subscription } = await subscribe(bench, catalog);
  const already = (await bench.stripe.invoices.list({ customer: customer.id })).data.length;
  await bench.stripe.subscriptions.pause(subscription.id);
  await bench.stripe.subscriptions.resume(subscription.id, {
    billing_cycle_anchor: { type: 'unchanged' },
    proration_behavior: terms.proration_behavior,
  });
  const invoices = (await bench.stripe.invoices.list({ customer: customer.id })).data;
  expect(invoices.slice(0, invoices.length - already).map(({ total }) => total)).toEqual(terms.totals);
  const waiting = (await bench.stripe.invoiceItems.list({ customer: customer.id, pending: true })).data;
  expect(waiting).toHaveLength(terms.waits);
});

test.each([
  ['in its period', DAY],
  ['after its period', 40 * DAY],
])('a change while it is paused, %s, gives no time back a second time', async (_when, advanceSeconds) => {
  const { customer, subscription, item } = await subscribe(bench, catalog, 2);
  await bench.control.moveClock({ advanceSeconds: DAY });
  await bench.stripe.subscriptions.pause(subscription.id);
  const waiting = async (): Promise<number[]> =>
    (await bench.stripe.invoiceItems.list({ customer: customer.id, pending: true })).data.map(({ amount }) => amount);
  const before = await waiting();
  expect(before).toHaveLength(1);
  await bench.control.moveClock({ advanceSeconds });
  await bench.stripe.subscriptions.update(subscription.id, { items: [{ id: item.id, quantity: 1 }] });
  expect(await waiting()).toEqual(before);
  await bench.stripe.subscriptions.update(subscription.id, { billing_cycle_anchor: { type: 'now' } });
  const lines = (await newest(subscription)).lines.data.map(({ amount }) => amount);
  expect(lines.filter((amount) => amount !== 0)).toEqual([before[0], 2_000]);
});

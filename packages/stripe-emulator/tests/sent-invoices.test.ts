import type { Stripe } from 'stripe';
import { type Bench, type Catalog, createCatalog, DAY, startBench, subscribe } from './support/bench.ts';

/** Invoices that are sent instead of charging a card, and those that nobody has to pay any more. */
let bench: Bench;
let catalog: Catalog;

beforeAll(async () => {
  bench = await startBench();
  catalog = await createCatalog(bench.stripe);
});

afterAll(() => bench.emulator.stop());

const newestOf = async ({ id }: Pick<Stripe.Subscription, 'id'>): Promise<Stripe.Invoice> =>
  (await bench.stripe.invoices.list({ subscription: id })).data[0] as Stripe.Invoice;

const statusOf = async ({ id }: Pick<Stripe.Subscription, 'id'>): Promise<string> =>
  (await bench.stripe.subscriptions.retrieve(id)).status;

/** A subscription whose renewal was declined. */
async function behind(): Promise<Stripe.Subscription> {
  await bench.control.behave({ afterRetries: 'past_due', retryDays: [] });
  const { customer, subscription, item } = await subscribe(bench, catalog);
  await bench.control.setCard(customer.id, 'declined');
  await bench.control.moveClock({ to: item.current_period_end + 3600 });
  expect(await statusOf(subscription)).toBe('past_due');
  return subscription;
}

test('a subscription whose invoices are sent is active unpaid, and past_due when one is overdue', async () => {
  const customer = await bench.stripe.customers.create({ email: 'finance@example.com' });
  await expect(
    bench.stripe.subscriptions.create({
      customer: customer.id,
      items: [{ price: catalog.pro.id }],
      collection_method: 'send_invoice',
    }),
  ).rejects.toMatchObject({ statusCode: 400, param: 'days_until_due' });
  const subscription = await bench.stripe.subscriptions.create({
    customer: customer.id,
    items: [{ price: catalog.pro.id }],
    collection_method: 'send_invoice',
    days_until_due: 14,
  });
  expect(subscription).toMatchObject({ status: 'active', collection_method: 'send_invoice', days_until_due: 14 });
  expect(await newestOf(subscription)).toMatchObject({ status: 'draft', collection_method: 'send_invoice' });
  await bench.control.moveClock({ advanceSeconds: 3600 });
  const sent = await newestOf(subscription);
  expect(sent).toMatchObject({ status: 'open', attempt_count: 0, attempted: false });
  expect(sent.due_date).toBe((sent.status_transitions.finalized_at ?? 0) + 14 * DAY);
  await bench.control.moveClock({ to: (sent.due_date ?? 0) - 1 });
  expect(await statusOf(subscription)).toBe('active');
  await bench.control.moveClock({ advanceSeconds: 1 });
  expect(await statusOf(subscription)).toBe('past_due');
  await bench.stripe.invoices.pay(sent.id, { paid_out_of_band: true });
  expect(await statusOf(subscription)).toBe('active');
});

test('a subscription is changed to sent invoices: its renewals wait, whatever the card', async () => {
  const { subscription, item } = await subscribe(bench, catalog);
  await bench.stripe.subscriptions.update(subscription.id, { collection_method: 'send_invoice', days_until_due: 30 });
  await bench.control.moveClock({ to: item.current_period_end + 3600 });
  expect(await newestOf(subscription)).toMatchObject({ status: 'open', attempted: false, amount_due: 2_000 });
  expect(await statusOf(subscription)).toBe('active');
});

test.each(['void', 'mark_uncollectible'] as const)('%s of the newest invoice lifts past_due', async (end) => {
  const subscription = await behind();
  const { id } = await newestOf(subscription);
  if (end === 'void') await bench.stripe.invoices.voidInvoice(id);
  else await bench.stripe.invoices.markUncollectible(id);
  expect(await statusOf(subscription)).toBe('active');
});

test('void of an older invoice leaves past_due as it is', async () => {
  const subscription = await behind();
  const older = await newestOf(subscription);
  await bench.control.moveClock({ advanceSeconds: 32 * DAY });
  expect((await newestOf(subscription)).id).not.toBe(older.id);
  await bench.stripe.invoices.voidInvoice(older.id);
  expect(await statusOf(subscription)).toBe('past_due');
});

import type { Stripe } from 'stripe';
import { type Bench, type Catalog, createCatalog, DAY, idOf, startBench, subscribe } from './support/bench.ts';

/** Rules that hold across an account: whom lists know, what is collected and sold, and in which currency. */
let bench: Bench;
let catalog: Catalog;

beforeAll(async () => {
  bench = await startBench();
  catalog = await createCatalog(bench.stripe);
});

afterAll(() => bench.emulator.stop());

const reload = ({ id }: Pick<Stripe.Invoice, 'id'>): Promise<Stripe.Invoice> => bench.stripe.invoices.retrieve(id);

/** An open invoice of the customer's, made by hand. */
async function openInvoice(customer: string, advance: boolean): Promise<Stripe.Invoice> {
  const draft = await bench.stripe.invoices.create({ customer, currency: 'usd' });
  await bench.stripe.invoiceItems.create({ customer, invoice: draft.id, amount: 900, currency: 'usd' });
  return bench.stripe.invoices.finalizeInvoice(draft.id, { auto_advance: advance });
}

test('lists of a customer whom the account does not know are resource_missing; of a deleted one they are not', async () => {
  const { stripe } = bench;
  const lists = (customer: string): Promise<{ data: readonly unknown[] }>[] => [
    stripe.subscriptions.list({ customer }),
    stripe.invoices.list({ customer }),
    stripe.invoiceItems.list({ customer }),
    stripe.charges.list({ customer }),
    stripe.paymentIntents.list({ customer }),
    stripe.checkout.sessions.list({ customer }),
    stripe.subscriptionSchedules.list({ customer }),
    stripe.creditNotes.list({ customer }),
  ];
  for (const answer of await Promise.allSettled(lists('cus_of_another_account'))) {
    expect(answer).toMatchObject({ status: 'rejected', reason: { statusCode: 400, code: 'resource_missing' } });
  }
  const { customer, subscription } = await subscribe(bench, catalog);
  await stripe.customers.del(customer.id);
  await Promise.all(lists(customer.id));
  const ended = await stripe.subscriptions.list({ customer: customer.id, status: 'all' });
  expect(ended.data.map(({ id }) => id)).toEqual([subscription.id]);
});

test('an end stops the collection of all that is open of the customer, whatever it is for', async () => {
  const { customer, subscription } = await subscribe(bench, catalog);
  const other = await openInvoice(customer.id, true);
  expect(other).toMatchObject({ status: 'open', auto_advance: true });
  await bench.stripe.subscriptions.cancel(subscription.id);
  await bench.control.moveClock({ advanceSeconds: DAY });
  expect(await reload(other)).toMatchObject({ status: 'open', auto_advance: false, attempt_count: 0 });
  await bench.stripe.invoices.update(other.id, { auto_advance: true });
  await bench.control.moveClock({ advanceSeconds: DAY });
  expect(await reload(other)).toMatchObject({ status: 'paid' });
});

test('an invoice that does not advance by itself stays where it is', async () => {
  const { customer, subscription, item } = await subscribe(bench, catalog);
  const idle = await openInvoice(customer.id, false);
  await bench.control.moveClock({ to: item.current_period_end });
  const [draft] = (await bench.stripe.invoices.list({ subscription: subscription.id })).data;
  expect(draft).toMatchObject({ status: 'draft', auto_advance: true });
  await bench.stripe.invoices.update(draft?.id ?? '', { auto_advance: false });
  await bench.control.moveClock({ advanceSeconds: 2 * DAY });
  expect(await reload(idle)).toMatchObject({ status: 'open', attempt_count: 0 });
  expect(await reload({ id: draft?.id ?? '' })).toMatchObject({ status: 'draft', automatically_finalizes_at: null });
});

test('a customer keeps the currency that they first paid in', async () => {
  const { customer } = await subscribe(bench, catalog);
  const euros = await bench.stripe.prices.create({
    currency: 'eur',
    product: catalog.product.id,
    unit_amount: 2_000,
    recurring: { interval: 'month' },
  });
  const refused = { statusCode: 400, message: expect.stringContaining('cannot combine currencies') as string };
  const item = { price: euros.id, quantity: 1 };
  await expect(bench.stripe.subscriptions.create({ customer: customer.id, items: [item] })).rejects.toMatchObject(
    refused,
  );
  await expect(
    bench.stripe.invoiceItems.create({ customer: customer.id, amount: 100, currency: 'eur' }),
  ).rejects.toMatchObject(refused);
  await expect(
    bench.stripe.checkout.sessions.create({
      mode: 'subscription',
      customer: customer.id,
      line_items: [item],
      success_url: 'http://127.0.0.1/done',
    }),
  ).rejects.toMatchObject(refused);
});

test('what is archived is not sold, price or product; who has it keeps it', async () => {
  const { subscription } = await subscribe(bench, catalog);
  const stranger = await bench.stripe.customers.create({ payment_method: 'pm_card_visa' });
  const sell = (): Promise<unknown>[] => [
    bench.stripe.subscriptions.create({ customer: stranger.id, items: [{ price: catalog.pro.id }] }),
    bench.stripe.checkout.sessions.create({
      mode: 'subscription',
      customer: stranger.id,
      line_items: [{ price: catalog.pro.id, quantity: 1 }],
      success_url: 'http://127.0.0.1/done',
    }),
  ];
  const archive = async (active: boolean, what: 'price' | 'product'): Promise<void> => {
    if (what === 'price') await bench.stripe.prices.update(catalog.pro.id, { active });
    else await bench.stripe.products.update(catalog.product.id, { active });
  };
  for (const what of ['price', 'product'] as const) {
    await archive(false, what);
    for (const answer of await Promise.allSettled(sell())) {
      expect(answer).toMatchObject({ status: 'rejected', reason: { statusCode: 400 } });
    }
    const item = subscription.items.data[0];
    await bench.stripe.subscriptions.update(subscription.id, { items: [{ id: item?.id ?? '', quantity: 2 }] });
    await archive(true, what);
  }
});

test('a charge can be refunded after its dispute was won, and not while it runs', async () => {
  const { subscription } = await subscribe(bench, catalog);
  const [payment] = (await bench.stripe.invoicePayments.list({ invoice: idOf(subscription.latest_invoice) })).data;
  const intent = await bench.stripe.paymentIntents.retrieve(idOf(payment?.payment.payment_intent));
  const charge = idOf(intent.latest_charge);
  const dispute = await bench.control.openDispute(charge);
  await expect(bench.stripe.refunds.create({ charge })).rejects.toMatchObject({ code: 'charge_disputed' });
  await bench.control.closeDispute(dispute.id, 'won');
  expect(await bench.stripe.refunds.create({ charge })).toMatchObject({ amount: 2_000, status: 'succeeded' });
});

test.each([true, false])(
  'an item that waits for an ended subscription can be put on a draft without one: %s',
  async (moves) => {
    const { stripe, control } = bench;
    await control.behave({ subscriptionItemsMove: moves });
    const { customer, subscription } = await subscribe(bench, catalog);
    const terms = { customer: customer.id, currency: 'usd' };
    const item = await stripe.invoiceItems.create({ ...terms, subscription: subscription.id, amount: 400 });
    await stripe.subscriptions.cancel(subscription.id);
    const draft = await stripe.invoices.create(terms);
    const adding = stripe.invoices.addLines(draft.id, { lines: [{ invoice_item: item.id }] });
    if (!moves) {
      await expect(adding).rejects.toMatchObject({ statusCode: 400, param: 'lines' });
      return;
    }
    expect(await adding).toMatchObject({ total: 400, lines: { data: [{ amount: 400 }] } });
    const again = stripe.invoices.addLines(draft.id, { lines: [{ invoice_item: item.id }] });
    await expect(again).rejects.toMatchObject({ statusCode: 400 });
    await stripe.invoices.finalizeInvoice(draft.id);
    const late = await stripe.invoiceItems.create({ ...terms, amount: 100 });
    await expect(stripe.invoices.addLines(draft.id, { lines: [{ invoice_item: late.id }] })).rejects.toMatchObject({
      code: 'invoice_not_editable',
    });
  },
);

test.each([true, false])(
  'a card that is detached pays for nothing more (subscriptions forget it: %s)',
  async (forgets) => {
    const { stripe, control } = bench;
    await control.behave({ detachingClearsSubscriptions: forgets });
    const { customer, subscription, item } = await subscribe(bench, catalog);
    const { invoice_settings: settings } = (await stripe.customers.retrieve(customer.id)) as Stripe.Customer;
    const card = idOf(settings.default_payment_method);
    await stripe.subscriptions.update(subscription.id, { default_payment_method: card });
    expect(await stripe.paymentMethods.detach(card)).toMatchObject({ customer: null });
    await expect(stripe.paymentMethods.detach(card)).rejects.toMatchObject({ statusCode: 400 });
    const bare = (await stripe.customers.retrieve(customer.id)) as Stripe.Customer;
    expect(bare.invoice_settings.default_payment_method).toBeNull();
    const now = await stripe.subscriptions.retrieve(subscription.id);
    expect(now.default_payment_method).toBe(forgets ? null : card);
    const [event] = (await stripe.events.list({ type: 'payment_method.detached', limit: 1 })).data;
    expect(event?.data.previous_attributes).toEqual({ customer: customer.id });
    await control.moveClock({ to: item.current_period_end + 3600 });
    expect((await stripe.subscriptions.retrieve(subscription.id)).status).toBe('past_due');
  },
);

import type { Stripe } from 'stripe';
import { type Bench, type Catalog, createCatalog, DAY, idOf, startBench, subscribe } from './support/bench.ts';

let bench: Bench;
let catalog: Catalog;
let stripe: Stripe;

beforeAll(async () => {
  bench = await startBench();
  ({ stripe } = bench);
  catalog = await createCatalog(stripe);
});

afterAll(() => bench.emulator.stop());

const typesOf = async (object: string): Promise<string[]> =>
  (await stripe.events.list({ limit: 100 })).data
    .filter(({ data }) => 'id' in data.object && data.object.id === object)
    .map(({ type }) => type)
    .toReversed();

const customerWith = (card: string): Promise<Stripe.Customer> =>
  stripe.customers.create({ payment_method: card, invoice_settings: { default_payment_method: card } });

async function invoiceFor(customer: string, more: Partial<Stripe.InvoiceCreateParams> = {}): Promise<Stripe.Invoice> {
  await stripe.invoiceItems.create({ customer, amount: 2000, currency: 'usd' });
  return stripe.invoices.create({ customer, pending_invoice_items_behavior: 'include', ...more });
}

test('a test card answers as its name says, for whoever has it', async () => {
  const items = [{ price: catalog.pro.id }];
  const outcome = async (card: string): Promise<string> => {
    const { id } = await customerWith(card);
    return (await stripe.subscriptions.create({ customer: id, items })).status;
  };
  expect(await outcome('pm_card_visa')).toBe('active');
  expect(await outcome('pm_card_chargeCustomerFail')).toBe('incomplete');
  expect(await outcome('pm_card_threeDSecure2Required')).toBe('incomplete');
  const { id: customer } = await stripe.customers.create({ source: 'tok_visa' });
  expect((await stripe.subscriptions.create({ customer, items })).status).toBe('active');
  await expect(customerWith('pm_card_imaginary')).rejects.toMatchObject({ code: 'resource_missing' });
  await expect(stripe.customers.create({ source: 'tok_imaginary' })).rejects.toMatchObject({
    code: 'resource_missing',
  });
});

test('a card is attached once, and pays for nobody else', async () => {
  const [owner, other] = [await stripe.customers.create(), await stripe.customers.create()];
  const card = await stripe.paymentMethods.create({ type: 'card', card: { token: 'tok_visa' } });
  await stripe.paymentMethods.attach(card.id, { customer: owner.id });
  await expect(stripe.paymentMethods.attach(card.id, { customer: other.id })).rejects.toMatchObject({
    message: expect.stringContaining('already been attached'),
  });
  const asDefault = { invoice_settings: { default_payment_method: card.id } };
  await expect(stripe.customers.update(other.id, asDefault)).rejects.toMatchObject({ code: 'resource_missing' });
  await expect(
    stripe.paymentIntents.create({ amount: 100, currency: 'usd', payment_method: card.id, customer: other.id }),
  ).rejects.toMatchObject({ param: 'payment_method' });
  const invoice = await invoiceFor(other.id);
  await expect(stripe.invoices.pay(invoice.id, { payment_method: card.id })).rejects.toMatchObject({
    code: 'resource_missing',
  });
});

test('an invoice is paid with the card that is named, whatever the default is', async () => {
  const customer = await customerWith('pm_card_chargeCustomerFail');
  const good = await stripe.paymentMethods.attach('pm_card_visa', { customer: customer.id });
  const invoice = await invoiceFor(customer.id);
  await expect(stripe.invoices.pay(invoice.id)).rejects.toMatchObject({ type: 'StripeCardError' });
  expect(await stripe.invoices.pay(invoice.id, { payment_method: good.id })).toMatchObject({ status: 'paid' });
});

test('3-D Secure is asked for the card that is named, and confirmed for it', async () => {
  const customer = await stripe.customers.create();
  const card = await stripe.paymentMethods.attach('pm_card_threeDSecure2Required', { customer: customer.id });
  const invoice = await invoiceFor(customer.id);
  await expect(stripe.invoices.pay(invoice.id, { payment_method: card.id })).rejects.toMatchObject({
    code: 'invoice_payment_intent_requires_action',
  });
  expect(await bench.control.authenticateInvoice(invoice.id)).toEqual({ outcome: 'succeeded' });
});

test('an invoice that is sent charges no card, and is good until its day', async () => {
  const customer = await customerWith('pm_card_visa');
  const terms = { collection_method: 'send_invoice', days_until_due: 7, auto_advance: true } as const;
  const invoice = await invoiceFor(customer.id, terms);
  await bench.control.moveClock({ advanceSeconds: DAY });
  const later = await stripe.invoices.retrieve(invoice.id);
  const { finalized_at: finalizedAt } = later.status_transitions;
  expect(later).toMatchObject({ status: 'open', due_date: (finalizedAt ?? 0) + 7 * DAY, attempt_count: 0 });
  await stripe.invoices.sendInvoice(invoice.id);
  await stripe.invoices.markUncollectible(invoice.id);
  expect(await stripe.invoices.pay(invoice.id)).toMatchObject({ status: 'paid' });
  expect(await typesOf(invoice.id)).toEqual([
    'invoice.created',
    'invoice.finalized',
    // By itself, and by hand.
    'invoice.sent',
    'invoice.sent',
    'invoice.marked_uncollectible',
    'invoice.paid',
    'invoice.payment_succeeded',
  ]);
});

test('only a draft of its own can be deleted', async () => {
  const customer = await customerWith('pm_card_visa');
  const draft = await invoiceFor(customer.id);
  await stripe.invoices.del(draft.id);
  await expect(stripe.invoices.retrieve(draft.id)).rejects.toMatchObject({ code: 'resource_missing' });
  const open = await stripe.invoices.finalizeInvoice((await invoiceFor(customer.id)).id);
  await expect(stripe.invoices.del(open.id)).rejects.toMatchObject({ code: 'invoice_not_editable' });
});

test('an inquiry takes no money: it can be refunded, and closes without a loss', async () => {
  const inquired = async (): Promise<{ intent: Stripe.PaymentIntent; dispute: Stripe.Dispute }> => {
    const card = { payment_method: 'pm_card_createDisputeInquiry', confirm: true };
    const intent = await stripe.paymentIntents.create({ amount: 100, currency: 'usd', ...card });
    const [dispute] = (await stripe.disputes.list({ payment_intent: intent.id })).data;
    if (dispute === undefined) throw new Error('nobody asked');
    return { intent, dispute };
  };
  const first = await inquired();
  expect(first.dispute).toMatchObject({ status: 'warning_needs_response', is_charge_refundable: true });
  expect(await stripe.disputes.close(first.dispute.id)).toMatchObject({ status: 'warning_closed' });
  expect(await typesOf(first.dispute.id)).toEqual(['charge.dispute.created', 'charge.dispute.closed']);
  await expect(stripe.disputes.close(first.dispute.id)).rejects.toMatchObject({ type: 'StripeInvalidRequestError' });
  const { intent } = await inquired();
  expect(await stripe.refunds.create({ payment_intent: intent.id })).toMatchObject({ status: 'succeeded' });
});

test('a trial that is ended early without a card pauses, if that was agreed', async () => {
  const customer = await stripe.customers.create();
  const trial = await stripe.subscriptions.create({
    customer: customer.id,
    items: [{ price: catalog.pro.id }],
    trial_period_days: 7,
    trial_settings: { end_behavior: { missing_payment_method: 'pause' } },
  });
  const ended = await stripe.subscriptions.update(trial.id, { trial_end: 'now', metadata: { a: '1' } });
  expect(ended).toMatchObject({ status: 'paused', trial_end: await bench.control.now(), metadata: { a: '1' } });
  expect(await typesOf(trial.id)).toContain('customer.subscription.paused');
});

test('a deleted customer’s subscription has ended, and only what was can be read', async () => {
  const { customer, subscription } = await subscribe(bench, catalog);
  expect(await stripe.customers.del(customer.id)).toMatchObject({ id: customer.id, deleted: true });
  expect(await stripe.customers.retrieve(customer.id)).toMatchObject({ id: customer.id, deleted: true });
  expect((await stripe.customers.list({ limit: 100 })).data.map(({ id }) => id)).not.toContain(customer.id);
  const { data } = await stripe.subscriptions.list({ customer: customer.id, status: 'all' });
  expect(data.map(({ id, status }) => ({ id, status }))).toEqual([{ id: subscription.id, status: 'canceled' }]);
  expect(await stripe.invoices.retrieve(idOf(subscription.latest_invoice))).toMatchObject({ status: 'paid' });
  await expect(stripe.customers.update(customer.id, { name: 'Ada' })).rejects.toMatchObject({
    code: 'resource_missing',
  });
});

test('the stream of use takes the token of its session and nothing else', async () => {
  const { meterEventSession, meterEventStream } = stripe.v2.billing;
  const customer = await stripe.customers.create();
  const payload = { stripe_customer_id: customer.id, value: '7' };
  const events = [{ event_name: catalog.meter.event_name, payload }];
  await expect(meterEventStream.create({ events })).rejects.toMatchObject({ statusCode: 401 });
  const session = await meterEventSession.create();
  const token = { apiKey: session.authentication_token };
  await meterEventStream.create({ events }, token);
  await expect(stripe.customers.list({}, token)).rejects.toMatchObject({ statusCode: 401 });
  const now = await bench.control.now();
  const day = Math.floor(now / DAY) * DAY;
  const window = { customer: customer.id, start_time: day, end_time: day + DAY };
  const { data } = await stripe.billing.meters.listEventSummaries(catalog.meter.id, window);
  expect(data.map((each) => each.aggregated_value)).toEqual([7]);
  await bench.control.moveClock({ advanceSeconds: 16 * 60 });
  await expect(meterEventStream.create({ events }, token)).rejects.toMatchObject({ statusCode: 401 });
});

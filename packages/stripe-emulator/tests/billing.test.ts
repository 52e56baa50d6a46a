import type { Stripe } from 'stripe';
import {
  type Bench,
  type Catalog,
  createCatalog,
  idOf,
  DAY,
  itemOf,
  START,
  startBench,
  subscribe,
} from './support/bench.ts';
import { CONTRACT_TIMEOUT_MS, contractViolations } from './support/contract.ts';

let bench: Bench;
let catalog: Catalog;

beforeAll(async () => {
  bench = await startBench();
  catalog = await createCatalog(bench.stripe);
});

afterAll(() => bench.emulator.stop());

const day = (text: string): number => Date.parse(`${text}T00:00:00Z`) / 1000;

const invoicesOf = async (subscription: Stripe.Subscription): Promise<Stripe.Invoice[]> =>
  (await bench.stripe.invoices.list({ subscription: subscription.id, limit: 100 })).data;

const reload = (subscription: Stripe.Subscription): Promise<Stripe.Subscription> =>
  bench.stripe.subscriptions.retrieve(subscription.id);

/** Every test has its own time, further on than the last: one clock serves them all. */
const freshMonth = async (start: string): Promise<void> => {
  await bench.control.moveClock({ to: day(start) });
};

const use = (customer: Stripe.Customer, value: number, timestamp: number, identifier?: string): Promise<unknown> =>
  bench.stripe.billing.meterEvents.create({
    event_name: catalog.meter.event_name,
    payload: { stripe_customer_id: customer.id, value: String(value) },
    timestamp,
    ...(identifier !== undefined && { identifier }),
  });

test('a month is a month of the anchor: 31 January, 28 February, 31 March', async () => {
  const { subscription, item } = await subscribe(bench, catalog);
  expect(subscription.status).toBe('active');
  expect([item.current_period_start, item.current_period_end]).toEqual([START, day('2027-02-28')]);
  await bench.control.moveClock({ to: day('2027-02-28') });
  expect(itemOf(await reload(subscription), catalog.pro).current_period_end).toBe(day('2027-03-31'));
  await bench.control.moveClock({ to: day('2027-03-31') });
  expect(itemOf(await reload(subscription), catalog.pro).current_period_end).toBe(day('2027-04-30'));
});

test('a renewal is a draft for an hour, then it is charged: the next period and what was used in the last', async () => {
  await freshMonth('2027-05-01');
  const { customer, subscription } = await subscribe(bench, catalog, 2);
  await bench.control.moveClock({ to: day('2027-05-20') });
  await use(customer, 100_000, day('2027-05-02'));
  await use(customer, 25_125, day('2027-05-20'));
  await bench.control.moveClock({ to: day('2027-06-01') });
  const [draft] = await invoicesOf(subscription);
  expect(draft).toMatchObject({ status: 'draft', billing_reason: 'subscription_cycle', number: null });
  // A late report of use of the ended period still counts while the invoice is a draft.
  await use(customer, 250, day('2027-06-01') - 1);
  await use(customer, 9_999, day('2027-06-01'));
  await bench.control.moveClock({ advanceSeconds: 3600 });
  const [paid] = await invoicesOf(subscription);
  expect(paid).toMatchObject({ id: draft?.id, status: 'paid', total: 4_502, amount_paid: 4_502 });
  expect(paid?.lines.data.map(({ amount, quantity, period }) => ({ amount, quantity, period }))).toEqual([
    { amount: 4_000, quantity: 2, period: { start: day('2027-06-01'), end: day('2027-07-01') } },
    // 125 375 credits at 0.004 cents are 501.5 cents, and half a cent is rounded up.
    { amount: 502, quantity: 125_375, period: { start: day('2027-05-01'), end: day('2027-06-01') } },
  ]);
  expect(paid?.parent?.subscription_details?.subscription).toBe(subscription.id);
});

test('use that is reported after its invoice was finalized is accepted and never charged', async () => {
  await freshMonth('2027-07-01');
  const { customer, subscription } = await subscribe(bench, catalog);
  await bench.control.moveClock({ to: day('2027-08-02') });
  await use(customer, 1_000_000, day('2027-07-15'));
  await bench.control.moveClock({ to: day('2027-09-02') });
  const usage = (await invoicesOf(subscription)).flatMap(({ lines }) => lines.data).map(({ amount }) => amount);
  expect(usage.filter((amount) => amount !== 2_000)).toEqual([0, 0]);
});

test('more units in the middle of a period: the rest of it is charged at once', async () => {
  await freshMonth('2027-10-01');
  const { subscription, item } = await subscribe(bench, catalog);
  await bench.control.moveClock({ to: day('2027-10-16') + DAY / 2 });
  const changed = await bench.stripe.subscriptions.update(subscription.id, {
    items: [{ id: item.id, quantity: 3 }],
    proration_behavior: 'always_invoice',
    payment_behavior: 'pending_if_incomplete',
    expand: ['latest_invoice'],
  });
  expect(itemOf(changed, catalog.pro).quantity).toBe(3);
  const invoice = changed.latest_invoice as Stripe.Invoice;
  // Half of 31 days are left: half of $20 back, half of $60 to pay.
  expect(invoice).toMatchObject({ billing_reason: 'subscription_update', status: 'paid', total: 2_000 });
  expect(invoice.lines.data.map((line) => line.amount)).toEqual([-1_000, 3_000]);
  for (const line of invoice.lines.data) {
    expect(line.parent?.subscription_item_details).toMatchObject({ proration: true, subscription_item: item.id });
    expect(line.period).toEqual({ start: day('2027-10-16') + DAY / 2, end: day('2027-11-01') });
  }
  await bench.control.moveClock({ to: day('2027-11-02') });
  expect((await invoicesOf(subscription))[0]).toMatchObject({ total: 6_000, status: 'paid' });
});

test.each([
  { card: 'declined', status: 'requires_payment_method' },
  { card: 'requires_action', status: 'requires_action' },
] as const)('an upgrade whose card is $card waits, and takes effect when it is paid', async ({ card, status }) => {
  const { customer, subscription, item } = await subscribe(bench, catalog);
  await bench.control.setCard(customer.id, card);
  const waiting = await bench.stripe.subscriptions.update(subscription.id, {
    items: [{ id: item.id, quantity: 2 }],
    proration_behavior: 'always_invoice',
    payment_behavior: 'pending_if_incomplete',
    expand: ['latest_invoice.payments.data.payment.payment_intent'],
  });
  expect(waiting.status).toBe('active');
  expect(itemOf(waiting, catalog.pro).quantity).toBe(1);
  expect(waiting.pending_update?.subscription_items?.find(({ id }) => id === item.id)?.quantity).toBe(2);
  const invoice = waiting.latest_invoice as Stripe.Invoice;
  const intent = invoice.payments?.data[0]?.payment.payment_intent as Stripe.PaymentIntent;
  expect([invoice.status, intent.status]).toEqual(['open', status]);
  if (card === 'requires_action') await bench.control.authenticateInvoice(invoice.id);
  else {
    await expect(bench.stripe.invoices.pay(invoice.id)).rejects.toMatchObject({ code: 'card_declined' });
    await bench.control.setCard(customer.id, 'accepted');
    await bench.stripe.invoices.pay(invoice.id);
  }
  const upgraded = await reload(subscription);
  expect(upgraded.pending_update).toBeNull();
  expect(itemOf(upgraded, catalog.pro).quantity).toBe(2);
});

test('an upgrade that nobody pays for is given up after 23 hours, and its invoice voided', async () => {
  const { customer, subscription, item } = await subscribe(bench, catalog);
  await bench.control.setCard(customer.id, 'declined');
  const waiting = await bench.stripe.subscriptions.update(subscription.id, {
    items: [{ id: item.id, quantity: 2 }],
    proration_behavior: 'always_invoice',
    payment_behavior: 'pending_if_incomplete',
  });
  await bench.control.moveClock({ advanceSeconds: 23 * 3600 });
  const after = await reload(subscription);
  expect([after.pending_update, itemOf(after, catalog.pro).quantity]).toEqual([null, 1]);
  expect((await bench.stripe.invoices.retrieve(idOf(waiting.latest_invoice))).status).toBe('void');
});

test('error_if_incomplete: a declined card answers 402 and changes nothing', async () => {
  const { customer, subscription, item } = await subscribe(bench, catalog);
  await bench.control.setCard(customer.id, 'declined');
  const change = bench.stripe.subscriptions.update(subscription.id, {
    items: [{ id: item.id, quantity: 2 }],
    proration_behavior: 'always_invoice',
    payment_behavior: 'error_if_incomplete',
  });
  await expect(change).rejects.toMatchObject({ statusCode: 402, code: 'card_declined' });
  expect(itemOf(await reload(subscription), catalog.pro).quantity).toBe(1);
});

test('a scheduled downgrade happens at the turn of the period, and the schedule lets go afterwards', async () => {
  await freshMonth('2027-12-01');
  const { subscription, item } = await subscribe(bench, catalog, 3);
  const schedule = await bench.stripe.subscriptionSchedules.create({ from_subscription: subscription.id });
  const phase = schedule.phases[0];
  if (phase === undefined) throw new Error('the schedule has no phase');
  const items = [{ price: item.price.id, quantity: 1 }, { price: catalog.overage.id }];
  await bench.stripe.subscriptionSchedules.update(schedule.id, {
    end_behavior: 'release',
    phases: [
      {
        items: [{ price: item.price.id, quantity: 3 }, { price: catalog.overage.id }],
        start_date: phase.start_date,
        end_date: phase.end_date,
      },
      { items, duration: { interval: 'month' }, proration_behavior: 'none' },
    ],
  });
  await expect(
    bench.stripe.subscriptions.update(subscription.id, { cancel_at_period_end: true }),
  ).rejects.toMatchObject({ statusCode: 400 });
  await bench.control.moveClock({ to: day('2028-01-01') + 3600 });
  const after = await reload(subscription);
  expect(itemOf(after, catalog.pro)).toMatchObject({ id: item.id, quantity: 1 });
  expect((await invoicesOf(subscription))[0]).toMatchObject({ total: 2_000, status: 'paid' });
  expect(after.schedule).toBe(schedule.id);
  await bench.control.moveClock({ to: day('2028-02-01') + 3600 });
  expect((await reload(subscription)).schedule).toBeNull();
  expect((await bench.stripe.subscriptionSchedules.retrieve(schedule.id)).status).toBe('released');
});

test('cancel_at_period_end: the end comes, and what was used is still charged', async () => {
  await freshMonth('2028-03-01');
  const { customer, subscription } = await subscribe(bench, catalog);
  await use(customer, 50_000, day('2028-03-01'));
  const ending = await bench.stripe.subscriptions.update(subscription.id, { cancel_at_period_end: true });
  expect(ending).toMatchObject({ status: 'active', cancel_at_period_end: true, cancel_at: day('2028-04-01') });
  await bench.control.moveClock({ to: day('2028-04-01') + 3600 });
  expect(await reload(subscription)).toMatchObject({ status: 'canceled', ended_at: day('2028-04-01') });
  expect((await invoicesOf(subscription))[0]).toMatchObject({ total: 200, status: 'paid' });
});

test('cancel with invoice_now charges the use so far at once; without it nobody pays for it', async () => {
  const first = await subscribe(bench, catalog);
  const now = await bench.control.now();
  await bench.control.moveClock({ advanceSeconds: DAY });
  await use(first.customer, 50_000, now);
  await bench.stripe.subscriptions.cancel(first.subscription.id, { invoice_now: true });
  expect((await invoicesOf(first.subscription)).map(({ total, status }) => ({ total, status }))).toEqual([
    { total: 200, status: 'paid' },
    { total: 2_000, status: 'paid' },
  ]);
  const second = await subscribe(bench, catalog);
  await use(second.customer, 50_000, await bench.control.now());
  await bench.stripe.subscriptions.cancel(second.subscription.id);
  expect(await invoicesOf(second.subscription)).toHaveLength(1);
});

test('less than 50 cents is not charged but carried over to the next invoice', async () => {
  const { customer, subscription } = await subscribe(bench, catalog);
  await use(customer, 5_000, await bench.control.now());
  await bench.control.moveClock({ advanceSeconds: DAY });
  await bench.stripe.subscriptions.cancel(subscription.id, { invoice_now: true });
  expect((await invoicesOf(subscription))[0]).toMatchObject({
    total: 20,
    amount_due: 0,
    ending_balance: 20,
    status: 'paid',
  });
  expect(await bench.stripe.customers.retrieve(customer.id)).toMatchObject({ balance: 20 });
});

test.each([
  { afterRetries: 'cancel', status: 'canceled' },
  { afterRetries: 'unpaid', status: 'unpaid' },
  { afterRetries: 'past_due', status: 'past_due' },
] as const)('a renewal that nobody pays: past_due, retries, then $status', async ({ afterRetries, status }) => {
  await bench.control.behave({ afterRetries, retryDays: [1, 2] });
  const { customer, subscription, item } = await subscribe(bench, catalog);
  await bench.control.setCard(customer.id, 'declined');
  await bench.control.moveClock({ to: item.current_period_end + 3600 });
  expect((await reload(subscription)).status).toBe('past_due');
  const [open] = await invoicesOf(subscription);
  expect(open).toMatchObject({ status: 'open', attempt_count: 1 });
  await bench.control.moveClock({ advanceSeconds: 2 * DAY });
  expect((await reload(subscription)).status).toBe(status);
  expect(await bench.stripe.invoices.retrieve(open?.id ?? '')).toMatchObject({
    attempt_count: 3,
    next_payment_attempt: null,
  });
  if (status === 'canceled') return;
  await bench.control.setCard(customer.id, 'accepted');
  await bench.stripe.invoices.pay(open?.id ?? '');
  expect((await reload(subscription)).status).toBe('active');
});

test.each([
  { behavior: 'cancel', status: 'canceled' },
  { behavior: 'pause', status: 'paused' },
  { behavior: 'create_invoice', status: 'past_due' },
] as const)('a trial that ends without a card: $behavior', async ({ behavior, status }) => {
  await bench.control.behave({ afterRetries: 'past_due' });
  const customer = await bench.stripe.customers.create();
  const trial = await bench.stripe.subscriptions.create({
    customer: customer.id,
    items: [{ price: catalog.pro.id }],
    trial_period_days: 7,
    trial_settings: { end_behavior: { missing_payment_method: behavior } },
  });
  expect(trial.status).toBe('trialing');
  await bench.control.moveClock({ advanceSeconds: 7 * DAY + 3600 });
  expect((await reload(trial)).status).toBe(status);
});

test('a trial with a card becomes a subscription, and is announced three days before', async () => {
  const customer = await bench.stripe.customers.create();
  await bench.control.setCard(customer.id, 'accepted');
  const trial = await bench.stripe.subscriptions.create({
    customer: customer.id,
    items: [{ price: catalog.pro.id }],
    trial_period_days: 7,
  });
  await bench.control.moveClock({ advanceSeconds: 4 * DAY });
  const [event] = (await bench.stripe.events.list({ type: 'customer.subscription.trial_will_end' })).data;
  expect(event?.data.object).toMatchObject({ id: trial.id });
  await bench.control.moveClock({ advanceSeconds: 3 * DAY + 3600 });
  expect((await reload(trial)).status).toBe('active');
  expect((await invoicesOf(trial)).map(({ total }) => total)).toEqual([2_000, 0]);
});

test('a first payment that never comes: incomplete, and after 23 hours gone', async () => {
  const customer = await bench.stripe.customers.create();
  await bench.control.setCard(customer.id, 'requires_action');
  const subscription = await bench.stripe.subscriptions.create({
    customer: customer.id,
    items: [{ price: catalog.pro.id }],
  });
  expect(subscription.status).toBe('incomplete');
  await bench.control.moveClock({ advanceSeconds: 23 * 3600 });
  expect((await reload(subscription)).status).toBe('incomplete_expired');
});

test('refunds and disputes', async () => {
  const { subscription } = await subscribe(bench, catalog);
  const payments = await bench.stripe.invoicePayments.list({ invoice: idOf(subscription.latest_invoice) });
  const intent = idOf(payments.data[0]?.payment.payment_intent);
  await bench.stripe.refunds.create({ payment_intent: intent, amount: 500 });
  await expect(bench.stripe.refunds.create({ payment_intent: intent, amount: 1_501 })).rejects.toMatchObject({
    statusCode: 400,
  });
  const { latest_charge: chargeId } = await bench.stripe.paymentIntents.retrieve(intent);
  await bench.control.refund(idOf(chargeId));
  const charge = await bench.stripe.charges.retrieve(idOf(chargeId), { expand: ['refunds'] });
  expect(charge).toMatchObject({ amount_refunded: 2_000, refunded: true });
  expect(charge.refunds?.data.map(({ amount }) => amount)).toEqual([1_500, 500]);
  const other = await subscribe(bench, catalog);
  const payment = await bench.stripe.invoicePayments.list({ invoice: idOf(other.subscription.latest_invoice) });
  const paid = await bench.stripe.paymentIntents.retrieve(idOf(payment.data[0]?.payment.payment_intent));
  const dispute = await bench.control.openDispute(idOf(paid.latest_charge));
  await bench.control.closeDispute(dispute.id, 'won');
  expect((await bench.stripe.disputes.retrieve(dispute.id)).status).toBe('won');
});

test('a preview says what an upgrade costs, and keeps nothing', async () => {
  const { customer, subscription, item } = await subscribe(bench, catalog);
  const preview = await bench.stripe.invoices.createPreview({
    subscription: subscription.id,
    subscription_details: { items: [{ id: item.id, quantity: 2 }], proration_behavior: 'always_invoice' },
  });
  expect(preview.total).toBe(2_000);
  const next = await bench.stripe.invoices.createPreview({ customer: customer.id });
  expect(next.lines.data.map(({ amount }) => amount)).toEqual([2_000, 0]);
  expect(await invoicesOf(subscription)).toHaveLength(1);
  expect((await bench.stripe.invoiceItems.list({ customer: customer.id })).data).toHaveLength(0);
});

test(
  'all of this was as the SDK declares it',
  () => {
    expect(contractViolations(bench.emulator.traffic)).toEqual([]);
  },
  CONTRACT_TIMEOUT_MS,
);

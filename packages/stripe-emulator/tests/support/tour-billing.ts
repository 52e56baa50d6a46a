import { type Bench, type Catalog, DAY, idOf, subscribe } from './bench.ts';

/** The part of the tour that sellers make by hand: other ways to charge, and to give money back. */
export async function tourOfBilling(bench: Bench, catalog: Catalog): Promise<void> {
  await tourOfCycles(bench, catalog);
  await tourOfCredit(bench, catalog);
  await tourOfTerms(bench, catalog);
}

async function tourOfCycles({ stripe, control }: Bench, { pro, overage }: Catalog): Promise<void> {
  const customer = await stripe.customers.create();
  await control.setCard(customer.id, 'accepted');
  const now = await control.now();
  const anchored = await stripe.subscriptions.create({
    customer: customer.id,
    items: [{ price: pro.id }, { price: overage.id }],
    billing_cycle_anchor: now + 10 * DAY,
    proration_behavior: 'create_prorations',
  });
  await stripe.subscriptions.update(anchored.id, { billing_cycle_anchor: { type: 'now' } });
  await stripe.subscriptions.update(anchored.id, { trial_end: now + 20 * DAY });
  const sent = await stripe.subscriptions.create({
    customer: customer.id,
    items: [{ price: pro.id }],
    collection_method: 'send_invoice',
    days_until_due: 1,
  });
  await control.moveClock({ advanceSeconds: 2 * DAY });
  await stripe.subscriptions.update(sent.id, { collection_method: 'charge_automatically' });
}

async function tourOfCredit(bench: Bench, catalog: Catalog): Promise<void> {
  const { stripe } = bench;
  const { customer, subscription } = await subscribe(bench, catalog);
  const invoice = await stripe.invoices.retrieve(idOf(subscription.latest_invoice));
  const note = await stripe.creditNotes.create({
    invoice: invoice.id,
    lines: [{ type: 'invoice_line_item', invoice_line_item: invoice.lines.data[0]?.id ?? '', amount: 300 }],
    credit_amount: 100,
    refund_amount: 200,
    memo: 'Sorry',
    metadata: { ticket: '1' },
    reason: 'order_change',
  });
  await stripe.creditNotes.create({ invoice: invoice.id, amount: 50, out_of_band_amount: 50 });
  await stripe.creditNotes.retrieve(note.id, { expand: ['customer_balance_transaction', 'invoice'] });
  await stripe.creditNotes.list({ invoice: invoice.id });
  await stripe.creditNotes.listLineItems(note.id);
  const move = await stripe.customers.createBalanceTransaction(customer.id, {
    amount: 100,
    currency: 'usd',
    description: 'By hand',
  });
  await stripe.customers.listBalanceTransactions(customer.id, { limit: 2 });
  await stripe.customers.retrieveBalanceTransaction(customer.id, move.id);
  const draft = await stripe.invoices.create({ customer: customer.id, currency: 'usd' });
  await stripe.invoiceItems.create({ customer: customer.id, invoice: draft.id, amount: 900, currency: 'usd' });
  await stripe.invoices.finalizeInvoice(draft.id);
  const lower = await stripe.creditNotes.create({ invoice: draft.id, amount: 400 });
  await stripe.creditNotes.voidCreditNote(lower.id);
}

async function tourOfTerms({ stripe, control }: Bench, { pro, overage }: Catalog): Promise<void> {
  const half = await stripe.coupons.create({
    percent_off: 50,
    duration: 'repeating',
    duration_in_months: 3,
    name: 'Half',
  });
  const once = await stripe.coupons.create({ id: 'tour-once', amount_off: 500, currency: 'usd', duration: 'once' });
  await stripe.coupons.retrieve(half.id);
  await stripe.coupons.list();
  const code = await stripe.promotionCodes.create({ code: 'TOUR', promotion: { type: 'coupon', coupon: half.id } });
  await stripe.promotionCodes.retrieve(code.id);
  await stripe.promotionCodes.update(code.id, { metadata: { a: '1' } });
  await stripe.promotionCodes.list({ code: 'TOUR' });
  const rate = await stripe.taxRates.create({ display_name: 'VAT', inclusive: false, percentage: 20, country: 'GB' });
  await stripe.taxRates.retrieve(rate.id);
  await stripe.taxRates.list();
  const customer = await stripe.customers.create();
  await control.setCard(customer.id, 'accepted');
  const subscription = await stripe.subscriptions.create({
    customer: customer.id,
    default_tax_rates: [rate.id],
    discounts: [{ promotion_code: code.id }],
    items: [
      { price: pro.id, quantity: 2, discounts: [{ coupon: once.id }], tax_rates: [rate.id] },
      { price: overage.id },
    ],
    expand: ['discounts', 'latest_invoice.total_discount_amounts.discount'],
  });
  await stripe.subscriptions.update(subscription.id, {
    description: 'By hand',
    pause_collection: { behavior: 'void', resumes_at: (await control.now()) + 40 * DAY },
  });
  const schedule = await stripe.subscriptionSchedules.create({ from_subscription: subscription.id });
  const [phase] = schedule.phases;
  await stripe.subscriptionSchedules.update(schedule.id, {
    phases: [
      {
        start_date: phase?.start_date ?? 0,
        end_date: phase?.end_date ?? 0,
        currency: 'usd',
        items: [{ price: pro.id, quantity: 2 }, { price: overage.id }],
        discounts: [{ discount: idOf(phase?.discounts[0]?.discount) }],
        default_tax_rates: [rate.id],
      },
      {
        items: [{ price: pro.id, quantity: 2, tax_rates: [rate.id], metadata: { a: '1' } }, { price: overage.id }],
        discounts: [{ coupon: half.id }],
        description: 'Later',
        collection_method: 'send_invoice',
        invoice_settings: { days_until_due: 7 },
      },
    ],
  });
  await stripe.subscriptions.update(subscription.id, { pause_collection: '', discounts: '' });
  await stripe.coupons.del(once.id);
}

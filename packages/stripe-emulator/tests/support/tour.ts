import { Stripe } from 'stripe';
import { type Bench, type Catalog, clientOf, createCatalog, idOf, DAY, itemOf, START, subscribe } from './bench.ts';
import { tourOfBilling } from './tour-billing.ts';

/** Makes every call of the emulator at least once, through the SDK, with all the parameters that matter. */
export async function tourOfTheApi(bench: Bench): Promise<void> {
  const catalog = await tourOfTheCatalog(bench);
  await tourOfCustomers(bench);
  await tourOfMeters(bench, catalog);
  await tourOfSubscriptions(bench, catalog);
  await tourOfSchedules(bench, catalog);
  await tourOfInvoices(bench, catalog);
  await tourOfCheckout(bench, catalog);
  await tourOfThePortal(bench, catalog);
  await tourOfPaymentsAndEvents(bench, catalog);
  await tourOfBilling(bench, catalog);
}

async function tourOfTheCatalog({ stripe }: Bench): Promise<Catalog> {
  const catalog = await createCatalog(stripe);
  const { product, pro } = catalog;
  await stripe.products.retrieve(product.id);
  await stripe.products.update(product.id, {
    description: 'All chatflows',
    metadata: { tier: 'PRO' },
    default_price: pro.id,
  });
  await stripe.products.list({ active: true, limit: 3 });
  await stripe.prices.retrieve(pro.id, { expand: ['product'] });
  await stripe.prices.update(pro.id, { nickname: 'Pro', metadata: { plan: 'PRO' } });
  await stripe.prices.list({ lookup_keys: ['pro_monthly', 'overage'], active: true, type: 'recurring' });
  const feature = await stripe.entitlements.features.create({ lookup_key: 'all_chatflows', name: 'All chatflows' });
  await stripe.entitlements.features.retrieve(feature.id);
  await stripe.entitlements.features.update(feature.id, { name: 'Every chatflow' });
  await stripe.entitlements.features.list({ lookup_key: 'all_chatflows' });
  const link = await stripe.products.createFeature(product.id, { entitlement_feature: feature.id });
  await stripe.products.listFeatures(product.id);
  await stripe.products.retrieveFeature(product.id, link.id);
  await stripe.products.deleteFeature(product.id, link.id);
  await stripe.products.createFeature(product.id, { entitlement_feature: feature.id });
  return catalog;
}

async function tourOfCustomers({ stripe, control }: Bench): Promise<void> {
  const customer = await stripe.customers.create({ email: 'tour@example.com', address: { city: 'London' } });
  await control.setCard(customer.id, 'accepted');
  await stripe.customers.update(customer.id, { name: 'Tour', metadata: { a: '1' }, phone: '+1 555 0100' });
  const retrieved = await stripe.customers.retrieve(customer.id, {
    expand: ['invoice_settings.default_payment_method', 'subscriptions'],
  });
  if (retrieved.deleted) throw new Error('the customer is gone');
  const method = retrieved.invoice_settings.default_payment_method as Stripe.PaymentMethod;
  await stripe.paymentMethods.retrieve(method.id);
  await stripe.customers.listPaymentMethods(customer.id, { type: 'card' });
  await stripe.customers.list({ email: 'tour@example.com', limit: 1 });
  const card = await stripe.paymentMethods.create({
    type: 'card',
    card: { token: 'tok_visa' },
    billing_details: { email: 'tour@example.com', address: { country: 'US' } },
  });
  await stripe.paymentMethods.attach(card.id, { customer: customer.id });
  await stripe.customers.update(customer.id, { invoice_settings: { default_payment_method: card.id } });
  const other = await stripe.customers.create({
    payment_method: 'pm_card_visa',
    invoice_settings: { default_payment_method: 'pm_card_visa' },
  });
  await stripe.customers.create({ source: 'tok_visa' });
  await stripe.customers.del(other.id);
  await stripe.customers.retrieve(other.id);
}

async function tourOfMeters(bench: Bench, { meter }: Catalog): Promise<void> {
  const { stripe } = bench;
  const customer = await stripe.customers.create();
  await stripe.billing.meters.retrieve(meter.id);
  await stripe.billing.meters.update(meter.id, { display_name: 'Overage credits' });
  await stripe.billing.meters.deactivate(meter.id);
  await stripe.billing.meters.reactivate(meter.id);
  await stripe.billing.meters.list({ status: 'active' });
  await stripe.billing.meterEvents.create({
    event_name: meter.event_name,
    identifier: 'tour-1',
    payload: { stripe_customer_id: customer.id, value: '250' },
    timestamp: START,
  });
  await stripe.billing.meters.listEventSummaries(meter.id, {
    customer: customer.id,
    start_time: START - DAY,
    end_time: START + DAY,
    value_grouping_window: 'day',
  });
  const session = await stripe.v2.billing.meterEventSession.create();
  const timestamp = new Date(START * 1000).toISOString();
  await stripe.v2.billing.meterEventStream.create(
    { events: [{ event_name: meter.event_name, identifier: 'tour-2', payload: { value: '1' }, timestamp }] },
    { apiKey: session.authentication_token },
  );
}

async function tourOfSubscriptions(bench: Bench, catalog: Catalog): Promise<void> {
  const { stripe, control } = bench;
  const { customer, subscription, item } = await subscribe(bench, catalog);
  await stripe.subscriptions.retrieve(subscription.id, {
    expand: ['latest_invoice.payments.data.payment.payment_intent', 'latest_invoice.confirmation_secret', 'customer'],
  });
  await stripe.subscriptions.list({ customer: customer.id, status: 'all', limit: 100, expand: ['data.schedule'] });
  await stripe.subscriptions.update(subscription.id, {
    items: [{ id: item.id, quantity: 2 }],
    proration_behavior: 'always_invoice',
    payment_behavior: 'pending_if_incomplete',
  });
  await control.setCard(customer.id, 'requires_action');
  await stripe.subscriptions.update(subscription.id, {
    items: [{ id: item.id, quantity: 3 }],
    proration_behavior: 'always_invoice',
    payment_behavior: 'pending_if_incomplete',
    expand: ['latest_invoice'],
  });
  await stripe.entitlements.activeEntitlements.list({ customer: customer.id, expand: ['data.feature'] });
  await stripe.subscriptions.cancel(subscription.id, {
    invoice_now: true,
    prorate: true,
    cancellation_details: { comment: 'enough', feedback: 'unused' },
  });
  const stranger = await stripe.customers.create();
  const trial = await stripe.subscriptions.create({
    customer: stranger.id,
    items: [{ price: catalog.pro.id }],
    trial_period_days: 7,
    trial_settings: { end_behavior: { missing_payment_method: 'pause' } },
    metadata: { billing_entity: 'x' },
  });
  await control.moveClock({ advanceSeconds: 8 * DAY });
  await control.setCard(stranger.id, 'accepted');
  await stripe.subscriptions.resume(trial.id, { billing_cycle_anchor: { type: 'now' } });
  await stripe.subscriptions.pause(trial.id, {
    bill_for: { outstanding_usage_through: { type: 'none' }, unused_time_from: { type: 'now' } },
    invoicing_behavior: 'pending_invoice_item',
    type: 'subscription',
  });
  await stripe.subscriptions.resume(trial.id, { billing_cycle_anchor: { type: 'unchanged' } });
}

async function tourOfSchedules(bench: Bench, catalog: Catalog): Promise<void> {
  const { stripe } = bench;
  const { customer, subscription, item } = await subscribe(bench, catalog, 3);
  const schedule = await stripe.subscriptionSchedules.create({ from_subscription: subscription.id });
  const overage = itemOf(subscription, catalog.overage);
  const card = await stripe.paymentMethods.attach('pm_card_visa', { customer: customer.id });
  await stripe.subscriptionSchedules.update(schedule.id, {
    default_settings: { default_payment_method: card.id },
    end_behavior: 'release',
    proration_behavior: 'none',
    metadata: { operation: '1' },
    phases: [
      {
        items: [{ price: item.price.id, quantity: 3 }, { price: overage.price.id }],
        start_date: item.current_period_start,
        end_date: item.current_period_end,
      },
      {
        items: [{ price: item.price.id, quantity: 1 }, { price: overage.price.id }],
        default_payment_method: card.id,
        duration: { interval: 'month', interval_count: 1 },
        proration_behavior: 'none',
      },
    ],
  });
  await stripe.subscriptionSchedules.retrieve(schedule.id, { expand: ['subscription', 'phases.items.price'] });
  await stripe.subscriptionSchedules.list({ customer: customer.id });
  await stripe.subscriptionSchedules.release(schedule.id);
  const second = await stripe.subscriptionSchedules.create({ from_subscription: subscription.id });
  await stripe.subscriptionSchedules.cancel(second.id, { invoice_now: false, prorate: false });
}

async function tourOfInvoices(bench: Bench, catalog: Catalog): Promise<void> {
  const { stripe } = bench;
  const { customer, subscription, item } = await subscribe(bench, catalog);
  const extra = await stripe.invoiceItems.create({
    customer: customer.id,
    currency: 'usd',
    quantity: 125_000,
    unit_amount_decimal: Stripe.Decimal.from('0.004'),
    description: 'Overage of January',
    period: { start: START - DAY, end: START },
    metadata: { report: '1' },
  });
  await stripe.invoiceItems.retrieve(extra.id);
  await stripe.invoiceItems.list({ customer: customer.id, pending: true });
  await stripe.invoiceItems.update(extra.id, { quantity: 3 });
  const spare = await stripe.invoiceItems.create({ customer: customer.id, amount: 5, currency: 'usd' });
  await stripe.invoiceItems.del(spare.id);
  const card = await stripe.paymentMethods.attach('pm_card_visa', { customer: customer.id });
  const invoice = await stripe.invoices.create({
    customer: customer.id,
    auto_advance: false,
    default_payment_method: card.id,
    pending_invoice_items_behavior: 'include',
    description: 'By hand',
  });
  await stripe.invoiceItems.create({ customer: customer.id, invoice: invoice.id, amount: 100, currency: 'usd' });
  await stripe.invoices.finalizeInvoice(invoice.id, { auto_advance: false });
  await stripe.invoices.pay(invoice.id, { expand: ['payments'] });
  await stripe.invoices.retrieve(invoice.id);
  await stripe.invoices.listLineItems(invoice.id, { limit: 1 });
  await stripe.invoices.list({ subscription: subscription.id, status: 'paid' });
  const payments = await stripe.invoicePayments.list({ invoice: invoice.id, status: 'paid' });
  await stripe.invoicePayments.retrieve(payments.data[0]?.id ?? '');
  await stripe.invoices.createPreview({
    subscription: subscription.id,
    subscription_details: { items: [{ id: item.id, quantity: 4 }], proration_behavior: 'always_invoice' },
  });
  await stripe.invoices.createPreview({ customer: customer.id, preview_mode: 'next' });
  const idle = await stripe.invoices.create({ customer: customer.id, currency: 'usd' });
  await stripe.invoiceItems.create({ customer: customer.id, invoice: idle.id, amount: 900, currency: 'usd' });
  await stripe.invoices.finalizeInvoice(idle.id);
  await stripe.invoices.voidInvoice(idle.id);
  const draft = await stripe.invoices.create({ customer: customer.id, currency: 'usd' });
  await stripe.invoices.update(draft.id, { description: 'Never mind', metadata: { a: '1' } });
  await stripe.invoices.del(draft.id);
  await stripe.invoiceItems.create({ customer: customer.id, amount: 900, currency: 'usd' });
  const sent = await stripe.invoices.create({
    customer: customer.id,
    collection_method: 'send_invoice',
    days_until_due: 7,
    pending_invoice_items_behavior: 'include',
  });
  await stripe.invoices.sendInvoice(sent.id);
  await stripe.invoices.markUncollectible(sent.id);
}

async function tourOfCheckout({ stripe, control }: Bench, { pro, overage }: Catalog): Promise<void> {
  const customer = await stripe.customers.create({ email: 'buyer@example.com' });
  const now = await control.now();
  const session = await stripe.checkout.sessions.create({
    mode: 'subscription',
    customer: customer.id,
    client_reference_id: 'entity-1',
    line_items: [{ price: pro.id, quantity: 2 }, { price: overage.id }],
    success_url: 'http://127.0.0.1/done?session={CHECKOUT_SESSION_ID}',
    cancel_url: 'http://127.0.0.1/no',
    expires_at: now + 3600,
    metadata: { operation: '1' },
    subscription_data: { metadata: { entity: '1' }, description: 'Pro' },
  });
  await control.payCheckout(session.id, { card: 'requires_action' });
  await stripe.checkout.sessions.retrieve(session.id, {
    expand: ['line_items', 'subscription', 'invoice', 'customer'],
  });
  await stripe.checkout.sessions.listLineItems(session.id);
  const purchase = await stripe.checkout.sessions.create({
    mode: 'payment',
    customer_email: 'new@example.com',
    line_items: [
      { price_data: { currency: 'usd', unit_amount: 50, product_data: { name: '12 500 credits' } }, quantity: 1 },
    ],
    success_url: 'http://127.0.0.1/done',
    invoice_creation: { enabled: true, invoice_data: { metadata: { credits: '12500' } } },
    payment_intent_data: { metadata: { credits: '12500' }, description: 'Credits' },
  });
  await control.payCheckout(purchase.id);
  const third = await stripe.checkout.sessions.create({
    mode: 'payment',
    line_items: [{ price_data: { currency: 'usd', unit_amount: 50, product: idOf(pro.product) }, quantity: 1 }],
    payment_intent_data: { shipping: { name: 'Ada', address: { line1: '1 Main Street', country: 'GB' } } },
    success_url: 'http://127.0.0.1/done',
  });
  await stripe.checkout.sessions.expire(third.id);
  await tourOfTerms({ stripe, control }, pro);
  await stripe.checkout.sessions.list({ customer: customer.id, status: 'complete' });
}

/** Discounts, automatic taxes and tax ids of a session. */
async function tourOfTerms({ stripe, control }: Pick<Bench, 'stripe' | 'control'>, pro: Stripe.Price): Promise<void> {
  await control.behave({ taxRegistrations: { DE: 19 } });
  const customer = await stripe.customers.create({ email: 'tax@example.com' });
  const coupon = await stripe.coupons.create({ percent_off: 20, duration: 'once' });
  const code = await stripe.promotionCodes.create({
    promotion: { type: 'coupon', coupon: coupon.id },
    code: 'TOUR',
  });
  const terms: Stripe.Checkout.SessionCreateParams = {
    mode: 'subscription',
    customer: customer.id,
    line_items: [{ price: pro.id, quantity: 1 }],
    success_url: 'http://127.0.0.1/done',
    automatic_tax: { enabled: true },
    tax_id_collection: { enabled: true, required: 'if_supported' },
    customer_update: { address: 'auto', name: 'auto' },
  };
  await stripe.checkout.sessions.create({ ...terms, discounts: [{ promotion_code: code.id }] });
  const session = await stripe.checkout.sessions.create({ ...terms, allow_promotion_codes: true });
  await control.payCheckout(session.id, {
    promotionCode: 'tour',
    address: { country: 'DE', postal_code: '10115' },
    name: 'Ada GmbH',
    taxId: { type: 'eu_vat', value: 'DE123456789' },
  });
  await stripe.customers.listTaxIds(customer.id);
}

async function tourOfThePortal({ stripe }: Bench, { product, pro }: Catalog): Promise<void> {
  const customer = await stripe.customers.create();
  const configuration = await stripe.billingPortal.configurations.create({
    business_profile: { headline: 'Tollgate' },
    default_return_url: 'http://127.0.0.1/back',
    features: {
      customer_update: { enabled: true, allowed_updates: ['email'] },
      invoice_history: { enabled: true },
      payment_method_update: { enabled: true },
      subscription_cancel: { enabled: true, mode: 'at_period_end' },
      subscription_update: {
        enabled: true,
        default_allowed_updates: ['price', 'quantity'],
        proration_behavior: 'always_invoice',
        products: [{ product: product.id, prices: [pro.id] }],
        schedule_at_period_end: { conditions: [{ type: 'decreasing_item_amount' }] },
      },
    },
  });
  await stripe.billingPortal.configurations.retrieve(configuration.id);
  await stripe.billingPortal.configurations.update(configuration.id, { metadata: { version: '2' }, active: true });
  await stripe.billingPortal.configurations.list({ is_default: true });
  await stripe.billingPortal.sessions.create({ customer: customer.id, return_url: 'http://127.0.0.1/back' });
}

async function tourOfPaymentsAndEvents(bench: Bench, catalog: Catalog): Promise<void> {
  const { stripe, control, emulator } = bench;
  const { customer, subscription } = await subscribe(bench, catalog);
  const payments = await stripe.invoicePayments.list({ invoice: idOf(subscription.latest_invoice) });
  const intentId = idOf(payments.data[0]?.payment.payment_intent);
  const intent = await stripe.paymentIntents.retrieve(intentId, { expand: ['latest_charge.refunds'] });
  await stripe.paymentIntents.list({ customer: customer.id });
  const charge = intent.latest_charge as Stripe.Charge;
  await stripe.charges.retrieve(charge.id);
  await stripe.charges.list({ payment_intent: intentId });
  const refund = await stripe.refunds.create({ payment_intent: intentId, amount: 500, reason: 'duplicate' });
  await stripe.refunds.retrieve(refund.id);
  await stripe.refunds.list({ charge: charge.id });
  await stripe.refunds.update(refund.id, { metadata: { order: '1' } });
  const dispute = await control.openDispute(charge.id);
  await stripe.disputes.retrieve(dispute.id);
  await stripe.disputes.list({ payment_intent: intentId });
  await control.closeDispute(dispute.id, 'lost');
  const inquired = await stripe.paymentIntents.create({
    amount: 100,
    currency: 'usd',
    payment_method: 'pm_card_createDisputeInquiry',
    confirm: true,
  });
  const [inquiry] = (await stripe.disputes.list({ payment_intent: inquired.id })).data;
  await stripe.disputes.update(inquiry?.id ?? '', { metadata: { seen: '1' } });
  await stripe.disputes.close(inquiry?.id ?? '');
  const events = await stripe.events.list({ types: ['charge.*'], limit: 2 });
  await stripe.events.retrieve(events.data[0]?.id ?? '');
  const endpoint = await stripe.webhookEndpoints.create({ url: `${emulator.url}/nowhere`, enabled_events: ['*'] });
  await stripe.webhookEndpoints.list();
  await stripe.webhookEndpoints.del(endpoint.id);
  await control.rejectMeterEvent('tour-1');
  const receiver = `${emulator.url}/_thin`;
  await control.deliveryMode({ hold: true });
  await control.addEndpoint({ url: receiver, secret: 'whsec_thin', thin: true });
  await control.rejectMeterEvent('tour-1');
  const delivery = (await control.deliveries()).find((each) => each.type.startsWith('v1.billing.meter'));
  await clientOf(emulator).v2.core.events.retrieve(delivery?.event ?? '');
}

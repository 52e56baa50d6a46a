import { createPrice, createProduct, priceOf, productNameOf, recurringFields } from './catalog.ts';
import { HOUR, MINUTE } from './calendar.ts';
import { giveCard } from './cards.ts';
import { createCustomer, customerOf } from './customers.ts';
import { invalid } from './errors.ts';
import { createInvoice, finalizeInvoice } from './invoices.ts';
import { collect } from './collection.ts';
import { isMetered, saleLine, unitAmountOf } from './invoice-lines.ts';
import { pageFields, pageInOrder, pageOf } from './lists.ts';
import { lineCents } from './money.ts';
import {
  decimal,
  flag,
  integer,
  list,
  mergeMetadata,
  metadata,
  object,
  oneOf,
  required,
  text,
  type Values,
} from './parameters.ts';
import { type Attempt, attempt, createIntent, failAuthentication, intentOf } from './payments.ts';
import { route, type Route } from './router.ts';
import { rowOf, type Sandbox } from './sandbox.ts';
import { createSubscription, trialEndOf } from './subscription-create.ts';
import type { CardOutcome, CheckoutDetails } from './tables.ts';
import type { CheckoutLine, CheckoutSession, Customer, Price } from './wire.ts';

const SHORTEST = 30 * MINUTE;
const LONGEST = 24 * HOUR;

const priceData = object({
  currency: required(text),
  product: text,
  product_data: object({ description: text, metadata, name: required(text) }),
  recurring: object({ interval: recurringFields.interval, interval_count: integer }),
  tax_behavior: oneOf('exclusive', 'inclusive', 'unspecified'),
  unit_amount: integer,
  unit_amount_decimal: decimal,
});

const fields = {
  allow_promotion_codes: flag,
  billing_address_collection: oneOf('auto', 'required'),
  cancel_url: text,
  client_reference_id: text,
  currency: text,
  customer: text,
  customer_creation: oneOf('always', 'if_required'),
  customer_email: text,
  expires_at: integer,
  invoice_creation: object({
    enabled: required(flag),
    invoice_data: object({ description: text, footer: text, metadata }),
  }),
  line_items: list(required(object({ metadata, price: text, price_data: priceData, quantity: integer }))),
  metadata,
  mode: required(oneOf('payment', 'subscription')),
  payment_intent_data: object({
    description: text,
    metadata,
    setup_future_usage: oneOf('off_session', 'on_session'),
  }),
  payment_method_collection: oneOf('always', 'if_required'),
  saved_payment_method_options: object({ payment_method_save: oneOf('disabled', 'enabled') }),
  submit_type: oneOf('auto', 'book', 'donate', 'pay', 'subscribe'),
  subscription_data: object({
    description: text,
    metadata,
    trial_end: integer,
    trial_period_days: integer,
    trial_settings: object({
      end_behavior: required(object({ missing_payment_method: required(oneOf('cancel', 'create_invoice', 'pause')) })),
    }),
  }),
  success_url: required(text),
  ui_mode: oneOf('hosted_page'),
};

type Parameters = Values<typeof fields>;

/** Checkout sessions: the calls, and what paying one does. The page itself is in checkout-page.ts. */
export const checkoutRoutes: readonly Route[] = [
  route('POST', '/v1/checkout/sessions', fields, (sandbox, parameters) => createSession(sandbox, parameters)),
  route(
    'GET',
    '/v1/checkout/sessions',
    {
      ...pageFields,
      customer: text,
      payment_intent: text,
      status: oneOf('complete', 'expired', 'open'),
      subscription: text,
    },
    (sandbox, parameters) => {
      const rows = [...sandbox.tables.checkoutSessions.values()].filter(
        (each) =>
          (parameters.customer === undefined || each.customer === parameters.customer) &&
          (parameters.payment_intent === undefined || each.payment_intent === parameters.payment_intent) &&
          (parameters.status === undefined || each.status === parameters.status) &&
          (parameters.subscription === undefined || each.subscription === parameters.subscription),
      );
      return pageOf(rows, '/v1/checkout/sessions', parameters);
    },
  ),
  route('GET', '/v1/checkout/sessions/:id', {}, (sandbox, _parameters, [id]) => sessionOf(sandbox, id)),
  route('GET', '/v1/checkout/sessions/:id/line_items', pageFields, (sandbox, parameters, [id]) => {
    sessionOf(sandbox, id);
    return pageInOrder(checkoutLines(sandbox, id), `/v1/checkout/sessions/${id}/line_items`, parameters);
  }),
  route('POST', '/v1/checkout/sessions/:id/expire', {}, (sandbox, _parameters, [id]) => {
    const session = sessionOf(sandbox, id);
    if (session.status !== 'open') {
      throw invalid('Only Checkout Sessions with a status in ["open"] can be expired.');
    }
    expireSession(sandbox, session);
    return session;
  }),
];

/** The session, or Stripe's refusal. */
export function sessionOf(sandbox: Sandbox, id: string): CheckoutSession {
  return rowOf(sandbox.tables.checkoutSessions, 'checkout.session', id);
}

/** Nobody can pay it any more. */
export function expireSession(sandbox: Sandbox, session: CheckoutSession): void {
  session.status = 'expired';
  session.url = null;
  sandbox.emit('checkout.session.expired', session);
}

/** What is sold, as `line_items` shows it. */
export function checkoutLines(sandbox: Sandbox, id: string): CheckoutLine[] {
  return (sandbox.tables.checkoutDetails.get(id)?.lines ?? []).map((line) => {
    const price = priceOf(sandbox, line.price);
    const amount = isMetered(price) ? 0 : lineCents(unitAmountOf(price), line.quantity);
    return {
      id: line.id,
      object: 'item',
      adjustable_quantity: null,
      amount_discount: 0,
      amount_subtotal: amount,
      amount_tax: 0,
      amount_total: amount,
      currency: price.currency,
      description: productNameOf(sandbox, price),
      metadata: {},
      price: structuredClone(price),
      quantity: isMetered(price) ? null : line.quantity,
    };
  });
}

/**
 * The customer submits the page with a card. A declined card leaves the session open; one that asks for 3-D Secure
 * answers `requires_action` until `authenticated` comes along.
 */
export function submitCheckout(
  sandbox: Sandbox,
  session: CheckoutSession,
  { card, authenticated, email }: { card: CardOutcome; authenticated: boolean; email?: string | undefined },
): Attempt {
  if (session.status !== 'open') throw invalid(`This session is ${session.status}.`);
  const details = detailsOf(sandbox, session);
  if (card === 'declined') return 'requires_payment_method';
  if (card === 'requires_action' && !authenticated) {
    details.authenticating = true;
    return 'requires_action';
  }
  details.authenticating = false;
  const customer = buyerOf(sandbox, session, email);
  const method = giveCard(sandbox, customer, card);
  if (session.mode === 'subscription') subscribe(sandbox, session, { customer, details, authenticated });
  else buy(sandbox, session, { customer, details, authenticated });
  const intent = sandbox.tables.paymentIntents.get(session.payment_intent ?? '');
  if (intent !== undefined && method !== null) intent.payment_method = method.id;
  session.status = 'complete';
  session.url = null;
  session.payment_status = session.amount_total === 0 ? 'no_payment_required' : 'paid';
  session.customer = customer.id;
  session.customer_details = {
    address: customer.address ?? null,
    business_name: null,
    email: customer.email,
    individual_name: null,
    name: customer.name ?? null,
    phone: customer.phone ?? null,
    tax_exempt: 'none',
    tax_ids: [],
  };
  sandbox.emit('checkout.session.completed', session);
  return 'succeeded';
}

/** 3-D Secure was refused: the session stays open for another card. */
export function abandonAuthentication(sandbox: Sandbox, session: CheckoutSession): void {
  detailsOf(sandbox, session).authenticating = false;
  const intent = sandbox.tables.paymentIntents.get(session.payment_intent ?? '');
  if (intent !== undefined) failAuthentication(sandbox, intent);
  sandbox.onChange();
}

/** Where the customer goes after paying. */
export function successUrlOf(session: CheckoutSession): string {
  return (session.success_url ?? '').replaceAll('{CHECKOUT_SESSION_ID}', session.id);
}

function subscribe(sandbox: Sandbox, session: CheckoutSession, { customer, details, authenticated }: Purchase): void {
  const { subscription } = createSubscription(sandbox, {
    customer,
    items: details.lines.map((line) => ({ price: priceOf(sandbox, line.price), quantity: line.quantity })),
    metadata: details.subscriptionMetadata,
    description: details.subscriptionDescription,
    trialEnd: trialEndOf(sandbox, { trialEnd: details.trialEnd, trialDays: details.trialDays }),
    missingPaymentMethod: details.missingPaymentMethod,
    paymentBehavior: 'allow_incomplete',
    cancelAtPeriodEnd: false,
    cancelAt: null,
    authenticated,
  });
  subscription.default_payment_method = customer.invoice_settings.default_payment_method;
  session.subscription = subscription.id;
  session.invoice = subscription.latest_invoice;
}

function buy(sandbox: Sandbox, session: CheckoutSession, { customer, details, authenticated }: Purchase): void {
  const invoiceData = session.invoice_creation?.enabled === true ? session.invoice_creation.invoice_data : null;
  if (invoiceData === null) {
    const intent = createIntent(sandbox, {
      amount: session.amount_total ?? 0,
      currency: session.currency ?? 'usd',
      customer: customer.id,
      description: details.intentDescription,
      metadata: details.intentMetadata,
      setupFutureUsage: details.setupFutureUsage,
    });
    session.payment_intent = intent.id;
    attempt(sandbox, intent, authenticated);
    return;
  }
  const period = { start: sandbox.now(), end: sandbox.now() };
  const invoice = createInvoice(sandbox, {
    customer,
    subscription: null,
    reason: 'manual',
    period,
    lines: details.lines.map(({ price, quantity }) =>
      saleLine(sandbox, { price: priceOf(sandbox, price), quantity, period }),
    ),
    currency: session.currency ?? 'usd',
    metadata: invoiceData.metadata ?? {},
    description: invoiceData.description,
    finalizesAt: null,
  });
  finalizeInvoice(sandbox, invoice);
  const intent = intentOf(sandbox, invoice.id);
  if (intent !== null) {
    intent.metadata = details.intentMetadata;
    intent.description = details.intentDescription;
    intent.setup_future_usage = details.setupFutureUsage;
  }
  collect(sandbox, invoice, { authenticated });
  session.invoice = invoice.id;
  session.payment_intent = intent?.id ?? null;
}

interface Purchase {
  readonly customer: Customer;
  readonly details: CheckoutDetails;
  readonly authenticated: boolean;
}

function buyerOf(sandbox: Sandbox, session: CheckoutSession, email: string | undefined): Customer {
  if (session.customer !== null) return customerOf(sandbox, session.customer, 'customer');
  return createCustomer(sandbox, { email: session.customer_email ?? email ?? null });
}

function detailsOf(sandbox: Sandbox, session: CheckoutSession): CheckoutDetails {
  return rowOf(sandbox.tables.checkoutDetails, 'checkout.session', session.id);
}

function createSession(sandbox: Sandbox, parameters: Parameters): CheckoutSession {
  const { mode, line_items: items = [], expires_at: expiresAt } = parameters;
  const now = sandbox.now();
  if (items.length === 0) {
    throw invalid('Missing required param: line_items.', { code: 'parameter_missing', param: 'line_items' });
  }
  assertMode(parameters);
  if (expiresAt !== undefined && (expiresAt < now + SHORTEST || expiresAt > now + LONGEST)) {
    const bound = expiresAt < now + SHORTEST ? 'at least 30 minutes' : 'less than 24 hours';
    throw invalid(`The \`expires_at\` timestamp must be ${bound} from Checkout Session creation.`, {
      param: 'expires_at',
    });
  }
  if (parameters.customer !== undefined) customerOf(sandbox, parameters.customer, 'customer');
  const lines = items.map((item, index) => lineOf(sandbox, item, { index, mode }));
  const currency = lines[0]?.price.currency ?? 'usd';
  const total = lines.reduce(
    (sum, { price, quantity }) => sum + (isMetered(price) ? 0 : lineCents(unitAmountOf(price), quantity)),
    0,
  );
  const trial = parameters.subscription_data;
  const isTrial = trial?.trial_end !== undefined || trial?.trial_period_days !== undefined;
  const due = isTrial ? 0 : total;
  const id = sandbox.newId('cs_test', 58);
  const session = blankSession(sandbox, parameters, { id, currency, total, due });
  sandbox.tables.checkoutSessions.set(id, session);
  sandbox.tables.checkoutDetails.set(id, {
    lines: lines.map(({ price, quantity }) => ({ id: sandbox.newId('li'), price: price.id, quantity })),
    subscriptionMetadata: mergeMetadata({}, trial?.metadata),
    subscriptionDescription: trial?.description ?? null,
    trialEnd: trial?.trial_end ?? null,
    trialDays: trial?.trial_period_days ?? null,
    missingPaymentMethod: trial?.trial_settings?.end_behavior.missing_payment_method ?? 'create_invoice',
    intentMetadata: mergeMetadata({}, parameters.payment_intent_data?.metadata),
    intentDescription: parameters.payment_intent_data?.description ?? null,
    setupFutureUsage: parameters.payment_intent_data?.setup_future_usage ?? null,
    authenticating: false,
  });
  sandbox.onChange();
  return session;
}

function assertMode(parameters: Parameters): void {
  const { mode } = parameters;
  const misplaced =
    mode === 'payment'
      ? (['subscription_data', 'payment_method_collection'] as const)
      : (['payment_intent_data', 'invoice_creation', 'submit_type', 'customer_creation'] as const);
  const found = misplaced.find((name) => parameters[name] !== undefined);
  if (found !== undefined) throw invalid(`You can not pass \`${found}\` in \`${mode}\` mode.`, { param: found });
  if (parameters.customer !== undefined && parameters.customer_email !== undefined) {
    throw invalid('You may only specify one of these parameters: customer, customer_email.');
  }
}

interface SoldLine {
  readonly price: Price;
  readonly quantity: number;
}

function lineOf(
  sandbox: Sandbox,
  item: NonNullable<Parameters['line_items']>[number],
  { index, mode }: { index: number; mode: 'payment' | 'subscription' },
): SoldLine {
  const param = `line_items[${index}]`;
  const { price: id, price_data: data } = item;
  if ((id === undefined) === (data === undefined)) {
    throw invalid('You must specify exactly one of `price` and `price_data`.', { param });
  }
  const price = id === undefined ? priceFrom(sandbox, data, param) : priceOf(sandbox, id, `${param}[price]`);
  if (!price.active) throw invalid(`The price ${price.id} is inactive.`, { param: `${param}[price]` });
  if (mode === 'payment' && price.type === 'recurring') {
    throw invalid('You specified `payment` mode but passed a recurring price.', { param: `${param}[price]` });
  }
  if (isMetered(price) && item.quantity !== undefined) {
    throw invalid('Quantity should not be specified for metered prices.', { param: `${param}[quantity]` });
  }
  if (!isMetered(price) && item.quantity === undefined) {
    throw invalid(`Missing required param: ${param}[quantity].`, {
      code: 'parameter_missing',
      param: `${param}[quantity]`,
    });
  }
  return { price, quantity: item.quantity ?? 0 };
}

function priceFrom(
  sandbox: Sandbox,
  data: NonNullable<Parameters['line_items']>[number]['price_data'],
  param: string,
): Price {
  if (data === undefined || (data.product === undefined) === (data.product_data === undefined)) {
    throw invalid('You must specify exactly one of `product` and `product_data`.', { param: `${param}[price_data]` });
  }
  const product = data.product ?? createProduct(sandbox, { name: '', ...data.product_data, active: false }).id;
  return createPrice(sandbox, {
    currency: data.currency,
    product,
    recurring: data.recurring,
    tax_behavior: data.tax_behavior,
    unit_amount: data.unit_amount,
    unit_amount_decimal: data.unit_amount_decimal,
  });
}

function blankSession(
  sandbox: Sandbox,
  parameters: Parameters,
  { id, currency, total, due }: { id: string; currency: string; total: number; due: number },
): CheckoutSession {
  const { mode, invoice_creation: invoicing } = parameters;
  return {
    id,
    object: 'checkout.session',
    adaptive_pricing: null,
    after_expiration: null,
    allow_promotion_codes: parameters.allow_promotion_codes ?? null,
    allowed_payment_method_types: null,
    amount_subtotal: mode === 'subscription' ? due : total,
    amount_total: due,
    automatic_tax: { enabled: false, liability: null, provider: null, status: null },
    billing_address_collection: parameters.billing_address_collection ?? null,
    cancel_url: parameters.cancel_url ?? null,
    client_reference_id: parameters.client_reference_id ?? null,
    client_secret: null,
    collected_information: null,
    consent: null,
    consent_collection: null,
    created: sandbox.now(),
    currency,
    currency_conversion: null,
    custom_fields: [],
    custom_text: {
      after_submit: null,
      shipping_address: null,
      submit: null,
      terms_of_service_acceptance: null,
    },
    customer: parameters.customer ?? null,
    customer_account: null,
    customer_creation: mode === 'payment' ? (parameters.customer_creation ?? 'if_required') : null,
    customer_details: null,
    customer_email: parameters.customer_email ?? null,
    discounts: [],
    expires_at: parameters.expires_at ?? sandbox.now() + LONGEST,
    integration_identifier: null,
    invoice: null,
    invoice_creation:
      mode === 'payment'
        ? {
            enabled: invoicing?.enabled ?? false,
            invoice_data: {
              account_tax_ids: null,
              custom_fields: null,
              description: invoicing?.invoice_data?.description ?? null,
              footer: invoicing?.invoice_data?.footer ?? null,
              issuer: null,
              metadata: mergeMetadata({}, invoicing?.invoice_data?.metadata),
              rendering_options: null,
            },
          }
        : null,
    livemode: false,
    locale: null,
    managed_payments: null,
    metadata: mergeMetadata({}, parameters.metadata),
    mode,
    origin_context: null,
    payment_intent: null,
    payment_link: null,
    payment_method_collection: mode === 'subscription' ? (parameters.payment_method_collection ?? 'always') : null,
    payment_method_configuration_details: null,
    payment_method_options: {},
    payment_method_types: ['card'],
    payment_status: 'unpaid',
    permissions: null,
    phone_number_collection: { enabled: false },
    recovered_from: null,
    saved_payment_method_options: null,
    setup_intent: null,
    shipping_address_collection: null,
    shipping_cost: null,
    shipping_options: [],
    status: 'open',
    submit_type: parameters.submit_type ?? null,
    subscription: null,
    success_url: parameters.success_url,
    total_details: { amount_discount: 0, amount_shipping: 0, amount_tax: 0 },
    ui_mode: 'hosted_page',
    url: `${sandbox.baseUrl}/c/pay/${id}`,
    wallet_options: null,
  };
}

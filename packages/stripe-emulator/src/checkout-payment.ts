import { attachMethod, newCard } from './cards.ts';
import { priceOf } from './catalog.ts';
import { detailsOf } from './checkout.ts';
import { assertFilledIn } from './checkout-terms.ts';
import { collect } from './collection.ts';
import { createCustomer, customerOf } from './customers.ts';
import { type DiscountRequest, redeem } from './discounts.ts';
import { invalid } from './errors.ts';
import { saleLine } from './invoice-lines.ts';
import { createInvoice, finalizeInvoice } from './invoices.ts';
import { type Attempt, attempt, createIntent, failAuthentication, intentOf } from './payments.ts';
import type { Sandbox } from './sandbox.ts';
import { createSubscription, trialEndOf } from './subscription-create.ts';
import { addTaxId, taxIdsOf } from './tax-ids.ts';
import type { CardOutcome, CheckoutDetails } from './tables.ts';
import type { CheckoutSession, Customer, PaymentMethod } from './wire.ts';

interface Submission {
  /** The card's answer. */
  readonly card: CardOutcome;
  readonly authenticated: boolean;
  readonly email?: string | undefined;
  /** The very card, if there is one already. */
  readonly method?: PaymentMethod;
}

/**
 * The customer submits the page with a card. A declined card leaves the session open; one that asks for 3-D Secure
 * answers `requires_action` until `authenticated` comes along.
 * @throws StripeFailure where the page is not filled in, or the session is not open
 */
export function submitCheckout(
  sandbox: Sandbox,
  session: CheckoutSession,
  { card, authenticated, email, method: brought }: Submission,
): Attempt {
  if (session.status !== 'open') throw invalid(`This session is ${session.status}.`);
  const details = detailsOf(sandbox, session);
  assertFilledIn(session, details);
  if (card === 'declined') return 'requires_payment_method';
  if (card === 'requires_action' && !authenticated) {
    details.authenticating = true;
    return 'requires_action';
  }
  details.authenticating = false;
  const customer = buyerOf(sandbox, session, { email, details });
  const method = brought ?? newCard(sandbox, customer, card);
  const isKept = session.mode === 'subscription' || details.setupFutureUsage !== null;
  if (isKept) attachMethod(sandbox, customer, method);
  const purchase = { customer, details, method: method.id, authenticated };
  if (session.mode === 'subscription') subscribe(sandbox, session, purchase);
  else buy(sandbox, session, purchase);
  session.status = 'complete';
  session.url = null;
  session.payment_status = session.amount_total === 0 ? 'no_payment_required' : 'paid';
  session.customer = customer.id;
  session.customer_details = {
    address: details.told?.address ?? customer.address ?? null,
    business_name: null,
    email: customer.email,
    individual_name: null,
    name: details.told?.name ?? customer.name ?? null,
    phone: customer.phone ?? null,
    tax_exempt: 'none',
    tax_ids: taxIdsOf(sandbox, customer.id).map(({ type, value }) => ({ type, value })),
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

/** The address that the customer is sent to after paying. */
export function successUrlOf(session: CheckoutSession): string {
  return (session.success_url ?? '').replaceAll('{CHECKOUT_SESSION_ID}', session.id);
}

/** The card becomes the subscription's own. What the customer pays with otherwise stays as it is. */
function subscribe(
  sandbox: Sandbox,
  session: CheckoutSession,
  { customer, details, method, authenticated }: Purchase,
): void {
  const { subscription } = createSubscription(sandbox, {
    customer,
    items: details.lines.map((line) => ({ price: priceOf(sandbox, line.price), quantity: line.quantity })),
    metadata: details.subscriptionMetadata,
    description: details.subscriptionDescription,
    defaultPaymentMethod: method,
    trialEnd: trialEndOf(sandbox, { trialEnd: details.trialEnd, trialDays: details.trialDays }),
    missingPaymentMethod: details.missingPaymentMethod,
    paymentBehavior: 'allow_incomplete',
    cancelAtPeriodEnd: false,
    cancelAt: null,
    authenticated,
    discounts: asked(session),
    checkoutSession: session.id,
    automaticTax: session.automatic_tax.enabled,
  });
  session.subscription = subscription.id;
  session.invoice = subscription.latest_invoice;
}

/** The card pays this once, and is nobody's default. */
function buy(sandbox: Sandbox, session: CheckoutSession, { customer, details, method, authenticated }: Purchase): void {
  const invoiceData = session.invoice_creation?.enabled === true ? session.invoice_creation.invoice_data : null;
  if (invoiceData === null) {
    if (session.amount_total === 0) return;
    const intent = createIntent(sandbox, {
      amount: session.amount_total ?? 0,
      currency: session.currency ?? 'usd',
      customer: customer.id,
      description: details.intentDescription,
      metadata: details.intentMetadata,
      setupFutureUsage: details.setupFutureUsage,
    });
    session.payment_intent = intent.id;
    intent.shipping = details.shipping;
    attempt(sandbox, intent, { method, authenticated });
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
    discounts: redeem(sandbox, asked(session), {
      customer: customer.id,
      subscription: null,
      checkoutSession: session.id,
    }),
    automaticTax: session.automatic_tax.enabled,
  });
  finalizeInvoice(sandbox, invoice);
  const intent = intentOf(sandbox, invoice.id);
  if (intent !== null) {
    intent.metadata = details.intentMetadata;
    intent.description = details.intentDescription;
    intent.setup_future_usage = details.setupFutureUsage;
    intent.shipping = details.shipping;
  }
  collect(sandbox, invoice, { method, authenticated });
  session.invoice = invoice.id;
  session.payment_intent = intent?.id ?? null;
}

interface Purchase {
  readonly customer: Customer;
  readonly details: CheckoutDetails;
  readonly method: string;
  readonly authenticated: boolean;
}

/** The session's discounts, as a subscription or an invoice is asked for them. */
function asked({ discounts }: CheckoutSession): NonNullable<DiscountRequest> {
  return (discounts ?? []).map(({ coupon, promotion_code: code }) => ({
    coupon: coupon ?? undefined,
    promotion_code: code ?? undefined,
    discount: undefined,
  }));
}

/** A new customer is what the page was told; one of before changes as far as the session says. */
function buyerOf(
  sandbox: Sandbox,
  session: CheckoutSession,
  { email, details }: { email: string | undefined; details: CheckoutDetails },
): Customer {
  const { told, updates } = details;
  const isNew = session.customer === null;
  const customer = isNew
    ? createCustomer(sandbox, { email: session.customer_email ?? email ?? null })
    : customerOf(sandbox, session.customer ?? '', 'customer');
  sandbox.change(customer, 'customer.updated', () => {
    if (told?.address != null && (isNew || updates?.address === true)) customer.address = told.address;
    if (told?.name != null && (isNew || updates?.name === true)) customer.name = told.name;
  });
  if (told?.taxId != null) addTaxId(sandbox, customer, told.taxId);
  return customer;
}

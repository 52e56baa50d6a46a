import { type Bill, bill, billNow, isSent } from './billing.ts';
import { boundary, DAY, nextBoundary } from './calendar.ts';
import { PATIENCE_SECONDS, wouldPay } from './collection.ts';
import { cardOfSubscription } from './default-cards.ts';
import { holdCurrency } from './customers.ts';
import { type DiscountRequest, redeem } from './discounts.ts';
import { cardRefused, invalid } from './errors.ts';
import { isMetered, unitAmountOf } from './invoice-lines.ts';
import { lineCents } from './money.ts';
import type { Attempt } from './payments.ts';
import { createIntent, attempt as tryToPay } from './payments.ts';
import type { Sandbox } from './sandbox.ts';
import { assertCompatible, type ItemChange, newItem, type Period, withTerms } from './subscription-items.ts';
import { refreshEntitlements } from './features.ts';
import { ratesOf } from './tax-rates.ts';
import type { Customer, Metadata, Price, Subscription, SubscriptionItem } from './wire.ts';

export interface NewSubscription {
  readonly customer: Customer;
  readonly items: readonly (Pick<ItemChange, 'metadata' | 'discounts' | 'tax_rates'> & {
    readonly price: Price;
    readonly quantity: number | undefined;
  })[];
  readonly metadata: Metadata;
  readonly description: string | null;
  /** The customer's own; null: their default pays. */
  readonly defaultPaymentMethod: string | null;
  readonly trialEnd: number | null;
  readonly missingPaymentMethod: 'cancel' | 'create_invoice' | 'pause';
  readonly paymentBehavior: 'allow_incomplete' | 'default_incomplete' | 'error_if_incomplete';
  readonly cancelAtPeriodEnd: boolean;
  readonly cancelAt: number | null;
  readonly authenticated: boolean;
  /** Its invoices are sent, and may be paid for so many days; absent or null: its card is charged. */
  readonly daysUntilDue?: number | null;
  /** The instant at which the first whole period begins; until then there is a shorter one. */
  readonly anchor?: number | undefined;
  readonly discounts?: DiscountRequest;
  /** The Checkout session that sold it, and its discounts. */
  readonly checkoutSession?: string;
  readonly automaticTax?: boolean;
  readonly taxRates?: readonly string[] | null | undefined;
  /** False: the shorter one is free. */
  readonly proratesFirst?: boolean;
}

/** Starts a subscription, and charges its first period. */
export function createSubscription(
  sandbox: Sandbox,
  parameters: NewSubscription,
): { subscription: Subscription; attempt: Attempt } {
  const { customer, trialEnd } = parameters;
  const subscription = blankSubscription(sandbox, parameters);
  assertCompatible(subscription.items.data);
  holdCurrency(customer, subscription.currency);
  if (parameters.paymentBehavior === 'error_if_incomplete') refuseUnpayable(sandbox, subscription);
  sandbox.tables.subscriptions.set(subscription.id, subscription);
  sandbox.tables.subscriptionNotes.set(subscription.id, {
    trialWarned: trialEnd === null,
    incompleteUntil: subscription.status === 'incomplete' ? sandbox.now() + PATIENCE_SECONDS : null,
  });
  sandbox.emit('customer.subscription.created', subscription);
  const item = subscription.items.data[0];
  const period = { start: item?.current_period_start ?? 0, end: item?.current_period_end ?? 0 };
  const isShortened = parameters.anchor !== undefined && trialEnd === null;
  const first = {
    reason: 'subscription_create',
    ahead: isShortened && parameters.proratesFirst === false ? null : period,
    behind: null,
    free: trialEnd !== null,
    ...(isShortened && { whole: wholePeriodOf(subscription) }),
  } as const;
  const attempt = billFirst(sandbox, subscription, { first, parameters });
  refreshEntitlements(sandbox);
  return { subscription, attempt };
}

/** The first invoice is charged at once; one that is sent is a draft for a while, and nobody waits for its payment. */
function billFirst(
  sandbox: Sandbox,
  subscription: Subscription,
  { first, parameters }: { first: Omit<Bill, 'finalizesAt'>; parameters: NewSubscription },
): Attempt {
  if (isSent(subscription)) {
    bill(sandbox, subscription, { ...first, finalizesAt: sandbox.now() + sandbox.behaviour.draftSeconds });
    return 'succeeded';
  }
  const billed = billNow(sandbox, subscription, {
    ...first,
    finalizesAt: null,
    authenticated: parameters.authenticated,
    leavePayment: parameters.paymentBehavior === 'default_incomplete',
  });
  if (billed === null) start(sandbox, subscription);
  return billed?.attempt ?? 'succeeded';
}

/** The period that would run if its end were not fixed by an anchor: the shorter one costs its share of it. */
function wholePeriodOf(subscription: Subscription): Period {
  const end = subscription.billing_cycle_anchor;
  const cadence = subscription.items.data[0]?.price.recurring ?? { interval: 'month', interval_count: 1 };
  return { start: boundary(end, cadence, -1), end };
}

/** The length of a new subscription's trial. */
export function trialEndOf(
  sandbox: Sandbox,
  { trialEnd, trialDays }: { trialEnd: number | 'now' | null | undefined; trialDays: number | null | undefined },
): number | null {
  if (trialEnd != null && trialDays != null) {
    throw invalid('You may only specify one of these parameters: trial_end, trial_period_days.');
  }
  if (trialEnd === 'now') return null;
  const end = trialEnd ?? (trialDays == null || trialDays === 0 ? null : sandbox.now() + trialDays * DAY);
  if (end !== null && end <= sandbox.now()) {
    throw invalid('Invalid timestamp: must be an integer Unix timestamp in the future.', { param: 'trial_end' });
  }
  return end;
}

function start(sandbox: Sandbox, subscription: Subscription): void {
  if (subscription.status === 'incomplete') {
    sandbox.change(subscription, 'customer.subscription.updated', () => (subscription.status = 'active'));
  }
}

/** `error_if_incomplete`: nothing is left behind, except the attempt. */
function refuseUnpayable(sandbox: Sandbox, subscription: Subscription): void {
  const cents = subscription.items.data
    .filter((item) => !isMetered(item.price))
    .reduce((sum, item) => sum + lineCents(unitAmountOf(item.price), item.quantity ?? 0), 0);
  if (subscription.status !== 'trialing' && cents > 0) assertPayable(sandbox, subscription, cents);
}

/** Answers 402 with the intent that failed where the subscription's card does not pay so much without asking. */
export function assertPayable(sandbox: Sandbox, subscription: Subscription, amount: number): void {
  const method = cardOfSubscription(sandbox, subscription);
  if (wouldPay(sandbox, method)) return;
  const { currency, customer } = subscription;
  const intent = createIntent(sandbox, {
    amount,
    currency,
    customer,
    description: null,
    metadata: {},
    setupFutureUsage: null,
  });
  const outcome = tryToPay(sandbox, intent, { method });
  if (outcome === 'requires_action') {
    throw cardRefused(
      'Payment for this subscription requires additional user action.',
      'subscription_payment_intent_requires_action',
      {
        payment_intent: structuredClone(intent),
      },
    );
  }
  if (intent.last_payment_error?.type === 'invalid_request_error') {
    throw invalid(
      'This customer has no attached payment source or default payment method. Please consider adding a default payment method.',
      { code: 'resource_missing' },
    );
  }
  throw cardRefused('Your card was declined.', 'card_declined', {
    charge: intent.latest_charge,
    decline_code: 'generic_decline',
    payment_intent: structuredClone(intent),
  });
}

function blankSubscription(sandbox: Sandbox, parameters: NewSubscription): Subscription {
  const { customer, items, trialEnd } = parameters;
  const id = sandbox.newId('sub');
  const now = sandbox.now();
  const [first] = items;
  if (first === undefined) {
    throw invalid('Missing required param: items.', { code: 'parameter_missing', param: 'items' });
  }
  const cadence = first.price.recurring ?? { interval: 'month', interval_count: 1 };
  const natural = nextBoundary(now, cadence, now);
  const { anchor = natural, daysUntilDue = null } = parameters;
  if (anchor <= now || anchor > natural) {
    throw invalid('billing_cycle_anchor must be in the future, and no later than the next natural billing date.', {
      param: 'billing_cycle_anchor',
    });
  }
  const period = { start: now, end: trialEnd ?? anchor };
  const owner = { id, customer: customer.id };
  const data: SubscriptionItem[] = items.map((item) =>
    withTerms(sandbox, owner, newItem(sandbox, id, { ...item, period }), item),
  );
  return {
    id,
    object: 'subscription',
    application: null,
    application_fee_percent: null,
    automatic_tax: {
      disabled_reason: null,
      enabled: parameters.automaticTax ?? false,
      liability: parameters.automaticTax === true ? { type: 'self' } : null,
    },
    billing_cycle_anchor: parameters.anchor ?? trialEnd ?? now,
    billing_cycle_anchor_config: null,
    billing_mode: { flexible: { proration_discounts: 'included' }, type: 'flexible' },
    billing_schedules: [],
    billing_thresholds: null,
    cancel_at: parameters.cancelAt,
    cancel_at_period_end: parameters.cancelAtPeriodEnd,
    canceled_at: parameters.cancelAtPeriodEnd ? now : null,
    cancellation_details: { comment: null, feedback: null, feedback_option: null, reason: null },
    collection_method: daysUntilDue === null ? 'charge_automatically' : 'send_invoice',
    created: now,
    currency: first.price.currency,
    customer: customer.id,
    customer_account: null,
    days_until_due: daysUntilDue,
    default_payment_method: parameters.defaultPaymentMethod,
    default_source: null,
    default_tax_rates: ratesOf(sandbox, parameters.taxRates),
    description: parameters.description,
    discounts: redeem(sandbox, parameters.discounts, {
      customer: customer.id,
      subscription: id,
      checkoutSession: parameters.checkoutSession,
    }),
    ended_at: null,
    invoice_settings: {
      account_tax_ids: null,
      custom_fields: null,
      description: null,
      footer: null,
      issuer: { type: 'self' },
    },
    items: { object: 'list', data, has_more: false, url: `/v1/subscription_items?subscription=${id}` },
    latest_invoice: null,
    livemode: false,
    managed_payments: null,
    metadata: parameters.metadata,
    next_pending_invoice_item_invoice: null,
    on_behalf_of: null,
    pause_collection: null,
    payment_settings: { payment_method_options: null, payment_method_types: null, save_default_payment_method: 'off' },
    pending_invoice_item_interval: null,
    pending_setup_intent: null,
    pending_update: null,
    schedule: null,
    start_date: now,
    // One whose invoices are sent is active whatever becomes of the first.
    status: trialEnd === null ? (daysUntilDue === null ? 'incomplete' : 'active') : 'trialing',
    test_clock: null,
    transfer_data: null,
    trial_end: trialEnd,
    trial_settings: {
      end_behavior: { billing_cycle_anchor: null, missing_payment_method: parameters.missingPaymentMethod },
    },
    trial_start: trialEnd === null ? null : now,
  };
}

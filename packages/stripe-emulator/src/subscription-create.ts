import { billNow } from './billing.ts';
import { DAY, nextBoundary } from './calendar.ts';
import { PATIENCE_SECONDS, wouldPay } from './collection.ts';
import { cardOfSubscription } from './default-cards.ts';
import { cardRefused, invalid } from './errors.ts';
import { isMetered, unitAmountOf } from './invoice-lines.ts';
import { lineCents } from './money.ts';
import type { Attempt } from './payments.ts';
import { createIntent, attempt as tryToPay } from './payments.ts';
import type { Sandbox } from './sandbox.ts';
import { assertCompatible, newItem } from './subscription-items.ts';
import { refreshEntitlements } from './features.ts';
import type { Customer, Metadata, Price, Subscription, SubscriptionItem } from './wire.ts';

export interface NewSubscription {
  readonly customer: Customer;
  readonly items: readonly { price: Price; quantity: number | undefined; metadata?: Metadata | null | undefined }[];
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
}

/** Starts a subscription, and charges its first period. */
export function createSubscription(
  sandbox: Sandbox,
  parameters: NewSubscription,
): { subscription: Subscription; attempt: Attempt } {
  const { customer, trialEnd } = parameters;
  const subscription = blankSubscription(sandbox, parameters);
  assertCompatible(subscription.items.data);
  if (parameters.paymentBehavior === 'error_if_incomplete') refuseUnpayable(sandbox, subscription);
  sandbox.tables.subscriptions.set(subscription.id, subscription);
  sandbox.tables.subscriptionNotes.set(subscription.id, {
    trialWarned: trialEnd === null,
    incompleteUntil: trialEnd === null ? sandbox.now() + PATIENCE_SECONDS : null,
  });
  customer.currency ??= subscription.currency;
  sandbox.emit('customer.subscription.created', subscription);
  const item = subscription.items.data[0];
  const period = { start: item?.current_period_start ?? 0, end: item?.current_period_end ?? 0 };
  const billed = billNow(sandbox, subscription, {
    reason: 'subscription_create',
    ahead: period,
    behind: null,
    free: trialEnd !== null,
    finalizesAt: null,
    authenticated: parameters.authenticated,
    leavePayment: parameters.paymentBehavior === 'default_incomplete',
  });
  const attempt = billed?.attempt ?? 'succeeded';
  if (billed === null) start(sandbox, subscription);
  refreshEntitlements(sandbox);
  return { subscription, attempt };
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
  const period = { start: now, end: trialEnd ?? nextBoundary(now, cadence, now) };
  const data: SubscriptionItem[] = items.map((item) => newItem(sandbox, id, { ...item, period }));
  return {
    id,
    object: 'subscription',
    application: null,
    application_fee_percent: null,
    automatic_tax: { disabled_reason: null, enabled: false, liability: null },
    billing_cycle_anchor: trialEnd ?? now,
    billing_cycle_anchor_config: null,
    billing_mode: { flexible: { proration_discounts: 'included' }, type: 'flexible' },
    billing_schedules: [],
    billing_thresholds: null,
    cancel_at: parameters.cancelAt,
    cancel_at_period_end: parameters.cancelAtPeriodEnd,
    canceled_at: parameters.cancelAtPeriodEnd ? now : null,
    cancellation_details: { comment: null, feedback: null, feedback_option: null, reason: null },
    collection_method: 'charge_automatically',
    created: now,
    currency: first.price.currency,
    customer: customer.id,
    customer_account: null,
    days_until_due: null,
    default_payment_method: parameters.defaultPaymentMethod,
    default_source: null,
    default_tax_rates: [],
    description: parameters.description,
    discounts: [],
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
    status: trialEnd === null ? 'incomplete' : 'trialing',
    test_clock: null,
    transfer_data: null,
    trial_end: trialEnd,
    trial_settings: {
      end_behavior: { billing_cycle_anchor: null, missing_payment_method: parameters.missingPaymentMethod },
    },
    trial_start: trialEnd === null ? null : now,
  };
}

/** The subscription as the account is to follow it: pure functions of what Stripe has. */
import type { Stripe } from 'stripe';
import type {
  OverageTerms,
  PaymentStanding,
  PlanUnits,
  ProviderSubscription,
  SubscriptionState,
  SubscriptionStatus,
} from '../../ledger/rules/subscription.ts';
import type { PendingPayment } from '../../subscriptions/plan-state.ts';
import { idOf, instantOf } from '../account/values.ts';
import { type PlanItem, planItemOf, subscriptionOf } from './affairs.ts';

/** Grace: use goes on for this long after a payment failed. */
const GRACE_MS = 7 * 86_400_000;
/** Stripe waits for this long for a first payment. */
const FIRST_PAYMENT_MS = 23 * 3_600_000;

/**
 * The subscription as the account is to follow it.
 * @param facts.former the subscription as the account has it now. Its payment standing stays where Stripe has a status that
 *   is not known here
 */
export function providerSubscriptionOf(
  subscription: Stripe.Subscription,
  {
    plan: { item, plan, quantity },
    schedule,
    invoices,
    former,
    overageTerms,
  }: {
    readonly plan: PlanItem;
    readonly schedule: Stripe.SubscriptionSchedule | null;
    readonly invoices: readonly Stripe.Invoice[];
    readonly former: SubscriptionState | null;
    readonly overageTerms: OverageTerms;
  },
): ProviderSubscription {
  const { paymentStanding, status } = paymentStandingOf(subscription.status) ?? formerStanding(subscription, former);
  const isLimited = !overageTerms.isBilled || overageTerms.cap !== null;
  return {
    id: subscription.id,
    plan: plan.code,
    quantity,
    paymentStanding,
    status,
    graceEndsAt: paymentStanding === 'PAST_DUE' ? graceEndOf(subscription, invoices) : null,
    anchor: instantOf(subscription.billing_cycle_anchor),
    next: nextOf(subscription, { plan: plan.code, quantity }, schedule),
    period: { start: instantOf(item.current_period_start), end: instantOf(item.current_period_end) },
    ...(isLimited && { overageTerms }),
  };
}

/** The change that waits for the payer's payment, and the page where it is paid; null: none waits. */
export function pendingPaymentOf(
  subscription: Stripe.Subscription,
  invoices: readonly Stripe.Invoice[],
): PendingPayment | null {
  const latest = subscription.latest_invoice === null ? null : idOf(subscription.latest_invoice);
  const invoice = invoices.find(({ id }) => id === latest);
  const hostedUrl = invoice?.status === 'open' ? invoice.hosted_invoice_url : null;
  if (typeof hostedUrl !== 'string') return null;
  const { pending_update: update } = subscription;
  if (update !== null) {
    const { subscription_items: data } = update;
    const target = data && planItemOf({ items: { ...subscription.items, data } });
    return (
      target && { plan: target.plan, quantity: target.quantity, hostedUrl, expiresAt: instantOf(update.expires_at) }
    );
  }
  const now = subscription.status === 'incomplete' ? planItemOf(subscription) : null;
  const expiresAt = new Date(subscription.created * 1_000 + FIRST_PAYMENT_MS);
  return now && { plan: now.plan, quantity: now.quantity, hostedUrl, expiresAt };
}

/** Our payment standing and status for a status of Stripe's; null: Stripe has invented the status since. */
export function paymentStandingOf(
  status: string,
): { paymentStanding: PaymentStanding; status: SubscriptionStatus } | null {
  switch (status) {
    case 'active':
      return { paymentStanding: 'GOOD', status: 'ACTIVE' };
    case 'trialing':
      return { paymentStanding: 'GOOD', status: 'TRIALING' };
    case 'past_due':
      return { paymentStanding: 'PAST_DUE', status: 'PAST_DUE' };
    case 'unpaid':
      return { paymentStanding: 'UNPAID', status: 'UNPAID' };
    // A trial ended without a card: use is refused until the payer gives one.
    case 'paused':
      return { paymentStanding: 'UNPAID', status: 'PAUSED' };
    case 'incomplete':
      return { paymentStanding: 'INCOMPLETE', status: 'INCOMPLETE' };
    default:
      return null;
  }
}

/** The standing that the account has already. It stays where Stripe has a status that is not known here. */
function formerStanding(
  { id }: Stripe.Subscription,
  former: SubscriptionState | null,
): { paymentStanding: PaymentStanding; status: SubscriptionStatus } {
  return former?.id === id ? former : { paymentStanding: 'INCOMPLETE', status: 'INCOMPLETE' };
}

/** Plan and units after the period's end; null: the subscription ends then. */
function nextOf(
  subscription: Stripe.Subscription,
  now: PlanUnits,
  schedule: Stripe.SubscriptionSchedule | null,
): PlanUnits | null {
  const end = planItemOf(subscription)?.item.current_period_end ?? 0;
  if (subscription.cancel_at_period_end) return null;
  if (subscription.cancel_at !== null && subscription.cancel_at <= end) return null;
  if (schedule === null || schedule.status !== 'active') return now;
  const phase = schedule.phases.find((each) => each.start_date >= end);
  if (phase === undefined) {
    const isLast = schedule.phases.every((each) => each.end_date <= end);
    return isLast && schedule.end_behavior === 'cancel' ? null : now;
  }
  // A phase names only the ids of prices. Of our prices only the plan's has a quantity.
  const quantity = phase.items.find((each) => each.quantity !== undefined)?.quantity;
  return quantity === undefined || quantity < 1 ? null : { plan: now.plan, quantity };
}

/** The end of grace, counted from the oldest open invoice, so that a later invoice does not extend it. */
function graceEndOf(subscription: Stripe.Subscription, invoices: readonly Stripe.Invoice[]): Date | null {
  const open = invoices.filter((each) => each.status === 'open' && subscriptionOf(each) === subscription.id);
  if (open.length === 0) return null;
  return new Date(Math.min(...open.map((each) => each.created)) * 1_000 + GRACE_MS);
}

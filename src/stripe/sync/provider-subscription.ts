/** The subscription as the account is to follow it: pure functions of what Stripe has. */
import type { Stripe } from 'stripe';
import type { Period } from '../../ledger/rules/periods.ts';
import {
  GRACE_MS,
  type OverageTerms,
  type PaymentStanding,
  type ProviderSubscription,
  type SubscriptionState,
  type SubscriptionStatus,
} from '../../ledger/rules/subscription.ts';
import type { PendingPayment } from '../../subscriptions/plan-state.ts';
import { idOf, instantOf } from '../account/values.ts';
import { type PlanItem, planItemOf, subscriptionOf } from './affairs.ts';
import { type PaidBase, paidBaseOf, paidUntilOf } from './base-lines.ts';
import { outlookOf } from './schedules.ts';

/** Stripe waits for this long for a first payment. */
const FIRST_PAYMENT_MS = 23 * 3_600_000;

/**
 * The subscription as the account is to follow it.
 * @param facts.period the running one
 * @param facts.bases all that was paid
 * @param facts.former the subscription as the account has it now. Its payment standing stays where Stripe has a status that
 *   is not known here
 */
export function providerSubscriptionOf(
  subscription: Stripe.Subscription,
  {
    plan: { plan, quantity },
    period,
    bases,
    schedule,
    invoices,
    former,
    overageTerms,
    now,
  }: {
    readonly plan: PlanItem;
    readonly period: Period;
    readonly bases: readonly PaidBase[];
    readonly schedule: Stripe.SubscriptionSchedule | null;
    readonly invoices: readonly Stripe.Invoice[];
    readonly former: SubscriptionState | null;
    readonly overageTerms: OverageTerms;
    readonly now: Date;
  },
): ProviderSubscription {
  const outlook = outlookOf({ subscription, schedule }, { now: { plan: plan.code, quantity }, period });
  const paid = paidBaseOf(bases, { subscriptionId: subscription.id, periodStart: period.start });
  const isPaidPause = subscription.status === 'paused' && paid?.isTrial === false && now < paid.periodEnd;
  const { paymentStanding, status } = isPaidPause
    ? PAID_PAUSE
    : (paymentStandingOf(subscription.status) ?? formerStanding(subscription, former));
  // Nothing bills a paused subscription.
  const terms = isPaidPause ? { ...overageTerms, isBilled: false } : overageTerms;
  const isLimited = !terms.isBilled || terms.cap !== null;
  return {
    id: subscription.id,
    plan: plan.code,
    quantity,
    paymentStanding,
    status,
    graceEndsAt: paymentStanding === 'PAST_DUE' ? graceEndOf(subscription, invoices) : null,
    anchor: instantOf(subscription.billing_cycle_anchor),
    ...outlook,
    paidUntil: paidUntilOf(subscription, bases),
    ...(isLimited && { overageTerms: terms }),
  };
}

/** Somebody paused the subscription in a period that is paid: its credits can be used until its end. */
const PAID_PAUSE = { paymentStanding: 'GOOD', status: 'PAUSED' } as const;

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

/**
 * The end of grace, counted from the oldest invoice of those that nobody has paid since a later one was, so that a later
 * failure does not extend it. What was left open before something newer was paid does not keep the subscription in arrears.
 */
function graceEndOf(subscription: Stripe.Subscription, invoices: readonly Stripe.Invoice[]): Date | null {
  const own = invoices.filter((each) => subscriptionOf(each) === subscription.id);
  const settled = own.filter(({ status }) => status === 'paid').map(({ created }) => created);
  const failing = own.filter(({ status, created }) => status === 'open' && settled.every((paid) => paid <= created));
  if (failing.length === 0) return null;
  return new Date(Math.min(...failing.map(dueAt)) * 1_000 + GRACE_MS);
}

/** The instant at which the invoice is to be paid, in seconds: one that is sent has a day. */
function dueAt({ created, due_date: due }: Stripe.Invoice): number {
  return due ?? created;
}

/** Which plan an account has, and what follows from it: features, overage, refusals (rules 3, 14, 18 and 25). */
import { FREE_TRIAL, PLAN_BY_CODE, type PlanCode, type PlanTerms } from '../../plans/plans.ts';
import type { Period } from './periods.ts';

/**
 * How the payer stands, which decides what they may use. GOOD: as the plan says. PAST_DUE: what is there, until the grace
 * ends, and no overage. UNPAID: nothing. INCOMPLETE: nothing was ever paid, so the subscription has not begun.
 */
export type PaymentStanding = 'GOOD' | 'PAST_DUE' | 'UNPAID' | 'INCOMPLETE';

/** What callers are shown; `standing` decides. */
export type SubscriptionStatus = 'TRIALING' | 'ACTIVE' | 'PAST_DUE' | 'UNPAID' | 'INCOMPLETE' | 'PAUSED' | 'CANCELED';

/** So many units of a plan. */
export interface PlanUnits {
  readonly plan: PlanCode;
  readonly quantity: number;
}

/** What an account's own row keeps of its subscription. */
export interface SubscriptionState extends PlanUnits {
  /** The payment provider's. */
  readonly id: string;
  readonly paymentStanding: PaymentStanding;
  readonly status: SubscriptionStatus;
  /** PAST_DUE: when use ends; null: it goes on. */
  readonly graceEndsAt: Date | null;
  /** Periods are counted from here in months. */
  readonly anchor: Date;
  /** When the provider says that the current period began. The account's own period may have begun later: when we heard. */
  readonly periodStart: Date;
  /** What it becomes when the period ends; null: it ends with it. */
  readonly next: PlanUnits | null;
  /** The grant of base credits of the period that began then (rule 25); null: none was made yet. */
  readonly base: BaseGrant | null;
}

export interface BaseGrant {
  /** The subscription's `periodStart`. */
  readonly periodStart: Date;
  readonly grantId: string;
}

/** A subscription as the provider has it. */
export interface ProviderSubscription extends Omit<SubscriptionState, 'base' | 'periodStart'> {
  readonly period: Period;
}

interface Subscriber {
  readonly subscription: SubscriptionState | null;
}

/** The subscription, once it has begun. */
export function startedSubscription({ subscription }: Subscriber): SubscriptionState | null {
  return subscription === null || subscription.paymentStanding === 'INCOMPLETE' ? null : subscription;
}

/** The plan whose terms hold now: loss of a plan takes effect at once. */
export function planOf(subscriber: Subscriber): PlanTerms {
  const subscription = startedSubscription(subscriber);
  return subscription === null ? FREE_TRIAL : PLAN_BY_CODE[subscription.plan];
}

/**
 * Whether the payer's policy counts: where the plan allows overage and the payer stands well (rule 14). Not in a trial of
 * the plan, whose use the provider bills to nobody.
 */
export function mayTakeOverage(subscriber: Subscriber): boolean {
  const subscription = startedSubscription(subscriber);
  return (
    planOf(subscriber).overageAllowed && subscription?.paymentStanding === 'GOOD' && subscription.status !== 'TRIALING'
  );
}

/** Whether all use is refused until the payer pays (rule 18). */
export function isUnpaid(subscriber: Subscriber, now: Date): boolean {
  const subscription = startedSubscription(subscriber);
  if (subscription === null) return false;
  const { paymentStanding, graceEndsAt } = subscription;
  return paymentStanding === 'UNPAID' || (paymentStanding === 'PAST_DUE' && graceEndsAt !== null && graceEndsAt <= now);
}

/** Whether the period that begins gets its base credits at once, before its invoice is paid (rule 25). */
export function renewsAtOnce({ paymentStanding, status }: SubscriptionState): boolean {
  return paymentStanding === 'GOOD' && (status === 'ACTIVE' || status === 'TRIALING');
}

/** Credits of a period for so many units. */
export function baseCredits({ plan, quantity }: PlanUnits): bigint {
  return PLAN_BY_CODE[plan].credits * BigInt(quantity);
}

/** Whether two are the same in every member. */
export function isSameSubscription(a: SubscriptionState | null, b: SubscriptionState | null): boolean {
  return JSON.stringify(a && ordered(a)) === JSON.stringify(b && ordered(b));
}

/** Its members in one order, and none besides. */
export function ordered(state: SubscriptionState): SubscriptionState {
  const { id, plan, quantity, paymentStanding, status, graceEndsAt, anchor, periodStart, next, base } = state;
  return {
    id,
    plan,
    quantity,
    paymentStanding,
    status,
    graceEndsAt,
    anchor,
    periodStart,
    next: next && { plan: next.plan, quantity: next.quantity },
    base: base && { periodStart: base.periodStart, grantId: base.grantId },
  };
}

/** Plans and subscriptions as callers see them. */
import { type AccountState, type OveragePolicy } from '../ledger/rules/account.ts';
import { calendarMonth } from '../ledger/rules/periods.ts';
import {
  isUnpaid,
  planOf,
  startedSubscription,
  type PlanUnits,
  type SubscriptionState,
  type SubscriptionStatus,
} from '../ledger/rules/subscription.ts';
import { FREE_TRIAL, PLAN_BY_CODE, type PlanTerms } from '../plans/plans.ts';
import type { StandingFinding } from './findings.ts';
import type { PendingPayment as PendingPaymentEntity } from './pending-payment.entity.ts';

/** An entity's plan and its terms. */
export interface PlanState {
  readonly plan: PlanTerms;
  /** The features that the plan grants now. */
  readonly features: readonly string[];
  readonly subscription: Subscription | null;
  readonly overagePolicy: OveragePolicy;
  /** All use is refused until the payer pays. */
  readonly unpaid: boolean;
}

export interface Subscription {
  readonly id: string;
  readonly plan: PlanTerms;
  readonly quantity: number;
  readonly status: SubscriptionStatus;
  readonly currentPeriodStart: Date;
  /** null: the subscription has not started. */
  readonly currentPeriodEnd: Date | null;
  /** True: it ends with the period that is billed, which for a yearly price is the year. */
  readonly cancelAtPeriodEnd: boolean;
  /** The instant at which it ends, whoever arranged for it; null: it goes on. */
  readonly endsAt: Date | null;
  /** The instant from which the scheduled plan and units count; null: nothing is scheduled. */
  readonly scheduledAt: Date | null;
  /** null: the plan stays. */
  readonly scheduledPlan: PlanTerms | null;
  /** null: the units stay, or there are none after the period's end. */
  readonly scheduledQuantity: number | null;
  readonly pendingPayment: PendingPayment | null;
  readonly graceEndsAt: Date | null;
  /** What waits for the payer or for the seller, the oldest first; null: nothing does. */
  readonly waiting: readonly StandingFinding[] | null;
}

/** A change of the subscription that takes effect once the payer has paid. */
export interface PendingPayment extends Readonly<Pick<PendingPaymentEntity, 'quantity' | 'hostedUrl' | 'expiresAt'>> {
  readonly plan: PlanTerms;
}

/** The part of a subscription that the account's own row does not keep. It is shown, and decides nothing. */
export interface ShownBesides {
  readonly pendingPayment: PendingPayment | null;
  readonly waiting: readonly StandingFinding[] | null;
}

/** @param now the account's time, which never runs back */
export function toPlanState(account: AccountState, now: Date, besides: ShownBesides): PlanState {
  const plan = planOf(account);
  return {
    plan,
    features: plan.features,
    subscription: account.subscription && toSubscription(account, account.subscription, besides),
    overagePolicy: account.overagePolicy,
    unpaid: isUnpaid(account, now),
  };
}

/** The free trial's terms in the shape of a subscription, for answers that must show one to a payer who has none. */
export function withoutSubscription(billingEntityId: string, now: Date): Subscription {
  const { start, end } = calendarMonth(now);
  return {
    id: billingEntityId,
    plan: FREE_TRIAL,
    quantity: 1,
    status: 'ACTIVE',
    currentPeriodStart: start,
    currentPeriodEnd: end,
    cancelAtPeriodEnd: false,
    endsAt: null,
    scheduledAt: null,
    scheduledPlan: null,
    scheduledQuantity: null,
    pendingPayment: null,
    graceEndsAt: null,
    waiting: null,
  };
}

function isSame(units: PlanUnits | null, { plan, quantity }: PlanUnits): boolean {
  return units?.plan === plan && units.quantity === quantity;
}

function toSubscription(account: AccountState, state: SubscriptionState, besides: ShownBesides): Subscription {
  const { plan, quantity, later } = state;
  const hasStarted = startedSubscription(account) !== null;
  const { end } = account.period;
  // A change at the end of a year is announced as one at the end of a month is. One on another day is the seller's.
  const { units, at } =
    later?.atBillingEnd === true && isSame(state.next, state)
      ? later
      : { units: state.next?.plan === 'FREE_TRIAL' ? null : state.next, at: end };
  const changes = !isSame(units, state);
  const endsAt = state.next === null ? end : later?.units === null ? later.at : null;
  return {
    id: state.id,
    plan: PLAN_BY_CODE[plan],
    quantity,
    status: state.status,
    currentPeriodStart: state.periodStart,
    currentPeriodEnd: hasStarted ? account.period.end : null,
    cancelAtPeriodEnd: units === null,
    endsAt: hasStarted ? endsAt : null,
    scheduledAt: hasStarted && changes ? at : null,
    scheduledPlan: changes ? (units === null ? FREE_TRIAL : PLAN_BY_CODE[units.plan]) : null,
    scheduledQuantity: units === null || units.quantity === quantity ? null : units.quantity,
    graceEndsAt: state.graceEndsAt,
    ...besides,
  };
}

/** Subscriptions, and what follows from them: plan, features, overage, refusals (rules 3, 14, 18 and 25). */
import { FREE_TRIAL, PLAN_BY_CODE, type PlanCode, type PlanTerms } from '../../plans/plans.ts';
import { monthFrom, type Period } from './periods.ts';

/**
 * The payment standing decides what the payer may use. GOOD: everything that the plan grants. PAST_DUE: available credits
 * until the grace ends, and no overage. UNPAID: nothing. INCOMPLETE: nothing was ever paid, so the subscription has not
 * started and the account is on the free trial.
 */
export type PaymentStanding = 'GOOD' | 'PAST_DUE' | 'UNPAID' | 'INCOMPLETE';

/** The status that callers are shown. Decisions look at the payment standing. */
export type SubscriptionStatus = 'TRIALING' | 'ACTIVE' | 'PAST_DUE' | 'UNPAID' | 'INCOMPLETE' | 'PAUSED' | 'CANCELED';

/** Grace: what a payer has goes on for this long after a payment failed, or after a period that nobody confirmed. */
export const GRACE_MS = 7 * 86_400_000;

/** Units of a plan. */
export interface PlanUnits {
  readonly plan: PlanCode;
  readonly quantity: number;
}

/** A change that comes after the end of the current period. */
export interface LaterChange {
  readonly at: Date;
  /** Plan and units from then on; null: the subscription ends then. */
  readonly units: PlanUnits | null;
  /**
   * True: the period that the provider bills ends then, so that nothing is charged for the plan before. A yearly price is billed by
   * the year, and the account's periods are its months.
   */
  readonly atBillingEnd: boolean;
}

/** A subscription as the account's own row keeps it. */
export interface SubscriptionState extends PlanUnits {
  /** The payment provider's id. */
  readonly id: string;
  readonly paymentStanding: PaymentStanding;
  readonly status: SubscriptionStatus;
  /** The instant at which a PAST_DUE payer may use nothing more; null: use goes on. */
  readonly graceEndsAt: Date | null;
  /** Periods are counted in months from this instant. */
  readonly anchor: Date;
  /** The beginning of the current period as the provider has it. The account's own period may have begun later: when we heard of it. */
  readonly periodStart: Date;
  /** Plan and units of the next period; null: the subscription ends with the current one. */
  readonly next: PlanUnits | null;
  /** The first change after the current period's end; absent: none is known. */
  readonly later?: LaterChange;
  /** Absent: overage is billed, and nothing but the payer's policy caps it. */
  readonly overageTerms?: OverageTerms;
  /** The end of the last period that was paid for; null: none was, or nothing more is collected. */
  readonly paidUntil: Date | null;
  /** The newest grant of base credits (rule 25); null: none was made yet. */
  readonly base: BaseGrant | null;
}

/** The limits of overage besides the payer's policy (rule 14). */
export interface OverageTerms {
  /** false: no item of the subscription bills what the meter counts, so overage counts as disabled. */
  readonly isBilled: boolean;
  /** Most overage credits a period, whatever the payer's policy says, because no payment method is on file; null: no such cap. */
  readonly cap: bigint | null;
}

export interface BaseGrant {
  /** `periodStart` of the subscription when the grant was made. */
  readonly periodStart: Date;
  readonly grantId: string;
}

/** A subscription as the provider has it. */
export interface ProviderSubscription extends Omit<SubscriptionState, 'base' | 'periodStart' | 'paidUntil'> {
  readonly period: Period;
  /** As the account keeps it. Absent: the end of `period`. */
  readonly paidUntil?: Date | null;
}

interface Subscriber {
  readonly subscription: SubscriptionState | null;
}

/** The subscription, if it has started; null: there is none that has. */
export function startedSubscription({ subscription }: Subscriber): SubscriptionState | null {
  return subscription === null || subscription.paymentStanding === 'INCOMPLETE' ? null : subscription;
}

/** The plan of this moment. The loss of a plan takes effect at once. */
export function planOf(subscriber: Subscriber): PlanTerms {
  const subscription = startedSubscription(subscriber);
  return subscription === null ? FREE_TRIAL : PLAN_BY_CODE[subscription.plan];
}

/**
 * The payer's overage policy counts where the plan allows overage and the payment standing is GOOD (rule 14). In a trial of
 * the plan, and without an item of the meter, it does not: the provider bills that use to nobody. Nor does it where nobody
 * pays for the periods, or confirms them: what such a payer used would be billed to nobody either.
 */
export function mayTakeOverage(subscriber: Subscriber): boolean {
  const subscription = startedSubscription(subscriber);
  if (subscription === null || !planOf(subscriber).overageAllowed) return false;
  const { paymentStanding, status, periodStart, overageTerms } = subscription;
  const mayBeBilled = status !== 'TRIALING' && (overageTerms?.isBilled ?? true);
  return paymentStanding === 'GOOD' && mayBeBilled && isConfirmed(subscription, periodStart);
}

/** Most overage credits in a period: the payer's cap, or the one for want of a payment method if that is less; null: no cap (rule 14). */
export function overageCapOf({
  subscription,
  overagePolicy: { cap },
}: Subscriber & { readonly overagePolicy: { readonly cap: bigint | null } }): bigint | null {
  const other = subscription?.overageTerms?.cap ?? null;
  if (cap === null || other === null) return cap ?? other;
  return cap < other ? cap : other;
}

/** All use is refused until the payer pays (rule 18). */
export function isUnpaid(subscriber: Subscriber, now: Date): boolean {
  const subscription = startedSubscription(subscriber);
  if (subscription === null) return false;
  const { paymentStanding, graceEndsAt } = subscription;
  return paymentStanding === 'UNPAID' || (paymentStanding === 'PAST_DUE' && graceEndsAt !== null && graceEndsAt <= now);
}

/** A period that begins then gets its base credits at once, before its invoice is paid (rule 25). A trial of the plan does not. */
export function renewsAtOnce(subscription: SubscriptionState, start: Date): boolean {
  const { paymentStanding, status } = subscription;
  return paymentStanding === 'GOOD' && status === 'ACTIVE' && isConfirmed(subscription, start);
}

/**
 * True for a period that begins at most one period and its grace after the last paid one ended. Who pays nothing, and a
 * subscription that the provider does not confirm any more, is trusted for so long.
 */
export function isConfirmed(
  { anchor, paidUntil }: Pick<SubscriptionState, 'anchor' | 'paidUntil'>,
  start: Date,
): boolean {
  return paidUntil !== null && start.getTime() <= monthFrom(anchor, paidUntil).end.getTime() + GRACE_MS;
}

/**
 * True for a subscription that ends with a period which is over by our clock. The provider's own clock may be behind, and
 * nothing is given or billed after the end.
 */
export function isOver({ next, period }: Pick<ProviderSubscription, 'next' | 'period'>, now: Date): boolean {
  return next === null && period.end <= now;
}

/** The subscription in a period that begins then, with the changes that are known to come after it; null: it does not go on. */
export function renewedBy(
  { next, later }: Pick<SubscriptionState, 'next' | 'later'>,
  { start, end }: Period,
): {
  readonly units: PlanUnits;
  readonly period: Period;
  readonly next: PlanUnits | null;
  readonly later?: LaterChange;
} | null {
  const units = later !== undefined && later.at <= start ? later.units : next;
  if (next === null || units === null || units.plan === 'FREE_TRIAL') return null;
  if (later === undefined || later.at <= start) return { units, period: { start, end }, next: units };
  if (later.at > end) return { units, period: { start, end }, next: units, later };
  // An end within the period cuts it, like one that the provider tells of.
  const cut = later.units === null ? later.at : end;
  return { units, period: { start, end: cut }, next: later.units };
}

/** Base credits of a period, for these units of this plan. */
export function baseCredits({ plan, quantity }: PlanUnits): bigint {
  return PLAN_BY_CODE[plan].credits * BigInt(quantity);
}

/** Both are equal in every member. */
export function isSameSubscription(a: SubscriptionState | null, b: SubscriptionState | null): boolean {
  return spelled(a) === spelled(b);
}

function spelled(state: SubscriptionState | null): string {
  return JSON.stringify(state && ordered(state), (_key, value: unknown) =>
    typeof value === 'bigint' ? String(value) : value,
  );
}

/** The same state with its members in one fixed order, and no others. */
export function ordered(state: SubscriptionState): SubscriptionState {
  const {
    id,
    plan,
    quantity,
    paymentStanding,
    status,
    graceEndsAt,
    anchor,
    periodStart,
    next,
    later,
    paidUntil,
    overageTerms,
    base,
  } = state;
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
    ...(later && {
      later: {
        at: later.at,
        units: later.units && { plan: later.units.plan, quantity: later.units.quantity },
        atBillingEnd: later.atBillingEnd,
      },
    }),
    paidUntil,
    ...(overageTerms && { overageTerms: { isBilled: overageTerms.isBilled, cap: overageTerms.cap } }),
    base: base && { periodStart: base.periodStart, grantId: base.grantId },
  };
}

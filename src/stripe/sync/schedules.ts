/** What a subscription comes to, by its own end and by its schedule. Pure functions of what Stripe has. */
import type { Stripe } from 'stripe';
import type { Period } from '../../ledger/rules/periods.ts';
import type { LaterChange, PlanUnits } from '../../ledger/rules/subscription.ts';
import { idOf, instantOf, secondsOf } from '../account/values.ts';
import { planItemOf, soldUnitsOf } from './affairs.ts';

type Schedule = Stripe.SubscriptionSchedule;
type Phase = Stripe.SubscriptionSchedule.Phase;

/** A subscription with its schedule; null: it has none. */
export interface Scheduled {
  readonly subscription: Stripe.Subscription;
  readonly schedule: Schedule | null;
}

/** What the account is to expect of a subscription. */
export interface Outlook {
  /** The running period, cut where the plan ends within it. */
  readonly period: Period;
  /** Plan and units after it; null: the plan ends then. */
  readonly next: PlanUnits | null;
  /** The first change after that; absent: none is known. */
  readonly later?: LaterChange;
}

/** @param now plan and units of the running period */
export function outlookOf(scheduled: Scheduled, { now, period }: { now: PlanUnits; period: Period }): Outlook {
  const at = (second: number): PlanUnits | null => unitsAt(scheduled, now, second);
  const [from, until] = [secondsOf(period.start), secondsOf(period.end)];
  const turns = turnsOf(scheduled).filter((second) => second > from);
  const end = turns.find((second) => second < until && at(second) === null);
  if (end !== undefined) return { period: { ...period, end: instantOf(end) }, next: null };
  const next = at(until);
  if (next === null) return { period, next };
  const change = turns.find((second) => second > until && !isSame(at(second), next));
  if (change === undefined) return { period, next };
  const atBillingEnd = change === planItemOf(scheduled.subscription)?.item.current_period_end;
  return { period, next, later: { at: instantOf(change), units: at(change), atBillingEnd } };
}

/** Plan and units that a phase sells; null: none. Its prices are to be fetched whole, since an id tells nothing. */
export function unitsOfPhase({ items }: Pick<Phase, 'items'>, subscription: Stripe.Subscription): PlanUnits | null {
  const known = new Map(subscription.items.data.map(({ price }) => [price.id, price]));
  const priced = items.flatMap(({ price, quantity }) => {
    const whole = typeof price === 'string' || price.deleted === true ? known.get(idOf(price)) : price;
    return whole === undefined ? [] : { price: whole, quantity };
  });
  const sold = soldUnitsOf(priced);
  return sold && { plan: sold.plan.code, quantity: sold.quantity };
}

/** The phase that runs; null: Stripe names none. */
export function runningPhaseOf({ current_phase: current, phases }: Schedule): Phase | null {
  return phases.find(({ start_date: start }) => start === current?.start_date) ?? null;
}

/** The phases after the one that runs. */
export function comingPhasesOf(schedule: Schedule): Phase[] {
  const running = runningPhaseOf(schedule);
  return running === null ? [] : schedule.phases.filter(({ start_date: start }) => start > running.start_date);
}

/** The instants at which the subscription may change, in seconds, in order. */
function turnsOf({ subscription, schedule }: Scheduled): number[] {
  const end = endOf({ subscription, schedule });
  const starts = isActive(schedule) ? schedule.phases.map(({ start_date: start }) => start) : [];
  return [...starts, ...(end === null ? [] : [end])].toSorted((a, b) => a - b);
}

/** Plan and units at an instant that is to come, in seconds. */
function unitsAt({ subscription, schedule }: Scheduled, now: PlanUnits, second: number): PlanUnits | null {
  const end = endOf({ subscription, schedule });
  if (end !== null && end <= second) return null;
  if (!isActive(schedule)) return now;
  // What the last phase made of a subscription that is released stays.
  const phase = schedule.phases.findLast(({ start_date: start }) => start <= second);
  const running = runningPhaseOf(schedule);
  return phase === undefined || phase.start_date <= (running?.start_date ?? 0)
    ? now
    : unitsOfPhase(phase, subscription);
}

/** The instant at which the subscription ends, in seconds; null: it goes on. */
function endOf({ subscription, schedule }: Scheduled): number | null {
  const { cancel_at: at, cancel_at_period_end: atPeriodEnd } = subscription;
  const periodEnd = atPeriodEnd ? (planItemOf(subscription)?.item.current_period_end ?? null) : null;
  const last = isActive(schedule) && schedule.end_behavior === 'cancel' ? schedule.phases.at(-1)?.end_date : undefined;
  const ends = [at ?? periodEnd, last ?? null].filter((each) => each !== null);
  return ends.length === 0 ? null : Math.min(...ends);
}

function isActive(schedule: Schedule | null): schedule is Schedule {
  return schedule !== null && schedule.status === 'active';
}

function isSame(a: PlanUnits | null, b: PlanUnits | null): boolean {
  return a?.plan === b?.plan && a?.quantity === b?.quantity;
}

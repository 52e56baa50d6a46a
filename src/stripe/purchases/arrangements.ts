/**
 * Arrangements that others made for a subscription at Stripe: support, finance, or whoever uses the dashboard. A payer's change of
 * units or of the end must not undo it. Pure functions of what Stripe has.
 */
import type { Stripe } from 'stripe';
import { canonicalJson } from '../../kernel/canonical-json.ts';
import { Refusal } from '../../kernel/refusal.ts';
import { dayOf, idOf, instantOf } from '../account/values.ts';
import { comingPhasesOf, runningPhaseOf, unitsOfPhase } from '../sync/schedules.ts';
import { hasForeignUpdate } from '../sync/pending-updates.ts';
import type { Subscribed } from './subscribed.ts';

type Schedule = Stripe.SubscriptionSchedule;
type Phase = Stripe.SubscriptionSchedule.Phase;

/**
 * The directions in which a payer changes a subscription. KEEP withdraws what is scheduled or waits, so that it goes on as it is;
 * RESUME withdraws its end alone.
 */
export type Change = 'UP' | 'DOWN' | 'END' | 'KEEP' | 'RESUME';

/**
 * The instant at which somebody arranged for the subscription to end, on a day that is not its period's end; null: it goes on,
 * or ends with its period, as payers make it.
 */
export function arrangedEndOf({ subscription, item }: Pick<Subscribed, 'subscription' | 'item'>): Date | null {
  const { cancel_at: at, cancel_at_period_end: atPeriodEnd } = subscription;
  return at === null || atPeriodEnd || at === item.current_period_end ? null : instantOf(at);
}

/**
 * Refuses a change that would undo what somebody arranged at Stripe. A schedule that says nothing but how many units there
 * will be is the payer's to withdraw, whoever made it: units are theirs to decide on. So is a change of units that waits.
 * @param schedule the subscription's; null: it has none
 * @throws Refusal CONFLICT, with words that tell whom to ask
 */
export function checkArrangements(subscribed: Subscribed, schedule: Schedule | null, change: Change): void {
  const end = arrangedEndOf(subscribed);
  const isSooner = end !== null && end <= instantOf(subscribed.item.current_period_end);
  // More units leave the end as it is, and a payer who ends it later than it ends anyway has nothing to change.
  if (end !== null && change !== 'UP' && !(change === 'END' && isSooner)) {
    const day = dayOf(end);
    throw arranged(`it ends on ${day}`);
  }
  if (dropsUpdate(subscribed, change)) throw arranged('a change of its terms waits for its payment');
  if (!isArranged(schedule, subscribed)) return;
  if ((change === 'KEEP' || change === 'RESUME') && goesOn(schedule, subscribed)) return;
  throw arranged('its terms change on a day to come');
}

/** True if `KEEP` has nothing to withdraw: what is scheduled changes prices or discounts, but neither units nor the end. */
export function isArranged(schedule: Schedule | null, subscribed: Subscribed): schedule is Schedule {
  return schedule !== null && schedule.status === 'active' && !sharesNothingButUnits(schedule, subscribed);
}

function arranged(what: string): Refusal {
  return new Refusal(
    'CONFLICT',
    `something was arranged for this subscription at the payment provider (${what}), which this change would undo: ask support to change it there`,
  );
}

/** True where the change would withdraw a change that others made and that waits for its payment. An end leaves it waiting. */
function dropsUpdate({ subscription }: Subscribed, change: Change): boolean {
  if (!hasForeignUpdate(subscription)) return false;
  // Stripe gives a change up that contradicts a new end.
  return change === 'END' || change === 'RESUME' ? subscription.pending_update?.cancel_at_period_end != null : true;
}

/** True for a schedule that could be released without loss of anything but a number of units. */
function sharesNothingButUnits(schedule: Schedule, subscribed: Subscribed): boolean {
  const running = runningPhaseOf(schedule);
  if (running === null || schedule.end_behavior !== 'release') return false;
  const { metadata: has } = subscribed.subscription;
  const [next, ...later] = comingPhasesOf(schedule);
  // A phase's metadata are the subscription's from its start on: those that it has already are no loss.
  const isKnown = ([key, value]: [string, unknown]): boolean => has[key] === value;
  const isPlain =
    Object.keys(schedule.metadata ?? {}).length === 0 &&
    Object.entries(next?.metadata ?? {}).every(isKnown) &&
    (next?.trial_end ?? null) === null;
  if (!isPlain || later.length > 0) return false;
  return next === undefined || termsOf(next, subscribed) === termsOf(running, subscribed);
}

/** True if the plan's units stay and nothing ends. */
function goesOn(schedule: Schedule, { subscription, plan, quantity }: Subscribed): boolean {
  return (
    schedule.end_behavior !== 'cancel' &&
    comingPhasesOf(schedule).every((phase) => {
      const units = unitsOfPhase(phase, subscription);
      return units?.plan === plan.code && units.quantity === quantity;
    })
  );
}

/** Everything that a phase says, but its time, its card and the plan's units. */
function termsOf(phase: Phase, { item }: Subscribed): string {
  const {
    start_date: _start,
    end_date: _end,
    proration_behavior: _prorates,
    default_payment_method: _card,
    // The trial that runs is over by then; one to come is somebody's.
    trial_end: _trialEnd,
    ...terms
  } = phase;
  const items = phase.items
    .map(({ quantity, price, plan: _plan, ...each }) => ({
      ...each,
      price: idOf(price),
      ...(idOf(price) !== item.price.id && { quantity }),
    }))
    .toSorted((a, b) => (a.price < b.price ? -1 : 1));
  return canonicalJson(JSON.parse(JSON.stringify({ ...terms, metadata: {}, items })));
}

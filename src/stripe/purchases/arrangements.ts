/**
 * Arrangements that others made for a subscription at Stripe: support, finance, or whoever uses the dashboard. A payer's change of
 * units or of the end must not undo it. Pure functions of what Stripe has.
 */
import type { Stripe } from 'stripe';
import { canonicalJson } from '../../kernel/canonical-json.ts';
import { Refusal } from '../../kernel/refusal.ts';
import { idOf, instantOf } from '../account/values.ts';
import type { Subscribed } from './subscribed.ts';

type Schedule = Stripe.SubscriptionSchedule;
type Phase = Stripe.SubscriptionSchedule.Phase;

/** The directions in which a payer changes a subscription. KEEP lets it go on as it is, whatever was scheduled. */
export type Change = 'UP' | 'DOWN' | 'END' | 'KEEP';

/**
 * The instant at which somebody arranged for the subscription to end, on a day that is not its period's end; null: it goes on,
 * or ends with its period, as payers make it.
 */
export function arrangedEndOf({ subscription, item }: Pick<Subscribed, 'subscription' | 'item'>): Date | null {
  const { cancel_at: at, cancel_at_period_end: atPeriodEnd } = subscription;
  return at === null || atPeriodEnd || at === item.current_period_end ? null : instantOf(at);
}

/** The phase that runs; null: Stripe names none. */
export function runningPhaseOf({ current_phase: current, phases }: Schedule): Phase | null {
  return phases.find(({ start_date: start }) => start === current?.start_date) ?? null;
}

/**
 * Refuses a change that would undo what somebody arranged at Stripe. A schedule that says nothing but how many units there
 * will be is the payer's to withdraw, whoever made it: units are theirs to decide on.
 * @param schedule the subscription's; null: it has none
 * @throws Refusal CONFLICT, with words that tell whom to ask
 */
export function checkArrangements(subscribed: Subscribed, schedule: Schedule | null, change: Change): void {
  const end = arrangedEndOf(subscribed);
  const isSooner = end !== null && end <= instantOf(subscribed.item.current_period_end);
  // More units leave the end as it is, and a payer who ends it later than it ends anyway has nothing to change.
  if (end !== null && change !== 'UP' && !(change === 'END' && isSooner)) {
    const day = end.toISOString().slice(0, 10);
    throw arranged(`it ends on ${day}`);
  }
  if (schedule === null || schedule.status !== 'active' || sharesNothingButUnits(schedule, subscribed)) return;
  if (change === 'KEEP' && goesOn(schedule, subscribed)) return;
  throw arranged('its terms change on a day to come');
}

/** True if `KEEP` has nothing to withdraw: what is scheduled changes prices or discounts, but neither units nor the end. */
export function isLeft(schedule: Schedule | null, subscribed: Subscribed): boolean {
  return schedule !== null && schedule.status === 'active' && !sharesNothingButUnits(schedule, subscribed);
}

function arranged(what: string): Refusal {
  return new Refusal(
    'CONFLICT',
    `something was arranged for this subscription at the payment provider (${what}), which this change would undo: ask support to change it there`,
  );
}

/** True for a schedule that could be released without loss of anything but a number of units. */
function sharesNothingButUnits(schedule: Schedule, subscribed: Subscribed): boolean {
  const running = runningPhaseOf(schedule);
  if (running === null || schedule.end_behavior !== 'release') return false;
  const coming = schedule.phases.filter(({ start_date: start }) => start > running.start_date);
  const isPlain = [schedule, ...coming].every(({ metadata }) => Object.keys(metadata ?? {}).length === 0);
  const [next, ...later] = coming;
  if (!isPlain || later.length > 0) return false;
  return next === undefined || termsOf(next, subscribed) === termsOf(running, subscribed);
}

/** True if the plan's units stay and nothing ends. */
function goesOn(schedule: Schedule, { subscription, quantity }: Subscribed): boolean {
  const licensed = subscription.items.data.filter((each) => each.quantity !== undefined).length;
  const running = runningPhaseOf(schedule)?.start_date ?? 0;
  return (
    schedule.end_behavior !== 'cancel' &&
    schedule.phases
      .filter(({ start_date: start }) => start > running)
      .every(({ items }) => {
        const counted = items.filter((each) => each.quantity !== undefined);
        return counted.length === licensed && counted.some((each) => each.quantity === quantity);
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
    ...terms
  } = phase;
  const items = phase.items
    .map(({ quantity, ...each }) => ({ ...each, ...(idOf(each.price) !== item.price.id && { quantity }) }))
    .toSorted((a, b) => (idOf(a.price) < idOf(b.price) ? -1 : 1));
  return canonicalJson(JSON.parse(JSON.stringify({ ...terms, metadata: {}, items })));
}

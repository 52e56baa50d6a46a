import { DAY } from './calendar.ts';
import { bill, finalBill } from './billing.ts';
import { cardOfSubscription } from './default-cards.ts';
import type { Sandbox } from './sandbox.ts';
import { periodFrom, periodOf, periodOfItem, setPeriod } from './subscription-items.ts';
import { changeSubscription, closingEndOf, endSubscription } from './subscription-state.ts';
import type { Subscription } from './wire.ts';

/** The end of a trial is announced so long before. */
const TRIAL_WARNING = 3 * DAY;

/** The running period is over: the subscription ends, pauses or goes on into the next one. */
export function turnPeriod(sandbox: Sandbox, subscription: Subscription): void {
  const now = sandbox.now();
  const isTrialOver = subscription.status === 'trialing';
  const endsHere =
    (subscription.cancel_at_period_end && closingEndOf(sandbox, subscription) <= now) ||
    (subscription.cancel_at !== null && subscription.cancel_at <= now);
  if (endsHere) {
    if (!isTrialOver) finalBill(sandbox, subscription, true);
    endSubscription(sandbox, subscription, { reason: 'cancellation_requested' });
    return;
  }
  if (isTrialOver && !trialGoesOn(sandbox, subscription)) return;
  const period = periodOf(subscription);
  const turned = subscription.items.data.filter((item) => item.current_period_end <= now);
  const ended = new Map(turned.map((item) => [item.id, periodOfItem(item)]));
  changeSubscription(sandbox, subscription, () => {
    for (const item of turned) setPeriod([item], periodFrom(subscription, item, item.current_period_end));
    if (isTrialOver) subscription.status = 'active';
  });
  // What an unpaid subscription goes on to cost is written down, and nobody is charged.
  const finalizesAt = subscription.status === 'unpaid' ? null : now + sandbox.behaviour.draftSeconds;
  bill(sandbox, subscription, {
    reason: 'subscription_cycle',
    ahead: (item) => (ended.has(item.id) ? periodOfItem(item) : null),
    behind: isTrialOver ? null : (item) => ended.get(item.id) ?? null,
    ...(!isTrialOver && { period }),
    finalizesAt,
  });
}

/** The instant at which a trial's end is announced. Null: it has been, or there is no trial. */
export function trialWarningAt(sandbox: Sandbox, subscription: Subscription): number | null {
  const notes = sandbox.tables.subscriptionNotes.get(subscription.id);
  if (subscription.status !== 'trialing' || subscription.trial_end === null || notes?.trialWarned !== false) {
    return null;
  }
  return subscription.trial_end - TRIAL_WARNING;
}

/** Announces it, once. */
export function warnOfTrialEnd(sandbox: Sandbox, subscription: Subscription): void {
  const notes = sandbox.tables.subscriptionNotes.get(subscription.id);
  if (notes !== undefined) notes.trialWarned = true;
  sandbox.emit('customer.subscription.trial_will_end', subscription);
}

/** True when a trial that is over becomes a subscription. Without a card it depends on the subscription's settings. */
export function trialGoesOn(sandbox: Sandbox, subscription: Subscription): boolean {
  if (cardOfSubscription(sandbox, subscription) !== null) return true;
  switch (subscription.trial_settings?.end_behavior.missing_payment_method) {
    case 'cancel':
      endSubscription(sandbox, subscription, { reason: null });
      return false;
    case 'pause':
      changeSubscription(sandbox, subscription, () => pause(sandbox, subscription), 'customer.subscription.paused');
      sandbox.emit('customer.subscription.updated', subscription, { status: 'trialing' });
      return false;
    case 'create_invoice':
    case undefined:
    default:
      return true;
  }
}

/** A trial that is ended early ends now. */
function pause(sandbox: Sandbox, subscription: Subscription): void {
  subscription.status = 'paused';
  subscription.trial_end = Math.min(subscription.trial_end ?? sandbox.now(), sandbox.now());
}

import { takeTerms } from './phase-terms.ts';
import { keepItems } from './proration.ts';
import type { Sandbox } from './sandbox.ts';
import { attachedTo, enterPhase, releaseSchedule } from './schedules.ts';
import type { ItemChange } from './subscription-items.ts';
import { changeSubscription, endSubscription } from './subscription-state.ts';
import { changeBilling } from './subscription-update.ts';
import type { SchedulePhase, Subscription, SubscriptionSchedule } from './wire.ts';
import { finalBill } from './billing.ts';
import { droppedBy, usageOf } from './usage-items.ts';

/** The running phase of a schedule is over: the next one begins, or the schedule ends as it was told to. */
export function turnPhase(sandbox: Sandbox, schedule: SubscriptionSchedule): void {
  const subscription = attachedTo(sandbox, schedule);
  const phase = enterPhase(sandbox, schedule);
  if (phase !== null) {
    changeSubscription(sandbox, subscription, () => {
      subscription.default_payment_method = cardOfPhase(schedule, phase);
    });
    takeOn(sandbox, subscription, phase);
    takeTerms(sandbox, subscription, phase);
    sandbox.emit('subscription_schedule.updated', schedule);
    return;
  }
  if (schedule.end_behavior === 'cancel') {
    schedule.status = 'completed';
    schedule.completed_at = sandbox.now();
    sandbox.emit('subscription_schedule.completed', schedule);
    finalBill(sandbox, subscription, true);
    endSubscription(sandbox, subscription, { reason: null });
    return;
  }
  releaseSchedule(sandbox, schedule);
}

/** The phase's own card, or else that of the whole schedule; null: the customer's default pays. */
function cardOfPhase({ default_settings: settings }: SubscriptionSchedule, phase: SchedulePhase): string | null {
  return phase.default_payment_method ?? settings.default_payment_method;
}

/** At the turn of a period nothing is left to prorate: the new items are simply what the next invoice charges. */
function takeOn(sandbox: Sandbox, subscription: Subscription, phase: SchedulePhase): void {
  const isTurn = subscription.items.data.every((item) => item.current_period_end <= sandbox.now());
  const changes = changesTo(subscription, phase);
  if (changes.length === 0) return;
  // The coming invoice has no line for what the phase drops.
  keepItems(sandbox, usageOf(sandbox, subscription, droppedBy(subscription, changes)));
  changeBilling(sandbox, subscription, {
    items: changes,
    trialEnd: undefined,
    anchorNow: false,
    prorationBehavior: isTurn ? 'none' : (phase.proration_behavior as 'always_invoice' | 'create_prorations' | 'none'),
    prorationDate: undefined,
    paymentBehavior: 'allow_incomplete',
    cancelAtPeriodEnd: undefined,
    metadata: undefined,
  });
}

/**
 * The changes that turn the subscription's items into those of the phase. An item keeps its id when its price stays, and the one
 * licensed item when only its price changes.
 */
export function changesTo(subscription: Subscription, phase: SchedulePhase): ItemChange[] {
  const wanted = phase.items.map((item) => ({ price: item.price, quantity: item.quantity }));
  const changes: ItemChange[] = [];
  const left = subscription.items.data.filter((item) => {
    const match = wanted.findIndex((each) => each.price === item.price.id);
    const [found] = match < 0 ? [] : wanted.splice(match, 1);
    if (found === undefined) return true;
    if (found.quantity !== undefined && found.quantity !== item.quantity) changes.push({ id: item.id, ...found });
    return false;
  });
  for (const item of left) {
    const next = item.quantity === undefined ? undefined : wanted.shift();
    changes.push(next === undefined ? { id: item.id, deleted: true } : { id: item.id, ...next });
  }
  return [...changes, ...wanted];
}

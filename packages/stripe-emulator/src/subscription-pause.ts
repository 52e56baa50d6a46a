import { billNow } from './billing.ts';
import { invalid } from './errors.ts';
import { type Fields, object, oneOf, required, type Values } from './parameters.ts';
import { keepItems, prorate } from './proration.ts';
import { route, type Route } from './router.ts';
import { rowOf, type Sandbox } from './sandbox.ts';
import { cycleAnchor, prorationBehavior } from './subscription-parameters.ts';
import { periodFrom, periodOf, periodOfItem, setPeriod } from './subscription-items.ts';
import { changeSubscription } from './subscription-state.ts';
import { usageOf } from './usage-items.ts';
import type { Subscription } from './wire.ts';

const pauseFields = {
  bill_for: object({
    outstanding_usage_through: object({ type: required(oneOf('none', 'now')) }),
    unused_time_from: object({ type: required(oneOf('none', 'now')) }),
  }),
  invoicing_behavior: oneOf('pending_invoice_item'),
  type: oneOf('subscription'),
} satisfies Fields;

/** Subscriptions that are paused by a call, and go on by another one. */
export const pauseRoutes: readonly Route[] = [
  route('POST', '/v1/subscriptions/:id/pause', pauseFields, (sandbox, parameters, [id]) =>
    pause(sandbox, rowOf(sandbox.tables.subscriptions, 'subscription', id), parameters),
  ),
  route(
    'POST',
    '/v1/subscriptions/:id/resume',
    { billing_cycle_anchor: cycleAnchor, proration_behavior: prorationBehavior },
    (sandbox, parameters, [id]) =>
      resume(sandbox, rowOf(sandbox.tables.subscriptions, 'subscription', id), parameters.billing_cycle_anchor?.type),
  ),
];

/** A running subscription stops: no period of it begins any more. Its unused time is given back by items that wait, unless it is not to be. */
function pause(
  sandbox: Sandbox,
  subscription: Subscription,
  { bill_for: billFor }: Values<typeof pauseFields>,
): Subscription {
  if (subscription.status !== 'active') throw invalid('Only subscriptions with a status of `active` can be paused.');
  if (subscription.schedule !== null) throw invalid('You cannot pause a subscription that has a schedule.');
  const items = subscription.items.data;
  const isCredited = billFor?.unused_time_from?.type !== 'none';
  if (isCredited) {
    const scope = { before: items, after: [], at: sandbox.now() };
    keepItems(sandbox, prorate(sandbox, subscription, scope));
  }
  const isUsageNoted = billFor?.outstanding_usage_through?.type !== 'none';
  if (isUsageNoted) keepItems(sandbox, usageOf(sandbox, subscription, items));
  const notes = sandbox.tables.subscriptionNotes.get(subscription.id);
  if (notes !== undefined) {
    notes.creditedByPause = isCredited;
    if (isUsageNoted) notes.usageNotedUntil = sandbox.now();
  }
  changeSubscription(sandbox, subscription, () => (subscription.status = 'paused'), 'customer.subscription.paused');
  return subscription;
}

/**
 * A paused subscription goes on, with a new period unless the old rhythm is kept. In a period that still runs nothing is billed
 * again; what the pause gave back of it is charged with the next invoice.
 */
function resume(sandbox: Sandbox, subscription: Subscription, anchor: 'now' | 'unchanged' = 'now'): Subscription {
  if (subscription.status !== 'paused') {
    throw invalid('Only subscriptions with a status of `paused` can be resumed.');
  }
  const now = sandbox.now();
  const running = periodOf(subscription);
  const goesOn = anchor === 'unchanged' && now < running.end;
  const notes = sandbox.tables.subscriptionNotes.get(subscription.id);
  if (goesOn && notes?.creditedByPause === true) {
    const scope = { before: [], after: subscription.items.data, at: now };
    keepItems(sandbox, prorate(sandbox, subscription, scope));
  }
  changeSubscription(
    sandbox,
    subscription,
    () => {
      subscription.status = 'active';
      if (anchor === 'now') subscription.billing_cycle_anchor = now;
      if (goesOn) return;
      for (const item of subscription.items.data) setPeriod([item], periodFrom(subscription, item, now));
    },
    'customer.subscription.resumed',
  );
  if (goesOn) return subscription;
  const reason = 'subscription_update';
  billNow(sandbox, subscription, { reason, ahead: periodOfItem, behind: null, finalizesAt: null });
  return subscription;
}

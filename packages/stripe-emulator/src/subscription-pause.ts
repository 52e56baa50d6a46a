import { billNow } from './billing.ts';
import { PATIENCE_SECONDS } from './collection.ts';
import { invalid } from './errors.ts';
import { type Fields, object, oneOf, required, type Values } from './parameters.ts';
import { keepItems, prorate } from './proration.ts';
import { route, type Route } from './router.ts';
import { rowOf, type Sandbox } from './sandbox.ts';
import { cycleAnchor, prorationBehavior } from './subscription-parameters.ts';
import { periodFrom, periodOf } from './subscription-items.ts';
import { changeSubscription, dropResumption, takeUp } from './subscription-state.ts';
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

const resumeFields = {
  billing_cycle_anchor: cycleAnchor,
  payment_behavior: oneOf('resume_on_payment_attempt', 'resume_on_payment_success'),
  proration_behavior: prorationBehavior,
} satisfies Fields;

/** Subscriptions that are paused by a call, and go on by another one. */
export const pauseRoutes: readonly Route[] = [
  route('POST', '/v1/subscriptions/:id/pause', pauseFields, (sandbox, parameters, [id]) =>
    pause(sandbox, rowOf(sandbox.tables.subscriptions, 'subscription', id), parameters),
  ),
  route('POST', '/v1/subscriptions/:id/resume', resumeFields, (sandbox, parameters, [id]) =>
    resume(sandbox, rowOf(sandbox.tables.subscriptions, 'subscription', id), parameters),
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
 * again; what the pause gave back of it is charged with the next invoice, or at once. With `resume_on_payment_success` it stays
 * paused until the new period's invoice is paid or written off.
 */
function resume(sandbox: Sandbox, subscription: Subscription, parameters: Values<typeof resumeFields>): Subscription {
  if (subscription.status !== 'paused') {
    throw invalid('Only subscriptions with a status of `paused` can be resumed.');
  }
  const now = sandbox.now();
  const running = periodOf(subscription);
  const isAnew = parameters.billing_cycle_anchor?.type !== 'unchanged';
  const goesOn = !isAnew && now < running.end;
  dropResumption(sandbox, subscription);
  if (goesOn) {
    chargeAgain(sandbox, subscription, parameters.proration_behavior);
    return subscription;
  }
  const anchor = isAnew ? now : subscription.billing_cycle_anchor;
  const resumption = { subscription: subscription.id, anchor, from: now };
  const waits = parameters.payment_behavior === 'resume_on_payment_success';
  if (!waits) takeUp(sandbox, subscription, resumption);
  const billed = billNow(sandbox, subscription, {
    reason: 'subscription_update',
    ahead: (item) => periodFrom({ billing_cycle_anchor: anchor }, item, now),
    behind: null,
    finalizesAt: null,
    leavePayment: waits,
  });
  if (!waits) return subscription;
  const notes = billed && sandbox.tables.invoiceNotes.get(billed.invoice.id);
  if (billed === null || billed.attempt === 'succeeded') takeUp(sandbox, subscription, resumption);
  else if (notes != null) notes.resumption = { ...resumption, expiresAt: now + PATIENCE_SECONDS };
  return subscription;
}

/** In a period that still runs, the time is charged again that the pause gave back. */
function chargeAgain(
  sandbox: Sandbox,
  subscription: Subscription,
  behavior: Values<typeof resumeFields>['proration_behavior'],
): void {
  const notes = sandbox.tables.subscriptionNotes.get(subscription.id);
  takeUp(sandbox, subscription, { anchor: subscription.billing_cycle_anchor, from: null });
  if (notes?.creditedByPause === true && behavior !== 'none') {
    const scope = { before: [], after: subscription.items.data, at: sandbox.now() };
    keepItems(sandbox, prorate(sandbox, subscription, scope));
  }
  if (behavior !== 'always_invoice') return;
  billNow(sandbox, subscription, { reason: 'subscription_update', ahead: null, behind: null, finalizesAt: null });
}

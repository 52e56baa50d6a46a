import { refreshEntitlements } from './features.ts';
import { voidInvoice } from './invoices.ts';
import type { Sandbox } from './sandbox.ts';
import { periodFrom, setItems, setPeriod } from './subscription-items.ts';
import type { Invoice, Subscription, SubscriptionItem } from './wire.ts';

/** Changes a subscription and tells the world, and what it entitles to. */
export function changeSubscription(
  sandbox: Sandbox,
  subscription: Subscription,
  mutate: () => void,
  type = 'customer.subscription.updated',
): void {
  sandbox.change(subscription, type, mutate);
  refreshEntitlements(sandbox);
}

/** Ends a subscription now, and with it everything that would still have happened to it. */
export function endSubscription(
  sandbox: Sandbox,
  subscription: Subscription,
  { reason, status = 'canceled' }: EndOfSubscription,
): void {
  dropPendingUpdate(sandbox, subscription);
  subscription.status = status;
  subscription.canceled_at ??= sandbox.now();
  subscription.ended_at = sandbox.now();
  subscription.cancellation_details = {
    comment: subscription.cancellation_details?.comment ?? null,
    feedback: subscription.cancellation_details?.feedback ?? null,
    feedback_option: null,
    reason,
  };
  // Stripe stops collecting, of this subscription and of all else: what is open stays open until somebody pays or voids it.
  for (const invoice of sandbox.tables.invoices.values()) {
    if (invoice.customer !== subscription.customer || invoice.status !== 'open') continue;
    invoice.auto_advance = false;
    invoice.next_payment_attempt = null;
  }
  endSchedule(sandbox, subscription);
  sandbox.emit(status === 'canceled' ? 'customer.subscription.deleted' : 'customer.subscription.updated', subscription);
  refreshEntitlements(sandbox);
}

interface EndOfSubscription {
  readonly reason: 'cancellation_requested' | 'payment_failed' | 'payment_disputed' | null;
  readonly status?: 'canceled' | 'incomplete_expired';
}

/** The update whose payment had been waited for takes effect. */
export function applyPendingUpdate(sandbox: Sandbox, subscription: Subscription): void {
  const pending = subscription.pending_update;
  if (pending === null) return;
  changeSubscription(
    sandbox,
    subscription,
    () => {
      subscription.pending_update = null;
      applyItems(subscription, pending.subscription_items);
      if (pending.cancel_at_period_end !== null) setEnding(sandbox, subscription, pending.cancel_at_period_end);
      if (pending.metadata !== null) subscription.metadata = pending.metadata;
      if (pending.billing_cycle_anchor !== null) subscription.billing_cycle_anchor = pending.billing_cycle_anchor;
      if (pending.trial_end !== null) subscription.trial_end = pending.trial_end;
    },
    'customer.subscription.pending_update_applied',
  );
  sandbox.emit('customer.subscription.updated', subscription, { pending_update: pending });
}

/** The pending update is given up, and its invoice voided. */
export function dropPendingUpdate(sandbox: Sandbox, subscription: Subscription, type?: string): void {
  if (subscription.pending_update === null) return;
  for (const invoice of invoicesOf(sandbox, subscription.id)) {
    const notes = sandbox.tables.invoiceNotes.get(invoice.id);
    if (notes?.pendingUpdateOf === subscription.id && invoice.status === 'open') voidInvoice(sandbox, invoice);
  }
  if (type === undefined) subscription.pending_update = null;
  else changeSubscription(sandbox, subscription, () => (subscription.pending_update = null), type);
}

/** The end of the period with which a subscription ends. */
export function closingEndOf(sandbox: Sandbox, { items }: Subscription): number {
  const ends = items.data.map(({ current_period_end: end }) => end);
  return sandbox.behaviour.mixedPeriodEnd === 'latest' ? Math.max(...ends) : Math.min(...ends);
}

/** A paused subscription goes on: each item with a period that begins at `from`; null: in those that they have. */
export function takeUp(
  sandbox: Sandbox,
  subscription: Subscription,
  { anchor, from }: { readonly anchor: number; readonly from: number | null },
): void {
  changeSubscription(
    sandbox,
    subscription,
    () => {
      subscription.billing_cycle_anchor = anchor;
      if (from !== null) {
        for (const item of subscription.items.data) setPeriod([item], periodFrom(subscription, item, from));
      }
      subscription.status = 'active';
    },
    'customer.subscription.resumed',
  );
}

/** The invoice is settled that a paused subscription waited for. */
export function resumeBy(sandbox: Sandbox, invoice: Invoice): void {
  const resumption = sandbox.tables.invoiceNotes.get(invoice.id)?.resumption;
  const subscription = sandbox.tables.subscriptions.get(resumption?.subscription ?? '');
  if (resumption === undefined || subscription?.status !== 'paused') return;
  takeUp(sandbox, subscription, resumption);
}

/** A resumption that waits for its payment is given up, and its invoice voided. */
export function dropResumption(sandbox: Sandbox, { id }: Subscription): void {
  for (const invoice of invoicesOf(sandbox, id)) {
    const isWaiting = sandbox.tables.invoiceNotes.get(invoice.id)?.resumption !== undefined;
    if (isWaiting && invoice.status === 'open') voidInvoice(sandbox, invoice);
  }
}

/** It ends with its period, or goes on after it. */
export function setEnding(sandbox: Sandbox, subscription: Subscription, isEnding: boolean): void {
  subscription.cancel_at_period_end = isEnding;
  subscription.cancel_at = isEnding ? closingEndOf(sandbox, subscription) : null;
  subscription.canceled_at = isEnding ? (subscription.canceled_at ?? sandbox.now()) : null;
  subscription.cancellation_details = {
    comment: null,
    feedback: null,
    feedback_option: null,
    reason: isEnding ? 'cancellation_requested' : null,
  };
}

/** Every invoice of a subscription, oldest first. */
function invoicesOf(sandbox: Sandbox, subscription: string): Invoice[] {
  return [...sandbox.tables.invoices.values()].filter(
    (each) => each.parent?.subscription_details?.subscription === subscription,
  );
}

function applyItems(subscription: Subscription, items: readonly SubscriptionItem[] | null): void {
  if (items !== null) setItems(subscription, structuredClone([...items]));
}

function endSchedule(sandbox: Sandbox, subscription: Subscription): void {
  const schedule = sandbox.tables.schedules.get(subscription.schedule ?? '');
  subscription.schedule = null;
  if (schedule === undefined || schedule.status !== 'active') return;
  schedule.status = 'canceled';
  schedule.canceled_at = sandbox.now();
  schedule.current_phase = null;
  sandbox.emit('subscription_schedule.canceled', schedule);
}

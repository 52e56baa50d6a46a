import { billNow, isSent } from './billing.ts';
import { PATIENCE_SECONDS } from './collection.ts';
import { invalid } from './errors.ts';
import { isMetered, itemLine, recurringLine } from './invoice-lines.ts';
import { keepItems, prorate } from './proration.ts';
import type { Sandbox } from './sandbox.ts';
import { assertPayable } from './subscription-create.ts';
import {
  changedItems,
  type ItemChange,
  type Period,
  periodFrom,
  periodOf,
  periodOfItem,
  setItems,
  setPeriod,
} from './subscription-items.ts';
import { changeSubscription, dropPendingUpdate } from './subscription-state.ts';
import { droppedBy, usageOf } from './usage-items.ts';
import type { InvoiceItem, InvoiceLine, Metadata, Subscription, SubscriptionItem } from './wire.ts';

export interface BillingChange {
  readonly items: readonly ItemChange[] | undefined;
  readonly trialEnd: number | 'now' | undefined;
  readonly anchorNow: boolean;
  readonly prorationBehavior: 'always_invoice' | 'create_prorations' | 'none';
  readonly prorationDate: number | undefined;
  readonly paymentBehavior: PaymentBehavior;
  /** Fields of a pending update besides its items. */
  readonly cancelAtPeriodEnd: boolean | undefined;
  readonly metadata: Metadata | undefined;
}

export type PaymentBehavior =
  | 'allow_incomplete'
  | 'default_incomplete'
  | 'error_if_incomplete'
  | 'pending_if_incomplete';

/** A change that costs or saves something, worked out and not yet made. */
export interface PlannedChange {
  /** With their periods. */
  readonly items: SubscriptionItem[];
  readonly anchor: number;
  readonly trialEnd: number | null;
  readonly status: string;
  /** True: a new period starts now. */
  readonly restarts: boolean;
  /** True: what was paid ahead makes place for a trial. */
  readonly startsTrial: boolean;
  readonly prorations: InvoiceItem[];
}

/** Works out what a change would do; `create_preview` stops here. */
export function planChange(sandbox: Sandbox, subscription: Subscription, change: BillingChange): PlannedChange {
  const before = subscription.items.data;
  const items =
    change.items === undefined ? structuredClone(before) : changedItems(sandbox, subscription, change.items);
  const now = sandbox.now();
  const isTrial = subscription.status === 'trialing';
  const endsTrial = isTrial && change.trialEnd === 'now';
  const newTrialEnd = typeof change.trialEnd === 'number' ? change.trialEnd : null;
  if (newTrialEnd !== null && newTrialEnd <= now) {
    throw invalid('Invalid timestamp: must be an integer Unix timestamp in the future.', { param: 'trial_end' });
  }
  const intervals = new Set(before.map(({ price }) => price.recurring?.interval));
  const cadenceChanged = !items.some(({ price }) => intervals.has(price.recurring?.interval));
  const restarts = newTrialEnd === null && (endsTrial || change.anchorNow || (cadenceChanged && !isTrial));
  const anchor = newTrialEnd ?? (restarts ? now : subscription.billing_cycle_anchor);
  if (newTrialEnd !== null) setPeriod(items, { start: now, end: newTrialEnd });
  else if (restarts) {
    for (const item of items) setPeriod([item], periodFrom({ billing_cycle_anchor: now }, item, now));
  }
  const at = change.prorationDate ?? now;
  const startsTrial = newTrialEnd !== null && !isTrial;
  const isProrated = change.prorationBehavior !== 'none' && !isTrial;
  const replaced = restarts || startsTrial;
  const prorations = isProrated ? prorate(sandbox, subscription, { before, after: replaced ? [] : items, at }) : [];
  return {
    items,
    anchor,
    trialEnd: newTrialEnd ?? (endsTrial ? now : subscription.trial_end),
    status: newTrialEnd === null ? (endsTrial ? 'active' : subscription.status) : 'trialing',
    restarts,
    startsTrial,
    prorations,
  };
}

/** The lines of the invoice that a change brings at once. */
export function linesOfChange(sandbox: Sandbox, subscription: Subscription, planned: PlannedChange): InvoiceLine[] {
  const ahead =
    planned.restarts || planned.startsTrial
      ? planned.items
          .filter((item) => !isMetered(item.price))
          .map((item) =>
            recurringLine(sandbox, subscription, { item, period: periodOfItem(item), free: planned.startsTrial }),
          )
      : [];
  return [...planned.prorations.map((item) => itemLine(sandbox, item)), ...ahead];
}

/** Makes a change, charges for it if it is to be charged at once, and lets it wait if that fails and it may wait. */
export function changeBilling(sandbox: Sandbox, subscription: Subscription, change: BillingChange): void {
  const planned = planChange(sandbox, subscription, change);
  const startsTrialNow = planned.startsTrial && sandbox.behaviour.trialStartInvoices;
  const invoicesNow = change.prorationBehavior === 'always_invoice' || planned.restarts || startsTrialNow;
  const due = invoicesNow
    ? linesOfChange(sandbox, subscription, planned).reduce((sum, line) => sum + line.amount, 0)
    : 0;
  if (change.paymentBehavior === 'error_if_incomplete' && due > 0) assertPayable(sandbox, subscription, due);
  // A later update takes the place of one that still waits.
  dropPendingUpdate(sandbox, subscription, 'customer.subscription.pending_update_expired');
  keepItems(sandbox, planned.prorations);
  keepItems(sandbox, usageLeftBehind(sandbox, subscription, { change, planned, invoicesNow }));
  const waits = change.paymentBehavior === 'pending_if_incomplete' && !isSent(subscription);
  const before = structuredClone(subscription.items.data);
  const ending = periodOf(subscription);
  if (!waits) apply(sandbox, subscription, planned);
  if (!invoicesNow) return;
  const licensed = planned.items.filter((item) => !isMetered(item.price));
  const counted = before.filter((item) => isMetered(item.price));
  const now = sandbox.now();
  const usedOf = ({ current_period_start: start }: SubscriptionItem): Period => ({ start, end: now });
  // What was used during a trial is free.
  const replaces = planned.restarts || planned.startsTrial;
  const isUseCharged = replaces && subscription.trial_end !== now;
  const parameters = {
    reason: 'subscription_update',
    items: replaces ? [...licensed, ...counted] : [],
    ahead: replaces ? periodOfItem : null,
    behind: isUseCharged ? usedOf : null,
    ...(isUseCharged && { period: { start: ending.start, end: now } }),
    free: planned.startsTrial,
    finalizesAt: null,
    ...(waits && { only: planned.prorations }),
  } as const;
  const leavePayment = change.paymentBehavior === 'default_incomplete';
  const billed = billNow(sandbox, subscription, { ...parameters, keepStatus: waits, leavePayment });
  if (!waits) return;
  if (billed === null || billed.attempt === 'succeeded') apply(sandbox, subscription, planned);
  else postpone(sandbox, subscription, { change, planned, invoice: billed.invoice.id });
}

/** Use that no later invoice has a line for: of items that are deleted, and of a period that ends without a bill. */
function usageLeftBehind(
  sandbox: Sandbox,
  subscription: Subscription,
  { change, planned, invoicesNow }: { change: BillingChange; planned: PlannedChange; invoicesNow: boolean },
): InvoiceItem[] {
  if (planned.startsTrial && !invoicesNow) return usageOf(sandbox, subscription, subscription.items.data);
  if (!sandbox.behaviour.deletedItemBills || planned.restarts || planned.startsTrial) return [];
  return usageOf(sandbox, subscription, droppedBy(subscription, change.items ?? []));
}

function apply(sandbox: Sandbox, subscription: Subscription, planned: PlannedChange): void {
  const notes = sandbox.tables.subscriptionNotes.get(subscription.id);
  // A pause gave back time of the period before.
  if (notes !== undefined && (planned.restarts || planned.startsTrial)) notes.creditedByPause = false;
  changeSubscription(sandbox, subscription, () => {
    setItems(subscription, planned.items);
    subscription.billing_cycle_anchor = planned.anchor;
    subscription.trial_end = planned.trialEnd;
    if (planned.startsTrial) subscription.trial_start = sandbox.now();
    subscription.status = planned.status;
  });
}

function postpone(
  sandbox: Sandbox,
  subscription: Subscription,
  { change, planned, invoice }: { change: BillingChange; planned: PlannedChange; invoice: string },
): void {
  const notes = sandbox.tables.invoiceNotes.get(invoice);
  if (notes !== undefined) notes.pendingUpdateOf = subscription.id;
  changeSubscription(sandbox, subscription, () => {
    subscription.pending_update = {
      billing_cycle_anchor: planned.restarts ? planned.anchor : null,
      cancel_at_period_end: change.cancelAtPeriodEnd ?? null,
      discount: null,
      discounts: null,
      // A new period asks for its own money: nothing of the old one waits any longer.
      expires_at: Math.min(sandbox.now() + PATIENCE_SECONDS, periodOf(subscription).end),
      metadata: change.metadata ?? null,
      subscription_items: change.items === undefined ? null : planned.items,
      trial_end: planned.trialEnd === subscription.trial_end ? null : planned.trialEnd,
      trial_from_plan: null,
    };
  });
}

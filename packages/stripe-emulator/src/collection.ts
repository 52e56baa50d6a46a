import { DAY, HOUR } from './calendar.ts';
import { outcomeOf } from './cards.ts';
import { cardOfInvoice } from './default-cards.ts';
import { markPaid } from './invoices.ts';
import { type Attempt, attempt, intentOf } from './payments.ts';
import type { Sandbox } from './sandbox.ts';
import { applyPendingUpdate, changeSubscription, endSubscription, resumeBy } from './subscription-state.ts';
import type { Invoice, Subscription } from './wire.ts';

interface Collection {
  /** The customer has just confirmed by 3-D Secure: what they confirmed is charged. */
  readonly authenticated?: boolean;
  /** Charges this card, whatever the defaults are. */
  readonly method?: string | null;
  /** A failure says nothing about the subscription: it keeps what it has, and the update waits. */
  readonly keepStatus?: boolean;
}

/** The first payment of a subscription, and that of a pending update, may take so long. */
export const PATIENCE_SECONDS = 23 * HOUR;

/** Tries to have an open invoice paid, and draws the conclusions for its subscription. */
export function collect(
  sandbox: Sandbox,
  invoice: Invoice,
  { authenticated = false, method: named = null, keepStatus = false }: Collection = {},
): Attempt {
  if (invoice.amount_due === 0) {
    settle(sandbox, invoice);
    return 'succeeded';
  }
  const intent = intentOf(sandbox, invoice.id);
  if (intent === null) throw new Error(`invoice ${invoice.id} has no payment`);
  invoice.attempted = true;
  invoice.attempt_count += 1;
  const confirmed = authenticated ? intent.payment_method : null;
  const method = named ?? confirmed ?? cardOfInvoice(sandbox, invoice);
  const outcome = attempt(sandbox, intent, { method, authenticated });
  if (outcome === 'succeeded') settle(sandbox, invoice);
  else failed(sandbox, invoice, { outcome, keepStatus });
  return outcome;
}

/** True when a card would pay now, without 3-D Secure. */
export function wouldPay(sandbox: Sandbox, method: string | null): boolean {
  return method !== null && outcomeOf(sandbox, method) === 'accepted';
}

/** An open invoice is paid. */
export function settle(sandbox: Sandbox, invoice: Invoice): void {
  const notes = sandbox.tables.invoiceNotes.get(invoice.id);
  markPaid(sandbox, invoice);
  const subscription = subscriptionOf(sandbox, invoice);
  if (subscription === null) return;
  if (notes?.pendingUpdateOf === subscription.id) applyPendingUpdate(sandbox, subscription);
  resumeBy(sandbox, invoice);
  const recovers = ['incomplete', 'past_due', 'unpaid'].includes(subscription.status);
  if (!recovers || subscription.latest_invoice !== invoice.id) return;
  const subscriptionNotes = sandbox.tables.subscriptionNotes.get(subscription.id);
  if (subscriptionNotes !== undefined) subscriptionNotes.incompleteUntil = null;
  changeSubscription(sandbox, subscription, () => (subscription.status = 'active'));
}

/** A sent invoice was not paid in time: its subscription is behind, if it is the newest. */
export function passDueDate(sandbox: Sandbox, invoice: Invoice): void {
  const notes = sandbox.tables.invoiceNotes.get(invoice.id);
  if (notes !== undefined) notes.overdue = true;
  sandbox.emit('invoice.overdue', invoice);
  const subscription = subscriptionOf(sandbox, invoice);
  if (subscription?.status !== 'active' || subscription.latest_invoice !== invoice.id) return;
  changeSubscription(sandbox, subscription, () => (subscription.status = 'past_due'));
}

/** Nobody has to pay an invoice any more: a subscription that was behind with it is not. */
export function forgive(sandbox: Sandbox, invoice: Invoice): void {
  if (invoice.status === 'uncollectible') resumeBy(sandbox, invoice);
  const subscription = subscriptionOf(sandbox, invoice);
  if (subscription?.status !== 'past_due' || subscription.latest_invoice !== invoice.id) return;
  changeSubscription(sandbox, subscription, () => (subscription.status = 'active'));
}

function failed(
  sandbox: Sandbox,
  invoice: Invoice,
  { outcome, keepStatus }: { outcome: Attempt; keepStatus: boolean },
): void {
  const subscription = subscriptionOf(sandbox, invoice);
  const pending = sandbox.tables.invoiceNotes.get(invoice.id)?.pendingUpdateOf ?? null;
  const isDunned =
    subscription !== null &&
    !keepStatus &&
    pending === null &&
    invoice.collection_method === 'charge_automatically' &&
    invoice.billing_reason !== 'subscription_create';
  const isOver = isDunned && subscription.status !== 'canceled' && !scheduleRetry(sandbox, invoice);
  if (!isDunned) invoice.next_payment_attempt = null;
  if (outcome === 'requires_action') sandbox.emit('invoice.payment_action_required', invoice);
  sandbox.emit('invoice.payment_failed', invoice);
  if (!isDunned || subscription.status === 'canceled') return;
  if (isOver) giveUp(sandbox, subscription);
  else if (subscription.status === 'active' || subscription.status === 'trialing') {
    changeSubscription(sandbox, subscription, () => (subscription.status = 'past_due'));
  }
}

/** False when there is no retry left. Attempts that a person makes count as none. */
function scheduleRetry(sandbox: Sandbox, invoice: Invoice): boolean {
  const notes = sandbox.tables.invoiceNotes.get(invoice.id);
  const finalized = invoice.status_transitions.finalized_at ?? sandbox.now();
  const next = sandbox.behaviour.retryDays.map((days) => finalized + days * DAY).find((at) => at > sandbox.now());
  if (notes !== undefined) notes.retries += 1;
  invoice.next_payment_attempt = next ?? null;
  if (next === undefined) invoice.auto_advance = false;
  return next !== undefined;
}

function giveUp(sandbox: Sandbox, subscription: Subscription): void {
  switch (sandbox.behaviour.afterRetries) {
    case 'cancel':
      endSubscription(sandbox, subscription, { reason: 'payment_failed' });
      break;
    case 'unpaid':
      changeSubscription(sandbox, subscription, () => (subscription.status = 'unpaid'));
      break;
    case 'past_due':
      changeSubscription(sandbox, subscription, () => (subscription.status = 'past_due'));
      break;
  }
}

function subscriptionOf(sandbox: Sandbox, invoice: Invoice): Subscription | null {
  return sandbox.tables.subscriptions.get(invoice.parent?.subscription_details?.subscription ?? '') ?? null;
}

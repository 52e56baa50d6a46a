import { expireSession } from './checkout.ts';
import { collect, passDueDate, settle } from './collection.ts';
import { finalBill, passOver } from './billing.ts';
import { invalid } from './errors.ts';
import { finalizeInvoice, voidInvoice } from './invoices.ts';
import { turnPhase } from './phases.ts';
import { trialWarningAt, turnPeriod, warnOfTrialEnd } from './renewal.ts';
import type { Sandbox } from './sandbox.ts';
import { periodOf } from './subscription-items.ts';
import { changeSubscription, dropPendingUpdate, endSubscription } from './subscription-state.ts';
import type { Invoice, Subscription } from './wire.ts';

/** Something that is going to happen by itself. */
interface Due {
  readonly at: number;
  readonly run: () => void;
}

/** More than this at one time means that something schedules itself again and again. */
const MOST_STEPS = 1_000_000;

/** Sets the clock, and lets everything happen that is due until then, in order of time and each at its own. */
export function moveTo(sandbox: Sandbox, to: number, frozen: boolean): void {
  if (to < sandbox.now()) throw invalid('The clock only goes forward.');
  runUntil(sandbox, to);
  sandbox.setTime(to, frozen);
  sandbox.onChange();
}

/** Lets everything happen that came due while the clock ran by itself. */
export function catchUp(sandbox: Sandbox): void {
  const now = sandbox.now();
  const next = nextDue(sandbox);
  if (next === null || next.at > now) return;
  const { frozen, offsetMs } = sandbox;
  runUntil(sandbox, now);
  if (frozen) sandbox.setTime(now, true);
  else sandbox.restoreOffset(offsetMs);
}

function runUntil(sandbox: Sandbox, to: number): void {
  for (let step = 0; step < MOST_STEPS; step += 1) {
    const due = nextDue(sandbox);
    if (due === null || due.at > to) return;
    // What is overdue happens now: the clock never goes back.
    if (due.at > sandbox.now() || !sandbox.frozen) sandbox.setTime(Math.max(due.at, 0), true);
    due.run();
  }
  throw new Error('the timeline does not come to rest');
}

/** The earliest of all; at one instant in the order in which they are listed here. */
function nextDue(sandbox: Sandbox): Due | null {
  let next: Due | null = null;
  for (const due of allDue(sandbox)) {
    if (next === null || due.at < next.at) next = due;
  }
  return next;
}

function* allDue(sandbox: Sandbox): Iterable<Due> {
  const { tables } = sandbox;
  for (const session of tables.checkoutSessions.values()) {
    if (session.status === 'open') yield { at: session.expires_at, run: () => expireSession(sandbox, session) };
  }
  for (const subscription of tables.subscriptions.values()) {
    if (subscription.ended_at === null) yield* dueBeforeTurn(sandbox, subscription);
  }
  for (const schedule of tables.schedules.values()) {
    const end = schedule.current_phase?.end_date;
    if (schedule.status === 'active' && end !== undefined) {
      yield { at: end, run: () => turnPhase(sandbox, schedule) };
    }
  }
  for (const subscription of tables.subscriptions.values()) {
    const turns = subscription.ended_at === null && !['incomplete', 'paused'].includes(subscription.status);
    if (turns) yield { at: periodOf(subscription).end, run: () => turnPeriod(sandbox, subscription) };
  }
  for (const invoice of tables.invoices.values()) yield* dueOfInvoice(sandbox, invoice);
}

function* dueBeforeTurn(sandbox: Sandbox, subscription: Subscription): Iterable<Due> {
  const pending = subscription.pending_update;
  if (pending !== null) {
    const type = 'customer.subscription.pending_update_expired';
    yield { at: pending.expires_at, run: () => dropPendingUpdate(sandbox, subscription, type) };
  }
  const patience = sandbox.tables.subscriptionNotes.get(subscription.id)?.incompleteUntil ?? null;
  if (subscription.status === 'incomplete' && patience !== null) {
    yield { at: patience, run: () => expireFirstPayment(sandbox, subscription) };
  }
  const resumesAt = subscription.pause_collection?.resumes_at ?? null;
  if (resumesAt !== null) {
    yield {
      at: resumesAt,
      run: () => changeSubscription(sandbox, subscription, () => (subscription.pause_collection = null)),
    };
  }
  const warning = trialWarningAt(sandbox, subscription);
  if (warning !== null) yield { at: warning, run: () => warnOfTrialEnd(sandbox, subscription) };
  if (subscription.cancel_at !== null && subscription.cancel_at < periodOf(subscription).end) {
    yield {
      at: subscription.cancel_at,
      run: () => {
        if (subscription.status !== 'trialing') finalBill(sandbox, subscription, true);
        endSubscription(sandbox, subscription, { reason: 'cancellation_requested' });
      },
    };
  }
}

function* dueOfInvoice(sandbox: Sandbox, invoice: Invoice): Iterable<Due> {
  const { tables } = sandbox;
  const resumption = tables.invoiceNotes.get(invoice.id)?.resumption;
  if (resumption !== undefined && invoice.status === 'open') {
    yield { at: resumption.expiresAt, run: () => voidInvoice(sandbox, invoice) };
  }
  if (invoice.status === 'draft' && invoice.automatically_finalizes_at !== null) {
    yield {
      at: invoice.automatically_finalizes_at,
      run: () => {
        const owner = tables.subscriptions.get(invoice.parent?.subscription_details?.subscription ?? '');
        if (owner !== undefined && owner.pause_collection !== null) {
          invoice.automatically_finalizes_at = null;
          passOver(sandbox, owner, invoice);
          return;
        }
        finalizeInvoice(sandbox, invoice);
        if (invoice.amount_due === 0) settle(sandbox, invoice);
        else if (invoice.collection_method === 'charge_automatically') collect(sandbox, invoice);
        else sandbox.emit('invoice.sent', invoice);
      },
    };
  } else if (isOverdueLater(sandbox, invoice) && invoice.due_date !== null) {
    yield { at: invoice.due_date, run: () => passDueDate(sandbox, invoice) };
  } else if (invoice.status === 'open' && invoice.next_payment_attempt !== null && invoice.auto_advance === true) {
    yield { at: invoice.next_payment_attempt, run: () => collect(sandbox, invoice) };
  }
}

/** True for a sent invoice whose due date has had no effect yet. */
function isOverdueLater(sandbox: Sandbox, invoice: Invoice): boolean {
  const isWaiting = invoice.status === 'open' && invoice.collection_method === 'send_invoice';
  return isWaiting && sandbox.tables.invoiceNotes.get(invoice.id)?.overdue !== true;
}

/** The first payment never came: the subscription never was. */
function expireFirstPayment(sandbox: Sandbox, subscription: Subscription): void {
  const invoice = sandbox.tables.invoices.get(subscription.latest_invoice ?? '');
  if (invoice?.status === 'open') voidInvoice(sandbox, invoice);
  endSubscription(sandbox, subscription, { reason: null, status: 'incomplete_expired' });
}

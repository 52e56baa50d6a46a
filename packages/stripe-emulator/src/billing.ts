import type { Attempt } from './payments.ts';
import { collect } from './collection.ts';
import { addLines, type BillingReason, createInvoice, finalizeInvoice, voidInvoice, writeOff } from './invoices.ts';
import { isMetered, itemLine, recurringLine, usageLine } from './invoice-lines.ts';
import { unitsUsed } from './meters.ts';
import { waitingItems } from './proration.ts';
import type { Sandbox } from './sandbox.ts';
import { type Period, periodOf, periodOfItem } from './subscription-items.ts';
import type { InvoiceNotes } from './tables.ts';
import { unbilledPart } from './usage-items.ts';
import type { Customer, Invoice, InvoiceItem, InvoiceLine, Subscription, SubscriptionItem } from './wire.ts';

/** A sent invoice may be paid for so many days, where nothing else is said. */
const DAYS_UNTIL_DUE = 30;

/** The period of an item that is charged; null: none of it is. */
type PeriodOf = (item: SubscriptionItem) => Period | null;

/** The things that one invoice of a subscription charges for. */
export interface Bill {
  readonly reason: BillingReason;
  /** Licensed prices are charged ahead, for this period of each; null: not now. */
  readonly ahead: PeriodOf | null;
  /** Metered prices are charged afterwards, for what was used in this one; null: not now. */
  readonly behind: PeriodOf | null;
  /** The invoice's own period; absent: it has none but this instant. */
  readonly period?: Period;
  /** Items to charge; the subscription's own unless others are to be tried first. */
  readonly items?: readonly SubscriptionItem[];
  readonly free?: boolean;
  /** The period of which the one ahead is a part, and costs its share; absent: it is whole. */
  readonly whole?: Period;
  /** Exactly these instead of everything that waits. */
  readonly only?: readonly InvoiceItem[];
  readonly finalizesAt: number | null;
  readonly pendingUpdateOf?: string | null;
}

/** Writes an invoice as a draft; null when there is nothing to write on it. */
export function bill(sandbox: Sandbox, subscription: Subscription, parameters: Bill): Invoice | null {
  const customer = ownerOf(sandbox, subscription);
  const waiting = parameters.only ?? waitingItems(sandbox, customer, subscription.id);
  const { lines, usageLines } = linesOf(sandbox, subscription, parameters);
  const all = [...waiting.map((item) => itemLine(sandbox, item)), ...lines];
  if (all.length === 0) return null;
  const invoice = createInvoice(sandbox, {
    customer,
    subscription,
    reason: parameters.reason,
    period: parameters.period ?? { start: sandbox.now(), end: sandbox.now() },
    lines: all,
    currency: subscription.currency,
    // Collection that is paused may leave it a draft.
    finalizesAt: subscription.pause_collection?.behavior === 'keep_as_draft' ? null : parameters.finalizesAt,
    usageLines,
    pendingUpdateOf: parameters.pendingUpdateOf ?? null,
    ...(isSent(subscription) && { daysUntilDue: subscription.days_until_due ?? DAYS_UNTIL_DUE }),
  });
  for (const item of waiting) item.invoice = invoice.id;
  return invoice;
}

/** The lines of a bill, and which of them count use. */
export function linesOf(
  sandbox: Sandbox,
  subscription: Subscription,
  { ahead: aheadOf, behind: behindOf, items = subscription.items.data, free = false, whole }: Bill,
): { lines: InvoiceLine[]; usageLines: InvoiceNotes['usageLines'] } {
  const lines: InvoiceLine[] = [];
  const usageLines: InvoiceNotes['usageLines'] = [];
  for (const item of items) {
    const meter = item.price.recurring?.meter ?? null;
    const [ahead, behind] = [aheadOf?.(item) ?? null, behindOf?.(item) ?? null];
    if (isMetered(item.price) && meter !== null && behind !== null) {
      const period = unbilledPart(sandbox, subscription, behind);
      const used = { meter, ...period, customer: subscription.customer };
      const line = usageLine(sandbox, subscription, { item, period, units: unitsUsed(sandbox, used) });
      lines.push(line);
      usageLines.push({ line: line.id, meter, price: item.price.id, ...period });
    } else if (!isMetered(item.price) && ahead !== null) {
      lines.push(recurringLine(sandbox, subscription, { item, period: ahead, free, whole }));
    }
  }
  return { lines, usageLines };
}

/** A bill that is due at once: finalized and, unless the application wants to do that itself, charged. */
export function billNow(
  sandbox: Sandbox,
  subscription: Subscription,
  parameters: Bill & {
    readonly keepStatus?: boolean;
    readonly authenticated?: boolean;
    readonly leavePayment?: boolean;
  },
): { invoice: Invoice; attempt: Attempt } | null {
  const invoice = bill(sandbox, subscription, parameters);
  if (invoice === null) return null;
  if (subscription.pause_collection !== null) {
    passOver(sandbox, subscription, invoice);
    return { invoice, attempt: 'requires_payment_method' };
  }
  finalizeInvoice(sandbox, invoice);
  const { keepStatus = false, authenticated = false, leavePayment = false } = parameters;
  if (isSent(subscription) && invoice.amount_due > 0) {
    sandbox.emit('invoice.sent', invoice);
    return { invoice, attempt: 'requires_payment_method' };
  }
  if (leavePayment && invoice.amount_due > 0) return { invoice, attempt: 'requires_payment_method' };
  return { invoice, attempt: collect(sandbox, invoice, { keepStatus, authenticated }) };
}

/** While its collection is paused an invoice stays a draft, or is written off or voided as it is finalized. */
export function passOver(sandbox: Sandbox, { pause_collection: pause }: Subscription, invoice: Invoice): void {
  if (pause?.behavior === 'keep_as_draft') return;
  finalizeInvoice(sandbox, invoice);
  if (pause?.behavior === 'void') voidInvoice(sandbox, invoice);
  else writeOff(sandbox, invoice);
}

/** True for a subscription whose invoices are sent to be paid, and charge no card. */
export function isSent(subscription: Subscription): boolean {
  return subscription.collection_method === 'send_invoice';
}

/** The last bill of a subscription that ends: use that nobody has paid for yet, and what waits. */
export function finalBill(sandbox: Sandbox, subscription: Subscription, draft: boolean): Invoice | null {
  const now = sandbox.now();
  const used = ({ start, end }: Period): Period => ({ start, end: Math.min(end, now) });
  const parameters = {
    reason: 'subscription_cycle',
    ahead: null,
    behind: (item: SubscriptionItem) => used(periodOfItem(item)),
    period: used(periodOf(subscription)),
  } as const;
  if (draft) {
    return bill(sandbox, subscription, { ...parameters, finalizesAt: sandbox.now() + sandbox.behaviour.draftSeconds });
  }
  return billNow(sandbox, subscription, { ...parameters, finalizesAt: null })?.invoice ?? null;
}

/** Puts what has come to wait since on a draft. */
export function absorbWaiting(sandbox: Sandbox, invoice: Invoice, items: readonly InvoiceItem[]): void {
  for (const item of items) item.invoice = invoice.id;
  addLines(
    sandbox,
    invoice,
    items.map((item) => itemLine(sandbox, item)),
  );
}

/** The customer of a subscription. */
export function ownerOf(sandbox: Sandbox, subscription: Subscription): Customer {
  const customer = sandbox.tables.customers.get(subscription.customer);
  if (customer === undefined) throw new Error(`subscription ${subscription.id} has no customer`);
  return customer;
}

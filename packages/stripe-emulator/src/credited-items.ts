/** The debits that credits for unused time apply to, as `credited_items` name them. */
import { discounted } from './discounts.ts';
import { unitAmountOf } from './invoice-lines.ts';
import { netOf } from './invoice-sums.ts';
import { lineCents } from './money.ts';
import type { Sandbox } from './sandbox.ts';
import type { Invoice, InvoiceItem, InvoiceLine, Subscription, SubscriptionItem } from './wire.ts';

/** The names of debits on an item that waits: they may be waiting items themselves. */
export type CreditedItems = NonNullable<NonNullable<InvoiceItem['proration_details']>['credited_items']>;

/** The debit that a credit applies to. */
export interface Debit {
  readonly named: CreditedItems;
  /** The share of the item's price that was charged. */
  readonly paid: Share;
}

interface Share {
  readonly part: number;
  readonly whole: number;
}

/** Finds the newest debit of the item for its running period: one that waits for an invoice, or a line of one; null: nothing was charged. */
export function debitOf(sandbox: Sandbox, subscription: Subscription, item: SubscriptionItem): Debit | null {
  const waiting = [...sandbox.tables.invoiceItems.values()].findLast(
    (each) =>
      each.invoice === null &&
      each.proration &&
      each.amount > 0 &&
      each.parent?.subscription_details?.subscription_item === item.id &&
      isFor(each, item),
  );
  // A proration is net already: what its discounts took off is not on it.
  const paid = netShareOf(sandbox, subscription, item);
  if (waiting !== undefined) return { named: { invoice_item: waiting.id, type: 'invoice_item' }, paid };
  for (const invoice of [...sandbox.tables.invoices.values()].toReversed()) {
    if (invoice.parent?.subscription_details?.subscription !== subscription.id || invoice.status === 'void') continue;
    const line = invoice.lines.data.findLast(
      (each) => each.amount > 0 && subscriptionItemOf(sandbox, each) === item.id && isFor(each, item),
    );
    if (line === undefined) continue;
    return {
      named: {
        invoice_line_item_details: { invoice: invoice.id, invoice_line_items: [line.id] },
        type: 'invoice_line_items',
      },
      paid: line.discountable ? { part: netOf(line), whole: line.amount } : paid,
    };
  }
  return null;
}

/** Writes on the lines of an invoice where the debits stand that waited with their credits: mostly on the same one. */
export function nameDebits(sandbox: Sandbox, invoice: Invoice): void {
  for (const line of invoice.lines.data) {
    const item = sandbox.tables.invoiceItems.get(itemOf(line) ?? '');
    const debit = item?.proration_details?.credited_items?.invoice_item;
    const details = line.parent?.subscription_item_details ?? line.parent?.invoice_item_details ?? null;
    if (debit === undefined || details?.proration_details == null) continue;
    const places = [invoice, ...sandbox.tables.invoices.values()];
    const place = places.find(({ lines }) => lines.data.some((each) => itemOf(each) === debit));
    const found = place?.lines.data.find((each) => itemOf(each) === debit);
    details.proration_details.credited_items =
      place === undefined || found === undefined ? null : { invoice: place.id, invoice_line_items: [found.id] };
  }
}

/** True for a debit of the item's price, up to the end of its running period. */
function isFor(
  { pricing, period }: Pick<InvoiceItem | InvoiceLine, 'pricing' | 'period'>,
  { price, current_period_end: end }: SubscriptionItem,
): boolean {
  return pricing?.price_details?.price === price.id && period.end === end;
}

/** The share of an item's price that is left after its discounts. */
function netShareOf(sandbox: Sandbox, subscription: Subscription, item: SubscriptionItem): Share {
  const whole = lineCents(unitAmountOf(item.price), item.quantity ?? 0);
  return whole === 0
    ? { part: 1, whole: 1 }
    : { part: discounted(sandbox, subscription, { item, cents: whole }), whole };
}

/** The subscription item that a line is of. A proration's line may name only the invoice item that it was. */
function subscriptionItemOf(sandbox: Sandbox, line: InvoiceLine): string | undefined {
  const item = sandbox.tables.invoiceItems.get(itemOf(line) ?? '');
  return (
    line.parent?.subscription_item_details?.subscription_item ?? item?.parent?.subscription_details?.subscription_item
  );
}

/** The invoice item that a line was before; null: it was none. */
function itemOf({ parent }: InvoiceLine): string | null {
  return parent?.subscription_item_details?.invoice_item ?? parent?.invoice_item_details?.invoice_item ?? null;
}

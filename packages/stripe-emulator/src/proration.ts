import { productNameOf } from './catalog.ts';
import { lastBoundary } from './calendar.ts';
import { type CreditedItems, debitOf } from './credited-items.ts';
import { discounted } from './discounts.ts';
import { isMetered, unitAmountOf } from './invoice-lines.ts';
import { lineCents, shareCents } from './money.ts';
import type { Sandbox } from './sandbox.ts';
import { type Period, periodOfItem } from './subscription-items.ts';
import type { Customer, InvoiceItem, Metadata, Price, Subscription, SubscriptionItem } from './wire.ts';

/**
 * The cost of a change in the middle of a period: the unused time of what was paid ahead is given back, the remaining
 * time of what replaces it is charged, both by the second. Time that is over, or that a pause has given back already, is neither.
 * Nothing is kept yet.
 */
export function prorate(
  sandbox: Sandbox,
  subscription: Subscription,
  { before, after, at }: ProrationScope,
): InvoiceItem[] {
  const isSame = (a: SubscriptionItem, b: SubscriptionItem | undefined): boolean =>
    b !== undefined && a.price.id === b.price.id && a.quantity === b.quantity;
  const twin = (items: readonly SubscriptionItem[], item: SubscriptionItem): SubscriptionItem | undefined =>
    items.find((each) => each.id === item.id);
  const shared = { subscription, at };
  if (isGivenBack(sandbox, subscription)) return [];
  const isSold = (item: SubscriptionItem): boolean => !isMetered(item.price) && at < item.current_period_end;
  const credits = before
    .filter((item) => isSold(item) && !isSame(item, twin(after, item)))
    .map((item) => prorationItem(sandbox, { ...shared, item, sign: -1 }));
  const debits = after
    .filter((item) => isSold(item) && !isSame(item, twin(before, item)))
    .map((item) => prorationItem(sandbox, { ...shared, item, sign: 1 }));
  return [...credits, ...debits];
}

/** True while a subscription is paused whose unused time was given back. */
function isGivenBack(sandbox: Sandbox, { id, status }: Subscription): boolean {
  return status === 'paused' && sandbox.tables.subscriptionNotes.get(id)?.creditedByPause === true;
}

interface ProrationScope {
  readonly before: readonly SubscriptionItem[];
  readonly after: readonly SubscriptionItem[];
  readonly at: number;
}

interface ProrationPart {
  readonly subscription: Subscription;
  readonly item: SubscriptionItem;
  readonly at: number;
  readonly sign: 1 | -1;
}

function prorationItem(sandbox: Sandbox, { subscription, item, at, sign }: ProrationPart): InvoiceItem {
  const period = periodOfItem(item);
  const quantity = item.quantity ?? 0;
  const gross = lineCents(unitAmountOf(item.price), quantity);
  const debit = sign < 0 ? debitOf(sandbox, subscription, item) : null;
  // A credit gives back what was charged; a debit costs what the item would cost now.
  const full =
    debit === null ? discounted(sandbox, subscription, { item, cents: gross }) : shareCents(gross, debit.paid);
  // A first period that an anchor cut short costs its share of a whole one.
  const cadence = item.price.recurring ?? { interval: 'month', interval_count: 1 };
  const from = lastBoundary(subscription.billing_cycle_anchor, cadence, period.start);
  const cents = shareCents(full, { part: period.end - at, whole: period.end - from });
  // Half a cent goes away from zero in both directions, so that undoing a change gives back what it took.
  const amount = sign * cents;
  const day = new Intl.DateTimeFormat('en-GB', { day: '2-digit', month: 'short', year: 'numeric', timeZone: 'UTC' });
  const when = day.format(new Date(at * 1000));
  const name = `${quantity === 1 ? '' : `${quantity} × `}${productNameOf(sandbox, item.price)}`;
  return blankItem(sandbox, {
    customer: subscription.customer,
    amount: amount === 0 ? 0 : amount,
    currency: item.price.currency,
    description: `${sign < 0 ? 'Unused' : 'Remaining'} time on ${name} after ${when}`,
    period: { start: at, end: period.end },
    quantity,
    price: item.price,
    proration: true,
    subscription: subscription.id,
    subscriptionItem: item.id,
    credited: debit?.named ?? null,
    metadata: {},
  });
}

export interface NewInvoiceItem {
  readonly customer: string;
  readonly amount: number;
  readonly currency: string;
  readonly description: string | null;
  readonly period: Period;
  readonly quantity: number;
  readonly price: Price | null;
  readonly unitAmount?: string | null;
  readonly proration: boolean;
  readonly subscription: string | null;
  readonly subscriptionItem: string | null;
  /** The debit that a credit for unused time applies to; null: it is none, or nothing was charged. */
  readonly credited: CreditedItems | null;
  readonly metadata: Metadata;
}

/** An invoice item that waits for an invoice. */
export function blankItem(sandbox: Sandbox, parameters: NewInvoiceItem): InvoiceItem {
  const { price, subscription, subscriptionItem, credited } = parameters;
  return {
    id: sandbox.newId('ii'),
    object: 'invoiceitem',
    amount: parameters.amount,
    currency: parameters.currency,
    customer: parameters.customer,
    customer_account: null,
    date: sandbox.now(),
    description: parameters.description,
    discountable: !parameters.proration,
    discounts: [],
    invoice: null,
    livemode: false,
    metadata: parameters.metadata,
    net_amount: parameters.amount,
    parent:
      subscription === null
        ? null
        : {
            subscription_details: {
              subscription,
              ...(subscriptionItem !== null && { subscription_item: subscriptionItem }),
            },
            type: 'subscription_details',
          },
    period: { ...parameters.period },
    pricing: {
      ...(price !== null && { price_details: { price: price.id, product: price.product } }),
      type: 'price_details',
      unit_amount_decimal: price === null ? (parameters.unitAmount ?? String(parameters.amount)) : unitAmountOf(price),
    },
    proration: parameters.proration,
    ...(parameters.proration && {
      proration_details: { credited_items: credited, discount_amounts: [] },
    }),
    quantity: parameters.quantity,
    quantity_decimal: String(parameters.quantity),
    tax_rates: [],
    test_clock: null,
  };
}

/** Keeps items, so that the next invoice of their customer takes them. */
export function keepItems(sandbox: Sandbox, items: readonly InvoiceItem[]): void {
  for (const item of items) {
    sandbox.tables.invoiceItems.set(item.id, item);
    sandbox.emit('invoiceitem.created', item);
  }
}

/** Prorations of a subscription that wait for an invoice are given up. */
export function dropProrations(sandbox: Sandbox, subscription: Subscription): void {
  for (const item of sandbox.tables.invoiceItems.values()) {
    const owner = item.parent?.subscription_details?.subscription;
    if (!item.proration || item.invoice !== null || owner !== subscription.id) continue;
    sandbox.tables.invoiceItems.delete(item.id);
    sandbox.emit('invoiceitem.deleted', item);
  }
}

/** Items that wait for an invoice of this subscription, or for any invoice of the customer. */
export function waitingItems(sandbox: Sandbox, customer: Customer, subscription: string | null): InvoiceItem[] {
  return [...sandbox.tables.invoiceItems.values()].filter((item) => {
    if (item.customer !== customer.id || item.invoice !== null) return false;
    const owner = item.parent?.subscription_details?.subscription ?? null;
    return owner === null || owner === subscription;
  });
}

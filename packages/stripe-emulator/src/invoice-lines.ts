import { productNameOf } from './catalog.ts';
import { running } from './discounts.ts';
import { formatMoney, lineCents, shareCents } from './money.ts';
import type { Sandbox } from './sandbox.ts';
import type { InvoiceItem, InvoiceLine, Price, Subscription, SubscriptionItem } from './wire.ts';

interface Period {
  readonly start: number;
  readonly end: number;
}

interface RecurringLine {
  readonly item: SubscriptionItem;
  readonly period: Period;
  readonly free?: boolean;
  /** The period of which this is a part; absent: it is whole. */
  readonly whole?: Period | undefined;
}

/** A subscription item's price for a period. */
export function recurringLine(
  sandbox: Sandbox,
  subscription: Pick<Subscription, 'id' | 'metadata'>,
  { item, period, free = false, whole = period }: RecurringLine,
): InvoiceLine {
  const quantity = item.quantity ?? 0;
  const name = productNameOf(sandbox, item.price);
  const full = free ? 0 : lineCents(unitAmountOf(item.price), quantity);
  const isPart = whole !== period;
  const amount = isPart ? shareCents(full, { part: period.end - period.start, whole: whole.end - whole.start }) : full;
  return {
    ...blankLine(sandbox, item.price, period),
    amount,
    subtotal: amount,
    discounts: free ? [] : running(sandbox, item.discounts).map(({ id }) => id),
    description: free ? `Free trial for ${quantity} × ${name}` : describe(sandbox, item.price, quantity),
    metadata: subscription.metadata,
    parent: parentOfItem(subscription.id, item.id, isPart && sandbox.behaviour.firstPeriodProrates),
    pricing: pricingOf(item.price, free ? '0' : unitAmountOf(item.price)),
    quantity,
    quantity_decimal: String(quantity),
    subscription: subscription.id,
  };
}

/** A metered price for what was used in a period: units times price, rounded once. */
export function usageLine(
  sandbox: Sandbox,
  subscription: Pick<Subscription, 'id' | 'metadata'>,
  { item, period, units }: { item: SubscriptionItem; period: Period; units: number },
): InvoiceLine {
  const line = recurringLine(sandbox, subscription, { item, period });
  countUsage(sandbox, line, { price: item.price, units });
  return line;
}

/** Sets a usage line to a count, as long as its invoice is a draft. */
export function countUsage(
  sandbox: Sandbox,
  line: InvoiceLine,
  { price, units }: { price: Price; units: number },
): void {
  line.quantity = units;
  line.quantity_decimal = String(units);
  line.amount = lineCents(unitAmountOf(price), units);
  line.subtotal = line.amount;
  line.description = describe(sandbox, price, units);
}

/** An invoice item, on the invoice that takes it. */
export function itemLine(sandbox: Sandbox, item: InvoiceItem): InvoiceLine {
  const subscription = item.parent?.subscription_details ?? null;
  const credited = item.proration_details?.credited_items?.invoice_line_item_details ?? null;
  const prorationDetails = item.proration ? { credited_items: credited } : null;
  const subscriptionItem =
    sandbox.behaviour.prorationParent === 'subscription_item_details' && item.proration
      ? subscription?.subscription_item
      : undefined;
  return {
    id: sandbox.newId('il'),
    object: 'line_item',
    amount: item.amount,
    currency: item.currency,
    description: item.description,
    discount_amounts: [],
    discountable: item.discountable,
    discounts: [],
    invoice: null,
    livemode: false,
    metadata: item.metadata ?? {},
    parent:
      subscription !== null && subscriptionItem !== undefined
        ? {
            invoice_item_details: null,
            subscription_item_details: {
              invoice_item: item.id,
              proration: true,
              proration_details: prorationDetails,
              subscription: subscription.subscription,
              subscription_item: subscriptionItem,
            },
            type: 'subscription_item_details',
          }
        : {
            invoice_item_details: {
              invoice_item: item.id,
              proration: item.proration,
              proration_details: prorationDetails,
              subscription: subscription?.subscription ?? null,
            },
            subscription_item_details: null,
            type: 'invoice_item_details',
          },
    period: { ...item.period },
    pretax_credit_amounts: [],
    pricing: item.pricing && {
      ...(item.pricing.price_details !== undefined && { price_details: { ...item.pricing.price_details } }),
      type: 'price_details',
      unit_amount_decimal: item.pricing.unit_amount_decimal,
    },
    quantity: item.quantity,
    quantity_decimal: item.quantity_decimal,
    subscription: subscription?.subscription ?? null,
    subtotal: item.amount,
    taxes: [],
  };
}

/** A one-time price, as Checkout sells it. */
export function saleLine(
  sandbox: Sandbox,
  { price, quantity, period }: { price: Price; quantity: number; period: Period },
): InvoiceLine {
  const amount = lineCents(unitAmountOf(price), quantity);
  return {
    ...blankLine(sandbox, price, period),
    amount,
    subtotal: amount,
    description: productNameOf(sandbox, price),
    parent: {
      invoice_item_details: {
        invoice_item: sandbox.newId('ii'),
        proration: false,
        proration_details: null,
        subscription: null,
      },
      subscription_item_details: null,
      type: 'invoice_item_details',
    },
    pricing: pricingOf(price, unitAmountOf(price)),
    quantity,
    quantity_decimal: String(quantity),
    subscription: null,
  };
}

/** Cents of one unit, exactly. */
export function unitAmountOf(price: Price): string {
  return price.unit_amount_decimal ?? String(price.unit_amount ?? 0);
}

/** True for use that a meter counts instead of being bought ahead. */
export function isMetered(price: Price): boolean {
  return price.recurring?.usage_type === 'metered';
}

function parentOfItem(subscription: string, item: string, proration: boolean): InvoiceLine['parent'] {
  return {
    invoice_item_details: null,
    subscription_item_details: {
      invoice_item: null,
      proration,
      proration_details: { credited_items: null },
      subscription,
      subscription_item: item,
    },
    type: 'subscription_item_details',
  };
}

function pricingOf(price: Price, unitAmount: string): InvoiceLine['pricing'] {
  return {
    price_details: { price: price.id, product: price.product },
    type: 'price_details',
    unit_amount_decimal: unitAmount,
  };
}

function blankLine(
  sandbox: Sandbox,
  price: Price,
  period: Period,
): Pick<
  InvoiceLine,
  | 'id'
  | 'object'
  | 'currency'
  | 'discount_amounts'
  | 'discountable'
  | 'discounts'
  | 'invoice'
  | 'livemode'
  | 'metadata'
  | 'period'
  | 'pretax_credit_amounts'
  | 'taxes'
> {
  return {
    id: sandbox.newId('il'),
    object: 'line_item',
    currency: price.currency,
    discount_amounts: [],
    discountable: true,
    discounts: [],
    invoice: null,
    livemode: false,
    metadata: {},
    period: { start: period.start, end: period.end },
    pretax_credit_amounts: [],
    taxes: [],
  };
}

/** `2 × Pro (at $20.00 / month)` */
function describe(sandbox: Sandbox, price: Price, quantity: number): string {
  const unit = unitAmountOf(price);
  const amount = unit.includes('.') ? `${unit} cents` : formatMoney(Number(unit), price.currency);
  return `${quantity} × ${productNameOf(sandbox, price)} (at ${amount} / ${price.recurring?.interval ?? 'unit'})`;
}

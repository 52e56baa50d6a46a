import { automaticTaxesOf, type TaxPlace } from './automatic-tax.ts';
import { centsOff } from './discounts.ts';
import type { Sandbox } from './sandbox.ts';
import { taxesOf } from './tax-rates.ts';
import type { Invoice, InvoiceLine, Subscription, TaxRate } from './wire.ts';

/** The smallest charge. Less goes to the customer's balance and waits for the next invoice. */
export const LEAST_CHARGE_CENTS = 50;

/** Sums the lines up, less discounts and with taxes, and sets the customer's balance against them. */
export function addUp(sandbox: Sandbox, invoice: Invoice): void {
  const subscription = sandbox.tables.subscriptions.get(invoice.parent?.subscription_details?.subscription ?? '');
  const left = new Map<string, number>();
  for (const line of invoice.lines.data) {
    line.discount_amounts = discountsOf(sandbox, { invoice, line, left });
    line.taxes = invoice.automatic_tax.enabled
      ? automaticTaxesOf(sandbox, placeOf(invoice), { price: line.pricing?.price_details?.price, cents: netOf(line) })
      : taxesOf(ratesOfLine(subscription, line), netOf(line));
  }
  const lines = invoice.lines.data;
  const subtotal = lines.reduce((sum, line) => sum + line.amount, 0);
  const net = lines.reduce((sum, line) => sum + netOf(line), 0);
  const taxes = lines.flatMap((line) => line.taxes ?? []);
  const sumOf = (behavior: string): number =>
    taxes.filter((tax) => tax.tax_behavior === behavior).reduce((sum, tax) => sum + tax.amount, 0);
  invoice.subtotal = subtotal;
  invoice.subtotal_excluding_tax = subtotal - sumOf('inclusive');
  invoice.total = net + sumOf('exclusive');
  invoice.total_excluding_tax = net - sumOf('inclusive');
  invoice.total_discount_amounts = merged(lines.flatMap((line) => line.discount_amounts ?? []));
  invoice.total_taxes = taxes;
  const owed = invoice.total + invoice.starting_balance;
  invoice.amount_due = owed >= LEAST_CHARGE_CENTS ? owed : 0;
  invoice.amount_remaining = invoice.amount_due - invoice.amount_paid;
}

/** The price of a line after its discounts, and before taxes that come on top. */
export function netOf(line: Pick<InvoiceLine, 'amount' | 'discount_amounts'>): number {
  return line.amount - (line.discount_amounts ?? []).reduce((sum, { amount }) => sum + amount, 0);
}

/** A line's own discounts go before its invoice's. A sum that is taken off an invoice is taken off once, line by line. */
function discountsOf(
  sandbox: Sandbox,
  { invoice, line, left }: { invoice: Invoice; line: InvoiceLine; left: Map<string, number> },
): NonNullable<InvoiceLine['discount_amounts']> {
  if (!line.discountable || line.amount <= 0) return [];
  let net = line.amount;
  const found: { amount: number; discount: string }[] = [];
  for (const id of [...line.discounts, ...invoice.discounts]) {
    const discount = sandbox.tables.discounts.get(id);
    if (discount === undefined) continue;
    const terms = sandbox.tables.couponTerms.get(discount.source.coupon ?? '');
    const most = terms?.amount_off == null ? net : (left.get(id) ?? terms.amount_off);
    const amount = Math.min(centsOff(sandbox, discount, net), most);
    if (terms?.amount_off != null) left.set(id, most - amount);
    net -= amount;
    found.push({ amount, discount: id });
  }
  return found;
}

function merged(amounts: readonly { amount: number; discount: string }[]): { amount: number; discount: string }[] {
  const sums = new Map<string, number>();
  for (const { amount, discount } of amounts) sums.set(discount, (sums.get(discount) ?? 0) + amount);
  return [...sums].map(([discount, amount]) => ({ amount, discount }));
}

function placeOf({ customer_address: address, customer_tax_ids: taxIds }: Invoice): TaxPlace {
  return { country: address?.country ?? null, hasTaxId: (taxIds ?? []).length > 0 };
}

/** An item's own rates take the place of its subscription's. */
function ratesOfLine(subscription: Subscription | undefined, line: InvoiceLine): readonly TaxRate[] {
  if (subscription === undefined) return [];
  const id = line.parent?.subscription_item_details?.subscription_item;
  const own = subscription.items.data.find((item) => item.id === id)?.tax_rates ?? [];
  return own.length > 0 ? own : (subscription.default_tax_rates ?? []);
}

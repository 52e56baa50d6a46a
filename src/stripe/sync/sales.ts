/** What an invoice sold that brings credits, and for how much. Pure functions of Stripe's objects. */
import type { Stripe } from 'stripe';
import { type BaseLine, basesOfInvoice, basesOf } from './base-lines.ts';
import { givesBack, isProration, planOfLine, subscriptionOfLine } from './lines.ts';

type Line = Stripe.InvoiceLineItem;

/** Something that an invoice sold: base credits of a period, a change of units, or a purchase. */
export interface Sale {
  readonly invoiceId: string;
  /** The lines that charged it. */
  readonly lines: readonly Line[];
  /** What it cost, in cents, after discounts. Of a change, what it gave back is taken off. */
  readonly cents: number;
  /** Units that a change brings, below 0 where it takes some; 0: no change. */
  readonly units: number;
  /** Base credits that it is the price of; none: its credits are named by its lines alone. */
  readonly bases: readonly BaseLine[];
  /** The lines in whose place it came, and what it gave back of each. */
  readonly replaced: readonly Line[];
  /** What it gave back beyond what it charged, in cents: fewer units or less time (rule 24). */
  readonly givenBack: number;
}

/** All that the invoice sold, in the order of its lines. Lines that are of nothing of ours are sales without credits. */
export function salesOf(invoice: Stripe.Invoice, subscriptions: readonly Stripe.Subscription[]): Sale[] {
  const isChange = (line: Line): boolean =>
    isProration(line) &&
    planOfLine(line) !== null &&
    !(invoice.billing_reason === 'subscription_create' && !givesBack(line));
  const bases = basesOfInvoice(invoice, subscriptions);
  const groups = Map.groupBy(invoice.lines.data, (line) => {
    const { start, end } = line.period;
    if (isChange(line)) return `change ${start} ${end}`;
    const subscription = subscriptions.find(({ id }) => id === subscriptionOfLine(line));
    return basesOf(invoice, line, subscription).length > 0
      ? `base ${subscriptionOfLine(line)} ${start} ${end}`
      : line.id;
  });
  return [...groups.values()].map((lines) => {
    const [first] = lines as [Line, ...Line[]];
    if (isChange(first)) return changeOf(invoice, lines);
    const isOwn = ({ subscriptionId, line: { start, end } }: BaseLine): boolean =>
      subscriptionId === subscriptionOfLine(first) &&
      start.getTime() === first.period.start * 1_000 &&
      end.getTime() === first.period.end * 1_000;
    const cents = Math.max(sumOf(lines), 0);
    const isBase = lines.some((line) => planOfLine(line) !== null);
    const own = isBase ? bases.filter(isOwn) : [];
    return { invoiceId: invoice.id, lines, cents, units: 0, bases: own, replaced: [], givenBack: 0 };
  });
}

/**
 * A change in the middle of a period: the lines of what was before give back what is left of it, the others charge what comes.
 * Its net is a price where it brings more units, and money that goes back where it brings fewer units or less time. A change
 * of prices that leaves the units as they are takes no credits.
 */
function changeOf({ id: invoiceId }: Stripe.Invoice, all: readonly Line[]): Sale {
  const [replaced, lines] = [all.filter(givesBack), all.filter((line) => !givesBack(line))];
  const units = unitsOf(lines) - unitsOf(replaced);
  const net = sumOf(all);
  const cents = units > 0 ? Math.max(net, 0) : 0;
  const givenBack = units < 0 ? Math.max(-net, 0) : 0;
  return { invoiceId, lines, cents, units, bases: [], replaced, givenBack };
}

/** The price of a line after its discounts, in cents; below 0 where it gives back. */
export function centsOf({ amount, discount_amounts: discounts }: Line): number {
  const discounted = (discounts ?? []).reduce((sum, each) => sum + each.amount, 0);
  return amount < 0 ? amount : amount - discounted;
}

export function sumOf(lines: readonly Line[]): number {
  return lines.reduce((sum, line) => sum + centsOf(line), 0);
}

function unitsOf(lines: readonly Line[]): number {
  return lines.reduce((sum, { quantity }) => sum + (quantity ?? 0), 0);
}

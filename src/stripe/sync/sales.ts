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
  /** How much it sold, as `extentOf` counts. Of a change, what it came in place of is taken off. */
  readonly extent: bigint;
  /** The lines in whose place it came. */
  readonly replaced: readonly Line[];
  /** How much more it took away than it sold, as `extentOf` counts: fewer units or less time (rule 24). */
  readonly givenBack: bigint;
}

/** A sale, and the part of its price that went back: `gone` of `paid`, which are parts and no cents. */
export interface ReturnedSale {
  readonly sale: Sale;
  readonly gone: bigint;
  readonly paid: bigint;
  readonly cameBack: boolean;
  /** Where the money went, for the ledger. */
  readonly reason: string;
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
    const extent = extentOfAll(lines);
    return { invoiceId: invoice.id, lines, cents, units: 0, bases: own, extent, replaced: [], givenBack: 0n };
  });
}

/**
 * A change in the middle of a period: the lines of what was before give back what is left of it, the others charge what comes.
 * What it brings or takes are units for a time, whatever either costs: a change of prices that leaves the units takes nothing,
 * and a discount that comes or goes meanwhile makes neither more nor fewer of them.
 */
function changeOf({ id: invoiceId }: Stripe.Invoice, all: readonly Line[]): Sale {
  const [replaced, lines] = [all.filter(givesBack), all.filter((line) => !givesBack(line))];
  const units = unitsOf(lines) - unitsOf(replaced);
  const net = extentOfAll(lines) - extentOfAll(replaced);
  const cents = units > 0 ? Math.max(sumOf(all), 0) : 0;
  const [extent, givenBack] = net > 0n ? [net, 0n] : [0n, -net];
  return { invoiceId, lines, cents, units, bases: [], extent, replaced, givenBack };
}

/** How much a line is of: units times seconds of a plan, or cents of anything else. Only lines of one sale can be compared by it. */
export function extentOf(line: Line): bigint {
  const seconds = line.period.end - line.period.start;
  if (planOfLine(line) === null || seconds <= 0) return BigInt(Math.abs(centsOf(line)));
  return BigInt(line.quantity ?? 0) * BigInt(seconds);
}

export function extentOfAll(lines: readonly Line[]): bigint {
  return lines.reduce((sum, line) => sum + extentOf(line), 0n);
}

/** The price of a line after its discounts, in cents; below 0 where it gives back. */
export function centsOf({ amount, discount_amounts: discounts }: Line): number {
  const discounted = (discounts ?? []).reduce((sum, each) => sum + each.amount, 0);
  return amount < 0 ? amount : amount - discounted;
}

function sumOf(lines: readonly Line[]): number {
  return lines.reduce((sum, line) => sum + centsOf(line), 0);
}

function unitsOf(lines: readonly Line[]): number {
  return lines.reduce((sum, { quantity }) => sum + (quantity ?? 0), 0);
}

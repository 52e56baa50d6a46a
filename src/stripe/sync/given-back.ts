/**
 * Money that Stripe gave back as credit: by prorations that come to fewer units or less time, and by credit notes (rule 24).
 * It is taken off the line that was paid, once, and counted as lines count: by units and time, so that neither rounding nor a
 * discount that came meanwhile makes it more or less. Pure functions of Stripe's objects.
 */
import type { Stripe } from 'stripe';
import type { Affairs } from './affairs.ts';
import { creditedBy } from './lines.ts';
import { centsOf, extentOf, extentOfAll, type Sale, salesOf } from './sales.ts';

/** A sale of a paid invoice, and how much of its extent went back as credit. */
export interface SaleGivenBack extends Sale {
  readonly taken: bigint;
}

/** Money that went back without Stripe's telling of which line: its credits are left as they are, and people decide. */
export interface UntoldCredit {
  /** The invoice that gives it back, or that a credit note is about. */
  readonly invoiceId: string;
  readonly cents: number;
}

interface Ledger {
  readonly sale: Sale;
  taken: bigint;
}

/**
 * All sales of paid invoices, with what was given back of each.
 * @param notes all credit notes about these invoices
 */
export function givenBackOf(
  { invoices, subscriptions }: Pick<Affairs, 'invoices' | 'subscriptions'>,
  notes: readonly Stripe.CreditNote[],
): { readonly sales: readonly SaleGivenBack[]; readonly untold: readonly UntoldCredit[] } {
  const byLine = new Map<string, Ledger>();
  const all: Ledger[] = [];
  const untold: UntoldCredit[] = [];
  // Stripe lists the newest first, also of one second.
  const paid = invoices.filter(({ status }) => status === 'paid').toReversed();
  for (const invoice of paid) {
    for (const sale of salesOf(invoice, subscriptions)) {
      const entry = { sale, taken: 0n };
      all.push(entry);
      for (const { id } of sale.lines) byLine.set(keyOf(invoice.id, id), entry);
    }
  }
  const book = new Book(byLine, untold);
  for (const { sale } of all) {
    if (sale.givenBack > 0n) book.giveBack(sale.invoiceId, sale.replaced, sale.givenBack);
  }
  for (const note of notes) book.note(note, paid);
  return { sales: all.map(({ sale, taken }) => ({ ...sale, taken })), untold };
}

/** Takes money that went back off the lines that had been paid. */
class Book {
  readonly #byLine: ReadonlyMap<string, Ledger>;
  readonly #untold: UntoldCredit[];

  constructor(byLine: ReadonlyMap<string, Ledger>, untold: UntoldCredit[]) {
    this.#byLine = byLine;
    this.#untold = untold;
  }

  /** Shares an extent among the lines that gave it back, each in proportion to its own. A line of no money gave none back. */
  giveBack(invoiceId: string, lines: readonly Stripe.InvoiceLineItem[], extent: bigint): void {
    const all = extentOfAll(lines);
    let left = extent;
    for (const [index, line] of lines.entries()) {
      const share = index === lines.length - 1 ? left : (extent * extentOf(line)) / all;
      left -= share;
      const credited = creditedBy(line);
      const [of, ...others] = credited?.invoice_line_items ?? [];
      const entry = of === undefined || others.length > 0 ? undefined : this.#byLine.get(keyOf(credited?.invoice, of));
      if (line.amount >= 0 || share === 0n) continue;
      if (entry === undefined) this.#untold.push({ invoiceId, cents: centsIn(line, share) });
      else this.#take(entry, share);
    }
  }

  /** Takes a credit note's money off its lines. What it sent back to the card is a refund, which is read from the charge. */
  note({ invoice, lines, refunds, status, total }: Stripe.CreditNote, paid: readonly Stripe.Invoice[]): void {
    const id = typeof invoice === 'string' ? invoice : invoice.id;
    const credited = paid.find((each) => each.id === id);
    if (status === 'void' || credited === undefined || total <= 0) return;
    const asCredit = total - refunds.reduce((sum, each) => sum + each.amount_refunded, 0);
    // Where one line alone cost something, there is no question which line's money it is.
    const [first, ...others] = credited.lines.data.filter(({ amount }) => amount > 0);
    const only = others.length === 0 ? first?.id : undefined;
    const named =
      lines.data.length === 0
        ? [{ amount: total, of: only }]
        : lines.data.map((line) => ({ amount: line.amount, of: line.invoice_line_item ?? only }));
    for (const { amount, of } of named) {
      const cents = Math.floor((amount * asCredit) / total);
      const line = credited.lines.data.find((each) => each.id === of);
      const entry = line === undefined ? undefined : this.#byLine.get(keyOf(id, line.id));
      if (cents <= 0) continue;
      if (entry === undefined || line === undefined) this.#untold.push({ invoiceId: id, cents });
      else this.#take(entry, extentFor(line, cents));
    }
  }

  /**
   * Takes an extent off a sale, never more than it sold. A line of a change stands besides for what is left of the lines in whose
   * place it came: what goes beyond its own part is taken off those.
   */
  #take(entry: Ledger, extent: bigint): void {
    const { sale } = entry;
    const own = least(extent, sale.extent - entry.taken);
    entry.taken += own;
    const rest = least(extent - own, extentOfAll(sale.replaced) - sale.givenBack);
    if (rest > 0n) this.giveBack(sale.invoiceId, sale.replaced, rest);
  }
}

/** The part of a line that so many of its cents are the price of, at most all of it. */
function extentFor(line: Stripe.InvoiceLineItem, cents: number): bigint {
  const all = Math.max(centsOf(line), 1);
  return (extentOf(line) * BigInt(Math.min(cents, all))) / BigInt(all);
}

/** The cents that a part of a line gave back. */
function centsIn(line: Stripe.InvoiceLineItem, extent: bigint): number {
  return Number((BigInt(-centsOf(line)) * extent) / extentOf(line));
}

function least(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}

function keyOf(invoiceId: string | undefined, lineId: string): string {
  return `${invoiceId} ${lineId}`;
}

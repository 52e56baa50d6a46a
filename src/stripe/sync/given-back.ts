/**
 * Money that Stripe gave back as credit: by prorations that come to fewer units or less time, and by credit notes (rule 24).
 * Each cent is taken off the line that was paid, once. Pure functions of Stripe's objects.
 */
import type { Stripe } from 'stripe';
import type { Affairs } from './affairs.ts';
import { creditedBy } from './lines.ts';
import { type Sale, salesOf, sumOf, centsOf } from './sales.ts';

/** A sale of a paid invoice, and how many of its cents went back as credit. */
export interface SaleGivenBack extends Sale {
  readonly credited: number;
}

/** Money that went back without Stripe's telling of which line: its credits are left as they are, and people decide. */
export interface UntoldCredit {
  /** The invoice that gives it back, or that a credit note is about. */
  readonly invoiceId: string;
  readonly cents: number;
}

interface Ledger {
  readonly sale: Sale;
  credited: number;
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
      const entry = { sale, credited: 0 };
      all.push(entry);
      for (const { id } of sale.lines) byLine.set(keyOf(invoice.id, id), entry);
    }
  }
  const book = new Book(byLine, untold);
  for (const { sale } of all) {
    if (sale.givenBack > 0) book.giveBack(sale.invoiceId, sale.replaced, sale.givenBack);
  }
  for (const note of notes) book.note(note, paid);
  return { sales: all.map(({ sale, credited }) => ({ ...sale, credited })), untold };
}

/** Takes money that went back off the lines that had been paid. */
class Book {
  readonly #byLine: ReadonlyMap<string, Ledger>;
  readonly #untold: UntoldCredit[];

  constructor(byLine: ReadonlyMap<string, Ledger>, untold: UntoldCredit[]) {
    this.#byLine = byLine;
    this.#untold = untold;
  }

  /** Shares cents among the lines that gave them back, each in proportion to what it gave. */
  giveBack(invoiceId: string, lines: readonly Stripe.InvoiceLineItem[], cents: number): void {
    const all = -sumOf(lines);
    let left = cents;
    for (const [index, line] of lines.entries()) {
      const share = index === lines.length - 1 ? left : Math.floor((cents * -centsOf(line)) / all);
      left -= share;
      const credited = creditedBy(line);
      const [of, ...others] = credited?.invoice_line_items ?? [];
      const entry = of === undefined || others.length > 0 ? undefined : this.#byLine.get(keyOf(credited?.invoice, of));
      if (entry === undefined) this.#untold.push({ invoiceId, cents: share });
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
      const entry = of === undefined ? undefined : this.#byLine.get(keyOf(id, of));
      if (cents <= 0) continue;
      if (entry === undefined) this.#untold.push({ invoiceId: id, cents });
      else this.#take(entry, cents);
    }
  }

  /**
   * Takes cents off a sale, never more than it cost. A line of a change stands besides for what is left of the lines in whose
   * place it came: what goes beyond its own price is taken off those.
   */
  #take(entry: Ledger, cents: number): void {
    const { sale } = entry;
    const own = Math.min(cents, sale.cents - entry.credited);
    entry.credited += own;
    const charged = sumOf(sale.lines) - sale.cents;
    const left = -sumOf(sale.replaced) - sale.givenBack;
    const rest = charged <= 0 ? 0 : Math.round(((cents - own) * left) / charged);
    if (rest > 0) this.giveBack(sale.invoiceId, sale.replaced, rest);
  }
}

function keyOf(invoiceId: string | undefined, lineId: string): string {
  return `${invoiceId} ${lineId}`;
}

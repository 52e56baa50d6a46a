/**
 * The credits that Stripe's objects say were paid for and not given back, read from invoices line by line and by the time that
 * each line covers. It shares nothing with the code that grants credits: it knows Stripe's objects and the plan's terms.
 */
import type { Stripe } from 'stripe';
import type { Buyer, Till } from '../../support/till.ts';

type Line = Stripe.InvoiceLineItem;

const PRODUCT = 'tollgate_pro';
const UNIT = 500_000;
/** Shorter periods are parts of a month. */
const SHORTEST_MONTH_S = 28 * 86_400;

export interface PaidTime {
  readonly credits: number;
  /** Stripe rounds to cents, and a cent is many credits. */
  readonly tolerance: number;
}

/** Something that lines sold, with what was taken of it since. */
interface Sold {
  readonly invoiceId: string;
  readonly credits: number;
  readonly cents: number;
  /** The lines in whose place it came, with the credits that were left of each. */
  readonly replaced: readonly (readonly [Line, number])[];
  taken: number;
  noted: number;
}

/** Reads what a buyer paid for. */
export async function paidTimeOf(till: Till, buyer: Buyer): Promise<PaidTime> {
  const invoices = await till.invoicesOf(buyer);
  const customer = await till.customerOf(buyer);
  const notes = await till.stripe.list('credit_note', (sdk, page) => sdk.creditNotes.list({ customer, ...page }));
  const paid = invoices.filter(({ status }) => status === 'paid').toReversed();
  const book = new Book(paid, invoices);
  for (const note of notes) book.note(note);
  let [credits, tolerance] = [0, book.tolerance];
  for (const sold of book.sold) {
    const gone = await refundedOf(till, paid.find(({ id }) => id === sold.invoiceId) as Stripe.Invoice);
    const share = sold.taken / sold.credits + (sold.cents > 0 ? sold.noted / sold.cents : 0) + gone;
    credits += sold.credits * Math.max(0, 1 - share);
    tolerance += 1;
  }
  return { credits, tolerance };
}

class Book {
  readonly sold: Sold[] = [];
  readonly #byLine = new Map<string, Sold>();
  readonly #months: readonly Line[];
  tolerance = 0;

  constructor(paid: readonly Stripe.Invoice[], invoices: readonly Stripe.Invoice[]) {
    const planLinesOf = (invoice: Stripe.Invoice) => [invoice, invoice.lines.data.filter(isPlan)] as const;
    const all = paid.map(planLinesOf);
    // A month has its length whether it is paid or not.
    this.#months = invoices
      .map(planLinesOf)
      .flatMap(([invoice, lines]) => lines.filter((line) => !isChange(invoice, line)));
    const backs: [Line, number][][] = [];
    for (const [invoice, lines] of all) {
      for (const line of lines.filter((each) => !isChange(invoice, each))) {
        // A trial that begins a subscription brings a whole period's credits, however long it is.
        const isTrial = line.amount === 0 && invoice.billing_reason === 'subscription_create';
        const credits = isTrial ? (line.quantity ?? 0) * UNIT : this.#creditsOf(line);
        if (line.amount > 0 || isTrial) this.#sell(invoice, [line], { credits, replaced: [] });
      }
      const changes = Map.groupBy(
        lines.filter((line) => isChange(invoice, line)),
        ({ period: { start, end } }) => `${start} ${end}`,
      );
      for (const change of changes.values()) {
        const [old, fresh] = [change.filter(isBack), change.filter((line) => !isBack(line))];
        const replaced = old.map((line): [Line, number] => [line, this.#creditsOf(line)]);
        const [before, after] = [sumOf(replaced), sumOf(fresh.map((line) => [line, this.#creditsOf(line)]))];
        if (after >= before) this.#sell(invoice, fresh, { credits: after - before, replaced });
        else {
          this.#sell(invoice, fresh, { credits: 0, replaced: scaled(replaced, after / before) });
          backs.push(scaled(replaced, (before - after) / before));
        }
      }
    }
    for (const back of backs) for (const [line, credits] of back) this.#take(line, credits);
  }

  /** A credit note takes its part of the line that it names. What it sends back to the card is a refund. */
  note({ status, lines, refunds }: Stripe.CreditNote): void {
    if (status === 'void' || refunds.length > 0) return;
    for (const { invoice_line_item: of, amount } of lines.data) {
      const sold = this.#byLine.get(of ?? '');
      if (sold === undefined) continue;
      sold.noted += amount;
      this.tolerance += 2 + sold.credits / Math.max(sold.cents, 1);
    }
  }

  #sell(
    { id: invoiceId }: Stripe.Invoice,
    lines: readonly Line[],
    { credits, replaced }: Pick<Sold, 'credits' | 'replaced'>,
  ): void {
    const cents = [...lines, ...replaced.map(([line]) => line)].reduce((sum, line) => sum + centsOf(line), 0);
    const sold = { invoiceId, credits: Math.max(credits, 0), cents, replaced, taken: 0, noted: 0 };
    if (sold.credits > 0) this.sold.push(sold);
    for (const { id } of lines) this.#byLine.set(id, sold);
  }

  /** Time that is given back is taken of the line that had charged it, and beyond that of what it had replaced. */
  #take(line: Line, credits: number): void {
    const [of] = creditedBy(line)?.invoice_line_items ?? [];
    const sold = of === undefined ? undefined : this.#byLine.get(of);
    if (sold === undefined) return;
    const own = Math.min(credits, sold.credits - sold.taken);
    sold.taken += own;
    this.tolerance += 2 + (1.5 * UNIT) / unitCentsOf(line);
    const before = sumOf(sold.replaced);
    if (before === 0) return;
    for (const [old, left] of sold.replaced) {
      const share = ((credits - own) * left) / before;
      if (share > 1) this.#take(old, share);
    }
  }

  #creditsOf(line: Line): number {
    const { start, end } = line.period;
    return ((line.quantity ?? 0) * UNIT * (end - start)) / this.#monthOf(line);
  }

  /** The length of the month that the line is the price of, or of a part of. */
  #monthOf(line: Line): number {
    const { start, end } = line.period;
    const whole = this.#months.find(
      (each) => ownerOf(each) === ownerOf(line) && each.period.end === end && each.period.start <= start,
    );
    const length = end - (whole?.period.start ?? start);
    // A change of most of a month is still a part of it.
    if (whole !== undefined && length >= SHORTEST_MONTH_S) return length;
    const from = new Date(end * 1_000);
    const day = from.getUTCDate();
    from.setUTCMonth(from.getUTCMonth() - 1, 1);
    const last = new Date(Date.UTC(from.getUTCFullYear(), from.getUTCMonth() + 1, 0)).getUTCDate();
    from.setUTCDate(Math.min(day, last));
    return end - from.getTime() / 1_000;
  }
}

/** The part of what an invoice cost that went back to the card. */
async function refundedOf(till: Till, { id: invoice, total }: Stripe.Invoice): Promise<number> {
  const payments = await till.stripe.list('invoice_payment', (sdk, page) =>
    sdk.invoicePayments.list({ invoice, status: 'paid', ...page }),
  );
  let [charged, gone] = [0, 0];
  for (const { payment } of payments) {
    const intent = payment.payment_intent as string;
    const charges = await till.stripe.list('charge', (sdk, page) =>
      sdk.charges.list({ payment_intent: intent, ...page }),
    );
    for (const charge of charges.filter((each) => each.paid)) {
      charged += charge.amount;
      gone += charge.amount_refunded;
    }
  }
  return gone === 0 ? 0 : gone / Math.max(charged, total);
}

function detailsOf({ parent }: Line) {
  return parent?.subscription_item_details ?? parent?.invoice_item_details;
}

const ownerOf = (line: Line): string | null | undefined => detailsOf(line)?.subscription;
const creditedBy = (line: Line) => detailsOf(line)?.proration_details?.credited_items;
const isPlan = ({ pricing }: Line): boolean => pricing?.price_details?.product === PRODUCT;
const isBack = (line: Line): boolean => line.amount < 0 || creditedBy(line) != null;

/** True for a change in the middle of a period. A first period that is cut short is none. */
function isChange({ billing_reason: reason }: Stripe.Invoice, line: Line): boolean {
  return detailsOf(line)?.proration === true && !(reason === 'subscription_create' && !isBack(line));
}

function centsOf({ amount, discount_amounts: discounts }: Line): number {
  return amount - (discounts ?? []).reduce((sum, each) => sum + each.amount, 0);
}

/** What a unit of the line costs, so that a cent can be told in credits; never nothing. */
function unitCentsOf({ pricing }: Line): number {
  return Math.max(Number(pricing?.unit_amount_decimal ?? 0) / 4, 1);
}

function sumOf(parts: readonly (readonly [Line, number])[]): number {
  return parts.reduce((sum, [, credits]) => sum + credits, 0);
}

function scaled(parts: readonly [Line, number][], by: number): [Line, number][] {
  return parts.map(([line, credits]) => [line, credits * by]);
}

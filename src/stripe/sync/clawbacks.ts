/**
 * Money that goes back takes the credits back that it bought: by a refund or a lost dispute, or as credit of Stripe's that a
 * credit note or a proration gives (rule 24).
 */
import type { Stripe } from 'stripe';
import type { Transfers } from '../../credits/transfers.ts';
import { tryAll } from '../../kernel/try-all.ts';
import { baseGrantOf, type GrantOfSale, type InvoiceCredits } from '../../subscriptions/invoice-credits.ts';
import type { StripeClient } from '../account/client.ts';
import { idOf } from '../account/values.ts';
import type { Affairs } from './affairs.ts';
import { givenBackOf, type SaleGivenBack, type UntoldCredit } from './given-back.ts';
import { decidingSales } from './paid-again.ts';
import { type ReturnedSale, type Sale, salesOf } from './sales.ts';

interface Options {
  readonly stripe: StripeClient;
  readonly credits: Pick<InvoiceCredits, 'grantsFor' | 'reinstate'>;
  readonly transfers: Pick<Transfers, 'clawBack'>;
}

/** An invoice's money in cents: the part that was paid, and the part of it that went back by refunds and disputes. */
interface Money {
  readonly paid: number;
  readonly gone: number;
  /** Some of the money that had gone back came again: a dispute was won, or a refund failed. */
  readonly cameBack: boolean;
}

/** All money of a customer that went back. */
export interface Returns {
  readonly sales: readonly ReturnedSale[];
  readonly untold: readonly UntoldCredit[];
}

/** True if money of the charge went back, or may have gone back and come again. */
export function isTouched({ amount_refunded: refunded, disputed }: Stripe.Charge): boolean {
  return refunded > 0 || disputed;
}

/**
 * Claws back and reinstates credits. Callers hold the customer's lock and have granted what was paid: only what was granted
 * can be clawed back.
 */
export class Clawbacks {
  readonly #options: Options;

  constructor(options: Options) {
    this.#options = options;
  }

  /**
   * Finds the money that went back.
   * @param charges those whose money may have moved
   * @throws Refusal PAYMENT_PROVIDER_ERROR, UNAVAILABLE
   */
  async find(affairs: Affairs, charges: readonly Stripe.Charge[]): Promise<Returns> {
    const { sales, untold } = givenBackOf(affairs, await this.#notesOf(affairs.invoices));
    const touched = new Set<string>();
    for (const charge of charges) for (const id of await this.#invoicesOf(charge)) touched.add(id);
    const found: ReturnedSale[] = [];
    for (const id of touched) {
      const invoice = affairs.invoices.find((each) => each.id === id) ?? (await this.#invoice(id));
      const known = sales.filter(({ invoiceId }) => invoiceId === id);
      const all = known.length > 0 ? known : salesOf(invoice, affairs.subscriptions).map(withoutCredit);
      const money = await this.#moneyOf(invoice);
      if (money.gone > 0 || money.cameBack) found.push(...all.map((sale) => returnedOf(sale, money)));
      else found.push(...all.filter(({ taken }) => taken > 0n).map((sale) => returnedOf(sale, UNTOUCHED)));
    }
    const others = sales.filter(({ invoiceId, taken }) => taken > 0n && !touched.has(invoiceId));
    const returned = [...found, ...others.map((sale) => returnedOf(sale, UNTOUCHED))];
    const kept = sales.filter((sale) => returned.every((each) => each.sale !== sale));
    return { sales: decidingSales(returned, kept), untold };
  }

  /**
   * Makes credits follow the money that went back. Repeating it changes nothing.
   * @throws Refusal UNAVAILABLE
   */
  async settle(billingEntityId: string, { sales }: Returns): Promise<void> {
    await tryAll(sales.map((each) => () => this.#settleSale(billingEntityId, each)));
  }

  async #settleSale(billingEntityId: string, { sale, gone, paid, cameBack, reason }: ReturnedSale): Promise<void> {
    const { credits, transfers } = this.#options;
    const { invoiceId, bases } = sale;
    const lineIds = [...sale.lines.map(({ id }) => id), ...bases.map(({ lineId }) => lineId)];
    const grants = await credits.grantsFor({ billingEntityId, invoiceId, lineIds, bases });
    // The excess was granted for units that the line does not charge, because nobody had told us of fewer units yet. It
    // is clawed back in any case.
    const charged = new Map(bases.map((base) => [baseGrantOf(billingEntityId, base), base.credits]));
    const excess = grants.reduce((sum, { grantId, amount }) => {
      const most = charged.get(grantId) ?? amount;
      return amount > most ? sum + amount - most : sum;
    }, 0n);
    const granted = grants.reduce((sum, { amount }) => sum + amount, 0n) - excess;
    // Of a year's line, the months that are not yet given are given no more first.
    const whole = bases.length > 1 ? bases.reduce((sum, each) => sum + each.credits, 0n) : granted;
    const back = (whole * gone) / paid - (whole > granted ? whole - granted : 0n);
    const target = excess + (back > 0n ? back : 0n);
    const clawed = grants.reduce((sum, each) => sum + each.clawed, 0n);
    // A clawback for another reason, such as an unpaid renewal, is left as it is.
    const isTooMuch = target < clawed && cameBack;
    for (const { grantId, clawed: some } of isTooMuch ? grants : []) {
      if (some > 0n) await credits.reinstate(billingEntityId, { grantId, reason: `${invoiceId}: money came back` });
    }
    const present = isTooMuch
      ? grants.map((each) => ({ ...each, remaining: each.amount, expired: 0n, clawed: 0n }))
      : grants;
    for (const { grantId, target: most } of sharesOf(present, target - (isTooMuch ? 0n : clawed))) {
      await transfers.clawBack({ billingEntityId, grantId, target: most, actor: 'system', reason });
    }
  }

  /** Credit notes about invoices that are paid. Invoices say how much of them was credited. */
  async #notesOf(invoices: readonly Stripe.Invoice[]): Promise<Stripe.CreditNote[]> {
    const credited = invoices.filter(
      ({ pre_payment_credit_notes_amount: before, post_payment_credit_notes_amount: after }) => before + after > 0,
    );
    const notes: Stripe.CreditNote[] = [];
    for (const { id: invoice, status } of credited) {
      if (status !== 'paid') continue;
      const found = await this.#options.stripe.list('credit_note', (sdk, page) =>
        sdk.creditNotes.list({ invoice, ...page }),
      );
      for (const note of found) notes.push(note.lines.has_more ? await this.#withAllLines(note) : note);
    }
    return notes.toSorted((a, b) => a.created - b.created);
  }

  /** A list of credit notes has only the first lines of each. */
  async #withAllLines(note: Stripe.CreditNote): Promise<Stripe.CreditNote> {
    const data = await this.#options.stripe.list('credit_note_line_item', (sdk, page) =>
      sdk.creditNotes.listLineItems(note.id, page),
    );
    return { ...note, lines: { ...note.lines, data, has_more: false } };
  }

  /** The invoices that a charge paid. Everything that we sell has one, and every paid invoice a payment intent. */
  async #invoicesOf({ payment_intent: intent }: Stripe.Charge): Promise<string[]> {
    if (intent === null) return [];
    const payment = { type: 'payment_intent', payment_intent: idOf(intent) } as const;
    const payments = await this.#options.stripe.list('invoice_payment', (sdk, page) =>
      sdk.invoicePayments.list({ payment, ...page }),
    );
    return payments.map(({ invoice }) => idOf(invoice));
  }

  /** An invoice of a customer who was deleted since. */
  async #invoice(id: string): Promise<Stripe.Invoice> {
    const { stripe } = this.#options;
    const invoice = await stripe.call('invoice', (sdk) => sdk.invoices.retrieve(id));
    const data = await stripe.list('line_item', (sdk, page) => sdk.invoices.listLineItems(id, page));
    return { ...invoice, lines: { ...invoice.lines, data, has_more: false } };
  }

  async #moneyOf({ id: invoice, total }: Stripe.Invoice): Promise<Money> {
    const { stripe } = this.#options;
    const payments = await stripe.list('invoice_payment', (sdk, page) =>
      sdk.invoicePayments.list({ invoice, status: 'paid', ...page }),
    );
    let [paid, gone, cameBack] = [0, 0, false];
    for (const { payment } of payments) {
      if (payment.payment_intent === undefined) continue;
      const intent = idOf(payment.payment_intent);
      const charges = await stripe.list('charge', (sdk, page) => sdk.charges.list({ payment_intent: intent, ...page }));
      for (const charge of charges.filter((each) => each.paid && each.amount_captured > 0)) {
        const disputes = await stripe.list('dispute', (sdk, page) => sdk.disputes.list({ charge: charge.id, ...page }));
        const refunds = await stripe.list('refund', (sdk, page) => sdk.refunds.list({ charge: charge.id, ...page }));
        const lost = disputes.filter(({ status }) => status === 'lost').reduce((sum, each) => sum + each.amount, 0);
        paid += charge.amount_captured;
        gone += Math.min(charge.amount_refunded + lost, charge.amount_captured);
        cameBack ||= disputes.some(({ status }) => status === 'won');
        cameBack ||= refunds.some(({ status }) => status === 'failed' || status === 'canceled');
      }
    }
    // The customer's credit balance at Stripe paid its part, and that part stays.
    return { paid: Math.max(paid, total), gone, cameBack };
  }
}

const UNTOUCHED: Money = { paid: 0, gone: 0, cameBack: false };

function withoutCredit(sale: Sale): SaleGivenBack {
  return { ...sale, taken: 0n };
}

/** Adds up what went back of a sale. Stripe does not tell which line a refund belongs to, so each gives back its share. */
function returnedOf(sale: SaleGivenBack, { paid, gone, cameBack }: Money): ReturnedSale {
  const { cents, taken, invoiceId } = sale;
  // Both in parts of the product, so that nothing is rounded before the credits are.
  const [extent, whole] = [sale.extent > 0n ? sale.extent : 1n, BigInt(Math.max(paid, 1))];
  const credited = (BigInt(cents) * taken) / extent;
  const reason =
    paid === 0
      ? `${invoiceId}: ${credited} of ${cents} cents were given back as credit`
      : `${invoiceId}: ${gone} of ${paid} cents went back${taken > 0n ? `, ${credited} as credit` : ''}`;
  const all = extent * whole;
  const back = taken * whole + BigInt(gone) * extent;
  return { sale, gone: back < all ? back : all, paid: all, cameBack, reason };
}

/** Shares credits among grants: first what is there, then what expired unused, and the rest to the newest. */
function sharesOf(
  grants: readonly GrantOfSale[],
  credits: bigint,
): { readonly grantId: string; readonly target: bigint }[] {
  let left = credits;
  if (left <= 0n) return [];
  const taken = new Map<string, bigint>();
  const take = ({ grantId, amount, clawed }: GrantOfSale, most: bigint): void => {
    const before = taken.get(grantId) ?? 0n;
    const share = [most, left, amount - clawed - before].reduce((a, b) => (a < b ? a : b));
    taken.set(grantId, before + share);
    left -= share;
  };
  const newestFirst = grants.toReversed();
  for (const grant of newestFirst) take(grant, grant.remaining);
  for (const grant of newestFirst) take(grant, grant.expired);
  for (const grant of newestFirst) take(grant, grant.amount);
  return grants.flatMap(({ grantId, clawed }) => {
    const share = taken.get(grantId) ?? 0n;
    return share > 0n ? [{ grantId, target: clawed + share }] : [];
  });
}

/** Money that goes back, by refund or lost dispute, takes the credits back that it bought (rule 24). */
import type { Stripe } from 'stripe';
import type { Transfers } from '../../credits/transfers.ts';
import type { InvoiceCredits } from '../../subscriptions/invoice-credits.ts';
import type { StripeClient } from '../account/client.ts';
import { idOf } from '../account/values.ts';
import { baseLineOf } from './paid-lines.ts';

interface Options {
  readonly stripe: StripeClient;
  readonly credits: Pick<InvoiceCredits, 'grantsFor' | 'reinstate'>;
  readonly transfers: Pick<Transfers, 'clawBack'>;
}

/** An invoice's money in cents: the part that was paid, and the part of it that went back. */
interface Money {
  readonly paid: number;
  readonly gone: number;
  /** Some of the money that had gone back came again: a dispute was won, or a refund failed. */
  readonly cameBack: boolean;
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
   * Makes credits follow the money of this charge. Repeating it changes nothing.
   * @throws Refusal PAYMENT_PROVIDER_ERROR, UNAVAILABLE
   */
  async settle(billingEntityId: string, { payment_intent: intent }: Stripe.Charge): Promise<void> {
    // Everything that we sell has an invoice, and every paid invoice a payment intent.
    if (intent === null) return;
    const payment = { type: 'payment_intent', payment_intent: idOf(intent) } as const;
    const payments = await this.#options.stripe.list('invoice_payment', (sdk, page) =>
      sdk.invoicePayments.list({ payment, ...page }),
    );
    for (const invoiceId of new Set(payments.map(({ invoice }) => idOf(invoice)))) {
      await this.#settleInvoice(billingEntityId, invoiceId);
    }
  }

  /** Stripe does not tell which line a refund belongs to, so each line gives back its share. */
  async #settleInvoice(billingEntityId: string, invoiceId: string): Promise<void> {
    const { stripe } = this.#options;
    const money = await this.#moneyOf(invoiceId);
    if (money.gone === 0 && !money.cameBack) return;
    // The customer's credit balance at Stripe paid its part, and that part stays.
    const { total } = await stripe.call('invoice', (sdk) => sdk.invoices.retrieve(invoiceId));
    const paid = Math.max(money.paid, total);
    const lines = await stripe.list('line_item', (sdk, page) => sdk.invoices.listLineItems(invoiceId, page));
    for (const line of lines) await this.#settleLine(line, { billingEntityId, invoiceId, money: { ...money, paid } });
  }

  async #settleLine(
    line: Stripe.InvoiceLineItem,
    { billingEntityId, invoiceId, money }: { billingEntityId: string; invoiceId: string; money: Money },
  ): Promise<void> {
    const { credits, transfers } = this.#options;
    const { paid, gone, cameBack } = money;
    const base = baseLineOf(line);
    for (const grant of await credits.grantsFor({ billingEntityId, invoiceId, lineId: line.id, base })) {
      const { grantId, amount, clawed } = grant;
      // The excess was granted for units that the line does not charge, because nobody had told us of fewer units yet. It
      // is clawed back in any case.
      const excess = base !== null && amount > base.credits ? amount - base.credits : 0n;
      const target = excess + ((amount - excess) * BigInt(gone)) / BigInt(paid);
      // A clawback for another reason, such as an unpaid renewal, is left as it is.
      const isTooMuch = target < clawed && cameBack;
      if (isTooMuch) {
        await credits.reinstate(billingEntityId, { grantId, reason: `${invoiceId}: money came back` });
      }
      if (target > (isTooMuch ? 0n : clawed)) {
        const reason = `${invoiceId}: ${gone} of ${paid} cents went back`;
        await transfers.clawBack({ billingEntityId, grantId, target, actor: 'system', reason });
      }
    }
  }

  async #moneyOf(invoice: string): Promise<Money> {
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
    return { paid, gone, cameBack };
  }
}

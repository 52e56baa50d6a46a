/** Money that went back, by refund or lost dispute, takes the credits along that it had bought (rule 24). */
import type { Stripe } from 'stripe';
import type { Transfers } from '../../credits/transfers.ts';
import type { Subscriptions } from '../../subscriptions/subscriptions.ts';
import type { StripeClient } from '../client.ts';
import { baseLineOf, idOf } from './provider-state.ts';

interface Options {
  readonly stripe: StripeClient;
  readonly subscriptions: Pick<Subscriptions, 'grantsFor' | 'reinstate'>;
  readonly transfers: Pick<Transfers, 'clawBack'>;
}

/** What of an invoice's money came, and how much of it went back again, in cents. */
interface Money {
  readonly paid: number;
  readonly gone: number;
  /** Some of what had gone came back: a dispute was won, a refund failed. */
  readonly cameBack: boolean;
}

/** Whether money of the charge went back, or may have gone and come again. */
export function isTouched({ amount_refunded: refunded, disputed }: Stripe.Charge): boolean {
  return refunded > 0 || disputed;
}

/** For who holds the customer's lock, and has granted what was paid: what is not there cannot be taken back. */
export class Clawbacks {
  readonly #options: Options;

  constructor(options: Options) {
    this.#options = options;
  }

  /**
   * Makes credits follow the money of this charge: any number of times, whatever came before.
   * @throws Refusal PAYMENT_PROVIDER_ERROR, UNAVAILABLE
   */
  async settle(billingEntityId: string, { payment_intent: intent }: Stripe.Charge): Promise<void> {
    // Nothing of ours is paid without an invoice.
    if (intent === null) return;
    const payment = { type: 'payment_intent', payment_intent: idOf(intent) } as const;
    const payments = await this.#options.stripe.list('invoice_payment', (sdk, page) =>
      sdk.invoicePayments.list({ payment, ...page }),
    );
    for (const invoiceId of new Set(payments.map(({ invoice }) => idOf(invoice)))) {
      await this.#settleInvoice(billingEntityId, invoiceId);
    }
  }

  /** Stripe does not say which line a refund is of; each gives back its share. */
  async #settleInvoice(billingEntityId: string, invoiceId: string): Promise<void> {
    const { stripe } = this.#options;
    const money = await this.#moneyOf(invoiceId);
    if (money.gone === 0 && !money.cameBack) return;
    // What a customer had in credit at Stripe paid its part, and stays.
    const { total } = await stripe.call('invoice', (sdk) => sdk.invoices.retrieve(invoiceId));
    const paid = Math.max(money.paid, total);
    const lines = await stripe.list('line_item', (sdk, page) => sdk.invoices.listLineItems(invoiceId, page));
    for (const line of lines) await this.#settleLine(line, { billingEntityId, invoiceId, money: { ...money, paid } });
  }

  async #settleLine(
    line: Stripe.InvoiceLineItem,
    { billingEntityId, invoiceId, money }: { billingEntityId: string; invoiceId: string; money: Money },
  ): Promise<void> {
    const { subscriptions, transfers } = this.#options;
    const { paid, gone, cameBack } = money;
    const base = baseLineOf(line);
    for (const grant of await subscriptions.grantsFor({ billingEntityId, invoiceId, lineId: line.id, base })) {
      const { grantId, amount, clawed } = grant;
      // Given for more units than the line charged, because nobody had told of fewer: that is taken back in any case.
      const excess = base !== null && amount > base.credits ? amount - base.credits : 0n;
      const target = excess + ((amount - excess) * BigInt(gone)) / BigInt(paid);
      // Other reasons to claw back, such as an unpaid renewal, are not ours to undo.
      const isTooMuch = target < clawed && cameBack;
      if (isTooMuch) {
        await subscriptions.reinstate(billingEntityId, { grantId, reason: `${invoiceId}: money came back` });
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

/** Money that went back, by refund or lost dispute, takes the credits along that it had bought (rule 24). */
import type { Stripe } from 'stripe';
import type { Transfers } from '../credits/transfers.ts';
import type { Exclusive } from '../db/exclusive.ts';
import type { Log } from '../log.ts';
import type { Subscriptions } from '../subscriptions/subscriptions.ts';
import type { StripeClient } from './client.ts';
import type { StripeEvents } from './events.ts';

interface Options {
  readonly stripe: StripeClient;
  readonly events: StripeEvents;
  readonly subscriptions: Pick<Subscriptions, 'grantsFor' | 'reinstate'>;
  readonly transfers: Pick<Transfers, 'clawBack'>;
  readonly exclusive: Exclusive;
  /** null: no customer of ours. */
  readonly billingEntityOf: (customerId: string) => Promise<string | null>;
  /** Makes what the customer paid for granted, if it is not yet: what is not there cannot be taken back. */
  readonly syncCustomer: (customerId: string) => Promise<void>;
  readonly log: Log;
}

/** Of charges: their object is one. */
const CHARGES = ['charge.refunded'];
const REFUNDS = ['refund.created', 'refund.updated', 'refund.failed', 'charge.refund.updated'];
const DISPUTES = ['created', 'updated', 'closed', 'funds_withdrawn', 'funds_reinstated'].map(
  (what) => `charge.dispute.${what}`,
);

/** What of an invoice's money came, and how much of it went back again, in cents. */
interface Money {
  readonly paid: number;
  readonly gone: number;
  /** Some of what had gone came back: a dispute was won, a refund failed. */
  readonly cameBack: boolean;
}

export class Clawbacks {
  readonly #options: Options;

  constructor(options: Options) {
    this.#options = options;
    const { events, stripe } = options;
    const on = (types: readonly string[], chargeOf: (id: string) => Promise<string | null>): void => {
      for (const type of types) {
        events.on(type, async ({ objectId }) => {
          const charge = objectId === null ? null : await chargeOf(objectId);
          if (charge !== null) await this.settleCharge(charge);
        });
      }
    };
    on(CHARGES, async (id) => id);
    on(REFUNDS, async (id) => idOf((await stripe.call('refund', (sdk) => sdk.refunds.retrieve(id))).charge));
    // A dispute names no customer, and only its charge.
    on(DISPUTES, async (id) => idOf((await stripe.call('dispute', (sdk) => sdk.disputes.retrieve(id))).charge));
  }

  /** Makes credits follow the money of this charge. @throws Refusal PAYMENT_PROVIDER_ERROR, UNAVAILABLE */
  async settleCharge(chargeId: string): Promise<void> {
    const { stripe } = this.#options;
    const charge = await stripe.call('charge', (sdk) => sdk.charges.retrieve(chargeId));
    const intent = idOf(charge.payment_intent);
    // Nothing of ours is paid without an invoice.
    if (intent === null) return;
    const payments = await stripe.list('invoice_payment', (sdk, page) =>
      sdk.invoicePayments.list({ payment: { type: 'payment_intent', payment_intent: intent }, ...page }),
    );
    for (const id of new Set(payments.map(({ invoice }) => idOf(invoice)))) {
      if (id !== null) await this.settleInvoice(id);
    }
  }

  /**
   * Makes credits follow the money of this invoice: any number of times, whatever came before. Stripe does not say which
   * line a refund is of; each gives back its share.
   */
  async settleInvoice(invoiceId: string): Promise<void> {
    const { stripe, exclusive, billingEntityOf, syncCustomer, log } = this.#options;
    const invoice = await stripe.call('invoice', (sdk) => sdk.invoices.retrieve(invoiceId));
    const customerId = idOf(invoice.customer);
    const billingEntityId = customerId === null ? null : await billingEntityOf(customerId);
    if (customerId === null || billingEntityId === null) {
      log.warn({ invoice: invoiceId, customer: customerId }, 'money went back to a customer whom nobody knows');
      return;
    }
    await syncCustomer(customerId);
    // Around asking and acting: an older answer must not undo what followed from a newer one.
    await exclusive.run(`clawbacks of ${invoiceId}`, async () => {
      const money = await this.#moneyOf(invoiceId);
      if (money.gone === 0 && !money.cameBack) return;
      const lines = await stripe.list('line_item', (sdk, page) => sdk.invoices.listLineItems(invoiceId, page));
      for (const line of lines) await this.#settleLine(line, { billingEntityId, invoiceId, money });
    });
  }

  async #settleLine(
    line: Stripe.InvoiceLineItem,
    { billingEntityId, invoiceId, money }: { billingEntityId: string; invoiceId: string; money: Money },
  ): Promise<void> {
    const { subscriptions, transfers } = this.#options;
    const { paid, gone, cameBack } = money;
    const paidLine = { billingEntityId, invoiceId, lineId: line.id, base: baseOf(line) };
    for (const { grantId, amount, clawed } of await subscriptions.grantsFor(paidLine)) {
      const target = (amount * BigInt(gone)) / BigInt(paid);
      // Other reasons to claw back, such as an unpaid renewal, are not ours to undo.
      const isTooMuch = target < clawed && cameBack;
      if (isTooMuch)
        await subscriptions.reinstate(billingEntityId, { grantId, reason: `${invoiceId}: money came back` });
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
      const intent = idOf(payment.payment_intent ?? null);
      if (intent === null) continue;
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

/** A subscription's own line, for a whole period; a change's has credits of its own. */
function baseOf({ parent, period }: Stripe.InvoiceLineItem): { subscriptionId: string; periodStart: Date } | null {
  const details = parent?.subscription_item_details;
  if (details == null || details.proration || details.subscription === null) return null;
  return { subscriptionId: details.subscription, periodStart: new Date(period.start * 1_000) };
}

function idOf(reference: string | { readonly id: string } | null): string | null {
  return typeof reference === 'object' ? (reference?.id ?? null) : reference;
}

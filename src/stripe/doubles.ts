/** Of two live subscriptions (two Checkouts at once) the older stays; the other one is refunded and ended (rule 26). */
import type { Stripe } from 'stripe';
import type { Log } from '../log.ts';
import { orMissing, type StripeClient, StripeRejection } from './client.ts';
import { type Affairs, DOUBLE_MARK, idOf, subscriptionOf } from './provider-state.ts';

interface Options {
  readonly stripe: StripeClient;
  readonly log: Log;
}

/** Why a refund is not needed: there was one, or the bank took the money back. Whoever wins that dispute decides by hand. */
const MONEY_IS_BACK = new Set<string | null>(['charge_already_refunded', 'charge_disputed']);

/** For who holds the customer's lock. */
export class Doubles {
  readonly #options: Options;

  constructor(options: Options) {
    this.#options = options;
  }

  /**
   * Gives its money back and ends it. In this order: as long as it lives it will be found again by whoever comes after a
   * process that died in between.
   * @param double the one that goes, beside `kept`
   * @throws StripeRejection of a refund: people must decide, and it is not renewed meanwhile
   */
  async undo(double: Stripe.Subscription, kept: Stripe.Subscription, affairs: Affairs): Promise<void> {
    const { stripe, log } = this.#options;
    log.warn({ subscription: double.id, kept: kept.id }, 'a second subscription is undone');
    for (const { id, status } of affairs.invoices.filter((each) => subscriptionOf(each) === double.id)) {
      // Or somebody would pay for nothing. One that is paid in this moment is refused, and refunded by who tries again.
      if (status === 'open') await stripe.call('invoice', (sdk) => sdk.invoices.voidInvoice(id));
    }
    try {
      await this.#refundAll(double, affairs);
    } catch (error) {
      if (error instanceof StripeRejection) {
        log.error({ err: error, subscription: double.id }, 'a second subscription cannot be refunded: decide by hand');
        await this.#stopRenewing(double);
      }
      throw error;
    }
    // null: it has ended meanwhile.
    await orMissing(
      stripe.call('subscription', (sdk) =>
        sdk.subscriptions.cancel(double.id, {
          invoice_now: false,
          prorate: false,
          cancellation_details: { comment: `${DOUBLE_MARK}${kept.id}` },
        }),
      ),
    );
  }

  async #stopRenewing({ id, cancel_at_period_end: isEnding }: Stripe.Subscription): Promise<void> {
    if (isEnding) return;
    await this.#options.stripe.call('subscription', (sdk) =>
      sdk.subscriptions.update(id, { cancel_at_period_end: true }),
    );
  }

  async #refundAll(double: Stripe.Subscription, { invoices }: Affairs): Promise<void> {
    for (const invoice of invoices) {
      if (invoice.status === 'paid' && subscriptionOf(invoice) === double.id) await this.#refund(invoice.id);
    }
  }

  async #refund(invoice: string): Promise<void> {
    const { stripe } = this.#options;
    const payments = await stripe.list('invoice_payment', (sdk, page) =>
      sdk.invoicePayments.list({ invoice, status: 'paid', ...page }),
    );
    for (const { payment } of payments) {
      if (payment.payment_intent === undefined) continue;
      const intent = idOf(payment.payment_intent);
      try {
        // Without a key of ours, under which Stripe would repeat a refusal for a day. What is refunded is so once.
        await stripe.call('refund', (sdk) => sdk.refunds.create({ payment_intent: intent, reason: 'duplicate' }));
      } catch (error) {
        if (!(error instanceof StripeRejection) || !MONEY_IS_BACK.has(error.code)) throw error;
      }
    }
  }
}

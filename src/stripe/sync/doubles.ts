/** Of two live subscriptions (two Checkouts at once) the older stays; the other one is ended and refunded (rule 26). */
import type { Stripe } from 'stripe';
import type { Log } from '../../kernel/log.ts';
import { orMissing, type StripeClient, StripeRejection } from '../client.ts';
import { type Affairs, DOUBLE_MARK, idOf, isDouble, subscriptionOf } from './provider-state.ts';

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
   * Ends it at once, before it bills anything more, and gives its money back.
   * @param double the one that goes
   * @param kept the one that stays; null: it has ended since
   * @throws as `refund` does
   */
  async undo(double: Stripe.Subscription, kept: Stripe.Subscription | null, affairs: Affairs): Promise<void> {
    const { stripe, log } = this.#options;
    log.warn({ subscription: double.id, kept: kept?.id }, 'a second subscription is undone');
    for (const { id, status } of affairs.invoices.filter((each) => subscriptionOf(each) === double.id)) {
      // Or somebody would pay for nothing. One that is paid in this moment is refused, and refunded by who tries again.
      if (status === 'open') await stripe.call('invoice', (sdk) => sdk.invoices.voidInvoice(id));
    }
    // Before it ends: whoever goes on from there knows that it is to be refunded.
    if (kept !== null) {
      await stripe.call('subscription', (sdk) =>
        sdk.subscriptions.update(double.id, { metadata: { [DOUBLE_MARK]: kept.id } }),
      );
    }
    // null: it has ended meanwhile.
    await orMissing(
      stripe.call('subscription', (sdk) => sdk.subscriptions.cancel(double.id, { invoice_now: false, prorate: false })),
    );
    await this.#refundAll(double, affairs);
  }

  /**
   * Gives back what is left of those that were undone: whoever ended one may have died since, and banks send refunds back.
   * @throws StripeRejection of a refund; Error where it had been paid period by period, which was nobody's mistake at a
   *   Checkout: people must decide
   */
  async refund(affairs: Affairs): Promise<void> {
    const undone = affairs.subscriptions.filter((each) => isDouble(each) && each.ended_at !== null);
    for (const double of undone) await this.#refundAll(double, affairs);
  }

  async #refundAll(double: Stripe.Subscription, { invoices, charges }: Affairs): Promise<void> {
    const paid = invoices.filter((each) => isPaid(each) && subscriptionOf(each) === double.id);
    const isBack = (intent: string): boolean => charges.some((each) => each.payment_intent === intent && each.refunded);
    const left: string[] = [];
    for (const { id } of paid) left.push(...(await this.#intentsOf(id)).filter((intent) => !isBack(intent)));
    if (left.length > 0 && paid.some((each) => each.billing_reason === 'subscription_cycle')) {
      throw new Error(`${double.id} was a second subscription, paid for periods: decide by hand what is refunded`);
    }
    for (const intent of left) await this.#refund(intent);
  }

  async #intentsOf(invoice: string): Promise<string[]> {
    const payments = await this.#options.stripe.list('invoice_payment', (sdk, page) =>
      sdk.invoicePayments.list({ invoice, status: 'paid', ...page }),
    );
    return payments.flatMap(({ payment: { payment_intent: intent } }) => (intent === undefined ? [] : idOf(intent)));
  }

  async #refund(intent: string): Promise<void> {
    const { stripe, log } = this.#options;
    try {
      // Without a key of ours, under which Stripe would repeat a refusal for a day. What is refunded is so once.
      await stripe.call('refund', (sdk) => sdk.refunds.create({ payment_intent: intent, reason: 'duplicate' }));
    } catch (error) {
      if (error instanceof StripeRejection && MONEY_IS_BACK.has(error.code)) return;
      if (error instanceof StripeRejection) {
        log.error({ err: error, intent }, 'a second subscription cannot be refunded: decide by hand');
      }
      throw error;
    }
  }
}

function isPaid({ status, amount_paid: cents }: Stripe.Invoice): boolean {
  return status === 'paid' && cents > 0;
}

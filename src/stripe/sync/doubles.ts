/** Two Checkouts at once make two live subscriptions. The older one stays; the other one is ended and refunded (rule 26). */
import type { Stripe } from 'stripe';
import type { Log } from '../../kernel/log.ts';
import { orMissing, type StripeClient, StripeRejection } from '../account/client.ts';
import { idOf } from '../account/values.ts';
import { type Affairs, DOUBLE_MARK, isDouble, subscriptionOf } from './affairs.ts';

interface Options {
  readonly stripe: StripeClient;
  readonly log: Log;
}

/**
 * Stripe's codes that say that no refund is needed: there was one already, or the bank took the money back. People decide
 * about the money of a dispute that is won.
 */
const MONEY_IS_BACK = new Set<string | null>(['charge_already_refunded', 'charge_disputed']);

/** Ends and refunds second subscriptions. Callers hold the customer's lock. */
export class Doubles {
  readonly #options: Options;

  constructor(options: Options) {
    this.#options = options;
  }

  /**
   * Ends a second subscription at once, before it bills anything more, and gives its money back.
   * @param double the subscription that is undone
   * @param kept the subscription that stays; null: it has ended since
   * @throws as `refund` does
   */
  async undo(double: Stripe.Subscription, kept: Stripe.Subscription | null, affairs: Affairs): Promise<void> {
    const { stripe, log } = this.#options;
    log.warn({ subscription: double.id, kept: kept?.id }, 'a second subscription is undone');
    for (const { id, status } of affairs.invoices.filter((each) => subscriptionOf(each) === double.id)) {
      // A payment of an open invoice would buy nothing. If it is being paid right now, Stripe refuses to void it; the next
      // sync refunds it.
      if (status === 'open') await stripe.call('invoice', (sdk) => sdk.invoices.voidInvoice(id));
    }
    // The mark goes before the end: after a crash in between, the next sync knows that it must refund.
    if (kept !== null) {
      await stripe.call('subscription', (sdk) =>
        sdk.subscriptions.update(double.id, { metadata: { [DOUBLE_MARK]: kept.id } }),
      );
    }
    // A subscription that has ended meanwhile is missing here.
    await orMissing(
      stripe.call('subscription', (sdk) => sdk.subscriptions.cancel(double.id, { invoice_now: false, prorate: false })),
    );
    await this.#refundAll(double, affairs);
  }

  /**
   * Refunds what is left of all subscriptions that were undone. A process may have died between the end and the refund, and
   * banks send refunds back.
   * @throws StripeRejection where Stripe refuses a refund; Error where the subscription was paid period by period: that is no
   *   mistake at a Checkout, and people must decide
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
      // No idempotency key: under a key, Stripe would repeat a refusal for a day. Stripe itself refunds a payment only once.
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

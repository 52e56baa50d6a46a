import type { Stripe } from 'stripe';
import type { OverageTerms } from '../../ledger/rules/subscription.ts';
import { orMissing, type StripeClient } from '../account/client.ts';
import { idOf } from '../account/values.ts';
import type { OverageMeters } from '../catalog/overage-meters.ts';

interface Options {
  readonly stripe: StripeClient;
  readonly meters: OverageMeters;
  /** Most overage credits a period of a payer without a payment method on file who is not invoiced (rule 14). */
  readonly capWithoutPaymentMethod: bigint;
}

/** Reads from Stripe how far overage of a subscription would be paid for. */
export class OverageTermsOf {
  readonly #options: Options;

  constructor(options: Options) {
    this.#options = options;
  }

  /** @throws Refusal PAYMENT_PROVIDER_ERROR */
  async subscription(subscription: Stripe.Subscription): Promise<OverageTerms> {
    const { meters, capWithoutPaymentMethod } = this.#options;
    const isBilled = (await meters.itemsOf(subscription)).length > 0;
    return { isBilled, cap: (await this.#isSecured(subscription)) ? null : capWithoutPaymentMethod };
  }

  /**
   * True if Stripe has something to charge, or the payer is invoiced. What counts is what Stripe charges by itself: the
   * subscription's own payment method, or else the customer's default. A card that is attached and no default is not charged, and
   * one that was detached cannot be, though the subscription may go on naming it.
   */
  async #isSecured(subscription: Stripe.Subscription): Promise<boolean> {
    if (subscription.collection_method === 'send_invoice') return true;
    const { default_payment_method: own } = subscription;
    if (own !== null) return this.#isHeld(idOf(own));
    if (subscription.default_source !== null) return true;
    const id = idOf(subscription.customer);
    const customer = await orMissing(this.#options.stripe.call('customer', (sdk) => sdk.customers.retrieve(id)));
    if (customer === null || customer.deleted === true) return false;
    const { default_payment_method: general } = customer.invoice_settings;
    return general === null ? customer.default_source !== null : this.#isHeld(idOf(general));
  }

  async #isHeld(id: string): Promise<boolean> {
    const method = await orMissing(
      this.#options.stripe.call('payment_method', (sdk) => sdk.paymentMethods.retrieve(id)),
    );
    return method !== null && method.customer !== null;
  }
}

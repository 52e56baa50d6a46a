import type { Stripe } from 'stripe';

/** Settings of whoever sells here. All are off unless they are asked for. */
export interface CheckoutSettings {
  /** Stripe calculates taxes at Checkout, and for the subscriptions that begin there. */
  readonly automaticTax: boolean;
  /** Checkout asks businesses for their tax ids. */
  readonly taxIds: boolean;
  /** Checkout takes promotion codes. */
  readonly promotionCodes: boolean;
  /** A customer without an e-mail address gets that of who opens a hosted page, if their token vouches for one. */
  readonly emailFromToken: boolean;
}

export const PLAIN_CHECKOUT: CheckoutSettings = {
  automaticTax: false,
  taxIds: false,
  promotionCodes: false,
  emailFromToken: false,
};

/** The parts of a session that the settings ask for. */
type Asked = Pick<
  Stripe.Checkout.SessionCreateParams,
  'allow_promotion_codes' | 'automatic_tax' | 'billing_address_collection' | 'customer_update' | 'tax_id_collection'
>;

/**
 * The parameters of a session for a customer that exists. Stripe wants to be told then that the page may write the address that
 * taxes are calculated from, and the name that a tax id belongs to, into the customer.
 */
export function askedBy({ automaticTax, taxIds, promotionCodes }: CheckoutSettings): Asked {
  return {
    ...(promotionCodes && { allow_promotion_codes: true }),
    ...(automaticTax && { automatic_tax: { enabled: true } }),
    // An invoice for a business bears its whole address.
    ...(taxIds && { tax_id_collection: { enabled: true }, billing_address_collection: 'required' }),
    ...((automaticTax || taxIds) && { customer_update: { address: 'auto', ...(taxIds && { name: 'auto' }) } }),
  };
}

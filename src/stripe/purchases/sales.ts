/** The things that Checkout sells, as Stripe is told of them. */
import type { Stripe } from 'stripe';
import { Refusal } from '../../kernel/refusal.ts';
import type { PlanCode } from '../../plans/plans.ts';
import type { Catalog } from '../catalog/survey.ts';
import { CREDITS_MARK, CURRENCY } from '../catalog/offers.ts';

/** The part of a session that says what is sold. */
export type Sold = Pick<
  Stripe.Checkout.SessionCreateParams,
  'mode' | 'line_items' | 'subscription_data' | 'invoice_creation' | 'payment_intent_data'
>;

/** Credits for one cent. Purchases are multiples of it (rule 27). */
const CREDITS_PER_CENT = 250n;
/** Stripe's least amount is 50 cents. */
const FEWEST_CREDITS = 12_500n;
/** Stripe's greatest amount, in cents. */
const MOST_CENTS = 99_999_999n;

/** A subscription to so many units of a plan, with the item that bills overage. */
export function saleOfPlan(
  billingEntityId: string,
  { plan, quantity }: { readonly plan: PlanCode; readonly quantity: number },
  { prices, overagePrice }: Pick<Catalog, 'prices' | 'overagePrice'>,
): Sold {
  const line_items = [{ price: prices.get(plan) as string, quantity }, { price: overagePrice }];
  const metadata = { billing_entity_id: billingEntityId };
  return { mode: 'subscription', line_items, subscription_data: { metadata } };
}

/** @throws Refusal BAD_USER_INPUT for an amount that is not sold */
export function checkCredits(credits: bigint): void {
  const cents = credits / CREDITS_PER_CENT;
  if (credits < FEWEST_CREDITS || credits % CREDITS_PER_CENT !== 0n || cents > MOST_CENTS) {
    throw new Refusal(
      'BAD_USER_INPUT',
      `credits must be a multiple of ${CREDITS_PER_CENT}, at least ${FEWEST_CREDITS}`,
    );
  }
}

/** A sale of credits once, of an amount that is sold. Its invoice says how many credits it sold. */
export function saleOfCredits(credits: bigint): Sold {
  const price_data = {
    currency: CURRENCY,
    product_data: { name: `${credits} credits` },
    unit_amount: Number(credits / CREDITS_PER_CENT),
  };
  return {
    mode: 'payment',
    line_items: [{ price_data, quantity: 1 }],
    invoice_creation: { enabled: true, invoice_data: { metadata: { [CREDITS_MARK]: String(credits) } } },
  };
}

/**
 * The plans and the meter that Tollgate sells, under the names by which Stripe's account is searched for them: ids of
 * products, lookup keys of prices, the event name of the meter.
 */
import { Stripe } from 'stripe';
import { PLANS, type PlanTerms } from '../../plans/plans.ts';
import { COST_PER_CREDIT_USD } from '../../plans/rates.ts';

/** The event name of the meter that overage is reported to, in whole credits. */
export const OVERAGE_METER = 'tollgate_overage_credits';

/** Lookup key of the metered price of overage. */
export const OVERAGE_PRICE = 'tollgate_overage_monthly';
export const OVERAGE_PRODUCT = 'tollgate_overage';
export const CURRENCY = 'usd';

/** The price of one credit of overage, in cents. The point is moved in decimals: $0.00004 is 0.004 cents. */
export const OVERAGE_CENTS = Stripe.Decimal.from(COST_PER_CREDIT_USD).mul(Stripe.Decimal.from('100'));

/** The metadata key of an invoice that sells credits. Its value is how many. */
export const CREDITS_MARK = 'tollgate_credits';

/** The most units that a payer can buy without asking us. */
export const MOST_UNITS = 1_000;

/** Plans that cost money. */
export const PAID_PLANS: readonly PlanTerms[] = PLANS.filter(({ priceCents }) => priceCents > 0);

/** The id of the plan's product at Stripe. */
export const productOf = ({ code }: PlanTerms): string => `tollgate_${code.toLowerCase()}`;

/** Lookup key of the plan's monthly price for one unit. */
export const lookupKeyOf = ({ code }: PlanTerms): string => `tollgate_${code.toLowerCase()}_monthly`;

/** The plan that is sold as this product; null: the product is not one of ours. */
export function planOfProduct(product: string): PlanTerms | null {
  return PAID_PLANS.find((plan) => productOf(plan) === product) ?? null;
}

/** Names of features as payers read them, by lookup key. */
export const FEATURE_NAMES: Readonly<Record<string, string>> = {
  basic_chatflows: 'Basic chatflows',
  all_chatflows: 'All chatflows',
};

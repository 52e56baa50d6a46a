/**
 * Compares Stripe's account with what Tollgate sells. Everything is found by names of ours, so that a second run finds it
 * in place.
 */
import type { PlanCode } from '../../plans/plans.ts';
import type { StripeClient } from '../account/client.ts';
import { Differences, type Surveying } from './differences.ts';
import { surveyFeatures, surveyFeaturesOf } from './features.ts';
import { surveyMeter } from './meter.ts';
import { lookupKeyOf, OVERAGE_CENTS, OVERAGE_PRICE, OVERAGE_PRODUCT, PAID_PLANS, productOf } from './offers.ts';
import { surveyPortal } from './portal.ts';
import { surveyPrice, surveyProduct } from './prices.ts';

/** Stripe's ids of what Tollgate sells. */
export interface Catalog {
  /** The licensed price of one unit a month, by plan. */
  readonly prices: ReadonlyMap<PlanCode, string>;
  readonly overagePrice: string;
  readonly meter: string;
  readonly portalConfiguration: string;
}

/** The ids that are there; null: that one is missing. */
export type FoundIds = { readonly [Name in keyof Catalog]: Catalog[Name] | null };

/** `catalog` is null while something is missing. */
export interface Survey {
  readonly ids: FoundIds;
  readonly catalog: Catalog | null;
  /** Lines, one for each thing that differs or was changed. */
  readonly differences: readonly string[];
}

/**
 * Compares Stripe's account with what it should hold and, where `repair` is true, makes it so.
 * @throws Refusal PAYMENT_PROVIDER_ERROR
 */
export async function surveyCatalog(stripe: StripeClient, { repair }: { repair: boolean }): Promise<Survey> {
  const differences = new Differences({ repair });
  const surveying: Surveying = { stripe, differences };
  const meter = await surveyMeter(surveying);
  const features = await surveyFeatures(surveying);
  const prices = new Map<PlanCode, string>();
  for (const plan of PAID_PLANS) {
    const product = productOf(plan);
    const isThere = await surveyProduct(product, { name: plan.name, unit_label: 'unit' }, surveying);
    if (isThere) await surveyFeaturesOf(plan, features, surveying);
    const terms = { product, cents: String(plan.priceCents), usageType: 'licensed', meter: null } as const;
    const price = await surveyPrice(lookupKeyOf(plan), terms, surveying);
    if (price !== null) prices.set(plan.code, price);
  }
  await surveyProduct(OVERAGE_PRODUCT, { name: 'Overage credits', unit_label: 'credit' }, surveying);
  const overageTerms = {
    product: OVERAGE_PRODUCT,
    cents: OVERAGE_CENTS.toString(),
    usageType: 'metered',
    meter,
  } as const;
  const overagePrice = await surveyPrice(OVERAGE_PRICE, overageTerms, surveying);
  const portalConfiguration = await surveyPortal(prices, surveying);
  const found = { prices: prices.size === PAID_PLANS.length ? prices : null, overagePrice, meter, portalConfiguration };
  return {
    ids: found,
    catalog: isWhole(found) ? found : null,
    differences: differences.lines,
  };
}

function isWhole(ids: FoundIds): ids is Catalog {
  return Object.values(ids).every((id) => id !== null);
}

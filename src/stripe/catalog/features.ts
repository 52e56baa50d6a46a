import type { Stripe } from 'stripe';
import type { PlanTerms } from '../../plans/plans.ts';
import type { Surveying } from './differences.ts';
import { FEATURE_NAMES, PAID_PLANS, productOf } from './offers.ts';

/**
 * The features of all paid plans.
 * @returns ids by lookup key, of those that are there
 */
export async function surveyFeatures({ stripe, differences }: Surveying): Promise<ReadonlyMap<string, string>> {
  const ids = new Map<string, string>();
  for (const key of new Set(PAID_PLANS.flatMap((plan) => plan.features))) {
    const name = FEATURE_NAMES[key] ?? key;
    const feature = await featureOf(stripe, key);
    if (feature === null) {
      const made = await differences.mend(
        { differs: `feature ${key} is missing`, mended: `created feature ${key}` },
        () => stripe.call('entitlements.feature', (sdk) => sdk.entitlements.features.create({ lookup_key: key, name })),
      );
      if (made !== null) ids.set(key, made.id);
      continue;
    }
    ids.set(key, feature.id);
    if (feature.active && feature.name === name) continue;
    await differences.mend(
      {
        differs: `feature ${key} is ${feature.active ? `called «${feature.name}», not «${name}»` : 'archived'}`,
        mended: `restored feature ${key}`,
      },
      () =>
        stripe.call('entitlements.feature', (sdk) =>
          sdk.entitlements.features.update(feature.id, { active: true, name }),
        ),
    );
  }
  return ids;
}

/**
 * The features of a plan's product: all that the plan gives, and none of our features besides. Features that are not
 * ours are left alone.
 * @param features ids by lookup key
 */
export async function surveyFeaturesOf(
  plan: PlanTerms,
  features: ReadonlyMap<string, string>,
  { stripe, differences }: Surveying,
): Promise<void> {
  const product = productOf(plan);
  const links = await stripe.list('product_feature', (sdk, page) => sdk.products.listFeatures(product, page));
  for (const key of plan.features) {
    if (links.some((link) => link.entitlement_feature.lookup_key === key)) continue;
    const feature = features.get(key);
    await differences.mend(
      { differs: `product ${product} lacks feature ${key}`, mended: `gave product ${product} feature ${key}` },
      () =>
        stripe.call('product_feature', (sdk) =>
          sdk.products.createFeature(product, { entitlement_feature: feature as string }),
        ),
    );
  }
  for (const link of links) {
    const key = link.entitlement_feature.lookup_key;
    if (plan.features.includes(key) || !(key in FEATURE_NAMES)) continue;
    await differences.mend(
      {
        differs: `product ${product} has feature ${key}, which the plan does not give`,
        mended: `took feature ${key} from product ${product}`,
      },
      () => stripe.call('product_feature', (sdk) => sdk.products.deleteFeature(product, link.id)),
    );
  }
}

async function featureOf(stripe: Surveying['stripe'], key: string): Promise<Stripe.Entitlements.Feature | null> {
  for (const archived of [false, true]) {
    const [found] = await stripe.list('entitlements.feature', (sdk, page) =>
      sdk.entitlements.features.list({ lookup_key: key, archived, ...page }),
    );
    if (found !== undefined) return found;
  }
  return null;
}

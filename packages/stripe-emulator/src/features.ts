import { productOf } from './catalog.ts';
import { invalid } from './errors.ts';
import { pageFields, pageOf } from './lists.ts';
import { flag, mergeMetadata, metadata, required, text } from './parameters.ts';
import { customerOf } from './customers.ts';
import { route, type Route } from './router.ts';
import { rowOf, type Sandbox } from './sandbox.ts';
import type { ProductFeatureLink } from './tables.ts';
import type { ActiveEntitlement, ActiveEntitlementSummary, Feature, ProductFeature } from './wire.ts';

/** Features, which products have them, and what a customer is therefore entitled to. */
export const featureRoutes: readonly Route[] = [
  route(
    'POST',
    '/v1/entitlements/features',
    { lookup_key: required(text), metadata, name: required(text) },
    (sandbox, parameters) => {
      const taken = [...sandbox.tables.features.values()].some((each) => each.lookup_key === parameters.lookup_key);
      if (taken) {
        throw invalid(`A feature with lookup key ${parameters.lookup_key} already exists.`, { param: 'lookup_key' });
      }
      const feature: Feature = {
        id: sandbox.newId('feat'),
        object: 'entitlements.feature',
        active: true,
        livemode: false,
        lookup_key: parameters.lookup_key,
        metadata: mergeMetadata({}, parameters.metadata),
        name: parameters.name,
      };
      sandbox.tables.features.set(feature.id, feature);
      sandbox.onChange();
      return feature;
    },
  ),
  route(
    'GET',
    '/v1/entitlements/features',
    { ...pageFields, archived: flag, lookup_key: text },
    (sandbox, parameters) => {
      const rows = [...sandbox.tables.features.values()].filter(
        (each) =>
          (parameters.lookup_key === undefined || each.lookup_key === parameters.lookup_key) &&
          each.active === !(parameters.archived ?? false),
      );
      return pageOf(rows, '/v1/entitlements/features', parameters);
    },
  ),
  route('GET', '/v1/entitlements/features/:id', {}, (sandbox, _parameters, [id]) => featureOf(sandbox, id)),
  route(
    'POST',
    '/v1/entitlements/features/:id',
    { active: flag, metadata, name: text },
    (sandbox, parameters, [id]) => {
      const feature = featureOf(sandbox, id);
      if (parameters.active !== undefined) feature.active = parameters.active;
      if (parameters.name !== undefined) feature.name = parameters.name;
      feature.metadata = mergeMetadata(feature.metadata, parameters.metadata);
      sandbox.onChange();
      return feature;
    },
  ),
  route(
    'POST',
    '/v1/products/:id/features',
    { entitlement_feature: required(text) },
    (sandbox, { entitlement_feature: feature }, [product]) => {
      productOf(sandbox, product);
      featureOf(sandbox, feature, 'entitlement_feature');
      const links = linksOf(sandbox, product);
      if (links.some((each) => each.feature === feature)) {
        throw invalid('This feature is already attached to the product.', { param: 'entitlement_feature' });
      }
      const link: ProductFeatureLink = { id: sandbox.newId('prodft'), product, feature };
      sandbox.tables.productFeatures.set(link.id, link);
      refreshEntitlements(sandbox);
      sandbox.onChange();
      return shown(sandbox, link);
    },
  ),
  route('GET', '/v1/products/:id/features', pageFields, (sandbox, parameters, [product]) => {
    productOf(sandbox, product);
    const page = pageOf(linksOf(sandbox, product), `/v1/products/${product}/features`, parameters);
    return { ...page, data: page.data.map((link) => shown(sandbox, link)) };
  }),
  route('GET', '/v1/products/:id/features/:link', {}, (sandbox, _parameters, [product, id]) =>
    shown(sandbox, linkOf(sandbox, product, id)),
  ),
  route('DELETE', '/v1/products/:id/features/:link', {}, (sandbox, _parameters, [product, id]) => {
    linkOf(sandbox, product, id);
    sandbox.tables.productFeatures.delete(id);
    refreshEntitlements(sandbox);
    sandbox.onChange();
    return { id, object: 'product_feature', deleted: true };
  }),
  route(
    'GET',
    '/v1/entitlements/active_entitlements',
    { ...pageFields, customer: required(text) },
    (sandbox, parameters) => {
      customerOf(sandbox, parameters.customer, 'customer');
      const rows = entitlementsOf(sandbox, parameters.customer);
      return pageOf(rows, '/v1/entitlements/active_entitlements', parameters);
    },
  ),
];

/** States in which a subscription entitles. */
const ENTITLING = new Set(['active', 'trialing', 'past_due']);

/** A summary carries so many entitlements at most. The rest has to be fetched. */
const SUMMARY_LENGTH = 10;

/** Says whose entitlements are no longer what they were. Cheap enough to ask after every change of a subscription. */
export function refreshEntitlements(sandbox: Sandbox): void {
  const customers = new Set([...sandbox.tables.subscriptions.values()].map((each) => each.customer));
  for (const customer of customers) {
    const current = entitlementsOf(sandbox, customer);
    const names = current.map((each) => each.feature);
    const before = sandbox.tables.entitled.get(customer) ?? [];
    if (names.join() === before.join()) continue;
    sandbox.tables.entitled.set(customer, names);
    const summary: ActiveEntitlementSummary = {
      object: 'entitlements.active_entitlement_summary',
      customer,
      entitlements: {
        object: 'list',
        data: current.slice(0, SUMMARY_LENGTH),
        has_more: current.length > SUMMARY_LENGTH,
        url: `/v1/customer/${customer}/entitlements`,
      },
      livemode: false,
    };
    sandbox.emit('entitlements.active_entitlement_summary.updated', summary, { entitlements: { data: before } });
  }
}

function entitlementsOf(sandbox: Sandbox, customer: string): ActiveEntitlement[] {
  const products = new Set(
    [...sandbox.tables.subscriptions.values()]
      .filter((each) => each.customer === customer && ENTITLING.has(each.status))
      .flatMap((each) => each.items.data.map((item) => item.price.product)),
  );
  const features = new Set(
    [...sandbox.tables.productFeatures.values()].filter((link) => products.has(link.product)).map((l) => l.feature),
  );
  return [...sandbox.tables.features.values()]
    .filter((feature) => features.has(feature.id))
    .map((feature) => ({
      id: `ent_${customer.slice(4)}${feature.id.slice(5, 15)}`,
      object: 'entitlements.active_entitlement',
      feature: feature.id,
      livemode: false,
      lookup_key: feature.lookup_key,
    }));
}

function linksOf(sandbox: Sandbox, product: string): ProductFeatureLink[] {
  return [...sandbox.tables.productFeatures.values()].filter((link) => link.product === product);
}

function linkOf(sandbox: Sandbox, product: string, id: string): ProductFeatureLink {
  const link = rowOf(sandbox.tables.productFeatures, 'product feature', id);
  if (link.product !== product) rowOf(new Map<string, never>(), 'product feature', id);
  return link;
}

function shown(sandbox: Sandbox, link: ProductFeatureLink): ProductFeature {
  return {
    id: link.id,
    object: 'product_feature',
    entitlement_feature: structuredClone(featureOf(sandbox, link.feature)),
    livemode: false,
  };
}

function featureOf(sandbox: Sandbox, id: string, param?: string): Feature {
  return rowOf(sandbox.tables.features, 'feature', id, param);
}

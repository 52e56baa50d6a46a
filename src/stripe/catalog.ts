/**
 * What Tollgate sells, as Stripe must know it. `surveyCatalog` compares, and where it is told to, makes it so; both find
 * things by names of ours (ids of products, lookup keys, an event name, metadata), so that a second run finds everything in place.
 */
import { Stripe } from 'stripe';
import { type PlanCode, PLANS, type PlanTerms } from '../plans/plans.ts';
import { COST_PER_CREDIT_USD } from '../plans/rates.ts';
import { Refusal } from '../kernel/refusal.ts';
import { type StripeClient, orMissing } from './client.ts';

/** The event name of the meter that overage is reported to, in whole credits. */
export const OVERAGE_METER = 'tollgate_overage_credits';

const OVERAGE_PRICE = 'tollgate_overage_monthly';
const OVERAGE_PRODUCT = 'tollgate_overage';
export const CURRENCY = 'usd';

/** What a credit of overage costs. By moving the point: $0.00004 is 0.004 cents. */
export const OVERAGE_CENTS = Stripe.Decimal.from(COST_PER_CREDIT_USD).mul(Stripe.Decimal.from('100'));

/** Ids of what the catalog consists of. */
export interface Catalog {
  /** The licensed price of one unit a month, by plan. */
  readonly prices: ReadonlyMap<PlanCode, string>;
  readonly overagePrice: string;
  readonly meter: string;
  readonly portalConfiguration: string;
}

/** `catalog` is null while something is missing. */
export interface Survey {
  readonly catalog: Catalog | null;
  /** One line for each thing that differs, or that was changed. */
  readonly differences: readonly string[];
}

/** Compares Stripe's account with what it should hold and, where `repair` is true, makes it so. */
export async function surveyCatalog(stripe: StripeClient, { repair }: { repair: boolean }): Promise<Survey> {
  return new Surveyor(stripe, repair).run();
}

/** The catalog's ids, asked for once. @throws Refusal PAYMENT_PROVIDER_ERROR; Error while Stripe's account lacks something */
export class CatalogIds {
  readonly #stripe: StripeClient;
  #found: Promise<Catalog> | null = null;

  constructor(stripe: StripeClient) {
    this.#stripe = stripe;
  }

  get(): Promise<Catalog> {
    this.#found ??= this.#find().catch((error: unknown) => {
      this.#found = null;
      throw error;
    });
    return this.#found;
  }

  /** Asks again next time: for who was told that a price is not active. */
  forget(): void {
    this.#found = null;
  }

  async #find(): Promise<Catalog> {
    const { catalog, differences } = await surveyCatalog(this.#stripe, { repair: false });
    if (catalog !== null) return catalog;
    throw new Refusal('PAYMENT_PROVIDER_ERROR', 'the payment provider is not set up yet', {
      retryAfterMs: 60_000,
      cause: new Error(`npm run stripe:setup would mend: ${differences.join('; ')}`),
    });
  }
}

const PAID = PLANS.filter(({ priceCents }) => priceCents > 0);

const productOf = ({ code }: PlanTerms): string => `tollgate_${code.toLowerCase()}`;
/** The plan that a product is; null: none of ours. */
export function planOfProduct(product: string): PlanTerms | null {
  return PAID.find((plan) => productOf(plan) === product) ?? null;
}

const lookupKeyOf = ({ code }: PlanTerms): string => `tollgate_${code.toLowerCase()}_monthly`;

/** What people see of a feature. */
const FEATURE_NAMES: Readonly<Record<string, string>> = {
  basic_chatflows: 'Basic chatflows',
  all_chatflows: 'All chatflows',
};

/** Terms of a price that Stripe never changes: another price is needed for others. */
interface PriceTerms {
  readonly product: string;
  /** Exact, without trailing zeros. */
  readonly cents: string;
  readonly usageType: 'licensed' | 'metered';
  readonly meter: string | null;
}

/** Most units that somebody can buy by themselves. */
export const MOST_UNITS = 1_000;

class Surveyor {
  readonly #stripe: StripeClient;
  readonly #repair: boolean;
  readonly #differences: string[] = [];

  constructor(stripe: StripeClient, repair: boolean) {
    this.#stripe = stripe;
    this.#repair = repair;
  }

  async run(): Promise<Survey> {
    const meter = await this.#meter();
    const features = await this.#features();
    const prices = new Map<PlanCode, string>();
    for (const plan of PAID) {
      const product = productOf(plan);
      const isThere = await this.#product(product, { name: plan.name, unit_label: 'unit' });
      if (isThere) await this.#links(plan, features);
      const terms: PriceTerms = { product, cents: String(plan.priceCents), usageType: 'licensed', meter: null };
      const price = await this.#price(lookupKeyOf(plan), terms);
      if (price !== null) prices.set(plan.code, price);
    }
    await this.#product(OVERAGE_PRODUCT, { name: 'Overage credits', unit_label: 'credit' });
    const overagePrice = await this.#price(OVERAGE_PRICE, {
      product: OVERAGE_PRODUCT,
      cents: OVERAGE_CENTS.toString(),
      usageType: 'metered',
      meter,
    });
    const portalConfiguration = await this.#portal(prices);
    const isWhole =
      meter !== null && overagePrice !== null && portalConfiguration !== null && prices.size === PAID.length;
    return {
      catalog: isWhole ? { prices, overagePrice, meter, portalConfiguration } : null,
      differences: this.#differences,
    };
  }

  /** Notes a difference, and mends it where that is the order. null: it was left as it is. */
  async #differs<T>(missing: string, mend: () => Promise<T>, done: string): Promise<T | null> {
    if (!this.#repair) {
      this.#differences.push(missing);
      return null;
    }
    const result = await mend();
    this.#differences.push(done);
    return result;
  }

  async #meter(): Promise<string | null> {
    const meters = await this.#stripe.list('billing.meter', (sdk, page) => sdk.billing.meters.list(page));
    const ours = meters.filter((each) => each.event_name === OVERAGE_METER);
    const meter = ours.find(({ status }) => status === 'active') ?? ours.at(-1);
    if (meter === undefined) {
      const create = (): Promise<Stripe.Billing.Meter> =>
        this.#stripe.call('billing.meter', (sdk) =>
          sdk.billing.meters.create({
            display_name: METER_NAME,
            event_name: OVERAGE_METER,
            default_aggregation: { formula: 'sum' },
            customer_mapping: { type: 'by_id', event_payload_key: 'stripe_customer_id' },
            value_settings: { event_payload_key: 'value' },
          }),
        );
      const made = await this.#differs(`meter ${OVERAGE_METER} is missing`, create, `created meter ${OVERAGE_METER}`);
      return made?.id ?? null;
    }
    // Stripe cannot change how a meter counts, and a meter that is replaced leaves its unbilled use behind.
    const { default_aggregation: aggregation, customer_mapping: mapping, value_settings: value } = meter;
    if (
      aggregation.formula !== 'sum' ||
      mapping.event_payload_key !== 'stripe_customer_id' ||
      value.event_payload_key !== 'value'
    ) {
      this.#differences.push(
        `meter ${OVERAGE_METER} (${meter.id}) does not sum \`value\` by \`stripe_customer_id\`: only you can decide when to deactivate it`,
      );
    }
    if (meter.status !== 'active') {
      await this.#differs(
        `meter ${OVERAGE_METER} (${meter.id}) is ${meter.status}`,
        () => this.#stripe.call('billing.meter', (sdk) => sdk.billing.meters.reactivate(meter.id)),
        `reactivated meter ${OVERAGE_METER} (${meter.id})`,
      );
    }
    if (meter.display_name !== METER_NAME) {
      await this.#differs(
        `meter ${OVERAGE_METER} is called «${meter.display_name}», not «${METER_NAME}»`,
        () =>
          this.#stripe.call('billing.meter', (sdk) =>
            sdk.billing.meters.update(meter.id, { display_name: METER_NAME }),
          ),
        `called meter ${OVERAGE_METER} «${METER_NAME}»`,
      );
    }
    return meter.id;
  }

  /** Ids by lookup key, of those that are there. */
  async #features(): Promise<ReadonlyMap<string, string>> {
    const ids = new Map<string, string>();
    for (const key of new Set(PAID.flatMap((plan) => plan.features))) {
      const name = FEATURE_NAMES[key] ?? key;
      const feature = await this.#featureOf(key);
      if (feature === null) {
        const create = (): Promise<Stripe.Entitlements.Feature> =>
          this.#stripe.call('entitlements.feature', (sdk) =>
            sdk.entitlements.features.create({ lookup_key: key, name }),
          );
        const made = await this.#differs(`feature ${key} is missing`, create, `created feature ${key}`);
        if (made !== null) ids.set(key, made.id);
        continue;
      }
      ids.set(key, feature.id);
      if (feature.active && feature.name === name) continue;
      await this.#differs(
        `feature ${key} is ${feature.active ? `called «${feature.name}», not «${name}»` : 'archived'}`,
        () =>
          this.#stripe.call('entitlements.feature', (sdk) =>
            sdk.entitlements.features.update(feature.id, { active: true, name }),
          ),
        `restored feature ${key}`,
      );
    }
    return ids;
  }

  async #featureOf(key: string): Promise<Stripe.Entitlements.Feature | null> {
    for (const archived of [false, true]) {
      const [found] = await this.#stripe.list('entitlements.feature', (sdk, page) =>
        sdk.entitlements.features.list({ lookup_key: key, archived, ...page }),
      );
      if (found !== undefined) return found;
    }
    return null;
  }

  /** Whether it is there. Its id is ours, so that two who set up at once make one. */
  async #product(id: string, terms: { name: string; unit_label: string }): Promise<boolean> {
    const product = await orMissing(this.#stripe.call('product', (sdk) => sdk.products.retrieve(id)));
    if (product === null) {
      const create = (): Promise<Stripe.Product> =>
        this.#stripe.call('product', (sdk) => sdk.products.create({ id, ...terms }));
      return (await this.#differs(`product ${id} is missing`, create, `created product ${id}`)) !== null;
    }
    const changed = [
      ...(product.name === terms.name ? [] : [`called «${product.name}», not «${terms.name}»`]),
      ...(product.unit_label === terms.unit_label ? [] : [`sold by the «${product.unit_label}»`]),
      ...(product.active ? [] : ['archived']),
    ];
    if (changed.length > 0) {
      await this.#differs(
        `product ${id} is ${changed.join(' and ')}`,
        () => this.#stripe.call('product', (sdk) => sdk.products.update(id, { ...terms, active: true })),
        `restored product ${id}, which was ${changed.join(' and ')}`,
      );
    }
    return true;
  }

  /** A plan's product has the plan's features, and of ours no others. Whatever else it has is somebody else's business. */
  async #links(plan: PlanTerms, features: ReadonlyMap<string, string>): Promise<void> {
    const product = productOf(plan);
    const links = await this.#stripe.list('product_feature', (sdk, page) => sdk.products.listFeatures(product, page));
    for (const key of plan.features) {
      if (links.some((link) => link.entitlement_feature.lookup_key === key)) continue;
      const feature = features.get(key);
      await this.#differs(
        `product ${product} lacks feature ${key}`,
        () =>
          this.#stripe.call('product_feature', (sdk) =>
            sdk.products.createFeature(product, { entitlement_feature: feature as string }),
          ),
        `gave product ${product} feature ${key}`,
      );
    }
    for (const link of links) {
      const key = link.entitlement_feature.lookup_key;
      if (plan.features.includes(key) || !(key in FEATURE_NAMES)) continue;
      await this.#differs(
        `product ${product} has feature ${key}, which the plan does not give`,
        () => this.#stripe.call('product_feature', (sdk) => sdk.products.deleteFeature(product, link.id)),
        `took feature ${key} from product ${product}`,
      );
    }
  }

  /**
   * The price under this lookup key. One with other terms is replaced: the key moves on to a new one, and the old one is
   * archived if it was this product's. Who subscribed to it keeps it.
   */
  async #price(lookupKey: string, terms: PriceTerms): Promise<string | null> {
    const [price] = await this.#stripe.list('price', (sdk, page) =>
      sdk.prices.list({ lookup_keys: [lookupKey], ...page }),
    );
    if (price === undefined) {
      const create = (): Promise<Stripe.Price> => this.#createPrice(lookupKey, terms);
      const made = await this.#differs(`price ${lookupKey} is missing`, create, `created price ${lookupKey}`);
      return made?.id ?? null;
    }
    const wrong = differencesOf(price, terms);
    if (wrong.length > 0) {
      const made = await this.#differs(
        `price ${lookupKey} (${price.id}) has ${wrong.join(', ')}`,
        async () => {
          const replacement = await this.#createPrice(lookupKey, terms);
          if (idOf(price.product) === terms.product && price.active) {
            await this.#stripe.call('price', (sdk) => sdk.prices.update(price.id, { active: false }));
          }
          return replacement;
        },
        `replaced price ${lookupKey} (${price.id}), which had ${wrong.join(', ')}`,
      );
      return made?.id ?? null;
    }
    if (!price.active) {
      await this.#differs(
        `price ${lookupKey} (${price.id}) is archived`,
        () => this.#stripe.call('price', (sdk) => sdk.prices.update(price.id, { active: true })),
        `restored price ${lookupKey} (${price.id})`,
      );
    }
    return price.id;
  }

  #createPrice(lookupKey: string, { product, cents, usageType, meter }: PriceTerms): Promise<Stripe.Price> {
    return this.#stripe.call('price', (sdk) =>
      sdk.prices.create({
        product,
        currency: CURRENCY,
        lookup_key: lookupKey,
        transfer_lookup_key: true,
        unit_amount_decimal: Stripe.Decimal.from(cents),
        recurring: { interval: 'month', usage_type: usageType, ...(meter !== null && { meter }) },
      }),
    );
  }

  async #portal(prices: ReadonlyMap<PlanCode, string>): Promise<string | null> {
    const all = await this.#stripe.list('billing_portal.configuration', (sdk, page) =>
      sdk.billingPortal.configurations.list({ active: true, ...page }),
    );
    let ours = all.find(({ metadata }) => metadata?.[PORTAL_MARK] === 'portal');
    if (ours?.features.subscription_update.products === undefined && ours !== undefined) {
      // Stripe leaves long lists out of some answers unless they are asked for.
      const { id } = ours;
      const expand = ['features.subscription_update.products'];
      ours = await this.#stripe.call('billing_portal.configuration', (sdk) =>
        sdk.billingPortal.configurations.retrieve(id, { expand }),
      );
    }
    const features = portalFeatures(prices);
    if (ours === undefined) {
      const create = (): Promise<Stripe.BillingPortal.Configuration> =>
        this.#stripe.call('billing_portal.configuration', (sdk) =>
          sdk.billingPortal.configurations.create({ features, metadata: { [PORTAL_MARK]: 'portal' } }),
        );
      const made = await this.#differs('portal configuration is missing', create, 'created portal configuration');
      return made?.id ?? null;
    }
    const wrong = Object.keys(features).filter(
      (name) => !includes(ours.features[name as never], features[name as keyof typeof features]),
    );
    if (wrong.length > 0) {
      await this.#differs(
        `portal configuration (${ours.id}) differs in ${wrong.join(', ')}`,
        () =>
          this.#stripe.call('billing_portal.configuration', (sdk) =>
            sdk.billingPortal.configurations.update(ours.id, { features }),
          ),
        `changed portal configuration (${ours.id}) in ${wrong.join(', ')}`,
      );
    }
    return ours.id;
  }
}

const METER_NAME = 'Overage credits';
/** Metadata that tells our portal configuration from others. */
const PORTAL_MARK = 'tollgate';

/** Plans and units are changed at once when that costs more, and at the period's end when it costs less (rule 26). */
function portalFeatures(
  prices: ReadonlyMap<PlanCode, string>,
): Stripe.BillingPortal.ConfigurationCreateParams.Features & { subscription_update: object } {
  return {
    customer_update: { enabled: true, allowed_updates: ['address', 'email', 'name', 'tax_id'] },
    invoice_history: { enabled: true },
    payment_method_update: { enabled: true },
    subscription_cancel: { enabled: true, mode: 'at_period_end', proration_behavior: 'none' },
    subscription_update: {
      enabled: true,
      default_allowed_updates: ['price', 'quantity'],
      proration_behavior: 'always_invoice',
      products: PAID.flatMap((plan) => {
        const price = prices.get(plan.code);
        if (price === undefined) return [];
        const quantity = { enabled: true, minimum: 1, maximum: MOST_UNITS };
        return [{ product: productOf(plan), prices: [price], adjustable_quantity: quantity }];
      }),
      schedule_at_period_end: { conditions: [{ type: 'decreasing_item_amount' }] },
    },
  };
}

/** What is not as it should be, in words. */
function differencesOf(price: Stripe.Price, terms: PriceTerms): string[] {
  const { recurring } = price;
  const pairs: readonly (readonly [string, unknown, unknown])[] = [
    ['product', idOf(price.product), terms.product],
    ['currency', price.currency, CURRENCY],
    ['amount', price.unit_amount_decimal?.toString() ?? null, terms.cents],
    ['scheme', price.billing_scheme, 'per_unit'],
    ['interval', recurring && `${recurring.interval_count} ${recurring.interval}`, '1 month'],
    ['usage type', recurring?.usage_type ?? null, terms.usageType],
    // A meter that is still to be made is another one.
    ['meter', recurring?.meter ?? null, terms.meter],
  ];
  return pairs
    .filter(([, actual, wanted]) => actual !== wanted)
    .map(([name, actual, wanted]) => `${name} ${String(actual)} instead of ${String(wanted)}`);
}

function idOf(reference: string | { readonly id: string }): string {
  return typeof reference === 'string' ? reference : reference.id;
}

/** Whether `actual` has all that `wanted` has. Lists are compared as sets: Stripe keeps no order of them. */
function includes(actual: unknown, wanted: unknown): boolean {
  if (Array.isArray(wanted)) {
    return (
      Array.isArray(actual) &&
      actual.length === wanted.length &&
      wanted.every((each) => actual.some((other) => includes(other, each)))
    );
  }
  if (typeof wanted !== 'object' || wanted === null) return actual === wanted;
  if (typeof actual !== 'object' || actual === null) return false;
  return Object.entries(wanted).every(([key, value]) => includes((actual as Record<string, unknown>)[key], value));
}

import { Stripe } from 'stripe';
import { orMissing } from '../account/client.ts';
import { idOf } from '../account/values.ts';
import type { Surveying } from './differences.ts';
import { CURRENCY } from './offers.ts';

/** Terms of a price that Stripe never changes: other terms need another price. */
export interface PriceTerms {
  readonly product: string;
  /** Exact, without trailing zeros. */
  readonly cents: string;
  readonly usageType: 'licensed' | 'metered';
  readonly meter: string | null;
}

/**
 * The product with this id. The id is ours, so that two processes that set the account up at once make one product.
 * @returns whether it is there
 */
export async function surveyProduct(
  id: string,
  terms: { readonly name: string; readonly unit_label: string },
  { stripe, differences }: Surveying,
): Promise<boolean> {
  const product = await orMissing(stripe.call('product', (sdk) => sdk.products.retrieve(id)));
  if (product === null) {
    const made = await differences.mend({ differs: `product ${id} is missing`, mended: `created product ${id}` }, () =>
      stripe.call('product', (sdk) => sdk.products.create({ id, ...terms })),
    );
    return made !== null;
  }
  const changed = [
    ...(product.name === terms.name ? [] : [`called «${product.name}», not «${terms.name}»`]),
    ...(product.unit_label === terms.unit_label ? [] : [`sold by the «${product.unit_label}»`]),
    ...(product.active ? [] : ['archived']),
  ];
  if (changed.length > 0) {
    await differences.mend(
      {
        differs: `product ${id} is ${changed.join(' and ')}`,
        mended: `restored product ${id}, which was ${changed.join(' and ')}`,
      },
      () => stripe.call('product', (sdk) => sdk.products.update(id, { ...terms, active: true })),
    );
  }
  return true;
}

/**
 * The price under this lookup key. A price with other terms is replaced: the key moves to a new price, and the old one is
 * archived if it was this product's. Subscriptions to the old price keep it.
 * @returns its id; null: it is missing or has other terms, and was left so
 */
export async function surveyPrice(
  lookupKey: string,
  terms: PriceTerms,
  { stripe, differences }: Surveying,
): Promise<string | null> {
  const [price] = await stripe.list('price', (sdk, page) => sdk.prices.list({ lookup_keys: [lookupKey], ...page }));
  if (price === undefined) {
    const made = await differences.mend(
      { differs: `price ${lookupKey} is missing`, mended: `created price ${lookupKey}` },
      () => createPrice(stripe, lookupKey, terms),
    );
    return made?.id ?? null;
  }
  const wrong = differencesOf(price, terms);
  if (wrong.length > 0) {
    const made = await differences.mend(
      {
        differs: `price ${lookupKey} (${price.id}) has ${wrong.join(', ')}`,
        mended: `replaced price ${lookupKey} (${price.id}), which had ${wrong.join(', ')}`,
      },
      async () => {
        const replacement = await createPrice(stripe, lookupKey, terms);
        if (idOf(price.product) === terms.product && price.active) {
          await stripe.call('price', (sdk) => sdk.prices.update(price.id, { active: false }));
        }
        return replacement;
      },
    );
    return made?.id ?? null;
  }
  if (!price.active) {
    await differences.mend(
      {
        differs: `price ${lookupKey} (${price.id}) is archived`,
        mended: `restored price ${lookupKey} (${price.id})`,
      },
      () => stripe.call('price', (sdk) => sdk.prices.update(price.id, { active: true })),
    );
  }
  return price.id;
}

function createPrice(
  stripe: Surveying['stripe'],
  lookupKey: string,
  { product, cents, usageType, meter }: PriceTerms,
): Promise<Stripe.Price> {
  return stripe.call('price', (sdk) =>
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
    .filter(([, actual, expected]) => actual !== expected)
    .map(([name, actual, expected]) => `${name} ${String(actual)} instead of ${String(expected)}`);
}

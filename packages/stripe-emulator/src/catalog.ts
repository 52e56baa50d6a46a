import { invalid } from './errors.ts';
import { pageFields, pageOf } from './lists.ts';
import { canonicalDecimal } from './money.ts';
import {
  clearable,
  decimal,
  type Fields,
  flag,
  integer,
  list,
  mergeMetadata,
  metadata,
  object,
  oneOf,
  required,
  text,
} from './parameters.ts';
import { route, type Route } from './router.ts';
import { rowOf, type Sandbox } from './sandbox.ts';
import type { Metadata, Plan, Price, Product } from './wire.ts';

const productFields = {
  active: flag,
  description: clearable(text),
  metadata,
  statement_descriptor: text,
  tax_code: clearable(text),
  unit_label: clearable(text),
  url: clearable(text),
} satisfies Fields;

export const recurringFields = {
  interval: required(oneOf('day', 'week', 'month', 'year')),
  interval_count: integer,
  meter: text,
  usage_type: oneOf('licensed', 'metered'),
} satisfies Fields;

const taxBehavior = oneOf('exclusive', 'inclusive', 'unspecified');

/** Products and prices. */
export const catalogRoutes: readonly Route[] = [
  route('POST', '/v1/products', { ...productFields, id: text, name: required(text) }, (sandbox, parameters) => {
    const id = parameters.id ?? sandbox.newId('prod', 14);
    if (sandbox.tables.products.has(id)) {
      throw invalid(`Product already exists.`, { code: 'resource_already_exists', param: 'id' });
    }
    return createProduct(sandbox, { ...parameters, id });
  }),
  route('GET', '/v1/products', { ...pageFields, active: flag, ids: list(required(text)) }, (sandbox, parameters) => {
    const rows = [...sandbox.tables.products.values()].filter(
      (each) =>
        (parameters.active === undefined || each.active === parameters.active) &&
        (parameters.ids === undefined || parameters.ids.includes(each.id)),
    );
    return pageOf(rows, '/v1/products', parameters);
  }),
  route('GET', '/v1/products/:id', {}, (sandbox, _parameters, [id]) => productOf(sandbox, id)),
  route(
    'POST',
    '/v1/products/:id',
    { ...productFields, default_price: text, name: text },
    (sandbox, parameters, [id]) => {
      const product = productOf(sandbox, id);
      if (parameters.default_price !== undefined) priceOf(sandbox, parameters.default_price, 'default_price');
      sandbox.change(product, 'product.updated', () => {
        if (parameters.active !== undefined) product.active = parameters.active;
        if (parameters.name !== undefined) product.name = parameters.name;
        if (parameters.default_price !== undefined) product.default_price = parameters.default_price;
        if (parameters.description !== undefined) product.description = parameters.description;
        if (parameters.unit_label !== undefined) product.unit_label = parameters.unit_label;
        if (parameters.url !== undefined) product.url = parameters.url;
        if (parameters.tax_code !== undefined) product.tax_code = parameters.tax_code;
        if (parameters.statement_descriptor !== undefined) {
          product.statement_descriptor = parameters.statement_descriptor;
        }
        product.metadata = mergeMetadata(product.metadata, parameters.metadata);
      });
      return product;
    },
  ),
  route(
    'POST',
    '/v1/prices',
    {
      active: flag,
      billing_scheme: oneOf('per_unit'),
      currency: required(text),
      lookup_key: text,
      metadata,
      nickname: text,
      product: required(text),
      recurring: object(recurringFields),
      tax_behavior: taxBehavior,
      transfer_lookup_key: flag,
      unit_amount: integer,
      unit_amount_decimal: decimal,
    },
    (sandbox, parameters) => createPrice(sandbox, parameters),
  ),
  route(
    'GET',
    '/v1/prices',
    {
      ...pageFields,
      active: flag,
      currency: text,
      lookup_keys: list(required(text)),
      product: text,
      recurring: object({ interval: oneOf('day', 'week', 'month', 'year'), meter: text, usage_type: text }),
      type: oneOf('one_time', 'recurring'),
    },
    (sandbox, parameters) => {
      const { active, currency, lookup_keys: keys, product, recurring, type } = parameters;
      const rows = [...sandbox.tables.prices.values()].filter(
        (each) =>
          (active === undefined || each.active === active) &&
          (currency === undefined || each.currency === currency) &&
          (keys === undefined || (each.lookup_key !== null && keys.includes(each.lookup_key))) &&
          (product === undefined || each.product === product) &&
          (type === undefined || each.type === type) &&
          (recurring?.interval === undefined || each.recurring?.interval === recurring.interval) &&
          (recurring?.meter === undefined || each.recurring?.meter === recurring.meter) &&
          (recurring?.usage_type === undefined || each.recurring?.usage_type === recurring.usage_type),
      );
      return pageOf(rows, '/v1/prices', parameters);
    },
  ),
  route('GET', '/v1/prices/:id', {}, (sandbox, _parameters, [id]) => priceOf(sandbox, id)),
  route(
    'POST',
    '/v1/prices/:id',
    {
      active: flag,
      lookup_key: clearable(text),
      metadata,
      nickname: clearable(text),
      tax_behavior: taxBehavior,
      transfer_lookup_key: flag,
    },
    (sandbox, parameters, [id]) => {
      const price = priceOf(sandbox, id);
      if (parameters.lookup_key != null) {
        claimLookupKey(sandbox, parameters.lookup_key, { owner: id, transfer: parameters.transfer_lookup_key });
      }
      sandbox.change(price, 'price.updated', () => {
        if (parameters.active !== undefined) price.active = parameters.active;
        if (parameters.lookup_key !== undefined) price.lookup_key = parameters.lookup_key;
        if (parameters.nickname !== undefined) price.nickname = parameters.nickname;
        if (parameters.tax_behavior !== undefined) price.tax_behavior = parameters.tax_behavior;
        price.metadata = mergeMetadata(price.metadata, parameters.metadata);
      });
      return price;
    },
  ),
];

/** The product, or Stripe's refusal. */
export function productOf(sandbox: Sandbox, id: string, param?: string): Product {
  return rowOf(sandbox.tables.products, 'product', id, param);
}

/** The price, or Stripe's refusal. */
export function priceOf(sandbox: Sandbox, id: string, param?: string): Price {
  return rowOf(sandbox.tables.prices, 'price', id, param);
}

/** The price, if it may be sold: neither it nor its product is archived. */
export function soldPriceOf(sandbox: Sandbox, id: string, param: string): Price {
  const price = priceOf(sandbox, id, param);
  if (!price.active) {
    throw invalid('The price specified is inactive. This field only accepts active prices.', { param });
  }
  if (sandbox.tables.products.get(price.product)?.active === false) {
    throw invalid(`The product ${price.product} is marked as inactive, so it cannot be sold.`, { param });
  }
  return price;
}

/** The name of a line with this price. */
export function productNameOf(sandbox: Sandbox, price: Price): string {
  return sandbox.tables.products.get(price.product)?.name ?? price.product;
}

interface NewProduct {
  readonly id?: string | undefined;
  readonly name: string;
  readonly active?: boolean | undefined;
  readonly description?: string | null | undefined;
  readonly metadata?: Metadata | null | undefined;
  readonly statement_descriptor?: string | undefined;
  readonly tax_code?: string | null | undefined;
  readonly unit_label?: string | null | undefined;
  readonly url?: string | null | undefined;
}

/** Makes a product; `price_data` with `product_data` does so too. */
export function createProduct(sandbox: Sandbox, parameters: NewProduct): Product {
  const product: Product = {
    id: parameters.id ?? sandbox.newId('prod', 14),
    object: 'product',
    active: parameters.active ?? true,
    created: sandbox.now(),
    default_price: null,
    description: parameters.description ?? null,
    images: [],
    livemode: false,
    marketing_features: [],
    metadata: mergeMetadata({}, parameters.metadata),
    name: parameters.name,
    package_dimensions: null,
    shippable: null,
    statement_descriptor: parameters.statement_descriptor ?? null,
    tax_code: parameters.tax_code ?? null,
    tax_details: null,
    type: 'service',
    unit_label: parameters.unit_label ?? null,
    updated: sandbox.now(),
    url: parameters.url ?? null,
  };
  sandbox.tables.products.set(product.id, product);
  sandbox.emit('product.created', product);
  return product;
}

interface NewPrice {
  readonly active?: boolean | undefined;
  readonly currency: string;
  readonly lookup_key?: string | undefined;
  readonly metadata?: Metadata | null | undefined;
  readonly nickname?: string | undefined;
  readonly product: string;
  readonly recurring?:
    | {
        readonly interval: 'day' | 'week' | 'month' | 'year';
        readonly interval_count?: number | undefined;
        readonly meter?: string | undefined;
        readonly usage_type?: 'licensed' | 'metered' | undefined;
      }
    | undefined;
  readonly tax_behavior?: 'exclusive' | 'inclusive' | 'unspecified' | undefined;
  readonly transfer_lookup_key?: boolean | undefined;
  readonly unit_amount?: number | undefined;
  readonly unit_amount_decimal?: string | undefined;
}

/** Makes a price; `price_data` does so too. */
export function createPrice(sandbox: Sandbox, parameters: NewPrice): Price {
  const { recurring, unit_amount: cents, unit_amount_decimal: exact, lookup_key: key } = parameters;
  productOf(sandbox, parameters.product, 'product');
  if (cents !== undefined && exact !== undefined) {
    throw invalid('You may only specify one of these parameters: unit_amount, unit_amount_decimal.');
  }
  const amount = exact === undefined ? cents?.toString() : canonicalDecimal(exact);
  if (amount === undefined) {
    throw invalid('You must specify either `unit_amount` or `unit_amount_decimal`.', { param: 'unit_amount' });
  }
  const usageType = recurring?.usage_type ?? 'licensed';
  if (usageType === 'metered' && recurring?.meter === undefined) {
    throw invalid('Metered prices must be backed by a meter: specify recurring[meter].', { param: 'recurring[meter]' });
  }
  if (recurring?.meter !== undefined) rowOf(sandbox.tables.meters, 'meter', recurring.meter, 'recurring[meter]');
  const id = sandbox.newId('price');
  if (key !== undefined) {
    claimLookupKey(sandbox, key, { owner: id, transfer: parameters.transfer_lookup_key });
  }
  const price: Price = {
    id,
    object: 'price',
    active: parameters.active ?? true,
    billing_scheme: 'per_unit',
    created: sandbox.now(),
    currency: parameters.currency.toLowerCase(),
    custom_unit_amount: null,
    livemode: false,
    lookup_key: key ?? null,
    metadata: mergeMetadata({}, parameters.metadata),
    nickname: parameters.nickname ?? null,
    product: parameters.product,
    recurring:
      recurring === undefined
        ? null
        : {
            interval: recurring.interval,
            interval_count: recurring.interval_count ?? 1,
            meter: recurring.meter ?? null,
            trial_period_days: null,
            usage_type: usageType,
          },
    tax_behavior: parameters.tax_behavior ?? 'unspecified',
    tiers_mode: null,
    transform_quantity: null,
    type: recurring === undefined ? 'one_time' : 'recurring',
    unit_amount: amount.includes('.') ? null : Number(amount),
    unit_amount_decimal: amount,
  };
  sandbox.tables.prices.set(price.id, price);
  sandbox.emit('price.created', price);
  return price;
}

/** The older form of a recurring price, which subscription items still carry. */
export function planOf(price: Price): Plan {
  return {
    id: price.id,
    object: 'plan',
    active: price.active,
    amount: price.unit_amount,
    amount_decimal: price.unit_amount_decimal,
    billing_scheme: price.billing_scheme,
    created: price.created,
    currency: price.currency,
    interval: price.recurring?.interval ?? 'month',
    interval_count: price.recurring?.interval_count ?? 1,
    livemode: false,
    metadata: price.metadata,
    meter: price.recurring?.meter ?? null,
    nickname: price.nickname,
    product: price.product,
    tiers_mode: null,
    transform_usage: null,
    trial_period_days: null,
    usage_type: price.recurring?.usage_type ?? 'licensed',
  };
}

/** A lookup key names one price; with `transfer` it changes hands. */
function claimLookupKey(
  sandbox: Sandbox,
  key: string,
  { owner, transfer = false }: { owner: string; transfer?: boolean | undefined },
): void {
  const holder = [...sandbox.tables.prices.values()].find((each) => each.lookup_key === key && each.id !== owner);
  if (holder === undefined) return;
  if (!transfer) {
    throw invalid(`A price (\`${holder.id}\`) already uses that lookup key.`, { param: 'lookup_key' });
  }
  sandbox.change(holder, 'price.updated', () => {
    holder.lookup_key = null;
  });
}

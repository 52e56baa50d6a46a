import type { Sandbox } from './sandbox.ts';
import { taxesOf } from './tax-rates.ts';
import type { Customer, Invoice, InvoiceLine, TaxRate } from './wire.ts';

/** The things about a buyer that automatic taxes depend on. */
export interface TaxPlace {
  readonly country: string | null;
  readonly hasTaxId: boolean;
}

/** The property of an invoice. Without a country nothing can be calculated. */
export function automaticTax(enabled: boolean, { address }: Pick<Customer, 'address'>): Invoice['automatic_tax'] {
  if (!enabled) return { disabled_reason: null, enabled, liability: null, provider: null, status: null };
  const status = address?.country == null ? 'requires_location_inputs' : 'complete';
  return { disabled_reason: null, enabled, liability: { type: 'self' }, provider: 'stripe', status };
}

/** The taxes that are calculated: the percentage of a country where the seller is registered, and 0 of all others. */
export function automaticTaxesOf(
  sandbox: Sandbox,
  { country, hasTaxId }: TaxPlace,
  { price, cents }: { readonly price: string | undefined; readonly cents: number },
): NonNullable<InvoiceLine['taxes']> {
  if (country === null) return [];
  const registered = sandbox.behaviour.taxRegistrations[country];
  const inclusive = sandbox.tables.prices.get(price ?? '')?.tax_behavior === 'inclusive';
  const percentage = hasTaxId ? 0 : (registered ?? 0);
  const reason = registered === undefined ? 'not_collecting' : hasTaxId ? 'reverse_charge' : 'standard_rated';
  const rate = calculatedRate(sandbox, { country, inclusive, percentage });
  return taxesOf([rate], cents).map((tax) => ({ ...tax, taxability_reason: reason }));
}

/** Calculated rates are rates of their own, which nobody can use by hand. */
function calculatedRate(
  sandbox: Sandbox,
  { country, inclusive, percentage }: { country: string; inclusive: boolean; percentage: number },
): TaxRate {
  const { taxRates } = sandbox.tables;
  const known = [...taxRates.values()].find(
    (rate) =>
      !rate.active && rate.country === country && rate.inclusive === inclusive && rate.percentage === percentage,
  );
  if (known !== undefined) return known;
  const rate: TaxRate = {
    id: sandbox.newId('txr'),
    object: 'tax_rate',
    active: false,
    country,
    created: sandbox.now(),
    description: null,
    display_name: 'Tax',
    effective_percentage: percentage,
    flat_amount: null,
    inclusive,
    jurisdiction: country,
    jurisdiction_level: 'country',
    livemode: false,
    metadata: {},
    percentage,
    rate_type: 'percentage',
    state: null,
    tax_type: 'vat',
  };
  taxRates.set(rate.id, rate);
  return rate;
}

import { pageFields, pageOf } from './lists.ts';
import { shareCents } from './money.ts';
import { clearable, decimal, flag, list, mergeMetadata, metadata, required, text } from './parameters.ts';
import { route, type Route } from './router.ts';
import { rowOf, type Sandbox } from './sandbox.ts';
import type { InvoiceLine, TaxRate } from './wire.ts';

/** Ids of tax rates, wherever they are given. The empty text takes all away. */
export const taxRateFields = clearable(list(required(text)));

/** Tax rates that a seller keeps by hand. */
export const taxRateRoutes: readonly Route[] = [
  route(
    'POST',
    '/v1/tax_rates',
    {
      country: text,
      description: text,
      display_name: required(text),
      inclusive: required(flag),
      metadata,
      percentage: required(decimal),
    },
    (sandbox, parameters) => {
      const percentage = Number(parameters.percentage);
      const rate: TaxRate = {
        id: sandbox.newId('txr'),
        object: 'tax_rate',
        active: true,
        country: parameters.country ?? null,
        created: sandbox.now(),
        description: parameters.description ?? null,
        display_name: parameters.display_name,
        effective_percentage: percentage,
        flat_amount: null,
        inclusive: parameters.inclusive,
        jurisdiction: null,
        jurisdiction_level: null,
        livemode: false,
        metadata: mergeMetadata({}, parameters.metadata),
        percentage,
        rate_type: 'percentage',
        state: null,
        tax_type: null,
      };
      sandbox.tables.taxRates.set(rate.id, rate);
      sandbox.emit('tax_rate.created', rate);
      return rate;
    },
  ),
  route('GET', '/v1/tax_rates', pageFields, (sandbox, parameters) =>
    pageOf(sandbox.tables.taxRates.values(), '/v1/tax_rates', parameters),
  ),
  route('GET', '/v1/tax_rates/:id', {}, (sandbox, _parameters, [id]) => rowOf(sandbox.tables.taxRates, 'tax rate', id)),
];

/** The rates with these ids, whole, as objects carry them. */
export function ratesOf(sandbox: Sandbox, ids: readonly string[] | null | undefined): TaxRate[] {
  return (ids ?? []).map((id) => structuredClone(rowOf(sandbox.tables.taxRates, 'tax rate', id, 'tax_rates')));
}

/** The taxes of an amount. Those of an inclusive rate are in it already. */
export function taxesOf(rates: readonly TaxRate[], cents: number): NonNullable<InvoiceLine['taxes']> {
  return rates.map((rate) => {
    const points = Math.round(rate.percentage * 10_000);
    const whole = rate.inclusive ? 1_000_000 + points : 1_000_000;
    const amount = shareCents(cents, { part: points, whole });
    return {
      amount,
      tax_behavior: rate.inclusive ? 'inclusive' : 'exclusive',
      tax_rate_details: { tax_rate: rate.id },
      taxability_reason: 'not_available',
      taxable_amount: rate.inclusive ? cents - amount : cents,
      type: 'tax_rate_details',
    };
  });
}

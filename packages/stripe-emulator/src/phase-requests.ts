import { automaticTaxOf } from './automatic-tax.ts';
import { boundary } from './calendar.ts';
import { priceOf } from './catalog.ts';
import { assertOwn, customerOf } from './customers.ts';
import { discountFields } from './discounts.ts';
import { invalid } from './errors.ts';
import {
  clearable,
  type Fields,
  flag,
  integer,
  integerOr,
  mergeMetadata,
  metadata,
  object,
  oneOf,
  required,
  text,
  type Values,
} from './parameters.ts';
import { askedDiscounts, type PhaseDiscount } from './phase-terms.ts';
import type { Sandbox } from './sandbox.ts';
import { prorationBehavior, soldItems } from './subscription-parameters.ts';
import { ratesOf, taxRateFields } from './tax-rates.ts';
import type { SchedulePhase, SubscriptionSchedule, TaxRate } from './wire.ts';

/** The parameters of a phase. */
export const phaseFields = {
  automatic_tax: object({ enabled: required(flag), liability: object({ type: required(oneOf('self')) }) }),
  collection_method: oneOf('charge_automatically', 'send_invoice'),
  currency: text,
  default_payment_method: text,
  default_tax_rates: taxRateFields,
  description: clearable(text),
  discounts: discountFields,
  duration: object({ interval: required(oneOf('day', 'week', 'month', 'year')), interval_count: integer }),
  end_date: integerOr('now'),
  invoice_settings: object({
    days_until_due: integer,
    description: clearable(text),
    footer: clearable(text),
    issuer: object({ type: required(oneOf('self')) }),
  }),
  items: soldItems,
  metadata,
  proration_behavior: prorationBehavior,
  start_date: integerOr('now'),
} satisfies Fields;

/** The parameters of phases. The portal asks for the same. */
export type PhaseRequest = Values<typeof phaseFields>;

/** The phases as they would be kept: each begins where the one before it ends. */
export function planPhases(
  sandbox: Sandbox,
  schedule: SubscriptionSchedule,
  requests: readonly PhaseRequest[],
): SchedulePhase[] {
  const current = schedule.current_phase;
  const phases: SchedulePhase[] = [];
  for (const [index, request] of requests.entries()) {
    const param = `phases[${index}]`;
    const before = phases.at(-1)?.end_date;
    const asked = request.start_date === 'now' ? sandbox.now() : request.start_date;
    const start = before ?? asked;
    if (start === undefined) {
      throw invalid('You must set `start_date` on the first phase.', { param: `${param}[start_date]` });
    }
    if (index === 0 && current !== null && start !== current.start_date) {
      throw invalid('You can not modify the start date of the current phase.', { param: `${param}[start_date]` });
    }
    if (before !== undefined && asked !== undefined && asked !== before) {
      throw invalid('The start date of a phase must be the end date of the phase before it.', {
        param: `${param}[start_date]`,
      });
    }
    if (request.items.length === 0) throw invalid(`Missing required param: ${param}[items].`, { param });
    const items = request.items.map((item, position) => ({
      price: priceOf(sandbox, item.price, `${param}[items][${position}][price]`).id,
      quantity: item.quantity,
      metadata: mergeMetadata({}, item.metadata),
      discounts: askedDiscounts(sandbox, item.discounts),
      taxRates: ratesOf(sandbox, item.tax_rates),
    }));
    const end = endOf(sandbox, request, { start, price: items[0]?.price ?? '' });
    if (end <= start) throw invalid('The end of a phase must be after its start.', { param: `${param}[end_date]` });
    phases.push(
      blankPhase(sandbox.tables.prices.get(items[0]?.price ?? '')?.currency ?? 'usd', {
        start,
        end,
        items,
        defaultPaymentMethod: ownMethod(sandbox, schedule, request.default_payment_method) ?? null,
        prorationBehavior: request.proration_behavior ?? 'create_prorations',
        metadata: mergeMetadata({}, request.metadata),
        discounts: askedDiscounts(sandbox, request.discounts),
        taxRates: ratesOf(sandbox, request.default_tax_rates),
        automaticTax: request.automatic_tax?.enabled ?? null,
        description: request.description ?? null,
        collectionMethod: request.collection_method ?? null,
        daysUntilDue: request.invoice_settings?.days_until_due ?? null,
      }),
    );
  }
  return phases;
}

/** A request that says nothing; its caller says what it wants. */
export const blankRequest: Omit<PhaseRequest, 'items'> = {
  automatic_tax: undefined,
  collection_method: undefined,
  currency: undefined,
  default_payment_method: undefined,
  default_tax_rates: undefined,
  description: undefined,
  discounts: undefined,
  duration: undefined,
  end_date: undefined,
  invoice_settings: undefined,
  metadata: undefined,
  proration_behavior: undefined,
  start_date: undefined,
};

/** A card that is asked for, which must be the customer's. */
export function ownMethod(
  sandbox: Sandbox,
  schedule: SubscriptionSchedule,
  method: string | undefined,
): string | undefined {
  if (method !== undefined) assertOwn(sandbox, customerOf(sandbox, schedule.customer), method);
  return method;
}

function endOf(sandbox: Sandbox, request: PhaseRequest, { start, price }: { start: number; price: string }): number {
  if (request.end_date !== undefined && request.duration !== undefined) {
    throw invalid('You may only specify one of these parameters: end_date, duration.', { param: 'phases' });
  }
  if (request.end_date === 'now') return sandbox.now();
  if (request.end_date !== undefined) return request.end_date;
  const cadence = sandbox.tables.prices.get(price)?.recurring ?? { interval: 'month', interval_count: 1 };
  const { duration } = request;
  if (duration === undefined) return boundary(start, cadence, 1);
  return boundary(start, { interval: duration.interval, interval_count: duration.interval_count ?? 1 }, 1);
}

/** The terms of a phase. */
export interface NewPhase {
  readonly start: number;
  readonly end: number;
  readonly items: readonly {
    readonly price: string;
    readonly quantity: number | undefined;
    readonly metadata: Record<string, string>;
    readonly discounts: PhaseDiscount[];
    readonly taxRates: TaxRate[];
  }[];
  readonly defaultPaymentMethod: string | null;
  readonly prorationBehavior: string;
  readonly metadata: Record<string, string>;
  readonly discounts: PhaseDiscount[];
  readonly taxRates: TaxRate[];
  /** null: the phase does not speak of it. */
  readonly automaticTax: boolean | null;
  readonly description: string | null;
  readonly collectionMethod: 'charge_automatically' | 'send_invoice' | null;
  readonly daysUntilDue: number | null;
}

/** A phase as it is kept. */
export function blankPhase(
  currency: string,
  { start, end, items, defaultPaymentMethod, prorationBehavior, metadata: labels, ...terms }: NewPhase,
): SchedulePhase {
  return {
    add_invoice_items: [],
    application_fee_percent: null,
    ...(terms.automaticTax !== null && { automatic_tax: automaticTaxOf(terms.automaticTax) }),
    billing_cycle_anchor: null,
    billing_thresholds: null,
    collection_method: terms.collectionMethod,
    currency,
    default_payment_method: defaultPaymentMethod,
    default_tax_rates: terms.taxRates,
    description: terms.description,
    discounts: terms.discounts,
    end_date: end,
    invoice_settings:
      terms.daysUntilDue === null
        ? null
        : {
            account_tax_ids: null,
            custom_fields: null,
            days_until_due: terms.daysUntilDue,
            description: null,
            footer: null,
            issuer: { type: 'self' },
          },
    items: items.map((item) => ({
      billing_thresholds: null,
      discounts: item.discounts,
      metadata: item.metadata,
      plan: item.price,
      price: item.price,
      ...(item.quantity !== undefined && { quantity: item.quantity }),
      tax_rates: item.taxRates,
    })),
    metadata: labels,
    on_behalf_of: null,
    proration_behavior: prorationBehavior,
    start_date: start,
    transfer_data: null,
    trial_end: null,
  };
}

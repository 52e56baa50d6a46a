import { DAY, MINUTE } from './calendar.ts';
import { customerOf } from './customers.ts';
import { invalid, StripeFailure } from './errors.ts';
import { pageFields, pageOf, pageInOrder } from './lists.ts';
import { integer, object, oneOf, required, text, textMap, type Values } from './parameters.ts';
import { route, type Route } from './router.ts';
import { rowOf, type Sandbox } from './sandbox.ts';
import type { Usage } from './tables.ts';
import { reportMeterError } from './thin-events.ts';
import type { Meter, MeterEvent, MeterEventSummary } from './wire.ts';

/** The timestamp of a meter event may lie so far from now. */
const MOST_PAST = 35 * DAY;
const MOST_AHEAD = 5 * MINUTE;

const meterFields = {
  customer_mapping: object({ event_payload_key: required(text), type: required(oneOf('by_id')) }),
  default_aggregation: required(object({ formula: required(oneOf('sum', 'count', 'last')) })),
  display_name: required(text),
  event_name: required(text),
  event_time_window: oneOf('day', 'hour'),
  value_settings: object({ event_payload_key: required(text) }),
};

const eventFields = { event_name: required(text), identifier: text, payload: required(textMap), timestamp: integer };

/** Meters, the use that is reported to them, and its sums. */
export const meterRoutes: readonly Route[] = [
  route('POST', '/v1/billing/meters', meterFields, (sandbox, parameters) => createMeter(sandbox, parameters)),
  route('GET', '/v1/billing/meters', { ...pageFields, status: oneOf('active', 'inactive') }, (sandbox, parameters) => {
    const rows = [...sandbox.tables.meters.values()].filter(
      (each) => parameters.status === undefined || each.status === parameters.status,
    );
    return pageOf(rows, '/v1/billing/meters', parameters);
  }),
  route('GET', '/v1/billing/meters/:id', {}, (sandbox, _parameters, [id]) => meterOf(sandbox, id)),
  route('POST', '/v1/billing/meters/:id', { display_name: text }, (sandbox, parameters, [id]) => {
    const meter = meterOf(sandbox, id);
    sandbox.change(meter, 'billing.meter.updated', () => {
      if (parameters.display_name !== undefined) meter.display_name = parameters.display_name;
    });
    return meter;
  }),
  route('POST', '/v1/billing/meters/:id/deactivate', {}, (sandbox, _parameters, [id]) => setActive(sandbox, id, false)),
  route('POST', '/v1/billing/meters/:id/reactivate', {}, (sandbox, _parameters, [id]) => setActive(sandbox, id, true)),
  route(
    'GET',
    '/v1/billing/meters/:id/event_summaries',
    {
      ...pageFields,
      customer: required(text),
      end_time: required(integer),
      start_time: required(integer),
      value_grouping_window: oneOf('day', 'hour'),
    },
    (sandbox, parameters, [id]) => {
      const meter = meterOf(sandbox, id);
      const { start_time: start, end_time: end, value_grouping_window: window, customer } = parameters;
      customerOf(sandbox, customer, 'customer');
      const step = window === 'day' ? DAY : window === 'hour' ? 3600 : MINUTE;
      if (start % step !== 0 || end % step !== 0) {
        throw invalid('Timestamps must be aligned with the boundaries of the window', { param: 'start_time' });
      }
      if (end <= start) throw invalid('end_time must be after start_time', { param: 'end_time' });
      const width = window === undefined ? end - start : step;
      const rows = Array.from({ length: Math.ceil((end - start) / width) }, (_each, index) => start + index * width)
        .map((from) => summary(sandbox, meter, { customer, start: from, end: Math.min(from + width, end) }))
        .filter((each) => each !== null);
      return pageInOrder(rows.toReversed(), `/v1/billing/meters/${id}/event_summaries`, parameters);
    },
  ),
  route('POST', '/v1/billing/meter_events', eventFields, (sandbox, parameters) => takeEvent(sandbox, parameters)),
];

/** Units that a customer used within a period, rejected events left out. */
export function unitsUsed(
  sandbox: Sandbox,
  { meter, customer, start, end }: { meter: string; customer: string; start: number; end: number },
): number {
  const events = usageWithin(sandbox, { meter, customer, start, end });
  switch (sandbox.tables.meters.get(meter)?.default_aggregation.formula) {
    case 'count':
      return events.length;
    case 'last':
      return events.toSorted((a, b) => a.event.timestamp - b.event.timestamp).at(-1)?.units ?? 0;
    case 'sum':
    case undefined:
    default:
      return events.reduce((sum, each) => sum + each.units, 0);
  }
}

function usageWithin(
  sandbox: Sandbox,
  { meter, customer, start, end }: { meter: string; customer: string; start: number; end: number },
): Usage[] {
  return [...sandbox.tables.usage.values()].filter(
    (each) =>
      !each.rejected &&
      each.meter === meter &&
      each.customer === customer &&
      each.event.timestamp >= start &&
      each.event.timestamp < end,
  );
}

/** Counts use, or refuses it at once. What Stripe only finds out later is told later. */
export function takeEvent(sandbox: Sandbox, parameters: Values<typeof eventFields>): MeterEvent {
  const { event_name: name, payload, timestamp = sandbox.now() } = parameters;
  const identifier = parameters.identifier ?? sandbox.newId('mevt');
  const meter = [...sandbox.tables.meters.values()].find((each) => each.event_name === name);
  if (meter === undefined) throw invalid(`No meter with event name ${name}`, { code: 'no_meter', param: 'event_name' });
  if (meter.status !== 'active') {
    throw invalid(`The meter for event name ${name} is archived`, { code: 'archived_meter', param: 'event_name' });
  }
  if (sandbox.tables.usage.has(identifier)) {
    throw invalid(`An event already exists with identifier ${identifier}.`, {
      code: 'duplicate_meter_event',
      param: 'identifier',
    });
  }
  if (timestamp < sandbox.now() - MOST_PAST) {
    throw invalid('The timestamp must be within the past 35 calendar days.', {
      code: 'timestamp_too_far_in_past',
      param: 'timestamp',
    });
  }
  if (timestamp > sandbox.now() + MOST_AHEAD) {
    throw invalid('The timestamp must be at most 5 minutes in the future.', {
      code: 'timestamp_in_future',
      param: 'timestamp',
    });
  }
  const customer = payload[meter.customer_mapping.event_payload_key];
  if (customer === undefined) {
    const key = meter.customer_mapping.event_payload_key;
    throw invalid(`The payload has no ${key}`, { code: 'meter_event_no_customer_defined', param: `payload[${key}]` });
  }
  const event: MeterEvent = {
    object: 'billing.meter_event',
    created: sandbox.now(),
    event_name: name,
    identifier,
    livemode: false,
    payload,
    timestamp,
  };
  const value = payload[meter.value_settings.event_payload_key] ?? '';
  const problem = problemOf(sandbox, { customer, value });
  sandbox.tables.usage.set(identifier, {
    event,
    meter: meter.id,
    customer,
    units: /^-?\d{1,15}$/.test(value) ? Number(value) : 0,
    rejected: problem !== null,
  });
  if (problem !== null) reportMeterError(sandbox, meter, { code: problem, identifiers: [identifier] });
  sandbox.onChange();
  return event;
}

/** Errors that Stripe finds only after it has answered, because it looks at events later. */
function problemOf(sandbox: Sandbox, { customer, value }: { customer: string; value: string }): string | null {
  if (sandbox.behaviour.rejectMeterEvents > 0) {
    sandbox.behaviour.rejectMeterEvents -= 1;
    return 'meter_event_customer_not_found';
  }
  if (!sandbox.tables.customers.has(customer)) return 'meter_event_customer_not_found';
  return /^-?\d{1,15}$/.test(value) ? null : 'meter_event_invalid_value';
}

/** The refusal for a second call while the first one for the same customer and meter is under way. */
export function tooManyMeterEvents(): StripeFailure {
  return new StripeFailure(429, 'Another request for this customer and meter is in progress. Retry later.', {
    type: 'invalid_request_error',
    code: 'rate_limit',
  });
}

function createMeter(sandbox: Sandbox, parameters: Values<typeof meterFields>): Meter {
  const taken = [...sandbox.tables.meters.values()].some(
    (each) => each.event_name === parameters.event_name && each.status === 'active',
  );
  if (taken) {
    throw invalid(`An active meter with event name ${parameters.event_name} already exists.`, { param: 'event_name' });
  }
  const meter: Meter = {
    id: sandbox.newId('mtr_test_61', 28),
    object: 'billing.meter',
    created: sandbox.now(),
    customer_mapping: parameters.customer_mapping ?? { event_payload_key: 'stripe_customer_id', type: 'by_id' },
    default_aggregation: parameters.default_aggregation,
    display_name: parameters.display_name,
    event_name: parameters.event_name,
    event_time_window: parameters.event_time_window ?? null,
    livemode: false,
    status: 'active',
    status_transitions: { deactivated_at: null },
    updated: sandbox.now(),
    value_settings: parameters.value_settings ?? { event_payload_key: 'value' },
  };
  sandbox.tables.meters.set(meter.id, meter);
  sandbox.emit('billing.meter.created', meter);
  return meter;
}

function setActive(sandbox: Sandbox, id: string, active: boolean): Meter {
  const meter = meterOf(sandbox, id);
  sandbox.change(meter, active ? 'billing.meter.reactivated' : 'billing.meter.deactivated', () => {
    meter.status = active ? 'active' : 'inactive';
    meter.status_transitions.deactivated_at = active ? null : sandbox.now();
    meter.updated = sandbox.now();
  });
  return meter;
}

function meterOf(sandbox: Sandbox, id: string): Meter {
  return rowOf(sandbox.tables.meters, 'meter', id);
}

/** null where nothing was used: Stripe lists no empty summaries. */
function summary(
  sandbox: Sandbox,
  meter: Meter,
  { customer, start, end }: { customer: string; start: number; end: number },
): MeterEventSummary | null {
  if (usageWithin(sandbox, { meter: meter.id, customer, start, end }).length === 0) return null;
  return {
    id: `mtrsum_${meter.id.slice(-10)}${customer.slice(4)}${start}${end}`,
    object: 'billing.meter_event_summary',
    aggregated_value: unitsUsed(sandbox, { meter: meter.id, customer, start, end }),
    end_time: end,
    livemode: false,
    meter: meter.id,
    start_time: start,
  };
}

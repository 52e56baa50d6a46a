import { priceOf } from './catalog.ts';
import { boundary } from './calendar.ts';
import { assertKnown, assertOwn, customerOf } from './customers.ts';
import { invalid } from './errors.ts';
import { pageFields, pageOf } from './lists.ts';
import {
  type Fields,
  flag,
  integer,
  integerOr,
  list,
  mergeMetadata,
  metadata,
  object,
  oneOf,
  required,
  text,
  type Values,
} from './parameters.ts';
import { route, type Route } from './router.ts';
import { rowOf, type Sandbox } from './sandbox.ts';
import { periodOf } from './subscription-items.ts';
import { changeSubscription } from './subscription-state.ts';
import { cancelSubscription, subscriptionOf } from './subscriptions.ts';
import type { SchedulePhase, Subscription, SubscriptionSchedule } from './wire.ts';

const prorationBehavior = oneOf('always_invoice', 'create_prorations', 'none');
const endBehavior = oneOf('cancel', 'release');

const phaseFields = {
  default_payment_method: text,
  duration: object({ interval: required(oneOf('day', 'week', 'month', 'year')), interval_count: integer }),
  end_date: integerOr('now'),
  items: required(list(required(object({ metadata, price: required(text), quantity: integer })))),
  metadata,
  proration_behavior: prorationBehavior,
  start_date: integerOr('now'),
} satisfies Fields;

/** Subscription schedules: what a subscription will become, and when. */
export const scheduleRoutes: readonly Route[] = [
  route(
    'POST',
    '/v1/subscription_schedules',
    { from_subscription: required(text), metadata },
    (sandbox, parameters) => {
      const subscription = subscriptionOf(sandbox, parameters.from_subscription, 'from_subscription');
      return createSchedule(sandbox, subscription, { metadata: mergeMetadata({}, parameters.metadata) });
    },
  ),
  route(
    'GET',
    '/v1/subscription_schedules',
    { ...pageFields, customer: text, scheduled: flag },
    (sandbox, parameters) => {
      assertKnown(sandbox, parameters.customer);
      const rows = [...sandbox.tables.schedules.values()].filter(
        (each) =>
          (parameters.customer === undefined || each.customer === parameters.customer) &&
          (parameters.scheduled !== true || each.status === 'not_started'),
      );
      return pageOf(rows, '/v1/subscription_schedules', parameters);
    },
  ),
  route('GET', '/v1/subscription_schedules/:id', {}, (sandbox, _parameters, [id]) => scheduleOf(sandbox, id)),
  route(
    'POST',
    '/v1/subscription_schedules/:id',
    {
      default_settings: object({ default_payment_method: text }),
      end_behavior: endBehavior,
      metadata,
      phases: list(required(object(phaseFields))),
      proration_behavior: prorationBehavior,
    },
    (sandbox, parameters, [id]) => {
      const schedule = scheduleOf(sandbox, id);
      assertRunning(schedule, 'update');
      const phases = parameters.phases === undefined ? null : planPhases(sandbox, schedule, parameters.phases);
      const method = ownMethod(sandbox, schedule, parameters.default_settings?.default_payment_method);
      sandbox.change(schedule, 'subscription_schedule.updated', () => {
        if (method !== undefined) schedule.default_settings.default_payment_method = method;
        if (phases !== null) schedule.phases = phases;
        if (parameters.end_behavior !== undefined) schedule.end_behavior = parameters.end_behavior;
        schedule.metadata = mergeMetadata(schedule.metadata ?? {}, parameters.metadata);
      });
      enterPhase(sandbox, schedule);
      return schedule;
    },
  ),
  route(
    'POST',
    '/v1/subscription_schedules/:id/release',
    { preserve_cancel_date: flag },
    (sandbox, _parameters, [id]) => {
      const schedule = scheduleOf(sandbox, id);
      assertRunning(schedule, 'release');
      return releaseSchedule(sandbox, schedule);
    },
  ),
  route(
    'POST',
    '/v1/subscription_schedules/:id/cancel',
    { invoice_now: flag, prorate: flag },
    (sandbox, parameters, [id]) => {
      const schedule = scheduleOf(sandbox, id);
      assertRunning(schedule, 'cancel');
      // Ending the subscription ends its schedule. Unless told otherwise, Stripe invoices and prorates here.
      cancelSubscription(sandbox, attachedTo(sandbox, schedule), {
        invoiceNow: parameters.invoice_now ?? true,
        prorated: parameters.prorate ?? true,
      });
      return schedule;
    },
  ),
];

/** Puts a subscription under a schedule. Unless told otherwise, its only phase is what the subscription is now. */
export function createSchedule(
  sandbox: Sandbox,
  subscription: Subscription,
  { metadata: labels = {}, phases }: { metadata?: Record<string, string>; phases?: readonly PhaseRequest[] } = {},
): SubscriptionSchedule {
  if (subscription.schedule !== null) {
    throw invalid(
      `You cannot migrate a subscription that is already attached to a schedule: \`${subscription.schedule}\`.`,
      { param: 'from_subscription' },
    );
  }
  if (['canceled', 'incomplete', 'incomplete_expired'].includes(subscription.status)) {
    throw invalid(`You cannot migrate a subscription that is ${subscription.status}.`, { param: 'from_subscription' });
  }
  const period = periodOf(subscription);
  const schedule: SubscriptionSchedule = {
    id: sandbox.newId('sub_sched'),
    object: 'subscription_schedule',
    application: null,
    billing_mode: structuredClone(subscription.billing_mode),
    canceled_at: null,
    completed_at: null,
    created: sandbox.now(),
    current_phase: { start_date: period.start, end_date: period.end },
    customer: subscription.customer,
    customer_account: null,
    default_settings: {
      application_fee_percent: null,
      billing_cycle_anchor: 'automatic',
      billing_thresholds: null,
      collection_method: 'charge_automatically',
      default_payment_method: subscription.default_payment_method,
      description: null,
      invoice_settings: {
        account_tax_ids: null,
        custom_fields: null,
        days_until_due: null,
        description: null,
        footer: null,
        issuer: { type: 'self' },
      },
      on_behalf_of: null,
      transfer_data: null,
    },
    end_behavior: 'release',
    livemode: false,
    metadata: labels,
    pause_schedules: [],
    phases: [
      blankPhase(subscription.currency, {
        ...period,
        items: subscription.items.data.map((item) => ({
          price: item.price.id,
          quantity: item.quantity,
          metadata: item.metadata,
        })),
        defaultPaymentMethod: subscription.default_payment_method,
        prorationBehavior: 'create_prorations',
        metadata: {},
      }),
    ],
    released_at: null,
    released_subscription: null,
    status: 'active',
    subscription: subscription.id,
    test_clock: null,
  };
  if (phases !== undefined) {
    schedule.phases = planPhases(sandbox, schedule, phases);
    enterPhase(sandbox, schedule);
  }
  sandbox.tables.schedules.set(schedule.id, schedule);
  changeSubscription(sandbox, subscription, () => (subscription.schedule = schedule.id));
  sandbox.emit('subscription_schedule.created', schedule);
  return schedule;
}

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
      }),
    );
  }
  return phases;
}

/** The subscription goes on by itself, as it is. */
export function releaseSchedule(sandbox: Sandbox, schedule: SubscriptionSchedule): SubscriptionSchedule {
  const subscription = attachedTo(sandbox, schedule);
  changeSubscription(sandbox, subscription, () => (subscription.schedule = null));
  schedule.status = 'released';
  schedule.released_at = sandbox.now();
  schedule.released_subscription = subscription.id;
  schedule.subscription = null;
  schedule.current_phase = null;
  sandbox.emit('subscription_schedule.released', schedule);
  return schedule;
}

/** Writes down which phase is running, without doing what it says. */
export function enterPhase(sandbox: Sandbox, schedule: SubscriptionSchedule): SchedulePhase | null {
  const phase =
    schedule.phases.find((each) => each.start_date <= sandbox.now() && each.end_date > sandbox.now()) ?? null;
  schedule.current_phase = phase && { start_date: phase.start_date, end_date: phase.end_date };
  return phase;
}

/** The subscription of a schedule that still runs. */
export function attachedTo(sandbox: Sandbox, schedule: SubscriptionSchedule): Subscription {
  const subscription = sandbox.tables.subscriptions.get(schedule.subscription ?? '');
  if (subscription === undefined) throw new Error(`schedule ${schedule.id} has no subscription`);
  return subscription;
}

/** A card that is asked for, which must be the customer's. */
function ownMethod(sandbox: Sandbox, schedule: SubscriptionSchedule, method: string | undefined): string | undefined {
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

interface NewPhase {
  readonly start: number;
  readonly end: number;
  readonly items: readonly { price: string; quantity: number | undefined; metadata: Record<string, string> }[];
  readonly defaultPaymentMethod: string | null;
  readonly prorationBehavior: string;
  readonly metadata: Record<string, string>;
}

function blankPhase(
  currency: string,
  { start, end, items, defaultPaymentMethod, prorationBehavior, metadata: labels }: NewPhase,
): SchedulePhase {
  return {
    add_invoice_items: [],
    application_fee_percent: null,
    billing_cycle_anchor: null,
    billing_thresholds: null,
    collection_method: null,
    currency,
    default_payment_method: defaultPaymentMethod,
    default_tax_rates: [],
    description: null,
    discounts: [],
    end_date: end,
    invoice_settings: null,
    items: items.map((item) => ({
      billing_thresholds: null,
      discounts: [],
      metadata: item.metadata,
      plan: item.price,
      price: item.price,
      ...(item.quantity !== undefined && { quantity: item.quantity }),
      tax_rates: [],
    })),
    metadata: labels,
    on_behalf_of: null,
    proration_behavior: prorationBehavior,
    start_date: start,
    transfer_data: null,
    trial_end: null,
  };
}

function scheduleOf(sandbox: Sandbox, id: string): SubscriptionSchedule {
  return rowOf(sandbox.tables.schedules, 'subscription schedule', id);
}

function assertRunning(schedule: SubscriptionSchedule, verb: string): void {
  if (schedule.status !== 'active') {
    throw invalid(
      `You cannot ${verb} a subscription schedule that is currently in the \`${schedule.status}\` status. It must be \`active\` or \`not_started\`.`,
    );
  }
}

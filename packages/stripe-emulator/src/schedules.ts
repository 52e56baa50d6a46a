import { isSent } from './billing.ts';
import { assertKnown } from './customers.ts';
import { invalid } from './errors.ts';
import { pageFields, pageOf } from './lists.ts';
import { flag, list, mergeMetadata, metadata, object, oneOf, required, text } from './parameters.ts';
import { keptDiscounts, takeTerms } from './phase-terms.ts';
import { blankPhase, ownMethod, phaseFields, type PhaseRequest, planPhases } from './phase-requests.ts';
import { route, type Route } from './router.ts';
import { rowOf, type Sandbox } from './sandbox.ts';
import { prorationBehavior } from './subscription-parameters.ts';
import { periodOf } from './subscription-items.ts';
import { changeSubscription } from './subscription-state.ts';
import { cancelSubscription, subscriptionOf } from './subscriptions.ts';
import type { SchedulePhase, Subscription, SubscriptionSchedule } from './wire.ts';

const endBehavior = oneOf('cancel', 'release');

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
      const phase = enterPhase(sandbox, schedule);
      // The terms of the running phase count from now.
      if (phase !== null && phases !== null) takeTerms(sandbox, attachedTo(sandbox, schedule), phase);
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
          discounts: keptDiscounts(item.discounts),
          taxRates: structuredClone(item.tax_rates ?? []),
        })),
        defaultPaymentMethod: subscription.default_payment_method,
        prorationBehavior: 'create_prorations',
        metadata: {},
        discounts: keptDiscounts(subscription.discounts),
        taxRates: structuredClone(subscription.default_tax_rates ?? []),
        automaticTax: null,
        description: null,
        collectionMethod: isSent(subscription) ? 'send_invoice' : null,
        daysUntilDue: subscription.days_until_due,
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

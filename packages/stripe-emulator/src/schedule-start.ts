import { priceOf } from './catalog.ts';
import { wouldPay } from './collection.ts';
import { customerOf } from './customers.ts';
import { cardOfCustomer } from './default-cards.ts';
import { invalid } from './errors.ts';
import { integer, list, mergeMetadata, metadata, object, oneOf, required, text, type Values } from './parameters.ts';
import { blankRequest, type PhaseRequest } from './phase-requests.ts';
import { route, type Route } from './router.ts';
import type { Sandbox } from './sandbox.ts';
import { createSchedule } from './schedules.ts';
import { createSubscription } from './subscription-create.ts';
import { periodOf } from './subscription-items.ts';
import type { SubscriptionSchedule } from './wire.ts';

const phase = object({
  items: required(list(required(object({ metadata, price: required(text), quantity: integer })))),
  iterations: integer,
});

const fields = {
  customer: required(text),
  metadata,
  phases: required(list(required(phase))),
  start_date: required(oneOf('now')),
};

/** Schedules that begin with a new subscription. Their phases last so many periods, as they did before `duration`. */
export const scheduleStartRoutes: readonly Route[] = [
  route('POST', '/v1/subscription_schedules', fields, (sandbox, parameters) => start(sandbox, parameters)),
];

function start(sandbox: Sandbox, parameters: Values<typeof fields>): SubscriptionSchedule {
  const customer = customerOf(sandbox, parameters.customer, 'customer');
  const [first] = parameters.phases;
  if (first === undefined) {
    throw invalid('Missing required param: phases.', { code: 'parameter_missing', param: 'phases' });
  }
  if (!wouldPay(sandbox, cardOfCustomer(sandbox, customer.id))) {
    throw invalid(
      'This customer has no attached payment source or default payment method. Please consider adding a default payment method.',
      { code: 'resource_missing' },
    );
  }
  const { subscription } = createSubscription(sandbox, {
    customer,
    items: first.items.map(({ price, ...item }, index) => ({
      ...item,
      price: priceOf(sandbox, price, `phases[0][items][${index}][price]`),
    })),
    metadata: {},
    description: null,
    defaultPaymentMethod: null,
    trialEnd: null,
    missingPaymentMethod: 'create_invoice',
    paymentBehavior: 'allow_incomplete',
    cancelAtPeriodEnd: false,
    cancelAt: null,
    authenticated: false,
  });
  return createSchedule(sandbox, subscription, {
    metadata: mergeMetadata({}, parameters.metadata),
    phases: parameters.phases.map((each, index) =>
      phaseFrom(sandbox, each, index === 0 ? periodOf(subscription).start : undefined),
    ),
  });
}

function phaseFrom(
  sandbox: Sandbox,
  { items, iterations = 1 }: Values<typeof fields>['phases'][number],
  start: number | undefined,
): PhaseRequest {
  const price = priceOf(sandbox, items[0]?.price ?? '', 'phases');
  const cadence = price.recurring ?? { interval: 'month', interval_count: 1 };
  return {
    ...blankRequest,
    duration: {
      interval: cadence.interval as 'day' | 'week' | 'month' | 'year',
      interval_count: cadence.interval_count * iterations,
    },
    items: items.map((item) => ({ ...item, discounts: undefined, tax_rates: undefined })),
    start_date: start,
  };
}

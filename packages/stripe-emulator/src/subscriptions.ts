import { finalBill, ownerOf } from './billing.ts';
import { soldPriceOf } from './catalog.ts';
import { assertKnown, assertOwn, customerOf } from './customers.ts';
import { redeem } from './discounts.ts';
import { invalid } from './errors.ts';
import { pageFields, pageOf, range, within } from './lists.ts';
import { flag, mergeMetadata, oneOf, text, type Values } from './parameters.ts';
import { dropProrations, keepItems, prorate } from './proration.ts';
import { trialGoesOn } from './renewal.ts';
import { route, type Route } from './router.ts';
import { rowOf, type Sandbox } from './sandbox.ts';
import { createSubscription, trialEndOf } from './subscription-create.ts';
import {
  cancellationDetails,
  createFields,
  PENDING_UPDATE_PARAMETERS,
  updateFields,
} from './subscription-parameters.ts';
import { pauseRoutes } from './subscription-pause.ts';
import { changeSubscription, dropPendingUpdate, endSubscription, setEnding } from './subscription-state.ts';
import { ratesOf } from './tax-rates.ts';
import { changeBilling } from './subscription-update.ts';
import type { Subscription } from './wire.ts';

const LIVE = new Set(['active', 'incomplete', 'past_due', 'paused', 'trialing', 'unpaid']);

/** Subscriptions: the calls. What happens to them by themselves is in renewal.ts. */
export const subscriptionRoutes: readonly Route[] = [
  route('POST', '/v1/subscriptions', createFields, create),
  route(
    'GET',
    '/v1/subscriptions',
    {
      ...pageFields,
      created: range,
      customer: text,
      price: text,
      status: oneOf(
        'active',
        'all',
        'canceled',
        'ended',
        'incomplete',
        'incomplete_expired',
        'past_due',
        'paused',
        'trialing',
        'unpaid',
      ),
    },
    (sandbox, parameters) => {
      const { customer, price, status } = parameters;
      assertKnown(sandbox, customer);
      const rows = [...sandbox.tables.subscriptions.values()].filter(
        (each) =>
          (customer === undefined || each.customer === customer) &&
          (price === undefined || each.items.data.some((item) => item.price.id === price)) &&
          within(each.created, parameters.created) &&
          hasStatus(each, status),
      );
      return pageOf(rows, '/v1/subscriptions', parameters);
    },
  ),
  route('GET', '/v1/subscriptions/:id', {}, (sandbox, _parameters, [id]) => subscriptionOf(sandbox, id)),
  route('POST', '/v1/subscriptions/:id', updateFields, (sandbox, parameters, [id]) =>
    updateSubscription(sandbox, subscriptionOf(sandbox, id), parameters),
  ),
  route(
    'DELETE',
    '/v1/subscriptions/:id',
    { cancellation_details: cancellationDetails, invoice_now: flag, prorate: flag },
    (sandbox, parameters, [id]) => {
      const subscription = subscriptionOf(sandbox, id);
      setDetails(subscription, parameters.cancellation_details);
      return cancelSubscription(sandbox, subscription, {
        invoiceNow: parameters.invoice_now ?? false,
        prorated: parameters.prorate ?? false,
      });
    },
  ),
  ...pauseRoutes,
];

/** The subscription, or Stripe's refusal. */
export function subscriptionOf(sandbox: Sandbox, id: string, param?: string): Subscription {
  return rowOf(sandbox.tables.subscriptions, 'subscription', id, param);
}

/** Carries out `subscriptions.update`. The portal does the same in its customer's name. */
export function updateSubscription(
  sandbox: Sandbox,
  subscription: Subscription,
  parameters: Partial<Values<typeof updateFields>>,
): Subscription {
  assertChangeable(subscription, parameters);
  const { default_payment_method: method } = parameters;
  if (method !== undefined) assertOwn(sandbox, ownerOf(sandbox, subscription), method);
  const { items, trial_end: trialEnd, billing_cycle_anchor: anchor, payment_behavior: behavior } = parameters;
  const waits = behavior === 'pending_if_incomplete';
  if (waits) {
    const odd = Object.entries(parameters).find(
      ([name, value]) => value !== undefined && !PENDING_UPDATE_PARAMETERS.has(name),
    );
    if (odd !== undefined) {
      throw invalid(
        `The parameter ${odd[0]} cannot be passed when 'payment_behavior' is set to 'pending_if_incomplete'.`,
        { param: odd[0] },
      );
    }
  }
  const endsTrial = trialEnd === 'now' && subscription.status === 'trialing';
  const goesOn = !endsTrial || trialGoesOn(sandbox, subscription);
  const changesBilling = items !== undefined || trialEnd !== undefined || anchor?.type === 'now';
  if (goesOn && changesBilling) {
    changeBilling(sandbox, subscription, {
      items,
      trialEnd,
      anchorNow: anchor?.type === 'now',
      prorationBehavior: parameters.proration_behavior ?? 'create_prorations',
      prorationDate: parameters.proration_date,
      paymentBehavior: behavior ?? 'allow_incomplete',
      cancelAtPeriodEnd: parameters.cancel_at_period_end,
      metadata:
        parameters.metadata === undefined ? undefined : mergeMetadata(subscription.metadata, parameters.metadata),
    });
    // Everything of an update that waits, waits.
    if (subscription.pending_update !== null) return subscription;
  }
  if (contradicts(subscription.pending_update, parameters.cancel_at_period_end)) {
    dropPendingUpdate(sandbox, subscription, 'customer.subscription.pending_update_expired');
  }
  changeSubscription(sandbox, subscription, () => applyPlain(sandbox, subscription, parameters));
  return subscription;
}

/** True when an update that waits contradicts the new end of the period: then it waits no longer. */
function contradicts(pending: Subscription['pending_update'], atEnd: boolean | undefined): boolean {
  const waiting = pending?.cancel_at_period_end ?? null;
  return waiting !== null && atEnd !== undefined && waiting !== atEnd;
}

/** Ends it now; with `invoiceNow` what was used is charged before. */
export function cancelSubscription(
  sandbox: Sandbox,
  subscription: Subscription,
  { invoiceNow, prorated }: { invoiceNow: boolean; prorated: boolean },
): Subscription {
  if (!LIVE.has(subscription.status)) {
    throw invalid(`No such subscription: '${subscription.id}'`, { code: 'resource_missing', param: 'id' });
  }
  // Nobody will bill what was prorated before, unless a last invoice does.
  if (!invoiceNow && !prorated) dropProrations(sandbox, subscription);
  if (prorated) {
    const before = subscription.items.data;
    keepItems(sandbox, prorate(sandbox, subscription, { before, after: [], at: sandbox.now() }));
  }
  if (invoiceNow && subscription.status !== 'trialing') finalBill(sandbox, subscription, false);
  if (LIVE.has(subscription.status)) endSubscription(sandbox, subscription, { reason: 'cancellation_requested' });
  return subscription;
}

function create(sandbox: Sandbox, parameters: Values<typeof createFields>): Subscription {
  const customer = customerOf(sandbox, parameters.customer, 'customer');
  const { default_payment_method: method = null, payment_behavior: behavior = 'allow_incomplete' } = parameters;
  if (method !== null) assertOwn(sandbox, customer, method);
  const { subscription } = createSubscription(sandbox, {
    customer,
    items: parameters.items.map((item, index) => ({
      price: soldPriceOf(sandbox, item.price, `items[${index}][price]`),
      quantity: item.quantity,
      metadata: item.metadata,
      discounts: item.discounts,
      tax_rates: item.tax_rates,
    })),
    discounts: parameters.discounts,
    taxRates: parameters.default_tax_rates,
    metadata: mergeMetadata({}, parameters.metadata),
    description: parameters.description ?? null,
    defaultPaymentMethod: method,
    trialEnd: trialEndOf(sandbox, { trialEnd: parameters.trial_end, trialDays: parameters.trial_period_days }),
    missingPaymentMethod: parameters.trial_settings?.end_behavior.missing_payment_method ?? 'create_invoice',
    paymentBehavior: behavior,
    cancelAtPeriodEnd: parameters.cancel_at_period_end ?? false,
    cancelAt: parameters.cancel_at ?? null,
    authenticated: false,
    daysUntilDue: daysUntilDueOf(parameters.collection_method, parameters.days_until_due),
    anchor: parameters.billing_cycle_anchor,
    proratesFirst: parameters.proration_behavior !== 'none',
  });
  return subscription;
}

/** The days to pay an invoice; null: its card is charged. They go with `send_invoice`, and only with that. */
function daysUntilDueOf(method: string | undefined, days: number | undefined): number | null {
  if (method === 'send_invoice') {
    if (days !== undefined) return days;
    throw invalid("You must pass `days_until_due` when `collection_method` is set to 'send_invoice'.", {
      param: 'days_until_due',
    });
  }
  if (days === undefined) return null;
  throw invalid("You can only set `days_until_due` if `collection_method` is set to 'send_invoice'.", {
    param: 'days_until_due',
  });
}

function applyPlain(
  sandbox: Sandbox,
  subscription: Subscription,
  parameters: Partial<Values<typeof updateFields>>,
): void {
  const { cancel_at_period_end: atEnd, cancel_at: at, trial_settings: trial } = parameters;
  subscription.metadata = mergeMetadata(subscription.metadata, parameters.metadata);
  if (parameters.description !== undefined) subscription.description = parameters.description;
  if (parameters.default_payment_method !== undefined) {
    subscription.default_payment_method = parameters.default_payment_method;
  }
  const owner = { customer: subscription.customer, subscription: subscription.id };
  const { discounts, default_tax_rates: rates, pause_collection: pause } = parameters;
  if (discounts !== undefined) subscription.discounts = redeem(sandbox, discounts, owner);
  if (rates !== undefined) subscription.default_tax_rates = ratesOf(sandbox, rates);
  if (pause !== undefined) {
    subscription.pause_collection = pause && { behavior: pause.behavior, resumes_at: pause.resumes_at ?? null };
  }
  if (trial !== undefined) {
    subscription.trial_settings = {
      end_behavior: {
        billing_cycle_anchor: trial.end_behavior.billing_cycle_anchor ?? null,
        missing_payment_method: trial.end_behavior.missing_payment_method ?? 'create_invoice',
      },
    };
  }
  const { collection_method: method = subscription.collection_method, days_until_due: days } = parameters;
  if (method !== subscription.collection_method || days !== undefined) {
    subscription.days_until_due = daysUntilDueOf(method, days);
    subscription.collection_method = method;
  }
  if (at !== undefined) {
    subscription.cancel_at = at;
    subscription.canceled_at = at === null ? null : sandbox.now();
  }
  if (atEnd !== undefined) setEnding(sandbox, subscription, atEnd);
  setDetails(subscription, parameters.cancellation_details);
}

function setDetails(
  subscription: Subscription,
  details: Values<typeof updateFields>['cancellation_details'] | undefined,
): void {
  if (details === undefined || subscription.cancellation_details === null) return;
  if (details.comment !== undefined) subscription.cancellation_details.comment = details.comment;
  if (details.feedback !== undefined) subscription.cancellation_details.feedback = details.feedback;
}

function assertChangeable(subscription: Subscription, parameters: Partial<Values<typeof updateFields>>): void {
  if (!LIVE.has(subscription.status)) {
    const odd = Object.entries(parameters).find(
      ([name, value]) => value !== undefined && !['metadata', 'cancellation_details', 'expand'].includes(name),
    );
    if (odd !== undefined) {
      throw invalid('A canceled subscription can only update its cancellation_details and metadata.', {
        param: odd[0],
      });
    }
  }
  const cancels = parameters.cancel_at_period_end !== undefined || parameters.cancel_at !== undefined;
  if (cancels && subscription.schedule !== null) {
    throw invalid(
      `The subscription is managed by the subscription schedule \`${subscription.schedule}\`, and updating any cancelation behavior directly is not allowed. Please update the schedule instead.`,
    );
  }
}

function hasStatus(subscription: Subscription, status: string | undefined): boolean {
  switch (status) {
    case undefined:
      return subscription.status !== 'canceled' && subscription.status !== 'incomplete_expired';
    case 'all':
      return true;
    case 'ended':
      return subscription.status === 'canceled' || subscription.status === 'incomplete_expired';
    default:
      return subscription.status === status;
  }
}

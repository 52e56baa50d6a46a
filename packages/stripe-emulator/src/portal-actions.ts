import { priceOf } from './catalog.ts';
import { StripeFailure } from './errors.ts';
import { isMetered, unitAmountOf } from './invoice-lines.ts';
import { lineCents } from './money.ts';
import type { Sandbox } from './sandbox.ts';
import { blankRequest, type PhaseRequest, planPhases } from './phase-requests.ts';
import { createSchedule, releaseSchedule } from './schedules.ts';
import { periodOf } from './subscription-items.ts';
import { cancelSubscription, updateSubscription } from './subscriptions.ts';
import type { PortalConfiguration, Subscription } from './wire.ts';

interface PlanChange {
  readonly configuration: PortalConfiguration;
  readonly subscription: Subscription;
  readonly price: string;
  readonly quantity: number;
}

/** Changes plan or quantity as the configuration says: at once, or at the end of the period when it gets cheaper. */
export function changePlan(sandbox: Sandbox, change: PlanChange): string | null {
  const { configuration, subscription, price: priceId, quantity } = change;
  const { subscription_update: allowed } = configuration.features;
  const product = allowed.products?.find((each) => each.prices.includes(priceId));
  const item = subscription.items.data.find((each) => !isMetered(each.price));
  if (product === undefined || item === undefined) return 'This plan is not on offer.';
  const { minimum, maximum } = product.adjustable_quantity;
  const most = maximum ?? 999_999;
  if (!Number.isInteger(quantity) || quantity < minimum || quantity > most) {
    return `The quantity must be a whole number from ${minimum} to ${most}.`;
  }
  const price = priceOf(sandbox, priceId);
  const isCheaper = lineCents(unitAmountOf(price), quantity) < lineCents(unitAmountOf(item.price), item.quantity ?? 0);
  const waitsForTurn = allowed.schedule_at_period_end.conditions.some((each) => each.type === 'decreasing_item_amount');
  return refusalOf(() => {
    if (isCheaper && waitsForTurn) scheduleChange(sandbox, subscription, { item: item.id, price: priceId, quantity });
    else {
      releaseIfScheduled(sandbox, subscription);
      updateSubscription(sandbox, subscription, {
        items: [
          {
            id: item.id,
            price: priceId,
            quantity,
            clear_usage: undefined,
            deleted: undefined,
            discounts: undefined,
            metadata: undefined,
            tax_rates: undefined,
          },
        ],
        payment_behavior: 'pending_if_incomplete',
        proration_behavior: allowed.proration_behavior as 'always_invoice' | 'create_prorations' | 'none',
      });
    }
  });
}

/** Cancels as the configuration says, or takes a cancellation back. */
export function setCancellation(
  sandbox: Sandbox,
  {
    configuration,
    subscription,
    cancel,
  }: { configuration: PortalConfiguration; subscription: Subscription; cancel: boolean },
): string | null {
  return refusalOf(() => {
    if (cancel && configuration.features.subscription_cancel.mode === 'immediately') {
      cancelSubscription(sandbox, subscription, { invoiceNow: true, prorated: false });
      return;
    }
    releaseIfScheduled(sandbox, subscription);
    updateSubscription(sandbox, subscription, { cancel_at_period_end: cancel });
  });
}

function scheduleChange(
  sandbox: Sandbox,
  subscription: Subscription,
  { item, price, quantity }: { item: string; price: string; quantity: number },
): void {
  releaseIfScheduled(sandbox, subscription);
  const schedule = createSchedule(sandbox, subscription);
  const { start, end } = periodOf(subscription);
  const request = (items: { price: string; quantity: number | undefined }[], from: number): PhaseRequest => ({
    ...blankRequest,
    items: items.map((each) => ({ ...each, discounts: undefined, metadata: undefined, tax_rates: undefined })),
    start_date: from,
    end_date: from === start ? end : undefined,
    proration_behavior: 'none',
  });
  const now = subscription.items.data.map((each) => ({ price: each.price.id, quantity: each.quantity }));
  const next = subscription.items.data.map((each) =>
    each.id === item ? { price, quantity } : { price: each.price.id, quantity: each.quantity },
  );
  sandbox.change(schedule, 'subscription_schedule.updated', () => {
    schedule.phases = planPhases(sandbox, schedule, [request(now, start), request(next, end)]);
  });
}

function releaseIfScheduled(sandbox: Sandbox, subscription: Subscription): void {
  const schedule = sandbox.tables.schedules.get(subscription.schedule ?? '');
  if (schedule?.status === 'active') releaseSchedule(sandbox, schedule);
}

/** The sentence that tells the customer of Stripe's refusal. Null: there was none. */
function refusalOf(change: () => void): string | null {
  try {
    change();
    return null;
  } catch (error) {
    if (error instanceof StripeFailure) return error.message;
    throw error;
  }
}

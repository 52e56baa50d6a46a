import { planOf, soldPriceOf } from './catalog.ts';
import { nextBoundary } from './calendar.ts';
import { type DiscountRequest, redeem } from './discounts.ts';
import { invalid, missing } from './errors.ts';
import { isMetered } from './invoice-lines.ts';
import { mergeMetadata } from './parameters.ts';
import type { Sandbox } from './sandbox.ts';
import { ratesOf } from './tax-rates.ts';
import type { Metadata, Price, Subscription, SubscriptionItem } from './wire.ts';

export interface Period {
  readonly start: number;
  readonly end: number;
}

/** One entry of `items`, as it was asked for. */
export interface ItemChange {
  readonly id?: string | undefined;
  readonly price?: string | undefined;
  readonly quantity?: number | undefined;
  readonly deleted?: boolean | undefined;
  readonly metadata?: Metadata | null | undefined;
  readonly discounts?: DiscountRequest;
  readonly tax_rates?: readonly string[] | null | undefined;
}

/** A subscription item. Metered ones have no quantity: the meter counts. */
export function newItem(
  sandbox: Sandbox,
  subscription: string,
  { price, quantity, period, metadata }: NewItem,
): SubscriptionItem {
  if (price.recurring === null) {
    throw invalid(
      'The price specified is set to `type=one_time` but this field only accepts prices with `type=recurring`.',
      {
        param: 'items',
      },
    );
  }
  return {
    id: sandbox.newId('si', 14),
    object: 'subscription_item',
    billing_thresholds: null,
    created: sandbox.now(),
    current_period_end: period.end,
    current_period_start: period.start,
    current_trial: null,
    discounts: [],
    metadata: mergeMetadata({}, metadata),
    plan: planOf(price),
    price: structuredClone(price),
    ...(!isMetered(price) && { quantity: quantity ?? 1 }),
    subscription,
    tax_rates: [],
  };
}

interface NewItem {
  readonly price: Price;
  readonly quantity: number | undefined;
  readonly period: Period;
  readonly metadata?: Metadata | null | undefined;
}

/** The items as they would be after the changes; the subscription is not touched. */
export function changedItems(
  sandbox: Sandbox,
  subscription: Subscription,
  changes: readonly ItemChange[],
): SubscriptionItem[] {
  const items = structuredClone(subscription.items.data);
  const period = periodOf(subscription);
  for (const [index, change] of changes.entries()) {
    const param = `items[${index}]`;
    if (change.id === undefined) {
      if (change.price === undefined) {
        throw invalid(`Missing required param: ${param}[price].`, {
          code: 'parameter_missing',
          param: `${param}[price]`,
        });
      }
      const price = soldPriceOf(sandbox, change.price, `${param}[price]`);
      items.push(
        withTerms(
          sandbox,
          subscription,
          newItem(sandbox, subscription.id, { ...change, price, quantity: change.quantity, period }),
          change,
        ),
      );
      continue;
    }
    const position = items.findIndex((each) => each.id === change.id);
    const old = items[position];
    if (old === undefined) throw missing('subscription_item', change.id, `${param}[id]`);
    if (change.deleted === true) {
      items.splice(position, 1);
      continue;
    }
    // A subscription keeps a price that was archived since.
    const isKept = change.price === undefined || change.price === old.price.id;
    const price = isKept ? old.price : soldPriceOf(sandbox, change.price ?? '', `${param}[price]`);
    const changed = {
      ...newItem(sandbox, subscription.id, { price, quantity: change.quantity ?? old.quantity, period }),
      id: old.id,
      created: old.created,
      metadata: mergeMetadata(old.metadata, change.metadata),
      discounts: old.discounts,
      tax_rates: old.tax_rates,
    };
    items[position] = withTerms(sandbox, subscription, changed, change);
  }
  assertCompatible(items);
  return items;
}

/** The item with the discounts and taxes that were asked for; what was not named stays. */
export function withTerms(
  sandbox: Sandbox,
  subscription: Pick<Subscription, 'id' | 'customer'>,
  item: SubscriptionItem,
  { discounts, tax_rates: rates }: Pick<ItemChange, 'discounts' | 'tax_rates'>,
): SubscriptionItem {
  const owner = { customer: subscription.customer, subscription: subscription.id, item: item.id };
  if (discounts !== undefined) item.discounts = redeem(sandbox, discounts, owner);
  if (rates !== undefined) item.tax_rates = ratesOf(sandbox, rates);
  return item;
}

/** All licensed and metered prices of one subscription share currency and, here, cadence. */
export function assertCompatible(items: readonly SubscriptionItem[]): void {
  const [first] = items;
  if (first === undefined) throw invalid('A subscription must have at least one active plan.', { param: 'items' });
  for (const item of items) {
    if (item.price.currency !== first.price.currency) {
      throw invalid('All prices on a subscription must use the same currency.', { param: 'items' });
    }
    if (item.price.recurring?.interval !== first.price.recurring?.interval) {
      throw invalid('All prices on a subscription must have the same `recurring.interval`.', { param: 'items' });
    }
    if (item.quantity !== undefined && item.quantity < 0) {
      throw invalid('Invalid non-negative integer', { param: 'items' });
    }
  }
  if (new Set(items.map((item) => item.price.id)).size !== items.length) {
    throw invalid('Subscription items must have distinct prices.', { param: 'items' });
  }
}

/** The period that is running. */
export function periodOf(subscription: Pick<Subscription, 'items'>): Period {
  const item = subscription.items.data[0];
  return { start: item?.current_period_start ?? 0, end: item?.current_period_end ?? 0 };
}

/** The period that begins at `start` in the subscription's rhythm. */
export function periodFrom(subscription: Pick<Subscription, 'billing_cycle_anchor' | 'items'>, start: number): Period {
  const cadence = subscription.items.data[0]?.price.recurring ?? { interval: 'month', interval_count: 1 };
  return { start, end: nextBoundary(subscription.billing_cycle_anchor, cadence, start) };
}

/** Moves all items into a period. */
export function setPeriod(items: readonly SubscriptionItem[], period: Period): void {
  for (const item of items) {
    item.current_period_start = period.start;
    item.current_period_end = period.end;
  }
}

/** Puts other items in place. */
export function setItems(subscription: Subscription, items: readonly SubscriptionItem[]): void {
  subscription.items.data = [...items];
}

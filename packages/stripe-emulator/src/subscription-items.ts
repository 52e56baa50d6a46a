import { planOf, soldPriceOf } from './catalog.ts';
import { boundary, type Cadence, nextBoundary } from './calendar.ts';
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
      const period = runningPeriodOf(sandbox, subscription, price);
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
    const period = isAlike(price, old.price) ? periodOfItem(old) : runningPeriodOf(sandbox, subscription, price);
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

/**
 * All licensed and metered prices of one subscription share the currency. Their intervals may be mixed, where the longer is made of whole
 * shorter ones.
 */
export function assertCompatible(items: readonly SubscriptionItem[]): void {
  const [first] = items;
  if (first === undefined) throw invalid('A subscription must have at least one active plan.', { param: 'items' });
  for (const item of items) {
    if (item.price.currency !== first.price.currency) {
      throw invalid('All prices on a subscription must use the same currency.', { param: 'items' });
    }
    if (unitOf(item.price) !== unitOf(first.price)) {
      throw invalid('All intervals on a subscription must be multiples of the shortest one.', { param: 'items' });
    }
    if (item.quantity !== undefined && item.quantity < 0) {
      throw invalid('Invalid non-negative integer', { param: 'items' });
    }
  }
  if (new Set(items.map((item) => item.price.id)).size !== items.length) {
    throw invalid('Subscription items must have distinct prices.', { param: 'items' });
  }
}

/** Months and years are made of months, days and weeks of days. */
function unitOf({ recurring }: Price): 'days' | 'months' {
  return recurring?.interval === 'month' || recurring?.interval === 'year' ? 'months' : 'days';
}

/** The period that is running: of items with mixed intervals, the one that ends first. */
export function periodOf(subscription: Pick<Subscription, 'items'>): Period {
  const [first] = subscription.items.data.toSorted((a, b) => a.current_period_end - b.current_period_end);
  return first === undefined ? { start: 0, end: 0 } : periodOfItem(first);
}

/** The item's own running period. */
export function periodOfItem({ current_period_start: start, current_period_end: end }: SubscriptionItem): Period {
  return { start, end };
}

/** The period of an item that begins at `start` in the subscription's rhythm. */
export function periodFrom(
  { billing_cycle_anchor: anchor }: Pick<Subscription, 'billing_cycle_anchor'>,
  { price }: Pick<SubscriptionItem, 'price'>,
  start: number,
): Period {
  return { start, end: nextBoundary(anchor, cadenceOf(price), start) };
}

/** The length of a price's periods. */
export function cadenceOf({ recurring }: Price): Cadence {
  return recurring ?? { interval: 'month', interval_count: 1 };
}

/** The period in which an item of this price finds itself when it is added. */
function runningPeriodOf(sandbox: Sandbox, subscription: Subscription, price: Price): Period {
  const alike = subscription.items.data.find((item) => isAlike(item.price, price));
  if (alike !== undefined) return periodOfItem(alike);
  const { billing_cycle_anchor: anchor } = subscription;
  const end = nextBoundary(anchor, cadenceOf(price), sandbox.now());
  return { start: boundary(end, cadenceOf(price), -1), end };
}

function isAlike(one: Price, other: Price): boolean {
  const [a, b] = [cadenceOf(one), cadenceOf(other)];
  return a.interval === b.interval && a.interval_count === b.interval_count;
}

/** Moves items into a period. */
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

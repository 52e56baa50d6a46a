/** The marks by which invoice items of ours are known: an item is found again when it is not known whether it was made. */
import type { Stripe } from 'stripe';
import type { Period } from '../../ledger/rules/periods.ts';
import { secondsOf } from '../account/values.ts';

/**
 * The reason for an item. LATE: the meter was not told in time. UNBILLED: the meter was told, and no line of Stripe's bills it. Overage
 * of one period and reason shares an item, so that cents are rounded once.
 */
export type Reason = 'LATE' | 'UNBILLED';

/** Overage of one period. */
export interface Overage {
  /** null: it was used after the subscription. */
  readonly subscriptionId: string | null;
  readonly period: Period;
  readonly reason: Reason;
}

/** Metadata keys. The value is the subscription and the start of the period. */
const KEYS = { LATE: 'tollgate_late_overage', UNBILLED: 'tollgate_unbilled_overage' } as const;

/** The key of earlier releases for what a subscription that had ended left behind. Its value is the subscription alone. */
const ENDED_KEY = 'tollgate_ended_subscription';

/** The metadata of an item that bills this overage. */
export function markOf(overage: Overage): Record<string, string> {
  return { [KEYS[overage.reason]]: nameOf(overage) };
}

/** The overage's subscription and period, as they stand in marks and idempotency keys. */
export function nameOf({ subscriptionId, period }: Pick<Overage, 'subscriptionId' | 'period'>): string {
  return `${subscriptionId ?? 'none'} ${secondsOf(period.start)}`;
}

/** True for an item that bills this overage. */
export function isOf({ metadata, period }: Stripe.InvoiceItem, overage: Overage): boolean {
  if (metadata?.[KEYS[overage.reason]] === nameOf(overage)) return true;
  const isOfEnded = overage.reason === 'UNBILLED' && metadata?.[ENDED_KEY] === overage.subscriptionId;
  return isOfEnded && period.start === secondsOf(overage.period.start);
}

/** The subscription whose overage an item of ours bills; null: the item is not ours, or the overage was used after all subscriptions. */
export function subscriptionInMark({ metadata }: Pick<Stripe.InvoiceItem, 'metadata'>): string | null {
  const value = [...Object.values(KEYS), ENDED_KEY].map((key) => metadata?.[key]).find((each) => each !== undefined);
  const [subscription] = value?.split(' ') ?? [];
  return subscription === undefined || subscription === 'none' ? null : subscription;
}

/** True for an item of ours. */
export function isOurs({ metadata }: Pick<Stripe.InvoiceItem, 'metadata'>): boolean {
  return [...Object.values(KEYS), ENDED_KEY].some((key) => metadata?.[key] !== undefined);
}

/** Credits that items bill. */
export function creditsOf(items: readonly Stripe.InvoiceItem[]): bigint {
  return items.reduce((sum, { quantity }) => sum + BigInt(quantity), 0n);
}

/** A customer's affairs at Stripe, and which of their subscriptions counts. */
import type { Stripe } from 'stripe';
import type { PlanTerms } from '../../plans/plans.ts';
import { idOf, instantOf } from '../account/values.ts';
import { planOfProduct } from '../catalog/offers.ts';

/** Everything of a customer that our state follows from, fetched together. */
export interface Affairs {
  /** All of them, the ended ones too. */
  readonly subscriptions: readonly Stripe.Subscription[];
  /** With all their lines. */
  readonly invoices: readonly Stripe.Invoice[];
  readonly charges: readonly Stripe.Charge[];
}

/**
 * The metadata key of a subscription that is undone because it was the second one. Its value is the subscription that
 * stays. Payers can write comments, but no metadata.
 */
export const DOUBLE_MARK = 'tollgate_double_of';

/** A subscription's item that is the plan, with the plan's terms. */
export interface PlanItem {
  readonly item: Stripe.SubscriptionItem;
  readonly plan: PlanTerms;
  readonly quantity: number;
}

/** The item that is the plan; null: the subscription is not one of ours, or has no units. */
export function planItemOf({ items }: Pick<Stripe.Subscription, 'items'>): PlanItem | null {
  for (const item of items.data) {
    const plan = planOfProduct(idOf(item.price.product));
    const quantity = item.quantity ?? 1;
    const isMetered = item.price.recurring?.usage_type === 'metered';
    if (plan !== null && !isMetered && quantity > 0) return { item, plan, quantity };
  }
  return null;
}

/**
 * Chooses the subscription that counts among those that live at once (rule 26). A subscription that was paid goes before
 * one that was not, and of two that were paid the older one stays.
 * @returns the one that counts, or null, and all others, which are to be undone
 */
export function chooseSubscription(subscriptions: readonly Stripe.Subscription[]): {
  readonly kept: Stripe.Subscription | null;
  readonly doubles: readonly Stripe.Subscription[];
} {
  const rank = ({ status, created, id }: Stripe.Subscription): string =>
    `${UNPAID_RANKS[status] ?? 0} ${String(created).padStart(12, '0')} ${id}`;
  const alive = subscriptions
    .filter((each) => !hasEnded(each) && planItemOf(each) !== null)
    .toSorted((a, b) => (rank(a) < rank(b) ? -1 : 1));
  // A subscription that is being undone never counts, even if the other one has ended since.
  const kept = alive.find((each) => !isDouble(each)) ?? null;
  return { kept, doubles: alive.filter((each) => each !== kept) };
}

/** Statuses of subscriptions that nobody has paid for: a trial that ended without a card, and a first payment that is still to come. */
const UNPAID_RANKS: Readonly<Partial<Record<string, number>>> = { paused: 1, incomplete: 2 };

function hasEnded({ status }: Stripe.Subscription): boolean {
  return status === 'canceled' || status === 'incomplete_expired';
}

/** True for a second subscription that is undone. Money that was paid for it is given back. */
export function isDouble({ metadata }: Stripe.Subscription): boolean {
  return metadata[DOUBLE_MARK] !== undefined;
}

/** The subscription that an invoice belongs to; null: it belongs to none. */
export function subscriptionOf({ parent }: Pick<Stripe.Invoice, 'parent'>): string | null {
  const of = parent?.subscription_details?.subscription;
  return of === undefined ? null : idOf(of);
}

/** Start of the running period of the subscription's plan; null: the subscription is not one of ours. */
export function periodStartOf(subscription: Stripe.Subscription): Date | null {
  const plan = planItemOf(subscription);
  return plan && instantOf(plan.item.current_period_start);
}

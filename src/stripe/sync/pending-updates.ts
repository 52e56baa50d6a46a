/** Changes of a subscription that wait for their payment at Stripe, whoever made them. Pure functions of what Stripe has. */
import type { Stripe } from 'stripe';
import { canonicalJson } from '../../kernel/canonical-json.ts';
import { idOf } from '../account/values.ts';
import { planItemOf } from './affairs.ts';

/**
 * True where a change waits that says more than how many units of the plan there are to be, and maybe that the subscription goes
 * on. No payer makes such a change here, so no payer's change may withdraw it.
 */
export function hasForeignUpdate(subscription: Stripe.Subscription): boolean {
  const { pending_update: update } = subscription;
  if (update === null) return false;
  const {
    expires_at: _expiresAt,
    cancel_at_period_end: ends,
    subscription_items: items,
    trial_from_plan: fromPlan,
    ...rest
  } = update;
  const isPlain = ends !== true && fromPlan !== true && Object.values(rest).every(isNothing);
  return !isPlain || items === null || spelled(items, subscription) !== spelled(subscription.items.data, subscription);
}

function isNothing(value: unknown): boolean {
  return value === null || value === undefined || (Array.isArray(value) && value.length === 0);
}

/** The items with everything that a change of units leaves as it is. */
function spelled(items: readonly Stripe.SubscriptionItem[], subscription: Stripe.Subscription): string {
  const plan = planItemOf(subscription)?.item.id;
  const kept = items
    .map(({ id, price, quantity, metadata, discounts, tax_rates: rates }) => ({
      id,
      price: price.id,
      metadata,
      discounts: discounts.map(idOf),
      rates: (rates ?? []).map((rate) => rate.id),
      ...(id !== plan && quantity !== undefined && { quantity }),
    }))
    .toSorted((a, b) => (a.id < b.id ? -1 : 1));
  return canonicalJson(kept);
}

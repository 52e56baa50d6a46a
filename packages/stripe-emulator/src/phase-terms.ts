import { automaticTaxOf } from './automatic-tax.ts';
import { type DiscountRequest, redeem } from './discounts.ts';
import { mergeMetadata } from './parameters.ts';
import { rowOf, type Sandbox } from './sandbox.ts';
import { changeSubscription } from './subscription-state.ts';
import type { SchedulePhase, Subscription, SubscriptionItem } from './wire.ts';

/** A discount as a phase carries it: still to be redeemed, or there already. */
export type PhaseDiscount = SchedulePhase['discounts'][number];

/** Discounts that a phase was asked to have. They are redeemed when it begins. */
export function askedDiscounts(sandbox: Sandbox, requests: DiscountRequest): PhaseDiscount[] {
  return (requests ?? []).map(({ coupon, discount, promotion_code: code }) => {
    if (coupon !== undefined) rowOf(sandbox.tables.coupons, 'coupon', coupon, 'discounts');
    if (discount !== undefined) rowOf(sandbox.tables.discounts, 'discount', discount, 'discounts');
    return { coupon: coupon ?? null, discount: discount ?? null, promotion_code: code ?? null };
  });
}

/** Discounts that a subscription has, as its schedule names them. */
export function keptDiscounts(ids: readonly string[]): PhaseDiscount[] {
  return ids.map((discount) => ({ coupon: null, discount, promotion_code: null }));
}

/** The subscription takes the phase's discounts, taxes and words; what the phase does not have, it loses. */
export function takeTerms(sandbox: Sandbox, subscription: Subscription, phase: SchedulePhase): void {
  changeSubscription(sandbox, subscription, () => {
    subscription.discounts = redeemed(sandbox, subscription, { phase: phase.discounts, has: subscription.discounts });
    subscription.default_tax_rates = structuredClone(phase.default_tax_rates ?? []);
    // Not known of Stripe, and chosen as the worse: a phase that does not speak of automatic taxes takes them away.
    const isTaxed = phase.automatic_tax?.enabled ?? false;
    if (subscription.automatic_tax.enabled !== isTaxed) subscription.automatic_tax = automaticTaxOf(isTaxed);
    if (phase.description !== null) subscription.description = phase.description;
    if (phase.collection_method !== null) {
      subscription.collection_method = phase.collection_method;
      subscription.days_until_due = phase.invoice_settings?.days_until_due ?? null;
    }
    subscription.metadata = mergeMetadata(subscription.metadata, phase.metadata ?? {});
    for (const item of subscription.items.data) {
      const terms = phase.items.find(({ price }) => price === item.price.id);
      if (terms === undefined) continue;
      item.discounts = redeemed(sandbox, subscription, { phase: terms.discounts, has: item.discounts, item });
      item.tax_rates = structuredClone(terms.tax_rates ?? []);
    }
  });
}

/** A coupon that gave one of the discounts that there are is not redeemed again. */
function redeemed(
  sandbox: Sandbox,
  subscription: Subscription,
  { phase, has, item }: { phase: readonly PhaseDiscount[]; has: readonly string[]; item?: SubscriptionItem },
): string[] {
  const owner = {
    customer: subscription.customer,
    subscription: subscription.id,
    ...(item !== undefined && { item: item.id }),
  };
  return phase.flatMap(({ coupon, discount, promotion_code: code }) => {
    const there = has.find((id) => {
      const known = sandbox.tables.discounts.get(id);
      return id === discount || (coupon !== null && known?.source.coupon === coupon);
    });
    if (there !== undefined) return [there];
    const request = {
      coupon: coupon ?? undefined,
      discount: discount ?? undefined,
      promotion_code: code ?? undefined,
    };
    return redeem(sandbox, [request], owner);
  });
}

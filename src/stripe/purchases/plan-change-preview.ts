import type { StripeClient } from '../account/client.ts';
import { instantOf } from '../account/values.ts';
import { prorationsOf } from '../sync/paid-lines.ts';
import {
  checkCharged,
  checkOnePrice,
  checkPaid,
  checkRunning,
  directionOf,
  type Subscribed,
  type Target,
} from './subscribed.ts';

/** The effect that a change of plan or units would have. */
export interface PlanChangePreview {
  readonly timing: 'NOW' | 'WHEN_PAID' | 'PERIOD_END';
  readonly effectiveAt: Date;
  readonly dueNowCents: number;
  readonly creditsAdded: bigint;
  readonly nextInvoiceCents: number;
  readonly featuresLost: readonly string[];
  /** The payer has no subscription that could be charged: Checkout comes first. */
  readonly checkoutRequired: boolean;
}

/**
 * Previews a change. Amounts come from Stripe's own preview of the invoice.
 * @param subscribed null: there is no subscription yet
 * @throws Refusal CONFLICT while an invoice is open, or the subscription is paused; PAYMENT_PROVIDER_ERROR
 * @throws StripeRejection where Stripe does not allow the change
 */
export async function previewChange(
  stripe: StripeClient,
  { subscribed, target, now }: { readonly subscribed: Subscribed | null; readonly target: Target; readonly now: Date },
): Promise<PlanChangePreview> {
  const { plan, quantity } = target;
  // A subscriber pays the price that they subscribed to, whatever a unit costs now.
  const unitCents = plan.priceCents === 0 ? 0 : (subscribed?.item.price.unit_amount ?? plan.priceCents);
  const nextInvoiceCents = unitCents * quantity;
  const unchanged = { dueNowCents: 0, creditsAdded: 0n, nextInvoiceCents, featuresLost: [], checkoutRequired: false };
  if (subscribed === null) {
    if (plan.priceCents === 0) return { ...unchanged, timing: 'NOW', effectiveAt: now };
    const creditsAdded = plan.credits * BigInt(quantity);
    const dueNowCents = nextInvoiceCents;
    return { ...unchanged, timing: 'WHEN_PAID', effectiveAt: now, dueNowCents, creditsAdded, checkoutRequired: true };
  }
  switch (directionOf(subscribed, target)) {
    case 'SAME':
      return { ...unchanged, timing: 'NOW', effectiveAt: now };
    case 'DOWN': {
      checkRunning(subscribed, target);
      if (plan.priceCents > 0) checkOnePrice(subscribed);
      const featuresLost = subscribed.plan.features.filter((each) => !plan.features.includes(each));
      const effectiveAt = instantOf(subscribed.item.current_period_end);
      return { ...unchanged, timing: 'PERIOD_END', effectiveAt, featuresLost };
    }
    case 'UP': {
      checkPaid(subscribed);
      checkOnePrice(subscribed);
      checkCharged(subscribed);
      // In a trial nothing is charged, and what is not paid for brings no credits before the trial's end.
      if (subscribed.subscription.status === 'trialing') return { ...unchanged, timing: 'NOW', effectiveAt: now };
      const { amount_due: dueNowCents, lines } = await stripe.call('invoice', (sdk) =>
        sdk.invoices.createPreview({
          customer: subscribed.customer,
          subscription: subscribed.subscription.id,
          subscription_details: {
            items: [{ id: subscribed.item.id, quantity }],
            proration_behavior: 'always_invoice',
          },
        }),
      );
      const anchor = instantOf(subscribed.subscription.billing_cycle_anchor);
      const creditsAdded = prorationsOf(lines.data, anchor).reduce((sum, { amount }) => sum + amount, 0n);
      const timing = dueNowCents > 0 ? 'WHEN_PAID' : 'NOW';
      return { ...unchanged, timing, effectiveAt: now, dueNowCents, creditsAdded };
    }
  }
}

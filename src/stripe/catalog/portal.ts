import type { Stripe } from 'stripe';
import type { PlanCode } from '../../plans/plans.ts';
import type { Surveying } from './differences.ts';
import { MOST_UNITS, PAID_PLANS, productOf } from './offers.ts';

/** The metadata key that tells our portal configuration from others. */
const PORTAL_MARK = 'tollgate';

/**
 * The configuration of Stripe's hosted page where payers see invoices, cards and the subscription.
 * @param prices the price of one unit a month, by plan
 * @returns its id; null: it is missing, and was left so
 */
export async function surveyPortal(
  prices: ReadonlyMap<PlanCode, string>,
  { stripe, differences }: Surveying,
): Promise<string | null> {
  const ours = await portalConfiguration(stripe);
  const features = portalFeatures(prices);
  if (ours === null) {
    const made = await differences.mend(
      { differs: 'portal configuration is missing', mended: 'created portal configuration' },
      () =>
        stripe.call('billing_portal.configuration', (sdk) =>
          sdk.billingPortal.configurations.create({ features, metadata: { [PORTAL_MARK]: 'portal' } }),
        ),
    );
    return made?.id ?? null;
  }
  const wrong = Object.keys(features).filter(
    (name) => !includes(ours.features[name as never], features[name as keyof typeof features]),
  );
  if (wrong.length > 0) {
    await differences.mend(
      {
        differs: `portal configuration (${ours.id}) differs in ${wrong.join(', ')}`,
        mended: `changed portal configuration (${ours.id}) in ${wrong.join(', ')}`,
      },
      () =>
        stripe.call('billing_portal.configuration', (sdk) =>
          sdk.billingPortal.configurations.update(ours.id, { features }),
        ),
    );
  }
  return ours.id;
}

async function portalConfiguration(stripe: Surveying['stripe']): Promise<Stripe.BillingPortal.Configuration | null> {
  const all = await stripe.list('billing_portal.configuration', (sdk, page) =>
    sdk.billingPortal.configurations.list({ active: true, ...page }),
  );
  const ours = all.find(({ metadata }) => metadata?.[PORTAL_MARK] === 'portal');
  if (ours === undefined) return null;
  if (ours.features.subscription_update.products !== undefined) return ours;
  // Stripe leaves long lists out of some answers unless they are asked for.
  const expand = ['features.subscription_update.products'];
  return stripe.call('billing_portal.configuration', (sdk) =>
    sdk.billingPortal.configurations.retrieve(ours.id, { expand }),
  );
}

/** A change of plan or units takes effect at once when it costs more, and at the period's end when it costs less (rule 26). */
function portalFeatures(
  prices: ReadonlyMap<PlanCode, string>,
): Stripe.BillingPortal.ConfigurationCreateParams.Features & { subscription_update: object } {
  return {
    customer_update: { enabled: true, allowed_updates: ['address', 'email', 'name', 'tax_id'] },
    invoice_history: { enabled: true },
    payment_method_update: { enabled: true },
    subscription_cancel: { enabled: true, mode: 'at_period_end', proration_behavior: 'none' },
    subscription_update: {
      enabled: true,
      default_allowed_updates: ['price', 'quantity'],
      proration_behavior: 'always_invoice',
      products: PAID_PLANS.flatMap((plan) => {
        const price = prices.get(plan.code);
        if (price === undefined) return [];
        const quantity = { enabled: true, minimum: 1, maximum: MOST_UNITS };
        return [{ product: productOf(plan), prices: [price], adjustable_quantity: quantity }];
      }),
      schedule_at_period_end: { conditions: [{ type: 'decreasing_item_amount' }] },
    },
  };
}

/** True if `actual` has all that `expected` has. Lists are compared as sets, because Stripe keeps no order of them. */
function includes(actual: unknown, expected: unknown): boolean {
  if (Array.isArray(expected)) {
    return (
      Array.isArray(actual) &&
      actual.length === expected.length &&
      expected.every((each) => actual.some((other) => includes(other, each)))
    );
  }
  if (typeof expected !== 'object' || expected === null) return actual === expected;
  if (typeof actual !== 'object' || actual === null) return false;
  return Object.entries(expected).every(([key, value]) => includes((actual as Record<string, unknown>)[key], value));
}

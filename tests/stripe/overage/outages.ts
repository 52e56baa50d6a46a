/** What is away: the application for weeks, Stripe’s refunds, its meter. */
import type { Reconciliation } from '../../../src/stripe/reconciler.ts';
import type { StripeServices } from '../../../src/stripe/stripe.ts';
import { type Buyer, type Shown, type Till } from '../../support/till.ts';
import { DAY_MS, START } from '../sync/periods.ts';

/** Stripe refuses to give anything back. */
export const NO_REFUNDS = { method: 'POST', path: '/v1/refunds', kind: 'rejected', times: 0 } as const;

/** The meter does not answer. */
export const NO_METER = { kind: 'error_before_commit', path: '/v1/billing/meter_events', times: 0 } as const;

/** We are away for so long that Stripe lists nothing any more of what it told at first: it does so for 30 days. */
export async function away(
  till: Till,
  buyer: Buyer,
  work: (customer: string) => Promise<void>,
  days = 41,
): Promise<void> {
  const customer = await till.customerOf(buyer);
  await till.restart(async () => {
    await till.control.deliveryMode({ drop: ['*'] });
    await work(customer);
    till.clock.set(new Date(START + days * DAY_MS));
    await till.control.moveClock({ to: till.clock.now() });
    await till.control.deliveryMode({ drop: [] });
  });
}

export const stripeOf = (till: Till): StripeServices => till.app.services.stripe as StripeServices;

export const reconcile = (till: Till): Promise<Reconciliation> => stripeOf(till).reconciler.run();

export const creditsOf = async (till: Till, buyer: Buyer): Promise<Shown['credits']> =>
  (await till.shown(buyer)).credits;

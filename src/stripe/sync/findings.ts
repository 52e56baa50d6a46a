/** What of a customer's affairs is not followed whole, or waits for somebody. Pure functions; a new kind is one more check. */
import type { Stripe } from 'stripe';
import type { OverageTerms } from '../../ledger/rules/subscription.ts';
import type { Finding } from '../../subscriptions/findings.ts';
import { OVERAGE_METER, OVERAGE_PRICE } from '../catalog/offers.ts';
import type { Affairs } from './affairs.ts';

/** The facts that findings are drawn from, as they were just fetched. */
export interface Facts {
  readonly affairs: Affairs;
  /** The subscription that counts; null: there is none. */
  readonly kept: Stripe.Subscription | null;
  /** How far its overage would be paid for; null: there is no subscription. */
  readonly overageTerms: OverageTerms | null;
}

type Check = (facts: Facts) => readonly Finding[];

/** All findings of a customer, in the order of the checks. */
export function findingsOf(facts: Facts): Finding[] {
  return CHECKS.flatMap((check) => check(facts));
}

/** Overage that no invoice would have is refused, whatever the payer's policy says (rule 14). */
const overageUnbilled: Check = ({ kept, overageTerms }) => {
  if (kept === null || overageTerms === null || overageTerms.isBilled) return [];
  const reason = `${kept.id} has no item of the meter ${OVERAGE_METER}, so that nothing would bill overage and none is allowed: add the price ${OVERAGE_PRICE} to the subscription.`;
  return [{ kind: 'OVERAGE_UNBILLED', subject: kept.id, reason }];
};

/** Overage that nobody could be charged for ends at the installation's cap (rule 14). */
const paymentMethodMissing: Check = ({ kept, overageTerms }) => {
  if (kept === null || overageTerms === null || overageTerms.cap === null || kept.status === 'incomplete') return [];
  const reason = `${kept.id} has no payment method on file, so that overage ends at ${overageTerms.cap} credits a period: the payer has to add one.`;
  return [{ kind: 'PAYMENT_METHOD_MISSING', subject: kept.id, reason }];
};

const CHECKS: readonly Check[] = [overageUnbilled, paymentMethodMissing];

/** What of a customer's affairs is not followed whole, or waits for somebody. Pure functions; a new kind is one more check. */
import { isConfirmed } from '../../ledger/rules/subscription.ts';
import type { Finding } from '../../subscriptions/findings.ts';
import { OVERAGE_METER, OVERAGE_PRICE } from '../catalog/offers.ts';
import { instantOf } from '../account/values.ts';
import { planItemOf } from './affairs.ts';
import { paidBaseOf, paidUntilOf, runningPeriodOf } from './base-lines.ts';
import type { Check, Facts } from './facts.ts';
import { SHAPE_CHECKS } from './shapes.ts';

/** All findings of a customer, in the order of the checks. */
export function findingsOf(facts: Facts): Finding[] {
  return [...CHECKS, ...SHAPE_CHECKS].flatMap((check) => check(facts));
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

/** Base credits of a period that nobody paid for are not given ahead for ever (rule 25). */
const periodUnpaid: Check = ({ kept, bases, now }) => {
  const period = kept?.status === 'active' ? runningPeriodOf(kept, { bases, now }) : null;
  if (kept === null || period === null || kept.pause_collection !== null) return [];
  const [anchor, paidUntil] = [instantOf(kept.billing_cycle_anchor), paidUntilOf(kept, bases)];
  const isPaid = paidBaseOf(bases, { subscriptionId: kept.id, periodStart: period.start }) !== null;
  if (isPaid || isConfirmed({ anchor, paidUntil }, period.start)) return [];
  const reason = `Nobody has paid for the period of ${kept.id} since ${period.start.toISOString()}: its credits come when its invoice is paid.`;
  return [{ kind: 'PERIOD_UNPAID', subject: kept.id, reason }];
};

/** Nothing is paid while collection is paused, so nothing is given ahead (rule 25). */
const collectionPaused: Check = ({ kept }) => {
  if (kept === null || kept.pause_collection === null) return [];
  const reason = `Collection of ${kept.id} is paused at Stripe, so that its periods bring no credits until they are paid: resume collection, or grant what is to be a present.`;
  return [{ kind: 'COLLECTION_PAUSED', subject: kept.id, reason }];
};

/** Changes of units name one price. With several, nobody but people knows which is meant. */
const severalPrices: Check = ({ kept }) => {
  const plan = kept && planItemOf(kept);
  if (kept === null || plan === null || plan.others.length === 0) return [];
  const reason = `${kept.id} has several prices of ${plan.plan.code}. All their units count, but its payer cannot change them: change them at Stripe, or leave one price.`;
  return [{ kind: 'SEVERAL_PRICES', subject: kept.id, reason }];
};

/** Periods of less than a month bring their share when they are paid, and nothing ahead (rules 13, 26). */
const shortPeriods: Check = ({ kept }) => {
  const interval = kept && planItemOf(kept)?.item.price.recurring?.interval;
  if (kept === null || (interval !== 'day' && interval !== 'week')) return [];
  const reason = `${kept.id} is billed by the ${interval}. Each period brings its share of a month when it is paid, nothing ahead, and no overage: a monthly or yearly price is followed whole.`;
  return [{ kind: 'SHORT_PERIODS', subject: kept.id, reason }];
};

/** Money that went back takes credits of the line that had been paid, and of no other (rule 24). */
const moneyBackUntold: Check = ({ untold }) =>
  untold.map(({ invoiceId, cents }) => ({
    kind: 'MONEY_BACK_UNTOLD',
    subject: invoiceId,
    reason: `${cents} cents were given back by or for ${invoiceId}, and Stripe does not tell of which line: their credits are left as they are, so adjust them by hand if they are to go.`,
  }));

const CHECKS: readonly Check[] = [
  overageUnbilled,
  paymentMethodMissing,
  periodUnpaid,
  collectionPaused,
  severalPrices,
  shortPeriods,
  moneyBackUntold,
];

/**
 * Shapes of subscriptions that are not followed whole: our Checkout does not make them, and people and other programs do. Each
 * check says what is not followed, what happens meanwhile and what would end it.
 */
import type { Stripe } from 'stripe';
import type { Finding, FindingKind } from '../../subscriptions/findings.ts';
import { dayOf, idOf, instantOf } from '../account/values.ts';
import { CURRENCY, OVERAGE_METER, OVERAGE_PRODUCT } from '../catalog/offers.ts';
import { hasEnded, isDouble, planItemOf, planOfItem } from './affairs.ts';
import type { Check } from './facts.ts';
import { hasForeignUpdate } from './pending-updates.ts';
import { paymentStandingOf } from './provider-subscription.ts';
import { comingPhasesOf, unitsOfPhase } from './schedules.ts';

/** A schedule may go on with something else than a plan. The plan ends here then. */
const scheduledAway: Check = ({ kept, schedule }) => {
  if (kept === null || schedule === null || schedule.status !== 'active') return [];
  const away = comingPhasesOf(schedule).find((phase) => unitsOfPhase(phase, kept) === null);
  if (away === undefined) return [];
  return found(
    'SCHEDULED_AWAY',
    kept,
    `The schedule of ${kept.id} has no price of a plan from ${dayOf(instantOf(away.start_date))} on. The plan ends here then, whatever Stripe bills afterwards: put a price of a plan into that phase, or cancel the subscription.`,
  );
};

/** A change of units that waits is its payer's. What more there is to it, others made. */
const pendingChange: Check = ({ kept }) => {
  if (kept === null || !hasForeignUpdate(kept)) return [];
  return found(
    'PENDING_CHANGE',
    kept,
    `A change of ${kept.id} that is more than one of its units waits for its payment. It counts when it is paid, and its payer cannot change units meanwhile: void its invoice, if it is not to come.`,
  );
};

/** The account has one period, and each price of the plan would have its own. */
const mixedIntervals: Check = ({ kept }) => {
  const plan = kept && planItemOf(kept);
  const intervals = plan === null ? [] : [...new Set([plan.item, ...plan.others].map(intervalOf))];
  if (kept === null || intervals.length < 2) return [];
  return found(
    'MIXED_INTERVALS',
    kept,
    `${kept.id} has prices of its plan that are billed by the ${intervals.join(' and by the ')}. Periods follow the first of them: leave prices of one interval.`,
  );
};

/** Amounts are shown, and late overage is billed, in the currency that is sold here. */
const otherCurrency: Check = ({ kept }) => {
  if (kept === null || kept.currency === CURRENCY) return [];
  const [theirs, ours] = [kept.currency.toUpperCase(), CURRENCY.toUpperCase()];
  return found(
    'OTHER_CURRENCY',
    kept,
    `${kept.id} is billed in ${theirs}, and ${ours} is sold here. Credits follow the units that are paid, but amounts that are announced may be wrong, and overage that is too late for its invoice cannot be billed: move it to a price in ${ours}.`,
  );
};

/** Other things may be sold with the plan, and meters of others may count for it. */
const otherItems: Check = ({ kept, overageItems }) => {
  const plan = kept && planItemOf(kept);
  if (kept === null || plan === null) return [];
  const others = kept.items.data.filter(
    (item) =>
      planOfItem(item) !== plan.plan &&
      idOf(item.price.product) !== OVERAGE_PRODUCT &&
      overageItems.every(({ id }) => id !== item.id),
  );
  if (others.length === 0) return [];
  const prices = others.map(({ price }) => price.id).join(', ');
  return found(
    'OTHER_ITEMS',
    kept,
    `${kept.id} sells something besides its plan: ${prices}. Stripe bills it, no credits come of it, and nothing is reported to its meters: give it a subscription of its own under another customer, or take it away.`,
  );
};

/** Somebody may have made a subscription for one of our customers that has nothing of ours. */
const otherSubscription: Check = ({ affairs }) =>
  affairs.subscriptions
    .filter((each) => !hasEnded(each) && planItemOf(each) === null)
    .flatMap((each) =>
      found(
        'OTHER_SUBSCRIPTION',
        each,
        `${each.id} has no unit of a plan, so that nothing of it is followed: no credits come of what is paid for it. Make it for another customer, give it a price of a plan, or cancel it.`,
      ),
    );

/** One that was marked, and still runs, was not undone at the first try. */
const secondSubscription: Check = ({ affairs }) =>
  affairs.subscriptions
    .filter((each) => !hasEnded(each) && isDouble(each))
    .flatMap((each) =>
      found(
        'SECOND_SUBSCRIPTION',
        each,
        `${each.id} is a second subscription of its payer that could not be ended yet. It brings nothing, and each look at the customer tries again: cancel it, and refund what was paid for it.`,
      ),
    );

/** A meter counts by customer, so that each item of it charges all that was used. */
const overageTwice: Check = ({ kept, overageItems }) => {
  const [first, ...more] = overageItems;
  if (kept === null || first === undefined || more.length === 0) return [];
  const items = [first, ...more].map(({ id, subscription }) => `${id} of ${subscription}`).join(', ');
  return found(
    'OVERAGE_TWICE',
    kept,
    `Several items bill what the meter ${OVERAGE_METER} counts, and each charges all of it: ${items}. Leave one of them, and credit what was charged twice.`,
  );
};

/** A price for packages divides the quantity that is paid for. Credits do not. */
const unitsInPackages: Check = ({ kept }) => {
  const plan = kept && planItemOf(kept);
  const packed =
    plan === null ? [] : [plan.item, ...plan.others].filter(({ price }) => price.transform_quantity !== null);
  if (kept === null || packed.length === 0) return [];
  return found(
    'UNITS_IN_PACKAGES',
    kept,
    `${kept.id} has a price for packages: ${packed.map(({ price }) => price.id).join(', ')}. Each of its units brings the credits of one, whatever a package costs: use a price for single units.`,
  );
};

/** A subscription carries its first items. It has room for twenty, unless Stripe gave it more. */
const manyItems: Check = ({ kept }) => {
  if (kept === null || !kept.items.has_more) return [];
  return found(
    'MANY_ITEMS',
    kept,
    `${kept.id} has more than ${kept.items.data.length} items, and only those are read. Units and overage of the others are not followed: leave fewer items.`,
  );
};

/** Stripe may invent statuses. */
const unknownStatus: Check = ({ kept }) => {
  if (kept === null || paymentStandingOf(kept.status) !== null) return [];
  return found(
    'UNKNOWN_STATUS',
    kept,
    `${kept.id} is ${kept.status} at Stripe, which this release does not know: what its payer may use stays as it was. Look at the subscription at Stripe, and for a newer release.`,
  );
};

/** Checks of shapes, in the order in which they are told. */
export const SHAPE_CHECKS: readonly Check[] = [
  scheduledAway,
  pendingChange,
  mixedIntervals,
  otherCurrency,
  otherItems,
  otherSubscription,
  secondSubscription,
  overageTwice,
  unitsInPackages,
  manyItems,
  unknownStatus,
];

function found(kind: FindingKind, { id: subject }: Stripe.Subscription, reason: string): Finding[] {
  return [{ kind, subject, reason }];
}

function intervalOf({ price: { recurring } }: Stripe.SubscriptionItem): string {
  const { interval = 'month', interval_count: count = 1 } = recurring ?? {};
  return count === 1 ? interval : `${count} ${interval}s`;
}

/** Finds overage that an item of ours was to bill, and whose item is not there any more. */
import type { DeliveredReport } from '../../ledger/rules/entries.ts';
import { creditsOf, isOf, type Overage } from './item-marks.ts';
import type { MeteredAffairs } from './metered-spans.ts';
import { isBilledApart } from './report-state.ts';

/**
 * Compares what items of ours are to have billed with the items that there are. Whoever deleted an item may have meant to give it
 * away, so that it is not made again.
 * @param reports all of the customer's subscriptions
 * @returns differences in words
 */
export function withoutItem(
  reports: readonly DeliveredReport[],
  { items, customerId }: Pick<MeteredAffairs, 'items' | 'customerId'>,
): string[] {
  const found = new Map<string, { readonly overage: Overage; credits: bigint }>();
  for (const report of reports) {
    const reason = report.state === 'BILLED' ? 'LATE' : isBilledApart(report) ? 'UNBILLED' : null;
    if (reason === null) continue;
    const { subscriptionId, period, credits } = report;
    const key = `${reason} ${subscriptionId} ${period.start.getTime()}`;
    const due = found.get(key) ?? { overage: { subscriptionId, period, reason }, credits: 0n };
    found.set(key, { ...due, credits: due.credits + credits });
  }
  return [...found.values()].flatMap(({ overage, credits }) => {
    const billed = creditsOf(items.filter((item) => isOf(item, overage)));
    if (billed >= credits) return [];
    const since = overage.period.start.toISOString();
    return `${customerId}: of ${credits} credits of overage of ${overage.subscriptionId} in the period since ${since}, items bill ${billed}: somebody deleted or lowered one at Stripe, so bill the rest by hand unless it is to be a present.`;
  });
}

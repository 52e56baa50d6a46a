/** Base credits that two invoices paid for. Pure functions of Stripe's objects. */
import type { ReturnedSale, Sale } from './sales.ts';

/**
 * The sales that say what goes back. Two invoices may have sold the base credits of one period: a billing cycle that begins anew
 * in the first second of its period gives back the first and charges it again. The credits were given once, so the sale of which
 * most is left decides.
 * @param returned sales whose money went back
 * @param kept all other sales
 */
export function decidingSales(returned: readonly ReturnedSale[], kept: readonly Sale[]): ReturnedSale[] {
  const all = [...returned, ...kept.map(keptSale)].filter(({ sale }) => sale.bases.length > 0);
  const byPeriods = Map.groupBy(all, ({ sale }) => periodsOf(sale));
  const deciding = returned.map((each) =>
    (byPeriods.get(periodsOf(each.sale)) ?? []).reduce(
      (most, other) => (leftOf(other) > leftOf(most) ? other : most),
      each,
    ),
  );
  return [...new Set(deciding)];
}

/** What was taken for the other sale of its credits comes back. */
function keptSale(sale: Sale): ReturnedSale {
  return { sale, gone: 0n, paid: 1n, cameBack: true, reason: `${sale.invoiceId}: paid for fewer units` };
}

/** The credits whose money is still here. */
function leftOf({ sale, gone, paid }: ReturnedSale): bigint {
  return (sale.bases.reduce((sum, { credits }) => sum + credits, 0n) * (paid - gone)) / paid;
}

function periodsOf({ bases }: Sale): string {
  return bases.map(({ subscriptionId, periodStart }) => `${subscriptionId} ${periodStart.getTime()}`).join();
}

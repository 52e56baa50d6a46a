/** Base credits that are paid for and whose money is still here. Pure functions of Stripe's objects. */
import { instantOf } from '../account/values.ts';
import type { Affairs } from './affairs.ts';
import { monthsOf, type PaidBase, paidBasesOf } from './base-lines.ts';
import { planOfLine, subscriptionOfLine } from './lines.ts';
import { type ReturnedSale, type Sale, salesOf } from './sales.ts';

/**
 * The base credits that were paid (rule 13). A line of several months loses those of its last months first where money of it
 * went back, and gains those of units that were added in the middle of it. What was given of a single month is clawed back
 * instead (rule 24).
 * @param returned all money that went back
 */
export function fundedBasesOf(
  affairs: Pick<Affairs, 'invoices' | 'subscriptions'>,
  returned: readonly ReturnedSale[],
): PaidBase[] {
  const bases = paidBasesOf(affairs);
  const lines = Map.groupBy(bases, ({ invoiceId, subscriptionId, line }) =>
    [invoiceId, subscriptionId, line.start.getTime(), line.end.getTime()].join(' '),
  );
  const funded = [...lines.values()].flatMap((months) => (months.length === 1 ? months : leftOf(months, returned)));
  return withAdded(funded, affairs, returned);
}

/** The months of a line, as far as its money is still here. */
function leftOf(months: readonly PaidBase[], returned: readonly ReturnedSale[]): PaidBase[] {
  const [first] = months as [PaidBase, ...PaidBase[]];
  const back = returned.find(
    ({ sale }) => sale.invoiceId === first.invoiceId && sale.bases.some(({ lineId }) => lineId === first.lineId),
  );
  if (back === undefined || back.gone === 0n) return [...months];
  const whole = months.reduce((sum, { credits }) => sum + credits, 0n);
  let left = whole - (whole * back.gone) / back.paid;
  return months.flatMap((month) => {
    const credits = month.credits < left ? month.credits : left;
    left -= credits;
    return credits > 0n ? [{ ...month, credits, isCut: credits < month.credits }] : [];
  });
}

/** Adds the units of changes in the middle of a line to the months that begin after the change. */
function withAdded(
  bases: readonly PaidBase[],
  { invoices, subscriptions }: Pick<Affairs, 'invoices' | 'subscriptions'>,
  returned: readonly ReturnedSale[],
): PaidBase[] {
  const added = invoices
    .filter(({ status }) => status === 'paid')
    .flatMap((invoice) => salesOf(invoice, subscriptions))
    .filter(({ units }) => units > 0)
    .flatMap((sale) => laterMonths(sale, subscriptions, returned));
  return bases.map((base) =>
    added
      .filter(
        ({ subscriptionId, start }) => subscriptionId === base.subscriptionId && start === base.periodStart.getTime(),
      )
      .reduce(
        (sum, { units, credits }) => ({ ...sum, units: sum.units + units, credits: sum.credits + credits }),
        base,
      ),
  );
}

interface AddedMonth {
  readonly subscriptionId: string;
  readonly start: number;
  readonly units: number;
  readonly credits: bigint;
}

/** The months that begin after a change. Its own month is a proration (rule 26). */
function laterMonths(
  { lines, units, invoiceId }: Sale,
  subscriptions: Affairs['subscriptions'],
  returned: readonly ReturnedSale[],
): AddedMonth[] {
  const [line] = lines;
  const subscription = subscriptions.find(({ id }) => line !== undefined && id === subscriptionOfLine(line));
  const plan = line === undefined ? null : planOfLine(line);
  if (line === undefined || subscription === undefined || plan === null) return [];
  const back = returned.find(({ sale }) => sale.invoiceId === invoiceId && sale.lines[0]?.id === line.id);
  const whole = plan.credits * BigInt(units);
  const credits = back === undefined ? whole : whole - (whole * back.gone) / back.paid;
  const period = { start: instantOf(line.period.start), end: instantOf(line.period.end) };
  const [, ...later] = monthsOf(period, instantOf(subscription.billing_cycle_anchor));
  return later.map(({ part }) => ({ subscriptionId: subscription.id, start: part.start.getTime(), units, credits }));
}

/**
 * Base credits in the lines of invoices: the periods that a line is the price of, and those that are paid (rules 13, 25).
 * Pure functions of Stripe's objects.
 */
import type { Stripe } from 'stripe';
import { addMonths, monthFrom, type Period } from '../../ledger/rules/periods.ts';
import type { BasePeriod } from '../../subscriptions/invoice-credits.ts';
import { instantOf } from '../account/values.ts';
import { type Affairs, isDouble, planItemOf } from './affairs.ts';
import { givesBack, isProration, planOfLine, subscriptionOfLine } from './lines.ts';

/** Base credits of one period that a line is the price of. A line of a year has twelve. */
export interface BaseLine extends BasePeriod {
  readonly periodEnd: Date;
  readonly units: number;
  /** The plan's for these units, or the period's share of them where it is shorter than a month. */
  readonly credits: bigint;
  /** The line's id, with a number behind it from its second month on. */
  readonly lineId: string;
  /** All that the line is the price of. */
  readonly line: Period;
  /** Nothing was charged, because the plan was on trial. */
  readonly isTrial: boolean;
}

/** Base credits that were paid, with when and by which invoice. */
export interface PaidBase extends BaseLine {
  readonly paidAt: Date;
  readonly invoiceId: string;
  /** Some of its money went back, so that it brings less than its line charged. */
  readonly isCut: boolean;
}

type Invoices = Pick<Affairs, 'invoices' | 'subscriptions'>;

/** A month may be as much longer than the one that begins on the same day: from 28 February to 31 March. */
const LONGER_MONTH_MS = 4 * 86_400_000;

/**
 * The base credits that a line is the price of; none: it pays for something else, such as a change of units or the meter.
 * @param subscription undefined: Stripe does not have it any more
 */
export function basesOf(
  invoice: Stripe.Invoice,
  line: Stripe.InvoiceLineItem,
  subscription: Stripe.Subscription | undefined,
): BaseLine[] {
  const subscriptionId = subscriptionOfLine(line);
  const plan = planOfLine(line);
  // The first period of a subscription may be cut to the day of the month on which the next ones begin.
  const isFirst = invoice.billing_reason === 'subscription_create' && !givesBack(line);
  if (subscriptionId === null || plan === null || (isProration(line) && !isFirst)) return [];
  const units = line.quantity ?? 0;
  const period = { start: instantOf(line.period.start), end: instantOf(line.period.end) };
  const trialEnd = subscription?.trial_end ?? null;
  const isTrial = line.amount === 0 && trialEnd !== null && line.period.start < trialEnd;
  const full = plan.credits * BigInt(units);
  return monthsOf(period, subscription && instantOf(subscription.billing_cycle_anchor)).map(
    ({ part, month }, index) => ({
      subscriptionId,
      periodStart: part.start,
      periodEnd: part.end,
      units,
      credits: isTrial ? full : shareOf(full, { part, full: month }),
      lineId: index === 0 ? line.id : `${line.id}/${index + 1}`,
      line: period,
      isTrial,
    }),
  );
}

/** The credits that a part of a period brings, rounded down (rule 26). */
export function shareOf(credits: bigint, { part, full }: { readonly part: Period; readonly full: Period }): bigint {
  const lengthOf = ({ start, end }: Period): bigint => BigInt(end.getTime() - start.getTime());
  const share = (credits * lengthOf(part)) / lengthOf(full);
  return share < credits ? share : credits;
}

/**
 * The months that a period of Stripe's consists of, each with the whole month that it is a part of. A period that is shorter
 * than a month is counted back from its end: the next ones begin there.
 */
export function monthsOf(
  period: Period,
  anchor: Date = period.end,
): { readonly part: Period; readonly month: Period }[] {
  const aMonthOn = addMonths(period.start, 1);
  const isMonth = period.end >= aMonthOn && period.end.getTime() <= aMonthOn.getTime() + LONGER_MONTH_MS;
  if (isMonth) return [{ part: period, month: period }];
  // The anchor may have been moved since.
  const isAnchored = monthFrom(anchor, period.end).start.getTime() === period.end.getTime();
  const months: { part: Period; month: Period }[] = [];
  for (let { start } = period; start < period.end;) {
    const month = monthFrom(isAnchored ? anchor : period.end, start);
    const end = month.end < period.end ? month.end : period.end;
    months.push({ part: { start, end }, month });
    start = end;
  }
  return months;
}

/** All base credits that an invoice is the price of. Lines of several prices of the plan for one period count together. */
export function basesOfInvoice(invoice: Stripe.Invoice, subscriptions: readonly Stripe.Subscription[]): BaseLine[] {
  const byPeriod = new Map<string, Map<string, BaseLine>>();
  for (const line of invoice.lines.data) {
    const subscription = subscriptions.find(({ id }) => id === subscriptionOfLine(line));
    for (const base of basesOf(invoice, line, subscription)) {
      const key = keyOf(base);
      const item = line.parent?.subscription_item_details?.subscription_item ?? line.id;
      const byItem = byPeriod.get(key) ?? new Map<string, BaseLine>();
      if (base.units > (byItem.get(item)?.units ?? 0)) byItem.set(item, base);
      byPeriod.set(key, byItem);
    }
  }
  return [...byPeriod.values()].flatMap((byItem) => {
    const [first, ...rest] = [...byItem.values()];
    if (first === undefined) return [];
    const units = rest.reduce((sum, each) => sum + each.units, first.units);
    return { ...first, units, credits: rest.reduce((sum, each) => sum + each.credits, first.credits) };
  });
}

/**
 * Base credits that were paid. Where several invoices paid for one period, the one with the most units counts. A trial brings
 * base credits only where it begins the subscription: one that is moved on, or that comes in the midst of a period, lets the
 * period before it go on, whether that is paid or not.
 */
export function paidBasesOf({ invoices, subscriptions }: Invoices): PaidBase[] {
  const found = new Map<string, PaidBase>();
  for (const invoice of invoices.filter(({ status }) => status === 'paid')) {
    const isFirst = invoice.billing_reason === 'subscription_create';
    for (const base of basesOfInvoice(invoice, subscriptions)) {
      if (base.isTrial && !isFirst) continue;
      const paid = { ...base, paidAt: paidAtOf(invoice), invoiceId: invoice.id, isCut: false };
      if (base.units > (found.get(keyOf(base))?.units ?? 0)) found.set(keyOf(base), paid);
    }
  }
  return [...found.values()];
}

/** Base credits of a subscription on invoices that nobody has paid, whatever their status. */
export function unpaidBasesOf({ invoices, subscriptions }: Invoices, subscriptionId: string): BaseLine[] {
  return invoices
    .filter(({ status }) => status !== 'paid')
    .flatMap((invoice) => basesOfInvoice(invoice, subscriptions))
    .filter((base) => base.subscriptionId === subscriptionId);
}

/** Base credits whose charge was attempted and failed. */
export function failedBasesOf({ invoices, subscriptions }: Invoices): BaseLine[] {
  return invoices
    .filter(({ status, attempted }) => attempted && (status === 'open' || status === 'uncollectible'))
    .flatMap((invoice) => basesOfInvoice(invoice, subscriptions));
}

/** Base credits that were paid only when their period, or their subscription, was over. */
export function lateBasesOf(
  subscriptions: readonly Stripe.Subscription[],
  { bases, now }: { readonly bases: readonly PaidBase[]; readonly now: Date },
): PaidBase[] {
  return bases.filter(({ subscriptionId, periodStart, periodEnd, paidAt }) => {
    const subscription = subscriptions.find(({ id }) => id === subscriptionId);
    if (subscription === undefined || isDouble(subscription)) return false;
    const { ended_at: endedAt } = subscription;
    const next = runningPeriodOf(subscription, { bases, now })?.start;
    // Somebody may have cut the period short.
    const isCut = next !== undefined && periodStart < next && paidAt >= next;
    return paidAt >= periodEnd || isCut || (endedAt !== null && paidAt >= instantOf(endedAt));
  });
}

/**
 * The period of the subscription's base credits that runs: Stripe's, or the month of it. A trial that does not begin the
 * subscription lets the period before it go on until its end.
 * @param facts.bases all that was paid
 * @returns null: the subscription is not one of ours
 */
export function runningPeriodOf(
  subscription: Stripe.Subscription,
  { bases, now }: { readonly bases: readonly PaidBase[]; readonly now: Date },
): Period | null {
  const plan = planItemOf(subscription);
  if (plan === null) return null;
  const { current_period_start: from, current_period_end: to } = plan.item;
  const period = { start: instantOf(from), end: instantOf(to) };
  if (subscription.status === 'trialing') {
    const starts = bases
      .filter(({ subscriptionId, periodStart }) => subscriptionId === subscription.id && periodStart <= period.start)
      .map(({ periodStart }) => periodStart.getTime());
    return starts.length === 0 ? period : { ...period, start: new Date(Math.max(...starts)) };
  }
  const months = monthsOf(period, instantOf(subscription.billing_cycle_anchor)).map(({ part }) => part);
  // Our clock may be ahead of Stripe's, or behind it.
  return months.findLast(({ start }) => start <= now) ?? months[0] ?? period;
}

/** The payment for the base credits of this period of the subscription; null: nobody has paid yet. */
export function paidBaseOf(bases: readonly PaidBase[], { subscriptionId, periodStart }: BasePeriod): PaidBase | null {
  return bases.find((base) => keyOf(base) === keyOf({ subscriptionId, periodStart })) ?? null;
}

/**
 * The end of the last period that was paid; null: none was, a trial came after it, nothing is collected any more, or periods are
 * shorter than a month. Only those who pay for months get the next base credits before their invoice is paid (rule 25).
 */
export function paidUntilOf(subscription: Stripe.Subscription, bases: readonly PaidBase[]): Date | null {
  const own = bases
    .filter(({ subscriptionId, isTrial }) => subscriptionId === subscription.id && !isTrial)
    .toSorted((a, b) => a.periodEnd.getTime() - b.periodEnd.getTime());
  const last = own.at(-1);
  const interval = planItemOf(subscription)?.item.price.recurring?.interval;
  const isShort = interval === 'day' || interval === 'week';
  if (last === undefined || subscription.pause_collection !== null || isShort) return null;
  const { trial_end: trialEnd } = subscription;
  if (trialEnd !== null && instantOf(trialEnd) > last.line.start) return null;
  const months = own.filter(({ line }) => line.end.getTime() === last.line.end.getTime());
  const isWhole = !last.isCut && last.periodEnd.getTime() === last.line.end.getTime();
  // The month that is cut short comes when it is due, and no other ahead of it.
  return isWhole ? last.periodEnd : (months.findLast(({ isCut }) => !isCut)?.periodStart ?? null);
}

export function paidAtOf({ status_transitions: { paid_at: paidAt }, created }: Stripe.Invoice): Date {
  return instantOf(paidAt ?? created);
}

function keyOf({ subscriptionId, periodStart }: BasePeriod): string {
  return `${subscriptionId} ${periodStart.getTime()}`;
}

/**
 * Compares overage with invoices. That the meter has a report does not say that an invoice will have it: the item of the meter may
 * have been deleted, or the subscription ended without an invoice. Pure functions.
 */
import type { Stripe } from 'stripe';
import type { DeliveredReport } from '../../ledger/rules/entries.ts';
import { dayOf, instantOf, secondsOf } from '../account/values.ts';
import { MARGIN_S } from './lateness.ts';
import type { MeteredAffairs, MeteredSpan } from './metered-spans.ts';
import { isBilledApart, isUnknown } from './report-state.ts';

/** Invoices of a period that is over are drafted soon after its end, and final an hour later. */
const INVOICED_AFTER_S = 2 * 3_600;

/** The result of a comparison. */
export interface Comparison {
  /**
   * Reports that the meter has, and that no line of Stripe's bills or will bill, those that an item of ours bills already
   * included.
   */
  readonly unbilled: readonly DeliveredReport[];
  /** Differences of which nothing is guessed, in words for people. */
  readonly differences: readonly string[];
}

/**
 * Compares reports with the lines that bill them.
 * @param all reports that the customer's meter has or may have, of all subscriptions
 * @param facts.since the instant since which these are all; lines that begin before it are taken to be right
 */
export function compare(
  all: readonly DeliveredReport[],
  { affairs, since, now }: { readonly affairs: MeteredAffairs; readonly since: Date; readonly now: Date },
): Comparison {
  const reports = all.filter(({ state }) => state === 'SENT');
  const unknown = all.filter(isUnknown);
  const counted = affairs.spans
    .filter(({ finalAt }) => finalAt !== null)
    .map((span) =>
      span.start < secondsOf(since)
        ? { on: reports.filter((report) => isWithin(report, span)), difference: null }
        : countOf(span, { reports, unknown }),
    );
  const billed = new Set(counted.flatMap(({ on }) => on));
  const counting = affairs.spans.filter(({ finalAt }) => finalAt === null);
  const unbilled = reports.filter(
    (report) =>
      !billed.has(report) && !counting.some((span) => isWithin(report, span)) && isSettled(report, { affairs, now }),
  );
  const wrong = counted.flatMap(({ difference }) => difference ?? []);
  const still = counting.filter(({ stillAt }) => stillAt !== null && stillAt + INVOICED_AFTER_S <= secondsOf(now));
  const left = reports.filter((report) => !billed.has(report) && !unbilled.includes(report));
  return {
    unbilled,
    differences: [...wrong, ...overlapsOf(affairs.spans), ...still.flatMap((span) => stillOf(span, left))],
  };
}

/** What waits for a subscription that is paused beyond its period: no invoice comes before somebody resumes or ends it. */
function stillOf(span: MeteredSpan, left: readonly DeliveredReport[]): string[] {
  const credits = sumOf(left.filter((report) => isWithin(report, span)));
  if (credits === 0n) return [];
  return [
    `${span.subscriptionId}: ${credits} credits of overage wait, because the subscription is paused beyond its period: resume or end it, and they are invoiced.`,
  ];
}

/** The reports that a final line bills, as its count tells: whether one was sent in time may not be known exactly. */
function countOf(
  span: MeteredSpan,
  { reports, unknown }: { readonly reports: readonly DeliveredReport[]; readonly unknown: readonly DeliveredReport[] },
): { readonly on: readonly DeliveredReport[]; readonly difference: string | null } {
  const own = reports.filter((report) => isWithin(report, span));
  const finalAt = span.finalAt ?? Infinity;
  const inTime = own.filter((report) => sentAtOf(report) <= finalAt);
  const counted = firstOf(own, { credits: span.credits, finalAt });
  if (counted !== null) return { on: counted, difference: null };
  // A report whose answer was lost is noted as sent when it is looked up, which may be long after.
  const perhaps = own.filter((report) => inTime.includes(report) || !isBilledApart(report));
  if (sumOf(perhaps) === span.credits) return { on: perhaps, difference: null };
  // What is not known yet is looked up when it is delivered again.
  if (unknown.some((report) => isWithin(report, span))) return { on: own, difference: null };
  const difference = `${span.name} has ${span.credits} credits of overage for ${daysOf(span)}, and the meter was told of ${sumOf(inTime)}: compare them by hand.`;
  return { on: own, difference };
}

/**
 * The reports that a line had counted when it became final: those that were sent by then. Of those that were sent about that
 * instant the line's count tells, which was the last: they are sent one after the other.
 * @returns null: the count is of none of them
 */
function firstOf(
  own: readonly DeliveredReport[],
  { credits, finalAt }: { readonly credits: bigint; readonly finalAt: number },
): readonly DeliveredReport[] | null {
  const sent = own.toSorted((a, b) => Number(a.sentAt ?? a.stampedAt) - Number(b.sentAt ?? b.stampedAt));
  const least = sent.filter((report) => sentAtOf(report) < finalAt - MARGIN_S).length;
  const most = sent.filter((report) => sentAtOf(report) <= finalAt + MARGIN_S).length;
  for (let count = least; count <= most; count += 1) {
    const first = sent.slice(0, count);
    if (sumOf(first) === credits) return first;
  }
  return null;
}

function sentAtOf({ sentAt, stampedAt }: DeliveredReport): number {
  return secondsOf(sentAt ?? stampedAt);
}

/** Lines that bill the same use twice. */
function overlapsOf(spans: readonly MeteredSpan[]): string[] {
  const owed = spans.filter(({ credits, isVoid, finalAt }) => credits > 0n && !isVoid && finalAt !== null);
  return owed.flatMap((one, index) =>
    owed
      .slice(index + 1)
      .filter((other) => one.start < other.end && other.start < one.end)
      .map(
        (other) =>
          `${one.name} and ${other.name} bill the same overage of ${daysOf(one)}: give back what was charged twice.`,
      ),
  );
}

/** True if every invoice that could have had the report is made, and final. */
function isSettled(
  { subscriptionId, stampedAt, period }: DeliveredReport,
  { affairs: { subscriptions, invoices }, now }: { readonly affairs: MeteredAffairs; readonly now: Date },
): boolean {
  const subscription = subscriptions.find(({ id }) => id === subscriptionId);
  if (subscription === undefined) return true;
  const [stamp, at] = [secondsOf(stampedAt), secondsOf(now)];
  const over = endOfUse(subscription, { stamp, periodEnd: secondsOf(period.end) });
  if (over === null || over > at) return false;
  // Stripe may be about to draft the invoice of the period.
  const isLikely = over > stamp && !wasCut(subscription, over);
  const isDrafted = invoices.some(
    ({ status, created, parent }) =>
      status === 'draft' && created >= stamp && parent?.subscription_details?.subscription === subscription.id,
  );
  return !isDrafted && (!isLikely || at >= over + INVOICED_AFTER_S);
}

/**
 * The instant from which no line of the subscription counts the report any more, if none has it by then.
 * @returns null: it is not known yet, because the subscription stands still
 */
function endOfUse(
  subscription: Stripe.Subscription,
  { stamp, periodEnd }: { readonly stamp: number; readonly periodEnd: number },
): number | null {
  const { ended_at: endedAt, items, status } = subscription;
  if (endedAt !== null) return Math.max(endedAt, stamp);
  if (status === 'paused') return null;
  // The period of the item of the meter decides, and not that of the plan. Where there is none any more, the account's does.
  const starts = items.data
    .filter(({ price }) => price.recurring?.usage_type === 'metered')
    .map(({ current_period_start: start }) => start)
    .filter((start) => start > stamp);
  return starts.length > 0 ? Math.min(...starts) : periodEnd;
}

/** True for an end that nobody had planned: no invoice comes of it by itself. */
function wasCut({ ended_at: endedAt, cancel_at: plannedEnd }: Stripe.Subscription, over: number): boolean {
  return endedAt === over && (plannedEnd === null || endedAt < plannedEnd);
}

function isWithin({ stampedAt }: DeliveredReport, { start, end }: MeteredSpan): boolean {
  const stamp = secondsOf(stampedAt);
  return start <= stamp && stamp < end;
}

/** Credits of these reports. */
export function sumOf(reports: readonly DeliveredReport[]): bigint {
  return reports.reduce((sum, { credits }) => sum + credits, 0n);
}

function daysOf({ start, end }: MeteredSpan): string {
  return `${dayOf(instantOf(start))} to ${dayOf(instantOf(end))}`;
}

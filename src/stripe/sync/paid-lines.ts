/** Credits other than base credits that invoices paid for: prorations and purchases. Pure functions of Stripe's objects. */
import type { Stripe } from 'stripe';
import { monthFrom, type Period } from '../../ledger/rules/periods.ts';
import { startedSubscription } from '../../ledger/rules/subscription.ts';
import type { Followed } from '../../subscriptions/subscriptions.ts';
import { idOf, instantOf } from '../account/values.ts';
import { CREDITS_MARK } from '../catalog/offers.ts';
import { type Affairs, isDouble, planItemOf, subscriptionOf } from './affairs.ts';
import { monthsOf, paidAtOf, shareOf } from './base-lines.ts';
import { givesBack, isProration, planOfLine, subscriptionOfLine } from './lines.ts';

/**
 * The earliest instant of a payment whose credits still count. Credits that were paid earlier expired with the period before,
 * or with the last subscription.
 */
export function paidSince({ subscription, period }: Followed, { subscriptions }: Pick<Affairs, 'subscriptions'>): Date {
  const running = startedSubscription({ subscription });
  if (running !== null) return running.periodStart;
  const hadBegun = (each: Stripe.Subscription): boolean =>
    each.status !== 'incomplete_expired' && planItemOf(each) !== null && !isDouble(each);
  const ends = subscriptions.filter(hadBegun).flatMap(({ ended_at: endedAt }) => endedAt ?? []);
  return ends.length === 0 ? period.start : instantOf(Math.max(...ends));
}

/**
 * Invoices that Stripe tried to collect, and nobody has paid. What the payer is about to confirm is none of them: a first
 * payment, or that of a change which waits. A second subscription, which is undone, owes nothing either.
 */
export function failedInvoicesOf({ invoices, subscriptions }: Pick<Affairs, 'invoices' | 'subscriptions'>): string[] {
  const isAwaited = (invoice: Stripe.Invoice): boolean => {
    const id = subscriptionOf(invoice);
    const subscription = subscriptions.find((each) => each.id === id);
    if (subscription === undefined) return false;
    const { status, pending_update: update, latest_invoice: latest } = subscription;
    if (status === 'incomplete' || status === 'incomplete_expired' || isDouble(subscription)) return true;
    return update !== null && latest !== null && idOf(latest) === invoice.id;
  };
  return invoices
    .filter(({ status, attempted }) => attempted && (status === 'open' || status === 'uncollectible'))
    .filter((invoice) => !isAwaited(invoice))
    .map(({ id }) => id);
}

/** Credits other than base credits that a line of an invoice paid for. */
export interface PaidLine {
  readonly source: 'PURCHASE' | 'SUBSCRIPTION';
  readonly amount: bigint;
  readonly invoiceId: string;
  readonly lineId: string;
  /** The instant of payment, for a proration: its credits expire with the period in which it was paid. null: they never expire. */
  readonly paidAt: Date | null;
}

/** Purchases, and units that were added in the middle of a period (rules 26 and 27), from all paid invoices. */
export function paidLinesOf({ invoices, subscriptions }: Pick<Affairs, 'invoices' | 'subscriptions'>): PaidLine[] {
  return invoices
    .filter(({ status }) => status === 'paid')
    .flatMap((invoice) => {
      const subscriptionId = subscriptionOf(invoice);
      if (subscriptionId === null) return purchasesOf(invoice);
      const subscription = subscriptions.find(({ id }) => id === subscriptionId);
      // A first period that is cut to the day of the next ones has base credits.
      const isFirst = invoice.billing_reason === 'subscription_create';
      if (subscription === undefined || isDouble(subscription) || isFirst) return [];
      const [anchor, wholes] = [instantOf(subscription.billing_cycle_anchor), wholesOf(subscriptionId, invoices)];
      return prorationsOf(invoice.lines.data, anchor, wholes).map((each) => ({
        ...each,
        source: 'SUBSCRIPTION' as const,
        invoiceId: invoice.id,
        paidAt: paidAtOf(invoice),
      }));
    });
}

/** A purchase at Checkout. The invoice's metadata says how many credits it sold. */
function purchasesOf({ id: invoiceId, metadata, lines }: Stripe.Invoice): PaidLine[] {
  const credits = metadata?.[CREDITS_MARK];
  const [line] = lines.data;
  if (credits === undefined || !/^[1-9]\d{0,15}$/.test(credits) || line === undefined) return [];
  const source = 'PURCHASE';
  return [{ source, amount: BigInt(credits), invoiceId, lineId: line.id, paidAt: null }];
}

/** Whole periods of a subscription, from the lines that charge them. */
function wholesOf(subscriptionId: string, invoices: readonly Stripe.Invoice[]): Period[] {
  return invoices
    .flatMap(({ lines }) => lines.data)
    .filter((line) => subscriptionOfLine(line) === subscriptionId && planOfLine(line) !== null && !isProration(line))
    .map(({ period: { start, end } }) => ({ start: instantOf(start), end: instantOf(end) }));
}

/**
 * The month in which a rest of a period begins. Somebody may have moved the anchor since, and what was billed before then is
 * paid for in the rhythm of before.
 */
function monthOf(
  { start, end }: Period,
  { anchor, wholes }: { readonly anchor: Date; readonly wholes: readonly Period[] },
): Period {
  const isAnchored = monthFrom(anchor, end).start.getTime() === end.getTime();
  if (isAnchored) return monthFrom(anchor, start);
  const whole = wholes.find((each) => each.start <= start && each.end.getTime() === end.getTime());
  const months = whole === undefined ? [] : monthsOf(whole, anchor);
  return months.findLast(({ part }) => part.start <= start)?.month ?? monthFrom(end, start);
}

/**
 * Credits for each change of units that these lines bill: floor(credits × (new − old units) × (line's period ÷ full period)).
 * A change has one line that charges the new units and one that gives the old units back, both from the same instant on.
 * @param wholes whole periods that were billed, in whatever rhythm; none: the anchor was never moved
 */
export function prorationsOf(
  lines: readonly Stripe.InvoiceLineItem[],
  anchor: Date,
  wholes: readonly Period[] = [],
): { readonly amount: bigint; readonly lineId: string }[] {
  const changes = Map.groupBy(
    lines.filter((line) => isProration(line) && planOfLine(line) !== null),
    ({ period }) => `${period.start} ${period.end}`,
  );
  return [...changes.values()].flatMap((change) => {
    const charge = change.find((line) => !givesBack(line));
    const plan = charge && planOfLine(charge);
    if (charge === undefined || !plan) return [];
    const units = change.reduce((sum, line) => sum + (line.quantity ?? 0) * (givesBack(line) ? -1 : 1), 0);
    const [start, end] = [instantOf(charge.period.start), instantOf(charge.period.end)];
    const full = monthOf({ start, end }, { anchor, wholes });
    // Of a yearly price, the months after the change have base credits of the new units.
    const part = { start, end: end < full.end ? end : full.end };
    const amount = shareOf(plan.credits * BigInt(units), { part, full });
    return units > 0 && amount > 0n ? [{ amount, lineId: charge.id }] : [];
  });
}

/** The credits that invoices paid for: base credits of periods, prorations and purchases. Pure functions of Stripe's objects. */
import type { Stripe } from 'stripe';
import { monthFrom, type Period } from '../../ledger/rules/periods.ts';
import { startedSubscription } from '../../ledger/rules/subscription.ts';
import type { PlanTerms } from '../../plans/plans.ts';
import type { Followed } from '../../subscriptions/subscriptions.ts';
import { idOf, instantOf } from '../account/values.ts';
import { CREDITS_MARK, planOfProduct } from '../catalog/offers.ts';
import { type Affairs, isDouble, periodStartOf, planItemOf, subscriptionOf } from './affairs.ts';

/** A line of an invoice that is the price of one period's base credits. */
export interface BaseLine {
  readonly subscriptionId: string;
  readonly periodStart: Date;
  readonly periodEnd: Date;
  readonly units: number;
  readonly credits: bigint;
}

/** The base credits that a line is the price of; null: it pays for something else, such as a change of units or the meter. */
export function baseLineOf(line: Stripe.InvoiceLineItem): BaseLine | null {
  const subscriptionId = line.parent?.subscription_item_details?.subscription;
  const plan = isProration(line) ? null : planOf(line);
  if (subscriptionId == null || plan === null) return null;
  const units = line.quantity ?? 0;
  const [periodStart, periodEnd] = [instantOf(line.period.start), instantOf(line.period.end)];
  return { subscriptionId, periodStart, periodEnd, units, credits: plan.credits * BigInt(units) };
}

/** Base credits that were paid, with when and by which line. */
export interface PaidBase extends BaseLine {
  readonly paidAt: Date;
  readonly invoiceId: string;
  readonly lineId: string;
}

/** Base credits that were paid. Where several lines paid for one period, the line with the most units counts. */
export function paidBasesOf(invoices: readonly Stripe.Invoice[]): PaidBase[] {
  const found = new Map<string, PaidBase>();
  for (const invoice of invoices) {
    if (invoice.status !== 'paid') continue;
    for (const line of invoice.lines.data) {
      const base = baseLineOf(line);
      if (base === null) continue;
      const key = `${base.subscriptionId} ${line.period.start}`;
      const paid = { ...base, paidAt: paidAtOf(invoice), invoiceId: invoice.id, lineId: line.id };
      if (base.units > (found.get(key)?.units ?? 0)) found.set(key, paid);
    }
  }
  return [...found.values()];
}

function paidAtOf({ status_transitions: { paid_at: paidAt }, created }: Stripe.Invoice): Date {
  return instantOf(paidAt ?? created);
}

/** Base credits that were paid only when their period, or their subscription, was over. */
export function lateBasesOf({ invoices, subscriptions }: Pick<Affairs, 'invoices' | 'subscriptions'>): PaidBase[] {
  return paidBasesOf(invoices).filter(({ subscriptionId, periodStart, periodEnd, paidAt }) => {
    const subscription = subscriptions.find(({ id }) => id === subscriptionId);
    if (subscription === undefined || isDouble(subscription)) return false;
    const { ended_at: endedAt } = subscription;
    const next = periodStartOf(subscription);
    // Somebody may have cut the period short.
    const isCut = next !== null && periodStart < next && paidAt >= next;
    return paidAt >= periodEnd || isCut || (endedAt !== null && paidAt >= instantOf(endedAt));
  });
}

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

/** Base credits whose charge was attempted and failed. */
export function failedBasesOf(invoices: readonly Stripe.Invoice[]): BaseLine[] {
  return invoices
    .filter(({ status, attempted }) => attempted && (status === 'open' || status === 'uncollectible'))
    .flatMap(({ lines }) => lines.data.map(baseLineOf))
    .filter((base) => base !== null);
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

/** The payment for the base credits of the subscription's running period; null: nobody has paid yet. */
export function paidBaseOf(subscription: Stripe.Subscription, invoices: readonly Stripe.Invoice[]): PaidBase | null {
  const start = periodStartOf(subscription)?.getTime();
  return (
    paidBasesOf(invoices).find(
      ({ subscriptionId, periodStart }) => subscriptionId === subscription.id && periodStart.getTime() === start,
    ) ?? null
  );
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
      if (subscription === undefined || isDouble(subscription)) return [];
      return prorationsOf(invoice.lines.data, instantOf(subscription.billing_cycle_anchor)).map((each) => ({
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

/**
 * Credits for each change of units that these lines bill: floor(credits × (new − old units) × (line's period ÷ full period)).
 * A change has one line that charges the new units and one that gives the old units back, both from the same instant on.
 */
export function prorationsOf(
  lines: readonly Stripe.InvoiceLineItem[],
  anchor: Date,
): { readonly amount: bigint; readonly lineId: string }[] {
  const changes = Map.groupBy(
    lines.filter((line) => isProration(line) && isPlan(line)),
    ({ period }) => `${period.start} ${period.end}`,
  );
  return [...changes.values()].flatMap((change) => {
    const charge = change.find((line) => !givesBack(line));
    const plan = charge && planOf(charge);
    if (charge === undefined || !plan) return [];
    const units = change.reduce((sum, line) => sum + (line.quantity ?? 0) * (givesBack(line) ? -1 : 1), 0);
    const part = { start: instantOf(charge.period.start), end: instantOf(charge.period.end) };
    const amount = shareOf(plan.credits * BigInt(units), { part, full: monthFrom(anchor, part.start) });
    return units > 0 && amount > 0n ? [{ amount, lineId: charge.id }] : [];
  });
}

function shareOf(credits: bigint, { part, full }: { readonly part: Period; readonly full: Period }): bigint {
  const lengthOf = ({ start, end }: Period): bigint => BigInt(end.getTime() - start.getTime());
  const share = (credits * lengthOf(part)) / lengthOf(full);
  return share < credits ? share : credits;
}

function detailsOf({ parent }: Stripe.InvoiceLineItem) {
  return parent?.subscription_item_details ?? parent?.invoice_item_details ?? null;
}

function isProration(line: Stripe.InvoiceLineItem): boolean {
  return detailsOf(line)?.proration ?? false;
}

function givesBack(line: Stripe.InvoiceLineItem): boolean {
  return line.amount < 0 || detailsOf(line)?.proration_details?.credited_items != null;
}

function planOf({ pricing }: Stripe.InvoiceLineItem): PlanTerms | null {
  const product = pricing?.price_details?.product;
  return product === undefined ? null : planOfProduct(product);
}

function isPlan(line: Stripe.InvoiceLineItem): boolean {
  return planOf(line) !== null;
}

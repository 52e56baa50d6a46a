/** What Stripe's objects mean here, as functions of them alone: which subscription counts, how it stands, what was paid. */
import type { Stripe } from 'stripe';
import { monthFrom, type Period } from '../../ledger/rules/periods.ts';
import {
  startedSubscription,
  type PlanUnits,
  type PaymentStanding,
  type SubscriptionState,
  type SubscriptionStatus,
  type ProviderSubscription,
} from '../../ledger/rules/subscription.ts';
import type { PlanTerms } from '../../plans/plans.ts';
import type { Followed } from '../../subscriptions/subscriptions.ts';
import { planOfProduct } from '../catalog.ts';

/** A customer's affairs, as they were fetched together. */
export interface Affairs {
  /** Of whatever status, those that ended too. */
  readonly subscriptions: readonly Stripe.Subscription[];
  /** With all their lines. */
  readonly invoices: readonly Stripe.Invoice[];
  readonly charges: readonly Stripe.Charge[];
}

/** Use of what is there goes on for so long after a payment failed. */
const GRACE_MS = 7 * 86_400_000;
/** Stripe gives up on a first payment after so long. */
const FIRST_PAYMENT_MS = 23 * 3_600_000;

/** Names the credits that an invoice sells, in its metadata. */
export const CREDITS_MARK = 'tollgate_credits';
/** Names the subscription beside which a second one was undone, in its metadata: payers write comments, and not that. */
export const DOUBLE_MARK = 'tollgate_double_of';

const instant = (seconds: number): Date => new Date(seconds * 1_000);

/** The id of what may have been expanded. */
export function idOf(reference: string | { readonly id: string }): string {
  return typeof reference === 'string' ? reference : reference.id;
}

/** The item that is the plan, with its terms; null: the subscription is none of ours, or of no units. */
export function planItemOf({ items }: Pick<Stripe.Subscription, 'items'>): PlanItem | null {
  for (const item of items.data) {
    const plan = planOfProduct(idOf(item.price.product));
    const quantity = item.quantity ?? 1;
    const isMetered = item.price.recurring?.usage_type === 'metered';
    if (plan !== null && !isMetered && quantity > 0) return { item, plan, quantity };
  }
  return null;
}

interface PlanItem {
  readonly item: Stripe.SubscriptionItem;
  readonly plan: PlanTerms;
  readonly quantity: number;
}

/**
 * The subscription that counts, and others that live beside it (rule 26): of two that were paid the older one stays, and
 * what was paid goes before what was not.
 */
export function chooseSubscription(subscriptions: readonly Stripe.Subscription[]): {
  readonly kept: Stripe.Subscription | null;
  readonly doubles: readonly Stripe.Subscription[];
} {
  const rank = ({ status, created, id }: Stripe.Subscription): string =>
    `${UNPAID_RANKS[status] ?? 0} ${String(created).padStart(12, '0')} ${id}`;
  const alive = subscriptions
    .filter((each) => !hasEnded(each) && planItemOf(each) !== null)
    .toSorted((a, b) => (rank(a) < rank(b) ? -1 : 1));
  // What is to be undone stays so, though the other one has ended since.
  const kept = alive.find((each) => !isDouble(each)) ?? null;
  return { kept, doubles: alive.filter((each) => each !== kept) };
}

/** Nothing was paid for them: a first payment that is still to come, and a trial that ended without a card. */
const UNPAID_RANKS: Readonly<Partial<Record<string, number>>> = { paused: 1, incomplete: 2 };

function hasEnded({ status }: Stripe.Subscription): boolean {
  return status === 'canceled' || status === 'incomplete_expired';
}

/** How a status of Stripe's stands here; null: one that Stripe invented since. */
export function paymentStandingOf(
  status: string,
): { paymentStanding: PaymentStanding; status: SubscriptionStatus } | null {
  switch (status) {
    case 'active':
      return { paymentStanding: 'GOOD', status: 'ACTIVE' };
    case 'trialing':
      return { paymentStanding: 'GOOD', status: 'TRIALING' };
    case 'past_due':
      return { paymentStanding: 'PAST_DUE', status: 'PAST_DUE' };
    case 'unpaid':
      return { paymentStanding: 'UNPAID', status: 'UNPAID' };
    // A trial that ended without a card: nothing is used until the payer gives one.
    case 'paused':
      return { paymentStanding: 'UNPAID', status: 'PAUSED' };
    case 'incomplete':
      return { paymentStanding: 'INCOMPLETE', status: 'INCOMPLETE' };
    default:
      return null;
  }
}

/** The subscription as the account is to follow it. `former`: as it had it, which tells of a status that nobody knows. */
export function wantedOf(
  subscription: Stripe.Subscription,
  {
    plan: { item, plan, quantity },
    schedule,
    invoices,
    former,
  }: {
    readonly plan: PlanItem;
    readonly schedule: Stripe.SubscriptionSchedule | null;
    readonly invoices: readonly Stripe.Invoice[];
    readonly former: SubscriptionState | null;
  },
): ProviderSubscription {
  const { paymentStanding, status } = paymentStandingOf(subscription.status) ?? stoodOf(subscription, former);
  return {
    id: subscription.id,
    plan: plan.code,
    quantity,
    paymentStanding,
    status,
    graceEndsAt: paymentStanding === 'PAST_DUE' ? graceEndOf(subscription, invoices) : null,
    anchor: instant(subscription.billing_cycle_anchor),
    next: nextOf(subscription, { plan: plan.code, quantity }, schedule),
    period: { start: instant(item.current_period_start), end: instant(item.current_period_end) },
  };
}

/** How the account had it: what holds on where Stripe says something that nobody knows. */
function stoodOf(
  { id }: Stripe.Subscription,
  former: SubscriptionState | null,
): { paymentStanding: PaymentStanding; status: SubscriptionStatus } {
  return former?.id === id ? former : { paymentStanding: 'INCOMPLETE', status: 'INCOMPLETE' };
}

/** What it becomes when its period ends; null: it ends. */
function nextOf(
  subscription: Stripe.Subscription,
  now: PlanUnits,
  schedule: Stripe.SubscriptionSchedule | null,
): PlanUnits | null {
  const end = planItemOf(subscription)?.item.current_period_end ?? 0;
  if (subscription.cancel_at_period_end) return null;
  if (subscription.cancel_at !== null && subscription.cancel_at <= end) return null;
  if (schedule === null || schedule.status !== 'active') return now;
  const phase = schedule.phases.find((each) => each.start_date >= end);
  if (phase === undefined) {
    const isLast = schedule.phases.every((each) => each.end_date <= end);
    return isLast && schedule.end_behavior === 'cancel' ? null : now;
  }
  // Phases name prices and nothing of them; of ours only the plan's own has a quantity.
  const quantity = phase.items.find((each) => each.quantity !== undefined)?.quantity;
  return quantity === undefined || quantity < 1 ? null : { plan: now.plan, quantity };
}

/** Counted from the oldest of its invoices that is open, so that a later one puts nothing off. */
function graceEndOf(subscription: Stripe.Subscription, invoices: readonly Stripe.Invoice[]): Date | null {
  const open = invoices.filter((each) => each.status === 'open' && subscriptionOf(each) === subscription.id);
  if (open.length === 0) return null;
  return new Date(Math.min(...open.map((each) => each.created)) * 1_000 + GRACE_MS);
}

/** The subscription that an invoice is of; null: it is of none. */
export function subscriptionOf({ parent }: Pick<Stripe.Invoice, 'parent'>): string | null {
  const of = parent?.subscription_details?.subscription;
  return of === undefined ? null : idOf(of);
}

/** A line that is the price of the base credits of one period. */
export interface BaseLine {
  readonly subscriptionId: string;
  readonly periodStart: Date;
  readonly periodEnd: Date;
  readonly units: number;
  readonly credits: bigint;
}

/** The base that a line is the price of; null: of none, such as a change's or the meter's. */
export function baseLineOf(line: Stripe.InvoiceLineItem): BaseLine | null {
  const subscriptionId = line.parent?.subscription_item_details?.subscription;
  const plan = isProration(line) ? null : planOf(line);
  if (subscriptionId == null || plan === null) return null;
  const units = line.quantity ?? 0;
  const [periodStart, periodEnd] = [instant(line.period.start), instant(line.period.end)];
  return { subscriptionId, periodStart, periodEnd, units, credits: plan.credits * BigInt(units) };
}

/** A base that was paid, when and by what. */
export interface PaidBase extends BaseLine {
  readonly paidAt: Date;
  readonly invoiceId: string;
  readonly lineId: string;
}

/** Bases that were paid; of several lines for one, that of the most units. */
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
  return instant(paidAt ?? created);
}

/** Bases that were paid when their period was over, or their subscription. */
export function lateBasesOf({ invoices, subscriptions }: Pick<Affairs, 'invoices' | 'subscriptions'>): PaidBase[] {
  return paidBasesOf(invoices).filter(({ subscriptionId, periodStart, periodEnd, paidAt }) => {
    const subscription = subscriptions.find(({ id }) => id === subscriptionId);
    if (subscription === undefined || isDouble(subscription)) return false;
    const { ended_at: endedAt } = subscription;
    const next = periodStartOf(subscription);
    // Somebody may have cut the period short.
    const isCut = next !== null && periodStart < next && paidAt >= next;
    return paidAt >= periodEnd || isCut || (endedAt !== null && paidAt >= instant(endedAt));
  });
}

/** Since when what was paid has not lapsed: with the period before, or with the last subscription. */
export function paidSince({ subscription, period }: Followed, { subscriptions }: Pick<Affairs, 'subscriptions'>): Date {
  const running = startedSubscription({ subscription });
  if (running !== null) return running.periodStart;
  const hadBegun = (each: Stripe.Subscription): boolean =>
    each.status !== 'incomplete_expired' && planItemOf(each) !== null && !isDouble(each);
  const ends = subscriptions.filter(hadBegun).flatMap(({ ended_at: endedAt }) => endedAt ?? []);
  return ends.length === 0 ? period.start : instant(Math.max(...ends));
}

/** Bases that somebody tried to charge for, and did not get paid. */
export function failedBasesOf(invoices: readonly Stripe.Invoice[]): BaseLine[] {
  return invoices
    .filter(({ status, attempted }) => attempted && (status === 'open' || status === 'uncollectible'))
    .flatMap(({ lines }) => lines.data.map(baseLineOf))
    .filter((base) => base !== null);
}

/** What was paid for the base of the subscription's running period; null: nothing yet. */
export function paidBaseOf(subscription: Stripe.Subscription, invoices: readonly Stripe.Invoice[]): PaidBase | null {
  const start = periodStartOf(subscription)?.getTime();
  return (
    paidBasesOf(invoices).find(
      ({ subscriptionId, periodStart }) => subscriptionId === subscription.id && periodStart.getTime() === start,
    ) ?? null
  );
}

/** When the running period of its plan began; null: the subscription is none of ours. */
export function periodStartOf(subscription: Stripe.Subscription): Date | null {
  const plan = planItemOf(subscription);
  return plan && instant(plan.item.current_period_start);
}

/** Credits that a line of an invoice paid for besides a base. */
export interface PaidLine {
  readonly source: 'PURCHASE' | 'SUBSCRIPTION';
  readonly amount: bigint;
  readonly invoiceId: string;
  readonly lineId: string;
  /** Of a proration: its credits end with the period in which that was. null: they never end. */
  readonly paidAt: Date | null;
}

/** Purchases, and more units in the middle of a period (rules 26 and 27), of all invoices that are paid. */
export function paidLinesOf({ invoices, subscriptions }: Pick<Affairs, 'invoices' | 'subscriptions'>): PaidLine[] {
  return invoices
    .filter(({ status }) => status === 'paid')
    .flatMap((invoice) => {
      const subscriptionId = subscriptionOf(invoice);
      if (subscriptionId === null) return purchasesOf(invoice);
      const subscription = subscriptions.find(({ id }) => id === subscriptionId);
      if (subscription === undefined || isDouble(subscription)) return [];
      return prorationsOf(invoice.lines.data, instant(subscription.billing_cycle_anchor)).map((each) => ({
        ...each,
        source: 'SUBSCRIPTION' as const,
        invoiceId: invoice.id,
        paidAt: paidAtOf(invoice),
      }));
    });
}

/** Whether it is undone because it was the second one: what was paid for it is given back. */
export function isDouble({ metadata }: Stripe.Subscription): boolean {
  return metadata[DOUBLE_MARK] !== undefined;
}

/** What Checkout sold once: the invoice itself says how many credits that was. */
function purchasesOf({ id: invoiceId, metadata, lines }: Stripe.Invoice): PaidLine[] {
  const credits = metadata?.[CREDITS_MARK];
  const [line] = lines.data;
  if (credits === undefined || !/^[1-9]\d{0,15}$/.test(credits) || line === undefined) return [];
  const source = 'PURCHASE';
  return [{ source, amount: BigInt(credits), invoiceId, lineId: line.id, paidAt: null }];
}

/**
 * floor(credits × (new − old units) × (line's period ÷ full period)), once for each change that these lines bill. A change
 * has a line that charges the new units and one that gives the old ones back, both from its instant on.
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
    const part = { start: instant(charge.period.start), end: instant(charge.period.end) };
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

/** A change that waits for the payer, and where it is finished; null: none waits. */
export function pendingOf(
  subscription: Stripe.Subscription,
  invoices: readonly Stripe.Invoice[],
): { plan: PlanTerms; quantity: number; hostedUrl: string; expiresAt: Date | null } | null {
  const latest = subscription.latest_invoice === null ? null : idOf(subscription.latest_invoice);
  const invoice = invoices.find(({ id }) => id === latest);
  const hostedUrl = invoice?.status === 'open' ? invoice.hosted_invoice_url : null;
  if (typeof hostedUrl !== 'string') return null;
  const { pending_update: update } = subscription;
  if (update !== null) {
    const { subscription_items: data } = update;
    const target = data && planItemOf({ items: { ...subscription.items, data } });
    return target && { plan: target.plan, quantity: target.quantity, hostedUrl, expiresAt: instant(update.expires_at) };
  }
  const now = subscription.status === 'incomplete' ? planItemOf(subscription) : null;
  const expiresAt = new Date(subscription.created * 1_000 + FIRST_PAYMENT_MS);
  return now && { plan: now.plan, quantity: now.quantity, hostedUrl, expiresAt };
}

/**
 * How periods begin and end (rules 13, 25, 26 and 28). Whatever ends a period, its own credits lapse with it, its overage
 * is frozen into a report of it, and what is counted by periods begins again.
 */
import { type Account, MAX_CREDITS } from './account.ts';
import { Effects } from './effects.ts';
import { Journal } from './journal.ts';
import type { DecisionOf, ReportOverageCommand, SubscriptionCommand } from './commands.ts';
import type { NewId, LedgerView } from './ledger-view.ts';
import { rejected } from './refusals.ts';
import type { Grant } from './grants.ts';
import { newGrant } from './grant.ts';
import { calendarMonth, monthFrom, type Period } from './periods.ts';
import {
  baseCredits,
  startedSubscription,
  isSameSubscription,
  ordered,
  renewsAtOnce,
  type SubscriptionState,
  type ProviderSubscription,
} from './subscription.ts';

const LONGEST_ID = 255;

/** The period ends as it was known to. The new one is the one that holds now: those in which nobody looked are skipped. */
export function closePeriod(journal: Journal, newId: NewId): void {
  const { period } = journal.account;
  const subscription = startedSubscription(journal.account);
  const renewed = renewedPeriod(journal.account, journal.now);
  endPeriod(journal, { end: period.end, newId });
  if (subscription === null || subscription.next === null || renewed === null) {
    const month = calendarMonth(journal.now);
    // A subscription that has not begun has no period, and stays.
    if (subscription !== null) journal.set({ subscription: null });
    journal.beginPeriod({ start: latest(period.end, month.start), end: month.end });
    return;
  }
  const { next } = subscription;
  journal.set({ subscription: ordered({ ...subscription, ...next, periodStart: renewed.start }) });
  journal.beginPeriod(renewed);
  if (renewsAtOnce(subscription)) grantBaseCredits(journal, { units: next.quantity, newId });
}

/** The period of the subscription that holds this instant, after the end of the one that the account has; null: none. */
function renewedPeriod(account: Account, now: Date): Period | null {
  const subscription = startedSubscription(account);
  const next = subscription?.next ?? null;
  if (subscription === null || next === null || next.plan === 'FREE_TRIAL') return null;
  const { start, end } = monthFrom(subscription.anchor, now);
  return { start: latest(account.period.end, start), end };
}

/**
 * Ids of base grants that deciding now may make. Those that are there already, of whatever state, must be among the
 * account's grants then: a base is given once, though a subscription were lost and found again.
 */
export function basesToCome(
  account: Account,
  commands: readonly SubscriptionCommand[],
  { now, newId }: { readonly now: Date; readonly newId: NewId },
): string[] {
  const bases = commands.flatMap(({ providerSubscription }) =>
    providerSubscription === null
      ? []
      : baseId(account, { id: providerSubscription.id, periodStart: providerSubscription.period.start }, newId),
  );
  const subscription = startedSubscription(account);
  const renewed = account.period.end <= now ? renewedPeriod(account, now) : null;
  if (subscription !== null && renewed !== null) {
    bases.push(baseId(account, { id: subscription.id, periodStart: renewed.start }, newId));
  }
  return bases;
}

/** Decides what the account makes of its subscription as the provider has it. */
export function followProvider(
  account: Account,
  command: SubscriptionCommand,
  now: Date,
  { newId }: LedgerView,
): DecisionOf<SubscriptionCommand> {
  const { providerSubscription, paidUnits } = command;
  const wrong = providerSubscription && whatIsWrong(providerSubscription, paidUnits);
  if (wrong) return rejected('BAD_USER_INPUT', wrong);
  const former = account.subscription;
  const journal = new Journal(
    account,
    command,
    turnsBy(account, providerSubscription) ? soonestTurn(account, now) : now,
  );
  if (former !== null && former.id !== providerSubscription?.id) endSubscription(journal, newId);
  if (providerSubscription !== null) {
    const units =
      startedSubscription(journal.account) === null
        ? startSubscription(journal, command, providerSubscription, newId)
        : continueSubscription(journal, command, providerSubscription, newId);
    if (units > 0) grantBaseCredits(journal, { units, newId });
  }
  const { account: after } = journal;
  if (isSameSubscription(former, after.subscription) && isSamePeriod(account.period, after.period)) return Effects.none;
  journal.touch();
  return journal.close();
}

/** Freezes overage between two turns, so that the provider bills it with the period that runs (rule 28). */
export function reportOverage(account: Account, command: ReportOverageCommand, now: Date): Effects {
  if (account.overageTotal === account.overageReported) return Effects.none;
  const journal = new Journal(account, command, now);
  freezeOverage(journal, { id: command.reportId });
  return journal.close();
}

/** Freezes what no report has yet; `before`: where the provider's period ends, once it has. */
function freezeOverage(
  journal: Journal,
  { id, before, end: periodEnd }: { readonly id: string; readonly before?: Date; readonly end?: Date },
): void {
  const { overageTotal, overageReported, period } = journal.account;
  if (overageTotal === overageReported) return;
  const subscription = startedSubscription(journal.account);
  journal.report({
    id,
    subscriptionId: subscription?.id ?? null,
    period: { start: period.start, end: periodEnd ?? period.end },
    // Before now, since the period may end now; and not before the provider's began, whose clock may be ahead.
    stampedAt: [justBefore(before ?? journal.now), subscription?.periodStart ?? period.start].reduce(
      latest,
      period.start,
    ),
  });
}

/** Begins once something is paid (rule 26); until then it is only known. How many units the period's base is of; 0: none yet. */
function startSubscription(
  journal: Journal,
  { paidUnits }: SubscriptionCommand,
  providerSubscription: ProviderSubscription,
  newId: NewId,
): number {
  const periodStart = providerSubscription.period.start;
  if (paidUnits === 0 || providerSubscription.paymentStanding === 'INCOMPLETE') {
    journal.set({
      subscription: ordered({ ...providerSubscription, paymentStanding: 'INCOMPLETE', periodStart, base: null }),
    });
    return 0;
  }
  endPeriod(journal, { end: journal.now, newId });
  journal.set({ subscription: ordered({ ...providerSubscription, periodStart, base: null }) });
  journal.beginPeriod({ start: journal.now, end: endOf(providerSubscription, journal.now) });
  return paidUnits;
}

/** A subscription that has begun, as it is now. How many units the period's base is of; 0: none now. */
function continueSubscription(
  journal: Journal,
  { paidUnits }: SubscriptionCommand,
  providerSubscription: ProviderSubscription,
  newId: NewId,
): number {
  const current = startedSubscription(journal.account) as SubscriptionState;
  // What has begun cannot go back to never having been paid.
  const paymentStanding =
    providerSubscription.paymentStanding === 'INCOMPLETE' ? 'UNPAID' : providerSubscription.paymentStanding;
  const { status, graceEndsAt } = providerSubscription;
  const periodStart = providerSubscription.period.start;
  if (periodStart < current.periodStart) {
    // The account has turned and the provider had not when it was asked. How the payer stands is so already.
    journal.set({ subscription: ordered({ ...current, paymentStanding, status, graceEndsAt }) });
    return 0;
  }
  const followed = ordered({ ...providerSubscription, paymentStanding, periodStart, base: current.base });
  if (periodStart > current.periodStart) {
    endPeriod(journal, { end: journal.now, before: earliest(journal.now, periodStart), newId });
    journal.set({ subscription: followed });
    journal.beginPeriod({ start: journal.now, end: endOf(providerSubscription, journal.now) });
    return paidUnits > 0 || !renewsAtOnce(followed) ? paidUnits : providerSubscription.quantity;
  }
  journal.set({ subscription: followed });
  movePeriodEnd(journal, endOf(providerSubscription, journal.now));
  return paidUnits;
}

/** Ends the subscription and its period now, and with it the base credits that nobody holds (rule 13). */
function endSubscription(journal: Journal, newId: NewId): void {
  if (startedSubscription(journal.account) === null) {
    journal.set({ subscription: null });
    return;
  }
  endPeriod(journal, { end: journal.now, newId });
  journal.set({ subscription: null });
  journal.beginPeriod({ start: journal.now, end: calendarMonth(journal.now).end });
}

/** Of the period's own credits nothing survives it but what is held, and its overage is frozen into a report of it. */
function endPeriod(
  journal: Journal,
  { end: endsAt, before = endsAt, newId }: { readonly end: Date; readonly before?: Date; readonly newId: NewId },
): void {
  for (const grant of journal.account.grants) {
    if (grant.state !== 'ACTIVE' || !endsWithPeriod(journal.account, grant)) continue;
    const unheld = journal.unheld(grant);
    // It must have taken effect before it ends.
    const expiresAt = endsAt > grant.effectiveAt ? endsAt : grant.expiresAt;
    journal.expire({ ...grant, expiresAt }, unheld);
  }
  freezeOverage(journal, { id: newId(), before, end: endsAt });
}

/** The provider moved the end of the period that runs: its credits lapse then. */
function movePeriodEnd(journal: Journal, end: Date): void {
  const { period } = journal.account;
  if (end.getTime() === period.end.getTime()) return;
  for (const grant of journal.account.grants) {
    if (grant.state !== 'ACTIVE' || !endsWithPeriod(journal.account, grant)) continue;
    if (end > grant.effectiveAt) journal.putGrant({ ...grant, expiresAt: end });
  }
  journal.movePeriodEnd(end);
}

/** The one grant of base credits of the period that runs (rule 25); what it would lack is not made up for later. */
function grantBaseCredits(journal: Journal, { units, newId }: { readonly units: number; readonly newId: NewId }): void {
  const subscription = startedSubscription(journal.account);
  const { period } = journal.account;
  if (subscription === null || subscription.base?.periodStart.getTime() === subscription.periodStart.getTime()) return;
  const { periodStart, plan } = subscription;
  const amount = baseCredits({ plan, quantity: units });
  if (amount <= 0n) return;
  const grantId = baseId(journal.account, subscription, newId);
  // It was given before the subscription was lost, and found again: once is once.
  const isGiven = journal.account.grants.some((each) => each.id === grantId);
  if (!isGiven) {
    const { end: expiresAt } = period;
    journal.putGrant(newGrant(journal, { id: grantId, source: 'SUBSCRIPTION', amount, expiresAt, reason: null }));
    journal.post({ kind: 'GRANT', amount, grantId });
  }
  journal.set({ subscription: ordered({ ...subscription, base: { periodStart, grantId } }) });
}

function baseId(
  { billingEntityId }: Account,
  { id, periodStart }: Pick<SubscriptionState, 'id' | 'periodStart'>,
  newId: NewId,
): string {
  return newId(nameOfBase(billingEntityId, { id, periodStart }));
}

/** What the id of a period's base grant is made of. */
export function nameOfBase(
  billingEntityId: string,
  { id, periodStart }: Pick<SubscriptionState, 'id' | 'periodStart'>,
): string {
  return ['base', billingEntityId, id, periodStart.toISOString()].join(' ');
}

/** Credits of the account's own subscription: also those that went elsewhere and came back, or replace what was refunded. */
function endsWithPeriod({ billingEntityId }: Account, { root, expiresAt }: Grant): boolean {
  return root.source === 'SUBSCRIPTION' && root.billingEntityId === billingEntityId && expiresAt !== null;
}

function whatIsWrong(providerSubscription: ProviderSubscription, paidUnits: number): string | null {
  const { id, plan, quantity, period, next } = providerSubscription;
  if (id.length < 1 || id.length > LONGEST_ID) return 'a subscription has an id';
  if (plan === 'FREE_TRIAL') return 'the free trial is no subscription';
  for (const units of [quantity, next?.quantity ?? 1]) {
    if (!Number.isSafeInteger(units) || units < 1) return 'a subscription is of one unit or more';
  }
  if (!Number.isSafeInteger(paidUnits) || paidUnits < 0) return 'paidUnits is a whole number';
  const most = baseCredits({ plan, quantity: Math.max(quantity, paidUnits, next?.quantity ?? 1) });
  // So much that many periods together stay countable.
  if (most > MAX_CREDITS / 1_000n) return 'that many units are beyond what can be counted';
  return period.start < period.end ? null : 'a period ends after it began';
}

/** Whether the period that runs ends by what the provider says now. */
function turnsBy(account: Account, providerSubscription: ProviderSubscription | null): boolean {
  const current = startedSubscription(account);
  return (
    current === null ||
    current.id !== providerSubscription?.id ||
    current.periodStart < providerSubscription.period.start
  );
}

/**
 * A period ends after everything that belongs to it, also within one instant, and after the provider says that it began,
 * whose clock may be ahead: so whatever was made before the next one's start is of an earlier one.
 */
function soonestTurn(account: Account, now: Date): Date {
  const { touchedAt } = account;
  return latest(now, justAfter(latest(touchedAt, startedSubscription(account)?.periodStart ?? touchedAt)));
}

/** The end of the period as the provider says; where that is past already, the one that the anchor gives. */
function endOf({ period, anchor }: ProviderSubscription, now: Date): Date {
  return period.end > now ? period.end : monthFrom(anchor, now).end;
}

function isSamePeriod(a: Period, b: Period): boolean {
  return a.start.getTime() === b.start.getTime() && a.end.getTime() === b.end.getTime();
}

function latest(a: Date, b: Date): Date {
  return a > b ? a : b;
}

function earliest(a: Date, b: Date): Date {
  return a < b ? a : b;
}

function justAfter(instant: Date): Date {
  return new Date(instant.getTime() + 1);
}

function justBefore(instant: Date): Date {
  return new Date(instant.getTime() - 1);
}

/**
 * How periods begin and end (rules 13, 25, 26 and 28). Whatever ends a period, its own credits lapse with it, its overage
 * is frozen into a report of it, and what is counted by periods begins again.
 */
import { type Account, MAX_CREDITS } from './account.ts';
import { Books, NOTHING } from './journal.ts';
import { type Decision, type NewId, rejected, type Situation, type SubscriptionCommand } from './commands.ts';
import type { Grant } from './grants.ts';
import { newGrant } from './grant.ts';
import { calendarMonth, monthFrom, type Period } from './periods.ts';
import {
  baseCredits,
  begun,
  isSameSubscription,
  ordered,
  renewsAtOnce,
  type SubscriptionState,
  type WantedSubscription,
} from './subscription.ts';

const LONGEST_ID = 255;

/** The period ends as it was known to. The new one is the one that holds now: those in which nobody looked are skipped. */
export function turnPeriod(books: Books, newId: NewId): void {
  const { period } = books.account;
  const subscription = begun(books.account);
  const renewed = renewedPeriod(books.account, books.now);
  endPeriod(books, { end: period.end, newId });
  if (subscription === null || subscription.next === null || renewed === null) {
    const month = calendarMonth(books.now);
    // A subscription that has not begun has no period, and stays.
    if (subscription !== null) books.set({ subscription: null });
    beginPeriod(books, { start: latest(period.end, month.start), end: month.end });
    return;
  }
  const { next } = subscription;
  books.set({ subscription: ordered({ ...subscription, ...next, periodStart: renewed.start }) });
  beginPeriod(books, renewed);
  if (renewsAtOnce(subscription)) giveBase(books, { units: next.quantity, newId });
}

/** The period of the subscription that holds this instant, after the end of the one that the account has; null: none. */
function renewedPeriod(account: Account, now: Date): Period | null {
  const subscription = begun(account);
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
  const bases = commands.flatMap(({ wanted }) =>
    wanted === null ? [] : baseId(account, { id: wanted.id, periodStart: wanted.period.start }, newId),
  );
  const subscription = begun(account);
  const renewed = account.period.end <= now ? renewedPeriod(account, now) : null;
  if (subscription !== null && renewed !== null) {
    bases.push(baseId(account, { id: subscription.id, periodStart: renewed.start }, newId));
  }
  return bases;
}

/** Decides what the account makes of its subscription as the provider has it. */
export function follow(account: Account, command: SubscriptionCommand, now: Date, { newId }: Situation): Decision {
  const { wanted, paidUnits } = command;
  const wrong = wanted && whatIsWrong(wanted, paidUnits);
  if (wrong) return rejected('BAD_USER_INPUT', wrong);
  const former = account.subscription;
  const books = new Books(account, command, turnsBy(account, wanted) ? soonestTurn(account, now) : now);
  if (former !== null && former.id !== wanted?.id) end(books, newId);
  if (wanted !== null) {
    const units =
      begun(books.account) === null ? begin(books, command, wanted, newId) : goOn(books, command, wanted, newId);
    if (units > 0) giveBase(books, { units, newId });
  }
  const { account: after } = books;
  if (isSameSubscription(former, after.subscription) && isSamePeriod(account.period, after.period)) return NOTHING;
  books.touch();
  books.tidy();
  return books.applied();
}

/** Freezes what no report has yet; `before`: where the provider's period ends, once it has. */
export function freezeOverage(
  books: Books,
  { id, before, end: periodEnd }: { readonly id: string; readonly before?: Date; readonly end?: Date },
): void {
  const { overageTotal, overageReported, period } = books.account;
  if (overageTotal === overageReported) return;
  const subscription = begun(books.account);
  books.report({
    id,
    subscriptionId: subscription?.id ?? null,
    period: { start: period.start, end: periodEnd ?? period.end },
    // Before now, since the period may end now; and not before the provider's began, whose clock may be ahead.
    stampedAt: [justBefore(before ?? books.now), subscription?.periodStart ?? period.start].reduce(
      latest,
      period.start,
    ),
  });
}

/** Begins once something is paid (rule 26); until then it is only known. How many units the period's base is of; 0: none yet. */
function begin(books: Books, { paidUnits }: SubscriptionCommand, wanted: WantedSubscription, newId: NewId): number {
  const periodStart = wanted.period.start;
  if (paidUnits === 0 || wanted.standing === 'INCOMPLETE') {
    books.set({ subscription: ordered({ ...wanted, standing: 'INCOMPLETE', periodStart, base: null }) });
    return 0;
  }
  endPeriod(books, { end: books.now, newId });
  books.set({ subscription: ordered({ ...wanted, periodStart, base: null }) });
  beginPeriod(books, { start: books.now, end: endOf(wanted, books.now) });
  return paidUnits;
}

/** A subscription that has begun, as it is now. How many units the period's base is of; 0: none now. */
function goOn(books: Books, { paidUnits }: SubscriptionCommand, wanted: WantedSubscription, newId: NewId): number {
  const current = begun(books.account) as SubscriptionState;
  // What has begun cannot go back to never having been paid.
  const standing = wanted.standing === 'INCOMPLETE' ? 'UNPAID' : wanted.standing;
  const { status, graceEndsAt } = wanted;
  const periodStart = wanted.period.start;
  if (periodStart < current.periodStart) {
    // The account has turned and the provider had not when it was asked. How the payer stands is so already.
    books.set({ subscription: ordered({ ...current, standing, status, graceEndsAt }) });
    return 0;
  }
  const followed = ordered({ ...wanted, standing, periodStart, base: current.base });
  if (periodStart > current.periodStart) {
    endPeriod(books, { end: books.now, before: earliest(books.now, periodStart), newId });
    books.set({ subscription: followed });
    beginPeriod(books, { start: books.now, end: endOf(wanted, books.now) });
    return paidUnits > 0 || !renewsAtOnce(followed) ? paidUnits : wanted.quantity;
  }
  books.set({ subscription: followed });
  moveEnd(books, endOf(wanted, books.now));
  return paidUnits;
}

/** Ends the subscription and its period now, and with it the base credits that nobody holds (rule 13). */
function end(books: Books, newId: NewId): void {
  if (begun(books.account) === null) {
    books.set({ subscription: null });
    return;
  }
  endPeriod(books, { end: books.now, newId });
  books.set({ subscription: null });
  beginPeriod(books, { start: books.now, end: calendarMonth(books.now).end });
}

/** Of the period's own credits nothing survives it but what is held, and its overage is frozen into a report of it. */
function endPeriod(
  books: Books,
  { end: endsAt, before = endsAt, newId }: { readonly end: Date; readonly before?: Date; readonly newId: NewId },
): void {
  for (const grant of books.account.grants) {
    if (grant.state !== 'ACTIVE' || !endsWithPeriod(books.account, grant)) continue;
    const unheld = books.unheld(grant);
    // It must have taken effect before it ends.
    const expiresAt = endsAt > grant.effectiveAt ? endsAt : grant.expiresAt;
    books.expire({ ...grant, expiresAt }, unheld);
  }
  freezeOverage(books, { id: newId(), before, end: endsAt });
}

/** What is counted by periods begins again; between one subscription's end and another's beginning at once, nothing was. */
function beginPeriod(books: Books, period: Period): void {
  const isNew = period.start > books.account.period.start;
  books.set({ period, ...(isNew && { used: 0n, overage: 0n, owedThisPeriod: 0n }) });
  books.touch();
}

/** The provider moved the end of the period that runs: its credits lapse then. */
function moveEnd(books: Books, end: Date): void {
  const { period } = books.account;
  if (end.getTime() === period.end.getTime()) return;
  for (const grant of books.account.grants) {
    if (grant.state !== 'ACTIVE' || !endsWithPeriod(books.account, grant)) continue;
    if (end > grant.effectiveAt) books.putGrant({ ...grant, expiresAt: end });
  }
  books.set({ period: { start: period.start, end } });
}

/** The one grant of base credits of the period that runs (rule 25); what it would lack is not made up for later. */
function giveBase(books: Books, { units, newId }: { readonly units: number; readonly newId: NewId }): void {
  const subscription = begun(books.account);
  const { period } = books.account;
  if (subscription === null || subscription.base?.periodStart.getTime() === subscription.periodStart.getTime()) return;
  const { periodStart, plan } = subscription;
  const amount = baseCredits({ plan, quantity: units });
  if (amount <= 0n) return;
  const grantId = baseId(books.account, subscription, newId);
  // It was given before the subscription was lost, and found again: once is once.
  const isGiven = books.account.grants.some((each) => each.id === grantId);
  if (!isGiven) {
    const { end: expiresAt } = period;
    const terms = { id: grantId, source: 'SUBSCRIPTION', amount, expiresAt, reason: null } as const;
    books.putGrant(newGrant(books, terms));
    books.post({ kind: 'GRANT', amount, grantId });
  }
  books.set({ subscription: ordered({ ...subscription, base: { periodStart, grantId } }) });
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

function whatIsWrong(wanted: WantedSubscription, paidUnits: number): string | null {
  const { id, plan, quantity, period, next } = wanted;
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
function turnsBy(account: Account, wanted: WantedSubscription | null): boolean {
  const current = begun(account);
  return current === null || current.id !== wanted?.id || current.periodStart < wanted.period.start;
}

/**
 * A period ends after everything that belongs to it, also within one instant, and after the provider says that it began,
 * whose clock may be ahead: so whatever was made before the next one's start is of an earlier one.
 */
function soonestTurn(account: Account, now: Date): Date {
  const { touchedAt } = account;
  return latest(now, justAfter(latest(touchedAt, begun(account)?.periodStart ?? touchedAt)));
}

/** The end of the period as the provider says; where that is past already, the one that the anchor gives. */
function endOf({ period, anchor }: WantedSubscription, now: Date): Date {
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

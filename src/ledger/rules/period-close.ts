/**
 * Ends and beginnings of periods (rules 13, 25, 26 and 28). Whatever ends a period, its own credits expire with it, its
 * overage is frozen into a report, and everything that is counted by period begins again.
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
  isOver,
  startedSubscription,
  isSameSubscription,
  ordered,
  renewedBy,
  renewsAtOnce,
  type SubscriptionState,
  type ProviderSubscription,
} from './subscription.ts';

const LONGEST_ID = 255;

/** Ends a period at its known end. The next period is the one of this moment: periods that nobody saw are skipped. */
export function closePeriod(journal: Journal, newId: NewId): void {
  const { period } = journal.account;
  const subscription = startedSubscription(journal.account);
  const renewed = renewedAt(journal.account, journal.now);
  endPeriod(journal, { end: period.end, newId });
  if (subscription === null || renewed === null) {
    const month = calendarMonth(journal.now);
    // A subscription that has not started has no period, so it stays.
    if (subscription !== null) journal.set({ subscription: null });
    journal.beginPeriod({ start: latest(period.end, month.start), end: month.end });
    return;
  }
  const { later: _changed, ...rest } = subscription;
  const { units, period: running, ...coming } = renewed;
  journal.set({ subscription: ordered({ ...rest, ...units, ...coming, periodStart: running.start }) });
  journal.beginPeriod(running);
  if (renewsAtOnce(subscription, running.start)) grantBaseCredits(journal, { amount: baseCredits(units), newId });
}

/** The subscription in the period of this instant, which follows the one that the account has; null: it does not go on. */
function renewedAt(account: Account, now: Date): ReturnType<typeof renewedBy> {
  const subscription = startedSubscription(account);
  if (subscription === null) return null;
  const { start, end } = monthFrom(subscription.anchor, now);
  return renewedBy(subscription, { start: latest(account.period.end, start), end });
}

/**
 * Ids of the base grants that deciding now may make. Those of them that exist, in whatever state, must be loaded first: a
 * base is given once, even if a subscription is lost and found again.
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
  const renewed = account.period.end <= now ? renewedAt(account, now) : null;
  if (subscription !== null && renewed !== null) {
    bases.push(baseId(account, { id: subscription.id, periodStart: renewed.period.start }, newId));
  }
  return bases;
}

/** Makes the account follow its subscription as the provider has it (rules 13, 25 and 26). */
export function followProvider(
  account: Account,
  command: SubscriptionCommand,
  now: Date,
  { newId }: LedgerView,
): DecisionOf<SubscriptionCommand> {
  const wrong = command.providerSubscription && whatIsWrong(command.providerSubscription, command);
  if (wrong) return rejected('BAD_USER_INPUT', wrong);
  // An end that our clock has passed is one, whatever the provider's clock says.
  const isEnded = command.providerSubscription === null || isOver(command.providerSubscription, now);
  const providerSubscription = isEnded ? null : command.providerSubscription;
  const former = account.subscription;
  const journal = new Journal(
    account,
    command,
    endsPeriod(account, providerSubscription) ? earliestPeriodEnd(account, now) : now,
  );
  if (former !== null && former.id !== providerSubscription?.id) endSubscription(journal, newId);
  if (providerSubscription !== null) {
    const amount =
      startedSubscription(journal.account) === null
        ? startSubscription(journal, command, providerSubscription, newId)
        : continueSubscription(journal, command, providerSubscription, newId);
    if (amount > 0n) grantBaseCredits(journal, { amount, newId });
  }
  const { account: after } = journal;
  if (isSameSubscription(former, after.subscription) && isSamePeriod(account.period, after.period)) return Effects.none;
  journal.touch();
  return journal.close();
}

/** Freezes overage in the middle of a period, so that the provider hears of it before the period's invoice (rule 28). */
export function reportOverage(account: Account, command: ReportOverageCommand, now: Date): Effects {
  if (account.overageTotal === account.overageReported) return Effects.none;
  const journal = new Journal(account, command, now);
  freezeOverage(journal, { id: command.reportId });
  return journal.close();
}

/** Freezes overage that is in no report yet. `before` is the end of the provider's period, if that has passed. */
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
    // Before now, since the period may end now. Not before the provider's period began: its clock may be ahead.
    stampedAt: [justBefore(before ?? journal.now), subscription?.periodStart ?? period.start].reduce(
      latest,
      period.start,
    ),
  });
}

/** Starts a subscription once something is paid (rule 26); until then it is only noted. @returns base credits to give; 0: none yet */
function startSubscription(
  journal: Journal,
  command: SubscriptionCommand,
  providerSubscription: ProviderSubscription,
  newId: NewId,
): bigint {
  const started = stateOf(providerSubscription);
  if (command.paidUnits === 0 || providerSubscription.paymentStanding === 'INCOMPLETE') {
    journal.set({ subscription: ordered({ ...started, paymentStanding: 'INCOMPLETE' }) });
    return 0n;
  }
  const end = endOf(providerSubscription, journal.now);
  if (journal.account.subscription?.id === started.id) {
    // Earlier periods of it were paid for while it was only noted. What they brought goes on, with all else that it brings.
    moveCreditsOfPeriod(journal, end);
    freezeOverage(journal, { id: newId(), before: journal.now, end: journal.now });
  } else {
    endPeriod(journal, { end: journal.now, newId });
  }
  journal.set({ subscription: ordered(started) });
  journal.beginPeriod({ start: journal.now, end });
  return paidCreditsOf(command, started);
}

/** Brings a started subscription up to date. @returns base credits to give; 0: none now */
function continueSubscription(
  journal: Journal,
  command: SubscriptionCommand,
  providerSubscription: ProviderSubscription,
  newId: NewId,
): bigint {
  const current = startedSubscription(journal.account) as SubscriptionState;
  // A started subscription cannot go back to never having been paid.
  const paymentStanding =
    providerSubscription.paymentStanding === 'INCOMPLETE' ? 'UNPAID' : providerSubscription.paymentStanding;
  const followed = ordered({ ...stateOf(providerSubscription), paymentStanding, base: current.base });
  const { periodStart, status, graceEndsAt, paidUntil } = followed;
  if (periodStart < current.periodStart) {
    // The provider was asked before its next period began, the account's has begun. Only what is paid is news.
    journal.set({ subscription: ordered({ ...current, paymentStanding, status, graceEndsAt, paidUntil }) });
    return 0n;
  }
  const paid = paidCreditsOf(command, followed);
  if (periodStart > current.periodStart) {
    endPeriod(journal, { end: journal.now, before: earliest(journal.now, periodStart), newId });
    journal.set({ subscription: followed });
    journal.beginPeriod({ start: journal.now, end: endOf(providerSubscription, journal.now) });
    return paid > 0n || !renewsAtOnce(followed, periodStart) ? paid : baseCredits(followed);
  }
  journal.set({ subscription: followed });
  movePeriodEnd(journal, endOf(providerSubscription, journal.now));
  return paid;
}

/** The provider's subscription as an account keeps it that has no base of it yet. */
function stateOf({ period, paidUntil = period.end, ...subscription }: ProviderSubscription): SubscriptionState {
  return { ...subscription, periodStart: period.start, paidUntil, base: null };
}

function paidCreditsOf(
  { paidUnits: quantity, paidCredits }: SubscriptionCommand,
  { plan }: Pick<SubscriptionState, 'plan'>,
): bigint {
  return paidCredits ?? baseCredits({ plan, quantity });
}

/** Ends the subscription and its period now. Its base credits expire, unless they are held (rule 13). */
function endSubscription(journal: Journal, newId: NewId): void {
  if (startedSubscription(journal.account) === null) {
    journal.set({ subscription: null });
    return;
  }
  endPeriod(journal, { end: journal.now, newId });
  journal.set({ subscription: null });
  journal.beginPeriod({ start: journal.now, end: calendarMonth(journal.now).end });
}

/** Ends a period: its own credits expire, unless they are held, and its overage is frozen into a report. */
function endPeriod(
  journal: Journal,
  { end: endsAt, before = endsAt, newId }: { readonly end: Date; readonly before?: Date; readonly newId: NewId },
): void {
  for (const grant of journal.account.grants) {
    if (grant.state !== 'ACTIVE' || !endsWithPeriod(journal.account, grant)) continue;
    const unheld = journal.unheld(grant);
    // A grant must take effect before it expires.
    const expiresAt = endsAt > grant.effectiveAt ? endsAt : grant.expiresAt;
    journal.expire({ ...grant, expiresAt }, unheld);
  }
  freezeOverage(journal, { id: newId(), before, end: endsAt });
}

/** Follows the provider, which moved the end of the current period. The period's credits expire at the new end. */
function movePeriodEnd(journal: Journal, end: Date): void {
  const { period } = journal.account;
  if (end.getTime() === period.end.getTime()) return;
  moveCreditsOfPeriod(journal, end);
  journal.movePeriodEnd(end);
}

/** Has the period's own credits expire at this instant. */
function moveCreditsOfPeriod(journal: Journal, end: Date): void {
  for (const grant of journal.account.grants) {
    if (grant.state !== 'ACTIVE' || !endsWithPeriod(journal.account, grant)) continue;
    if (end > grant.effectiveAt) journal.putGrant({ ...grant, expiresAt: end });
  }
}

/** Gives the base credits of the current period, once (rule 25). A base that was too small is not made up for later. */
function grantBaseCredits(
  journal: Journal,
  { amount, newId }: { readonly amount: bigint; readonly newId: NewId },
): void {
  const subscription = startedSubscription(journal.account);
  const { period } = journal.account;
  if (subscription === null || subscription.base?.periodStart.getTime() === subscription.periodStart.getTime()) return;
  const { periodStart } = subscription;
  const grantId = baseId(journal.account, subscription, newId);
  // The grant exists already if the subscription was lost and found again.
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

/** The name that the id of a period's base grant is made of. */
export function nameOfBase(
  billingEntityId: string,
  { id, periodStart }: Pick<SubscriptionState, 'id' | 'periodStart'>,
): string {
  return ['base', billingEntityId, id, periodStart.toISOString()].join(' ');
}

/** Grants of the account's own subscription end with the period, also those that came back by transfer or by refund. */
function endsWithPeriod({ billingEntityId }: Account, { root, expiresAt }: Grant): boolean {
  return root.source === 'SUBSCRIPTION' && root.billingEntityId === billingEntityId && expiresAt !== null;
}

function whatIsWrong(
  providerSubscription: ProviderSubscription,
  { paidUnits, paidCredits = 0n }: Pick<SubscriptionCommand, 'paidUnits' | 'paidCredits'>,
): string | null {
  const { id, plan, quantity, period, next, later } = providerSubscription;
  if (id.length < 1 || id.length > LONGEST_ID) return 'a subscription needs an id of at most 255 characters';
  if (plan === 'FREE_TRIAL') return 'the free trial is no subscription';
  for (const units of [quantity, next?.quantity ?? 1, later?.units?.quantity ?? 1]) {
    if (!Number.isSafeInteger(units) || units < 1) return 'a subscription is of one unit or more';
  }
  if (!Number.isSafeInteger(paidUnits) || paidUnits < 0) return 'paidUnits is a whole number';
  const units = [quantity, paidUnits, next?.quantity ?? 1, later?.units?.quantity ?? 1];
  const most = baseCredits({ plan, quantity: Math.max(...units) });
  // Credits of many periods together must stay countable.
  if (paidCredits < 0n || paidCredits > most) return 'paidCredits are credits of these units';
  if (most > MAX_CREDITS / 1_000n) return 'that many units are beyond what can be counted';
  return period.start < period.end ? null : 'a period ends after it began';
}

/** Tells if following the provider ends the current period. */
function endsPeriod(account: Account, providerSubscription: ProviderSubscription | null): boolean {
  const current = startedSubscription(account);
  return (
    current === null ||
    current.id !== providerSubscription?.id ||
    current.periodStart < providerSubscription.period.start
  );
}

/**
 * A period ends after everything that belongs to it, even within one instant, so that whatever was made before the next
 * period's start belongs to an earlier one. It also ends after the provider's period began, whose clock may be ahead.
 */
function earliestPeriodEnd(account: Account, now: Date): Date {
  const { touchedAt } = account;
  return latest(now, justAfter(latest(touchedAt, startedSubscription(account)?.periodStart ?? touchedAt)));
}

/** The end of the provider's period or, if that is past, of the month that the anchor gives. */
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

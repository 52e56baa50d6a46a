/**
 * Accounts, which the rules of credits are about. The rules are pure functions of (account, command, now) in the files
 * beside this one: `decide.ts` chooses the rule, a file for each noun decides, `journal.ts` writes down. The ledger, the
 * property tests and the check of admission share them. Nothing else decides, and nothing here does I/O.
 */
import type { Resource } from '../../plans/rates.ts';
import type { AlertPreference } from './alert-preferences.ts';
import { type AlertState, NO_ALERTS } from './alert-state.ts';
import type { Balance } from './balance.ts';
import type { Grant } from './grants.ts';
import type { Reservation } from './reservations.ts';
import { calendarMonth, type Period } from './periods.ts';
import type { Carry } from './pricing.ts';
import { startedSubscription, type SubscriptionState } from './subscription.ts';

/** The account's own row. All amounts are whole credits. */
export interface AccountState {
  readonly billingEntityId: string;
  /** Credits that can be spent now (rule 7). */
  readonly available: bigint;
  /** Credits that reservations hold. */
  readonly held: bigint;
  /** Overage headroom that reservations hold besides (rule 14). */
  readonly heldOverage: bigint;
  /** Credits charged in this period, whatever they were taken from. */
  readonly used: bigint;
  /** Credits charged in this period beyond the allowance, to be billed (rule 14). */
  readonly overage: bigint;
  /** Credits charged beyond everything allowed, to be repaid first (rule 8). */
  readonly owed: bigint;
  /** The part of `owed` that this period's use left (rule 9). */
  readonly owedThisPeriod: bigint;
  readonly version: bigint;
  /** Sequence of the newest ledger entry; 0 before the first. */
  readonly sequence: bigint;
  readonly period: Period;
  readonly carries: Readonly<Partial<Record<Resource, Carry>>>;
  readonly trialGiven: boolean;
  /** null: the free trial. */
  readonly subscription: SubscriptionState | null;
  readonly overagePolicy: OveragePolicy;
  /** Overage of the account's whole life (rule 28). */
  readonly overageTotal: bigint;
  /** The part of `overageTotal` that is frozen into reports. */
  readonly overageReported: bigint;
  /**
   * Rule 12: reservations that existed when a grant expired keep its held credits. `sequence` is the entry after which
   * that happened last; `held` is the part of the credits held at that moment that is held still.
   */
  readonly expiryHold: { readonly sequence: bigint; readonly held: bigint };
  /** No running reservation ends before this instant, though the first may end after it; null: none is running. */
  readonly nextReservationAt: Date | null;
  /** Sequence of the first entry whose rows have checksums. */
  readonly checksummedFrom: bigint;
  readonly alerts: AlertState;
  /** null: the defaults (rule 29). */
  readonly alertPreferences: readonly AlertPreference[] | null;
  /** The instant of the last change. An account's time never runs backwards, whatever clocks do (rule 13). */
  readonly touchedAt: Date;
}

/** The payer's choice to let use go on beyond what is available. It counts only where the plan allows overage too (rule 14). */
export interface OveragePolicy {
  readonly enabled: boolean;
  /** Most overage credits in a period; null: no cap. */
  readonly cap: bigint | null;
}

/** An account as it stands under its lock. */
export interface Account extends AccountState {
  /** Suspended entities are refused all use, also use that comes to nothing (rule 18). */
  readonly suspended: boolean;
  /** All open grants in drawdown order, and closed grants that a command asks about. */
  readonly grants: readonly Grant[];
  /** Reservations whose time is over, and reservations that a command names. */
  readonly reservations: ReadonlyMap<string, Reservation>;
  /** No running reservation besides these ends before this instant; null: no other is running. */
  readonly otherReservationsEndAt: Date | null;
}

/**
 * The state that a command left of an account, as far as entries do not tell it. A retry by somebody who does not see the
 * account any more is answered with it (rule 20).
 */
export interface AfterCommand {
  /** Sequence of the command's last entry in this account, which has the other amounts. */
  readonly sequence: bigint;
  readonly used: bigint;
  readonly allowance: bigint;
  readonly version: bigint;
}

/** Most credits of an account. All amounts stay inside what a JSON integer carries exactly. */
export const MAX_CREDITS = BigInt(Number.MAX_SAFE_INTEGER);

/** A new account, without credits and on the free trial. */
export function newAccount(billingEntityId: string, now: Date): Account {
  return {
    billingEntityId,
    suspended: false,
    available: 0n,
    held: 0n,
    heldOverage: 0n,
    used: 0n,
    overage: 0n,
    owed: 0n,
    owedThisPeriod: 0n,
    version: 0n,
    sequence: 0n,
    period: calendarMonth(now),
    carries: {},
    trialGiven: false,
    subscription: null,
    overagePolicy: { enabled: false, cap: null },
    overageTotal: 0n,
    overageReported: 0n,
    expiryHold: { sequence: 0n, held: 0n },
    nextReservationAt: null,
    checksummedFrom: 1n,
    alerts: NO_ALERTS,
    alertPreferences: null,
    touchedAt: now,
    grants: [],
    reservations: new Map(),
    otherReservationsEndAt: null,
  };
}

/** The account's own time, which is never before its last change (rule 13). */
export function accountTime(account: Pick<AccountState, 'touchedAt'>, now: Date): Date {
  return now < account.touchedAt ? account.touchedAt : now;
}

/** The sooner of two instants; null is an instant that never comes. */
export function sooner(a: Date | null, b: Date | null): Date | null {
  if (a === null || b === null) return a ?? b;
  return b < a ? b : a;
}

/** The earliest instant at which a scheduled event may happen that readers can see, for the sweeper; null: there is none. */
export function nextEventAt(account: Account): Date | null {
  let next = account.nextReservationAt;
  // A period's end shows where its counts begin again, or where base credits expire and new ones come.
  const countsBeginAgain = account.used > 0n || account.overage > 0n || account.overageTotal > account.overageReported;
  if (countsBeginAgain || startedSubscription(account) !== null) next = sooner(next, account.period.end);
  for (const grant of account.grants) {
    if (grant.state === 'PENDING') next = sooner(next, grant.effectiveAt);
    if (grant.state === 'ACTIVE') next = sooner(next, grant.expiresAt);
  }
  return next;
}

/** The balance that readers see (rules 7 and 9). */
export function balanceOf(account: AccountState, asOf: Date): Balance {
  const allowance = allowanceOf(account);
  return {
    billingEntityId: account.billingEntityId,
    available: account.available,
    held: account.held,
    used: account.used,
    allowance,
    overage: account.overage,
    owed: account.owed,
    usedRatio: usedRatio(account.used, allowance),
    version: account.version,
    sequence: account.sequence,
    asOf,
  };
}

/** The credits that `used` is measured against (rule 9). */
export function allowanceOf(
  account: Pick<AccountState, 'available' | 'held' | 'used' | 'overage' | 'owedThisPeriod'>,
): bigint {
  const left = account.available + account.held + account.used - account.overage - account.owedThisPeriod;
  // A refund lowers `used` but not overage that is billed, and its credits may have left the account since (rule 22).
  return left > 0n ? left : 0n;
}

/** used / allowance; 0 when both are 0, 1 when only the allowance is 0. */
export function usedRatio(used: bigint, allowance: bigint): number {
  if (allowance === 0n) return used === 0n ? 0 : 1;
  return Number(used) / Number(allowance);
}

/**
 * What the rules of credits are about: an account. The rules themselves are pure functions of (account, command, now) in
 * the files beside: `decide.ts` chooses, a file for each noun decides, `journal.ts` writes down. Nothing else decides,
 * nothing there does I/O; ledger, property tests and the check of admission share them.
 */
import type { Resource } from '../../plans/rates.ts';
import type { Balance } from './balance.ts';
import type { Grant } from './grants.ts';
import type { Reservation } from './reservations.ts';
import { calendarMonth, type Period } from './periods.ts';
import type { Carry } from './pricing.ts';
import { startedSubscription, type SubscriptionState } from './subscription.ts';

/** An account's own row. */
export interface AccountState {
  readonly billingEntityId: string;
  /** Can be spent now (rule 7). */
  readonly available: bigint;
  /** Credits that holds keep. */
  readonly held: bigint;
  /** Overage headroom that holds keep besides (rule 14). */
  readonly heldOverage: bigint;
  readonly used: bigint;
  readonly overage: bigint;
  readonly owed: bigint;
  /** Of `owed`, what this period's use left (rule 9). */
  readonly owedThisPeriod: bigint;
  readonly version: bigint;
  /** Of the newest ledger entry; 0 before the first. */
  readonly sequence: bigint;
  readonly period: Period;
  readonly carries: Readonly<Partial<Record<Resource, Carry>>>;
  readonly trialGiven: boolean;
  /** null: the free trial. */
  readonly subscription: SubscriptionState | null;
  readonly overagePolicy: OveragePolicy;
  /** Overage of its whole life; of it, what has been frozen into reports (rule 28). */
  readonly overageTotal: bigint;
  readonly overageReported: bigint;
  /** The last time that holds kept something of a grant that lapsed: after which entry, and how much of what was held then still is. */
  readonly expiryHold: { readonly sequence: bigint; readonly held: bigint };
  /** No HELD hold ends before this; null: there is none. It may be earlier than the first one really ends. */
  readonly nextReservationAt: Date | null;
  /** Sequence of the first entry whose rows have checksums. */
  readonly checksummedFrom: bigint;
  /** When it last changed. The account's time never runs backwards, whatever clocks do (rule 13). */
  readonly touchedAt: Date;
}

/** Whether the payer lets use go on beyond what is available; it counts where the plan allows it, too (rule 14). */
export interface OveragePolicy {
  readonly enabled: boolean;
  /** Most overage credits a period; null: no cap. */
  readonly cap: bigint | null;
}

/** An account as it stands under its lock. */
export interface Account extends AccountState {
  /** Suspended entities are refused all use, also use that comes to nothing (rule 18). */
  readonly suspended: boolean;
  /** In drawdown order: all that are open, and closed ones that a command asks about. */
  readonly grants: readonly Grant[];
  /** Those that are due, and those that a command names. */
  readonly reservations: ReadonlyMap<string, Reservation>;
  /** No HELD hold besides these ends before this; null: there is no other. */
  readonly otherReservationsEndAt: Date | null;
}

/** What a command left of an account that no entry tells: for whoever is answered again and does not see the account any more (rule 20). */
export interface AfterCommand {
  /** Of the command's last entry in this account; it has the other amounts. */
  readonly sequence: bigint;
  readonly used: bigint;
  readonly allowance: bigint;
  readonly version: bigint;
}

/** Everything stays well inside what a JSON integer can carry exactly. */
export const MAX_CREDITS = BigInt(Number.MAX_SAFE_INTEGER);

/** An account that nothing has happened to yet. */
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
    touchedAt: now,
    grants: [],
    reservations: new Map(),
    otherReservationsEndAt: null,
  };
}

/** The account's own time: never before its last change (rule 13). */
export function accountTime(account: Pick<AccountState, 'touchedAt'>, now: Date): Date {
  return now < account.touchedAt ? account.touchedAt : now;
}

/** The sooner of two instants that may not come. */
export function sooner(a: Date | null, b: Date | null): Date | null {
  if (a === null || b === null) return a ?? b;
  return b < a ? b : a;
}

/** When the next due event may fall, for the sweeper; null: nothing will happen by itself that anybody could see. */
export function nextEventAt(account: Account): Date | null {
  let next = account.nextReservationAt;
  // A subscription's period ends with its base credits, and the next one begins with new ones.
  const turnShows = account.used > 0n || account.overage > 0n || account.overageTotal > account.overageReported;
  if (turnShows || startedSubscription(account) !== null) next = sooner(next, account.period.end);
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

/** What `used` is measured against (rule 9). */
export function allowanceOf(
  account: Pick<AccountState, 'available' | 'held' | 'used' | 'overage' | 'owedThisPeriod'>,
): bigint {
  const left = account.available + account.held + account.used - account.overage - account.owedThisPeriod;
  // A refund lowers what was used, but not overage that is billed: its credits may have left the account since (rule 22).
  return left > 0n ? left : 0n;
}

/** used / allowance; 0 when both are 0, 1 when only the allowance is 0. */
export function usedRatio(used: bigint, allowance: bigint): number {
  if (allowance === 0n) return used === 0n ? 0 : 1;
  return Number(used) / Number(allowance);
}

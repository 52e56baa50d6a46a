/**
 * Alerts (rule 29). They are compared after each step: a command, or the scheduled events of one instant. Nothing here knows
 * of batches, so how commands were folded never shows.
 */
import { type AccountState, allowanceOf } from './account.ts';
import {
  type AlertChannel,
  type AlertPreference,
  type AlertType,
  channelsOfEvent,
  DEFAULT_PREFERENCES,
  type EVENT_TYPES,
  isHeard,
  preferenceName,
  WHOLE,
} from './alert-preferences.ts';
import type { AlertState } from './alert-state.ts';
import type { Period } from './periods.ts';
import { overageCapOf } from './subscription.ts';

/** An alert as it was raised. Never changed afterwards. */
export interface Alert {
  readonly billingEntityId: string;
  /** 1, 2, 3 … without gaps within one billing entity, in the order in which they were raised. */
  readonly number: bigint;
  readonly type: AlertType;
  /** WARNING and CRITICAL: the level in thousandths of the allowance. MEMBER_LIMIT: 800 or 1000, of the member's limit. */
  readonly perMille: number | null;
  /** WARNING and CRITICAL: the credits below which available fell. */
  readonly remaining: bigint | null;
  /** A name of what is raised once. No two alerts of an account have the same. */
  readonly crossing: string;
  /** Credits used in the period, and what they are measured against, right after the step. */
  readonly used: bigint;
  readonly allowance: bigint;
  readonly available: bigint;
  /** MEMBER_LIMIT: the user, the limit, and what the user drew in the period. */
  readonly memberId: string | null;
  readonly memberLimit: bigint | null;
  readonly memberUsed: bigint | null;
  /** PAYMENT_FAILED: the payment provider's id of the invoice. */
  readonly invoiceId: string | null;
  /** true: use was refused, and nothing was charged. */
  readonly isRefusal: boolean;
  /** The channels that the preferences named then. There is one at least: what is silenced is not raised. */
  readonly channels: readonly AlertChannel[];
  /** Sequence of the account's newest ledger entry; 0: it had none. */
  readonly sequence: bigint;
  readonly periodStart: Date;
  readonly createdAt: Date;
}

/** New preferences of an account. The proof compares by those that were in force. */
export interface AlertPreferenceChange {
  readonly billingEntityId: string;
  /** 1, 2, 3 … without gaps within one billing entity. */
  readonly number: bigint;
  readonly preferences: readonly AlertPreference[];
  /** Sequence of the account's newest ledger entry; 0: it had none. */
  readonly sequence: bigint;
  /** Alerts that had been raised. */
  readonly alertsBefore: bigint;
  readonly actor: string;
  readonly createdAt: Date;
}

/** The part of an account that alerts look at. */
export type AlertedAccount = Pick<
  AccountState,
  | 'billingEntityId'
  | 'sequence'
  | 'available'
  | 'held'
  | 'used'
  | 'overage'
  | 'owedThisPeriod'
  | 'alerts'
  | 'alertPreferences'
> & {
  readonly period: Pick<Period, 'start'>;
  /** undefined: a cap is not looked at. */
  readonly overagePolicy?: AccountState['overagePolicy'];
  /** undefined: a cap for want of a payment method is not looked at. */
  readonly subscription?: AccountState['subscription'];
};

/** Use of a pool by a member who has a limit. */
export interface LimitedUse {
  readonly memberId: string;
  /** Whole credits in a period. */
  readonly limit: bigint;
  /** Credits that the member drew in the period, with this use. */
  readonly used: bigint;
  /** Alerts that were raised for the member in the period (see `UseCounter`). */
  readonly alerted: number;
}

/** A step of an account: as it was before, and as it is now. */
export interface Step {
  readonly before: AlertedAccount;
  readonly after: AlertedAccount;
  /** Use by a member who has a limit; null: there was none. */
  readonly limitedUse: LimitedUse | null;
}

/** Alerts, with what the account remembers after them. */
export interface Raised {
  readonly alerts: readonly Alert[];
  readonly state: AlertState;
}

/** Levels of a member's limit, in thousandths, with the mark that its counter keeps of each. */
const MEMBER_LEVELS = [
  { perMille: 800, mark: 1 },
  { perMille: WHOLE, mark: 2 },
] as const;

/** Raises what a step came to or passed. */
export function alertsOfStep({ before, after, limitedUse }: Step, now: Date): Raised {
  const raising = new Raising(after, now);
  const { alerts: state, period } = after;
  const hasRisen = after.available > before.available;
  if (state.isExhausted && hasRisen) {
    raising.event('RECOVERED', { onceIn: 'sequence' });
    raising.set({ isExhausted: false });
  }
  for (const preference of crossed(before, after)) raising.threshold(preference);
  if (!state.isExhausted && before.available > 0n && after.available === 0n) raising.exhausted(false);
  const overageBefore = overageCountedBefore({ before, after });
  if (overageBefore === 0n && after.overage > 0n && !isIn(period, state.overageStartedIn)) raising.overageStarted();
  const { overagePolicy, subscription = null } = after;
  const cap = overagePolicy?.enabled === true ? overageCapOf({ overagePolicy, subscription }) : null;
  if (cap !== null && after.overage >= cap) raising.capUsedUp(overageBefore);
  if (limitedUse !== null) raising.member(limitedUse);
  return raising.raised;
}

/** Raises that use was refused for want of credits or for the cap, the first time. */
export function alertsOfRefusal(account: AlertedAccount, reason: string, now: Date): Raised {
  const raising = new Raising(account, now);
  const { isExhausted, capReachedIn } = account.alerts;
  if (reason === 'INSUFFICIENT_CREDITS' && !isExhausted) raising.exhausted(true);
  if (reason === 'OVERAGE_CAP_REACHED' && !isIn(account.period, capReachedIn)) raising.capReached(true);
  return raising.raised;
}

/** Raises that a step used up the cap of overage. The caller knows that overage has come to the cap. */
export function alertsOfUsedUpCap({ before, after }: Omit<Step, 'limitedUse'>, now: Date): Raised {
  const raising = new Raising(after, now);
  raising.capUsedUp(overageCountedBefore({ before, after }));
  return raising.raised;
}

/** Raises that an invoice was not paid. The caller knows that this was not raised before. */
export function alertsOfInvoice(account: AlertedAccount, invoiceId: string, now: Date): Raised {
  const raising = new Raising(account, now);
  raising.invoice(invoiceId);
  return raising.raised;
}

/** The crossing of an invoice that was not paid. */
export function crossingOfInvoice(invoiceId: string): string {
  return `PAYMENT_FAILED ${invoiceId}`;
}

/** The marks of a member's levels that these alerts are about (see `UseCounter.alerted`). */
export function marksOf(alerts: readonly Alert[]): number {
  return MEMBER_LEVELS.reduce(
    (marks, { perMille, mark }) =>
      alerts.some((each) => each.type === 'MEMBER_LIMIT' && each.perMille === perMille) ? marks | mark : marks,
    0,
  );
}

/**
 * Preferences whose threshold was not passed before and is now: levels from the lowest, then what remains from the
 * highest, each in the order in which growing use comes to them.
 */
function crossed(before: AlertedAccount, after: AlertedAccount): readonly AlertPreference[] {
  // Use is counted from 0 in a period that has begun since.
  const perMilleBefore = before.period.start < after.period.start ? 0 : perMilleUsed(before);
  const perMilleAfter = perMilleUsed(after);
  const found = (after.alertPreferences ?? DEFAULT_PREFERENCES).filter((preference) => {
    const { perMille, remaining } = preference;
    const isCrossed =
      remaining === null
        ? perMille !== null && perMilleBefore < perMille && perMille <= perMilleAfter
        : after.available < remaining && before.available >= remaining;
    return isCrossed && isHeard(preference);
  });
  return found.length > 1 ? found.sort(byGrowingUse) : found;
}

/**
 * Whole thousandths of the allowance that are used, rounded down: a level is a whole number of them, so comparing it with
 * this is exact. The ratio is that of rule 9 where the allowance is 0. An account may have fifty levels, and each step
 * compares them all: this divides once for all of them.
 */
function perMilleUsed(account: AlertedAccount): number {
  if (account.used === 0n) return 0;
  const allowance = allowanceOf(account);
  return allowance === 0n ? WHOLE : Number((account.used * BigInt(WHOLE)) / allowance);
}

/** The overage of before a step, in the period that it ended in: a period that has begun since counts from 0. */
function overageCountedBefore({ before, after }: Omit<Step, 'limitedUse'>): bigint {
  return before.period.start < after.period.start ? 0n : before.overage;
}

function byGrowingUse(a: AlertPreference, b: AlertPreference): number {
  if (a.perMille !== null && b.perMille !== null) return a.perMille - b.perMille || bySeverity(a, b);
  if (a.remaining !== null && b.remaining !== null) return Number(b.remaining - a.remaining) || bySeverity(a, b);
  return a.perMille === null ? 1 : -1;
}

function bySeverity(a: AlertPreference, b: AlertPreference): number {
  return a.type === b.type ? 0 : a.type === 'WARNING' ? -1 : 1;
}

function isIn({ start }: AlertedAccount['period'], periodStart: Date | null): boolean {
  return periodStart !== null && periodStart.getTime() === start.getTime();
}

type Details = Pick<Alert, 'type' | 'crossing' | 'channels'> & Partial<Alert>;

/** Alerts of one account while they are raised: each with the next number. */
class Raising {
  readonly #account: AlertedAccount;
  readonly #now: Date;
  readonly #alerts: Alert[] = [];
  #state: AlertState;

  constructor(account: AlertedAccount, now: Date) {
    this.#account = account;
    this.#now = now;
    this.#state = account.alerts;
  }

  get raised(): Raised {
    return { alerts: this.#alerts, state: this.#state };
  }

  set(changes: Partial<AlertState>): void {
    this.#state = { ...this.#state, ...changes };
  }

  threshold(preference: AlertPreference): void {
    const { type, perMille, remaining, channels } = preference;
    const crossing = `${preferenceName(preference)} at ${this.#account.sequence}`;
    this.#raise({ type, perMille, remaining, channels, crossing });
  }

  exhausted(isRefusal: boolean): void {
    if (this.event('EXHAUSTED', { onceIn: 'sequence', isRefusal })) this.set({ isExhausted: true });
  }

  overageStarted(): void {
    if (this.event('OVERAGE_STARTED', { onceIn: 'period' })) {
      this.set({ overageStartedIn: this.#account.period.start });
    }
  }

  /** Only overage that grows uses a cap up: one that is set below what was used already does not. */
  capUsedUp(overageBefore: bigint): void {
    const { overage, period, alerts } = this.#account;
    if (overage > overageBefore && !isIn(period, alerts.capReachedIn)) this.capReached(false);
  }

  capReached(isRefusal: boolean): void {
    if (this.event('OVERAGE_CAP_REACHED', { onceIn: 'period', isRefusal })) {
      this.set({ capReachedIn: this.#account.period.start });
    }
  }

  invoice(invoiceId: string): void {
    const channels = channelsOfEvent(this.#account.alertPreferences, 'PAYMENT_FAILED');
    if (channels === null) return;
    this.#raise({ type: 'PAYMENT_FAILED', channels, invoiceId, crossing: crossingOfInvoice(invoiceId) });
  }

  member({ memberId, limit, used, alerted }: LimitedUse): void {
    const channels = channelsOfEvent(this.#account.alertPreferences, 'MEMBER_LIMIT');
    if (channels === null) return;
    const { start } = this.#account.period;
    for (const { perMille, mark } of MEMBER_LEVELS) {
      if ((alerted & mark) !== 0 || used * BigInt(WHOLE) < BigInt(perMille) * limit) continue;
      const crossing = `MEMBER_LIMIT ${perMille / WHOLE} of ${memberId} in ${start.toISOString()}`;
      const member = { memberId, memberLimit: limit, memberUsed: used };
      this.#raise({ type: 'MEMBER_LIMIT', perMille, channels, crossing, ...member });
    }
  }

  /** Raises an event that is no threshold. @returns false: it is silenced */
  event(
    type: Exclude<(typeof EVENT_TYPES)[number], 'MEMBER_LIMIT' | 'PAYMENT_FAILED'>,
    { onceIn, isRefusal = false }: { readonly onceIn: 'sequence' | 'period'; readonly isRefusal?: boolean },
  ): boolean {
    const { alertPreferences, sequence, period } = this.#account;
    const channels = channelsOfEvent(alertPreferences, type);
    if (channels === null) return false;
    const place = onceIn === 'sequence' ? `at ${sequence}` : `in ${period.start.toISOString()}`;
    this.#raise({ type, channels, isRefusal, crossing: `${type} ${place}` });
    return true;
  }

  #raise(details: Details): void {
    const { billingEntityId, used, available, sequence, period } = this.#account;
    const number = this.#state.raised + 1n;
    this.set({ raised: number });
    this.#alerts.push({
      perMille: null,
      remaining: null,
      memberId: null,
      memberLimit: null,
      memberUsed: null,
      invoiceId: null,
      isRefusal: false,
      ...details,
      billingEntityId,
      number,
      used,
      allowance: allowanceOf(this.#account),
      available,
      sequence,
      periodStart: period.start,
      createdAt: this.#now,
    });
  }
}

/**
 * A second, naive watch over an account: it looks at the state after each step, and keeps for each threshold if it is armed.
 * What the pure core raises is held against it.
 */
import type { AlertPreference, AlertType } from '../../../src/ledger/rules/alert-preferences.ts';

/** The state after a step, as a reader sees it. */
export interface Seen {
  readonly available: bigint;
  readonly used: bigint;
  readonly allowance: bigint;
  readonly overage: bigint;
  readonly periodStart: Date;
  /** null: overage is not enabled, or has no cap. */
  readonly cap: bigint | null;
}

export interface RaisedAlert {
  readonly type: AlertType;
  /** The level, what remains, the member with their level, or the invoice. */
  readonly of: string;
}

const DEFAULTS: readonly AlertPreference[] = [
  { type: 'WARNING', perMille: 800, remaining: null, channels: ['IN_APP', 'EMAIL'], enabled: true },
  { type: 'CRITICAL', perMille: 950, remaining: null, channels: ['IN_APP', 'EMAIL'], enabled: true },
];

export class AlertModel {
  readonly raised: RaisedAlert[] = [];
  #preferences = DEFAULTS;
  /** By the index of the preference. */
  #isArmed: boolean[] = [true, true];
  #last: Seen;
  #isExhausted = false;
  /** Everything that was raised once in a period or once for an invoice. */
  readonly #once = new Set<string>();

  constructor(first: Seen) {
    this.#last = first;
  }

  set(preferences: readonly AlertPreference[]): void {
    this.#preferences = preferences;
    this.#isArmed = preferences.map((each) => !isPassed(each, this.#last));
  }

  /** Looks at the account after a step. */
  step(now: Seen): void {
    const before = this.#last;
    this.#last = now;
    if (this.#isExhausted && now.available > before.available) {
      this.#isExhausted = false;
      this.#raise('RECOVERED');
    }
    const passed = this.#preferences.map((each) => isPassed(each, now));
    const fired = this.#preferences.filter((_, index) => passed[index] === true && this.#isArmed[index] === true);
    this.#isArmed = passed.map((isNow) => !isNow);
    // Of one threshold the warning comes before the critical one.
    fired.sort((a, b) => (a.type < b.type ? 1 : a.type > b.type ? -1 : 0));
    const inOrder = [
      ...fired.filter(({ perMille }) => perMille !== null).sort((a, b) => (a.perMille ?? 0) - (b.perMille ?? 0)),
      ...fired.filter(({ remaining }) => remaining !== null).sort((a, b) => Number(b.remaining) - Number(a.remaining)),
    ];
    for (const { type, perMille, remaining, enabled, channels } of inOrder) {
      const of = perMille === null ? `-${remaining}` : `${perMille}`;
      if (enabled && channels.length > 0) this.raised.push({ type, of });
    }
    if (before.available > 0n && now.available === 0n) this.#exhausted();
    const isNewPeriod = now.periodStart > before.periodStart;
    const overageBefore = isNewPeriod ? 0n : before.overage;
    const period = now.periodStart.toISOString();
    if (overageBefore === 0n && now.overage > 0n) this.#onceOnly('OVERAGE_STARTED', period);
    if (now.overage > overageBefore && now.cap !== null && now.overage >= now.cap) {
      this.#onceOnly('OVERAGE_CAP_REACHED', period);
    }
  }

  /** Use was refused. */
  refused(reason: string): void {
    if (reason === 'INSUFFICIENT_CREDITS') this.#exhausted();
    if (reason === 'OVERAGE_CAP_REACHED') this.#onceOnly('OVERAGE_CAP_REACHED', this.#last.periodStart.toISOString());
  }

  /** A member with a limit has used the pool. */
  memberUsed(member: string, drawn: bigint, limit: bigint): void {
    for (const percent of [80n, 100n]) {
      if (drawn * 100n < limit * percent) continue;
      this.#onceOnly('MEMBER_LIMIT', this.#last.periodStart.toISOString(), `${member} ${percent}`);
    }
  }

  invoiceFailed(id: string): void {
    this.#onceOnly('PAYMENT_FAILED', 'ever', id);
  }

  #exhausted(): void {
    if (this.#isExhausted || !this.#hears('EXHAUSTED')) return;
    this.#isExhausted = true;
    this.#raise('EXHAUSTED');
  }

  #onceOnly(type: AlertType, within: string, of = ''): void {
    const name = `${type} ${within} ${of}`;
    if (this.#once.has(name) || !this.#hears(type)) return;
    this.#once.add(name);
    this.#raise(type, of);
  }

  #raise(type: AlertType, of = ''): void {
    if (this.#hears(type)) this.raised.push({ type, of });
  }

  #hears(type: AlertType): boolean {
    const named = this.#preferences.find((each) => each.type === type);
    return named === undefined || (named.enabled && named.channels.length > 0);
  }
}

function isPassed({ perMille, remaining }: AlertPreference, { available, used, allowance }: Seen): boolean {
  if (remaining !== null) return available < remaining;
  if (perMille === null) return false;
  // usedRatio: 0 when both are 0, 1 when only the allowance is 0.
  const [numerator, denominator] = allowance === 0n ? [used === 0n ? 0n : 1n, 1n] : [used, allowance];
  return numerator * 1_000n >= BigInt(perMille) * denominator;
}

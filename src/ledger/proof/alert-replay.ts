import { type AlertPreference, WHOLE } from '../rules/alert-preferences.ts';
import { type AlertState, NO_ALERTS } from '../rules/alert-state.ts';
import {
  type Alert,
  type AlertedAccount,
  type AlertPreferenceChange,
  alertsOfInvoice,
  alertsOfRefusal,
  alertsOfStep,
  alertsOfUsedUpCap,
  marksOf,
  type Raised,
} from '../rules/alerts.ts';
import type { AccountState } from '../rules/account.ts';
import type { Entry } from '../rules/entries.ts';
import type { CounterReplay } from './counter-replay.ts';
import { type Findings, instant, type Stored } from './findings.ts';

/** The account after an entry, as the ledger has it. */
export type Rebuilt = Omit<AlertedAccount, 'alerts' | 'alertPreferences' | 'overagePolicy' | 'subscription'>;

/**
 * Raises the alerts anew, step by step, and holds the stored ones against them (rule 29). What the ledger does not tell is
 * taken from the alert: that use was refused, that an invoice was not paid, the cap and the member's limit of then. All else
 * of such an alert must follow. A step of a release before alerts raises none.
 */
export class AlertReplay {
  readonly #findings: Findings;
  readonly #counters: CounterReplay;
  #state: AlertState = NO_ALERTS;
  #preferences: readonly AlertPreference[] | null = null;
  /** The account as the current step found it; null: the first step has not ended. */
  #before: Rebuilt | null = null;
  #alerts: readonly Stored<Alert>[] = [];
  #changes: readonly Stored<AlertPreferenceChange>[] = [];
  #isStepOpen = false;

  constructor(findings: Findings, counters: CounterReplay) {
    this.#findings = findings;
    this.#counters = counters;
  }

  /** Takes the next alerts and preferences, in order: all that belong to entries which come before those of the next call. */
  rows(alerts: readonly Stored<Alert>[], changes: readonly Stored<AlertPreferenceChange>[]): void {
    this.#alerts = [...this.#alerts, ...alerts];
    this.#changes = [...this.#changes, ...changes];
  }

  /** Takes an entry, after which the account is as it is given. */
  entry(entry: Entry, after: Rebuilt): void {
    this.#before ??= unused(after.billingEntityId);
    // Use that was refused before the first entry, and preferences that were set before it.
    if (entry.sequence === 1n) this.#besideSteps(this.#before);
    this.#isStepOpen = entry.step === 'GOES_ON';
    if (this.#isStepOpen) return;
    const atEnd = entry.step === 'TURNS' ? inPeriod(after, this.#nextPeriodStart(after)) : after;
    if (entry.step !== null) this.#step(this.#before, atEnd, entry);
    this.#besideSteps(atEnd);
    this.#before = atEnd;
  }

  /** The start of a period that began after the last entry. Only an alert that was raised in it tells, and only then it matters. */
  #nextPeriodStart({ sequence, period }: Rebuilt): Date {
    const [next] = this.#alerts;
    if (next?.row.sequence === sequence && next.row.periodStart > period.start) return next.row.periodStart;
    return new Date(period.start.getTime() + 1);
  }

  /** A period has begun: use is counted from 0 (rule 13). */
  beginPeriod(start: Date): void {
    if (this.#before !== null) this.#before = inPeriod(this.#before, start);
  }

  /** Holds what is left of the stored rows against what was rebuilt. */
  finish(account: AccountState): void {
    if (this.#isStepOpen) this.#findings.problem(`entry ${account.sequence}: its step does not end`);
    this.#besideSteps(this.#before ?? unused(account.billingEntityId));
    for (const { row } of this.#alerts) {
      this.#findings.problem(`alert ${row.number}: the ledger has no entry ${row.sequence} in its place`);
    }
    for (const { row } of this.#changes) {
      this.#findings.problem(`preferences ${row.number}: the ledger has no entry ${row.sequence} in their place`);
    }
    const { raised, changes, isExhausted, overageStartedIn, capReachedIn } = account.alerts;
    this.#findings.expect('account: alerts raised', raised, this.#state.raised);
    this.#findings.expect('account: preferences set', changes, this.#state.changes);
    this.#findings.expect('account: exhausted', `${isExhausted}`, `${this.#state.isExhausted}`);
    const { overageStartedIn: started, capReachedIn: reached } = this.#state;
    this.#findings.expect('account: overage alert', instant(overageStartedIn), instant(started));
    this.#findings.expect('account: overage cap alert', instant(capReachedIn), instant(reached));
    this.#findings.expect('account: preferences', spelled(account.alertPreferences), spelled(this.#preferences));
  }

  /** Expects the alerts of a step, which come first among those of its last entry. */
  #step(before: Rebuilt, after: Rebuilt, { createdAt }: Entry): void {
    this.#setPreferences(({ sequence }) => sequence < after.sequence);
    const step = { before: this.#alerted(before), after: this.#alerted(after), limitedUse: null };
    const raised = alertsOfStep(step, createdAt);
    for (const expected of raised.alerts) {
      const [next] = this.#alerts;
      if (next?.row.sequence !== after.sequence) {
        this.#findings.problem(`entry ${after.sequence}: its ${expected.crossing} was not raised`);
        continue;
      }
      this.#compare(next, expected);
      this.#alerts = this.#alerts.slice(1);
    }
    this.#state = raised.state;
    // Only growing overage uses a cap up, and only use draws on a member's limit: both stand behind the others.
    this.#ofStep(before, after);
  }

  #ofStep(before: Rebuilt, after: Rebuilt): void {
    for (let [next] = this.#alerts; next?.row.sequence === after.sequence; [next] = this.#alerts) {
      const { row } = next;
      const view = this.#alerted(after);
      let raised: Raised | null = null;
      if (row.type === 'OVERAGE_CAP_REACHED' && !row.isRefusal) {
        raised = alertsOfUsedUpCap({ before: this.#alerted(before), after: view }, row.createdAt);
      } else if (row.type === 'MEMBER_LIMIT') raised = this.#ofMember(row, view);
      if (raised === null) return;
      this.#take(next, raised);
    }
  }

  #ofMember(row: Alert, view: AlertedAccount): Raised {
    const { memberId, memberLimit } = row;
    if (memberId === null || memberLimit === null) return { alerts: [], state: view.alerts };
    const counter = this.#counters.ofMember(row.billingEntityId, memberId, view.period.start);
    const limitedUse = { memberId, limit: memberLimit, ...counter };
    const { alerts } = alertsOfStep({ before: view, after: view, limitedUse }, row.createdAt);
    // Of two at once each has a row of its own.
    return { alerts: alerts.slice(0, 1), state: { ...view.alerts, raised: view.alerts.raised + 1n } };
  }

  /** Takes what was raised or set while the ledger stood at an entry: refused use, unpaid invoices, preferences. */
  #besideSteps(after: Rebuilt): void {
    for (let [next] = this.#alerts; next?.row.sequence === after.sequence; [next] = this.#alerts) {
      const { row } = next;
      this.#setPreferences(({ sequence, alertsBefore }) => sequence <= after.sequence && alertsBefore < row.number);
      const view = this.#alerted(inPeriod(after, row.periodStart));
      const reason = row.type === 'EXHAUSTED' ? 'INSUFFICIENT_CREDITS' : row.type;
      if (row.invoiceId !== null) this.#take(next, alertsOfInvoice(view, row.invoiceId, row.createdAt));
      else this.#take(next, alertsOfRefusal(view, reason, row.createdAt));
    }
    this.#setPreferences(({ sequence, alertsBefore }) => {
      return sequence <= after.sequence && alertsBefore <= this.#state.raised;
    });
  }

  /** Takes an alert off the rows, and holds it against the one that is expected in its place. */
  #take(stored: Stored<Alert>, { alerts, state }: Raised): void {
    const [expected] = alerts;
    this.#alerts = this.#alerts.slice(1);
    if (expected === undefined) {
      this.#findings.problem(`alert ${stored.row.number}: nothing raised its ${stored.row.crossing}`);
      this.#state = { ...this.#state, raised: this.#state.raised + 1n };
      return;
    }
    this.#compare(stored, expected);
    this.#state = state;
    if (expected.memberId !== null) this.#counters.alerted(expected, marksOf(alerts));
  }

  #compare(stored: Stored<Alert>, expected: Alert): void {
    const name = `alert ${stored.row.number}`;
    this.#findings.intact(name, stored, stored.row.sequence);
    for (const property of Object.keys(expected) as (keyof Alert)[]) {
      this.#findings.expect(`${name}: ${property}`, shown(stored.row[property]), shown(expected[property]));
    }
  }

  #setPreferences(isInForce: (change: AlertPreferenceChange) => boolean): void {
    for (let [next] = this.#changes; next !== undefined && isInForce(next.row); [next] = this.#changes) {
      this.#changes = this.#changes.slice(1);
      const { number, preferences, alertsBefore, sequence } = next.row;
      const changes = this.#state.changes + 1n;
      this.#findings.intact(`preferences ${number}`, next, sequence);
      this.#findings.expect(`preferences ${number}: number`, number, changes);
      if (alertsBefore > this.#state.raised) {
        this.#findings.problem(`preferences ${number}: alerts before them are missing`);
      }
      this.#preferences = preferences;
      this.#state = { ...this.#state, changes };
    }
  }

  #alerted(account: Rebuilt): AlertedAccount {
    return { ...account, alerts: this.#state, alertPreferences: this.#preferences };
  }
}

/** An account without entries, before any period: which one it was in when something was refused, only the alert tells. */
function unused(billingEntityId: string): Rebuilt {
  const nothing = { available: 0n, held: 0n, used: 0n, overage: 0n, owedThisPeriod: 0n };
  return { billingEntityId, sequence: 0n, ...nothing, period: { start: new Date(0) } };
}

/** The account in a period that has begun since, if it has. */
function inPeriod(account: Rebuilt, start: Date): Rebuilt {
  if (start <= account.period.start) return account;
  return { ...account, period: { start }, used: 0n, overage: 0n, owedThisPeriod: 0n };
}

function spelled(preferences: readonly AlertPreference[] | null): string {
  if (preferences === null) return 'the defaults';
  return preferences
    .map(({ type, perMille, remaining, channels, enabled }) => {
      const threshold = perMille === null ? `${remaining ?? ''}` : `${perMille / WHOLE}`;
      return [type, threshold, channels.join('+'), enabled ? 'on' : 'off'].join(' ');
    })
    .join(', ');
}

function shown(value: Alert[keyof Alert]): string {
  return value instanceof Date ? instant(value) : Array.isArray(value) ? value.join(', ') : String(value);
}

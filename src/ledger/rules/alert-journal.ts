import type { Account } from './account.ts';
import type { AlertPreference } from './alert-preferences.ts';
import {
  type Alert,
  type AlertPreferenceChange,
  alertsOfInvoice,
  alertsOfRefusal,
  alertsOfStep,
  type LimitedUse,
  marksOf,
  type Raised,
} from './alerts.ts';
import type { Entry } from './entries.ts';
import type { RefusalReason } from './refusals.ts';
import type { CounterChange } from './spend-limits.ts';

/** The same, while it is written. */
export type Writable<T> = { -readonly [Key in keyof T]: T[Key] };

/** The alerts of one journal: what its steps come to, and what is told besides (rule 29). */
export class AlertJournal {
  readonly raised: Alert[] = [];
  readonly preferenceChanges: AlertPreferenceChange[] = [];
  /** Marks that counters keep of the levels of members' limits. */
  readonly marks: CounterChange[] = [];
  readonly #draft: Writable<Account>;
  readonly #cause: { readonly actor: string; readonly now: Date };
  /** The account as the current step found it, and the number of entries then. */
  #before: Account;
  #from = 0;
  #limitedUse: LimitedUse | null = null;

  /** @param draft the account as the journal changes it; alerts change nothing of it but what concerns them, and its time */
  constructor(account: Account, draft: Writable<Account>, cause: { readonly actor: string; readonly now: Date }) {
    this.#before = account;
    this.#draft = draft;
    this.#cause = cause;
  }

  /** Ends a step and begins the next one. `entries`: all that the journal has. */
  endStep(entries: readonly Writable<Entry>[]): void {
    this.compare(entries);
    this.#before = { ...this.#draft };
    this.#from = entries.length;
    this.#limitedUse = null;
  }

  /** Ends the last step: marks its last entry, and raises what the step came to or passed. */
  compare(entries: readonly Writable<Entry>[]): void {
    const last = entries.at(-1);
    if (last !== undefined && entries.length > this.#from) {
      last.step = last.periodStart < this.#draft.period.start ? 'TURNS' : 'ENDS';
    }
    const step = { before: this.#before, after: this.#draft, limitedUse: this.#limitedUse };
    this.#raise(alertsOfStep(step, this.#cause.now));
  }

  /** Notes use that a member's limit counts, so that it is compared when the step ends. */
  countAgainstLimit(use: LimitedUse): void {
    this.#limitedUse = use;
  }

  /** Raises that use was refused, where that was not raised yet. @returns false: there is nothing to raise */
  useRefused(reason: RefusalReason): boolean {
    this.#raise(alertsOfRefusal(this.#draft, reason, this.#cause.now));
    return this.raised.length > 0;
  }

  /** Raises that an invoice was not paid. */
  invoiceFailed(invoiceId: string): void {
    this.#raise(alertsOfInvoice(this.#draft, invoiceId, this.#cause.now));
  }

  /** Sets preferences, and keeps when they came into force. */
  setPreferences(preferences: readonly AlertPreference[]): void {
    const { billingEntityId, sequence, alerts } = this.#draft;
    const { actor, now: createdAt } = this.#cause;
    const number = alerts.changes + 1n;
    const place = { sequence, alertsBefore: alerts.raised, createdAt };
    this.preferenceChanges.push({ billingEntityId, number, preferences, actor, ...place });
    this.#draft.alerts = { ...alerts, changes: number };
    this.#draft.alertPreferences = preferences;
    this.#draft.touchedAt = createdAt;
  }

  #raise({ alerts, state }: Raised): void {
    const draft = this.#draft;
    draft.alerts = state;
    if (alerts.length === 0) return;
    this.raised.push(...alerts);
    // No balance changes, so readers need not notice it. But the account's time goes on.
    draft.touchedAt = this.#cause.now;
    const alerted = marksOf(alerts);
    const memberId = this.#limitedUse?.memberId;
    if (alerted === 0 || memberId === undefined) return;
    const key = { billingEntityId: draft.billingEntityId, scope: 'MEMBER', subjectId: memberId } as const;
    this.marks.push({ ...key, periodStart: draft.period.start, used: 0n, held: 0n, alerted });
  }
}

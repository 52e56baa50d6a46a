/** Effects of a change. This file owns the list of the kinds of rows that a change can write. */
import type { Account } from './account.ts';
import type { Alert, AlertPreferenceChange } from './alerts.ts';
import type { DeliveredReport, Entry, MeterReport, UsageRecord, UsageRefund } from './entries.ts';
import type { RefundedUse } from './rollup.ts';
import type { Grant } from './grants.ts';
import type { Reservation } from './reservations.ts';
import type { CounterChange } from './spend-limits.ts';

/** Rows of every kind, to be appended or updated. */
interface Rows {
  readonly entries: readonly Entry[];
  readonly records: readonly UsageRecord[];
  /** Grants that were made or changed, as they are after it. */
  readonly grants: readonly Grant[];
  /** Reservations that were made or changed, as they are after it. */
  readonly reservations: readonly Reservation[];
  readonly refunds: readonly UsageRefund[];
  /** Use whose refund lowers the summaries (rule 22). */
  readonly refundedUse: readonly RefundedUse[];
  readonly counters: readonly CounterChange[];
  /** Reports that are frozen now. */
  readonly reports: readonly MeterReport[];
  /** Reports of which something new is known, as they are now. */
  readonly deliveries: readonly DeliveredReport[];
  readonly alerts: readonly Alert[];
  readonly preferenceChanges: readonly AlertPreferenceChange[];
}

/** An applied change: the accounts after it, and its rows. */
export interface Effects extends Rows {
  readonly kind: 'applied';
  /** Accounts that changed, as they are after it. */
  readonly accounts: readonly Account[];
}

const NO_ROWS: Rows = {
  entries: [],
  records: [],
  grants: [],
  reservations: [],
  refunds: [],
  refundedUse: [],
  counters: [],
  reports: [],
  deliveries: [],
  alerts: [],
  preferenceChanges: [],
};

export const Effects = {
  /** The effects of a command that finds everything already as it asks. */
  none: { kind: 'applied', accounts: [], ...NO_ROWS } satisfies Effects as Effects,

  /** Joins changes that were made one after the other. Of an account that several of them changed, the last state counts. */
  merge(...parts: readonly Effects[]): Effects {
    const [only] = parts;
    if (parts.length === 1 && only !== undefined) return only;
    const accounts = new Map<string, Account>();
    for (const part of parts) for (const account of part.accounts) accounts.set(account.billingEntityId, account);
    const rows = Object.fromEntries(
      (Object.keys(NO_ROWS) as (keyof Rows)[]).map((kind) => [
        kind,
        parts.flatMap((part): readonly unknown[] => part[kind]),
      ]),
    ) as unknown as Rows;
    return { kind: 'applied', accounts: [...accounts.values()], ...rows };
  },
};

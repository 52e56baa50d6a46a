/** The view of the ledger that a decision may look at. */
import type { Account } from './account.ts';
import type { DeliveredReport, RecordKey, UsageRecord } from './entries.ts';
import type { NamedModels, PersonDay } from './model-names.ts';
import type { ChargedUse, UsageContext } from './usage-context.ts';

/** The state that a command is decided on, as it is under the locks. */
export interface LedgerView {
  /** The clock's reading for the whole transaction. It may be behind an account's own time (`accountTime`). */
  readonly wallClock: Date;
  /** An account that the command touches, with all scheduled events applied; undefined: there is none. */
  readonly account: (billingEntityId: string) => Account | undefined;
  readonly refundEvidence: (billingEntityId: string, record: RecordKey) => RefundEvidence | undefined;
  /** Accounts to which this account has transferred credits of this root. */
  readonly recipients: (billingEntityId: string, rootGrantId: string) => readonly string[];
  /** A report that the command names; undefined: the account has none with this id. */
  readonly report: (billingEntityId: string, id: string) => StoredReport | undefined;
  /** Tells if the account has an alert of this crossing. Only crossings that commands name are known. */
  readonly isRaised: (billingEntityId: string, crossing: string) => boolean;
  readonly usageContext: (use: ChargedUse) => UsageContext;
  /** The models that the sums of a person's day have by name. */
  readonly namedModels: (day: PersonDay) => NamedModels;
  readonly newId: NewId;
}

/** A record that is to be refunded, and what decides how. */
export interface RefundEvidence {
  readonly record: UsageRecord;
  /** Start of the period in which it was recorded. */
  readonly periodStart: Date;
  /** Credits that parts of it gave back. null: none was given back, not even the nothing that a record of 0 credits charged. */
  readonly refundedCredits: bigint | null;
}

/** A report as it stands under its lock. */
export interface StoredReport {
  readonly report: DeliveredReport;
  /** false: somebody altered it behind the ledger's back, and its checksum tells. */
  readonly isIntact: boolean;
}

/** Makes the id of a further grant or report. The same name always gives the same id; without a name the id is new. */
export type NewId = (name?: string) => string;

/** Rows that commands append: entries of the ledger, usage records, refunds and overage reports (rules 6, 10 and 28). */
import type { Rate, Resource } from '../../plans/rates.ts';
import type { AfterCommand } from './account.ts';
import type { BillingMode, UsedBy } from './attribution.ts';
import type { Draw } from './grants.ts';
import type { Period } from './periods.ts';
import type { Carry } from './pricing.ts';

export type EntryKind =
  | 'GRANT'
  | 'CONSUMPTION'
  | 'OVERAGE'
  | 'HOLD'
  | 'RELEASE'
  | 'EXPIRY'
  | 'REFUND'
  | 'ADJUSTMENT'
  | 'TRANSFER_IN'
  | 'TRANSFER_OUT'
  | 'CLAWBACK'
  | 'REPAYMENT';

/** One line of the ledger: the changes, and the values after them (rule 10). All amounts are whole credits. */
export interface Entry {
  readonly billingEntityId: string;
  readonly sequence: bigint;
  readonly kind: EntryKind;
  /** Change of available. */
  readonly amount: bigint;
  readonly availableAfter: bigint;
  readonly heldChange: bigint;
  readonly heldAfter: bigint;
  readonly overageChange: bigint;
  readonly overageAfter: bigint;
  readonly owedChange: bigint;
  readonly owedAfter: bigint;
  readonly grantId: string | null;
  readonly reservationId: string | null;
  /** The account on the other side of a TRANSFER_IN or TRANSFER_OUT. */
  readonly counterpartyId: string | null;
  /** The usage record that a REFUND gives back. */
  readonly refunded: RecordKey | null;
  /** Draws of credits that left grants other than by use. Draws of use stand on its usage records. */
  readonly draws: readonly Draw[] | null;
  readonly actor: string;
  readonly reason: string | null;
  /** The key of the command, on its first entry (rule 20). */
  readonly idempotency: Idempotency | null;
  /** The state after the whole command, beside a key. null: there is no key, or the entry is older than this column. */
  readonly afterCommand: AfterCommand | null;
  /** The place of the entry in its step. null: the entry is older than alerts. */
  readonly step: StepMark | null;
  /** Start of the account's period in which it was written. */
  readonly periodStart: Date;
  readonly createdAt: Date;
}

/**
 * Alerts are compared after each step, which is a command or the scheduled events of one instant (rule 29). GOES_ON: entries
 * of the same step follow. ENDS: the last entry of its step. TURNS: the last one, and then a period began in the same step.
 */
export type StepMark = 'GOES_ON' | 'ENDS' | 'TURNS';

/** An idempotency key, and a digest of everything in which commands with that key must agree (rule 20). */
export interface Idempotency {
  readonly key: string;
  readonly fingerprint: Buffer;
}

/** Names a usage record within its account. */
export interface RecordKey {
  /** Sequence of its CONSUMPTION entry. */
  readonly sequence: bigint;
  readonly line: number;
}

/** One charged line of use. */
export interface UsageRecord extends RecordKey, UsedBy {
  readonly billingEntityId: string;
  readonly billingMode: BillingMode;
  readonly feature: string | null;
  readonly resource: Resource;
  readonly quantity: bigint;
  readonly credits: bigint;
  /** The part of `credits` beyond the allowance, which is billed. */
  readonly overage: bigint;
  /** The part of `credits` beyond everything allowed (rule 16). */
  readonly owed: bigint;
  readonly rate: Rate;
  readonly carriedBefore: Carry;
  readonly carriedAfter: Carry;
  readonly draws: readonly Draw[];
  readonly metadata: Readonly<Record<string, unknown>> | null;
  readonly occurredAt: Date;
  readonly recordedAt: Date;
  /** What did the work, such as a model's name; null: it was not named. */
  readonly model: string | null;
  /** true: sums have it among the further models of its day, and not under its name (`model-names.ts`). */
  readonly modelFolded: boolean;
}

/** The refund of a usage record, or of a part of its charge (rule 22). */
export interface UsageRefund extends RecordKey {
  readonly billingEntityId: string;
  readonly refundedAt: Date;
  /** Sequence of its first REFUND entry. */
  readonly refundSequence: bigint;
  /** Whole credits. null: all that the record charged, in a row that is older than this column. */
  readonly credits: bigint | null;
  /** Credits of the record that earlier parts gave back. This part goes on from there. */
  readonly creditsBefore: bigint;
}

/** A part of a record's charge, by where it was taken from. All amounts are whole credits. */
export interface ChargePart {
  readonly credits: bigint;
  readonly owed: bigint;
  readonly overage: bigint;
  /** In the order in which they were drawn. */
  readonly draws: readonly Draw[];
}

/** The delivery of a report: SENT to the meter, or BILLED by an invoice item after its period's invoice was final. */
export interface Delivery {
  readonly state: 'PENDING' | 'SENT' | 'FAILED' | 'BILLED';
  readonly attempts: number;
  /** The last thing that went wrong. */
  readonly error: string | null;
  /** null: neither SENT nor BILLED. */
  readonly sentAt: Date | null;
}

/** A report with what became of it. */
export type DeliveredReport = MeterReport & Delivery;

/** Overage to be billed, frozen with the instant at which the provider must count it (rule 28). */
export interface MeterReport {
  readonly billingEntityId: string;
  readonly id: string;
  /** The subscription in whose period it was used; null: it was used after the subscription, on reservations made before its end. */
  readonly subscriptionId: string | null;
  readonly credits: bigint;
  /** The account's period in which it was used. */
  readonly period: Period;
  /** Lies in that period. */
  readonly stampedAt: Date;
  readonly createdAt: Date;
}

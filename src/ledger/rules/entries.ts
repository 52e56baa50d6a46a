/** What a command writes down: entries of the ledger, records of use, refunds, reports of overage (rules 6, 10 and 28). */
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

/** One line of the ledger: what changed and what stood after it (rule 10). */
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
  /** TRANSFER_IN and TRANSFER_OUT: the account on the other side. */
  readonly counterpartyId: string | null;
  /** REFUND: the usage record that was refunded. */
  readonly refunded: RecordKey | null;
  /** Where credits left grants other than by use; use notes its draws on its records. */
  readonly draws: readonly Draw[] | null;
  readonly actor: string;
  readonly reason: string | null;
  /** On the first entry of a command that has one: what makes it happen once (rule 20). */
  readonly idempotency: Idempotency | null;
  /** Beside such a key: what the whole command left. null: there is no key, or it is older than these are kept. */
  readonly afterCommand: AfterCommand | null;
  /** Start of the period that it belongs to. */
  readonly periodStart: Date;
  readonly createdAt: Date;
}

/** A client's key, and a digest of everything that the same key must agree in (rule 20). */
export interface Idempotency {
  readonly key: string;
  readonly fingerprint: Buffer;
}

/** Names a usage record within its account. */
export interface RecordKey {
  /** Of its CONSUMPTION entry. */
  readonly sequence: bigint;
  readonly line: number;
}

/** One line of use, as recorded and charged. */
export interface UsageRecord extends RecordKey, UsedBy {
  readonly billingEntityId: string;
  readonly billingMode: BillingMode;
  readonly feature: string | null;
  readonly resource: Resource;
  readonly quantity: bigint;
  readonly credits: bigint;
  /** Of those, beyond the allowance and billed. */
  readonly overage: bigint;
  /** Of those, beyond everything allowed (rule 16). */
  readonly owed: bigint;
  readonly rate: Rate;
  readonly carriedBefore: Carry;
  readonly carriedAfter: Carry;
  readonly draws: readonly Draw[];
  readonly metadata: Readonly<Record<string, unknown>> | null;
  readonly occurredAt: Date;
  readonly recordedAt: Date;
}

/** That a record was refunded, once (rule 22). */
export interface UsageRefund extends RecordKey {
  readonly billingEntityId: string;
  readonly refundedAt: Date;
  /** Of its first REFUND entry. */
  readonly refundSequence: bigint;
}

/** Overage that is to be billed: frozen once, with the instant at which the provider shall count it (rule 28). */
export interface MeterReport {
  readonly billingEntityId: string;
  readonly id: string;
  /** In whose period it was used; null: after the subscription had ended, on holds that it had left. */
  readonly subscriptionId: string | null;
  readonly credits: bigint;
  /** The account's period in which it was used. */
  readonly period: Period;
  /** Lies in that period. */
  readonly stampedAt: Date;
  readonly createdAt: Date;
}

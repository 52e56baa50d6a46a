/** Rollups: sums of use by hour and by day, from which summaries are read. */
import type { Resource } from '../../plans/rates.ts';
import type { BillingMode, UsedBy } from './attribution.ts';
import type { UsageRecord } from './entries.ts';

/** The use of one account in one hour or one day (UTC), by everything that a summary can tell apart. */
export interface Rollup extends UsedBy {
  readonly billingEntityId: string;
  /** The beginning of the hour or day. */
  readonly start: Date;
  readonly resource: Resource;
  readonly billingMode: BillingMode;
  readonly feature: string | null;
  readonly quantity: bigint;
  /** Net credits: refunds are taken off (rule 22). */
  readonly credits: bigint;
  readonly overage: bigint;
  readonly records: bigint;
}

/** A part of a record's charge that was given back. All amounts are whole credits. */
export interface RefundedUse {
  readonly record: UsageRecord;
  readonly credits: bigint;
  readonly overage: bigint;
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** Adds records and refunds up by hour. */
export function rollUp(records: readonly UsageRecord[], refunded: readonly RefundedUse[]): Rollup[] {
  const hours = new Map<string, Rollup>();
  for (const record of records) {
    const { quantity, credits, overage } = record;
    add(hours, startOf(record.occurredAt, HOUR_MS), record, { quantity, credits, overage, records: 1n });
  }
  // A refund takes off credits and overage. The quantity that was used stays.
  for (const { record, credits, overage } of refunded) {
    const change = { quantity: 0n, credits: -credits, overage: -overage, records: 0n };
    add(hours, startOf(record.occurredAt, HOUR_MS), record, change);
  }
  return [...hours.values()];
}

/** Adds hours up by day. */
export function rollUpDays(hours: readonly Rollup[]): Rollup[] {
  const days = new Map<string, Rollup>();
  for (const hour of hours) add(days, startOf(hour.start, DAY_MS), hour, hour);
  return [...days.values()];
}

type Sums = Pick<Rollup, 'quantity' | 'credits' | 'overage' | 'records'>;
type Names = Omit<Rollup, keyof Sums | 'start'>;
const NO_USE: Sums = { quantity: 0n, credits: 0n, overage: 0n, records: 0n };

function add(rollups: Map<string, Rollup>, start: Date, names: Names, change: Sums): void {
  const { billingEntityId, userId, organizationId, apiKey, resource, billingMode, feature } = names;
  const key = `${billingEntityId} ${start.getTime()} ${userId} ${organizationId} ${apiKey?.id} ${resource} ${billingMode} ${feature ?? ''}`;
  const before: Sums = rollups.get(key) ?? NO_USE;
  rollups.set(key, {
    billingEntityId,
    start,
    userId,
    organizationId,
    apiKey,
    resource,
    billingMode,
    feature,
    quantity: before.quantity + change.quantity,
    credits: before.credits + change.credits,
    overage: before.overage + change.overage,
    records: before.records + change.records,
  });
}

function startOf(instant: Date, lengthMs: number): Date {
  return new Date(Math.floor(instant.getTime() / lengthMs) * lengthMs);
}

import type { Resource } from '../../plans/rates.ts';
import type { BillingMode, UsedBy } from './attribution.ts';
import type { UsageRecord } from './entries.ts';

/** What happened in one hour or one day (UTC) of one account, by everything that a summary can tell apart. */
export interface Rollup extends UsedBy {
  readonly billingEntityId: string;
  /** When the hour or day began. */
  readonly start: Date;
  readonly resource: Resource;
  readonly billingMode: BillingMode;
  readonly feature: string | null;
  readonly quantity: bigint;
  /** Net: what was refunded is taken off (rule 22). */
  readonly credits: bigint;
  readonly overage: bigint;
  readonly records: bigint;
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** What these records and refunds add to the sums of each hour, one row for each that changes. */
export function rollUp(records: readonly UsageRecord[], refunded: readonly UsageRecord[]): Rollup[] {
  const hours = new Map<string, Rollup>();
  for (const record of records) {
    const { quantity, credits, overage } = record;
    add(hours, startOf(record.occurredAt, HOUR_MS), record, { quantity, credits, overage, records: 1n });
  }
  // Use stays use: a refund takes off what it cost.
  for (const record of refunded) {
    const { credits, overage } = record;
    const change = { quantity: 0n, credits: -credits, overage: -overage, records: 0n };
    add(hours, startOf(record.occurredAt, HOUR_MS), record, change);
  }
  return [...hours.values()];
}

/** What hours add to the sums of their days. */
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

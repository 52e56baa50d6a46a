/** Use summed up by hour, so that summaries never read records. The ledger's transaction keeps it (pure). */
import type { BillingMode, UsageRecord } from '../credits/account.ts';
import type { Resource } from '../plans/rates.ts';

/** What happened in one hour (UTC) of one account, by everything that a summary can tell apart. */
export interface Rollup {
  readonly billingEntityId: string;
  readonly hour: Date;
  readonly userId: string | null;
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

/** What these records and refunds add to the summaries, one row for each that changes. */
export function rollUp(records: readonly UsageRecord[], refunded: readonly UsageRecord[]): Rollup[] {
  const rollups = new Map<string, Rollup>();
  for (const record of records) {
    add(rollups, record, { quantity: record.quantity, credits: record.credits, overage: record.overage, records: 1n });
  }
  // Use stays use: a refund takes off what it cost.
  for (const record of refunded) {
    add(rollups, record, { quantity: 0n, credits: -record.credits, overage: -record.overage, records: 0n });
  }
  return [...rollups.values()];
}

type Sums = Pick<Rollup, 'quantity' | 'credits' | 'overage' | 'records'>;

function add(rollups: Map<string, Rollup>, record: UsageRecord, change: Sums): void {
  const { billingEntityId, userId, resource, billingMode, feature } = record;
  const hourMs = Math.floor(record.occurredAt.getTime() / HOUR_MS) * HOUR_MS;
  const key = `${billingEntityId} ${hourMs} ${userId} ${resource} ${billingMode} ${feature}`;
  const before = rollups.get(key);
  rollups.set(
    key,
    before === undefined
      ? { billingEntityId, hour: new Date(hourMs), userId, resource, billingMode, feature, ...change }
      : {
          ...before,
          quantity: before.quantity + change.quantity,
          credits: before.credits + change.credits,
          overage: before.overage + change.overage,
          records: before.records + change.records,
        },
  );
}

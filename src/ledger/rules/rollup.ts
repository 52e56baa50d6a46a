/** Rollups: sums of use, from which summaries are read. They are added up by the quarter of an hour, the finest that a zone needs. */
import type { Resource } from '../../plans/rates.ts';
import type { BillingMode, UsedBy } from './attribution.ts';
import type { UsageRecord } from './entries.ts';
import { summedModel } from './model-names.ts';

/** The use of one account in one span of time, by everything that a summary can tell apart. */
export interface Rollup extends UsedBy {
  readonly billingEntityId: string;
  /** The beginning of the span. */
  readonly start: Date;
  /** The name under which models are summed up; null: use without a model. */
  readonly model: string | null;
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

/** The length of the spans that use is added up by first. */
export const QUARTER_MS = 900_000;

/** Adds records and refunds up by quarter hour. */
export function rollUp(records: readonly UsageRecord[], refunded: readonly RefundedUse[]): Rollup[] {
  const quarters = new Map<string, Rollup>();
  for (const record of records) {
    const { quantity, credits, overage } = record;
    addRecord(quarters, record, { quantity, credits, overage, records: 1n });
  }
  // A refund takes off credits and overage. The quantity that was used stays.
  for (const { record, credits, overage } of refunded) {
    addRecord(quarters, record, { quantity: 0n, credits: -credits, overage: -overage, records: 0n });
  }
  return [...quarters.values()];
}

/** A sum of a part of a longer span. */
export interface RollupPart {
  /** The span that it is a part of. */
  readonly whole: Rollup;
  /** 0, 1, 2 …: which of its parts. */
  readonly index: number;
  readonly rollup: Rollup;
}

/** Adds quarter hours up by spans of this length, each in so many parts of one length; and tells what the whole span comes to. */
export function rollUpParts(quarters: readonly Rollup[], span: { lengthMs: number; parts: number }): RollupPart[] {
  const { lengthMs, parts } = span;
  const wholes = new Map<string, Rollup>();
  const pieces = new Map<string, Rollup>();
  for (const quarter of quarters) {
    add(wholes, startOf(quarter.start, lengthMs), quarter, quarter);
    add(pieces, startOf(quarter.start, lengthMs / parts), quarter, quarter);
  }
  return [...pieces.values()].map((rollup) => {
    const start = startOf(rollup.start, lengthMs);
    const index = Math.floor((rollup.start.getTime() - start.getTime()) / (lengthMs / parts));
    return { whole: wholes.get(keyOf(start, rollup)) ?? rollup, index, rollup };
  });
}

type Sums = Pick<Rollup, 'quantity' | 'credits' | 'overage' | 'records'>;
type Names = Omit<Rollup, keyof Sums | 'start'>;
const NO_USE: Sums = { quantity: 0n, credits: 0n, overage: 0n, records: 0n };

function addRecord(quarters: Map<string, Rollup>, record: UsageRecord, change: Sums): void {
  add(quarters, startOf(record.occurredAt, QUARTER_MS), { ...record, model: summedModel(record) }, change);
}

function add(rollups: Map<string, Rollup>, start: Date, names: Names, change: Sums): void {
  const { billingEntityId, userId, organizationId, apiKey, resource, billingMode, feature, model } = names;
  const key = keyOf(start, names);
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
    model,
    quantity: before.quantity + change.quantity,
    credits: before.credits + change.credits,
    overage: before.overage + change.overage,
    records: before.records + change.records,
  });
}

function keyOf(start: Date, names: Names): string {
  const { billingEntityId, userId, organizationId, apiKey, resource, billingMode, feature, model } = names;
  const ids = `${billingEntityId} ${start.getTime()} ${userId} ${organizationId} ${apiKey?.id} ${resource} ${billingMode}`;
  return `${ids} ${(feature ?? '').length} ${feature ?? ''} ${model ?? ''}`;
}

function startOf(instant: Date, lengthMs: number): Date {
  return new Date(Math.floor(instant.getTime() / lengthMs) * lengthMs);
}

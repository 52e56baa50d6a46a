import { parseCarry } from '../rules/pricing.ts';
import type { Resource } from '../../plans/rates.ts';
import type { ApiKeyRef, BillingMode } from '../rules/attribution.ts';
import type { UsageRecord } from '../rules/entries.ts';

export const RECORD_COLUMNS = `u.billing_entity_id, u.sequence, u.line, u.user_id, u.billing_mode, u.feature, u.resource, u.quantity,
  u.credits, u.overage, u.owed, u.rate_units, u.rate_credits, u.carried_before, u.carried_after, u.draw_grant_ids, u.draw_credits,
  u.metadata, u.occurred_at, u.recorded_at, u.organization_id, u.api_key_entity_id, u.api_key_id`;

/** Columns of a row that name an API key. */
export interface ApiKeyColumns {
  api_key_entity_id: string | null;
  api_key_id: string | null;
}

export function toApiKeyRef({ api_key_entity_id: billingEntityId, api_key_id: id }: ApiKeyColumns): ApiKeyRef | null {
  return billingEntityId === null || id === null ? null : { billingEntityId, id };
}

export interface RecordRow extends ApiKeyColumns {
  billing_entity_id: string;
  sequence: bigint;
  line: number;
  user_id: string | null;
  billing_mode: BillingMode;
  feature: string | null;
  resource: Resource;
  quantity: bigint;
  credits: bigint;
  overage: bigint;
  owed: bigint;
  rate_units: bigint;
  rate_credits: bigint;
  carried_before: string;
  carried_after: string;
  draw_grant_ids: string[];
  draw_credits: string[];
  metadata: Record<string, unknown> | null;
  occurred_at: Date;
  recorded_at: Date;
  organization_id: string | null;
}

export function toRecord(row: RecordRow): UsageRecord {
  return {
    billingEntityId: row.billing_entity_id,
    sequence: row.sequence,
    line: row.line,
    userId: row.user_id,
    organizationId: row.organization_id,
    apiKey: toApiKeyRef(row),
    billingMode: row.billing_mode,
    feature: row.feature,
    resource: row.resource,
    quantity: row.quantity,
    credits: row.credits,
    overage: row.overage,
    owed: row.owed,
    rate: { resource: row.resource, units: row.rate_units, credits: row.rate_credits },
    carriedBefore: parseCarry(row.carried_before),
    carriedAfter: parseCarry(row.carried_after),
    draws: row.draw_grant_ids.map((grantId, index) => ({
      grantId,
      credits: BigInt(row.draw_credits[index] as string),
    })),
    metadata: row.metadata,
    occurredAt: row.occurred_at,
    recordedAt: row.recorded_at,
  };
}

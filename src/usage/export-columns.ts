import { carryToDecimal } from '../ledger/rules/pricing.ts';
import { apiKeyId, entryId, grantId, recordId, reservationId } from '../kernel/public-ids.ts';
import type { Columns } from './csv.ts';
import type { ApiKeyRef } from '../ledger/rules/attribution.ts';
import type { Entry, UsageRecord } from '../ledger/rules/entries.ts';
import type { RecordRefund } from './usage-history.ts';

/** A usage record, joined with names from other tables. */
export interface UsageRow {
  readonly record: UsageRecord;
  readonly payerExternalId: string | null;
  readonly userExternalId: string | null;
  readonly organizationExternalId: string | null;
  /** The key that it ran on, if the maker of the link may know it. */
  readonly apiKey: ApiKeyRef | null;
  readonly refund: RecordRefund | null;
}

export const USAGE_COLUMNS: Columns<UsageRow> = {
  id: ({ record }) => recordId(record.billingEntityId, record.sequence, record.line),
  occurred_at: ({ record }) => record.occurredAt,
  recorded_at: ({ record }) => record.recordedAt,
  payer_external_id: ({ payerExternalId }) => payerExternalId,
  user_external_id: ({ userExternalId }) => userExternalId,
  feature: ({ record }) => record.feature,
  billing_mode: ({ record }) => record.billingMode,
  resource: ({ record }) => record.resource,
  quantity: ({ record }) => record.quantity,
  credits: ({ record }) => record.credits,
  overage: ({ record }) => record.overage,
  owed: ({ record }) => record.owed,
  rate_units: ({ record }) => record.rate.units,
  rate_credits: ({ record }) => record.rate.credits,
  carried_before: ({ record }) => carryToDecimal(record.carriedBefore),
  carried_after: ({ record }) => carryToDecimal(record.carriedAfter),
  refunded_at: ({ refund }) => refund?.refundedAt ?? null,
  metadata: ({ record }) => record.metadata && JSON.stringify(record.metadata),
  organization_external_id: ({ organizationExternalId }) => organizationExternalId,
  api_key_id: ({ apiKey }) => apiKey && apiKeyId(apiKey.billingEntityId, apiKey.id),
  refunded_credits: ({ refund }) => refund?.credits ?? 0n,
  model: ({ record }) => record.model,
};

/** A ledger entry with the name of the account on its other side. */
export interface LedgerRow {
  readonly entry: Entry;
  readonly counterpartyExternalId: string | null;
}

export const LEDGER_COLUMNS: Columns<LedgerRow> = {
  id: ({ entry }) => entryId(entry.billingEntityId, entry.sequence),
  sequence: ({ entry }) => entry.sequence,
  created_at: ({ entry }) => entry.createdAt,
  kind: ({ entry }) => entry.kind,
  amount: ({ entry }) => entry.amount,
  available_before: ({ entry }) => entry.availableAfter - entry.amount,
  available_after: ({ entry }) => entry.availableAfter,
  held_change: ({ entry }) => entry.heldChange,
  overage_change: ({ entry }) => entry.overageChange,
  owed_change: ({ entry }) => entry.owedChange,
  grant_id: ({ entry }) => entry.grantId && grantId(entry.billingEntityId, entry.grantId),
  reservation_id: ({ entry }) => entry.reservationId && reservationId(entry.billingEntityId, entry.reservationId),
  counterparty_external_id: ({ counterpartyExternalId }) => counterpartyExternalId,
  actor: ({ entry }) => entry.actor,
  reason: ({ entry }) => entry.reason,
};

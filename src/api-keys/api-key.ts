import type { ApiKeyType } from './api-key.entity.ts';
import type { Binding } from './envelope.ts';
import type { ApiKeyRef, BillingMode } from '../ledger/rules/attribution.ts';

export type ApiKeyProvider = 'OPENAI' | 'ANTHROPIC';
export type ApiKeyStatus = 'ACTIVE' | 'EXPIRED' | 'REVOKED';

export interface ApiKey extends ApiKeyRef {
  readonly name: string;
  readonly type: ApiKeyType;
  readonly provider: ApiKeyProvider;
  readonly billingMode: BillingMode;
  readonly hint: string;
  /** At the time of reading. */
  readonly status: ApiKeyStatus;
  /** Most credits a period of each payer; null: no limit. */
  readonly creditLimit: bigint | null;
  /** Who made it, as the ledger names them. */
  readonly createdBy: string;
  readonly createdAt: Date;
  /** To a few minutes. */
  readonly lastUsedAt: Date | null;
  readonly expiresAt: Date | null;
  readonly revokedAt: Date | null;
}

export interface KeyRow {
  billing_entity_id: string;
  id: string;
  name: string;
  type: ApiKeyType;
  provider: ApiKeyProvider;
  billing_mode: BillingMode;
  hint: string;
  credit_limit: bigint | null;
  created_by: string;
  created_at: Date;
  last_used_at: Date | null;
  expires_at: Date | null;
  revoked_at: Date | null;
}

/** Without anything secret. */
export const KEY_COLUMNS = `billing_entity_id, id, name, type, provider, billing_mode, hint, credit_limit, created_by, created_at,
  last_used_at, expires_at, revoked_at`;

export interface Life {
  readonly expiresAt: Date | null;
  readonly revokedAt: Date | null;
}

/** Whether a key may be used then. */
export function statusOf({ expiresAt, revokedAt }: Life, now: Date): ApiKeyStatus {
  if (revokedAt !== null) return 'REVOKED';
  return expiresAt !== null && expiresAt <= now ? 'EXPIRED' : 'ACTIVE';
}

export function toApiKey(row: KeyRow, now: Date): ApiKey {
  return {
    billingEntityId: row.billing_entity_id,
    id: row.id,
    name: row.name,
    type: row.type,
    provider: row.provider,
    billingMode: row.billing_mode,
    hint: row.hint,
    status: statusOf({ expiresAt: row.expires_at, revokedAt: row.revoked_at }, now),
    creditLimit: row.credit_limit,
    createdBy: row.created_by,
    createdAt: row.created_at,
    lastUsedAt: row.last_used_at,
    expiresAt: row.expires_at,
    revokedAt: row.revoked_at,
  };
}

/** What the secret of a CUSTOM key is bound to at rest. */
export function secretBinding({ billingEntityId, id }: ApiKeyRef): Binding {
  return { billingEntityId, id, purpose: 'api-key.provider-secret' };
}

import { ApiKeyRow, SECRET_COLUMNS, type ShownApiKey, type StoredApiKey } from './api-key.entity.ts';
import { apiKeyId } from '../kernel/public-ids.ts';
import type { ApiKeyRef } from '../ledger/rules/attribution.ts';
import type { Binding } from '../secrets/envelope.ts';
import type { SealedTable } from '../secrets/rewrapping.ts';

export type ApiKeyStatus = 'ACTIVE' | 'EXPIRED' | 'REVOKED';

export interface ApiKey extends Readonly<ShownApiKey> {
  /** At the time of reading. */
  readonly status: ApiKeyStatus;
}

export interface Life {
  readonly expiresAt: Date | null;
  readonly revokedAt: Date | null;
}

/** The status of a key at that time: only an ACTIVE one may be used. */
export function statusOf({ expiresAt, revokedAt }: Life, now: Date): ApiKeyStatus {
  if (revokedAt !== null) return 'REVOKED';
  return expiresAt !== null && expiresAt <= now ? 'EXPIRED' : 'ACTIVE';
}

/** A key without what belongs to its secret, which must not get about. */
export function shownOf(row: Partial<StoredApiKey> & ShownApiKey): ShownApiKey {
  const shown = { ...row };
  for (const column of SECRET_COLUMNS) delete shown[column];
  return shown;
}

export function toApiKey(row: ShownApiKey, now: Date): ApiKey {
  return { ...row, status: statusOf(row, now) };
}

/** A CUSTOM key's secret is bound to its key at rest: under another it does not open. */
export function secretBinding({ billingEntityId, id }: ApiKeyRef): Binding {
  return { billingEntityId, id, purpose: 'api-key.provider-secret' };
}

/** The sealed secrets of CUSTOM keys, for `keys:rotate`. A revoked key has none. */
export const SEALED_API_KEYS: SealedTable = {
  name: 'api_key',
  row: ApiKeyRow,
  holdsSecret: 'revoked_at is null',
  update: `update api_key set key_encryption_key = $3, wrapped_data_key = $4
    where billing_entity_id = $1 and id = $2 and wrapped_data_key = $5 and ciphertext = $6`,
  binding: secretBinding,
  publicId: ({ billingEntityId, id }) => apiKeyId(billingEntityId, id),
  unreadable: 'apiKey.secret.unreadable',
};

import { type EntityManager, LockMode } from '@mikro-orm/postgresql';
import { insertUnlessThere } from '../db/rows.ts';
import type { ApiKeyRef } from '../ledger/rules/attribution.ts';
import { type ApiKeyProvider, ApiKeyRow, type ShownApiKey, type StoredApiKey } from './api-key.entity.ts';

/** A CUSTOM key with its secret as it is kept. */
export type SealedApiKey = ShownApiKey & Pick<StoredApiKey, 'keyEncryptionKey' | 'wrappedDataKey' | 'ciphertext'>;

const SEALED = ['keyEncryptionKey', 'wrappedDataKey', 'ciphertext'] as const;

/** Inserts a key. False: it is there already, as it is when a commit whose answer was lost is followed by another run. */
export function insertKey(em: EntityManager, key: StoredApiKey): Promise<boolean> {
  return insertUnlessThere(em, ApiKeyRow, key);
}

/** The key under its lock; null: there is none. */
export function lockKey(em: EntityManager, ref: ApiKeyRef): Promise<ShownApiKey | null> {
  return em.findOne(ApiKeyRow, at(ref), { lockMode: LockMode.PESSIMISTIC_WRITE });
}

export function findShown(em: EntityManager, ref: ApiKeyRef): Promise<ShownApiKey | null> {
  return em.findOne(ApiKeyRow, at(ref));
}

/** The stored form of the key's secret: a hash of a PLATFORM one, the ciphertext of a CUSTOM one. */
export async function findSecret(
  em: EntityManager,
  ref: ApiKeyRef,
): Promise<Pick<StoredApiKey, 'secretHash' | 'ciphertext'>> {
  return em.findOneOrFail(ApiKeyRow, at(ref), { fields: ['secretHash', 'ciphertext'] });
}

export async function updateKey(
  em: EntityManager,
  ref: ApiKeyRef,
  change: Partial<Omit<StoredApiKey, keyof ApiKeyRef>>,
): Promise<void> {
  await em.nativeUpdate(ApiKeyRow, at(ref), change);
}

/** Keys of the entity that are not revoked. */
export function countKeys(em: EntityManager, billingEntityId: string): Promise<number> {
  return em.count(ApiKeyRow, { billingEntityId, revokedAt: null });
}

export function findSealed(em: EntityManager, ref: ApiKeyRef): Promise<SealedApiKey | null> {
  return em.findOne(ApiKeyRow, at(ref), { populate: SEALED });
}

/**
 * The entity's newest CUSTOM key of the provider.
 * @param activeAt neither revoked nor expired then; null: whatever became of it
 */
export function findNewestSealed(
  em: EntityManager,
  { billingEntityId, provider, activeAt }: { billingEntityId: string; provider: ApiKeyProvider; activeAt: Date | null },
): Promise<SealedApiKey | null> {
  const alive =
    activeAt === null ? {} : { revokedAt: null, $or: [{ expiresAt: null }, { expiresAt: { $gt: activeAt } }] };
  return em.findOne(
    ApiKeyRow,
    { billingEntityId, type: 'CUSTOM', provider, ...alive },
    // Ids are made in order of time.
    { populate: SEALED, orderBy: { id: 'desc' } },
  );
}

/** A condition of nothing but the key: whoever names one may know more of it. */
function at({ billingEntityId, id }: ApiKeyRef): ApiKeyRef {
  return { billingEntityId, id };
}

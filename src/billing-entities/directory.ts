/** The directory of external ids, inside the transactions of what they are claimed for. Never in one of the ledger's. */
import type { EntityManager } from '@mikro-orm/postgresql';
import { v7 as uuidv7 } from 'uuid';

export interface DirectoryEntry {
  readonly namespace: string;
  readonly key: string;
  readonly billingEntityId: string;
}

/** Enters a key, unless it is there. `before`: it names this entity already. */
export async function claimKey(
  em: EntityManager,
  { namespace, key, billingEntityId }: DirectoryEntry,
): Promise<'now' | 'before' | 'taken'> {
  const made = await em.execute<unknown[]>(
    `insert into entity_key (namespace, key, billing_entity_id) values (?, ?, ?)
     on conflict (namespace, key) do nothing returning key`,
    [namespace, key, billingEntityId],
  );
  if (made.length > 0) return 'now';
  const found = await em.execute<{ billing_entity_id: string }[]>(
    `select billing_entity_id from entity_key where namespace = ? and key = ?`,
    [namespace, key],
  );
  return found[0]?.billing_entity_id === billingEntityId ? 'before' : 'taken';
}

/** Lets a key go that names this entity: whoever claims it next has it. */
export async function releaseKey(
  em: EntityManager,
  { namespace, key, billingEntityId }: DirectoryEntry,
): Promise<void> {
  await em.execute(`delete from entity_key where namespace = ? and key = ? and billing_entity_id = ?`, [
    namespace,
    key,
    billingEntityId,
  ]);
}

/** The id of the user who is called so; null: nobody named them yet. */
export async function findUserKey(em: EntityManager, externalId: string): Promise<string | null> {
  const found = await em.execute<{ billing_entity_id: string }[]>(
    `select billing_entity_id from entity_key where namespace = 'USER' and key = ?`,
    [externalId],
  );
  return found[0]?.billing_entity_id ?? null;
}

/**
 * The id of the user who is called so, set aside for them if nobody named them yet: no entity is made until they come. It
 * is one statement that writes one row either way, so that how long it takes does not tell which.
 */
export async function reserveUserKey(em: EntityManager, externalId: string): Promise<string> {
  const [row] = await em.execute<[{ billing_entity_id: string }]>(
    `insert into entity_key as k (namespace, key, billing_entity_id) values ('USER', ?, ?)
     on conflict (namespace, key) do update set billing_entity_id = k.billing_entity_id returning k.billing_entity_id`,
    [externalId, uuidv7()],
  );
  return row.billing_entity_id;
}

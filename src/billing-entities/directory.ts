/** The directory of external ids, inside the transactions of what they are claimed for. It is never written in one of the ledger's. */
import type { EntityManager } from '@mikro-orm/postgresql';
import { v7 as uuidv7 } from 'uuid';
import type { Transaction } from '../db/rows.ts';
import { EntityKeyRow } from './billing-entity.entity.ts';

export interface DirectoryEntry {
  readonly namespace: string;
  readonly key: string;
  readonly billingEntityId: string;
}

/** Enters a key, unless it is there. `before`: it names this entity already. */
export async function claimKey(
  { em, client }: Transaction,
  { namespace, key, billingEntityId }: DirectoryEntry,
): Promise<'now' | 'before' | 'taken'> {
  // Whole SQL, since only the number of rows tells who was first.
  const { rowCount } = await client.query(
    `insert into entity_key (namespace, key, billing_entity_id) values ($1, $2, $3)
     on conflict (namespace, key) do nothing`,
    [namespace, key, billingEntityId],
  );
  if (rowCount === 1) return 'now';
  return (await findKey(em, { namespace, key })) === billingEntityId ? 'before' : 'taken';
}

/** Lets a key go that names this entity: whoever claims it next has it. */
export async function releaseKey(em: EntityManager, entry: DirectoryEntry): Promise<void> {
  const { namespace, key, billingEntityId } = entry;
  await em.nativeDelete(EntityKeyRow, { namespace, key, billingEntityId });
}

/** The id of the entity that has this key; null: none has. */
export async function findKey(
  em: EntityManager,
  { namespace, key }: Pick<DirectoryEntry, 'namespace' | 'key'>,
): Promise<string | null> {
  const found = await em.findOne(EntityKeyRow, { namespace, key });
  return found === null ? null : found.billingEntityId;
}

/**
 * The id of the user who is called so, set aside for them if nobody named them yet: no entity is made until they come. It
 * is one statement that writes one row either way, so that how long it takes does not tell which.
 */
export async function reserveUserKey({ client }: Transaction, externalId: string): Promise<string> {
  const { rows } = await client.query<{ billing_entity_id: string }>(
    `insert into entity_key as k (namespace, key, billing_entity_id) values ('USER', $1, $2)
     on conflict (namespace, key) do update set billing_entity_id = k.billing_entity_id returning k.billing_entity_id`,
    [externalId, uuidv7()],
  );
  const [row] = rows;
  if (row === undefined) throw new Error('the directory gave no id');
  return row.billing_entity_id;
}

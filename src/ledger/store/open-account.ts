/** Opens accounts: the only change of the ledger's tables that is made in somebody else's transaction. */
import type { SqlClient } from '../../db/sql-client.ts';
import { newAccount } from '../rules/account.ts';
import { ACCOUNT_OPENED } from './tables.ts';
import { insertOne } from './insert-one.ts';

const INSERT = insertOne('credit_account', ACCOUNT_OPENED, ['billing_entity_id']);

/**
 * Gives a billing entity its account, in the transaction that makes the entity, so that neither is without the other. An
 * entity that has an account keeps it as it is: whoever completes what a process that died left unmade may call this again.
 */
export async function openAccount(
  client: SqlClient,
  { billingEntityId, now }: { readonly billingEntityId: string; readonly now: Date },
): Promise<void> {
  await INSERT(client, newAccount(billingEntityId, now));
}

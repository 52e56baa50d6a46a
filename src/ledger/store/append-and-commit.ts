/** The end of a ledger transaction under locks: one statement writes everything that was decided, then it is committed. */
import type { ClientBase } from 'pg';
import { all, scopeOf } from './statements.ts';
import { ACCOUNT_STAMPED, type Changes, combined, rowsOf, stamped, update } from './write-parts.ts';

/**
 * Writes the changes and commits: one statement for all tables, since a statement costs a lone command more than its
 * rows do, and one round trip. When it fails the commit behind it becomes a rollback, and the failure is thrown.
 */
export async function appendAndCommit(client: ClientBase, changes: Changes): Promise<void> {
  const { accounts, deliveries } = changes;
  const { scope, entities } = scopeOf([...new Set([...accounts, ...deliveries].map((each) => each.billingEntityId))]);
  const parts = [...update('credit_account', ACCOUNT_STAMPED, stamped(changes)), ...rowsOf(changes)];
  const values = [entities, ...parts.flatMap((each) => each.parameters)];
  await all([client.query({ ...combined({ scope, isGuarded: false }, parts), values }), client.query('commit')]);
}

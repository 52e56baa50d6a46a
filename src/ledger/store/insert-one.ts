/** Inserts of one row, into a transaction that is not the ledger's own. */
import type { SqlClient } from '../../db/sql-client.ts';
import type { Column } from './table.ts';

/** A function that inserts a row. It leaves a row alone that is there already, by its primary key. */
export function insertOne<Row>(
  table: string,
  columns: readonly Column<Row>[],
  primaryKey: readonly string[],
): (client: SqlClient, row: Row) => Promise<void> {
  const names = columns.map(([name]) => name).join(', ');
  const values = columns.map(([, type], index) => `$${index + 1}::${type}`).join(', ');
  const text = `insert into ${table} (${names}) values (${values}) on conflict (${primaryKey.join(', ')}) do nothing`;
  return async (client, row) => {
    await client.query(
      text,
      columns.map(([, , value]) => value(row)),
    );
  };
}

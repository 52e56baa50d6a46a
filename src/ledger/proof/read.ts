import type { PoolClient, QueryResultRow } from 'pg';

/** The rows that a statement of the proof reads, on the snapshot of its client. */
export async function read<Row extends QueryResultRow>(
  client: PoolClient,
  text: string,
  values: unknown[],
): Promise<Row[]> {
  return (await client.query<Row>(text, values)).rows;
}

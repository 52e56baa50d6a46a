import type { PoolClient, QueryResultRow } from 'pg';
import type { Stored } from './findings.ts';

/** The rows that a statement of the proof reads, on the snapshot of its client. */
export async function read<Row extends QueryResultRow>(
  client: PoolClient,
  text: string,
  values: unknown[],
): Promise<Row[]> {
  return (await client.query<Row>(text, values)).rows;
}

/** A row with its checksum; null: it was written before there were any. */
export interface Checked {
  readonly checksum: Buffer | null;
}

/** Holds a row against its checksum. */
export function stored<T>(row: T, { checksum }: Checked, rebuild: (row: T) => string): Stored<T> {
  return { row, intact: checksum === null ? null : rebuild(row) === `\\x${checksum.toString('hex')}` };
}

/** Reads a row; null where it holds what nothing of ours writes: text that is no fraction, an instant without an end. */
export function readable<Row extends object, T>(row: Row, read: (row: Row) => T): T | null {
  try {
    return Object.values(row).some(isEndless) ? null : read(row);
  } catch {
    return null;
  }
}

const isEndless = (value: unknown): boolean => value === Infinity || value === -Infinity;

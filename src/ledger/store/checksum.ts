/**
 * A checksum of every row that the ledger writes. Amounts can be recomputed from entries and records; who, when, why and
 * on what terms cannot. With the checksum verification also names a row in which only such a thing was altered.
 */
import { hash } from 'node:crypto';

/** A value as a column is sent. */
export type ColumnValue = string | bigint | number | boolean | Date | Buffer | null;

const HEX_DIGITS = 32;

/** 128 bits of SHA-256 over the values of a row's columns, in their order; PostgreSQL's spelling of bytea. */
export function checksum(values: readonly ColumnValue[]): string {
  let text = '';
  for (const value of values) {
    if (value === null) text += '-';
    else if (typeof value === 'string') text += `${value.length}:${value}`;
    else if (value instanceof Date) text += value.getTime();
    else if (typeof value === 'object') text += value.toString('hex');
    else text += value;
    text += ' ';
  }
  return `\\x${hash('sha256', text).slice(0, HEX_DIGITS)}`;
}

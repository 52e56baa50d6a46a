/**
 * PostgreSQL array literals, made in one pass. The driver's own conversion of nested arrays walks every value through
 * several functions; a ledger batch sends twenty columns of up to a thousand rows, where that is felt.
 */
type Value = string | bigint | number | boolean | Date | Buffer | null;

/** A column of values as the text of a one-dimensional array. */
export function arrayLiteral(values: readonly Value[]): string {
  let literal = '{';
  for (let index = 0; index < values.length; index++) {
    if (index > 0) literal += ',';
    literal += element(values[index] as Value);
  }
  return `${literal}}`;
}

function element(value: Value): string {
  if (value === null) return 'NULL';
  if (typeof value === 'string') return quote(value);
  if (value instanceof Date) return quote(value.toISOString());
  if (typeof value === 'object') return `"\\\\x${value.toString('hex')}"`;
  return String(value);
}

/** Text of letters, digits, `-` and `_` alone (ids, kinds) needs no quotes, unless it reads as NULL. */
const BARE = /^[\w-]+$/;

function quote(text: string): string {
  if (BARE.test(text) && text.toUpperCase() !== 'NULL') return text;
  return `"${text.replace(/["\\]/g, '\\$&')}"`;
}

import { hash } from 'node:crypto';
import { Refusal } from '../kernel/refusal.ts';
import { isStorableText } from '../kernel/text.ts';
import type { Idempotency } from './rules/entries.ts';

const MAX_KEY = 200;
const FINGERPRINT_BYTES = 16;

/**
 * The key, and a digest of everything that must be equal when it is sent again (rule 20).
 * `input` is what the command comes to: resolved, with defaults, in a fixed order.
 * @throws Refusal BAD_USER_INPUT for a key that is not 1 to 200 characters of well-formed text
 */
export function idempotency(key: string, command: string, input: readonly unknown[]): Idempotency {
  // Characters, as people count them: a pair of surrogates is one.
  const length = key.length > MAX_KEY ? Array.from(key).length : key.length;
  if (length < 1 || length > MAX_KEY) {
    throw new Refusal('BAD_USER_INPUT', `idempotencyKey must have 1 to ${MAX_KEY} characters`);
  }
  if (!isStorableText(key)) throw new Refusal('BAD_USER_INPUT', 'idempotencyKey must be well-formed text');
  const digest = hash('sha256', canonicalJson([command, ...input]), 'buffer');
  return { key, fingerprint: digest.subarray(0, FINGERPRINT_BYTES) };
}

/**
 * What makes a change of our own happen once: named by what caused it, such as an invoice and its line, in a key longer
 * than any that a client can send. Whatever else is said with it, its first effect stands.
 */
export function systemKey(...parts: readonly [string, ...string[]]): Idempotency {
  const name = parts.map(encodeURIComponent).join('/');
  const key = `system/${name}`.padEnd(MAX_KEY + 1, ' ');
  return { key, fingerprint: hash('sha256', name, 'buffer').subarray(0, FINGERPRINT_BYTES) };
}

/** JSON in one spelling, however its objects' members were ordered. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, canonically);
}

/** Objects with their members sorted, so that their order makes no difference; bigint as text. */
function canonically(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString();
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}

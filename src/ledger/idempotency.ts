/** Idempotency keys: of clients, and of changes that the system makes by itself (rule 20). */
import { hash } from 'node:crypto';
import { canonicalJson } from '../kernel/canonical-json.ts';
import { Refusal } from '../kernel/refusal.ts';
import { isStorableText } from '../kernel/text.ts';
import type { Idempotency } from './rules/entries.ts';

const MAX_KEY = 200;
const FINGERPRINT_BYTES = 16;

/**
 * A client's key with its fingerprint, a digest of everything that must be equal when the key is sent again (rule 20).
 * `input` is the command as resolved, with defaults, in a fixed order.
 * @throws Refusal BAD_USER_INPUT for a key that is not 1 to 200 characters of well-formed text
 */
export function idempotency(key: string, command: string, input: readonly unknown[]): Idempotency {
  // Characters are counted as people count them: a pair of surrogates is one.
  const length = key.length > MAX_KEY ? Array.from(key).length : key.length;
  if (length < 1 || length > MAX_KEY) {
    throw new Refusal('BAD_USER_INPUT', `idempotencyKey must have 1 to ${MAX_KEY} characters`);
  }
  if (!isStorableText(key)) throw new Refusal('BAD_USER_INPUT', 'idempotencyKey must be well-formed text');
  const digest = hash('sha256', canonicalJson([command, ...input]), 'buffer');
  return { key, fingerprint: digest.subarray(0, FINGERPRINT_BYTES) };
}

/**
 * A key that makes a change of the system's own happen once. Its parts name the cause, such as an invoice and its line. The
 * key is longer than any that a client can send, so the two never meet. Its fingerprint is made of the parts alone: a
 * repetition with other amounts is still the same change, and its first effect stands.
 */
export function systemKey(...parts: readonly [string, ...string[]]): Idempotency {
  const name = parts.map(encodeURIComponent).join('/');
  const key = `system/${name}`.padEnd(MAX_KEY + 1, ' ');
  return { key, fingerprint: hash('sha256', name, 'buffer').subarray(0, FINGERPRINT_BYTES) };
}

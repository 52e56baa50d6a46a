/**
 * What a failed statement says about trying again. Told by SQLSTATE, never by message where there is one: messages are
 * translated, and constraint names change on a distributed database.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { Refusal } from '../kernel/refusal.ts';

/**
 * Serialization failure, deadlock, lock or statement time-out, connection lost, server shutting down or out of
 * resources: the same statement may succeed in a moment.
 */
const TRANSIENT_SQLSTATE = /^(08...|40001|40P01|53...|55P03|57014|57P0[123]|25P0[34])$/;

/** The driver's own words for a connection that is gone; it gives them no code. */
const CONNECTION_LOST =
  /Connection terminated|connection error|timeout exceeded when trying to connect|Query read timeout|not queryable|socket hang up/i;

/** True when the database was away or busy, rather than wrong about what it was asked. */
export function isTransient(error: unknown): boolean {
  // Not `instanceof`: an error of Node's own modules may come from another realm, as it does under the tests' runner.
  if (typeof error !== 'object' || error === null) return false;
  const code: unknown = 'code' in error ? error.code : undefined;
  if (typeof code === 'string') return TRANSIENT_SQLSTATE.test(code) || /^E[A-Z]{3,}$/.test(code);
  if ('errors' in error && Array.isArray(error.errors)) return error.errors.some(isTransient);
  return 'message' in error && CONNECTION_LOST.test(String(error.message));
}

const ATTEMPTS = 4;

/**
 * Runs work that is safe to repeat, again and briefly while the database is away.
 * @throws Refusal UNAVAILABLE when it stays away
 */
export async function whileAway<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work();
    } catch (error) {
      if (!isTransient(error)) throw error;
      if (attempt === ATTEMPTS) throw unavailable('the database does not answer', error);
      await delay(10 * 2 ** attempt * (0.5 + Math.random()));
    }
  }
}

/** Fails closed: refused for now, and worth trying again. */
export function unavailable(message: string, cause?: unknown): Refusal {
  return new Refusal('UNAVAILABLE', message, { retryAfterMs: 1_000, cause });
}

import { DAY } from './calendar.ts';
import { StripeFailure } from './errors.ts';
import type { Sandbox } from './sandbox.ts';
import type { StoredAnswer } from './tables.ts';

/** Stripe remembers a key for so long. */
const REMEMBERED_SECONDS = DAY;

/**
 * The answer that a key had before. Null: there was none, and the key is now in use until `remember` or `forget`.
 * @throws StripeFailure 400 for other parameters, 409 while the first call is under way
 */
export function claim(sandbox: Sandbox, key: string, fingerprint: string): StoredAnswer['answer'] {
  const { answers } = sandbox.tables;
  const known = answers.get(key);
  if (known === undefined || known.createdAt + REMEMBERED_SECONDS <= sandbox.now()) {
    answers.set(key, { fingerprint, createdAt: sandbox.now(), answer: null });
    return null;
  }
  if (known.fingerprint !== fingerprint) {
    throw new StripeFailure(
      400,
      `Keys for idempotent requests can only be used with the same parameters they were first used with. Try using a key other than '${key}' if you meant to execute a different request.`,
      { type: 'idempotency_error' },
    );
  }
  if (known.answer === null) {
    throw new StripeFailure(
      409,
      `There is currently another in-progress request using this Idempotent Key (that probably means you submitted twice, and the other request is still going through): ${key}. Please try again later.`,
      { type: 'invalid_request_error', code: 'idempotency_key_in_use' },
    );
  }
  return known.answer;
}

/** Answers from now on what was answered now. */
export function remember(sandbox: Sandbox, key: string, answer: { status: number; body: string }): void {
  const known = sandbox.tables.answers.get(key);
  if (known !== undefined) known.answer = answer;
}

/** The call never began: the key is free. */
export function forget(sandbox: Sandbox, key: string): void {
  if (sandbox.tables.answers.get(key)?.answer === null) sandbox.tables.answers.delete(key);
}

/** The same parameters in another order are the same parameters. */
export function fingerprintOf(method: string, path: string, form: string): string {
  const parameters = new URLSearchParams(form);
  parameters.sort();
  return `${method} ${path} ${parameters.toString()}`;
}

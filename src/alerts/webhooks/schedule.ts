/** When a delivery is tried again, and when an endpoint is given up: pure functions of what happened. */

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;

/**
 * The pauses after the attempts of a round; the first attempt is made at once. Eight attempts take a little more than a
 * day (25 h 35 min, and the jitter), so that whoever sleeps over a failure still gets what was raised meanwhile.
 */
export const RETRY_DELAYS_MS: readonly number[] = [
  ...[5 * SECOND_MS, 5 * MINUTE_MS, 30 * MINUTE_MS],
  ...[2 * HOUR_MS, 5 * HOUR_MS, 8 * HOUR_MS, 10 * HOUR_MS],
];

/** Each pause is longer by up to this share of it, so that what failed together does not come back together. */
const JITTER = 0.1;

/** An endpoint that took nothing for so long is disabled when a delivery has had its last attempt. */
const LASTING_FAILURE_MS = 24 * HOUR_MS;

/**
 * The instant of the next attempt; null: there is none.
 * @param step the attempts of the round that were made, at least 1
 * @param random from 0 to 1
 */
export function nextAttemptAt({
  step,
  now,
  random,
}: {
  readonly step: number;
  readonly now: Date;
  readonly random: number;
}): Date | null {
  const delayMs = RETRY_DELAYS_MS[step - 1];
  return delayMs === undefined ? null : new Date(now.getTime() + Math.round(delayMs * (1 + JITTER * random)));
}

/** The result of one attempt. */
export type AttemptResult =
  | { readonly kind: 'answered'; readonly status: number }
  /** `error` is a short text of ours, which customers read. */
  | { readonly kind: 'failed'; readonly error: string };

/** True for 2xx and nothing else: a redirect is not followed, and so the event did not arrive. */
export function isDelivered(result: AttemptResult): boolean {
  return result.kind === 'answered' && result.status >= 200 && result.status <= 299;
}

/** True when the receiver says itself that it wants nothing more (Standard Webhooks). */
export function isGone(result: AttemptResult): boolean {
  return result.kind === 'answered' && result.status === 410;
}

/** The error that a delivery shows; null: it was delivered. */
export function errorOf(result: AttemptResult): string | null {
  if (isDelivered(result)) return null;
  if (result.kind === 'failed') return result.error;
  const { status } = result;
  return status >= 300 && status <= 399 ? `it answered ${status}: redirects are not followed` : `it answered ${status}`;
}

/**
 * The reason to disable an endpoint after an attempt that failed; null: it stays enabled.
 * @param isLast the delivery has no further attempt
 */
export function reasonToDisable({
  result,
  isLast,
  failingSince,
  now,
}: {
  readonly result: AttemptResult;
  readonly isLast: boolean;
  readonly failingSince: Date;
  readonly now: Date;
}): string | null {
  if (isGone(result)) return 'it answered 410 Gone';
  if (!isLast || now.getTime() - failingSince.getTime() < LASTING_FAILURE_MS) return null;
  return `every attempt has failed since ${failingSince.toISOString()}; the last: ${errorOf(result) ?? ''}`;
}

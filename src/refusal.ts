/**
 * Why a request was turned away before it could have an outcome. Outcomes that a caller acts on are data and stand
 * in the schema; these become GraphQL errors with the same `extensions.code`.
 */
export type RefusalCode =
  | 'UNAUTHENTICATED'
  | 'FORBIDDEN'
  | 'NOT_FOUND'
  | 'BAD_USER_INPUT'
  | 'IDEMPOTENCY_KEY_REUSED'
  | 'CONFLICT'
  | 'RATE_LIMITED'
  | 'UNAVAILABLE';

/** A refusal with a code that clients can branch on and a message that a person can read. Carries no secrets. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly code: RefusalCode;
  /** RATE_LIMITED and UNAVAILABLE: when it is worth trying again, in milliseconds. */
  readonly retryAfterMs: number | undefined;

  constructor(code: RefusalCode, message: string, options: { retryAfterMs?: number; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.retryAfterMs = options.retryAfterMs;
  }

  /** UNAVAILABLE and RATE_LIMITED may succeed when the same request is sent again. */
  get retryable(): boolean {
    return this.code === 'UNAVAILABLE' || this.code === 'RATE_LIMITED';
  }
}

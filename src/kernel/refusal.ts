/**
 * Codes of requests that were turned away before they had an outcome. They become GraphQL errors with the same
 * `extensions.code`; outcomes that a caller acts on are data, and stand in the schema.
 */
export type RefusalCode =
  | 'UNAUTHENTICATED'
  | 'FORBIDDEN'
  | 'NOT_FOUND'
  | 'BAD_USER_INPUT'
  | 'IDEMPOTENCY_KEY_REUSED'
  | 'CONFLICT'
  | 'RATE_LIMITED'
  | 'PAYMENT_PROVIDER_ERROR'
  | 'UNAVAILABLE';

/** A refusal with a code that clients can branch on and a message that a person can read. Carries no secrets. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly code: RefusalCode;
  /** For `retryable` ones, the time after which a retry is useful, in milliseconds. */
  readonly retryAfterMs: number | undefined;
  /** What a client can branch on besides the code; it stands beside the code in `extensions`. */
  readonly details: Readonly<Record<string, string>>;

  constructor(
    code: RefusalCode,
    message: string,
    options: { retryAfterMs?: number; details?: Readonly<Record<string, string>>; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.retryAfterMs = options.retryAfterMs;
    this.details = options.details ?? {};
  }

  /**
   * A refusal of one field of the input, which `extensions.field` names: the field's name, or the argument's, as the schema
   * has it; within a list with the place, such as `preferences.2.level`. A form puts the message beside it.
   */
  static ofField(field: string, message: string): Refusal {
    return new Refusal('BAD_USER_INPUT', message, { details: { field } });
  }

  /** The same request may succeed when it is sent again. */
  get retryable(): boolean {
    return this.code === 'UNAVAILABLE' || this.code === 'RATE_LIMITED' || this.code === 'PAYMENT_PROVIDER_ERROR';
  }
}

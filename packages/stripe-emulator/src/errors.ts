/** An answer that is Stripe's error object. Whoever throws it knows the status; the server only writes it down. */
export class StripeFailure extends Error {
  override readonly name = 'StripeFailure';
  readonly status: number;
  readonly type: FailureType;
  readonly code: string | undefined;
  readonly param: string | undefined;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(status: number, message: string, parts: FailureParts) {
    super(message);
    this.status = status;
    this.type = parts.type;
    this.code = parts.code;
    this.param = parts.param;
    this.details = parts.details ?? {};
  }

  /** The body, as Stripe writes it. */
  toBody(requestId: string): object {
    return {
      error: {
        ...(this.code !== undefined && {
          code: this.code,
          doc_url: `https://stripe.com/docs/error-codes/${this.code.replaceAll('_', '-')}`,
        }),
        message: this.message,
        ...(this.param !== undefined && { param: this.param }),
        request_log_url: `https://dashboard.stripe.com/test/logs/${requestId}`,
        type: this.type,
        ...this.details,
      },
    };
  }
}

type FailureType = 'api_error' | 'card_error' | 'idempotency_error' | 'invalid_request_error';

interface FailureParts {
  readonly type: FailureType;
  readonly code?: string;
  readonly param?: string;
  readonly details?: Readonly<Record<string, unknown>>;
}

/** A request that cannot be carried out as it stands: 400. */
export function invalid(message: string, { code, param }: { code?: string; param?: string } = {}): StripeFailure {
  return new StripeFailure(400, message, {
    type: 'invalid_request_error',
    ...(code !== undefined && { code }),
    ...(param !== undefined && { param }),
  });
}

/** An id in the address that names nothing: 404. In a parameter Stripe answers 400 with the same code. */
export function missing(kind: string, id: string, param = 'id'): StripeFailure {
  return new StripeFailure(param === 'id' ? 404 : 400, `No such ${kind}: '${id}'`, {
    type: 'invalid_request_error',
    code: 'resource_missing',
    param,
  });
}

/** A card that did not pay: 402. */
export function cardRefused(message: string, code: string, details: Readonly<Record<string, unknown>>): StripeFailure {
  return new StripeFailure(402, message, { type: 'card_error', code, details });
}

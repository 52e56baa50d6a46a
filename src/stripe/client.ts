/** Stripe as this process reaches it. Nobody else makes an SDK client, and every call goes through `call` or `list`. */
import { Stripe } from 'stripe';
import type { Log } from '../kernel/log.ts';
import { Refusal } from '../kernel/refusal.ts';

export interface StripeAddress {
  readonly secretKey: string;
  /** null: Stripe itself. */
  readonly apiBase: URL | null;
}

/** What Stripe's objects and the code here agree on. Moving it is a change of its own: read Stripe's changelog first. */
const API_VERSION = '2026-10-28.endive';

/** Together with the retries well below what a job, or a person at a page, may wait. */
const TIMEOUT_MS = 8_000;
const NETWORK_RETRIES = 2;

/**
 * Stripe understood a call and said no: a card was declined, an object does not exist, a parameter is wrong. Callers catch
 * the codes they know; whatever they do not know is a bug of theirs.
 */
export class StripeRejection extends Error {
  override readonly name = 'StripeRejection';
  /** As Stripe names it: `invalid_request_error`, `card_error`, `idempotency_error`. */
  readonly type: string;
  readonly statusCode: number | null;
  /** Such as `resource_missing`; null where Stripe gives none. */
  readonly code: string | null;
  readonly declineCode: string | null;
  readonly param: string | null;
  readonly requestId: string | null;

  constructor(error: Stripe.errors.StripeError) {
    super(error.message);
    this.type = error.rawType ?? error.type;
    this.statusCode = error.statusCode ?? null;
    this.code = error.code ?? null;
    this.declineCode = error.decline_code ?? null;
    this.param = error.param ?? null;
    this.requestId = error.requestId ?? null;
  }
}

/** Anything that Stripe answers with. */
interface Answered {
  readonly object: string;
}

/** Anything that Stripe has lists of. */
interface Listed extends Answered {
  readonly id: string;
}

/** Asks for one page of a list. */
type PageOf<T> = (sdk: Stripe, page: Page) => Promise<Stripe.ApiList<T>>;

/** The SDK's client behind the checks that it leaves out. */
export class StripeClient {
  readonly #sdk: Stripe;
  readonly #log: Log;
  /** A test key's, or a live one's. */
  readonly livemode: boolean;

  constructor({ secretKey, apiBase }: StripeAddress, log: Log) {
    this.#log = log;
    this.livemode = /^(sk|rk)_live_/.test(secretKey);
    this.#sdk = new Stripe(secretKey, {
      apiVersion: API_VERSION,
      maxNetworkRetries: NETWORK_RETRIES,
      timeout: TIMEOUT_MS,
      telemetry: false,
      ...(apiBase !== null && {
        protocol: apiBase.protocol === 'http:' ? 'http' : 'https',
        host: apiBase.hostname,
        port: apiBase.port || (apiBase.protocol === 'http:' ? 80 : 443),
      }),
    });
  }

  /**
   * Makes one call. What comes back must be the `object` that is expected: an error status whose JSON has no `error`, as
   * proxies answer, resolves in the SDK as if it had succeeded.
   * @throws Refusal PAYMENT_PROVIDER_ERROR when Stripe is away or does not let us in. Whether it carried the call out is
   *   then unknown: try again with the same idempotency key.
   * @throws StripeRejection when Stripe said no
   */
  async call<T extends Answered>(object: T['object'], work: (sdk: Stripe) => Promise<T>): Promise<T> {
    try {
      return asserted(await work(this.#sdk), object);
    } catch (error) {
      throw this.#failureOf(error);
    }
  }

  /**
   * All objects of a list. `work` asks for one page and passes `page` on to Stripe:
   * `list('price', (sdk, page) => sdk.prices.list({ active: true, ...page }))`. @throws as `call` does
   */
  async list<T extends Listed>(object: T['object'], work: PageOf<T>): Promise<T[]> {
    const found: T[] = [];
    for await (const page of this.pages(object, work)) found.push(...page);
    return found;
  }

  /** The same a page at a time, of a list that may be long. @throws as `call` does */
  async *pages<T extends Listed>(object: T['object'], work: PageOf<T>): AsyncGenerator<T[], void, undefined> {
    for (let page: Page = { limit: MOST_OF_A_PAGE }; ;) {
      const { data, has_more: hasMore } = await this.call('list', async (sdk) => {
        const answer = await work(sdk, page);
        return { ...asserted(answer, 'list'), data: answer.data.map((each) => asserted(each, object)) };
      });
      yield data;
      const last = data.at(-1);
      if (!hasMore || last === undefined) return;
      page = { limit: MOST_OF_A_PAGE, starting_after: last.id };
    }
  }

  /** The SDK's checks of webhooks, which call nobody. */
  get signatures(): Pick<Stripe, 'parseEventNotification' | 'webhooks'> {
    return this.#sdk;
  }

  /**
   * Sorted by what can be done about it: try again, or read the answer. What is neither passes. Callers of the API are told
   * nothing of what went wrong: keys, addresses and the like stand in the log.
   */
  #failureOf(error: unknown): unknown {
    if (!isFailureOfStripe(error)) {
      return error instanceof Stripe.errors.StripeError ? new StripeRejection(error) : error;
    }
    this.#log.warn({ err: error }, 'a call to Stripe failed');
    return new Refusal('PAYMENT_PROVIDER_ERROR', 'the payment provider does not answer as it should at the moment', {
      retryAfterMs: 2_000,
      cause: error,
    });
  }
}

/** What a call answers; null: there is no such thing at Stripe. */
export async function orMissing<T>(answer: Promise<T>): Promise<T | null> {
  try {
    return await answer;
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}

/** Whether Stripe says that there is no such thing. */
export function isMissing(error: unknown): boolean {
  return error instanceof StripeRejection && error.code === 'resource_missing';
}

/** Whether Stripe did not answer as it should; whether it carried a call out is then unknown. */
export function isAway(error: unknown): boolean {
  return error instanceof Refusal && error.code === 'PAYMENT_PROVIDER_ERROR';
}

/** Customers in a row with whom Stripe did not answer: it is away, and not only for them. */
export const AWAY_AFTER = 3;

/** Where a page of a list begins, in Stripe's words. */
export interface Page {
  readonly limit: number;
  readonly starting_after?: string;
}

const MOST_OF_A_PAGE = 100;

function asserted<T extends Answered>(answer: T, object: T['object']): T {
  if (answer.object === object) return answer;
  const { lastResponse } = answer as { lastResponse?: { statusCode?: number } };
  const status = lastResponse?.statusCode ?? 'an unknown status';
  throw new UnexpectedAnswer(`expected Stripe's ${object}, got ${answer.object} with ${status}`);
}

/** It was not Stripe that answered. */
class UnexpectedAnswer extends Error {
  override readonly name = 'UnexpectedAnswer';
}

/** Stripe is away, busy, or does not let us in; as opposed to: it answered no. */
function isFailureOfStripe(error: unknown): boolean {
  if (error instanceof UnexpectedAnswer) return true;
  if (!(error instanceof Stripe.errors.StripeError)) return false;
  const { statusCode } = error;
  return (
    error instanceof Stripe.errors.StripeConnectionError ||
    error instanceof Stripe.errors.StripeRateLimitError ||
    error instanceof Stripe.errors.StripeAuthenticationError ||
    error instanceof Stripe.errors.StripePermissionError ||
    // Without one it was no answer of Stripe's: JSON that could not be read, for example.
    statusCode === undefined ||
    // The same key, or the same object, is being worked on by another call.
    statusCode === 409 ||
    statusCode >= 500
  );
}

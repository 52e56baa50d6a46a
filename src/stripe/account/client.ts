/** The only SDK client of Stripe's. Every call goes through `call`, `list` or `pages`. */
import { Stripe } from 'stripe';
import type { Log } from '../../kernel/log.ts';
import { Refusal } from '../../kernel/refusal.ts';

export interface StripeAddress {
  readonly secretKey: string;
  /** null: Stripe itself. */
  readonly apiBase: URL | null;
}

/** The API version that this code is written for. Read Stripe's changelog before you move it. */
const API_VERSION = '2026-10-28.endive';

/** Together with the retries, this stays well below what a job, or a person at a page, may wait. */
const TIMEOUT_MS = 8_000;
const NETWORK_RETRIES = 2;

/**
 * Stripe understood a call and said no: a card was declined, an object does not exist, a parameter is wrong. Callers catch
 * the codes that they expect; any other code is a bug of theirs.
 */
export class StripeRejection extends Error {
  override readonly name = 'StripeRejection';
  /** Stripe's own name: `invalid_request_error`, `card_error`, `idempotency_error`. */
  readonly type: string;
  readonly statusCode: number | null;
  /** For example `resource_missing`; null where Stripe gives none. */
  readonly code: string | null;
  readonly declineCode: string | null;
  readonly param: string | null;
  readonly requestId: string | null;
  /** Stripe repeats what it answered under the call's idempotency key before, whatever is so by now. */
  readonly isRepeated: boolean;

  constructor(error: Stripe.errors.StripeError) {
    super(error.message);
    this.type = error.rawType ?? error.type;
    this.statusCode = error.statusCode ?? null;
    this.code = error.code ?? null;
    this.declineCode = error.decline_code ?? null;
    this.param = error.param ?? null;
    this.requestId = error.requestId ?? null;
    this.isRepeated = error.headers?.['idempotent-replayed'] === 'true';
  }
}

/** Any object of Stripe's. */
interface Answered {
  readonly object: string;
}

/** Any object that Stripe has lists of. */
interface Listed extends Answered {
  readonly id: string;
}

/** Fetches one page of a list. */
type PageOf<T> = (sdk: Stripe, page: Page) => Promise<Stripe.ApiList<T>>;

/** The SDK's client, with the checks that it lacks. */
export class StripeClient {
  readonly #sdk: Stripe;
  readonly #log: Log;
  /** True for a live key, false for a test key. */
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
   * Makes one call. The answer must be the expected `object`: in the SDK, an error status whose JSON has no `error`, as
   * proxies answer, resolves as if the call had succeeded.
   * @throws Refusal PAYMENT_PROVIDER_ERROR when Stripe is away or does not let us in. It is then unknown whether Stripe
   *   carried the call out: try again with the same idempotency key.
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
   * Fetches all objects of a list. `work` asks for one page and passes `page` on to Stripe:
   * `list('price', (sdk, page) => sdk.prices.list({ active: true, ...page }))`. @throws as `call` does
   */
  async list<T extends Listed>(object: T['object'], work: PageOf<T>): Promise<T[]> {
    const found: T[] = [];
    for await (const page of this.pages(object, work)) found.push(...page);
    return found;
  }

  /** Fetches a list page by page, for lists that may be long. @throws as `call` does */
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

  /** The SDK's checks of webhooks. They make no call. */
  get signatures(): Pick<Stripe, 'parseEventNotification' | 'webhooks'> {
    return this.#sdk;
  }

  /**
   * Sorts a failure by what can be done about it: try again (a Refusal), or read the answer (a StripeRejection). Any other
   * error is passed on. A Refusal tells callers of the API no details, because keys and addresses may stand in them.
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

/** The answer of a call; null: Stripe has no such object. */
export async function orMissing<T>(answer: Promise<T>): Promise<T | null> {
  try {
    return await answer;
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}

/** True if Stripe says that it has no such object. */
export function isMissing(error: unknown): boolean {
  return error instanceof StripeRejection && error.code === 'resource_missing';
}

/** True if Stripe did not answer as it should. It is then unknown whether it carried the call out. */
export function isAway(error: unknown): boolean {
  return error instanceof Refusal && error.code === 'PAYMENT_PROVIDER_ERROR';
}

/** After this many customers in a row for whom Stripe did not answer, Stripe counts as away. */
export const AWAY_AFTER = 3;

/** Length and beginning of a page, in Stripe's words. */
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

/** Something other than Stripe answered. */
class UnexpectedAnswer extends Error {
  override readonly name = 'UnexpectedAnswer';
}

/** True if Stripe is away, busy, or does not let us in; false for an answer that says no. */
function isFailureOfStripe(error: unknown): boolean {
  if (error instanceof UnexpectedAnswer) return true;
  if (!(error instanceof Stripe.errors.StripeError)) return false;
  const { statusCode } = error;
  return (
    error instanceof Stripe.errors.StripeConnectionError ||
    error instanceof Stripe.errors.StripeRateLimitError ||
    error instanceof Stripe.errors.StripeAuthenticationError ||
    error instanceof Stripe.errors.StripePermissionError ||
    // An answer without a status is not Stripe's, for example JSON that could not be read.
    statusCode === undefined ||
    // Another call is working on the same key or the same object.
    statusCode === 409 ||
    statusCode >= 500
  );
}

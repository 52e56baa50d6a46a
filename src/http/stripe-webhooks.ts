/** Where Stripe delivers: raw bytes, checked, put down and acknowledged. What they mean is found out by jobs. */
import { refusalError } from '../graphql/errors.ts';
import type { Log } from '../log.ts';
import { Refusal } from '../refusal.ts';
import type { StripeEvent } from '../stripe/inbox.ts';
import { type WebhookKind, WebhookRejection } from '../stripe/webhooks.ts';
import { answerError, answerJson, type Exchange, httpError, readBody, type Route } from './exchange.ts';

interface Options {
  readonly webhooks: { verify(kind: WebhookKind, body: Buffer, signature: string | undefined): StripeEvent };
  readonly inbox: { take(event: StripeEvent): Promise<unknown> };
  readonly log: Log;
}

/** Far above Stripe's largest event. */
const MOST_BYTES = 1024 * 1024;

/** Snapshot and thin events have a route each: their forms and their secrets differ. */
export function createStripeWebhookRoutes(options: Options): readonly Route[] {
  return [
    { path: '/webhooks/stripe', methods: ['POST'], handle: (exchange) => take('snapshot', exchange, options) },
    { path: '/webhooks/stripe/thin', methods: ['POST'], handle: (exchange) => take('thin', exchange, options) },
  ];
}

/** While the database is away nothing is acknowledged, and Stripe delivers again. */
async function take(kind: WebhookKind, exchange: Exchange, { webhooks, inbox, log }: Options): Promise<void> {
  const { request, requestId } = exchange;
  const body = await readBody(request, MOST_BYTES);
  if (body === null) {
    answerError(exchange, 413, httpError('PAYLOAD_TOO_LARGE', `The body may have at most ${MOST_BYTES} bytes.`), [
      'connection',
      'close',
    ]);
    return;
  }
  const signature = request.headers['stripe-signature'];
  let event: StripeEvent;
  try {
    event = webhooks.verify(kind, body, typeof signature === 'string' ? signature : undefined);
  } catch (error) {
    if (!(error instanceof WebhookRejection)) throw error;
    log.warn({ requestId, kind, reason: error.message }, 'a webhook was turned away');
    answerError(exchange, 400, httpError('BAD_REQUEST', `Not taken: ${error.message}.`));
    return;
  }
  try {
    await inbox.take(event);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    answerError(exchange, 503, refusalError(error));
    return;
  }
  answerJson(exchange, 200, { received: true });
}

/** Where Stripe delivers: raw bytes, checked, put down and acknowledged. What they mean is found out by jobs. */
import type { Log } from '../log.ts';
import type { StripeEvent } from '../stripe/inbox.ts';
import { type WebhookKind, WebhookRejection } from '../stripe/webhooks.ts';
import { answerError, answerJson, type Exchange, httpError, readBody, type Route } from './exchange.ts';

interface Options {
  readonly webhooks: { verify(kind: WebhookKind, body: Buffer, signature: string | undefined): StripeEvent };
  readonly inbox: { take(event: StripeEvent): Promise<void> };
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

/** A database that is away throws, which is answered 500: Stripe delivers again. */
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
  await inbox.take(event);
  answerJson(exchange, 200, { received: true });
}

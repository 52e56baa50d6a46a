/** Where Stripe delivers: raw bytes, checked, put down and acknowledged. What they mean is found out by jobs. */
import type { IncomingMessage } from 'node:http';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { refusalError } from '../graphql/execution/errors.ts';
import type { Log } from '../kernel/log.ts';
import { Refusal } from '../kernel/refusal.ts';
import type { StripeEvent } from '../stripe/webhooks/events.ts';
import { type WebhookKind, WebhookRejection } from '../stripe/webhooks/webhooks.ts';
import { answerError, answerJson, httpError } from './answers.ts';
import { BodyTooLong, readBody } from './bodies.ts';
import { FloodLog } from './flood-log.ts';
import type { Route } from './route.ts';

interface Options {
  readonly webhooks: { verify(kind: WebhookKind, body: Buffer, signature: string | undefined): StripeEvent };
  readonly inbox: { take(event: StripeEvent): Promise<unknown> };
  readonly log: Log;
}

/**
 * The longest event that is looked at. Stripe publishes no bound for webhooks; its other way of delivering the same events, to
 * Amazon EventBridge, takes entries of at most 256 KB. An event holds one object, of whose lists ten are in it, and whose metadata
 * has at most 50 values of 500 characters: what is longer is not Stripe's, and is not worth hashing.
 */
const MOST_BYTES = 256 * 1024;

/** How long rejected deliveries are counted before they are told of again. */
const FLOOD_WINDOW_MS = 60_000;

/** Snapshot and thin events have a route each: their forms and their secrets differ. */
export function createStripeWebhookRoutes(options: Options): readonly Route[] {
  const { log } = options;
  // Anybody can send what Stripe did not sign.
  const rejected = new FloodLog(
    ({ count, latest }) =>
      log.warn({ ...latest, count }, count === 1 ? 'a webhook was turned away' : 'webhooks were turned away'),
    FLOOD_WINDOW_MS,
  );
  return [
    async (app) => {
      // The signature is over the bytes as they came.
      app.addContentTypeParser('*', (_request: FastifyRequest, payload: IncomingMessage) =>
        readBody(payload, MOST_BYTES),
      );
      app.setErrorHandler((error, request) => {
        if (error instanceof BodyTooLong) {
          rejected.note(error.message, { requestId: request.id, reason: error.message });
        }
        throw error;
      });
      const kinds: Readonly<Record<WebhookKind, string>> = {
        snapshot: '/webhooks/stripe',
        thin: '/webhooks/stripe/thin',
      };
      for (const [kind, url] of Object.entries(kinds) as [WebhookKind, string][]) {
        app.post(url, (request, reply) => take(kind, request, reply, { ...options, rejected }));
      }
    },
  ];
}

/** While the database is away nothing is acknowledged, and Stripe delivers again. */
async function take(
  kind: WebhookKind,
  request: FastifyRequest,
  reply: FastifyReply,
  { webhooks, inbox, rejected }: Options & { rejected: FloodLog },
): Promise<FastifyReply> {
  const signature = request.headers['stripe-signature'];
  const body = (request.body as Buffer | undefined) ?? Buffer.alloc(0);
  let event: StripeEvent;
  try {
    event = webhooks.verify(kind, body, typeof signature === 'string' ? signature : undefined);
  } catch (error) {
    if (!(error instanceof WebhookRejection)) throw error;
    rejected.note(`${kind}: ${error.message}`, { requestId: request.id, kind, reason: error.message });
    return answerError(reply, 400, httpError('BAD_REQUEST', `Not taken: ${error.message}.`));
  }
  try {
    await inbox.take(event);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return answerError(reply, 503, refusalError(error));
  }
  return answerJson(reply, 200, { received: true });
}

import type { IncomingMessage, ServerResponse } from 'node:http';
import { GraphQLError } from 'graphql';
import { refusalBody } from '../graphql/errors.ts';

/** One request and its answer on their way through the routes. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Without the query. */
  readonly path: string;
  /** What follows the question mark; empty without one. */
  readonly search: string;
  /** The client's x-request-id, if it is a decent one, or ours; sent back and found in the logs. */
  readonly requestId: string;
  /** The Origin header, which was checked. */
  readonly origin: string | undefined;
}

/** A path (or, ending in `/*`, all below it) and who answers it. */
export interface Route {
  readonly path: string;
  readonly methods: readonly string[];
  handle(exchange: Exchange): Promise<void> | void;
}

/** Sends a complete answer with the headers that every answer bears. */
export function answer(
  exchange: Exchange,
  status: number,
  contentType: string,
  body: string | Buffer,
  more: readonly string[] = [],
): void {
  const { request, response } = exchange;
  if (response.headersSent || response.destroyed) return;
  const headers = [
    'content-type',
    contentType,
    'content-length',
    String(typeof body === 'string' ? Buffer.byteLength(body) : body.length),
    ...commonHeaders(exchange),
    ...more,
  ];
  response.writeHead(status, headers);
  response.end(request.method === 'HEAD' ? undefined : body);
}

/** For handlers that write their answer themselves, such as streams: what {@link answer} adds. */
export function commonHeaders(exchange: Exchange): string[] {
  const headers = [
    'x-request-id',
    exchange.requestId,
    'cache-control',
    'no-store',
    'x-content-type-options',
    'nosniff',
  ];
  if (exchange.origin !== undefined) {
    headers.push(
      'access-control-allow-origin',
      exchange.origin,
      'vary',
      'origin',
      'access-control-expose-headers',
      'x-request-id, retry-after',
    );
  }
  return headers;
}

export function answerJson(exchange: Exchange, status: number, value: unknown, more?: readonly string[]): void {
  answer(exchange, status, 'application/json; charset=utf-8', JSON.stringify(value), more);
}

/**
 * An error in GraphQL's form, which clients of every route understand. RATE_LIMITED and UNAVAILABLE say in
 * `retry-after` what `retryAfterMs` says, rounded up to seconds.
 */
export function answerError(
  exchange: Exchange,
  status: number,
  error: GraphQLError,
  more: readonly string[] = [],
): void {
  const { retryAfterMs } = error.extensions;
  const retryAfter = typeof retryAfterMs === 'number' ? ['retry-after', String(Math.ceil(retryAfterMs / 1000))] : [];
  const accepts = exchange.request.headers.accept?.includes(graphqlJson) === true;
  const contentType = `${accepts ? graphqlJson : 'application/json'}; charset=utf-8`;
  answer(exchange, status, contentType, JSON.stringify(refusalBody(error)), [...retryAfter, ...more]);
}

/** A request that is wrong as HTTP, before GraphQL has a say. */
export function httpError(
  code:
    | 'BAD_REQUEST'
    | 'NOT_FOUND'
    | 'METHOD_NOT_ALLOWED'
    | 'FORBIDDEN'
    | 'PAYLOAD_TOO_LARGE'
    | 'UNSUPPORTED_MEDIA_TYPE'
    | 'UNAUTHENTICATED',
  message: string,
): GraphQLError {
  return new GraphQLError(message, { extensions: { code } });
}

const graphqlJson = 'application/graphql-response+json';

/**
 * The whole body; null when it is longer than `maxBytes`. What is too long is read on for a while and thrown away,
 * because a client that is cut off while it still writes never sees why.
 * Rejects when the client goes away.
 */
export function readBody(request: IncomingMessage, maxBytes: number): Promise<Buffer | null> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    request.on('data', (chunk: Buffer) => {
      length += chunk.length;
      if (length <= maxBytes) {
        chunks.push(chunk);
        return;
      }
      chunks.length = 0;
      if (length > maxBytes + patienceBytes) {
        request.pause();
        resolve(null);
      }
    });
    request.on('end', () => {
      const [only] = chunks;
      if (length > maxBytes) resolve(null);
      else resolve(chunks.length === 1 && only !== undefined ? only : Buffer.concat(chunks, length));
    });
    request.on('error', reject);
    request.on('close', () => {
      // Making an error costs more than all the rest here: only for a client that really went away.
      if (!request.complete) reject(new Error('the client went away'));
    });
  });
}

const patienceBytes = 32 * 1024 * 1024;

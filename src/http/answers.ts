/** The forms that answers take, on every route. */
import type { FastifyReply } from 'fastify';
import { GraphQLError } from 'graphql';
import { refusalBody } from '../graphql/execution/errors.ts';

/** A complete answer; HTTP's own headers are added on the way out. */
export function answer(
  reply: FastifyReply,
  status: number,
  contentType: string,
  body: string | Buffer,
  headers: Readonly<Record<string, string>> = {},
): FastifyReply {
  return reply.code(status).header('content-type', contentType).headers(headers).send(body);
}

export function answerJson(reply: FastifyReply, status: number, value: unknown): FastifyReply {
  return answer(reply, status, 'application/json; charset=utf-8', JSON.stringify(value));
}

/**
 * An error in GraphQL's form, which clients of every route understand. RATE_LIMITED and UNAVAILABLE say in
 * `retry-after` what `retryAfterMs` says, rounded up to seconds.
 */
export function answerError(
  reply: FastifyReply,
  status: number,
  error: GraphQLError,
  headers: Readonly<Record<string, string>> = {},
): FastifyReply {
  const { retryAfterMs } = error.extensions;
  if (typeof retryAfterMs === 'number') void reply.header('retry-after', String(Math.ceil(retryAfterMs / 1000)));
  const accepts = reply.request.headers.accept?.includes(GRAPHQL_JSON) === true;
  const contentType = `${accepts ? GRAPHQL_JSON : 'application/json'}; charset=utf-8`;
  return answer(reply, status, contentType, JSON.stringify(refusalBody(error)), headers);
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

/** The body of an answer that is written straight to a connection, before or beside HTTP's own machinery. */
export function bareAnswer(status: string, error: GraphQLError): string {
  const body = JSON.stringify(refusalBody(error));
  return `HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-type: application/json; charset=utf-8\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
}

const GRAPHQL_JSON = 'application/graphql-response+json';

/** What becomes of a request that some part of the edge would not take, or that broke. */
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { internalError, refusalError } from '../graphql/execution/errors.ts';
import type { Log } from '../kernel/log.ts';
import { Refusal } from '../kernel/refusal.ts';
import { answerError, httpError } from './answers.ts';
import { BodyTooLong, ClientGone } from './bodies.ts';
import type { EdgeMetrics } from './metrics.ts';

interface Options {
  readonly metrics: Pick<EdgeMetrics, 'refusals'>;
  readonly log: Log;
}

/** Answers every error that a hook, a parser or a handler ends with. */
export function createFailureHandler(
  options: Options,
): (error: FastifyError, request: FastifyRequest, reply: FastifyReply) => void {
  return (error, request, reply) => {
    if (error instanceof ClientGone || (request.raw.destroyed && !request.raw.complete)) {
      reply.hijack();
      request.raw.destroy();
    } else if (error instanceof BodyTooLong) {
      answerError(reply, 413, httpError('PAYLOAD_TOO_LARGE', error.message), { connection: 'close' });
    } else if (error instanceof Refusal) {
      options.metrics.refusals.inc({ code: error.code });
      answerRefusal(reply, error);
    } else if (error.code?.startsWith('FST_') && (error.statusCode ?? 500) < 500) {
      answerUnreadable(reply, error);
    } else {
      answerError(reply, 500, internalError(error, options.log));
    }
  };
}

function answerRefusal(reply: FastifyReply, refusal: Refusal): void {
  const statuses: Partial<Record<Refusal['code'], number>> = {
    UNAUTHENTICATED: 401,
    FORBIDDEN: 403,
    RATE_LIMITED: 429,
    UNAVAILABLE: 503,
  };
  const headers: Record<string, string> = refusal.code === 'UNAUTHENTICATED' ? { 'www-authenticate': 'Bearer' } : {};
  answerError(reply, statuses[refusal.code] ?? 400, refusalError(refusal), headers);
}

/** The framework's own refusals, such as of a content type that is no content type. */
function answerUnreadable(reply: FastifyReply, error: FastifyError): void {
  if (error.statusCode === 415) {
    answerError(reply, 415, httpError('UNSUPPORTED_MEDIA_TYPE', 'The content type is none.'));
  } else {
    answerError(reply, error.statusCode ?? 400, httpError('BAD_REQUEST', 'The request could not be read.'));
  }
}

import { randomUUID } from 'node:crypto';
import { GraphQLError } from 'graphql';
import type { GraphQLErrorOptions, GraphQLFormattedError } from 'graphql';
import type { Log } from '../../kernel/log.ts';
import { Refusal } from '../../kernel/refusal.ts';

/** Codes of errors that GraphQL itself defines, with the names that its clients know. */
export type GraphqlCode =
  | 'GRAPHQL_PARSE_FAILED'
  | 'GRAPHQL_VALIDATION_FAILED'
  | 'OPERATION_RESOLUTION_FAILURE'
  | 'BAD_USER_INPUT'
  | 'INTERNAL_SERVER_ERROR';

/** The text of every masked error. The log has the rest, under the correlation id. */
const maskedMessage = 'Internal server error';

/** An error with a code, at the place of `at` in the document. */
export function codedError(code: GraphqlCode, message: string, at?: GraphQLError): GraphQLError {
  return new GraphQLError(message, { ...placeOf(at), extensions: { code } });
}

/** A refusal as clients see it: `extensions.code`, its details, and where it is worth trying again `retryable` and `retryAfterMs`. */
export function refusalError(refusal: Refusal, at?: GraphQLError): GraphQLError {
  return new GraphQLError(refusal.message, {
    ...placeOf(at),
    extensions: {
      ...refusal.details,
      code: refusal.code,
      ...(refusal.retryable ? { retryable: true } : {}),
      ...(refusal.retryAfterMs === undefined ? {} : { retryAfterMs: refusal.retryAfterMs }),
    },
  });
}

/** A message, shortened: GraphQL repeats values that it could not use, however large. */
export function brief(message: string): string {
  return message.length > 2_000 ? `${message.slice(0, 2_000)}…` : message;
}

/** A bug, logged under a correlation id. The client is told that id and nothing else. */
export function internalError(error: unknown, log: Log, at?: GraphQLError): GraphQLError {
  const correlationId = randomUUID();
  log.error({ correlationId, path: at?.path?.join('.'), err: error }, 'an operation failed unexpectedly');
  return new GraphQLError(maskedMessage, {
    ...placeOf(at),
    extensions: { code: 'INTERNAL_SERVER_ERROR', correlationId },
  });
}

/**
 * An error of an execution, as clients may see it. Refusals and errors that already bear a code pass; arguments that
 * GraphQL could not read are BAD_USER_INPUT; everything else is a bug.
 */
export function executionError(error: GraphQLError, log: Log): GraphQLError {
  let cause: unknown = error;
  while (cause instanceof GraphQLError && cause.originalError !== undefined) cause = cause.originalError;
  if (cause instanceof Refusal) return refusalError(cause, error);
  if (typeof error.extensions?.['code'] === 'string' && error.extensions['code'] !== 'INTERNAL_SERVER_ERROR') {
    return plainCopy(error);
  }
  if (cause instanceof GraphQLError && cause.message.startsWith('Argument "')) {
    return codedError('BAD_USER_INPUT', cause.message, error);
  }
  return internalError(cause === error ? error.message : cause, log, error);
}

/** Anything thrown outside of an execution, such as by a subscription's source. */
export function thrownError(error: unknown, log: Log): GraphQLError {
  if (error instanceof GraphQLError) return executionError(error, log);
  return error instanceof Refusal ? refusalError(error) : internalError(error, log);
}

/** The body of an answer that no operation was run for. */
export function refusalBody(error: GraphQLError): { errors: readonly GraphQLFormattedError[] } {
  return { errors: [error.toJSON()] };
}

/** The error without its cause, whose stack and fields are not for clients. */
function plainCopy(error: GraphQLError): GraphQLError {
  const { stacktrace: _stacktrace, http: _http, ...extensions } = error.extensions;
  return new GraphQLError(error.message, {
    ...placeOf(error),
    extensions,
  });
}

function placeOf(
  error: GraphQLError | undefined,
): Pick<GraphQLErrorOptions, 'nodes' | 'source' | 'positions' | 'path'> {
  return {
    nodes: error?.nodes ?? null,
    source: error?.source ?? null,
    positions: error?.positions ?? null,
    path: error?.path ?? null,
  };
}

import type { IncomingMessage } from 'node:http';
import { ApolloServer, HeaderMap } from '@apollo/server';
import type { GraphQLResponse, HTTPGraphQLRequest } from '@apollo/server';
import {
  ApolloServerPluginCacheControlDisabled,
  ApolloServerPluginInlineTraceDisabled,
  ApolloServerPluginLandingPageDisabled,
  ApolloServerPluginSchemaReportingDisabled,
  ApolloServerPluginUsageReportingDisabled,
} from '@apollo/server/plugin/disabled';
import type { FastifyReply, FastifyRequest, onRequestHookHandler } from 'fastify';
import { parse } from 'graphql';
import type { DocumentNode, ExecutionResult, GraphQLSchema } from 'graphql';
import type { Principal } from '../billing-entities/principal.ts';
import type { Limits } from '../config/limits.ts';
import { commandsOf } from '../graphql/execution/commands-of.ts';
import { internalError } from '../graphql/execution/errors.ts';
import type { Operations, Prepared } from '../graphql/execution/operations.ts';
import type { Asked } from '../graphql/request/context.ts';
import type { Log } from '../kernel/log.ts';
import { SentJson } from '../kernel/sent-json.ts';
import { answer, answerError, httpError } from './answers.ts';
import type { Authenticator } from './authentication.ts';
import { readBody } from './bodies.ts';
import { searchOf } from './paths.ts';
import type { RateLimit } from './rate-limit.ts';
import type { Route } from './route.ts';
import type { Sessions } from './sessions.ts';
import type { Holder, UnreadBytes } from './unread-bytes.ts';

export interface GraphqlRouteOptions {
  readonly schema: GraphQLSchema;
  readonly operations: Operations;
  readonly authenticator: Authenticator;
  /** Sessions of the portal; absent: there are none. */
  readonly sessions?: Sessions;
  readonly rateLimit: RateLimit;
  readonly contextFor: (principal: Principal | null, asked?: Asked) => object;
  readonly limits: Pick<Limits, 'bodyBytes' | 'anonymousBodyBytes'>;
  readonly unread: UnreadBytes;
  readonly log: Log;
}

/** GraphQL over HTTP. Apollo Server speaks the protocol; what it would execute goes through {@link Operations}. */
export async function createGraphqlRoute(options: GraphqlRouteOptions): Promise<Route> {
  const apollo = createApollo(options);
  await apollo.start();
  return async (app) => {
    // Nothing looks at the body before all of it is there and known to be short enough for its sender.
    // The first is found without a search, the other is for how else a client may write it.
    app.addContentTypeParser(['application/json', '*'], (request: FastifyRequest, payload: IncomingMessage) =>
      readBody(payload, mostBytesOf(request, options)),
    );
    app.route({
      method: ['POST', 'GET'],
      url: '/graphql',
      onRequest: [createAdmission(options), requireJson],
      handler: (request, reply) => handle(request, reply, { ...options, apollo }),
    });
  };
}

/** The context that Apollo hands through: our own, and the prepared document of this request. */
interface ApolloContext {
  readonly context: object;
  /** Counts the operation as this many commands. */
  readonly weigh: (operations: number) => Promise<void> | undefined;
  /** An object of its own, since Apollo copies the one around it. */
  readonly found: {
    prepared: Prepared | undefined;
    /** The reason that the operation may not run now, though nothing is wrong with it. */
    refusal: Error | undefined;
  };
}

/** Identifies the caller and checks their limits, before any of the body is read. */
function createAdmission(options: GraphqlRouteOptions): onRequestHookHandler {
  const { rateLimit, unread } = options;
  const admit = (request: FastifyRequest, principal: Principal | null): Promise<void> | undefined => {
    const { remoteAddress } = request.socket;
    request.principal = principal;
    request.holder = unread.holderOf(principal, remoteAddress);
    const refusal = unread.refusal(request.holder);
    if (refusal !== null) throw refusal;
    return rateLimit(principal, remoteAddress);
  };
  return (request, _reply, done) => {
    // Tokens that are known, and callers who are not counted, cost no promise.
    try {
      const authenticated = callerOf(request, options);
      const admitted =
        authenticated instanceof Promise
          ? authenticated.then((principal) => admit(request, principal))
          : admit(request, authenticated);
      if (admitted === undefined) done();
      else void settle(admitted, done);
    } catch (error) {
      done(error as Error);
    }
  };
}

/** A token decides where there is one; else the session of a page of ours does, for POST alone: links and images can GET. */
function callerOf(
  { method, headers, socket }: FastifyRequest,
  { authenticator, sessions }: GraphqlRouteOptions,
): Promise<Principal | null> | Principal | null {
  if (headers.authorization !== undefined) {
    return authenticator.authenticate(headers.authorization, socket.remoteAddress);
  }
  const sealed = method === 'POST' ? (sessions?.ofRequest(headers) ?? null) : null;
  return sealed === null || sessions === undefined ? null : sessions.principalOf(sealed);
}

async function settle(admitted: Promise<void>, done: (error?: Error) => void): Promise<void> {
  let failure: Error | undefined;
  try {
    await admitted;
  } catch (error) {
    failure = error as Error;
  }
  done(failure);
}

function mostBytesOf({ principal }: FastifyRequest, { limits }: GraphqlRouteOptions): number {
  return principal === null ? limits.anonymousBodyBytes : limits.bodyBytes;
}

async function handle(
  request: FastifyRequest,
  reply: FastifyReply,
  options: GraphqlRouteOptions & { apollo: ApolloServer<ApolloContext> },
): Promise<FastifyReply> {
  const { apollo, contextFor, unread, rateLimit } = options;
  const sent = request.method === 'POST' ? SentJson.read(request.body as Buffer) : undefined;
  if (sent === null) {
    return answerError(reply, 400, httpError('BAD_REQUEST', 'The body is not valid JSON.'));
  }
  const context: ApolloContext = {
    context: contextFor(request.principal, sent && { sent: { json: sent, values: variablesOf(sent.value) } }),
    weigh: (operations) => rateLimit.weigh(request.principal, request.socket.remoteAddress, operations),
    found: { prepared: undefined, refusal: undefined },
  };
  const response = await apollo.executeHTTPGraphQLRequest({
    httpGraphQLRequest: apolloRequest(request, sent?.value),
    context: () => Promise.resolve(context),
  });
  const { prepared, refusal: notNow } = context.found;
  if (notNow !== undefined) throw notNow;
  const headers: Record<string, string> = {};
  let contentType = 'application/json; charset=utf-8';
  for (const [name, value] of response.headers) {
    if (name === 'content-type') contentType = value;
    else if (name !== 'content-length' && name !== 'cache-control') headers[name] = value;
  }
  if (response.body.kind !== 'complete') throw new Error('incremental delivery is not supported');
  const text = response.body.string;
  // Other requests may have been handed much meanwhile. The result of a mutation is sent all the same: it was done.
  if (prepared?.operation?.kind !== 'mutation') {
    const refusal = unread.refusal(request.holder as Holder, Buffer.byteLength(text));
    if (refusal !== null) throw refusal;
  }
  return answer(reply, response.status ?? 200, contentType, text, headers);
}

function createApollo(options: GraphqlRouteOptions): ApolloServer<ApolloContext> {
  const { schema, operations, log } = options;
  return new ApolloServer<ApolloContext>({
    schema,
    plugins: [
      {
        // A document that is already there is neither parsed nor validated by Apollo, and an answer that is already
        // there is not executed: measured, this costs less than a gateway's executor. A refused document is stood in
        // for by a harmless one, whose answer is the errors.
        async requestDidStart() {
          return {
            async didResolveSource(requestContext) {
              const { request, contextValue } = requestContext;
              const { operationName, variables } = request;
              contextValue.found.prepared = refuseSubscription(
                operations.prepare({ query: requestContext.source, operationName, variables }),
              );
              const weighed = weigh(contextValue, variables);
              if (weighed !== undefined) await weighed;
              (requestContext as { document?: DocumentNode }).document =
                contextValue.found.prepared.operation?.document ?? harmless;
              if (contextValue.found.prepared.operation === null) delete request.operationName;
            },
            async responseForOperation({ request, contextValue }) {
              const { context, found } = contextValue;
              const { prepared } = found;
              if (!prepared?.operation) return graphqlResponse({ errors: prepared?.errors ?? [] });
              return graphqlResponse(await operations.execute(prepared.operation, request.variables, context));
            },
          };
        },
      },
      ApolloServerPluginCacheControlDisabled(),
      ApolloServerPluginInlineTraceDisabled(),
      ApolloServerPluginLandingPageDisabled(),
      ApolloServerPluginSchemaReportingDisabled(),
      ApolloServerPluginUsageReportingDisabled(),
    ],
    formatError(formatted, error) {
      if (formatted.extensions?.['code'] !== 'INTERNAL_SERVER_ERROR' || 'correlationId' in formatted.extensions) {
        return formatted;
      }
      return internalError(error, log).toJSON();
    },
    logger: {
      debug: (message) => log.debug(String(message)),
      info: (message) => log.info(String(message)),
      warn: (message) => log.warn(String(message)),
      error: (message) => log.error(String(message)),
    },
    documentStore: null,
    persistedQueries: false,
    dangerouslyDisableValidation: true,
    introspection: true,
    includeStacktraceInErrorResponses: false,
    stopOnTerminationSignals: false,
    allowBatchedHttpRequests: false,
    // A cookie counts for POST from our own pages with a header of theirs and nowhere else, POST must be application/json,
    // GET only reads, and foreign origins are turned away before: there is nothing to forge, and GET stays usable without a
    // magic header.
    csrfPrevention: false,
    stringifyResult: JSON.stringify,
    nodeEnv: 'production',
  });
}

/** Without data nothing was executed, for which HTTP has the status 400. The errors are already fit for clients. */
function graphqlResponse({ data, errors }: ExecutionResult): GraphQLResponse {
  const singleResult = {
    ...(errors && { errors: errors.map((error) => error.toJSON()) }),
    ...(data !== undefined && { data }),
  };
  const head = { headers: new HeaderMap(), ...(data === undefined && { status: 400 }) };
  return { http: head, body: { kind: 'single', singleResult } };
}

const harmless = parse('{ __typename }');

const notOverHttp: Prepared = {
  operation: null,
  errors: [
    httpError('BAD_REQUEST', 'Subscriptions are served over WebSocket, with the protocol graphql-transport-ws.'),
  ],
};

/** Counts the commands of the operation. When its caller may not run it now, the reason is kept for the answer. */
function weigh(context: ApolloContext, variables: Record<string, unknown> | undefined): Promise<void> | undefined {
  const { found } = context;
  const operation = found.prepared?.operation;
  if (!operation) return undefined;
  return context.weigh(commandsOf(operation, variables))?.catch((error: Error) => {
    found.refusal = error;
    found.prepared = { operation: null, errors: [] };
  });
}

function refuseSubscription(prepared: Prepared): Prepared {
  return prepared.operation?.kind === 'subscription' ? notOverHttp : prepared;
}

/** The headers that Apollo reads. */
function apolloRequest(request: FastifyRequest, body: unknown): HTTPGraphQLRequest {
  const headers = new HeaderMap();
  const { accept } = request.headers;
  const contentType = request.headers['content-type'];
  // Negotiating the form of an answer that is known costs several times as much as the answer.
  if (accept !== undefined && accept !== '*/*' && accept !== 'application/json') headers.set('accept', accept);
  if (contentType !== undefined) headers.set('content-type', contentType);
  return { method: request.method, headers, ...withoutPersistedQuery(searchOf(request.url), body) };
}

/**
 * A request that names a persisted query and carries its document as well is executed like any other. Without the document
 * Apollo answers PERSISTED_QUERY_NOT_SUPPORTED, upon which clients send it from then on.
 */
function withoutPersistedQuery(search: string, body: unknown): Pick<HTTPGraphQLRequest, 'search' | 'body'> {
  if (isRecord(body)) {
    if (!namesPersistedQuery(body['extensions']) || !isNonEmpty(body['query'])) return { search, body };
    const { extensions: _, ...rest } = body;
    return { search, body: rest };
  }
  if (!search.includes('extensions=')) return { search, body };
  const parameters = new URLSearchParams(search);
  const extensions = parameters.getAll('extensions');
  if (!isNonEmpty(parameters.get('query')) || extensions.length !== 1) return { search, body };
  if (!namesPersistedQuery(parsed(extensions[0] as string))) return { search, body };
  parameters.delete('extensions');
  return { search: parameters.toString(), body };
}

function namesPersistedQuery(extensions: unknown): boolean {
  return isRecord(extensions) && extensions['persistedQuery'] !== undefined;
}

function isNonEmpty(text: unknown): boolean {
  return typeof text === 'string' && text !== '';
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json) as unknown;
  } catch {
    return undefined;
  }
}

/** A POST of anything else is refused without being read. */
function requireJson(request: FastifyRequest, reply: FastifyReply, done: () => void): void {
  const { 'content-type': contentType, 'content-encoding': encoding = 'identity' } = request.headers;
  if (request.method !== 'POST' || (isJson(contentType) && encoding === 'identity')) {
    done();
    return;
  }
  answerError(reply, 415, httpError('UNSUPPORTED_MEDIA_TYPE', 'Send application/json in UTF-8, not compressed.'));
}

function isJson(contentType: string | undefined): boolean {
  if (contentType === 'application/json') return true;
  return /^application\/json\s*(;\s*charset\s*=\s*"?utf-?8"?\s*)?;?$/i.test(contentType ?? '');
}

function variablesOf(body: unknown): object | null {
  const variables = isRecord(body) ? body['variables'] : null;
  return isRecord(variables) ? variables : null;
}

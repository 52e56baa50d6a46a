import { ApolloServer, HeaderMap } from '@apollo/server';
import type { GraphQLResponse, HTTPGraphQLRequest } from '@apollo/server';
import {
  ApolloServerPluginCacheControlDisabled,
  ApolloServerPluginInlineTraceDisabled,
  ApolloServerPluginLandingPageDisabled,
  ApolloServerPluginSchemaReportingDisabled,
  ApolloServerPluginUsageReportingDisabled,
} from '@apollo/server/plugin/disabled';
import { parse } from 'graphql';
import type { DocumentNode, ExecutionResult, GraphQLSchema } from 'graphql';
import type { Principal } from '../billing-entities/principal.ts';
import { internalError, refusalError } from '../graphql/errors.ts';
import type { Operations, Prepared } from '../graphql/operations.ts';
import type { Log } from '../log.ts';
import { Refusal } from '../refusal.ts';
import type { Authenticator } from './authentication.ts';
import { answer, answerError, httpError, readBody } from './exchange.ts';
import type { Exchange, Route } from './exchange.ts';
import type { EdgeMetrics } from './metrics.ts';
import type { RateLimit } from './rate-limit.ts';

export interface GraphqlRouteOptions {
  readonly schema: GraphQLSchema;
  readonly operations: Operations;
  readonly authenticator: Authenticator;
  readonly rateLimit: RateLimit;
  readonly contextFor: (principal: Principal | null) => object;
  readonly bodyBytes: number;
  readonly metrics: EdgeMetrics;
  readonly log: Log;
}

/** GraphQL over HTTP. Apollo Server speaks the protocol; what it would execute goes through {@link Operations}. */
export async function createGraphqlRoute(options: GraphqlRouteOptions): Promise<Route> {
  const apollo = createApollo(options);
  await apollo.start();
  return {
    path: '/graphql',
    methods: ['POST', 'GET'],
    handle: (exchange) => handle(exchange, apollo, options),
  };
}

/** What Apollo hands through as its context: ours, and what the document of this request turned out to be. */
interface ApolloContext {
  readonly context: object;
  prepared: Prepared | undefined;
}

async function handle(
  exchange: Exchange,
  apollo: ApolloServer<ApolloContext>,
  options: GraphqlRouteOptions,
): Promise<void> {
  const { request } = exchange;
  let context: object;
  let body: unknown;
  try {
    const authenticated = options.authenticator.authenticate(
      request.headers.authorization,
      request.socket.remoteAddress,
    );
    const principal = authenticated instanceof Promise ? await authenticated : authenticated;
    const wait = options.rateLimit(principal, request.socket.remoteAddress);
    if (wait !== undefined) await wait;
    if (request.method === 'POST') {
      const text = await readDocumentBody(exchange, options.bodyBytes);
      if (text === null) return;
      body = parseJson(text);
      if (body === undefined) {
        answerError(exchange, 400, httpError('BAD_REQUEST', 'The body is not valid JSON.'));
        return;
      }
    }
    context = options.contextFor(principal);
  } catch (error) {
    answerFailure(exchange, error, options);
    return;
  }
  const response = await apollo.executeHTTPGraphQLRequest({
    httpGraphQLRequest: apolloRequest(exchange, body),
    context: () => Promise.resolve({ context, prepared: undefined }),
  });
  const headers: string[] = [];
  let contentType = 'application/json; charset=utf-8';
  for (const [name, value] of response.headers) {
    if (name === 'content-type') contentType = value;
    else if (name !== 'content-length' && name !== 'cache-control') headers.push(name, value);
  }
  if (response.body.kind !== 'complete') throw new Error('incremental delivery is not supported');
  answer(exchange, response.status ?? 200, contentType, response.body.string, headers);
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
              contextValue.prepared = refuseSubscription(
                operations.prepare({ query: requestContext.source, operationName, variables }),
              );
              (requestContext as { document?: DocumentNode }).document =
                contextValue.prepared.operation?.document ?? harmless;
              if (contextValue.prepared.operation === null) delete request.operationName;
            },
            async responseForOperation({ request, contextValue }) {
              const { prepared, context } = contextValue;
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
    // Nothing here is authorised by cookies, POST must be application/json, GET only reads, and foreign origins are
    // turned away before: there is nothing to forge, and GET stays usable without a magic header.
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

function refuseSubscription(prepared: Prepared): Prepared {
  return prepared.operation?.kind === 'subscription' ? notOverHttp : prepared;
}

/** Of the headers, those that Apollo looks at. */
function apolloRequest(exchange: Exchange, body: unknown): HTTPGraphQLRequest {
  const { request } = exchange;
  const headers = new HeaderMap();
  const { accept } = request.headers;
  const contentType = request.headers['content-type'];
  // Negotiating over an answer that is known costs several times as much as the answer.
  if (accept !== undefined && accept !== '*/*' && accept !== 'application/json') headers.set('accept', accept);
  if (contentType !== undefined) headers.set('content-type', contentType);
  return { method: request.method ?? 'GET', headers, search: exchange.search, body };
}

/** null: already answered. */
async function readDocumentBody(exchange: Exchange, maxBytes: number): Promise<string | null> {
  const { request } = exchange;
  if (!isJson(request.headers['content-type']) || (request.headers['content-encoding'] ?? 'identity') !== 'identity') {
    request.resume();
    answerError(exchange, 415, httpError('UNSUPPORTED_MEDIA_TYPE', 'Send application/json in UTF-8, not compressed.'));
    return null;
  }
  const body = await readBody(request, maxBytes);
  if (body !== null) return body.toString();
  answerError(exchange, 413, httpError('PAYLOAD_TOO_LARGE', `The body is longer than ${maxBytes} bytes.`), [
    'connection',
    'close',
  ]);
  return null;
}

function isJson(contentType: string | undefined): boolean {
  if (contentType === 'application/json') return true;
  return /^application\/json\s*(;\s*charset\s*=\s*"?utf-?8"?\s*)?;?$/i.test(contentType ?? '');
}

/** undefined, which JSON cannot say: not JSON. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function answerFailure(exchange: Exchange, error: unknown, options: GraphqlRouteOptions): void {
  exchange.request.resume();
  if (!(error instanceof Refusal)) {
    if (exchange.request.destroyed && !exchange.request.complete) return;
    answerError(exchange, 500, internalError(error, options.log));
    return;
  }
  options.metrics.refusals.inc({ code: error.code });
  const statuses: Partial<Record<Refusal['code'], number>> = {
    UNAUTHENTICATED: 401,
    FORBIDDEN: 403,
    RATE_LIMITED: 429,
    UNAVAILABLE: 503,
  };
  const more = error.code === 'UNAUTHENTICATED' ? ['www-authenticate', 'Bearer'] : [];
  answerError(exchange, statuses[error.code] ?? 400, refusalError(error), more);
}

import type { GraphiQL } from 'graphiql';
import { type ExecutionResult, getOperationAST, OperationTypeNode, parse } from 'graphql';
import { type Client, createClient } from 'graphql-ws';
import type { ComponentProps } from 'react';
import { SESSION_HEADERS } from './session.ts';

type Fetcher = ComponentProps<typeof GraphiQL>['fetcher'];

interface Operation {
  readonly query: string;
  readonly operationName?: string | null;
  readonly variables?: Record<string, unknown>;
}

/**
 * Sends queries and mutations by HTTP and subscriptions over the WebSocket, both to `path`. The socket carries the
 * Authorization of the headers editor; a changed one opens a new socket.
 */
export function createFetcher(path: string): Fetcher {
  const url = new URL(path, location.href);
  const socketUrl = new URL(url);
  socketUrl.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
  let socket: { readonly authorization: string | undefined; readonly client: Client } | undefined;

  function clientFor(authorization: string | undefined): Client {
    if (socket?.authorization === authorization && socket !== undefined) return socket.client;
    void socket?.client.dispose();
    const client = createClient({
      url: socketUrl.href,
      connectionParams: authorization === undefined ? {} : { authorization },
    });
    socket = { authorization, client };
    return client;
  }

  return ({ query, operationName, variables }, options) => {
    const headers = withoutBlankToken(options?.headers ?? {});
    const operation: Operation = {
      query,
      ...(operationName == null ? {} : { operationName }),
      ...(isRecord(variables) ? { variables } : {}),
    };
    if (!isSubscription(operation)) return post(url, operation, headers);
    return explained(clientFor(authorizationIn(headers)).iterate(operation) as AsyncIterableIterator<ExecutionResult>);
  };
}

async function post(url: URL, operation: Operation, headers: Record<string, string>): Promise<ExecutionResult> {
  const response = await fetch(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/graphql-response+json, application/json;q=0.9',
      ...SESSION_HEADERS,
      ...headers,
    },
    body: JSON.stringify(operation),
  });
  return (await response.json()) as ExecutionResult;
}

function isSubscription({ query, operationName }: Operation): boolean {
  try {
    return getOperationAST(parse(query), operationName)?.operation === OperationTypeNode.SUBSCRIPTION;
  } catch {
    // A document that does not parse goes to the server by HTTP, whose answer says where it is wrong.
    return false;
  }
}

function authorizationIn(headers: Record<string, string>): string | undefined {
  return Object.entries(headers).find(([name]) => name.toLowerCase() === 'authorization')?.[1];
}

/** Someone without a token still sees the schema: a bare «Bearer», as the headers editor first shows it, is left out. */
function withoutBlankToken(headers: Record<string, string>): Record<string, string> {
  const token = authorizationIn(headers)
    ?.replace(/^bearer\b/i, '')
    .trim();
  return token === ''
    ? Object.fromEntries(Object.entries(headers).filter(([name]) => name.toLowerCase() !== 'authorization'))
    : headers;
}

/** The same results; a refused or lost socket, which arrives as an event and would be shown as `{}`, says what happened. */
function explained(results: AsyncIterableIterator<ExecutionResult>): AsyncIterableIterator<ExecutionResult> {
  return {
    [Symbol.asyncIterator]() {
      return this;
    },
    next: () => results.next().catch((error: unknown) => Promise.reject(explain(error))),
    // Not an async generator: its return() would wait for the next result, and Stop is to stop at once.
    return: async () => (await results.return?.()) ?? { done: true, value: undefined },
  };
}

function explain(error: unknown): unknown {
  if (error instanceof CloseEvent) return new Error(`The socket was closed: ${error.code} ${error.reason}`.trim());
  if (error instanceof Event) return new Error('The socket could not be opened.');
  return error;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

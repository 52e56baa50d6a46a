import { type Client, createClient } from 'graphql-ws';
import type { TypedDocumentString } from '../gql/graphql.ts';

const PING_MS = 10_000;
const PONG_MS = 5_000;
/** The socket's own range for applications; the server is silent. */
const SILENT = 4408;

/** Codes of a socket that say that one is not signed in any more (graphql-transport-ws: 4401 and 4403). */
export function endsTheSession(error: unknown): boolean {
  return error instanceof CloseEvent && (error.code === 4401 || error.code === 4403);
}

/**
 * One WebSocket for all subscriptions. The cookie authenticates it. It does not retry by itself: who subscribes asks for
 * the present state before subscribing anew (follow.ts). A server that is silent for five seconds after a ping is lost.
 */
export function createSocket(location: Location): Client {
  let deadline: ReturnType<typeof setTimeout> | undefined;
  let socket: WebSocket | undefined;
  return createClient({
    url: `${location.protocol === 'https:' ? 'wss:' : 'ws:'}//${location.host}/graphql`,
    retryAttempts: 0,
    lazyCloseTimeout: 1_000,
    keepAlive: PING_MS,
    on: {
      opened: (opened) => {
        socket = opened as WebSocket;
      },
      ping: (received) => {
        if (received) return;
        clearTimeout(deadline);
        deadline = setTimeout(() => socket?.close(SILENT, 'No answer'), PONG_MS);
      },
      pong: (received) => {
        if (received) clearTimeout(deadline);
      },
      closed: () => clearTimeout(deadline),
    },
  });
}

/** The data of a subscription, event by event. An event with errors throws the first. */
export async function* eventsOf<Data, Variables extends Record<string, unknown>>(
  client: Client,
  document: TypedDocumentString<Data, Variables>,
  { variables, signal }: { readonly variables: Variables; readonly signal: AbortSignal },
): AsyncGenerator<Data> {
  const events = client.iterate<Data>({ query: document.toString(), variables });
  const stop = (): void => void events.return?.();
  signal.addEventListener('abort', stop);
  try {
    for await (const { data, errors } of events) {
      const [error] = errors ?? [];
      if (error !== undefined) throw new Error(error.message);
      if (data != null) yield data;
    }
  } finally {
    signal.removeEventListener('abort', stop);
    stop();
  }
}

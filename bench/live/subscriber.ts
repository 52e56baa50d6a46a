import { once } from 'node:events';
import { WebSocket } from 'ws';

/** The part of an event that a subscriber reads. */
interface Event {
  readonly version: number;
  readonly asOf: string;
}

/** One subscription on a socket of its own. */
export interface Subscriber {
  close(): void;
}

/** A socket that asks. */
export interface AskingSocket {
  /** Runs one operation and gives its data. @throws with the first error. */
  ask(query: string, variables: Record<string, unknown>): Promise<unknown>;
  close(): void;
}

interface ServerMessage {
  readonly type: string;
  readonly id?: string;
  readonly payload?: { readonly data?: unknown; readonly errors?: readonly unknown[] };
}

/** Subscribes to an account's balance; resolves with the first event. @throws when the server refuses. */
export async function openSubscriber(
  road: { readonly url: string; readonly authorization: string; readonly billingEntityId: string },
  watch: { received(event: Event): void; failed(reason: string): void },
): Promise<Subscriber> {
  const socket = await connect(road.url, road.authorization);
  const first = Promise.withResolvers<void>();
  let isClosing = false;
  const fail = (reason: string): void => {
    if (isClosing) return;
    watch.failed(reason);
    first.reject(new Error(reason));
  };
  socket.on('message', (data: Buffer) => {
    const message = JSON.parse(data.toString()) as ServerMessage;
    if (message.type === 'ping') return socket.send('{"type":"pong"}');
    const event = (message.payload?.data as { balanceUpdated: Event } | undefined)?.balanceUpdated;
    if (message.type !== 'next' || event === undefined) return fail(data.toString().slice(0, 300));
    watch.received(event);
    first.resolve();
  });
  socket.on('close', (code, reason) => {
    fail(`The socket closed: ${code} ${reason.toString()}`);
  });
  const payload = { query: balanceUpdated, variables: { id: road.billingEntityId } };
  socket.send(JSON.stringify({ id: '1', type: 'subscribe', payload }));
  await first.promise;
  return {
    close: () => {
      isClosing = true;
      socket.close();
    },
  };
}

/** A socket for many operations at one time. */
export async function openSocket(url: string, authorization: string): Promise<AskingSocket> {
  const socket = await connect(url, authorization);
  const waiting = new Map<string, PromiseWithResolvers<unknown>>();
  let lastId = 0;
  socket.on('message', (data: Buffer) => {
    const { type, id = '', payload } = JSON.parse(data.toString()) as ServerMessage;
    if (type === 'ping') return socket.send('{"type":"pong"}');
    if (type === 'complete') return;
    const answer = waiting.get(id);
    waiting.delete(id);
    if (type === 'next' && payload?.errors === undefined) answer?.resolve(payload?.data);
    else answer?.reject(new Error(data.toString().slice(0, 300)));
  });
  socket.on('close', () => {
    for (const { reject } of waiting.values()) reject(new Error('The socket closed.'));
  });
  return {
    ask: (query, variables) => {
      const id = String(++lastId);
      const answer = Promise.withResolvers<unknown>();
      waiting.set(id, answer);
      socket.send(JSON.stringify({ id, type: 'subscribe', payload: { query, variables } }));
      return answer.promise;
    },
    close: () => {
      socket.close();
    },
  };
}

const balanceUpdated = `subscription ($id: ID!) { balanceUpdated(billingEntityId: $id) {
  billingEntityId available held used allowance overage owed usedRatio version asOf
} }`;

async function connect(url: string, authorization: string): Promise<WebSocket> {
  const socket = new WebSocket(url, 'graphql-transport-ws', { perMessageDeflate: false });
  await once(socket, 'open');
  socket.send(JSON.stringify({ type: 'connection_init', payload: { authorization } }));
  const [first] = (await once(socket, 'message')) as [Buffer];
  if ((JSON.parse(first.toString()) as ServerMessage).type !== 'connection_ack') {
    throw new Error(`No connection_ack, but ${first.toString()}`);
  }
  return socket;
}

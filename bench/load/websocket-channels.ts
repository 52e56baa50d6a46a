import { once } from 'node:events';
import { WebSocket } from 'ws';
import type { Channel } from './channel.ts';
import type { WebSocketTransport } from './spec.ts';

interface ServerMessage {
  readonly type: string;
  readonly id?: string;
  readonly payload?: unknown;
}

interface Waiting {
  result: unknown;
  resolve(text: string): void;
  reject(error: Error): void;
}

/** `count` channels over a few sockets that speak graphql-transport-ws; an operation is answered when it is complete. */
export async function openWebSocketChannels(transport: WebSocketTransport, count: number): Promise<Channel[]> {
  const sockets = await Promise.all(Array.from({ length: transport.sockets }, () => openSocket(transport)));
  return Array.from({ length: count }, (_, index) => sockets[index % sockets.length] as Channel);
}

async function openSocket({ url, authorization }: WebSocketTransport): Promise<Channel> {
  const socket = new WebSocket(url, 'graphql-transport-ws', { perMessageDeflate: false });
  await once(socket, 'open');
  socket.send(JSON.stringify({ type: 'connection_init', payload: { authorization } }));
  const [first] = (await once(socket, 'message')) as [Buffer];
  const acknowledgement = JSON.parse(first.toString()) as ServerMessage;
  if (acknowledgement.type !== 'connection_ack') throw new Error(`No connection_ack, but ${first.toString()}`);

  const waiting = new Map<string, Waiting>();
  let lastId = 0;

  socket.on('message', (data: Buffer) => {
    const message = JSON.parse(data.toString()) as ServerMessage;
    if (message.type === 'ping') return socket.send('{"type":"pong"}');
    const operation = waiting.get(message.id ?? '');
    if (operation === undefined) return;
    if (message.type === 'next') {
      operation.result = message.payload;
      return;
    }
    waiting.delete(message.id ?? '');
    if (message.type === 'complete') operation.resolve(JSON.stringify(operation.result));
    else operation.reject(new Error(`${message.type}: ${JSON.stringify(message.payload).slice(0, 300)}`));
  });
  socket.on('error', (error) => failAll(error));
  socket.on('close', (code, reason) => failAll(new Error(`The socket closed: ${code} ${reason.toString()}`)));

  function failAll(error: Error): void {
    for (const operation of waiting.values()) operation.reject(error);
    waiting.clear();
  }

  return {
    send: (body) =>
      new Promise<string>((resolve, reject) => {
        if (socket.readyState !== WebSocket.OPEN) return reject(new Error('The socket is closed.'));
        const id = String(++lastId);
        waiting.set(id, { result: undefined, resolve, reject });
        socket.send(`{"id":"${id}","type":"subscribe","payload":${body}}`);
      }),
    close: () => socket.close(),
  };
}

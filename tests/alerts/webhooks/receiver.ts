/** Receivers of webhooks: real servers on this machine, over HTTP and TLS. */
import { once } from 'node:events';
import { createServer as createHttp, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import { createServer as createHttps } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { generate } from 'selfsigned';

/** A request as it arrived. */
export interface Received {
  readonly headers: Record<string, string>;
  readonly body: Buffer;
  readonly path: string;
}

export type Answer = (response: ServerResponse, received: Received, request: IncomingMessage) => unknown;

export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

/** A certificate of this name that is its own authority. */
export async function certificateOf(
  name: string,
  lifetime: { notBeforeDate?: Date; notAfterDate?: Date } = {},
): Promise<Certificate> {
  const { cert, private: key } = await generate([{ name: 'commonName', value: name }], {
    ...{ keyType: 'ec', algorithm: 'sha256', ...lifetime },
    extensions: [
      { name: 'basicConstraints', cA: true },
      { name: 'subjectAltName', altNames: [{ type: 2, value: name }] },
    ],
  });
  return { cert, key };
}

export const ok: Answer = (response) => response.writeHead(204).end();
export const status =
  (code: number): Answer =>
  (response) =>
    response.writeHead(code).end('no');

export class Receiver {
  readonly received: Received[] = [];
  /** What each request is answered with; tests change it. */
  answer: Answer = ok;
  readonly #close: () => Promise<void>;
  readonly port: number;
  readonly #scheme: string;

  private constructor(port: number, scheme: string, close: () => Promise<void>) {
    this.port = port;
    this.#scheme = scheme;
    this.#close = close;
  }

  static async open(answer: Answer = ok, certificate: Certificate | null = null): Promise<Receiver> {
    const listener: RequestListener = (request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const headers = request.headers as Record<string, string>;
        const one = { headers, body: Buffer.concat(chunks), path: request.url ?? '' };
        receiver.received.push(one);
        receiver.answer(response, one, request);
      });
    };
    const server = certificate === null ? createHttp(listener) : createHttps({ ...certificate }, listener);
    const sockets = new Set<Socket>();
    server.on('connection', (socket: Socket) => {
      sockets.add(socket);
      socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
    });
    server.on('clientError', (_error, socket) => socket.destroy());
    server.on('tlsClientError', () => undefined);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const receiver: Receiver = new Receiver(port, certificate === null ? 'http' : 'https', async () => {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    });
    receiver.answer = answer;
    return receiver;
  }

  urlOf(host = '127.0.0.1', path = '/hook'): string {
    return `${this.#scheme}://${host}:${this.port}${path}`;
  }

  get url(): string {
    return this.urlOf();
  }

  get ids(): string[] {
    return this.received.map(({ headers }) => headers['webhook-id'] ?? '');
  }

  close(): Promise<void> {
    return this.#close();
  }
}

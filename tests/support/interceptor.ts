/** Stands before the emulator and changes what it answers: as a Stripe that says what nobody here has heard of. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Interceptor {
  readonly url: string;
  stop(): Promise<void>;
}

/** @param change gives the body that is answered instead, of whatever is answered */
export async function startInterceptor(target: string, change: (body: string) => string): Promise<Interceptor> {
  const server = createServer((request, response) => {
    void (async () => {
      const parts: Buffer[] = [];
      for await (const part of request) parts.push(part as Buffer);
      const { host: _host, connection: _connection, 'content-length': _length, ...headers } = request.headers;
      const answer = await fetch(new URL(request.url ?? '/', target), {
        method: request.method ?? 'GET',
        headers: headers as Record<string, string>,
        ...(parts.length > 0 && { body: Buffer.concat(parts) }),
      });
      const body = change(await answer.text());
      response.writeHead(answer.status, { 'content-type': 'application/json' }).end(body);
    })().catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

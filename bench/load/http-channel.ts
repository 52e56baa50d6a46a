import { once } from 'node:events';
import { connect } from 'node:net';
import type { Channel } from './channel.ts';
import type { HttpTransport } from './spec.ts';

interface Waiting {
  resolve(text: string): void;
  reject(error: Error): void;
}

/**
 * A keep-alive HTTP/1.1 connection on a bare socket. A full client would cost as much CPU as the servers it measures,
 * on the same cores; this one knows just what those servers send: a status line and a content-length.
 */
export async function openHttpChannel({ host, port, path, authorization }: HttpTransport): Promise<Channel> {
  const socket = connect({ host, port, noDelay: true });
  await once(socket, 'connect');
  const head =
    `POST ${path} HTTP/1.1\r\nHost: ${host}:${port}\r\nContent-Type: application/json\r\nAccept: application/json\r\n` +
    `Authorization: ${authorization}\r\nContent-Length: `;
  let waiting: Waiting | undefined;
  let received: Buffer = Buffer.alloc(0);

  socket.on('data', (chunk: Buffer) => {
    received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
    try {
      const answer = completeAnswer(received);
      if (answer === undefined) return;
      received = Buffer.alloc(0);
      const taken = take();
      if (answer.status === 200) taken.resolve(answer.text);
      else taken.reject(new Error(`HTTP ${answer.status}: ${answer.text.slice(0, 300)}`));
    } catch (error) {
      socket.destroy(error instanceof Error ? error : new Error(String(error)));
    }
  });
  socket.on('error', (error) => waiting?.reject(error));
  socket.on('close', () => waiting?.reject(new Error('The server closed the connection.')));

  function take(): Waiting {
    if (waiting === undefined) throw new Error('An answer came that nobody waited for.');
    const taken = waiting;
    waiting = undefined;
    return taken;
  }

  return {
    send: (body) =>
      new Promise<string>((resolve, reject) => {
        if (socket.destroyed) return reject(new Error('The connection is closed.'));
        waiting = { resolve, reject };
        socket.write(`${head}${Buffer.byteLength(body)}\r\n\r\n${body}`);
      }),
    close: () => socket.destroy(),
  };
}

function completeAnswer(received: Buffer): { status: number; text: string } | undefined {
  const headEnd = received.indexOf('\r\n\r\n');
  if (headEnd < 0) return undefined;
  const head = received.toString('latin1', 0, headEnd);
  const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
  if (length === undefined) throw new Error(`No content-length in: ${head}`);
  const bodyStart = headEnd + 4;
  const bodyEnd = bodyStart + Number(length);
  if (received.length < bodyEnd) return undefined;
  if (received.length > bodyEnd) throw new Error('More came than one answer.');
  return { status: Number(head.slice(9, 12)), text: received.toString('utf8', bodyStart, bodyEnd) };
}

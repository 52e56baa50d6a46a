/** Bodies as bytes, bounded while they are read: nothing parses or hashes one before all of it is known to be short enough. */
import type { IncomingMessage } from 'node:http';

/** The body is too long for this caller. The answer is 413, after which the connection closes. */
export class BodyTooLong extends Error {
  override readonly name = 'BodyTooLong';
  readonly mostBytes: number;

  constructor(mostBytes: number) {
    super(`The body is longer than ${mostBytes} bytes.`);
    this.mostBytes = mostBytes;
  }
}

/** The client went away before it had sent all of its body: there is nobody to answer. */
export class ClientGone extends Error {
  override readonly name = 'ClientGone';
}

/**
 * Reads the whole body. A body that is too long, by its header or in fact, is thrown away as it arrives and read on for a
 * while: a client that is cut off while it still writes never sees the reason.
 * @throws by rejecting with {@link BodyTooLong}, {@link ClientGone}
 */
export function readBody(request: IncomingMessage, mostBytes: number): Promise<Buffer> {
  const declared = Number(request.headers['content-length'] ?? 0);
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    const isTooLong = (): boolean => length > mostBytes || declared > mostBytes;
    request.on('data', (chunk: Buffer) => {
      length += chunk.length;
      if (!isTooLong()) {
        chunks.push(chunk);
        return;
      }
      chunks.length = 0;
      if (length > mostBytes + PATIENCE_BYTES) {
        request.pause();
        reject(new BodyTooLong(mostBytes));
      }
    });
    request.on('end', () => {
      const [only] = chunks;
      if (isTooLong()) reject(new BodyTooLong(mostBytes));
      else resolve(chunks.length === 1 && only !== undefined ? only : Buffer.concat(chunks, length));
    });
    request.on('error', reject);
    request.on('close', () => {
      // An error costs more than all the rest here, so it is made only for a client that really went away.
      if (!request.complete) reject(new ClientGone('the client went away'));
    });
  });
}

const PATIENCE_BYTES = 32 * 1024 * 1024;

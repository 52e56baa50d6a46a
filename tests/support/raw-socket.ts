import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';

/** A WebSocket of the rude kind, on a bare connection: it answers nothing, no ping and no close frame, and reads on demand. */
export class RawSocket {
  readonly connection: Socket;
  readonly closed: Promise<void>;
  received = Buffer.alloc(0);

  private constructor(connection: Socket) {
    this.connection = connection;
    connection.on('data', (chunk: Buffer) => (this.received = Buffer.concat([this.received, chunk])));
    connection.on('error', () => {});
    // It leaves its own side open.
    this.closed = new Promise((resolve) => {
      connection.once('end', () => resolve());
      connection.once('close', () => resolve());
    });
  }

  /** Opens one, from this address of the machine. */
  static async open(url: string, localAddress = '127.0.0.1'): Promise<RawSocket> {
    const { hostname, port, pathname } = new URL(url);
    const connection = connect({ host: hostname, port: Number(port), localAddress, allowHalfOpen: true });
    const raw = new RawSocket(connection);
    connection.write(
      [
        `GET ${pathname} HTTP/1.1`,
        `host: ${hostname}:${port}`,
        'connection: Upgrade',
        'upgrade: websocket',
        'sec-websocket-version: 13',
        'sec-websocket-protocol: graphql-transport-ws',
        `sec-websocket-key: ${randomBytes(16).toString('base64')}`,
        '\r\n',
      ].join('\r\n'),
    );
    while (!raw.received.includes('\r\n\r\n') && !connection.destroyed) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    return raw;
  }

  /** Sends a frame of this kind, at most 65 535 bytes long. */
  send(opcode: number, payload: string | Buffer = ''): void {
    const bytes = Buffer.from(payload);
    const length = bytes.length < 126 ? [0x80 | bytes.length] : [0x80 | 126, bytes.length >> 8, bytes.length & 0xff];
    // A mask of zeros is one, too.
    this.connection.write(Buffer.concat([Buffer.from([0x80 | opcode, ...length, 0, 0, 0, 0]), bytes]));
  }

  message(value: unknown): void {
    this.send(OPCODES.text, typeof value === 'string' ? value : JSON.stringify(value));
  }

  /** The code of the close frame that came; null: none did. Frames before it are short. */
  get closeCode(): number | null {
    let at = this.received.indexOf('\r\n\r\n') + 4;
    while (at + 1 < this.received.length) {
      const opcode = (this.received[at] as number) & 0x0f;
      let length = (this.received[at + 1] as number) & 0x7f;
      at += 2;
      if (length === 126) {
        length = this.received.readUInt16BE(at);
        at += 2;
      }
      if (opcode === OPCODES.close) return this.received.readUInt16BE(at);
      at += length;
    }
    return null;
  }
}

export const OPCODES = { text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

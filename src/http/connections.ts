/** Open connections, and the bytes that each of them was handed and has not read. */
import type { Socket } from 'node:net';
import type { Holder, UnreadBytes } from './unread-bytes.ts';

interface Connection {
  /** The time that bytes may wait without any being taken, in milliseconds. */
  stallMs: number;
  /** Bytes that the kernel had taken when it was last looked at. */
  taken: number;
  /** When it stopped taking bytes although some wait; null: none wait, or some were taken since. */
  stalledSince: number | null;
  /** Counts that were taken for it and not released yet. */
  readonly unread: Set<() => void>;
}

interface Options {
  readonly unread: UnreadBytes;
  readonly stallMs: number;
}

/**
 * Cuts connections whose peer does not read, and counts what waits for each caller. A socket's own time-out does neither:
 * it starts anew with every byte that the peer sends.
 */
export class Connections {
  readonly #unread: UnreadBytes;
  readonly #stallMs: number;
  readonly #open = new Map<Socket, Connection>();
  readonly #sweeping: NodeJS.Timeout;

  constructor({ unread, stallMs }: Options) {
    this.#unread = unread;
    this.#stallMs = stallMs;
    this.#sweeping = setInterval(() => this.#sweep(performance.now()), Math.max(stallMs / SWEEPS, 10));
    this.#sweeping.unref();
  }

  opened(socket: Socket): void {
    const connection: Connection = { stallMs: this.#stallMs, taken: 0, stalledSince: null, unread: new Set() };
    this.#open.set(socket, connection);
    socket.once('close', () => {
      this.#open.delete(socket);
      // An answer that waits behind another one on the same connection is never told that the connection is gone.
      for (const release of connection.unread) release();
    });
  }

  /**
   * Counts `bytes` of an answer as unread by `holder` until the returned function is called, once or more often, or the
   * connection is closed.
   */
  handed(socket: Socket, holder: Holder, bytes: number): () => void {
    const connection = this.#open.get(socket);
    if (connection === undefined) return () => {};
    this.#unread.reserve(holder, bytes);
    const release = (): void => {
      if (connection.unread.delete(release)) this.#unread.release(holder, bytes);
    };
    connection.unread.add(release);
    return release;
  }

  /** Hands the watch over the connection to somebody else, or takes it back. */
  setWatched(socket: Socket, isWatched: boolean): void {
    const connection = this.#open.get(socket);
    if (connection === undefined) return;
    connection.stallMs = isWatched ? this.#stallMs : Infinity;
    connection.stalledSince = null;
  }

  stop(): void {
    clearInterval(this.#sweeping);
  }

  #sweep(now: number): void {
    for (const [socket, connection] of this.#open) {
      const waiting = socket.writableLength;
      const taken = socket.bytesWritten - waiting;
      if (waiting === 0 || taken !== connection.taken) connection.stalledSince = null;
      else if (connection.stalledSince === null) connection.stalledSince = now;
      else if (now - connection.stalledSince >= connection.stallMs) socket.destroy();
      connection.taken = taken;
    }
  }
}

/** Looks more often than bytes may wait, so that a stalled peer is cut soon after its time is over. */
const SWEEPS = 8;

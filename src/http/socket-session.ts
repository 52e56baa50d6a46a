import type { Duplex } from 'node:stream';
import type { Context } from 'graphql-ws';
import type { WebSocket } from 'ws';
import type { Principal } from '../billing-entities/principal.ts';
import type { Clock } from '../clock.ts';
import type { Operation } from '../graphql/operations.ts';
import type { Watch } from '../graphql/rights.ts';
import { textFrame } from './fan-out.ts';

/** Close codes of the protocol graphql-transport-ws and of WebSocket itself. */
export const closeCodes = {
  goingAway: 1001,
  unsupportedData: 1003,
  tryAgainLater: 1013,
  unauthorized: 4401,
  forbidden: 4403,
  internalError: 4500,
} as const;

export interface SessionOptions {
  readonly socket: WebSocket;
  /** The connection under the WebSocket. */
  readonly connection: Duplex;
  readonly remoteAddress: string | undefined;
  readonly bufferBytes: number;
  readonly clock: Clock;
}

/** One WebSocket: who is on it, what runs on it, and how much of what was sent still waits to be read. */
export class SocketSession {
  readonly remoteAddress: string | undefined;
  /** null until connection_init was accepted. */
  principal: Principal | null = null;
  /** What proved it, which may cease to. */
  authorization: string | null = null;
  /** graphql-ws's own state of this socket; holds the running subscriptions. */
  protocol: Context<Record<string, unknown>, SocketSession> | null = null;
  /** What runs, by the client's id. */
  readonly running = new Map<string, Operation['kind']>();
  subscriptions = 0;
  /** What its subscriptions show, by the client's id. */
  readonly watches = new Map<string, Watch>();
  /** Set by the peer's pong, taken away by our ping. */
  isAlive = true;
  readonly #socket: WebSocket;
  readonly #connection: Duplex;
  readonly #bufferBytes: number;
  readonly #clock: Clock;
  #expiry: NodeJS.Timeout | undefined;
  #isCorked = false;
  #drained: Promise<void> | null = null;
  #onIdle: (() => void) | null = null;

  constructor(options: SessionOptions) {
    this.#socket = options.socket;
    this.#connection = options.connection;
    this.remoteAddress = options.remoteAddress;
    this.#bufferBytes = options.bufferBytes;
    this.#clock = options.clock;
  }

  /** The socket acts for this principal from now on, until their token expires. */
  admit(principal: Principal): void {
    this.principal = principal;
    this.#watchExpiry(principal);
  }

  /** Closes the socket if its token has expired; then true. */
  closeIfExpired(): boolean {
    if (this.principal === null || this.#clock.now() < this.principal.expiresAt) return false;
    this.close(closeCodes.forbidden, 'Token expired');
    return true;
  }

  started(id: string, kind: Operation['kind']): void {
    this.running.set(id, kind);
    if (kind === 'subscription') this.subscriptions += 1;
  }

  /** The kind of what ended; undefined if it was not known to run. */
  ended(id: string): Operation['kind'] | undefined {
    const kind = this.running.get(id);
    if (kind === undefined) return undefined;
    this.running.delete(id);
    this.watches.delete(id);
    if (kind === 'subscription') this.subscriptions -= 1;
    if (this.running.size === 0) this.#onIdle?.();
    return kind;
  }

  /**
   * Sends a text frame. The promise, when there is one, resolves when a reader that had fallen behind has caught up:
   * whoever awaits it before producing more never fills the buffer. A reader that is too far behind is cut off.
   */
  send(text: string): Promise<void> | undefined {
    // A source that always has more would otherwise spin on a closing socket, and the news that it closed never come.
    if (this.#socket.readyState !== this.#socket.OPEN) return new Promise((resolve) => setImmediate(resolve));
    this.#cork();
    // Beneath ws, which would write head and text as two pieces; safe while nothing is compressed.
    this.#connection.write(textFrame(text));
    if (this.#socket.bufferedAmount > this.#bufferBytes) {
      this.close(closeCodes.tryAgainLater, 'Too slow a reader');
      // The close frame waits behind all that was not read; it is only a courtesy.
      setTimeout(() => this.terminate(), 1000).unref();
    }
    return this.#connection.writableNeedDrain ? this.#whenDrained() : undefined;
  }

  close(code: number, reason: string): void {
    this.#socket.close(code, reason);
  }

  terminate(): void {
    this.#socket.terminate();
  }

  /** Cuts off a peer that did not answer the last ping, and pings again. */
  checkPeer(): void {
    if (!this.isAlive) {
      this.terminate();
      return;
    }
    this.isAlive = false;
    if (this.#socket.readyState === this.#socket.OPEN) this.#socket.ping();
  }

  /** The client is told `complete`. */
  endSubscription(id: string): void {
    const subscription = this.protocol?.subscriptions[id];
    if (subscription && 'return' in subscription) void subscription.return(undefined);
  }

  /** Completes subscriptions, lets queries and mutations finish, then closes with 1001. */
  async leave(): Promise<void> {
    for (const id of Object.keys(this.protocol?.subscriptions ?? {})) this.endSubscription(id);
    if (this.running.size > 0) await new Promise<void>((resolve) => (this.#onIdle = resolve));
    this.close(closeCodes.goingAway, 'Shutting down');
  }

  /** The socket is closed. Answers how many subscriptions were still counted. */
  dispose(): number {
    clearTimeout(this.#expiry);
    const { subscriptions } = this;
    this.subscriptions = 0;
    this.running.clear();
    this.watches.clear();
    this.#onIdle?.();
    return subscriptions;
  }

  /** Everything sent while one turn of the event loop handles messages leaves in one system call. */
  #cork(): void {
    if (this.#isCorked) return;
    this.#isCorked = true;
    this.#connection.cork();
    setImmediate(() => {
      this.#isCorked = false;
      this.#connection.uncork();
    });
  }

  #whenDrained(): Promise<void> {
    this.#drained ??= new Promise<void>((resolve) => {
      const done = (): void => {
        this.#connection.off('drain', done);
        this.#connection.off('close', done);
        this.#drained = null;
        resolve();
      };
      this.#connection.on('drain', done);
      this.#connection.on('close', done);
    });
    return this.#drained;
  }

  #watchExpiry(principal: Principal): void {
    const longestTimerMs = 2 ** 31 - 1;
    const leftMs = principal.expiresAt.getTime() - this.#clock.now().getTime();
    this.#expiry = setTimeout(
      () => {
        if (!this.closeIfExpired()) this.#watchExpiry(principal);
      },
      Math.min(Math.max(leftMs, 1), longestTimerMs),
    );
    this.#expiry.unref();
  }
}

import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import type { Principal } from '../billing-entities/principal.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Limits } from '../config/limits.ts';
import type { Scheduler } from '../kernel/scheduler.ts';
import { Allowance } from './allowance.ts';
import { FrameWriter } from './frame-writer.ts';
import type { Guest } from './socket-places.ts';
import { Starts } from './starts.ts';
import type { Holder, UnreadBytes } from './unread-bytes.ts';

/** Close codes of the protocol graphql-transport-ws and of WebSocket itself. */
export const closeCodes = {
  goingAway: 1001,
  unsupportedData: 1003,
  policyViolation: 1008,
  messageTooBig: 1009,
  tryAgainLater: 1013,
  badRequest: 4400,
  unauthorized: 4401,
  forbidden: 4403,
  protocolNotSpoken: 4406,
  subscriberAlreadyExists: 4409,
  internalError: 4500,
} as const;

/** The time that a peer has to answer our close frame before its connection is cut. */
export const CLOSE_PATIENCE_MS = 1000;

export interface SessionOptions {
  readonly socket: WebSocket;
  /** The connection under the WebSocket. */
  readonly connection: Duplex;
  readonly remoteAddress: string | undefined;
  /** The sealed session of the portal that the handshake showed and may use; null: none. */
  readonly cookie: string | null;
  readonly limits: Limits;
  readonly unread: UnreadBytes;
  readonly scheduler: Scheduler;
  readonly clock: Clock;
}

/** One WebSocket: its principal, its operations, and its limits on both directions. */
export class SocketSession implements Guest {
  readonly remoteAddress: string | undefined;
  /** The sealed session that its handshake showed. */
  readonly cookie: string | null;
  readonly starts = new Starts();
  /** The token of its principal, which can be withdrawn; null: it has none, or shows a session. */
  authorization: string | null = null;
  readonly #options: SessionOptions;
  readonly #socket: WebSocket;
  readonly #connection: Duplex;
  readonly #writer: FrameWriter;
  readonly #allowance: Allowance;
  #principal: Principal | null = null;
  #holder: Holder;
  #expiry: NodeJS.Timeout | undefined;
  #release: (() => void) | null = null;
  #isDisposed = false;
  /** Set by the peer's pong, taken away by our ping. */
  #isAlive = true;
  #unadmittedBytes = 0;

  constructor(options: SessionOptions) {
    const { socket, connection, remoteAddress, cookie, limits, unread, scheduler } = options;
    this.#options = options;
    this.#socket = socket;
    this.#connection = connection;
    this.remoteAddress = remoteAddress;
    this.cookie = cookie;
    this.#holder = unread.holderOf(null, remoteAddress);
    this.#writer = new FrameWriter({
      connection,
      unread,
      holder: this.#holder,
      stallMs: limits.writeStallMs,
      scheduler,
      onStalled: () => this.terminate(),
      onOverflow: () => this.close(closeCodes.tryAgainLater, 'Too much of what was sent waits to be read'),
    });
    const windowMs = limits.rateLimits.windowSeconds * 1000;
    this.#allowance = new Allowance({ most: limits.socketMessages, windowMs, scheduler });
    connection.on('data', this.#countUnadmitted);
  }

  /** null until connection_init was accepted. */
  get principal(): Principal | null {
    return this.#principal;
  }

  /** The holder that waiting bytes count for. */
  get holder(): Holder {
    return this.#holder;
  }

  /** True until one side begins to close it. */
  get isOpen(): boolean {
    return this.#socket.readyState === this.#socket.OPEN;
  }

  /** The socket acts for this principal from now on, until their token expires. */
  admit(principal: Principal): void {
    this.#principal = principal;
    this.#connection.off('data', this.#countUnadmitted);
    this.#holder = this.#options.unread.holderOf(principal, this.remoteAddress);
    this.#writer.writeFor(this.#holder);
    this.#watchExpiry(principal);
  }

  /**
   * The socket stands on something that can end at any time, such as a session of the portal, and closes with it.
   * `whenEnded` takes what to call then, and answers how to take it back.
   */
  standsOn(whenEnded: (onEnd: () => void) => () => void): void {
    this.#release = whenEnded(() => this.close(closeCodes.forbidden, 'Signed out'));
    if (this.#isDisposed) this.#release();
  }

  /** Closes the socket if its token has expired; then true. */
  closeIfExpired(): boolean {
    if (this.#principal === null || this.#options.clock.now() < this.#principal.expiresAt) return false;
    this.close(closeCodes.forbidden, 'Token expired');
    return true;
  }

  /** Counts a message that is no operation. False: there were too many, and the socket is closed. */
  allowsMessage(): boolean {
    if (this.#allowance.take()) return true;
    this.close(closeCodes.policyViolation, 'Too many messages that are no operations');
    return false;
  }

  /** The peer answered a ping, or sent a pong that nobody asked for. */
  ponged(): void {
    if (this.#isAlive) this.allowsMessage();
    this.#isAlive = true;
  }

  /**
   * Sends a text frame. The promise, when there is one, resolves when a reader that had fallen behind has caught up:
   * a producer that awaits it never fills the buffer. A reader that is too far behind is cut off.
   */
  send(text: string): Promise<void> | undefined {
    // Otherwise a source that always has more would spin on a closing socket, whose close event would never run.
    if (!this.isOpen) return new Promise((resolve) => setImmediate(resolve));
    const caughtUp = this.#writer.write(text);
    if (this.#socket.bufferedAmount > this.#options.limits.socketBufferBytes) {
      this.close(closeCodes.tryAgainLater, 'Too slow a reader');
    }
    return caughtUp;
  }

  /** Ends its streams and closes the socket; the peer has {@link CLOSE_PATIENCE_MS} to answer. */
  close(code: number, reason: string): void {
    this.#socket.close(code, reason);
    this.starts.endAll();
  }

  /** Closes the socket and does not wait for the peer: the connection is gone as soon as the close frame is on its way. */
  evict(): void {
    this.close(closeCodes.tryAgainLater, 'Too many sockets that wait to be admitted');
    (this.#connection as Duplex & { destroySoon?: () => void }).destroySoon?.();
  }

  terminate(): void {
    this.#socket.terminate();
  }

  /** Cuts off a peer that did not answer the last ping, and pings again. */
  checkPeer(): void {
    if (!this.#isAlive) {
      this.terminate();
      return;
    }
    this.#isAlive = false;
    if (this.isOpen) this.#socket.ping();
    this.#writer.look();
  }

  /**
   * Lets queries and mutations finish, then closes with 1001. Subscriptions run until then and are not completed: clients
   * take `complete` for the end of a stream, and would not subscribe again where they connect next.
   */
  async leave(): Promise<void> {
    await this.starts.finished();
    this.close(closeCodes.goingAway, 'Shutting down');
  }

  /** The socket is closed. */
  dispose(): void {
    clearTimeout(this.#expiry);
    this.#isDisposed = true;
    this.#release?.();
    this.#connection.off('data', this.#countUnadmitted);
    this.#writer.dispose();
    this.starts.endAll();
  }

  /** Bounds what a peer may send before it is admitted. */
  readonly #countUnadmitted = (chunk: Buffer): void => {
    this.#unadmittedBytes += chunk.length;
    if (this.#unadmittedBytes <= UNADMITTED_BYTES) return;
    this.close(closeCodes.messageTooBig, 'Too much before connection_init was accepted');
  };

  #watchExpiry(principal: Principal): void {
    const longestTimerMs = 2 ** 31 - 1;
    const leftMs = principal.expiresAt.getTime() - this.#options.clock.now().getTime();
    this.#expiry = setTimeout(
      () => {
        if (!this.closeIfExpired()) this.#watchExpiry(principal);
      },
      Math.min(Math.max(leftMs, 1), longestTimerMs),
    );
    this.#expiry.unref();
  }
}

/** The longest token several times over. */
const UNADMITTED_BYTES = 65_536;

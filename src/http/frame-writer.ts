import type { Duplex } from 'node:stream';
import type { Scheduler } from '../kernel/scheduler.ts';
import { textFrame } from './fan-out.ts';
import type { Holder, UnreadBytes } from './unread-bytes.ts';

export interface FrameWriterOptions {
  /** The connection under the WebSocket. */
  readonly connection: Duplex;
  readonly unread: UnreadBytes;
  /** For whom it writes, until {@link FrameWriter.writeFor} names another. */
  readonly holder: Holder;
  /** How long what was written may wait to be taken by the peer's side. */
  readonly stallMs: number;
  readonly scheduler: Scheduler;
  /** Something has waited for so long. */
  readonly onStalled: () => void;
  /** More waits than may, of this holder's or in all, and of this connection's more than a little. */
  readonly onOverflow: () => void;
}

/**
 * Writes text frames to one connection, beneath ws, and knows what of them waits. Where the peer reads as fast as we write,
 * which is nearly always, nothing is counted and no timer runs.
 */
export class FrameWriter {
  readonly #options: FrameWriterOptions;
  readonly #connection: Duplex;
  #holder: Holder;
  #isCorked = false;
  #isProbing = false;
  #isDisposed = false;
  #reserved = 0;
  #drained: Promise<void> | null = null;
  #cancelStall: (() => void) | null = null;

  constructor(options: FrameWriterOptions) {
    this.#options = options;
    this.#connection = options.connection;
    this.#holder = options.holder;
  }

  /**
   * Writes a frame. The promise, when there is one, resolves when a reader that had fallen behind has caught up: whoever
   * awaits it before producing more never fills the buffer.
   */
  write(text: string): Promise<void> | undefined {
    this.#cork();
    // ws would write head and text as two pieces; safe while nothing is compressed.
    this.#connection.write(textFrame(text));
    return this.#connection.writableNeedDrain ? this.#whenDrained() : undefined;
  }

  /** What waits, and what is written from now on, counts as this holder's. */
  writeFor(holder: Holder): void {
    this.#account(0);
    this.#holder = holder;
    this.look();
  }

  /** Counts what waits to be taken, and watches that it is. ws writes too (pings, pongs), so this is also asked from time to time. */
  look(): void {
    if (this.#isDisposed) return;
    const waiting = this.#connection.writableLength;
    const grew = waiting > this.#reserved;
    this.#account(waiting);
    if (waiting > 0 && !this.#isProbing) this.#probe();
    if (
      grew &&
      waiting > this.#connection.writableHighWaterMark &&
      this.#options.unread.refusal(this.#holder) !== null
    ) {
      this.#options.onOverflow();
    }
  }

  /** The connection is closed: what waited is thrown away. */
  dispose(): void {
    this.#account(0);
    this.#isDisposed = true;
    this.#cancelStall?.();
  }

  /** Nothing written behind all that waits is taken later than the newest of it. */
  #probe(): void {
    const { scheduler, stallMs, onStalled } = this.#options;
    this.#isProbing = true;
    const cancel = scheduler.after(stallMs, onStalled);
    this.#cancelStall = cancel;
    this.#connection.write(nothing, () => {
      cancel();
      this.#isProbing = false;
      this.look();
    });
  }

  #account(bytes: number): void {
    if (this.#isDisposed) return;
    const { unread } = this.#options;
    if (bytes > this.#reserved) unread.reserve(this.#holder, bytes - this.#reserved);
    else unread.release(this.#holder, this.#reserved - bytes);
    this.#reserved = bytes;
  }

  /** Everything sent while one turn of the event loop handles messages leaves in one system call. */
  #cork(): void {
    if (this.#isCorked) return;
    this.#isCorked = true;
    this.#connection.cork();
    setImmediate(() => {
      this.#isCorked = false;
      this.#connection.uncork();
      this.look();
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
}

const nothing = Buffer.alloc(0);

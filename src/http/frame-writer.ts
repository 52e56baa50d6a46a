import type { Duplex } from 'node:stream';
import type { Scheduler } from '../kernel/scheduler.ts';
import { textFrame } from './fan-out.ts';
import type { Holder, UnreadBytes } from './unread-bytes.ts';

export interface FrameWriterOptions {
  /** The connection under the WebSocket. */
  readonly connection: Duplex;
  readonly unread: UnreadBytes;
  /** The holder that it writes for, until {@link FrameWriter.writeFor} names another. */
  readonly holder: Holder;
  /** The time that written bytes may wait for the peer to take them, in milliseconds. */
  readonly stallMs: number;
  readonly scheduler: Scheduler;
  /** Called when bytes have waited for that time. */
  readonly onStalled: () => void;
  /** Called when too much waits, for this holder or in all, and more than a little of it on this connection. */
  readonly onOverflow: () => void;
}

/**
 * Writes text frames to one connection, beneath ws, and knows how much of them waits. A peer nearly always reads as fast as
 * we write: then nothing is counted and no timer runs.
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
   * Writes a frame. The promise, when there is one, resolves when a reader that had fallen behind has caught up; a producer
   * that awaits it never fills the buffer.
   */
  write(text: string): Promise<void> | undefined {
    this.#cork();
    // ws would write head and text as two pieces; safe while nothing is compressed.
    this.#connection.write(textFrame(text));
    return this.#connection.writableNeedDrain ? this.#whenDrained() : undefined;
  }

  /** Counts waiting bytes, and those written from now on, as this holder's. */
  writeFor(holder: Holder): void {
    this.#account(0);
    this.#holder = holder;
    this.look();
  }

  /** Counts the bytes that wait, and watches that they are taken. ws writes too (pings, pongs), so this also runs from time to time. */
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

  /** The connection is closed, and waiting bytes are gone. */
  dispose(): void {
    this.#account(0);
    this.#isDisposed = true;
    this.#cancelStall?.();
  }

  /** Bytes are taken in order: once the newest waiting ones are taken, all before them are. */
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

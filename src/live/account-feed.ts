import type { Balance } from '../ledger/rules/balance.ts';
import type { Scheduler } from '../kernel/scheduler.ts';

/** A stream of states. `return()` ends it at once, also while a `next()` is waiting. */
export type StateStream<State> = AsyncIterableIterator<State, undefined> & AsyncDisposable;

/** A stream of an account's states. */
export type BalanceStream = StateStream<Balance>;

/** A state that rises. */
interface Versioned {
  readonly version: bigint;
}

export interface AccountFeedOptions<State extends Versioned> {
  readonly scheduler: Scheduler;
  /** Least time between two events of one stream, in milliseconds. */
  readonly intervalMs: number;
  /** The account's committed state, or null when there is no such account. */
  readonly load: () => Promise<State | null>;
  /** Called when the last stream has ended: nothing needs this feed any more. */
  readonly onUnused: () => void;
}

/**
 * One account's newest state, shared by all its streams: its balance, or another state of it that rises.
 *
 * The slot is all the buffer there is: a state not yet given is replaced by a newer one, so slow consumers cost nothing.
 * Events leave on common ticks, so that streams receive the very same object and the layer above serialises it once.
 * Ticks come twice as often as one stream may have events: a stream that joined between two ticks then waits half an
 * interval too long at most, once, instead of a whole one.
 */
export class AccountFeed<State extends Versioned = Balance> {
  readonly #options: AccountFeedOptions<State>;
  readonly #streams = new Set<Stream<State>>();
  /** Streams with a `next()` that waits; only these are looked at when something changes. */
  readonly #waiting = new Set<Stream<State>>();
  #newest: State | null = null;
  #tick: { readonly atMs: number; readonly cancel: () => void } | null = null;
  #lastTickAtMs = Number.NEGATIVE_INFINITY;
  #running: Promise<void> | null = null;
  #queued: Promise<void> | null = null;

  constructor(options: AccountFeedOptions<State>) {
    this.#options = options;
  }

  /** Streams that have not ended. */
  get size(): number {
    return this.#streams.size;
  }

  /** Opens a stream: the state as it is, then each rise of what `progressOf` reads from it. */
  open(progressOf: (state: State) => bigint): StateStream<State> {
    const stream = new Stream<State>(progressOf, {
      wanted: () => {
        this.#serve(stream);
      },
      ended: () => {
        this.#forget(stream);
      },
    });
    this.#streams.add(stream);
    void this.refresh().then(
      () => {
        if (this.#newest === null) stream.end();
        else {
          stream.ready = true;
          if (this.#waiting.delete(stream)) this.#serve(stream);
        }
      },
      (error: unknown) => {
        stream.fail(error);
      },
    );
    return stream;
  }

  /** Takes a state that may be new. Cheap: streams are served later, on a tick. */
  offer(state: State): void {
    if (this.#newest !== null && state.version <= this.#newest.version) return;
    this.#newest = state;
    this.#arm();
  }

  /**
   * Reads the account again. A read that is already running may have begun before the caller's reason to read, so one
   * more follows it, shared by all who ask meanwhile: a thousand streams opened at once are two reads.
   */
  refresh(): Promise<void> {
    if (this.#running === null) return this.#read();
    this.#queued ??= this.#running
      .catch(() => undefined)
      .then(() => {
        this.#queued = null;
        return this.#read();
      });
    return this.#queued;
  }

  /** Ends all streams. */
  end(): void {
    for (const stream of [...this.#streams]) stream.end();
  }

  #read(): Promise<void> {
    const reading = this.#options
      .load()
      .then((state) => {
        if (state !== null) this.offer(state);
      })
      .finally(() => {
        if (this.#running === reading) this.#running = null;
      });
    this.#running = reading;
    return reading;
  }

  #serve(stream: Stream<State>): void {
    const nowMs = this.#options.scheduler.nowMs();
    if (this.#newest !== null && stream.lacks(this.#newest) && stream.notBeforeMs <= nowMs) {
      stream.give(this.#newest, nowMs + this.#options.intervalMs);
    } else {
      this.#waiting.add(stream);
      if (this.#newest !== null && stream.lacks(this.#newest)) this.#planTick(stream.notBeforeMs);
    }
  }

  /** Plans a tick for the first waiting stream that may be given the newest state, if there is one. */
  #arm(): void {
    if (this.#tick !== null || this.#newest === null) return;
    let dueMs = Number.POSITIVE_INFINITY;
    for (const stream of this.#waiting) {
      if (stream.lacks(this.#newest)) dueMs = Math.min(dueMs, stream.notBeforeMs);
    }
    if (dueMs !== Number.POSITIVE_INFINITY) this.#planTick(dueMs);
  }

  /** Plans a tick for then, or as soon after the last one as ticks may follow each other; an earlier plan stands. */
  #planTick(dueMs: number): void {
    const { scheduler, intervalMs } = this.#options;
    const atMs = Math.max(dueMs, this.#lastTickAtMs + intervalMs / 2);
    if (this.#tick !== null) {
      if (this.#tick.atMs <= atMs) return;
      this.#tick.cancel();
    }
    const cancel = scheduler.after(atMs - scheduler.nowMs(), () => {
      this.#runTick();
    });
    this.#tick = { atMs, cancel };
  }

  #runTick(): void {
    this.#tick = null;
    const newest = this.#newest;
    if (newest === null) return;
    const nowMs = this.#options.scheduler.nowMs();
    for (const stream of this.#waiting) {
      if (!stream.lacks(newest) || stream.notBeforeMs > nowMs) continue;
      this.#lastTickAtMs = nowMs;
      this.#waiting.delete(stream);
      stream.give(newest, nowMs + this.#options.intervalMs);
    }
    // Streams that joined lately were not due yet, and a timer may fire a little early.
    this.#arm();
  }

  #forget(stream: Stream<State>): void {
    this.#waiting.delete(stream);
    if (!this.#streams.delete(stream) || this.#streams.size > 0) return;
    this.#tick?.cancel();
    this.#tick = null;
    this.#options.onUnused();
  }
}

interface StreamOwner {
  /** The consumer waits for a state. */
  wanted(): void;
  /** The stream ended, on either side. */
  ended(): void;
}

type Waiter<State> = PromiseWithResolvers<IteratorResult<State, undefined>>;

class Stream<State> implements StateStream<State> {
  /** The account was read after this stream had been opened. */
  ready = false;
  /** Pacing: the next event may leave from then on. */
  notBeforeMs = Number.NEGATIVE_INFINITY;
  readonly #progressOf: (state: State) => bigint;
  readonly #owner: StreamOwner;
  #waiters: Waiter<State>[] = [];
  #given: bigint | null = null;
  #ended = false;
  #failure: { readonly error: unknown } | null = null;

  constructor(progressOf: (state: State) => bigint, owner: StreamOwner) {
    this.#progressOf = progressOf;
    this.#owner = owner;
  }

  lacks(newest: State): boolean {
    return this.ready && (this.#given === null || this.#progressOf(newest) > this.#given);
  }

  give(state: State, notBeforeMs: number): void {
    this.#given = this.#progressOf(state);
    this.notBeforeMs = notBeforeMs;
    this.#waiters.shift()?.resolve({ done: false, value: state });
    if (this.#waiters.length > 0) this.#owner.wanted();
  }

  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    for (const waiter of this.#waiters) waiter.resolve({ done: true, value: undefined });
    this.#waiters = [];
    this.#owner.ended();
  }

  fail(error: unknown): void {
    if (this.#ended) return;
    const first = this.#waiters.shift();
    if (first === undefined) this.#failure = { error };
    else first.reject(error);
    this.end();
  }

  next(): Promise<IteratorResult<State, undefined>> {
    if (this.#failure !== null) {
      const { error } = this.#failure;
      this.#failure = null;
      return Promise.reject(error);
    }
    if (this.#ended) return Promise.resolve({ done: true, value: undefined });
    const waiter: Waiter<State> = Promise.withResolvers();
    this.#waiters.push(waiter);
    if (this.#waiters.length === 1) this.#owner.wanted();
    return waiter.promise;
  }

  return(): Promise<IteratorResult<State, undefined>> {
    this.end();
    return Promise.resolve({ done: true, value: undefined });
  }

  throw(error: unknown): Promise<IteratorResult<State, undefined>> {
    this.end();
    return Promise.reject(error);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.end();
    return Promise.resolve();
  }
}

/** Streams of alerts as they are raised, shared by all who watch the same account. */
import { backoffMs, type Scheduler, systemScheduler } from '../kernel/scheduler.ts';
import type { RaisedAlert } from './raised-alert.ts';

/** Ends at once when it is returned, also while a `next()` waits. */
export type AlertStream = AsyncIterableIterator<RaisedAlert, undefined>;

interface Options {
  /** Says something at once, and then whenever there may be new alerts, by any process. */
  readonly news: (billingEntityId: string) => AsyncIterableIterator<unknown, undefined>;
  /** The number of the newest alert; 0: none was raised. */
  readonly newest: (billingEntityId: string) => Promise<bigint>;
  /** The alerts after this number, oldest first, a part of them at least. */
  readonly after: (ref: {
    readonly billingEntityId: string;
    readonly number: bigint;
  }) => Promise<readonly RaisedAlert[]>;
  readonly scheduler?: Scheduler;
}

/** Alerts that wait for one slow reader. One who falls further behind is cut off, and reads the list when they come back. */
const MOST_WAITING = 1_000;

/**
 * Alerts are numbered without gaps, so a hub that knows the last number it has told misses none, whatever messages were lost.
 * It reads them once for all its streams and gives all of them the same objects, which are serialised once.
 */
export class AlertStreams {
  readonly #options: Options;
  readonly #hubs = new Map<string, AlertHub>();

  constructor(options: Options) {
    this.#options = options;
  }

  /** Streams that are open. */
  get open(): number {
    return this.#hubs.values().reduce((sum, { size }) => sum + size, 0);
  }

  /** Those of them that miss nothing from now on. A stream that was just opened asks first which alert is the newest. */
  get listening(): number {
    return this.#hubs.values().reduce((sum, { size, isListening }) => sum + (isListening ? size : 0), 0);
  }

  /** Accounts that open streams follow. */
  get followed(): number {
    return this.#hubs.size;
  }

  /**
   * The alerts that are raised from now on and that people look for in the app, in order. `onlyMemberId`: those about this
   * member's limit; null: all. Counts from the call on, so end it (`return()`) in any case.
   */
  watch(billingEntityId: string, { onlyMemberId }: { readonly onlyMemberId: string | null }): AlertStream {
    let hub = this.#hubs.get(billingEntityId);
    if (hub === undefined) {
      hub = new AlertHub(billingEntityId, this.#options, () => {
        if (this.#hubs.get(billingEntityId) === hub) this.#hubs.delete(billingEntityId);
      });
      this.#hubs.set(billingEntityId, hub);
    }
    return hub.open(
      ({ channels, memberId }) => channels.includes('IN_APP') && (onlyMemberId === null || memberId === onlyMemberId),
    );
  }
}

class AlertHub {
  readonly #billingEntityId: string;
  readonly #options: Options;
  readonly #scheduler: Scheduler;
  readonly #onUnused: () => void;
  readonly #news: AsyncIterableIterator<unknown, undefined>;
  readonly #streams = new Set<Stream>();
  /** The last alert that was told; null: it is not known yet where to begin. */
  #told: bigint | null = null;

  constructor(billingEntityId: string, options: Options, onUnused: () => void) {
    this.#billingEntityId = billingEntityId;
    this.#options = options;
    this.#scheduler = options.scheduler ?? systemScheduler;
    this.#onUnused = onUnused;
    this.#news = options.news(billingEntityId);
    void this.#follow();
  }

  get size(): number {
    return this.#streams.size;
  }

  get isListening(): boolean {
    return this.#told !== null;
  }

  open(concerns: (alert: RaisedAlert) => boolean): AlertStream {
    const stream: Stream = new Stream(concerns, () => {
      if (!this.#streams.delete(stream) || this.#streams.size > 0) return;
      void this.#news.return?.();
      this.#onUnused();
    });
    this.#streams.add(stream);
    return stream;
  }

  /** Reads at every piece of news. All streams end with the news, as when the process stops. */
  async #follow(): Promise<void> {
    while ((await this.#news.next()).done !== true) await this.#readUntilItSucceeds();
    for (const stream of [...this.#streams]) stream.end();
  }

  /** A database that is away costs no alert: they are read when it is back. */
  async #readUntilItSucceeds(): Promise<void> {
    for (let attempt = 1; attempt === 1 || this.size > 0; attempt += 1) {
      try {
        await this.#read();
        return;
      } catch {
        await new Promise<void>((resolve) => this.#scheduler.after(backoffMs(attempt), resolve));
      }
    }
  }

  async #read(): Promise<void> {
    const billingEntityId = this.#billingEntityId;
    this.#told ??= await this.#options.newest(billingEntityId);
    for (;;) {
      const alerts = await this.#options.after({ billingEntityId, number: this.#told });
      if (alerts.length === 0) return;
      for (const alert of alerts) {
        this.#told = alert.number;
        for (const stream of this.#streams) stream.offer(alert);
      }
    }
  }
}

/** This is no async generator, whose `return()` would wait for the next alert, which may never come. */
class Stream implements AlertStream {
  readonly #concerns: (alert: RaisedAlert) => boolean;
  readonly #onEnded: () => void;
  readonly #alerts: RaisedAlert[] = [];
  readonly #waiters: ((result: IteratorResult<RaisedAlert, undefined>) => void)[] = [];
  #isEnded = false;

  constructor(concerns: (alert: RaisedAlert) => boolean, onEnded: () => void) {
    this.#concerns = concerns;
    this.#onEnded = onEnded;
  }

  offer(alert: RaisedAlert): void {
    if (!this.#concerns(alert)) return;
    const waiter = this.#waiters.shift();
    if (waiter !== undefined) waiter({ done: false, value: alert });
    else if (this.#alerts.push(alert) > MOST_WAITING) this.end();
  }

  end(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#alerts.length = 0;
    for (const waiter of this.#waiters.splice(0)) waiter(ENDED);
    this.#onEnded();
  }

  next(): Promise<IteratorResult<RaisedAlert, undefined>> {
    const alert = this.#alerts.shift();
    if (alert !== undefined) return Promise.resolve({ done: false, value: alert });
    if (this.#isEnded) return Promise.resolve(ENDED);
    return new Promise((resolve) => this.#waiters.push(resolve));
  }

  return(): Promise<IteratorResult<RaisedAlert, undefined>> {
    this.end();
    return Promise.resolve(ENDED);
  }

  throw(error: unknown): Promise<IteratorResult<RaisedAlert, undefined>> {
    this.end();
    return Promise.reject(error);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

const ENDED = { done: true, value: undefined } as const;

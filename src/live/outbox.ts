import type { Logger } from 'pino';
import type { Balance } from '../ledger/rules/balance.ts';
import { encodeMessages, encodeNews, TOPICS, type Topic } from './message.ts';
import { backoffMs, type Scheduler } from '../kernel/scheduler.ts';

export interface OutboxOptions {
  readonly processId: string;
  readonly send: (messages: readonly string[]) => Promise<void>;
  readonly scheduler: Scheduler;
  readonly log: Logger;
  /** Least time between two sendings while busy, in milliseconds. */
  readonly intervalMs?: number;
  /**
   * The most accounts, and the most ids of each kind of news, that may wait. Beyond it the way out is broken: they are dropped, and the others
   * told to read for themselves.
   */
  readonly maxAccounts?: number;
}

/** The number of accounts sent together: packing them takes about a millisecond of this thread. */
const accountsPerSending = 1_000;

/**
 * States on their way to the other processes: the newest per account, sent at once when idle and every `intervalMs`
 * while busy. A state that could not be sent stays and is tried again, unless a newer one takes its place.
 */
export class Outbox {
  readonly #options: OutboxOptions;
  readonly #intervalMs: number;
  readonly #maxAccounts: number;
  readonly #pending = new Map<string, Balance>();
  readonly #news: Readonly<Record<Topic, Set<string>>> = { used: new Set(), alerted: new Set() };
  #lossy = false;
  #beat = false;
  #sending: Promise<void> | null = null;
  #cancelTimer: (() => void) | null = null;
  #notBeforeMs = Number.NEGATIVE_INFINITY;
  #failures = 0;
  #stopped = false;

  constructor(options: OutboxOptions) {
    this.#options = options;
    this.#intervalMs = options.intervalMs ?? 50;
    this.#maxAccounts = options.maxAccounts ?? 50_000;
  }

  /** Takes a state to tell. */
  put(balance: Balance): void {
    if (this.#stopped) return;
    const waiting = this.#pending.get(balance.billingEntityId);
    if (waiting !== undefined && waiting.version >= balance.version) return;
    this.#pending.set(balance.billingEntityId, balance);
    if (this.#pending.size > this.#maxAccounts) {
      this.#pending.clear();
      this.#lossy = true;
    }
    this.#arm();
  }

  /** Takes the id of something that there is news of. */
  putNews(topic: Topic, id: string): void {
    if (this.#stopped) return;
    const ids = this.#news[topic];
    ids.add(id);
    if (ids.size > this.#maxAccounts) {
      ids.clear();
      this.#lossy = true;
    }
    this.#arm();
  }

  /** Tells the others that this process is alive, with whatever else there is to tell. */
  beat(): void {
    this.#beat = true;
    this.#arm();
  }

  /** Sends the rest, once, and says goodbye. If that fails, the silence tells the others to read for themselves. */
  async stop(): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#cancelTimer?.();
    this.#cancelTimer = null;
    await this.#sending;
    const { processId } = this.#options;
    const news = TOPICS.flatMap((topic) => encodeNews(processId, topic, this.#news[topic]));
    const balances = encodeMessages(processId, this.#pending.values(), { lossy: this.#lossy, leaving: true });
    this.#pending.clear();
    for (const topic of TOPICS) this.#news[topic].clear();
    try {
      await this.#options.send([...news, ...balances]);
    } catch (error) {
      this.#options.log.warn({ err: error }, 'live events: the last states could not be sent');
    }
  }

  get #hasMore(): boolean {
    return this.#pending.size > 0 || TOPICS.some((topic) => this.#news[topic].size > 0);
  }

  get #idle(): boolean {
    return !this.#hasMore && !this.#lossy && !this.#beat;
  }

  #arm(): void {
    if (this.#stopped || this.#cancelTimer !== null || this.#sending !== null || this.#idle) return;
    const { scheduler } = this.#options;
    this.#cancelTimer = scheduler.after(this.#notBeforeMs - scheduler.nowMs(), () => {
      this.#cancelTimer = null;
      this.#sending = this.#flush().finally(() => {
        this.#sending = null;
        this.#arm();
      });
    });
  }

  async #flush(): Promise<void> {
    const { scheduler, processId, send, log } = this.#options;
    const balances = [...this.#pending.values().take(accountsPerSending)];
    for (const balance of balances) this.#pending.delete(balance.billingEntityId);
    const news = TOPICS.map((topic) => ({ topic, ids: [...this.#news[topic].values().take(accountsPerSending)] }));
    for (const { topic, ids } of news) for (const id of ids) this.#news[topic].delete(id);
    const lossy = this.#lossy;
    this.#lossy = false;
    this.#beat = false;
    this.#notBeforeMs = this.#hasMore ? 0 : scheduler.nowMs() + this.#intervalMs;
    try {
      const ofNews = news.flatMap(({ topic, ids }) => encodeNews(processId, topic, ids));
      await send([...ofNews, ...encodeMessages(processId, balances, { lossy })]);
      if (this.#failures > 0) log.info('live events: sending again');
      this.#failures = 0;
    } catch (error) {
      this.#failures += 1;
      this.#lossy ||= lossy;
      for (const { topic, ids } of news) for (const id of ids) this.#news[topic].add(id);
      for (const balance of balances) {
        const newer = this.#pending.get(balance.billingEntityId);
        if (newer === undefined || newer.version < balance.version) this.#pending.set(balance.billingEntityId, balance);
      }
      const retryInMs = backoffMs(this.#failures);
      this.#notBeforeMs = scheduler.nowMs() + retryInMs;
      log.warn({ err: error, retryInMs, accounts: this.#pending.size }, 'live events: could not send, will retry');
    }
  }
}

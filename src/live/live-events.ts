import { randomUUID } from 'node:crypto';
import type { Logger } from 'pino';
import type { Balance } from '../ledger/rules/balance.ts';
import { AccountFeed, type BalanceStream, type StateStream } from './account-feed.ts';
import { accountOf, decodeBalance, decodeEntityId, decodeMessage, messageHead, TOPICS, type Topic } from './message.ts';
import { Neighbours } from './neighbours.ts';
import { type Heard, NewsFeed } from './news-feed.ts';
import { Outbox } from './outbox.ts';
import { PostgresTransport } from './postgres-transport.ts';
import { RedisTransport } from './redis-transport.ts';
import { backoffMs, systemScheduler, type Scheduler } from '../kernel/scheduler.ts';
import type { Transport } from './transport.ts';

export interface LiveEventsOptions {
  readonly databaseUrl: string;
  /** Redis carries events between processes when this is given; else PostgreSQL does. */
  readonly redisUrl: string | null;
  /** The account's committed state, or null when there is no such account. */
  readonly loadBalance: (billingEntityId: string) => Promise<Balance | null>;
  readonly log: Logger;
  /** Per stream; 10 when absent. */
  readonly maxEventsPerSecond?: number;
  /** Interval of a process's signs of life, in milliseconds; 2 000 when absent. After three missed ones it counts as dead. */
  readonly heartbeatMs?: number;
  readonly scheduler?: Scheduler;
}

/** Tells every watcher of an account, in any process of the installation, its newest state. */
export interface LiveEvents {
  /** Tells of committed states, the newest of each account. Cheap, never throws and never blocks. */
  publish(balances: readonly Balance[]): void;
  /**
   * Tells that there is news: use in these public organizations was committed (`used`), or alerts of these entities
   * (`alerted`). Cheap, never throws and never blocks.
   */
  publishNews(topic: Topic, ids: readonly string[]): void;
  /**
   * The account's state as it is, then its changes: rising versions, at most `maxEventsPerSecond`, always the last.
   * All streams of an account receive the same objects. Counts from the call on, so end it (`return()`) in any case.
   * Ends by itself when there is no such account; fails with what `loadBalance` failed with.
   */
  balances(billingEntityId: string): BalanceStream;
  /** The same, but only when the ledger's sequence has risen: something was recorded, up to `sequence`. */
  changes(billingEntityId: string): BalanceStream;
  /**
   * Gives something at once, and then whenever there may be news of this id, by any process: also after messages were lost. At most `maxEventsPerSecond`. Counts from the call on, so end it (`return()`) in any case.
   */
  news(topic: Topic, id: string): StateStream<Heard>;
  /** Ends this process' streams of an account after a right to it was lost. Clients that still have the right open new ones. */
  end(billingEntityId: string): void;
  /** Connects to the other processes. Resolves when done or after the first attempt failed; goes on trying. */
  start(): Promise<void>;
  /** Ends all streams, sends what is left and disconnects. */
  stop(): Promise<void>;
  /** Streams that are open. */
  readonly openStreams: number;
}

/** Live events of this process, connected to the others by Redis when it has a URL, by PostgreSQL otherwise. */
export function createLiveEvents(options: LiveEventsOptions): LiveEvents {
  const scheduler = options.scheduler ?? systemScheduler;
  const { databaseUrl, redisUrl, log } = options;
  const transport =
    redisUrl === null ? new PostgresTransport({ databaseUrl, scheduler, log }) : new RedisTransport({ redisUrl, log });
  return new ConnectedLiveEvents({ ...options, scheduler, transport });
}

/** The number of accounts read at one time when all must be read again: the database has other callers. */
const parallelReloads = 8;

class ConnectedLiveEvents implements LiveEvents {
  readonly #options: LiveEventsOptions;
  readonly #scheduler: Scheduler;
  readonly #log: Logger;
  readonly #transport: Transport;
  readonly #outbox: Outbox;
  readonly #neighbours: Neighbours;
  readonly #feeds = new Map<string, AccountFeed>();
  readonly #news: Readonly<Record<Topic, Map<string, NewsFeed>>> = { used: new Map(), alerted: new Map() };
  readonly #processId = randomUUID();
  readonly #ownHead = messageHead(this.#processId);
  readonly #intervalMs: number;
  readonly #heartbeatMs: number;
  #heardMyselfAtMs = 0;
  #cancelHeartbeat: (() => void) | null = null;
  #reload: { cancelRetry: (() => void) | null } | null = null;
  #stopping: Promise<void> | null = null;

  constructor(options: LiveEventsOptions & { readonly scheduler: Scheduler; readonly transport: Transport }) {
    this.#options = options;
    this.#scheduler = options.scheduler;
    this.#log = options.log;
    this.#transport = options.transport;
    this.#intervalMs = 1_000 / (options.maxEventsPerSecond ?? 10);
    this.#heartbeatMs = options.heartbeatMs ?? 2_000;
    this.#neighbours = new Neighbours({ scheduler: this.#scheduler, silentAfterMs: 3 * this.#heartbeatMs });
    this.#outbox = new Outbox({
      processId: this.#processId,
      send: (messages) => this.#transport.send(messages),
      scheduler: this.#scheduler,
      log: this.#log,
    });
  }

  get openStreams(): number {
    return this.#allFeeds().reduce((sum, feed) => sum + feed.size, 0);
  }

  publish(balances: readonly Balance[]): void {
    for (const balance of balances) {
      this.#feeds.get(balance.billingEntityId)?.offer(balance);
      this.#outbox.put(balance);
    }
  }

  publishNews(topic: Topic, ids: readonly string[]): void {
    for (const id of ids) {
      this.#news[topic].get(id)?.hear();
      this.#outbox.putNews(topic, id);
    }
  }

  balances(billingEntityId: string): BalanceStream {
    return this.#open(billingEntityId, (balance) => balance.version);
  }

  changes(billingEntityId: string): BalanceStream {
    return this.#open(billingEntityId, (balance) => balance.sequence);
  }

  news(topic: Topic, id: string): StateStream<Heard> {
    const feeds = this.#news[topic];
    let feed = feeds.get(id);
    if (feed === undefined) {
      feed = new NewsFeed({
        scheduler: this.#scheduler,
        intervalMs: this.#intervalMs,
        onUnused: () => feeds.delete(id),
      });
      feeds.set(id, feed);
    }
    const stream = feed.open();
    if (this.#stopping !== null) void stream.return?.();
    return stream;
  }

  end(billingEntityId: string): void {
    this.#feeds.get(billingEntityId)?.end();
  }

  async start(): Promise<void> {
    await this.#transport.start({
      received: (message) => {
        this.#received(message);
      },
      listening: () => {
        this.#heardMyselfAtMs = this.#scheduler.nowMs();
        this.#neighbours.clear();
        this.#reloadAll();
      },
    });
    this.#beat();
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    this.#cancelHeartbeat?.();
    this.#reload?.cancelRetry?.();
    this.#reload = null;
    for (const feed of this.#allFeeds()) feed.end();
    await this.#outbox.stop();
    await this.#transport.stop();
  }

  #open(billingEntityId: string, progressOf: (balance: Balance) => bigint): BalanceStream {
    let feed = this.#feeds.get(billingEntityId);
    if (feed === undefined) {
      feed = new AccountFeed({
        scheduler: this.#scheduler,
        intervalMs: this.#intervalMs,
        load: async () => this.#options.loadBalance(billingEntityId),
        onUnused: () => this.#feeds.delete(billingEntityId),
      });
      this.#feeds.set(billingEntityId, feed);
    }
    const stream = feed.open(progressOf);
    if (this.#stopping !== null) void stream.return?.();
    return stream;
  }

  #allFeeds(): (AccountFeed | NewsFeed)[] {
    return [...this.#feeds.values(), ...TOPICS.flatMap((topic) => [...this.#news[topic].values()])];
  }

  #received(text: string): void {
    if (text.startsWith(this.#ownHead)) {
      this.#heardMyselfAtMs = this.#scheduler.nowMs();
      return;
    }
    const message = decodeMessage(text);
    if (message === null) {
      this.#log.warn({ message: text.slice(0, 200) }, 'live events: malformed message ignored');
      return;
    }
    if (message.leaving) this.#neighbours.left(message.from);
    else this.#neighbours.heard(message.from);
    if (message.lossy) this.#reloadAll();
    for (const entry of message.balances) {
      const feed = this.#feeds.get(accountOf(entry) ?? '');
      if (feed === undefined) continue;
      const balance = decodeBalance(entry);
      if (balance === null) this.#log.warn({ from: message.from }, 'live events: malformed state ignored');
      else feed.offer(balance);
    }
    for (const topic of TOPICS) {
      if (this.#news[topic].size === 0) continue;
      for (const entry of message.news[topic]) {
        const id = decodeEntityId(entry);
        if (id === null) this.#log.warn({ from: message.from }, 'live events: malformed news ignored');
        else this.#news[topic].get(id)?.hear();
      }
    }
  }

  /**
   * Signs of life go the way of all messages, this process' own come back too. So one rhythm finds neighbours that
   * died with something untold, and a listening connection that only looks alive.
   */
  #beat(): void {
    if (this.#stopping !== null) return;
    this.#outbox.beat();
    if (this.#scheduler.nowMs() - this.#heardMyselfAtMs > 3 * this.#heartbeatMs) {
      this.#heardMyselfAtMs = this.#scheduler.nowMs();
      this.#transport.reconnect();
    }
    const silent = this.#neighbours.takeSilent();
    if (silent.length > 0) {
      this.#log.info({ processes: silent }, 'live events: neighbours fell silent, reading watched accounts again');
      this.#reloadAll();
    }
    this.#cancelHeartbeat = this.#scheduler.after(this.#heartbeatMs, () => {
      this.#beat();
    });
  }

  /** Reads every watched account again, and those that could not be read once more, until all are. */
  #reloadAll(): void {
    this.#reload?.cancelRetry?.();
    const all = this.#allFeeds();
    if (this.#stopping !== null || all.length === 0) return;
    const reload = { cancelRetry: null as (() => void) | null };
    this.#reload = reload;
    const run = async (feeds: (AccountFeed | NewsFeed)[], attempt: number): Promise<void> => {
      const failed: (AccountFeed | NewsFeed)[] = [];
      const rest = feeds.values();
      const worker = async (): Promise<void> => {
        for (const feed of rest) {
          if (this.#reload !== reload) return;
          if (feed.size === 0) continue;
          await feed.refresh().catch(() => failed.push(feed));
        }
      };
      await Promise.all(Array.from({ length: parallelReloads }, worker));
      if (this.#reload !== reload || failed.length === 0) return;
      const retryInMs = backoffMs(attempt);
      this.#log.warn({ accounts: failed.length, retryInMs }, 'live events: could not read accounts, will retry');
      reload.cancelRetry = this.#scheduler.after(retryInMs, () => {
        void run(failed, attempt + 1);
      });
    };
    void run(all, 1);
  }
}

import type { Scheduler } from '../kernel/scheduler.ts';
import { AccountFeed, type StateStream } from './account-feed.ts';

/** The state of something that is only heard of: it rises when there is more of it, or may be. */
export interface Heard {
  readonly version: bigint;
}

interface Options {
  readonly scheduler: Scheduler;
  /** Least time between two events of one stream, in milliseconds. */
  readonly intervalMs: number;
  /** Called when the last stream has ended. */
  readonly onUnused: () => void;
}

/**
 * Tells that there is something new of one kind with one id, and never what: use in a public organization, or alerts of an
 * entity. Messages can be lost and come in any order, so whoever wants to know asks the database.
 */
export class NewsFeed {
  readonly #feed: AccountFeed<Heard>;
  #version = 0n;

  constructor(options: Options) {
    this.#feed = new AccountFeed({ ...options, load: () => Promise.resolve({ version: this.#version }) });
  }

  /** Streams that have not ended. */
  get size(): number {
    return this.#feed.size;
  }

  /** Opens a stream: the state as it is, then whenever there may be more. */
  open(): StateStream<Heard> {
    return this.#feed.open(({ version }) => version);
  }

  /** Takes the news that there is something. */
  hear(): void {
    this.#version += 1n;
    this.#feed.offer({ version: this.#version });
  }

  /** Messages may have been lost. */
  refresh(): Promise<void> {
    this.hear();
    return Promise.resolve();
  }

  /** Ends all streams. */
  end(): void {
    this.#feed.end();
  }
}

import type { Scheduler } from '../kernel/scheduler.ts';
import { AccountFeed, type StateStream } from './account-feed.ts';

/** The state of what is used in a public organization: it rises when something was, or may have been. */
export interface HeardUse {
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
 * Tells that there is new use in one public organization, and never what. Messages can be lost and come in any order, so whoever
 * counts what was used asks the database.
 */
export class PublicUseFeed {
  readonly #feed: AccountFeed<HeardUse>;
  #version = 0n;

  constructor(options: Options) {
    this.#feed = new AccountFeed({ ...options, load: () => Promise.resolve({ version: this.#version }) });
  }

  /** Streams that have not ended. */
  get size(): number {
    return this.#feed.size;
  }

  /** Opens a stream: the state as it is, then whenever there may be more. */
  open(): StateStream<HeardUse> {
    return this.#feed.open(({ version }) => version);
  }

  /** Takes the news that something was used. */
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

import type { UsageRecord } from '../ledger/rules/entries.ts';

/** New records since the last event: the newest few, and how many more there were. */
export interface UsageEvent {
  readonly records: readonly UsageRecord[];
  readonly skipped: bigint;
}

/** Ends at once when it is returned, also while a `next()` waits. */
export type UsageStream = AsyncIterableIterator<UsageEvent, undefined>;

/** The newest state of an account, whenever its ledger grew: at most ten a second, the state at once first. */
export type Changes = (billingEntityId: string) => AsyncIterableIterator<{ readonly sequence: bigint }, undefined>;

/** The records of one event: those of one account, after one entry and through another. */
export interface Reading {
  readonly billingEntityId: string;
  /** The only user whose records are shown; null: all users. */
  readonly onlyUserId: string | null;
  readonly after: bigint;
  readonly through: bigint;
}

/** Reads the records of an event. */
export type ReadRecords = (reading: Reading) => Promise<UsageEvent>;

/**
 * All open streams of use. Streams of one account with the same restriction hear of a change together and read its records
 * together: one statement, whatever their number.
 */
export class UsageStreams {
  readonly #changes: Changes;
  readonly #read: ReadRecords;
  readonly #feeds = new Map<string, Feed>();

  constructor(changes: Changes, read: ReadRecords) {
    this.#changes = changes;
    this.#read = read;
  }

  /** Streams that are open. */
  get open(): number {
    return this.#feeds.values().reduce((sum, { streams }) => sum + streams.size, 0);
  }

  /** Begins with what is recorded after subscribing. Counts from the call on, so end it (`return()`) in any case. */
  watch(billingEntityId: string, onlyUserId: string | null): UsageStream {
    const name = `${billingEntityId} ${onlyUserId ?? ''}`;
    let feed = this.#feeds.get(name);
    if (feed === undefined) this.#feeds.set(name, (feed = new Feed(this.#read)));
    const { streams } = feed;
    const stream = new FollowingStream({
      changes: this.#changes(billingEntityId),
      read: ({ after, through }) => feed.reading({ billingEntityId, onlyUserId, after, through }),
      onEnded: () => {
        streams.delete(stream);
        if (streams.size === 0 && this.#feeds.get(name) === feed) this.#feeds.delete(name);
      },
    });
    streams.add(stream);
    return stream;
  }
}

/** The state that streams of one account with the same restriction share. */
class Feed {
  readonly streams = new Set<UsageStream>();
  readonly #read: ReadRecords;
  /** Records read through the newest entry, by the entry that they begin after: a stream that lagged begins after another. */
  readonly #newest = new Map<bigint, Promise<UsageEvent>>();
  #through = -1n;

  constructor(read: ReadRecords) {
    this.#read = read;
  }

  reading(reading: Reading): Promise<UsageEvent> {
    const { after, through } = reading;
    if (through < this.#through) return this.#read(reading);
    if (through > this.#through) {
      this.#newest.clear();
      this.#through = through;
    }
    let event = this.#newest.get(after);
    if (event === undefined) {
      event = this.#read(reading);
      this.#newest.set(after, event);
      // The streams that asked fail with it; the next one reads again.
      event.catch(() => this.#newest.delete(after));
    }
    return event;
  }
}

interface StreamParts {
  readonly changes: AsyncIterableIterator<{ readonly sequence: bigint }, undefined>;
  readonly read: (span: { readonly after: bigint; readonly through: bigint }) => Promise<UsageEvent>;
  readonly onEnded: () => void;
}

/** This is no async generator, whose `return()` would wait for the account's next change, which may never come. */
class FollowingStream implements AsyncIterableIterator<UsageEvent, undefined> {
  readonly #parts: StreamParts;
  #seen: bigint | null = null;
  #isEnded = false;
  /** One `next()` after the other. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(parts: StreamParts) {
    this.#parts = parts;
  }

  next(): Promise<IteratorResult<UsageEvent, undefined>> {
    const result = this.#turn.then(() => this.#following());
    this.#turn = result.catch(() => undefined);
    return result;
  }

  return(): Promise<IteratorResult<UsageEvent, undefined>> {
    this.#end();
    return Promise.resolve(ENDED);
  }

  throw(error: unknown): Promise<IteratorResult<UsageEvent, undefined>> {
    this.#end();
    return Promise.reject(error);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#end();
    return Promise.resolve();
  }

  async #following(): Promise<IteratorResult<UsageEvent, undefined>> {
    try {
      while (!this.#isEnded) {
        const change = await this.#parts.changes.next();
        if (change.done === true || this.#isEnded) break;
        const event = await this.#since(change.value.sequence);
        if (this.#isEnded) break;
        if (event !== null) return { done: false, value: event };
      }
    } catch (error) {
      this.#end();
      throw error;
    }
    this.#end();
    return ENDED;
  }

  /** The records since the last event; null: there are none that this stream shows. */
  async #since(sequence: bigint): Promise<UsageEvent | null> {
    const after = this.#seen;
    if (after !== null && sequence <= after) return null;
    const event = after === null ? null : await this.#parts.read({ after, through: sequence });
    this.#seen = sequence;
    return event === null || event.records.length === 0 ? null : event;
  }

  #end(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    void this.#parts.changes.return?.();
    this.#parts.onEnded();
  }
}

const ENDED: IteratorReturnResult<undefined> = { done: true, value: undefined };

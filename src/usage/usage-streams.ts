import { type Scheduler, systemScheduler } from '../kernel/scheduler.ts';
import type { UsageRecord } from '../ledger/rules/entries.ts';
import type { PublicUse, PublicUseOf } from '../ledger/rules/public-use.ts';
import type { OwnUse, UseOf } from './use-filter.ts';

/** New records since the last event: the newest few, and how many more there were. */
export interface UsageEvent {
  readonly records: readonly UsageRecord[];
  readonly skipped: bigint;
}

/** Ends at once when it is returned, also while a `next()` waits. */
export type UsageStream = AsyncIterableIterator<UsageEvent, undefined>;

/** The newest state of an account, whenever its ledger grew: at most ten a second, the state at once first. */
export type Changes = (billingEntityId: string) => AsyncIterableIterator<{ readonly sequence: bigint }, undefined>;

/** Use in a public organization that was heard of. */
interface HeardUse {
  /** Records that were heard of so far. */
  readonly version: bigint;
  /** The newest pieces, newest first. Each says how many records had been heard of with it. */
  readonly newest: readonly (PublicUse & { readonly heard: bigint })[];
}

/** Use in a public organization, on one key or any, as far as it was heard of: what is known at once, then whenever it is more. */
export type PublicUseChanges = (of: PublicUseOf) => AsyncIterableIterator<HeardUse, undefined>;

/** The streams that say when there is something to read. */
export interface Sources {
  readonly changes: Changes;
  readonly publicUse: PublicUseChanges;
}

interface Span {
  readonly after: bigint;
  readonly through: bigint;
}

/** The records of one event that are in one account: after one entry and through another. */
export interface Reading extends Span {
  readonly billingEntityId: string;
  /** The only use that is shown; null: all use. */
  readonly own: OwnUse | null;
  /** Only use in this organization; null: wherever it was used. */
  readonly organizationId: string | null;
}

/** The records of one event that a public organization's people paid for themselves: between two numbers of heard records. */
export interface PublicReading extends Span {
  readonly organizationId: string;
  /** The newest use that was heard of, newest first. */
  readonly newest: HeardUse['newest'];
}

/** Reads the records of events. */
export interface RecordReader {
  readonly inAccount: (reading: Reading) => Promise<UsageEvent>;
  readonly inPublic: (reading: PublicReading) => Promise<UsageEvent>;
}

/** Most records that an event shows. */
export const MAX_EVENT_RECORDS = 20;
/** Least time between two events of a stream, as of the sources that it follows. */
const INTERVAL_MS = 100;

/**
 * All open streams of use. Streams of one account with the same restriction hear of a change together and read its records
 * together: one statement, whatever their number.
 *
 * What is used in a PUBLIC organization lies in its people's accounts, so a stream of an organization follows two sources:
 * its own account, and what is heard of use in it. Somebody who reads only their own use paid for it themselves, so their
 * account is the second source, which misses nothing.
 */
export class UsageStreams {
  readonly #sources: Sources;
  readonly #read: RecordReader;
  readonly #scheduler: Scheduler;
  readonly #feeds = new Map<string, Feed<Reading> | Feed<PublicReading>>();
  /** Streams that join two sources. */
  #joined = 0;

  constructor(sources: Sources, read: RecordReader, scheduler: Scheduler = systemScheduler) {
    this.#sources = sources;
    this.#read = read;
    this.#scheduler = scheduler;
  }

  /** Streams that are open. */
  get open(): number {
    return this.followed - this.#joined;
  }

  /** Sources that open streams follow, each counted as often as it is followed. */
  get followed(): number {
    return this.#feeds.values().reduce((sum, { streams }) => sum + streams.size, 0);
  }

  /** Begins with what is recorded after subscribing. Counts from the call on, so end it (`return()`) in any case. */
  watch({ billingEntityId: id, type }: UseOf, own: OwnUse | null): UsageStream {
    const inAccount = this.#followAccount({ billingEntityId: id, own, organizationId: null });
    if (type === 'USER') return inAccount;
    const inPublic =
      own !== null && 'userId' in own
        ? this.#followAccount({ billingEntityId: own.userId, own: null, organizationId: id })
        : this.#followPublic({ organizationId: id, apiKeyId: own?.apiKeyId ?? null });
    this.#joined += 1;
    return new JoinedStream([inAccount, inPublic], {
      scheduler: this.#scheduler,
      onEnded: () => {
        this.#joined -= 1;
      },
    });
  }

  #followAccount(of: Omit<Reading, keyof Span>): UsageStream {
    const { billingEntityId, own, organizationId } = of;
    return this.#follow(`${billingEntityId} ${organizationId ?? ''} ${JSON.stringify(own)}`, this.#read.inAccount, {
      changes: this.#sources.changes(billingEntityId),
      placeOf: ({ sequence }) => sequence,
      toReading: (_change, span) => ({ ...of, ...span }),
    });
  }

  #followPublic(of: PublicUseOf): UsageStream {
    const { organizationId, apiKeyId } = of;
    return this.#follow(`public ${organizationId} ${apiKeyId ?? ''}`, this.#read.inPublic, {
      changes: this.#sources.publicUse(of),
      placeOf: ({ version }) => version,
      toReading: ({ newest }, span) => ({ organizationId, newest, ...span }),
    });
  }

  #follow<Change, R extends Span>(
    name: string,
    read: (reading: R) => Promise<UsageEvent>,
    { changes, placeOf, toReading }: Following<Change, R>,
  ): UsageStream {
    // A name says which kind of reading its feed shares.
    let feed = this.#feeds.get(name) as Feed<R> | undefined;
    if (feed === undefined) {
      feed = new Feed(read);
      this.#feeds.set(name, feed as unknown as Feed<Reading>);
    }
    const shared = feed;
    const stream: UsageStream = new FollowingStream({
      changes,
      placeOf,
      read: (change, span) => shared.reading(toReading(change, span)),
      onEnded: () => {
        shared.streams.delete(stream);
        if (shared.streams.size === 0 && this.#feeds.get(name) === (shared as unknown)) this.#feeds.delete(name);
      },
    });
    shared.streams.add(stream);
    return stream;
  }
}

interface Following<Change, R> {
  readonly changes: AsyncIterableIterator<Change, undefined>;
  /** A number that rises with what there is to read. */
  readonly placeOf: (change: Change) => bigint;
  readonly toReading: (change: Change, span: Span) => R;
}

/** The state that streams of one source with the same restriction share. */
class Feed<R extends Span> {
  readonly streams = new Set<UsageStream>();
  readonly #read: (reading: R) => Promise<UsageEvent>;
  /** Records read through the newest entry, by the entry that they begin after: a stream that lagged begins after another. */
  readonly #newest = new Map<bigint, Promise<UsageEvent>>();
  #through = -1n;

  constructor(read: (reading: R) => Promise<UsageEvent>) {
    this.#read = read;
  }

  reading(reading: R): Promise<UsageEvent> {
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

interface StreamParts<Change> {
  readonly changes: AsyncIterableIterator<Change, undefined>;
  readonly placeOf: (change: Change) => bigint;
  readonly read: (change: Change, span: Span) => Promise<UsageEvent>;
  readonly onEnded: () => void;
}

/** This is no async generator, whose `return()` would wait for the account's next change, which may never come. */
class FollowingStream<Change> implements UsageStream {
  readonly #parts: StreamParts<Change>;
  #seen: bigint | null = null;
  #isEnded = false;
  /** One `next()` after the other. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(parts: StreamParts<Change>) {
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
        const event = await this.#since(change.value);
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
  async #since(change: Change): Promise<UsageEvent | null> {
    const after = this.#seen;
    const through = this.#parts.placeOf(change);
    if (after !== null && through <= after) return null;
    const event = after === null ? null : await this.#parts.read(change, { after, through });
    this.#seen = through;
    return event === null || event.records.length === 0 ? null : event;
  }

  #end(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    void this.#parts.changes.return?.();
    this.#parts.onEnded();
  }
}

interface JoinedParts {
  readonly scheduler: Scheduler;
  readonly onEnded: () => void;
}

/** Several streams as one, which ends with the first of them. Events that come within one interval are one event. */
class JoinedStream implements UsageStream {
  readonly #sources: readonly { readonly stream: UsageStream; isAsked: boolean; ready: UsageEvent | null }[];
  readonly #parts: JoinedParts;
  #isEnded = false;
  #failure: { readonly error: unknown } | null = null;
  #notBeforeMs = Number.NEGATIVE_INFINITY;
  #wake: () => void = () => undefined;
  /** One `next()` after the other. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(streams: readonly UsageStream[], parts: JoinedParts) {
    this.#sources = streams.map((stream) => ({ stream, isAsked: false, ready: null }));
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
    const { scheduler } = this.#parts;
    for (;;) {
      if (this.#failure !== null) {
        const { error } = this.#failure;
        this.#failure = null;
        throw error;
      }
      if (this.#isEnded) return ENDED;
      this.#ask();
      const waitMs = this.#notBeforeMs - scheduler.nowMs();
      const isReady = this.#sources.some(({ ready }) => ready !== null);
      if (isReady && waitMs <= 0) {
        this.#notBeforeMs = scheduler.nowMs() + INTERVAL_MS;
        return { done: false, value: this.#take() };
      }
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      const cancel = isReady ? scheduler.after(waitMs, resolve) : () => undefined;
      await promise;
      cancel();
    }
  }

  /** Asks each source that has nothing ready and is not asked yet. */
  #ask(): void {
    for (const source of this.#sources) {
      if (source.isAsked || source.ready !== null) continue;
      source.isAsked = true;
      source.stream.next().then(
        (result) => {
          source.isAsked = false;
          if (result.done === true) this.#end();
          else source.ready = result.value;
          this.#wake();
        },
        (error: unknown) => {
          if (!this.#isEnded) this.#failure = { error };
          this.#end();
        },
      );
    }
  }

  #take(): UsageEvent {
    const events: UsageEvent[] = [];
    for (const source of this.#sources) {
      if (source.ready !== null) events.push(source.ready);
      source.ready = null;
    }
    return events.length === 1 ? (events[0] as UsageEvent) : joined(events);
  }

  #end(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    for (const { stream } of this.#sources) void stream.return?.();
    this.#parts.onEnded();
    this.#wake();
  }
}

function joined(events: readonly UsageEvent[]): UsageEvent {
  const all = events
    .flatMap(({ records }) => records)
    .toSorted((one, other) => other.recordedAt.getTime() - one.recordedAt.getTime());
  const records = all.slice(0, MAX_EVENT_RECORDS);
  const skipped = events.reduce((sum, event) => sum + event.skipped, BigInt(all.length - records.length));
  return { records, skipped };
}

const ENDED: IteratorReturnResult<undefined> = { done: true, value: undefined };

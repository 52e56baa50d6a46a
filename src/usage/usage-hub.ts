/** What streams of the same use share: they hear of news together, and read it together. */
import type { Scheduler } from '../kernel/scheduler.ts';
import type { UsageRecord } from '../ledger/rules/entries.ts';
import { MAX_EVENT_RECORDS, type News } from './recorded-since.ts';
import { usageCursor, type UsagePlace, type Watched } from './usage-cursor.ts';

/** New records since the last event: the newest few, and how many more there were. */
export interface UsageEvent {
  readonly records: readonly UsageRecord[];
  readonly skipped: bigint;
  /** true: there may have been more than these, which nobody counted. */
  readonly hasGap: boolean;
  /** The place after all of these, to go on from later. */
  readonly cursor: string;
}

/** Ends at once when it is returned, also while a `next()` waits. */
export type UsageStream = AsyncIterableIterator<UsageEvent, undefined>;

/** One of the places where what is watched is recorded. */
export interface Part {
  readonly hints: () => AsyncIterableIterator<unknown, undefined>;
  readonly now: () => Promise<UsagePlace>;
  readonly since: (place: UsagePlace) => Promise<News<UsagePlace>>;
}

/** Least time between two events of a stream, in milliseconds. */
const INTERVAL_MS = 100;

/** Where a stream stands: all that was recorded before has been told. */
interface Standing {
  readonly places: readonly UsagePlace[];
  /** How often each part had been heard of before it was read. */
  readonly heard: readonly number[];
  readonly cursor: string;
}

/** What there is after a standing. */
interface Advance {
  /** null: nothing that is shown. */
  readonly event: UsageEvent | null;
  readonly standing: Standing;
}

interface HubOptions {
  readonly parts: readonly Part[];
  readonly scheduler: Scheduler;
  /** Called when the last stream has ended. */
  readonly onUnused: () => void;
}

/**
 * All streams of what is watched with the same restriction. They hear of news together, at most ten times a second, and those
 * that stand alike read them together: one statement, whatever their number, and one event, which is serialised once.
 */
export class UsageHub {
  readonly #watched: Watched;
  readonly #options: HubOptions;
  readonly #sources: readonly AsyncIterableIterator<unknown, undefined>[];
  readonly #streams = new Set<HubStream>();
  /** Called at the next news. */
  readonly #waiting = new Set<() => void>();
  readonly #hints: number[];
  /** The hints that streams have been told of. */
  #heard: readonly number[];
  readonly #advances = new Map<string, Promise<Advance>>();
  #running: Promise<Standing> | null = null;
  #queued: Promise<Standing> | null = null;
  #cancelTick: (() => void) | null = null;
  #notBeforeMs = Number.NEGATIVE_INFINITY;

  constructor(watched: Watched, options: HubOptions) {
    this.#watched = watched;
    this.#options = options;
    this.#sources = options.parts.map(({ hints }) => hints());
    this.#hints = options.parts.map(() => 0);
    this.#heard = [...this.#hints];
    for (const [index, source] of this.#sources.entries()) void this.#follow(index, source);
  }

  get size(): number {
    return this.#streams.size;
  }

  get followed(): number {
    return this.#streams.size === 0 ? 0 : this.#sources.length;
  }

  open(opening: Opening): UsageStream {
    const stream: HubStream = new HubStream(this, opening, () => {
      if (!this.#streams.delete(stream) || this.#streams.size > 0) return;
      this.#cancelTick?.();
      for (const source of this.#sources) void source.return?.();
      this.#options.onUnused();
    });
    this.#streams.add(stream);
    return stream;
  }

  /**
   * Where everything is told that is recorded by now. A reading that runs already may have begun before its caller was there, so
   * one more follows it, shared by all who ask meanwhile.
   */
  now(): Promise<Standing> {
    if (this.#running === null) return this.#readNow();
    this.#queued ??= this.#running
      .catch(() => null)
      .then(() => {
        this.#queued = null;
        return this.#readNow();
      });
    return this.#queued;
  }

  /** The standing of somebody who comes back: whatever there is now has to be read. */
  standingAt(places: readonly UsagePlace[]): Standing {
    return { places, heard: places.map(() => NEVER), cursor: usageCursor(this.#watched, places) };
  }

  isAhead({ heard }: Standing): boolean {
    return this.#heard.some((each, index) => each > (heard[index] as number));
  }

  advance(standing: Standing): Promise<Advance> {
    const heard = this.#heard;
    const isNews = heard.map((each, index) => each > (standing.heard[index] as number));
    const name = `${isNews.join()} ${standing.cursor}`;
    const known = this.#advances.get(name);
    if (known !== undefined) return known;
    const advance = this.#read(standing, heard, isNews);
    this.#advances.set(name, advance);
    const forget = (): void => {
      if (this.#advances.get(name) === advance) this.#advances.delete(name);
    };
    // News is kept for all who hear of it, until there is more. What somebody missed who comes back is theirs alone.
    void advance.then(isNews.some((_, index) => standing.heard[index] === NEVER) ? forget : undefined, forget);
    return advance;
  }

  /** Calls back at the next news. */
  wait(wake: () => void): void {
    this.#waiting.add(wake);
  }

  stopWaiting(wake: () => void): void {
    this.#waiting.delete(wake);
  }

  async #read({ places }: Standing, heard: readonly number[], isNews: readonly boolean[]): Promise<Advance> {
    const news = await Promise.all(
      this.#options.parts.map(async (part, index): Promise<News<UsagePlace>> => {
        const place = places[index] as UsagePlace;
        return isNews[index] === true ? part.since(place) : { ...NOTHING, place };
      }),
    );
    const after = news.map(({ place }) => place);
    const standing = { places: after, heard, cursor: usageCursor(this.#watched, after) };
    const event = { ...joined(news), cursor: standing.cursor };
    const isEmpty = event.records.length === 0 && event.skipped === 0n && !event.hasGap;
    return { event: isEmpty ? null : event, standing };
  }

  #readNow(): Promise<Standing> {
    const heard = this.#heard;
    const reading = Promise.all(this.#options.parts.map((part) => part.now()))
      .then((places) => ({ places, heard, cursor: usageCursor(this.#watched, places) }))
      .finally(() => {
        if (this.#running === reading) this.#running = null;
      });
    this.#running = reading;
    return reading;
  }

  /** Ends all streams with a source that ends, as after the right to it was lost, and fails them with one that fails. */
  async #follow(index: number, source: AsyncIterableIterator<unknown, undefined>): Promise<void> {
    let failure: Failure | null = null;
    try {
      while ((await source.next()).done !== true) {
        this.#hints[index] = (this.#hints[index] as number) + 1;
        this.#arm();
      }
    } catch (error) {
      failure = { error };
    }
    for (const stream of [...this.#streams]) stream.end(failure);
  }

  #arm(): void {
    if (this.#cancelTick !== null || this.#streams.size === 0) return;
    const { scheduler } = this.#options;
    this.#cancelTick = scheduler.after(this.#notBeforeMs - scheduler.nowMs(), () => {
      this.#cancelTick = null;
      this.#notBeforeMs = scheduler.nowMs() + INTERVAL_MS;
      this.#heard = [...this.#hints];
      this.#advances.clear();
      const waiting = [...this.#waiting];
      this.#waiting.clear();
      for (const wake of waiting) wake();
    });
  }
}

/** Nothing was heard of yet: whatever there is has to be read. */
const NEVER = -1;
const NOTHING = { records: [], skipped: 0n, hasGap: false };

/** The news of all parts as one, newest first. */
function joined(news: readonly News<UsagePlace>[]): Omit<UsageEvent, 'cursor'> {
  const all = news
    .flatMap(({ records }) => records)
    .toSorted((one, other) => other.recordedAt.getTime() - one.recordedAt.getTime());
  const records = all.slice(0, MAX_EVENT_RECORDS);
  const skipped = news.reduce((sum, each) => sum + each.skipped, BigInt(all.length - records.length));
  return { records, skipped, hasGap: news.some(({ hasGap }) => hasGap) };
}

interface Opening {
  /** The places to go on from; null: now. */
  readonly places: readonly UsagePlace[] | null;
  readonly atOnce: boolean;
  /** true: it is not known what the watcher missed. */
  readonly hasGap: boolean;
}

interface Failure {
  readonly error: unknown;
}

/** This is no async generator, whose `return()` would wait for the next news, which may never come. */
class HubStream implements UsageStream {
  readonly #hub: UsageHub;
  readonly #opening: Opening;
  readonly #onEnded: () => void;
  readonly #start: Promise<Standing>;
  #standing: Standing | null = null;
  #isFirst = true;
  readonly #waiters: PromiseWithResolvers<IteratorResult<UsageEvent, undefined>>[] = [];
  #isRunning = false;
  #isEnded = false;
  #failure: Failure | null = null;
  #wake: () => void = () => undefined;

  constructor(hub: UsageHub, opening: Opening, onEnded: () => void) {
    this.#hub = hub;
    this.#opening = opening;
    this.#onEnded = onEnded;
    const { places } = opening;
    this.#start = places === null ? hub.now() : Promise.resolve(hub.standingAt(places));
    // Whoever takes the first event is told.
    this.#start.catch(() => undefined);
  }

  next(): Promise<IteratorResult<UsageEvent, undefined>> {
    if (this.#failure !== null) {
      const { error } = this.#failure;
      this.#failure = null;
      return Promise.reject(error);
    }
    if (this.#isEnded) return Promise.resolve(ENDED);
    const waiter = Promise.withResolvers<IteratorResult<UsageEvent, undefined>>();
    this.#waiters.push(waiter);
    if (!this.#isRunning) void this.#run();
    return waiter.promise;
  }

  return(): Promise<IteratorResult<UsageEvent, undefined>> {
    this.end(null);
    return Promise.resolve(ENDED);
  }

  throw(error: unknown): Promise<IteratorResult<UsageEvent, undefined>> {
    this.end(null);
    return Promise.reject(error);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.end(null);
    return Promise.resolve();
  }

  /** Ends at once, also while it waits. A failure is told to the first who waits or asks. */
  end(failure: Failure | null): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    if (failure !== null) {
      const first = this.#waiters.shift();
      if (first === undefined) this.#failure = failure;
      else first.reject(failure.error);
    }
    for (const waiter of this.#waiters.splice(0)) waiter.resolve(ENDED);
    this.#hub.stopWaiting(this.#wake);
    this.#wake();
    this.#onEnded();
  }

  /** Serves those who wait, one after the other. */
  async #run(): Promise<void> {
    this.#isRunning = true;
    try {
      while (this.#waiters.length > 0) {
        const event = await this.#following();
        if (event === null) break;
        this.#waiters.shift()?.resolve({ done: false, value: event });
      }
    } catch (error) {
      this.end({ error });
    }
    this.#isRunning = false;
  }

  /** The next event; null: the stream has ended. */
  async #following(): Promise<UsageEvent | null> {
    const { atOnce, hasGap } = this.#opening;
    this.#standing ??= await this.#start;
    for (;;) {
      if (this.#isEnded) return null;
      let event: UsageEvent | null = null;
      if (this.#hub.isAhead(this.#standing)) {
        const advance = await this.#hub.advance(this.#standing);
        this.#standing = advance.standing;
        ({ event } = advance);
      }
      if (this.#isFirst && (atOnce || hasGap)) {
        event = { ...(event ?? { ...NOTHING, cursor: this.#standing.cursor }), ...(hasGap && { hasGap }) };
      }
      if (event !== null) {
        if (this.#isEnded) return null;
        this.#isFirst = false;
        return event;
      }
      if (this.#hub.isAhead(this.#standing)) continue;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        this.#hub.wait(resolve);
      });
    }
  }
}

const ENDED: IteratorReturnResult<undefined> = { done: true, value: undefined };

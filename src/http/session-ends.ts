import { BoundedCache } from '../kernel/bounded-cache.ts';
import type { Log } from '../kernel/log.ts';
import type { Scheduler } from '../kernel/scheduler.ts';

/** Remembers, for every process, which sessions were ended before their time. Rejects with Refusal UNAVAILABLE while it cannot be asked. */
export interface EndedSessionStore {
  end(session: { readonly id: string; readonly expiresAt: Date }): Promise<void>;
  endedAmong(ids: readonly string[]): Promise<ReadonlySet<string>>;
}

export interface SessionEndsOptions {
  readonly store: EndedSessionStore;
  readonly scheduler: Scheduler;
  readonly log: Log;
}

/** Twice within the second that is promised, with room for a slow database. */
const INTERVAL_MS = 400;
/** An answer of the store holds for so long: an ended session is refused on every process within a second. */
const FRESH_MS = 1_000;
/** A session that nobody used for so long is asked about when it is used again, and not before. */
const IDLE_MS = 30_000;
/** Some twenty thousand sessions. */
const REMEMBERED_BYTES = 5 * 1_048_576;

interface Watched {
  usedAtMs: number;
  /** The time at which the store was last asked and had not ended it; null: it was not asked yet. */
  goodAtMs: number | null;
  asking: Promise<boolean> | null;
  /** Those who stand on the session, such as open sockets. They keep it watched. */
  readonly onEnd: Set<() => void>;
}

/**
 * Learns which sessions have ended. The store is asked about all sessions in use together, a few times a second, and not by
 * each request: a request waits only for a session that this process has not seen in the last half minute. While the store
 * is away, answers grow old, and sessions are refused for now rather than believed.
 */
export class SessionEnds {
  readonly #options: SessionEndsOptions;
  readonly #watched = new Map<string, Watched>();
  readonly #ended = new BoundedCache<true>({ bytes: REMEMBERED_BYTES });
  #cancel: (() => void) | null = null;
  #isStopped = false;

  constructor(options: SessionEndsOptions) {
    this.#options = options;
  }

  /** True when the session of this id was ended. Rejects with Refusal UNAVAILABLE when nobody knows. */
  isEnded(id: string): Promise<boolean> | boolean {
    if (this.#ended.has(id)) return true;
    const watched = this.#watch(id);
    watched.usedAtMs = this.#options.scheduler.nowMs();
    if (watched.goodAtMs !== null && watched.usedAtMs - watched.goodAtMs < FRESH_MS) return false;
    watched.asking ??= this.#ask([id])
      .then(() => this.#ended.has(id))
      .finally(() => (watched.asking = null));
    return watched.asking;
  }

  /** Ends a session here and at once, and on every other process within a second. Rejects with Refusal UNAVAILABLE. */
  async end(session: { readonly id: string; readonly expiresAt: Date }): Promise<void> {
    await this.#options.store.end(session);
    this.#hasEnded(session.id);
  }

  /** Calls `onEnd` once when the session ends before its time. The answer takes that back. */
  whenEnded(id: string, onEnd: () => void): () => void {
    if (this.#ended.has(id)) {
      onEnd();
      return () => {};
    }
    const watched = this.#watch(id);
    watched.onEnd.add(onEnd);
    return () => watched.onEnd.delete(onEnd);
  }

  /** Asks nothing more by itself. */
  stop(): void {
    this.#isStopped = true;
    this.#cancel?.();
  }

  #watch(id: string): Watched {
    let watched = this.#watched.get(id);
    if (watched === undefined) {
      const nowMs = this.#options.scheduler.nowMs();
      watched = { usedAtMs: nowMs, goodAtMs: null, asking: null, onEnd: new Set() };
      this.#watched.set(id, watched);
    }
    this.#plan();
    return watched;
  }

  #plan(): void {
    if (this.#isStopped || this.#watched.size === 0) return;
    this.#cancel ??= this.#options.scheduler.after(INTERVAL_MS, () => void this.#round());
  }

  async #round(): Promise<void> {
    const idleSinceMs = this.#options.scheduler.nowMs() - IDLE_MS;
    for (const [id, { usedAtMs, asking, onEnd }] of this.#watched) {
      if (usedAtMs <= idleSinceMs && asking === null && onEnd.size === 0) this.#watched.delete(id);
    }
    try {
      if (this.#watched.size > 0) await this.#ask([...this.#watched.keys()]);
    } catch (error) {
      this.#options.log.warn({ err: error }, 'the store of ended sessions could not be asked');
    }
    this.#cancel = null;
    this.#plan();
  }

  async #ask(ids: readonly string[]): Promise<void> {
    // What was ended after the question may not be in the answer.
    const askedAtMs = this.#options.scheduler.nowMs();
    const ended = await this.#options.store.endedAmong(ids);
    for (const id of ids) {
      const watched = this.#watched.get(id);
      if (ended.has(id)) this.#hasEnded(id);
      else if (watched !== undefined) watched.goodAtMs = Math.max(watched.goodAtMs ?? askedAtMs, askedAtMs);
    }
  }

  #hasEnded(id: string): void {
    this.#ended.set(id, true);
    const watched = this.#watched.get(id);
    this.#watched.delete(id);
    for (const onEnd of watched?.onEnd ?? []) onEnd();
  }
}

import type { Scheduler } from '../kernel/scheduler.ts';

/** More neighbours than this are not watched; nobody runs so many, but anyone with a connection may pretend to. */
const maxWatched = 1_000;

/**
 * The other processes, by when they were last heard. One that falls silent without a goodbye may have died between
 * a commit and the telling of it, so its listeners must read for themselves.
 */
export class Neighbours {
  readonly #scheduler: Scheduler;
  readonly #silentAfterMs: number;
  readonly #lastHeardAtMs = new Map<string, number>();

  constructor(options: { readonly scheduler: Scheduler; readonly silentAfterMs: number }) {
    this.#scheduler = options.scheduler;
    this.#silentAfterMs = options.silentAfterMs;
  }

  /** A message of this process arrived. */
  heard(processId: string): void {
    if (this.#lastHeardAtMs.size >= maxWatched && !this.#lastHeardAtMs.has(processId)) return;
    this.#lastHeardAtMs.set(processId, this.#scheduler.nowMs());
  }

  /** It has nothing more to tell. */
  left(processId: string): void {
    this.#lastHeardAtMs.delete(processId);
  }

  /** This process hears no messages at present, so silence means nothing. */
  clear(): void {
    this.#lastHeardAtMs.clear();
  }

  /** Neighbours that have fallen silent since the last call. */
  takeSilent(): string[] {
    const limitMs = this.#scheduler.nowMs() - this.#silentAfterMs;
    const silent = [...this.#lastHeardAtMs].filter(([, heardAtMs]) => heardAtMs < limitMs).map(([id]) => id);
    for (const id of silent) this.#lastHeardAtMs.delete(id);
    return silent;
  }
}

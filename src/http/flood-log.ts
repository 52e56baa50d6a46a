/** Logs events that anybody can cause as often as they like, without letting them fill the log. */
import type { Scheduler } from '../kernel/scheduler.ts';

interface Kind {
  /** Events since the window began that were logged one by one. */
  told: number;
  /** Events since the window began that are logged together at its end. */
  more: number;
  latest: object;
}

/** A line of the log: the number of events that it stands for, and the details of the latest. */
export type WriteFlood = (line: { readonly count: number; readonly latest: object }) => void;

export class FloodLog {
  readonly #write: WriteFlood;
  readonly #windowMs: number;
  readonly #after: Scheduler['after'];
  readonly #kinds = new Map<string, Kind>();

  /** @param write Is called for the first few of a kind at once, and at the end of a window for all others in it together. */
  constructor(write: WriteFlood, windowMs: number, after: Scheduler['after'] = withoutHolding) {
    this.#after = after;
    this.#write = write;
    this.#windowMs = windowMs;
  }

  /** Notes one more event. `kind` is one of a few, and callers cannot choose it. */
  note(kind: string, latest: object): void {
    const known = this.#kinds.get(kind) ?? this.#open(kind, { told: 0, more: 0, latest });
    known.latest = latest;
    if (known.told < TOLD_AT_ONCE) {
      known.told += 1;
      this.#write({ count: 1, latest });
    } else {
      known.more += 1;
    }
  }

  #open(kind: string, state: Kind): Kind {
    this.#kinds.set(kind, state);
    this.#after(this.#windowMs, () => {
      const { more, latest } = state;
      this.#kinds.delete(kind);
      if (more === 0) return;
      this.#write({ count: more, latest });
      // While events go on, each window logs them once.
      this.#open(kind, { told: TOLD_AT_ONCE, more: 0, latest });
    });
    return state;
  }
}

/** Enough to see what is wrong with an endpoint that was set up a moment ago. */
const TOLD_AT_ONCE = 3;

/** A process that has nothing else to do does not wait for the end of a window. */
function withoutHolding(delayMs: number, task: () => void): () => void {
  const timer = setTimeout(task, delayMs).unref();
  return () => clearTimeout(timer);
}

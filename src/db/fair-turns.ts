/** Turns at something scarce, fair between those who want it: whoever asks for much waits for themselves. */
import { Refusal } from '../kernel/refusal.ts';
import { unavailable } from './errors.ts';

export interface FairTurnsOptions {
  /** Turns that are taken at one time. */
  readonly atOnce: number;
  /** The part of them that one caller may have. */
  readonly atOncePerCaller: number;
  /** Most turns of one caller that wait. */
  readonly waitingPerCaller: number;
  /** Most turns that wait in all. */
  readonly waiting: number;
}

interface Caller {
  taken: number;
  readonly waiting: (() => void)[];
}

export class FairTurns {
  readonly #options: FairTurnsOptions;
  /** Callers who have a turn or wait for one; the one who had a turn last stands last. */
  readonly #callers = new Map<string, Caller>();
  #taken = 0;
  #waiting = 0;

  constructor(options: FairTurnsOptions) {
    this.#options = options;
  }

  get taken(): number {
    return this.#taken;
  }

  get waiting(): number {
    return this.#waiting;
  }

  /**
   * Does the work when it is the caller's turn: at once while there is room. A free turn goes to whom has the fewest, and
   * of those to whom waits longest since their last.
   * @throws by rejecting with Refusal RATE_LIMITED when the caller has too much waiting, UNAVAILABLE when all have
   */
  async take<T>(name: string, work: () => Promise<T> | T): Promise<T> {
    const caller = this.#caller(name);
    if (this.#hasRoom(caller) && caller.waiting.length === 0) this.#start(caller);
    else await this.#wait(caller);
    try {
      return await work();
    } finally {
      this.#end(name, caller);
    }
  }

  #caller(name: string): Caller {
    let caller = this.#callers.get(name);
    if (caller === undefined) this.#callers.set(name, (caller = { taken: 0, waiting: [] }));
    return caller;
  }

  #hasRoom({ taken }: Caller): boolean {
    return this.#taken < this.#options.atOnce && taken < this.#options.atOncePerCaller;
  }

  #start(caller: Caller): void {
    this.#taken += 1;
    caller.taken += 1;
  }

  #wait(caller: Caller): Promise<void> {
    if (caller.waiting.length >= this.#options.waitingPerCaller) {
      throw new Refusal('RATE_LIMITED', 'Too much of yours waits to be read: slow down.', { retryAfterMs: 1_000 });
    }
    if (this.#waiting >= this.#options.waiting) throw unavailable('too much waits to be read');
    this.#waiting += 1;
    return new Promise((resolve) => caller.waiting.push(resolve));
  }

  #end(name: string, caller: Caller): void {
    this.#taken -= 1;
    caller.taken -= 1;
    if (caller.taken === 0 && caller.waiting.length === 0) this.#callers.delete(name);
    this.#startNext();
  }

  #startNext(): void {
    if (this.#waiting === 0) return;
    let next: [string, Caller] | null = null;
    for (const entry of this.#callers) {
      const [, caller] = entry;
      if (caller.waiting.length === 0 || !this.#hasRoom(caller)) continue;
      if (next === null || caller.taken < next[1].taken) next = entry;
    }
    if (next === null) return;
    const [name, caller] = next;
    this.#callers.delete(name);
    this.#callers.set(name, caller);
    this.#waiting -= 1;
    this.#start(caller);
    caller.waiting.shift()?.();
  }
}

import type { Scheduler } from '../../src/kernel/scheduler.ts';

/** Time that stands still until it is moved. */
export class ManualScheduler implements Scheduler {
  #nowMs = 0;
  #tasks: { atMs: number; run: () => void }[] = [];

  /** Tasks planned and not yet run or cancelled. */
  get planned(): number {
    return this.#tasks.length;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  after(delayMs: number, run: () => void): () => void {
    const task = { atMs: this.#nowMs + Math.max(0, delayMs), run };
    this.#tasks.push(task);
    return () => {
      this.#tasks = this.#tasks.filter((other) => other !== task);
    };
  }

  /** Moves on by so many milliseconds; each task runs at its time, with all that follows from it. */
  async advance(byMs: number): Promise<void> {
    const untilMs = this.#nowMs + byMs;
    await settle();
    for (;;) {
      const due = this.#tasks.filter((task) => task.atMs <= untilMs).sort((a, b) => a.atMs - b.atMs)[0];
      if (due === undefined) break;
      this.#tasks = this.#tasks.filter((other) => other !== due);
      this.#nowMs = Math.max(this.#nowMs, due.atMs);
      due.run();
      await settle();
    }
    this.#nowMs = untilMs;
  }
}

/** Resolves when all promises that could settle have, and what waited for them has run. */
export function settle(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

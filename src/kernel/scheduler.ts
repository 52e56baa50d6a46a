/**
 * Time for pacing: how long since, and how long until. It never names an instant, so a jump of the machine's clock
 * changes nothing; and tests drive it by hand.
 */
export interface Scheduler {
  /** Milliseconds on a clock that only moves forward, from an arbitrary origin. */
  nowMs(): number;
  /** Runs `task` once after `delayMs` (0 or less: as soon as the present work is done). The answer cancels it. */
  after(delayMs: number, task: () => void): () => void;
}

/** The machine's own timers. */
export const systemScheduler: Scheduler = {
  nowMs: () => performance.now(),
  after: (delayMs, task) => {
    if (delayMs <= 0) {
      const immediate = setImmediate(task);
      return () => {
        clearImmediate(immediate);
      };
    }
    const timer = setTimeout(task, Math.ceil(delayMs));
    return () => {
      clearTimeout(timer);
    };
  },
};

/** How long to wait before the given attempt (1, 2, 3 …), in milliseconds: doubling, up to 3 s, spread so that many processes don't return at once. */
export function backoffMs(attempt: number): number {
  const ceilingMs = Math.min(3_000, 50 * 2 ** Math.min(attempt, 10));
  return ceilingMs * (0.5 + Math.random() / 2);
}

/**
 * Time for pacing: durations and timers. It never names an instant, so a jump of the machine's clock changes nothing, and
 * tests drive it by hand.
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

/** The wait before an attempt (1, 2, 3 …), in milliseconds: it doubles up to 3 s, and is spread so that processes do not return together. */
export function backoffMs(attempt: number): number {
  const ceilingMs = Math.min(3_000, 50 * 2 ** Math.min(attempt, 10));
  return ceilingMs * (0.5 + Math.random() / 2);
}

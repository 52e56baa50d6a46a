/** The one clock of the process. Nothing else reads the system's time, so that tests can set it (rule 21). */
export interface Clock {
  /** The present instant. */
  now(): Date;
}

/** The machine's own time. */
export const systemClock: Clock = { now: () => new Date() };

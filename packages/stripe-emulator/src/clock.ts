/** The machine's time, as the emulator sees it. Nothing else here reads it, so that whoever starts an emulator can give it another. */
export interface Clock {
  /** The present instant. */
  now(): Date;
}

/** The machine's own time. */
export const systemClock: Clock = { now: () => new Date() };

/** The only reader of the system's time. Everything else is told what time it is. */
export function now(): Date {
  return new Date();
}

/** Runs `tick` every `everyMs` until the returned function is called. */
export function onEach(everyMs: number, tick: () => void): () => void {
  const timer = setInterval(tick, everyMs);
  return () => clearInterval(timer);
}

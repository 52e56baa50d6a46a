/** Keeps a stream open across lost connections. */

export interface Followed<T> {
  /** Asks for the present state; it is asked anew before each subscription, because what happened in between was not told. */
  ask(): Promise<void>;
  /** Opens the stream. It ends, or throws, when the connection is lost. */
  open(signal: AbortSignal): AsyncIterable<T>;
  take(event: T): void;
  /** Called once the stream is lost or could not be opened. Answers false where trying again is of no use. */
  lost(error: unknown): boolean;
  /** Waits before the next attempt; resolves early on abort. */
  wait(attempt: number, signal: AbortSignal): Promise<void>;
}

/** Asks, then subscribes, and begins again after each loss until the signal aborts or `lost` gives up. */
export async function follow<T>(followed: Followed<T>, signal: AbortSignal): Promise<void> {
  let attempt = 0;
  while (!signal.aborted) {
    let failure: unknown = null;
    try {
      await followed.ask();
      if (signal.aborted) return;
      for await (const event of followed.open(signal)) {
        attempt = 0;
        followed.take(event);
      }
    } catch (error) {
      failure = error;
    }
    if (signal.aborted || !followed.lost(failure)) return;
    await followed.wait(attempt, signal);
    attempt += 1;
  }
}

/** Half a second, doubled with each attempt up to eight seconds, with a random part so that many pages do not return at once. */
export function delayMs(attempt: number, random: number): number {
  return Math.round(Math.min(500 * 2 ** attempt, 8_000) * (0.75 + random / 2));
}

/** Waits, or returns as soon as the signal aborts or the browser says that it is online again. */
export function waitFor(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      removeEventListener('online', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done);
    addEventListener('online', done);
  });
}

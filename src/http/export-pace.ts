/** How fast a file must be read, so that few slow readers do not keep everybody else from theirs. */

interface Options {
  /** What is looked at together. Only the time in which something waits for the reader counts. */
  readonly windowMs: number;
  readonly leastBytesPerSecond: number;
  /** Called once, when a window has passed in which the reader took less. */
  readonly onTooSlow: () => void;
}

/** The pieces as they are; asks for each when the reader has taken the one before. */
export async function* paced(
  pieces: AsyncIterable<Buffer>,
  { windowMs, leastBytesPerSecond, onTooSlow }: Options,
): AsyncGenerator<Buffer, void, undefined> {
  const leastBytes = (leastBytesPerSecond * windowMs) / 1000;
  let takenBytes = 0;
  let leftMs = windowMs;
  let timer: NodeJS.Timeout | undefined;
  let startedAt = 0;
  const wait = (): void => {
    startedAt = performance.now();
    timer = setTimeout(() => {
      if (takenBytes < leastBytes) {
        onTooSlow();
        return;
      }
      takenBytes = 0;
      leftMs = windowMs;
      wait();
    }, leftMs);
  };
  try {
    for await (const piece of pieces) {
      wait();
      yield piece;
      clearTimeout(timer);
      takenBytes += piece.length;
      // Never none: what would take no time at all is looked at when the reader is next waited for.
      leftMs = Math.max(leftMs - (performance.now() - startedAt), 1);
    }
  } finally {
    clearTimeout(timer);
  }
}

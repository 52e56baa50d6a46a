/** The least pace of reading a file, so that a few slow readers do not take the places of all others. */

interface Options {
  /** The window in which the pace is measured. Only time in which bytes wait for the reader counts. */
  readonly windowMs: number;
  readonly leastBytesPerSecond: number;
  /** Called once, after a window in which the reader took too little. */
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

import { setImmediate } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/**
 * Bytes by which this process's heap is larger after some work, garbage and Buffers left out. It takes as long as two whole
 * collections do, which in a process that has run many tests is seconds.
 */
export async function heapAfter(work: () => void): Promise<number> {
  const before = await heapNow();
  work();
  return (await heapNow()) - before;
}

async function heapNow(): Promise<number> {
  // What a turn of the event loop still holds is let go in the next.
  await setImmediate();
  collectGarbage();
  return process.memoryUsage().heapUsed;
}

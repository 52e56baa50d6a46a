import { setImmediate } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** Bytes by which this process's heap is larger after some work, garbage and its Buffers left out. */
export async function heapAfter(work: () => void): Promise<number> {
  const before = await heapNow();
  work();
  return (await heapNow()) - before;
}

async function heapNow(): Promise<number> {
  // What a turn of the event loop still holds is let go in the next.
  for (let turn = 0; turn < 3; turn += 1) {
    await setImmediate();
    collectGarbage();
  }
  return process.memoryUsage().heapUsed;
}

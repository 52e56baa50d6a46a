/** How much memory work holds, measured in a process of its own: nothing but the work is on its heap, so no garbage of others is counted. */
import { execFile } from 'node:child_process';
import { setImmediate } from 'node:timers/promises';
import { promisify } from 'node:util';

/** Runs a script that measures with `heapAfter`; what it prints, as JSON. */
export async function measured<T>(script: string): Promise<T> {
  const options = ['--expose-gc', '--conditions=@tollgate/source', '--disable-warning=ExperimentalWarning'];
  const { stdout } = await promisify(execFile)(process.execPath, [...options, script]);
  return JSON.parse(stdout) as T;
}

/** For such a script: bytes by which its heap is larger after some work, garbage and Buffers left out. */
export async function heapAfter(work: () => void): Promise<number> {
  const before = await heapNow();
  work();
  return (await heapNow()) - before;
}

async function heapNow(): Promise<number> {
  // What a turn of the event loop still holds is let go in the next.
  await setImmediate();
  globalThis.gc?.();
  return process.memoryUsage().heapUsed;
}

import type { Channel } from './channel.ts';
import { quantile } from '../quantile.ts';
import { type Operation, Unsuccessful } from './operations.ts';
import type { LoadResult, LoadSpec } from './spec.ts';

type Schedule = Pick<LoadSpec, 'arrivalsPerSecond' | 'warmupMs' | 'measureMs' | 'maxRequests'>;

/** Told when the measured time begins and ends, so that others can read their clocks too. */
export interface Watcher {
  measuring(): void;
  measured(): void;
}

/** Runs one load over open channels: a warm-up, the measured time, then waiting for what is still under way. */
export async function generate(
  channels: readonly Channel[],
  operation: Operation,
  schedule: Schedule,
  watcher: Watcher,
): Promise<LoadResult> {
  const latenciesMs: number[] = [];
  let requests = 0;
  let measuredRequests = 0;
  let errors = 0;
  let firstError: string | null = null;
  let acknowledgedCredits = 0;

  const startMs = performance.now();
  const measureFromMs = startMs + schedule.warmupMs;
  const endMs = measureFromMs + schedule.measureMs;

  /** Sends one request and notes its answer; false when the channel is of no more use. */
  async function once(channel: Channel, dueMs: number): Promise<boolean> {
    requests += 1;
    try {
      const answer = await channel.send(operation.next());
      // Not in one expression with the await: `+=` would read the sum before it, and forget what others added meanwhile.
      acknowledgedCredits += operation.acknowledge(answer);
    } catch (error) {
      errors += 1;
      firstError ??= error instanceof Error ? error.message : String(error);
      if (!(error instanceof Unsuccessful)) return false;
      acknowledgedCredits += error.acknowledgedCredits;
      return true;
    }
    const doneMs = performance.now();
    if (doneMs < measureFromMs) return true;
    // Paced arrivals count by when they were due, however late the answer: a stall must not hide its own victims.
    const counts = schedule.arrivalsPerSecond === null ? doneMs <= endMs : dueMs >= measureFromMs;
    if (counts) latenciesMs.push(doneMs - dueMs);
    if (doneMs <= endMs) measuredRequests += 1;
    return true;
  }

  async function closedLoop(channel: Channel): Promise<void> {
    for (;;) {
      const nowMs = performance.now();
      if (nowMs >= endMs || requests >= schedule.maxRequests) return;
      if (!(await once(channel, nowMs))) return;
    }
  }

  async function pacedArrivals(arrivalsPerSecond: number): Promise<void> {
    const idle = [...channels];
    const due: number[] = [];
    const underWay = new Set<Promise<void>>();
    let arrivals = 0;
    const dispatch = (): void => {
      for (let channel = idle.pop(); channel !== undefined; channel = idle.pop()) {
        const dueMs = due.shift();
        if (dueMs === undefined) {
          idle.push(channel);
          return;
        }
        const free = channel;
        const request = once(free, dueMs).then((usable) => {
          underWay.delete(request);
          if (usable) idle.push(free);
          dispatch();
        });
        underWay.add(request);
      }
    };
    for (let nowMs = startMs; nowMs < endMs && arrivals < schedule.maxRequests; nowMs = performance.now()) {
      for (; startMs + (arrivals * 1000) / arrivalsPerSecond <= nowMs; arrivals += 1) {
        due.push(startMs + (arrivals * 1000) / arrivalsPerSecond);
      }
      dispatch();
      await delay(1);
    }
    while (underWay.size > 0) await Promise.race(underWay);
    errors += due.length;
    if (due.length > 0) firstError ??= `${due.length} arrivals found no usable connection.`;
  }

  let cpuBefore = process.cpuUsage();
  let generatorCpuMs = 0;
  const measuring = delay(schedule.warmupMs).then(() => {
    cpuBefore = process.cpuUsage();
    watcher.measuring();
  });
  const measured = delay(schedule.warmupMs + schedule.measureMs).then(() => {
    const { user, system } = process.cpuUsage(cpuBefore);
    generatorCpuMs = (user + system) / 1000;
    watcher.measured();
  });
  const load =
    schedule.arrivalsPerSecond === null
      ? Promise.all(channels.map(closedLoop))
      : pacedArrivals(schedule.arrivalsPerSecond);
  await Promise.all([load, measuring, measured]);

  const sorted = Float64Array.from(latenciesMs).toSorted();
  return {
    requests: measuredRequests,
    measuredMs: schedule.measureMs,
    p50Ms: quantile(sorted, 0.5),
    p99Ms: quantile(sorted, 0.99),
    maxMs: quantile(sorted, 1),
    errors,
    firstError,
    acknowledgedCredits,
    generatorCpuMs,
  };
}

function delay(timeMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, timeMs));
}

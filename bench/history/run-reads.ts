import type { Goal } from '../goals.ts';
import { createIdentity, startTollgate } from '../tollgate.ts';
import { fill, type FillWatch } from './fill.ts';
import { measureReads, type ReadFigure } from './reads.ts';
import { openStore } from './store.ts';

/** Lengths of the history, shortest first, and how it is looked at. */
export interface ReadsOptions {
  readonly records: readonly number[];
  readonly samples: number;
  /** A directory or an address where the history stays; null: one of this run alone. */
  readonly into: string | null;
  /** A server to make that one on; null: an embedded one. */
  readonly serverUrl: string | null;
}

/** The figures of one length. */
export interface Reads {
  readonly records: number;
  readonly figures: readonly ReadFigure[];
}

const MOST_P95_MS = 15;
/** Of the medians, shortest to longest: as much as a machine that others use may make them differ by itself. */
const MOST_GROWTH = 1.5;

/** Fills, measures, fills on and measures again. A store that is longer already is not cut: it is measured as it is. */
export async function runReads(options: ReadsOptions, watch: FillWatch): Promise<Reads[]> {
  const store = await openStore(options.into, options.serverUrl);
  try {
    const measured: Reads[] = [];
    for (const records of options.records) {
      await fill(store.databaseUrl, { records, ...watch });
      await store.checkpoint();
      const identity = await createIdentity(store.databaseUrl);
      const tollgate = await startTollgate(identity);
      try {
        const question = { authorization: identity.operator, samples: options.samples };
        measured.push({ records, figures: await measureReads(tollgate, question) });
      } finally {
        await tollgate.server.stop();
      }
    }
    return measured;
  } finally {
    await store.drop();
  }
}

/** Holds every read against what is to hold: fast at the greatest length, and no slower than at the smallest. */
export function judgeReads(measured: readonly Reads[]): Goal[] {
  const [first, last] = [measured.at(0), measured.at(-1)];
  if (first === undefined || last === undefined) return [];
  return last.figures.flatMap(({ name, p50Ms, p95Ms }, index): Goal[] => {
    const growth = p50Ms / (first.figures[index]?.p50Ms ?? Number.NaN);
    const fast: Goal = {
      what: `${name}: p95 at ${inWords(last.records)} records`,
      goal: `< ${MOST_P95_MS} ms`,
      measured: p95Ms,
      shown: `${p95Ms.toFixed(1)} ms`,
      reached: p95Ms < MOST_P95_MS,
    };
    if (first === last) return [fast];
    const level: Goal = {
      what: `${name}: p50 at ${inWords(last.records)} ÷ at ${inWords(first.records)}`,
      goal: `≤ ${MOST_GROWTH} ×`,
      measured: growth,
      shown: `${growth.toFixed(2)} ×`,
      reached: growth <= MOST_GROWTH,
    };
    return [fast, level];
  });
}

/** A line for each read: the fastest, p50 and p95 at each length. */
export function readLines(measured: readonly Reads[]): string[] {
  const head = measured.map(({ records }) => `ms at ${inWords(records)}: least, p50, p95`.padStart(40)).join('');
  const names = measured[0]?.figures.map(({ name }) => name) ?? [];
  const width = Math.max(...names.map((name) => name.length));
  const lines = names.map((name, index) => {
    const cells = measured.map(({ figures }) => {
      const { leastMs = Number.NaN, p50Ms = Number.NaN, p95Ms = Number.NaN } = figures[index] ?? {};
      return [leastMs, p50Ms, p95Ms]
        .map((timeMs) => timeMs.toFixed(2).padStart(8))
        .join('')
        .padStart(40);
    });
    return name.padEnd(width) + cells.join('');
  });
  return [' '.repeat(width) + head, ...lines];
}

function inWords(records: number): string {
  return records >= 1_000_000 ? `${records / 1_000_000} million` : records.toLocaleString('en');
}

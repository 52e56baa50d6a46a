import { parseArgs } from 'node:util';
import { MOST_RECORDS } from './history/fill.ts';

/** What to run, and how. */
export interface Options {
  /** Names of rows, or their beginnings; empty: all. */
  readonly only: readonly string[];
  readonly warmupMs: number;
  readonly measureMs: number;
  /** How often all rows are measured, in turn; the medians count. */
  readonly rounds: number;
  readonly json: boolean;
  /** Measure reads of a long history instead of the rows; null: do not. */
  readonly reads: {
    readonly records: readonly number[];
    readonly samples: number;
    readonly into: string | null;
  } | null;
}

/** @throws with one line to show when an option is not understood. */
export function parseOptions(args: readonly string[]): Options | 'help' {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: 'string', multiple: true, default: [] },
      seconds: { type: 'string', default: '8' },
      warmup: { type: 'string', default: '3' },
      rounds: { type: 'string', default: '1' },
      json: { type: 'boolean', default: false },
      reads: { type: 'boolean', default: false },
      records: { type: 'string', default: '1000000,10000000' },
      samples: { type: 'string', default: '300' },
      into: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return 'help';
  return {
    only: values.only.flatMap((names) => names.split(',')).filter((name) => name !== ''),
    warmupMs: 1000 * numberFrom('--warmup', values.warmup, { least: 0, most: 600 }),
    measureMs: 1000 * numberFrom('--seconds', values.seconds, { least: 0.5, most: 600 }),
    rounds: Math.floor(numberFrom('--rounds', values.rounds, { least: 1, most: 20 })),
    json: values.json,
    reads: values.reads
      ? {
          records: recordsFrom(values.records),
          samples: Math.floor(numberFrom('--samples', values.samples, { least: 20, most: 100_000 })),
          into: values.into ?? null,
        }
      : null,
  };
}

/** Lengths of a history, which only grows: shortest first. */
function recordsFrom(text: string): number[] {
  const lengths = text.split(',').map((each) => numberFrom('--records', each, { least: 1, most: MOST_RECORDS }));
  return lengths.map(Math.floor).toSorted((one, other) => one - other);
}

function numberFrom(option: string, text: string, { least, most }: { least: number; most: number }): number {
  const value = Number(text);
  if (text.trim() === '' || !(value >= least && value <= most)) {
    throw new Error(`${option} wants a number from ${least} to ${most}, not «${text}».`);
  }
  return value;
}

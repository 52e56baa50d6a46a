import { InvalidArgumentError, Option } from 'commander';
import { MOST_RECORDS } from './history/fill.ts';
import { rows, selectRows } from './rows.ts';

/** What to run, and how. */
export interface Options {
  /** Names of rows, or their beginnings; empty: all rows. */
  readonly only: readonly string[];
  /** Time before the measured time, in seconds. */
  readonly warmup: number;
  /** Measured time of each row, in seconds. */
  readonly seconds: number;
  /** How often all rows are measured, in turn; the medians count. */
  readonly rounds: number;
  readonly json: boolean;
  /** Reads of a long history are measured instead of the rows. */
  readonly reads: boolean;
  /** Lengths of the history, shortest first. */
  readonly records: readonly number[];
  readonly samples: number;
  readonly into?: string;
  /** Subscribers of a busy account are measured instead of the rows. */
  readonly live: boolean;
  readonly subscribers: number;
}

export const options: readonly Option[] = [
  new Option('--only <names>', `rows whose names begin so, comma-separated: ${rows.map(({ name }) => name).join(', ')}`)
    .default([], 'all')
    .argParser(namesFrom),
  new Option('--seconds <n>', 'measured time of each row').default(8).argParser(numberFrom({ least: 0.5, most: 600 })),
  new Option('--warmup <n>', 'time before it, in seconds').default(3).argParser(numberFrom({ least: 0, most: 600 })),
  new Option('--rounds <n>', "measures all rows so often, in turn, and takes each row's median")
    .default(1)
    .argParser(wholeFrom({ least: 1, most: 20 })),
  new Option(
    '--reads',
    'instead of the rows: pages and summaries of a history that grows, a quarter of an hour',
  ).default(false, 'no'),
  new Option('--records <n,m>', 'with --reads: usage records that the history has when it is measured')
    .default([1_000_000, 10_000_000], '1000000,10000000')
    .argParser(lengthsFrom),
  new Option('--samples <n>', 'with --reads: samples of each read')
    .default(300)
    .argParser(wholeFrom({ least: 20, most: 100_000 })),
  new Option(
    '--into <place>',
    'with --reads: where the history is and stays, see bench:fill; absent, it is of this run alone',
  ),
  new Option(
    '--live',
    'instead of the rows: subscribers of one busy account, on one replica and on two; needs redis-server',
  ).default(false, 'no'),
  new Option('--subscribers <n>', 'with --live: how many there are, each on a socket of its own')
    .default(1_000)
    .argParser(wholeFrom({ least: 1, most: 10_000 })),
  new Option('--json', 'one JSON document on standard output, everything else on standard error').default(false, 'no'),
];

/** Reads the value of an option that is a number. */
function numberFrom({ least, most }: { least: number; most: number }): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() !== '' && value >= least && value <= most) return value;
    throw new InvalidArgumentError(`It is a number from ${least} to ${most}.`);
  };
}

/** Reads the value of an option that is a whole number. */
export function wholeFrom(bounds: { least: number; most: number }): (text: string) => number {
  const read = numberFrom(bounds);
  return (text) => Math.floor(read(text));
}

/** A history only grows, so the shortest length comes first. */
function lengthsFrom(text: string): number[] {
  const read = wholeFrom({ least: 1, most: MOST_RECORDS });
  return text
    .split(',')
    .map(read)
    .toSorted((one, other) => one - other);
}

function namesFrom(text: string, before: readonly string[]): readonly string[] {
  const names = [...before, ...text.split(',').filter((name) => name !== '')];
  try {
    selectRows(names);
    return names;
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message);
  }
}

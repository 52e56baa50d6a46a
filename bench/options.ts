import { parseArgs } from 'node:util';

/** What to run, and how. */
export interface Options {
  /** Names of rows, or their beginnings; empty: all. */
  readonly only: readonly string[];
  readonly warmupMs: number;
  readonly measureMs: number;
  /** How often all rows are measured, in turn; the medians count. */
  readonly rounds: number;
  readonly json: boolean;
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
  };
}

function numberFrom(option: string, text: string, { least, most }: { least: number; most: number }): number {
  const value = Number(text);
  if (text.trim() === '' || !(value >= least && value <= most)) {
    throw new Error(`${option} wants a number from ${least} to ${most}, not «${text}».`);
  }
  return value;
}

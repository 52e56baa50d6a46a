import { parseArgs } from 'node:util';

/** What to run, and how. */
export interface Options {
  /** Names of rows, or their beginnings; empty: all. */
  readonly only: readonly string[];
  readonly warmupMs: number;
  readonly measureMs: number;
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
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return 'help';
  return {
    only: values.only.flatMap((names) => names.split(',')).filter((name) => name !== ''),
    warmupMs: seconds('--warmup', values.warmup, 0),
    measureMs: seconds('--seconds', values.seconds, 0.5),
    json: values.json,
  };
}

function seconds(option: string, text: string, least: number): number {
  const value = Number(text);
  if (!(value >= least && value <= 600)) throw new Error(`${option} wants a number of seconds from ${least} to 600, not «${text}».`);
  return value * 1000;
}

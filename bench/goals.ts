/** A measured row, as the goals and the table read it. */
export interface Measurement {
  readonly name: string;
  readonly what: string;
  /** Consumptions (or answers, of rows that consume nothing) in a second. */
  readonly perSecond: number;
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  readonly errors: number;
  readonly firstError: string | null;
  readonly acknowledgedCredits: number;
  /** Cores that each kept busy while measuring; null where it cannot be known. */
  readonly cores: { readonly server: number | null; readonly postgres: number | null; readonly generator: number };
}

/** One line of DESIGN's «Figures to hold». */
export interface Goal {
  readonly what: string;
  readonly goal: string;
  /** null: a row that it needs was not run. */
  readonly measured: number | null;
  readonly shown: string;
  readonly reached: boolean | null;
}

type Figures = ReadonlyMap<string, Measurement>;

const MOST_MEMORY_MIB = 300;

/** Compares the rows of one run, and the memory of the server after them, with what is to hold. */
export function judge(figures: Figures, memoryBytes: number | null): Goal[] {
  const throughput = (row: string): number | undefined => figures.get(row)?.perSecond;
  const p50 = (row: string): number | undefined => figures.get(row)?.p50Ms;
  return [
    ratio(
      'consumeCredits, 64 connections ÷ stock Apollo-on-Fastify «hello»',
      throughput('http-64'),
      throughput('apollo-fastify'),
      1,
    ),
    ratio(
      'consumeCredits, 64 connections ÷ one naive transaction per request',
      throughput('http-64'),
      throughput('naive'),
      15,
    ),
    ratio(
      'consumeCredits over WebSocket, 64 in flight ÷ bare http',
      throughput('websocket-64'),
      throughput('bare'),
      0.4,
    ),
    ratio(
      'consumeCreditsBatch of 100 ÷ one statement on a hot row, 16 clients',
      throughput('batch-100'),
      throughput('hot-row-16'),
      15,
    ),
    ratio('10 000 accounts ÷ one account', throughput('accounts-10000'), throughput('http-64'), 0.8),
    ratio('one pool, a member’s and a key’s limit ÷ one account', throughput('pool-64'), throughput('http-64'), 0.85),
    ratio('alerts as they are by default ÷ every alert silenced', throughput('http-64'), throughput('silent-64'), 0.95),
    ratio('50 thresholds of alerts ÷ every alert silenced', throughput('alerted-64'), throughput('silent-64'), 0.95),
    ratio('checkUsage, 64 connections ÷ «hello»', throughput('check-64'), throughput('apollo-fastify'), 0.5),
    ratio('a balance, 64 connections ÷ «hello»', throughput('balance-64'), throughput('apollo-fastify'), 0.5),
    below('p99 at half of the top rate', figures.get('paced')?.p99Ms, 25),
    atMost('p50 of a lone consumption ÷ of a lone statement', p50('http-1'), p50('hot-row-1'), 2),
    memory(memoryBytes),
  ];
}

function ratio(what: string, figure: number | undefined, yardstick: number | undefined, least: number): Goal {
  const measured = quotient(figure, yardstick);
  return {
    what,
    goal: `≥ ${least} ×`,
    measured,
    shown: measured === null ? '–' : `${measured.toFixed(2)} ×`,
    reached: measured === null ? null : measured >= least,
  };
}

function atMost(what: string, figure: number | undefined, yardstick: number | undefined, most: number): Goal {
  const measured = quotient(figure, yardstick);
  return {
    what,
    goal: `≤ ${most} ×`,
    measured,
    shown: measured === null ? '–' : `${measured.toFixed(2)} ×`,
    reached: measured === null ? null : measured <= most,
  };
}

function below(what: string, figureMs: number | undefined, limitMs: number): Goal {
  const measured = figureMs ?? null;
  return {
    what,
    goal: `< ${limitMs} ms`,
    measured,
    shown: measured === null ? '–' : `${measured.toFixed(1)} ms`,
    reached: measured === null ? null : measured < limitMs,
  };
}

function memory(bytes: number | null): Goal {
  const measured = bytes === null ? null : bytes / 1_048_576;
  return {
    what: 'memory of the server after all rows',
    goal: `< ${MOST_MEMORY_MIB} MiB`,
    measured,
    shown: measured === null ? '–' : `${measured.toFixed(0)} MiB`,
    reached: measured === null ? null : measured < MOST_MEMORY_MIB,
  };
}

function quotient(figure: number | undefined, yardstick: number | undefined): number | null {
  return figure === undefined || yardstick === undefined ? null : figure / yardstick;
}

import { cpus } from 'node:os';
import { progressLine } from './history/fill.ts';
import { judgeReads, readLines, runReads } from './history/run-reads.ts';
import { type Options, parseOptions } from './options.ts';
import { goalLines, measurementHead, measurementLine, proofLines } from './report.ts';
import { type Row, rows, selectRows } from './rows.ts';
import { run } from './run.ts';

const usage = `npm run bench -- [options]
  --only name     rows whose names begin so, comma-separated: ${rows.map(({ name }) => name).join(', ')}
  --seconds n     measured time of each row (8)
  --warmup n      time before it (3)
  --rounds n      measure all rows so often, in turn, and take each row's median (1): evens out what else the machine does
  --reads         instead of the rows: pages and summaries of a history that grows; takes a quarter of an hour
    --records n,m   how many usage records it has when they are measured (1000000,10000000)
    --samples n     of each read (300)
    --into place    where it is and stays, see npm run bench:fill; absent, it is of this run alone
  --json          one JSON document on standard output, progress on standard error
BENCH_DATABASE_URL names a PostgreSQL server to make a database on; absent, an embedded one is started.`;

process.exitCode = await main(process.argv.slice(2)).catch((error: unknown) => {
  console.error(error);
  return 1;
});

/** Measures and reports. A goal that is missed is a finding; 1 means that something answered wrongly or not at all. */
async function main(args: readonly string[]): Promise<number> {
  let options: Options | 'help';
  let selected: readonly Row[];
  try {
    options = parseOptions(args);
    if (options === 'help') {
      console.log(usage);
      return 0;
    }
    selected = selectRows(options.only);
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    return 1;
  }
  const say = options.json ? console.error : console.log;
  if (options.reads !== null) return readHistory(options.reads, { say, json: options.json });
  const findings = await run(selected, options, process.env['BENCH_DATABASE_URL'] ?? null, {
    started: (settings) => {
      say(`Node ${process.version} · ${cpus().length} cores · PostgreSQL ${JSON.stringify(settings)}`);
      say(
        `${options.measureMs / 1000} s a row after ${options.warmupMs / 1000} s of warm-up; server, postgres, client: cores kept busy\n`,
      );
      say(measurementHead());
    },
    measured: (measurement) => {
      say(measurementLine(measurement));
      if (measurement.firstError !== null) say(`  the first error: ${measurement.firstError}`);
    },
  });
  const { goals, proofs, memoryBytes } = findings;
  if (options.rounds > 1) {
    say(`\nmedians of ${options.rounds} rounds\n${findings.measurements.map(measurementLine).join('\n')}`);
  }
  say(`\n${goalLines(goals).join('\n')}\n`);
  if (proofs.length > 0) say(proofLines(proofs).join('\n'));
  if (memoryBytes !== null) say(`memory of the server after all rows: ${Math.round(memoryBytes / 1_048_576)} MiB`);
  if (options.json) console.log(JSON.stringify({ node: process.version, cores: cpus().length, ...findings }, null, 2));
  const isSound = findings.measurements.every(({ errors }) => errors === 0) && proofs.every(({ holds }) => holds);
  return isSound ? 0 : 1;
}

/** Measures reads of a history that grows. */
async function readHistory(
  reads: NonNullable<Options['reads']>,
  { say, json }: { say: (text: string) => void; json: boolean },
): Promise<number> {
  const serverUrl = process.env['BENCH_DATABASE_URL'] ?? null;
  const measured = await runReads({ ...reads, serverUrl }, { told: (progress) => say(progressLine(progress)) });
  const goals = judgeReads(measured);
  say(`\n${readLines(measured).join('\n')}\n\n${goalLines(goals).join('\n')}`);
  if (json) console.log(JSON.stringify({ node: process.version, cores: cpus().length, measured, goals }, null, 2));
  return 0;
}

import { cpus } from 'node:os';
import { type Command, type Invocation, runCommand } from '../src/cli/command.ts';
import { judgeReads, readLines, runReads } from './history/run-reads.ts';
import { judgeLive, liveLines, runLive } from './live/run-live.ts';
import { type Options, options } from './options.ts';
import { goalLines, measurementHead, measurementLine, proofLines } from './report.ts';
import { selectRows } from './rows.ts';
import { run } from './run.ts';

/** A goal that is missed is a finding, and no failure. */
const bench: Command<Options> = {
  name: 'bench',
  summary: 'measures Tollgate beside stock servers and naive ledgers',
  options,
  settings: 'BENCH_DATABASE_URL, a PostgreSQL server to make a database on; without it, an embedded one is started',
  exitCodes: { 0: 'it measured', 1: 'something answered wrongly, or not at all' },
  run: (invocation) => {
    if (invocation.options.reads) return measureHistory(invocation);
    return invocation.options.live ? measureSubscribers(invocation) : measureRows(invocation);
  },
};

// A terminal that is closed stops it, too, so that no database stays behind.
process.once('SIGHUP', () => process.kill(process.pid, 'SIGTERM'));
process.exitCode = await runCommand(bench, process.argv.slice(2));

/** Measures and reports the rows. */
async function measureRows({ options: chosen, env, output, stopping }: Invocation<Options>): Promise<number> {
  const say = chosen.json ? output.complain.bind(output) : output.print.bind(output);
  const { only, warmup, seconds, rounds } = chosen;
  const findings = await run(
    selectRows(only),
    { warmupMs: 1_000 * warmup, measureMs: 1_000 * seconds, rounds },
    {
      serverUrl: env['BENCH_DATABASE_URL'] ?? null,
      interruption: stopping,
      progress: {
        started: (settings) => {
          say(`Node ${process.version} · ${cpus().length} cores · PostgreSQL ${JSON.stringify(settings)}`);
          say(`${seconds} s a row after ${warmup} s of warm-up; server, postgres, client: cores kept busy\n`);
          say(measurementHead());
        },
        measured: (measurement) => {
          say(measurementLine(measurement));
          if (measurement.firstError !== null) say(`  the first error: ${measurement.firstError}`);
        },
      },
    },
  );
  const { goals, proofs } = findings;
  if (rounds > 1) {
    say(`\nmedians of ${rounds} rounds\n${findings.measurements.map(measurementLine).join('\n')}`);
  }
  say(`\n${goalLines(goals).join('\n')}\n`);
  if (proofs.length > 0) say(proofLines(proofs).join('\n'));
  if (chosen.json) {
    output.print(JSON.stringify({ node: process.version, cores: cpus().length, ...findings }, null, 2));
  }
  const isSound = findings.measurements.every(({ errors }) => errors === 0) && proofs.every(({ holds }) => holds);
  return isSound ? 0 : 1;
}

/** Measures reads of a history that grows. */
async function measureHistory({ options: chosen, env, output, stopping }: Invocation<Options>): Promise<number> {
  const { records, samples, into = null, json } = chosen;
  const serverUrl = env['BENCH_DATABASE_URL'] ?? null;
  const measured = await runReads({ records, samples, into, serverUrl }, { output, stopping });
  const goals = judgeReads(measured);
  const report = `\n${readLines(measured).join('\n')}\n\n${goalLines(goals).join('\n')}`;
  if (json) {
    output.complain(report);
    output.print(JSON.stringify({ node: process.version, cores: cpus().length, measured, goals }, null, 2));
  } else {
    output.print(report);
  }
  return 0;
}

/** Measures subscribers of one busy account. */
async function measureSubscribers({ options: chosen, env, output, stopping }: Invocation<Options>): Promise<number> {
  const { subscribers, warmup, seconds, json } = chosen;
  const serverUrl = env['BENCH_DATABASE_URL'] ?? null;
  const say = json ? output.complain.bind(output) : output.print.bind(output);
  const rows = await runLive(
    { subscribers, warmupMs: 1_000 * warmup, measureMs: 1_000 * seconds, serverUrl },
    { stopping, measured: ({ name }) => say(`measured: ${name}`) },
  );
  const goals = judgeLive(rows);
  say(`\n${liveLines(rows).join('\n')}\n\n${goalLines(goals).join('\n')}`);
  if (json) output.print(JSON.stringify({ node: process.version, cores: cpus().length, rows, goals }, null, 2));
  return rows.every(({ errors }) => errors === 0) ? 0 : 1;
}

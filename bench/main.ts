import { cpus } from 'node:os';
import { parseOptions } from './options.ts';
import { goalLines, measurementHead, measurementLine, proofLines } from './report.ts';
import { rows, selectRows } from './rows.ts';
import { run } from './run.ts';

const usage = `npm run bench -- [options]
  --only name     rows whose names begin so, comma-separated: ${rows.map(({ name }) => name).join(', ')}
  --seconds n     measured time of each row (8)
  --warmup n      time before it (3)
  --json          one JSON document on standard output, progress on standard error
BENCH_DATABASE_URL names a PostgreSQL server to make a database on; absent, an embedded one is started.`;

process.exitCode = await main(process.argv.slice(2)).catch((error: unknown) => {
  console.error(error);
  return 1;
});

/** Measures and reports. A goal that is missed is a finding; 1 means that something answered wrongly or not at all. */
async function main(args: readonly string[]): Promise<number> {
  const options = parseOptions(args);
  if (options === 'help') {
    console.log(usage);
    return 0;
  }
  const say = options.json ? console.error : console.log;
  const findings = await run(selectRows(options.only), options, process.env['BENCH_DATABASE_URL'] ?? null, {
    started: (settings) => {
      say(`Node ${process.version} · ${cpus().length} cores · PostgreSQL ${JSON.stringify(settings)}`);
      say(`${options.measureMs / 1000} s a row after ${options.warmupMs / 1000} s of warm-up; server, postgres, client: cores kept busy\n`);
      say(measurementHead());
    },
    measured: (measurement) => {
      say(measurementLine(measurement));
      if (measurement.firstError !== null) say(`  the first error: ${measurement.firstError}`);
    },
  });
  const { goals, proofs, memoryBytes } = findings;
  say(`\n${goalLines(goals).join('\n')}\n`);
  if (proofs.length > 0) say(proofLines(proofs).join('\n'));
  if (memoryBytes !== null) say(`memory of the server after all rows: ${Math.round(memoryBytes / 1_048_576)} MiB`);
  if (options.json) console.log(JSON.stringify({ node: process.version, cores: cpus().length, ...findings }, null, 2));
  const isSound = findings.measurements.every(({ errors }) => errors === 0) && proofs.every(({ holds }) => holds);
  return isSound ? 0 : 1;
}

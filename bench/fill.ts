import { parseArgs } from 'node:util';
import { fill, MOST_RECORDS, progressLine } from './history/fill.ts';
import { openStore } from './history/store.ts';

const usage = `npm run bench:fill -- --into <place> [options]
  --into place    a directory for an embedded database, or the address of an empty one (postgresql://…); it stays
  --records n     fill until there are so many usage records, a year's at most (${MOST_RECORDS}); goes on where it left off`;

process.exitCode = await main(process.argv.slice(2)).catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  return 1;
});

async function main(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: { into: { type: 'string' }, records: { type: 'string', default: String(MOST_RECORDS) } },
  });
  const records = Number(values.records);
  if (values.into === undefined || !(records >= 1 && records <= MOST_RECORDS)) {
    console.error(usage);
    return 1;
  }
  const store = await openStore(values.into, null);
  try {
    await fill(store.databaseUrl, { records, told: (progress) => console.log(progressLine(progress)) });
  } finally {
    await store.drop();
  }
  return 0;
}

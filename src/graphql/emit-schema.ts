/** Writes `schema/schema.graphql` from the code; with `--check` says whether it is stale, and exits with 1 if so. */
import { readFile, writeFile } from 'node:fs/promises';
import { lexicographicSortSchema, printSchema } from 'graphql';
import { buildTollgateSchema } from './schema.ts';

const FILE = 'schema/schema.graphql';
const emitted = `${printSchema(lexicographicSortSchema(await buildTollgateSchema()))}\n`;

if (process.argv.includes('--check')) {
  if ((await readFile(FILE, 'utf8').catch(() => null)) !== emitted) {
    console.error(`${FILE} is stale: npm run schema writes it anew`);
    process.exit(1);
  }
} else {
  await writeFile(FILE, emitted);
}

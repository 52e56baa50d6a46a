/** Writes what is written from the code, `schema/schema.graphql` and `docs/permissions.md`; with `--check` says whether one is stale, and exits with 1 if so. */
import { readFile, writeFile } from 'node:fs/promises';
import { lexicographicSortSchema, printSchema } from 'graphql';
import { permissionsDocument } from '../billing-entities/permissions-document.ts';
import { buildTollgateSchema } from '../graphql/schema.ts';

const emitted = {
  'schema/schema.graphql': `${printSchema(lexicographicSortSchema(await buildTollgateSchema()))}\n`,
  'docs/permissions.md': permissionsDocument(),
};

for (const [file, text] of Object.entries(emitted)) {
  if (!process.argv.includes('--check')) {
    await writeFile(file, text);
  } else if ((await readFile(file, 'utf8').catch(() => null)) !== text) {
    console.error(`${file} is stale: npm run schema writes it anew`);
    process.exitCode = 1;
  }
}

import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { generate } from '@graphql-codegen/cli';

const root = join(import.meta.dirname, '..');
const into = join(root, 'packages/portal/src/gql');
const isCheck = process.argv.includes('--check');

// The generator's own check compares with what its hooks and formatters would make of it; files are compared here as they are.
const { default: config } = await import('../codegen.ts');
const emitted = await generate({ ...config, cwd: root, silent: true }, false);
const files = new Map(emitted.map(({ filename, content }) => [resolve(root, filename), content]));

let stale = 0;
for (const [file, content] of files) {
  if (!isCheck) {
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, content);
  } else if ((await readFile(file, 'utf8').catch(() => null)) !== content) complain(file);
}
// What nothing generates any more is stale as well.
for (const name of await readdir(into)) if (!files.has(join(into, name))) complain(join(into, name));
process.exitCode = stale === 0 ? 0 : 1;

function complain(file) {
  stale += 1;
  console.error(`${relative(root, file)} is stale: npm run codegen writes it anew`);
}

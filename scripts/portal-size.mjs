import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { buildIfStale } from './build.mjs';

const dist = join(import.meta.dirname, '../packages/portal/dist');
/** JavaScript of the home page's first load, gzip, in bytes. */
const MOST = 170_000;
const HOME = 'src/pages/balance/BalancePage.tsx';

await buildIfStale();
const manifest = JSON.parse(await readFile(join(dist, 'manifest.json'), 'utf8'));
const entry = Object.keys(manifest).find((name) => manifest[name].isEntry);
if (entry === undefined || manifest[HOME] === undefined) throw new Error('The build has no entry or no home page.');

const files = new Set();
collect(entry);
collect(HOME);
let total = 0;
for (const file of files) total += gzipSync(await readFile(join(dist, file))).length;
console.log(`first load: ${(total / 1_000).toFixed(1)} kB of at most ${MOST / 1_000} kB (${files.size} files, gzip)`);
process.exitCode = total <= MOST ? 0 : 1;

/** A chunk and all that it imports at once; what it imports later is no part of the first load. */
function collect(name) {
  const { file, imports = [] } = manifest[name];
  if (files.has(file)) return;
  files.add(file);
  for (const imported of imports) collect(imported);
}

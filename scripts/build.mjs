import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { glob, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const stampFile = join(root, 'dist/.stamp');
const pageConfig = 'src/graphiql/vite.config.ts';

/** Builds dist/ unless it already is what the sources say. Prints one line when it builds. */
export async function buildIfStale() {
  // An image holds the built code only.
  if (!existsSync(join(root, 'tsconfig.build.json')) || !existsSync(join(root, 'src'))) return;
  const stamp = await stampOfInputs();
  if ((await readFile(stampFile, 'utf8').catch(() => '')) === stamp) return;
  const start = performance.now();
  await rm(stampFile, { force: true });
  await removeOrphans();
  await run('typescript/bin/tsc', ['-p', 'tsconfig.build.json']);
  if (existsSync(join(root, pageConfig))) {
    await run('vite/bin/vite.js', ['build', '--config', pageConfig, '--logLevel', 'warn']);
  }
  await mkdir(join(root, 'dist'), { recursive: true });
  await writeFile(stampFile, stamp);
  console.log(`built in ${((performance.now() - start) / 1000).toFixed(1)} s`);
}

/** What the build depends on, in one string: contents rather than times, because checkouts and caches set times at will. */
async function stampOfInputs() {
  const files = ['package-lock.json', 'tsconfig.json', 'tsconfig.build.json', 'scripts/build.mjs'];
  for await (const entry of glob('{src,migrations}/**/*', { cwd: root, withFileTypes: true })) {
    if (entry.isFile()) files.push(join(entry.parentPath, entry.name).slice(root.length + 1));
  }
  const hash = createHash('sha256');
  for (const file of files.toSorted()) {
    const content = await readFile(join(root, file));
    hash.update(`${file}\0${content.length}\0`).update(content);
  }
  return hash.digest('hex');
}

/** The compiler leaves what it made of files that are gone; a migration that was taken back must not run. */
async function removeOrphans() {
  let missing = false;
  for await (const file of glob('dist/{src,migrations}/**/*.js', { cwd: root })) {
    const source = file.slice('dist/'.length).replace(/\.js$/, '.ts');
    if (existsSync(join(root, source)) || existsSync(join(root, `${source}x`))) continue;
    await rm(join(root, file));
    await rm(join(root, `${file}.map`), { force: true });
  }
  for await (const file of glob('{src,migrations}/**/*.ts', { cwd: root })) {
    // Pages are Vite's.
    if (/^src.(graphiql|portal)./.test(file)) continue;
    missing ||= !existsSync(join(root, 'dist', file.replace(/\.ts$/, '.js')));
  }
  // Without its notes the compiler writes everything anew; with them it would trust that a deleted output is there.
  if (missing) await rm(join(root, 'dist/.tsbuildinfo'), { force: true });
}

/** Runs a tool of node_modules under this Node. */
async function run(script, args) {
  const child = spawn(process.execPath, [join(root, 'node_modules', script), ...args], { cwd: root, stdio: 'inherit' });
  const code = await new Promise((resolve, reject) => child.once('error', reject).once('close', resolve));
  if (code !== 0) throw new Error(`${script} failed`);
}

if (import.meta.main ?? process.argv[1] === import.meta.filename) {
  await buildIfStale().catch((error) => {
    console.error(error.message);
    process.exitCode = 1;
  });
}

import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { glob, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join, relative } from 'node:path';

const root = join(import.meta.dirname, '..');
const pageConfig = 'packages/graphiql/vite.config.ts';
const portalConfig = 'packages/portal/vite.config.ts';

/** As tsconfig.json says, but file by file and without a look at types: those are `npm run check`'s business. */
const transpiling = {
  swcrc: false,
  sourceMaps: true,
  module: { type: 'es6' },
  jsc: {
    target: 'es2023',
    parser: { syntax: 'typescript', decorators: true },
    transform: {
      legacyDecorator: true,
      decoratorMetadata: false,
      useDefineForClassFields: false,
      verbatimModuleSyntax: true,
    },
    rewriteRelativeImportExtensions: true,
  },
};

/**
 * What is built, each by itself: a change of code does not bundle the page anew. A package of our own is built into its own
 * dist/, from where Node takes it; an image build has none of them.
 */
const parts = [
  {
    stampFile: join(root, 'dist/.stamp'),
    inputs: ['package-lock.json', 'tsconfig.json', 'scripts/build.mjs', '{src,migrations}/**/*'],
    build: () => transpile({ from: '.', sources: '{src,migrations}/**/*.ts', to: 'dist' }),
  },
  ...['packages/embedded-postgres', 'packages/stripe-emulator'].filter(isThere).map((directory) => ({
    stampFile: join(root, directory, 'dist/.stamp'),
    inputs: ['package-lock.json', 'tsconfig.json', 'scripts/build.mjs', `${directory}/src/**/*`],
    build: () => transpile({ from: `${directory}/src`, sources: '**/*.ts', to: `${directory}/dist` }),
  })),
  {
    stampFile: join(root, 'dist/.page-stamp'),
    inputs: ['package-lock.json', 'scripts/build.mjs', 'packages/graphiql/*', 'packages/graphiql/src/**/*'],
    build: () => bundle(pageConfig),
  },
  {
    stampFile: join(root, 'packages/portal/dist/.stamp'),
    inputs: ['package-lock.json', 'scripts/build.mjs', 'packages/portal/*', 'packages/portal/{src,public}/**/*'],
    build: () => bundle(portalConfig),
  },
];

/** Tells if anything of dist/ is older than its sources. */
export async function isStale() {
  const stale = await Promise.all(
    parts.map(async ({ stampFile, inputs }) => (await readStamp(stampFile)) !== (await stampOf(inputs))),
  );
  return stale.includes(true);
}

/** Builds what of dist/ is older than its sources. It says so in one line on standard error: a command may have results to print. */
export async function buildIfStale() {
  const start = performance.now();
  const built = await Promise.all(parts.map(buildPart));
  if (built.includes(true)) console.error(`built in ${((performance.now() - start) / 1000).toFixed(1)} s`);
}

async function buildPart({ stampFile, inputs, build }) {
  const stamp = await stampOf(inputs);
  if ((await readStamp(stampFile)) === stamp) return false;
  await rm(stampFile, { force: true });
  await build();
  await mkdir(dirname(stampFile), { recursive: true });
  await writeFile(stampFile, stamp);
  return true;
}

function readStamp(stampFile) {
  return readFile(stampFile, 'utf8').catch(() => '');
}

/** What a part depends on, in one string: contents rather than times, because checkouts and caches set times at will. */
async function stampOf(inputs) {
  const files = [];
  for (const pattern of inputs) {
    for await (const entry of glob(pattern, { cwd: root, withFileTypes: true })) {
      const file = join(entry.parentPath, entry.name).slice(root.length + 1);
      if (entry.isFile()) files.push(file);
    }
  }
  const hash = createHash('sha256');
  for (const file of files.toSorted()) {
    const content = await readFile(join(root, file));
    hash.update(`${file}\0${content.length}\0`).update(content);
  }
  return hash.digest('hex');
}

/** Makes JavaScript of every TypeScript file below `from` that `sources` names, at the same place below `to`. */
async function transpile({ from, sources, to }) {
  const [source, target] = [join(root, from), join(root, to)];
  await removeOrphans({ source, target, outputs: sources.replace(/\.ts$/, '.js') });
  // Loaded here: an image, which never builds, has no compiler.
  const { transformFile } = await import('@swc/core');
  const files = [];
  for await (const file of glob(sources, { cwd: source })) files.push(file);
  await Promise.all(
    files.map(async (file) => {
      const output = join(target, file.replace(/\.ts$/, '.js'));
      const sourceFileName = relative(dirname(output), join(source, file));
      const { code, map } = await transformFile(join(source, file), { ...transpiling, sourceFileName });
      await mkdir(dirname(output), { recursive: true });
      await writeFile(output, `${code}//# sourceMappingURL=${basename(output)}.map\n`);
      await writeFile(`${output}.map`, map);
    }),
  );
}

/** What was made of files that are gone stays otherwise; a migration that was taken back must not run. */
async function removeOrphans({ source, target, outputs }) {
  for await (const file of glob(outputs, { cwd: target })) {
    if (existsSync(join(source, file.replace(/\.js$/, '.ts')))) continue;
    await rm(join(target, file));
    await rm(join(target, `${file}.map`), { force: true });
  }
}

function isThere(directory) {
  return existsSync(join(root, directory));
}

/**
 * Bundles a page with Vite, always as for production: Vite takes NODE_ENV from its environment, and a build that a test run
 * starts would otherwise leave development's React behind for everybody.
 */
async function bundle(config) {
  const vite = join(root, 'node_modules/vite/bin/vite.js');
  const env = { ...process.env, NODE_ENV: 'production' };
  const args = [vite, 'build', '--config', config, '--logLevel', 'warn'];
  const child = spawn(process.execPath, args, { cwd: root, env, stdio: 'inherit' });
  const code = await new Promise((resolve, reject) => child.once('error', reject).once('close', resolve));
  if (code !== 0) throw new Error(`Vite could not bundle ${config}`);
}

if (import.meta.main ?? process.argv[1] === import.meta.filename) {
  await buildIfStale().catch((error) => {
    console.error(error.message);
    process.exitCode = 1;
  });
}

import { buildIfStale } from './build.mjs';

// `npm start` is this with `local`, `npm run serve` with `production`. One process, and `exec` in package.json puts it in
// the place of npm's shell, which would die of a signal without handing it on.
const mode = process.argv[2];
if (mode !== 'local' && mode !== 'production') {
  console.error('usage: node scripts/start.mjs local|production');
  process.exit(1);
}
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < 22 || (major === 22 && minor < 17)) {
  console.error(
    `Node 22.17 or newer is needed, this is ${process.versions.node}: start with npm, which brings its own.`,
  );
  process.exit(1);
}
try {
  await buildIfStale();
} catch (error) {
  console.error(error.message);
  process.exit(1);
}
// Tells libraries to be fast; nothing of ours reads it. Before the import, because they look once.
process.env.NODE_ENV = 'production';
const { main } = await import('../dist/src/cli/serve.js');
await main(mode);

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

// Starts every command: `npm run <command>` is this with the command's name, and so is the image's entry point. In place
// of npm's shell (`exec` in package.json) the process of a server gets the signals that a shell would not hand on.
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < 22 || (major === 22 && minor < 17)) {
  console.error(
    `Node 22.17 or newer is needed, this is ${process.versions.node}: start with npm, which brings its own.`,
  );
  process.exit(1);
}
// An image holds the built code alone.
if (existsSync(join(import.meta.dirname, '../src'))) {
  const { isStale } = await import('./build.mjs');
  if (await isStale()) {
    // A process of its own: compilers would leave a server a third larger for all its life.
    const build = join(import.meta.dirname, 'build.mjs');
    const { status, error } = spawnSync(process.execPath, [build], { stdio: ['ignore', 'inherit', 'inherit'] });
    if (error !== undefined) console.error(error.message);
    if (status !== 0) process.exit(1);
  }
}
// Libraries look at it once, when they are imported, and are faster for it. Nothing of ours reads it.
process.env.NODE_ENV = 'production';
const { main } = await import('../dist/src/cli/main.js');
process.exitCode = await main(process.argv.slice(2));
// A command has closed what it opened. If something is left open nevertheless, it keeps nobody waiting.
setTimeout(() => process.exit(), 1_000).unref();

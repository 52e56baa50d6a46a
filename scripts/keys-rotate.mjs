import { buildIfStale } from './build.mjs';

// `npm run keys:rotate`.
try {
  await buildIfStale();
} catch (error) {
  console.error(error.message);
  process.exit(1);
}
const { rotateKeys } = await import('../dist/src/cli/rotate-keys.js');
process.exitCode = await rotateKeys();

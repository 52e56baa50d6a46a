import { buildIfStale } from './build.mjs';

// `npm run ledger:verify`, or `npm run ledger:verify -- <billing entity> …`.
try {
  await buildIfStale();
} catch (error) {
  console.error(error.message);
  process.exit(1);
}
const { verifyLedgers } = await import('../dist/src/cli/verify-ledger.js');
process.exitCode = await verifyLedgers(process.argv.slice(2));

import { buildIfStale } from './build.mjs';

// `npm run stripe:reconcile`.
try {
  await buildIfStale();
} catch (error) {
  console.error(error.message);
  process.exit(1);
}
const { reconcileStripe } = await import('../dist/src/cli/reconcile-stripe.js');
process.exitCode = await reconcileStripe();

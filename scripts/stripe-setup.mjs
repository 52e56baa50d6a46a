import { buildIfStale } from './build.mjs';

// `npm run stripe:setup` is this with `setup`, `npm run stripe:check` with `check`.
const command = process.argv[2];
if (command !== 'setup' && command !== 'check') {
  console.error('usage: node scripts/stripe-setup.mjs setup|check');
  process.exit(1);
}
try {
  await buildIfStale();
} catch (error) {
  console.error(error.message);
  process.exit(1);
}
const { setUpStripe } = await import('../dist/src/cli/set-up-stripe.js');
process.exitCode = await setUpStripe({ repair: command === 'setup' });

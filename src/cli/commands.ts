/** All commands, by the names that `npm run` and the image call them by. A command's own file is loaded when it runs. */
import { Option } from 'commander';
import type { Command } from './command.ts';
import type { EmitSchemaOptions } from './emit-schema.ts';

const servers = {
  exitCodes: {
    0: 'stopped by SIGINT or SIGTERM, after the requests that were under way',
    1: 'it could not start',
  },
  runsUntilStopped: true,
} as const;

const start: Command = {
  name: 'start',
  summary: 'serves on this machine, with a database, Stripe and people to try it out, until it is told to stop',
  settings: 'none is needed; PORT, DATA_DIR, STRIPE_EMULATOR_PORT and the others of docs/operations.md',
  ...servers,
  run: async (invocation) => (await import('./serve.ts')).serve('local', invocation),
};

const serve: Command = {
  name: 'serve',
  summary: 'serves in production mode, until it is told to stop',
  settings:
    'DATABASE_URL, STRIPE_SECRET_KEY and the others of docs/operations.md; without what it needs it does not start',
  ...servers,
  run: async (invocation) => (await import('./serve.ts')).serve('production', invocation),
};

const ledgerVerify: Command = {
  name: 'ledger:verify',
  summary: 'recomputes accounts from their ledgers, and prints every difference',
  operands: { name: '[billing-entity...]', summary: 'ids of the accounts; without any, all accounts' },
  settings: 'DATABASE_URL; without it, the embedded database of DATA_DIR',
  exitCodes: { 0: 'every account agrees with its ledger', 1: 'an account differs, or could not be verified' },
  run: async (invocation) => (await import('./verify-ledger.ts')).verifyLedger(invocation),
};

const keysRotate: Command = {
  name: 'keys:rotate',
  summary: 'wraps the data keys of all secrets by the newest of ENCRYPTION_KEYS, so that older keys can be taken out',
  settings: 'DATABASE_URL and ENCRYPTION_KEYS; without both, the embedded database of DATA_DIR and its key',
  exitCodes: { 0: 'all secrets are of the newest key', 1: 'some are not, or it failed' },
  run: async (invocation) => (await import('./rotate-keys.ts')).rotateKeys(invocation),
};

const stripeSettings = 'STRIPE_SECRET_KEY, STRIPE_API_BASE; without a key, the emulator at STRIPE_EMULATOR_PORT';

const stripeSetup: Command = {
  name: 'stripe:setup',
  summary: "makes Stripe's account hold what Tollgate sells, and prints what it changed",
  settings: stripeSettings,
  exitCodes: { 0: 'the account holds the catalog', 1: 'it does not, or Stripe cannot be asked' },
  run: async (invocation) => (await import('./set-up-stripe.ts')).setUpStripe(invocation, { repair: true }),
};

const stripeCheck: Command = {
  name: 'stripe:check',
  summary: "prints what differs in Stripe's account from what Tollgate sells, and changes nothing",
  settings: stripeSettings,
  exitCodes: { 0: 'nothing differs', 1: 'something differs, or Stripe cannot be asked' },
  run: async (invocation) => (await import('./set-up-stripe.ts')).setUpStripe(invocation, { repair: false }),
};

const stripeReconcile: Command = {
  name: 'stripe:reconcile',
  summary: 'compares what is known here with what Stripe knows, repairs what is safe, and prints what differs',
  settings: 'DATABASE_URL, STRIPE_SECRET_KEY, STRIPE_API_BASE, PUBLIC_URL; without them, those of a local server',
  exitCodes: { 0: 'nothing remains', 1: 'something remains that only people can decide, or it failed' },
  run: async (invocation) => (await import('./reconcile-stripe.ts')).reconcileStripe(invocation),
};

const schema: Command<EmitSchemaOptions> = {
  name: 'schema',
  summary: 'writes schema/schema.graphql and docs/permissions.md, as the code says',
  options: [
    new Option('--check', 'writes nothing, and says which file is stale').default(false, 'no'),
    new Option('--into <directory>', 'where the files are').default('.', 'the current directory'),
  ],
  settings: 'none',
  exitCodes: { 0: 'the files are written; with --check: none is stale', 1: 'it failed; with --check: a file is stale' },
  run: async (invocation) => (await import('./emit-schema.ts')).emitSchema(invocation),
};

export const commands: readonly Command<never>[] = [
  start,
  serve,
  ledgerVerify,
  keysRotate,
  stripeSetup,
  stripeCheck,
  stripeReconcile,
  schema,
];

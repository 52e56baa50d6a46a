/**
 * `npm run stripe:reconcile`: compares what this installation knows with what Stripe knows, repairs what is safe, and says
 * what differs; beside a running server or without one. Exits with 1 while something remains that only people can decide.
 */
import { systemClock } from '../kernel/clock.ts';
import { ConfigError, loadConfig, publicUrlOf } from '../config.ts';
import { LocalDatabaseError, runningLocalDatabase, startLocalDatabase } from '../local/embedded-postgres.ts';
import { NewerSchemaError, requireKnownSchema } from '../persistence/known-schema.ts';
import { createLog } from '../kernel/log.ts';
import { Refusal } from '../kernel/refusal.ts';
import { openServices } from '../services.ts';
import { addressOf } from './set-up-stripe.ts';
import { StripeRejection } from '../stripe/account/client.ts';

/** What looks after things in the background is not started. */
const NEVER_MS = 3_600_000;

/** Gives the exit code. */
export async function reconcileStripe(): Promise<number> {
  try {
    const config = loadConfig({ ...process.env, STRIPE_WEBHOOK_SECRET: 'not_needed_here' }, 'local');
    const log = createLog({ level: 'error' });
    const running = config.databaseUrl ?? (await runningLocalDatabase(config.dataDir));
    const embedded = running === null ? await startLocalDatabase({ dataDir: config.dataDir, log }) : null;
    const databaseUrl = running ?? (embedded?.databaseUrl as string);
    const services = await openServices({
      databaseUrl,
      redisUrl: config.redisUrl,
      clock: systemClock,
      log,
      ledger: { ...config.ledger, patienceMs: 4_000 },
      readConnections: config.databasePoolSize,
      sweepIntervalMs: NEVER_MS,
      encryptionKeys: config.encryptionKeys,
      stripe: { ...addressOf(process.env), webhookSecrets: [], returns: { origins: [], anyLoopback: false } },
      tendIntervalMs: NEVER_MS,
      publicUrl: () => publicUrlOf(config, config.port),
      organizations: config.organizations,
      exportStreams: { all: config.limits.exportStreams, principal: config.limits.exportStreamsPrincipal },
    });
    try {
      // Nothing was sent before.
      await requireKnownSchema(databaseUrl);
      const { repaired, remaining } = (await services.stripe?.reconciler.run()) ?? { repaired: [], remaining: [] };
      for (const line of repaired) console.log(`  repaired: ${line}`);
      for (const line of remaining) console.log(`  remains: ${line}`);
      console.log(remaining.length === 0 ? 'Nothing remains.' : `${remaining.length} differences remain.`);
      return remaining.length === 0 ? 0 : 1;
    } finally {
      await services.stop();
      await embedded?.stop();
    }
  } catch (error) {
    const isPlain =
      error instanceof ConfigError ||
      error instanceof NewerSchemaError ||
      error instanceof LocalDatabaseError ||
      error instanceof Refusal;
    console.error(isPlain || error instanceof StripeRejection ? error.message : error);
    return 1;
  }
}

import { loadConfig, publicUrlOf } from '../config/config.ts';
import { systemClock } from '../kernel/clock.ts';
import { createLog } from '../kernel/log.ts';
import { openServices } from '../services.ts';
import type { Invocation } from './command.ts';
import { onDatabase } from './database.ts';
import { atStripe, stripeAddress } from './stripe-account.ts';

/** Intervals of background work, which is never started here. */
const NEVER_MS = 3_600_000;

/** Reconciles beside a server or without one. */
export async function reconcileStripe({ env, output, stopping }: Invocation): Promise<number> {
  const stripe = stripeAddress(env);
  const config = loadConfig({ ...env, STRIPE_WEBHOOK_SECRET: 'not_needed_here' }, 'local');
  const log = createLog({ level: 'error', destination: output.log });
  return onDatabase(config, log, async (databaseUrl) => {
    const services = await openServices({
      databaseUrl,
      redisUrl: config.redisUrl,
      clock: systemClock,
      log,
      ledger: { ...config.ledger, patienceMs: 4_000 },
      readConnections: config.databasePoolSize,
      sweepIntervalMs: NEVER_MS,
      encryptionKeys: config.encryptionKeys,
      stripe: {
        ...config.stripe,
        ...stripe,
        webhookSecrets: [],
        returns: { origins: [], anyLoopback: false },
      },
      // News of what is repaired waits for a server to mail it.
      mail: config.mail,
      tendIntervalMs: NEVER_MS,
      publicUrl: () => publicUrlOf(config, config.port),
      organizations: config.organizations,
      exportStreams: { all: config.limits.exportStreams, principal: config.limits.exportStreamsPrincipal },
      webhooks: config.webhooks,
    });
    try {
      const reconciled = await atStripe(async () =>
        services.stripe?.reconciler.run({
          stopping,
          onProgress: ({ done, total, step, looked }) =>
            output.progress({ done, total, unit: 'steps', detail: looked === 0 ? step : `${step}: ${looked}` }),
        }),
      );
      const { repaired, remaining } = reconciled ?? { repaired: [], remaining: [] };
      for (const line of repaired) output.print(`  repaired: ${line}`);
      for (const line of remaining) output.print(`  remains: ${line}`);
      output.print(remaining.length === 0 ? 'Nothing remains.' : `${remaining.length} differences remain.`);
      return remaining.length === 0 ? 0 : 1;
    } finally {
      await services.stop();
    }
  });
}

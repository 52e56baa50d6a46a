/**
 * `npm run stripe:setup`: makes Stripe's account hold what Tollgate sells, and says what it changed.
 * `npm run stripe:check`: says what differs, changes nothing, and exits with 1 if anything does.
 */
import { loadConfig } from '../config/config.ts';
import { ConfigError } from '../config/reader.ts';
import { createLog } from '../kernel/log.ts';
import { Refusal } from '../kernel/refusal.ts';
import { surveyCatalog } from '../stripe/catalog.ts';
import { type StripeAddress, StripeClient, StripeRejection } from '../stripe/client.ts';

/** Gives the exit code. */
export async function setUpStripe({ repair }: { repair: boolean }): Promise<number> {
  try {
    const address = addressOf(process.env);
    const client = new StripeClient(address, createLog({ level: 'error' }));
    const where =
      address.apiBase === null ? `Stripe, ${client.livemode ? 'live' : 'test'} mode` : address.apiBase.origin;
    console.log(`${repair ? 'Setting up' : 'Checking'} the catalog at ${where}`);
    const { catalog, differences } = await surveyCatalog(client, { repair });
    for (const line of differences) console.log(`  ${line}`);
    if (!repair) {
      console.log(differences.length === 0 ? 'Nothing differs.' : `${differences.length} differences.`);
      return differences.length === 0 ? 0 : 1;
    }
    console.log(differences.length === 0 ? 'Nothing to change.' : 'Done.');
    return catalog === null ? 1 : 0;
  } catch (error) {
    console.error(messageOf(error));
    return 1;
  }
}

/** Without a key: the emulator of a local server that runs. Secrets of webhooks come later than the catalog. */
export function addressOf(env: Readonly<Record<string, string | undefined>>): StripeAddress {
  const { stripe } = loadConfig({ ...env, STRIPE_WEBHOOK_SECRET: 'not_needed_here' }, 'local');
  const { secretKey, apiBase, emulatorPort } = stripe;
  if (secretKey !== null) return { secretKey, apiBase };
  return { secretKey: 'sk_test_emulator', apiBase: apiBase ?? new URL(`http://127.0.0.1:${emulatorPort}`) };
}

function messageOf(error: unknown): unknown {
  if (error instanceof Refusal) return `${error.message}: ${error.cause instanceof Error ? error.cause.message : ''}`;
  return error instanceof ConfigError || error instanceof StripeRejection ? error.message : error;
}

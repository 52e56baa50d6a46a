import { loadConfig } from '../config/config.ts';
import { MendableError } from '../kernel/mendable-error.ts';
import { type StripeAddress, StripeRejection } from '../stripe/account/client.ts';

/** The commands of Stripe take no webhooks, so they need no secret of an endpoint. */
const NO_WEBHOOKS = { STRIPE_WEBHOOK_SECRET: 'not_needed_here' };

/** Without a key, the account is that of a local server's emulator. */
export function stripeAddress(env: Readonly<Record<string, string | undefined>>): StripeAddress {
  const { secretKey, apiBase, emulatorPort } = loadConfig({ ...env, ...NO_WEBHOOKS }, 'local').stripe;
  if (secretKey !== null) return { secretKey, apiBase };
  return { secretKey: 'sk_test_emulator', apiBase: apiBase ?? new URL(`http://127.0.0.1:${emulatorPort}`) };
}

/** Does work at Stripe. @throws {MendableError} with Stripe's own words where it refuses a call */
export async function atStripe<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw error instanceof StripeRejection ? new MendableError(error.message) : error;
  }
}

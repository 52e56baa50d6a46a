/** What an application and an account of Stripe's know of each other; the emulator plays the account. */
import { createHmac } from 'node:crypto';
import { createLog } from '../../src/kernel/log.ts';
import { StripeClient } from '../../src/stripe/account/client.ts';
import type { Emulator } from '@tollgate/stripe-emulator';

/** What deliveries to test apps are signed with. */
export const WEBHOOK_SECRET = 'whsec_of_the_tests';

/** Variables that point an application at an emulator. */
export function stripeEnv(emulator: Pick<Emulator, 'url'>): Record<string, string> {
  return {
    STRIPE_SECRET_KEY: 'sk_test_of_the_tests',
    STRIPE_WEBHOOK_SECRET: WEBHOOK_SECRET,
    STRIPE_API_BASE: emulator.url,
  };
}

/** Our own client in front of an emulator, which knows its catalog already unless told otherwise. */
export function stripeClientOf(emulator: Pick<Emulator, 'url'>, logged?: string[]): StripeClient {
  const log = createLog({
    level: logged === undefined ? 'silent' : 'warn',
    ...(logged && { destination: { write: (line: string) => void logged.push(line) } }),
  });
  return new StripeClient({ secretKey: 'sk_test_of_the_tests', apiBase: new URL(emulator.url) }, log);
}

/** A `Stripe-Signature`, made by hand so that tests can make it wrong. */
export function signatureOf(body: string, { secret = WEBHOOK_SECRET, at = Date.now() / 1_000 } = {}): string {
  const time = Math.floor(at);
  return `t=${time},v1=${createHmac('sha256', secret).update(`${time}.${body}`).digest('hex')}`;
}

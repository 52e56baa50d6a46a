/** The application against an account of Stripe's, which the emulator plays. */
import { createHmac } from 'node:crypto';
import type { Clock } from '../../src/kernel/clock.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { createLog } from '../../src/kernel/log.ts';
import { surveyCatalog } from '../../src/stripe/catalog/survey.ts';
import { StripeClient } from '../../src/stripe/account/client.ts';
import { type Emulator, type EmulatorOptions, startEmulator } from '@tollgate/stripe-emulator';
import { startTestApp, type TestApp } from './app.ts';

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

export interface StripeApp extends TestApp {
  readonly emulator: Emulator;
  /** The application ends, and begins again at the same address and on the same database; Stripe goes on meanwhile. */
  restarted(meanwhile: () => Promise<void>): Promise<StripeApp>;
}

interface Options {
  readonly clock?: Clock;
  readonly env?: Record<string, string>;
  readonly logged?: string[];
  readonly emulator?: EmulatorOptions;
}

/**
 * An emulator with the catalog in it, and the whole application before it; each hears from the other. `stop` ends both.
 * The emulator's clock runs with the application's, unless `emulator.frozenAt` makes it stand.
 */
export async function startStripeApp(
  databaseUrl: string,
  { clock = systemClock, env = {}, logged, emulator: options = {} }: Options = {},
): Promise<StripeApp> {
  const emulator = await startEmulator({ clock, recordTraffic: true, deliveries: { retryBaseMs: 20 }, ...options });
  await surveyCatalog(stripeClientOf(emulator), { repair: true });
  const start = (port: number): Promise<TestApp> =>
    startTestApp(databaseUrl, {
      clock,
      env: { ...stripeEnv(emulator), PORT: String(port), ...env },
      ...(logged && { logged }),
    });
  const app = await start(0);
  const base = `http://127.0.0.1:${app.port}/webhooks/stripe`;
  await emulator.control.addEndpoint({ url: base, secret: WEBHOOK_SECRET, events: ['*'] });
  await emulator.control.addEndpoint({ url: `${base}/thin`, secret: WEBHOOK_SECRET, events: ['*'], thin: true });
  const beforeEmulator = (served: TestApp): StripeApp => ({
    ...served,
    emulator,
    async restarted(meanwhile) {
      await served.stop();
      await meanwhile();
      return beforeEmulator(await start(served.port));
    },
    async stop() {
      await served.stop();
      await emulator.stop();
    },
  });
  return beforeEmulator(app);
}

/** A `Stripe-Signature`, made by hand so that tests can make it wrong. */
export function signatureOf(body: string, { secret = WEBHOOK_SECRET, at = Date.now() / 1_000 } = {}): string {
  const time = Math.floor(at);
  return `t=${time},v1=${createHmac('sha256', secret).update(`${time}.${body}`).digest('hex')}`;
}

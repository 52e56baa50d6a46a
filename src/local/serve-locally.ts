/** Local mode: the application with all that it needs besides, on one machine. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type App, startApp } from '../app.ts';
import { type AuthConfig, type Config, publicUrlOf } from '../config/config.ts';
import type { SignInConfig } from '../config/sign-in.ts';
import { createGraphiqlRoutes } from '../http/graphiql.ts';
import type { SignInPerson } from '../http/sign-in.ts';
import { systemClock } from '../kernel/clock.ts';
import type { Log } from '../kernel/log.ts';
import { surveyCatalog } from '../stripe/catalog/survey.ts';
import { StripeClient } from '../stripe/account/client.ts';
import { demoPeople, seedDemo } from './demo-data.ts';
import { encryptionKeysOf, localJwtSecret, localSessionSecret } from './secrets.ts';
import { type EmulatorProcess, startEmulatorProcess } from './stripe-emulator.ts';
import { welcome } from './welcome.ts';

/** A running application and what came with it. */
export interface LocalApp {
  /** Printed for whoever started it. */
  readonly welcome: string;
  stop(): Promise<void>;
}

/**
 * Starts the application on a migrated database. Secrets are made where none are given, and kept, so that tokens and
 * sealed secrets outlive a restart.
 * @throws {MendableError}
 */
export async function startLocally(
  given: Config,
  { databaseUrl, log, portal }: { databaseUrl: string; log: Log; portal: string },
): Promise<LocalApp> {
  const encryptionKeys = await encryptionKeysOf(given);
  const signIn = await signInOf(given);
  const { config, emulator } = await withStripe({ ...given, encryptionKeys, signIn }, log);
  try {
    const auth = await authOf(config);
    const people = demoPeople(auth, systemClock);
    const routes = createGraphiqlRoutes(fileURLToPath(new URL('../../graphiql', import.meta.url)));
    const app = await startApp({ config, databaseUrl, auth, clock: systemClock, log, routes, people, portal });
    const stop = async (): Promise<void> => {
      await app.stop();
      await emulator?.stop();
    };
    try {
      return { welcome: await prepare(app, { config, people, emulator }), stop };
    } catch (error) {
      await stop();
      throw error;
    }
  } catch (error) {
    await emulator?.stop();
    throw error;
  }
}

async function prepare(
  app: App,
  { config, people, emulator }: { config: Config; people: readonly SignInPerson[]; emulator: EmulatorProcess | null },
): Promise<string> {
  if (config.demo) await seedDemo(app.services, systemClock);
  const { origin } = publicUrlOf(config, app.port);
  return welcome(
    { origin, stripeEmulator: emulator?.url ?? null, hasOutbox: app.services.mail.outbox !== null },
    people,
  );
}

async function signInOf({ signIn, dataDir }: Config): Promise<SignInConfig> {
  return signIn.secrets.length > 0 ? signIn : { ...signIn, secrets: [await localSessionSecret({ dataDir })] };
}

async function authOf(config: Config): Promise<AuthConfig> {
  const { auth } = config;
  if (auth.jwtSecret !== null || auth.jwksUrl !== null) return auth;
  return { ...auth, jwtSecret: await localJwtSecret(config) };
}

/** Without a key of Stripe's, local mode has an account of its own, in the emulator, and sets its catalog up. */
async function withStripe(config: Config, log: Log): Promise<{ config: Config; emulator: EmulatorProcess | null }> {
  if (config.stripe.secretKey !== null) return { config, emulator: null };
  // The emulator must be told where to deliver before anything listens there.
  const port = config.port === 0 ? await freePort(config.host) : config.port;
  const host = ['0.0.0.0', '::'].includes(config.host) ? '127.0.0.1' : config.host;
  const [webhookSecret = `whsec_${randomBytes(24).toString('hex')}`] = config.stripe.webhookSecrets;
  await mkdir(config.dataDir, { recursive: true });
  const emulator = await startEmulatorProcess({
    port: config.stripe.emulatorPort,
    stateFile: join(resolve(config.dataDir), 'stripe-emulator.json'),
    webhooks: `http://${host.includes(':') ? `[${host}]` : host}:${port}/webhooks/stripe`,
    webhookSecret,
  });
  const stripe = {
    ...config.stripe,
    secretKey: 'sk_test_emulator',
    apiBase: emulator.url,
    webhookSecrets: [webhookSecret, ...config.stripe.webhookSecrets.slice(1)],
  };
  try {
    const { differences } = await surveyCatalog(new StripeClient(stripe, log), { repair: true });
    if (differences.length > 0) log.info({ changed: differences }, 'set up the catalog in the Stripe emulator');
  } catch (error) {
    await emulator.stop();
    throw error;
  }
  return { config: { ...config, port, stripe }, emulator };
}

async function freePort(host: string): Promise<number> {
  const server = createServer().listen(0, host);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await new Promise((closed) => {
    server.close(closed);
  });
  return port;
}

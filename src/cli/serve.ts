/** Starts the process: configuration, database, application; and stops it in the opposite order when told to. */
import { mkdir } from 'node:fs/promises';
import { randomBytes } from 'node:crypto';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type App, startApp } from '../app.ts';
import { systemClock } from '../kernel/clock.ts';
import { type AuthConfig, type Config, ConfigError, loadConfig, type Mode, publicUrlOf } from '../config.ts';
import { isTransient } from '../db/errors.ts';
import { LocalDatabaseError, startLocalDatabase } from '../local/embedded-postgres.ts';
import { NewerSchemaError } from '../persistence/known-schema.ts';
import { migrate } from '../persistence/migrate.ts';
import { demoPeople, seedDemo } from '../local/demo-data.ts';
import { createGraphiqlRoutes } from '../http/graphiql.ts';
import { PortTakenError } from '../http/server.ts';
import { createSignInRoute } from '../http/sign-in.ts';
import { encryptionKeysOf, localJwtSecret } from '../local/secrets.ts';
import { createLog, type Log } from '../kernel/log.ts';
import { surveyCatalog } from '../stripe/catalog/survey.ts';
import { StripeClient } from '../stripe/account/client.ts';
import { EmulatorStartError, type EmulatorProcess, startEmulatorProcess } from '../local/stripe-emulator.ts';

/** Runs until told to stop. Exits with 1 and one clear line for each mistake that whoever starts it can mend. */
export async function main(mode: Mode): Promise<void> {
  try {
    await run(mode);
  } catch (error) {
    const isMendable =
      error instanceof ConfigError ||
      error instanceof PortTakenError ||
      error instanceof LocalDatabaseError ||
      error instanceof NewerSchemaError ||
      error instanceof EmulatorStartError;
    console.error(isMendable ? error.message : error);
    process.exit(1);
  }
}

/** How long the first connection may take: databases and applications start together. */
const FIRST_CONNECTION_MS = 60_000;

async function run(mode: Mode): Promise<void> {
  const given = loadConfig(process.env, mode);
  const log = createLog({ level: given.logLevel });
  const stopping = signalled();
  const embedded = given.databaseUrl === null ? await startLocalDatabase({ dataDir: given.dataDir, log }) : null;
  try {
    const databaseUrl = embedded?.databaseUrl ?? (given.databaseUrl as string);
    await migrateWhenReachable(databaseUrl, log);
    if (mode === 'production') await serve(given, databaseUrl, { log, stopping });
    else await serveLocally(given, databaseUrl, { log, stopping });
  } finally {
    await embedded?.stop();
  }
  log.info('stopped');
  process.exit(0);
}

interface Course {
  readonly log: Log;
  /** Resolves when the process shall stop. */
  readonly stopping: Promise<void>;
}

async function serve(config: Config, databaseUrl: string, { log, stopping }: Course): Promise<void> {
  const app = await startApp({ config, databaseUrl, auth: config.auth, clock: systemClock, log });
  log.info({ port: app.port }, 'listening');
  await stopping;
  log.info('stopping');
  await app.stop();
}

async function serveLocally(given: Config, databaseUrl: string, { log, stopping }: Course): Promise<void> {
  const encryptionKeys = await encryptionKeysOf(given);
  const [config, emulator] = await withStripe({ ...given, encryptionKeys }, log);
  try {
    const app = await startLocally(config, databaseUrl, { log, emulator });
    await stopping;
    log.info('stopping');
    await app.stop();
  } finally {
    await emulator?.stop();
  }
}

/** Without a key local mode has an account of its own, in the emulator, and sets it up. */
async function withStripe(config: Config, log: Log): Promise<[Config, EmulatorProcess | null]> {
  if (config.stripe.secretKey !== null) return [config, null];
  // The emulator must be told where to deliver before anything listens there.
  const port = config.port === 0 ? await anyFreePort(config.host) : config.port;
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
  const { differences } = await surveyCatalog(new StripeClient(stripe, log), { repair: true });
  if (differences.length > 0) log.info({ changed: differences }, 'set up the catalog in the Stripe emulator');
  return [{ ...config, port, stripe }, emulator];
}

function anyFreePort(host: string): Promise<number> {
  return new Promise((resolvePort, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, host, () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolvePort(port));
    });
  });
}

async function startLocally(
  config: Config,
  databaseUrl: string,
  { log, emulator }: { log: Log; emulator: EmulatorProcess | null },
): Promise<App> {
  const auth = await localAuth(config);
  const people = demoPeople(auth, systemClock);
  const signIn = createSignInRoute(new Map(people.map(({ as, token }) => [as, token])));
  const graphiql = createGraphiqlRoutes(fileURLToPath(new URL('../../graphiql', import.meta.url)));
  const app = await startApp({ config, databaseUrl, auth, clock: systemClock, log, routes: [...graphiql, signIn] });
  if (config.demo) await seedDemo(app.services, systemClock);
  await printWelcome(publicUrlOf(config, app.port).origin, { people, emulator });
  return app;
}

async function printWelcome(
  address: string,
  { people, emulator }: { people: ReturnType<typeof demoPeople>; emulator: EmulatorProcess | null },
): Promise<void> {
  const lines = [
    '',
    `Tollgate   ${address}`,
    `GraphQL    ${address}/graphql`,
    `GraphiQL   ${address}/graphiql`,
    ...(emulator === null ? [] : [`Stripe     http://localhost:${emulator.url.port}`]),
    '',
    'Sign in as',
    ...people.map(({ as }) => `  ${address}/sign-in?as=${as}`),
    '',
    'or send a token as Authorization: Bearer …',
    ...(await Promise.all(people.map(async ({ as, token }) => `  ${as.padEnd(8)} ${await token()}`))),
    '',
  ];
  console.log(lines.join('\n'));
}

/** In local mode a secret is made where none is given, and kept, so that tokens outlive a restart. */
async function localAuth(config: Config): Promise<AuthConfig> {
  const { auth } = config;
  if (auth.jwtSecret !== null || auth.jwksUrl !== null) return auth;
  return { ...auth, jwtSecret: await localJwtSecret(config) };
}

async function migrateWhenReachable(databaseUrl: string, log: Log): Promise<void> {
  const deadline = performance.now() + FIRST_CONNECTION_MS;
  for (let pauseMs = 250; ; pauseMs = Math.min(pauseMs * 2, 4_000)) {
    try {
      await migrate(databaseUrl);
      return;
    } catch (error) {
      if (!isTransient(error) || performance.now() + pauseMs > deadline) throw error;
      log.warn({ err: error }, 'the database does not answer yet');
      await delay(pauseMs);
    }
  }
}

/** An order within this time of the first is the same one: a terminal tells npm and us, and npm tells us again. */
const SAME_ORDER_MS = 1_000;

/** Resolves at the first order to stop; whoever repeats it does not want to wait. */
function signalled(): Promise<void> {
  return new Promise((resolveOrder) => {
    let firstAt: number | null = null;
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.on(signal, () => {
        if (firstAt !== null && performance.now() - firstAt > SAME_ORDER_MS) process.exit(130);
        firstAt ??= performance.now();
        resolveOrder();
      });
    }
  });
}

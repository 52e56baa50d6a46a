/** The composition root: everything but the portal, on one database. Tests boot this same one. */
import { Gauge, Histogram, type Registry } from 'prom-client';
import type { Clock } from './kernel/clock.ts';
import { type AuthConfig, type Config, publicUrlOf } from './config/config.ts';
import { FairTurns } from './db/fair-turns.ts';
import { contextFactory } from './graphql/request/context.ts';
import { createRights } from './graphql/request/rights.ts';
import { buildTollgateSchema } from './graphql/schema.ts';
import { createAuthenticator } from './http/authentication.ts';
import { createExportRoutes } from './http/exports.ts';
import { IdentityProvider } from './http/identity-provider.ts';
import { createMailPages } from './http/mail-pages.ts';
import { createMetrics } from './http/metrics.ts';
import { createOwnPageCheck } from './http/origins.ts';
import { createOutboxRoutes } from './http/outbox.ts';
import { createPortalRoutes } from './http/portal.ts';
import { createPrincipals, type EnsureUser } from './http/principals.ts';
import type { Route } from './http/route.ts';
import { createHttpServer } from './http/server.ts';
import { Sessions } from './http/sessions.ts';
import { SignInElsewhere } from './http/sign-in-elsewhere.ts';
import { createSignInRoutes, type SignInPerson } from './http/sign-in.ts';
import { createStripeWebhookRoutes } from './http/stripe-webhooks.ts';
import type { Log } from './kernel/log.ts';
import { systemScheduler } from './kernel/scheduler.ts';
import { type DomainServices, openServices, type ServicesOptions } from './services.ts';
import type { StripeSettings } from './stripe/stripe.ts';

export interface AppOptions {
  readonly config: Config;
  /** Migrated. */
  readonly databaseUrl: string;
  /** Verification of tokens: a secret or a JWKS address is set. */
  readonly auth: AuthConfig;
  readonly clock: Clock;
  readonly log: Log;
  /** Pages besides the API's own roads. */
  readonly routes?: readonly Route[];
  /** People whom anybody may sign in as: local mode's. */
  readonly people?: readonly SignInPerson[];
  /** The directory of the built portal; absent: it is not served. */
  readonly portal?: string;
}

/** A running application. */
export interface App {
  readonly port: number;
  readonly services: DomainServices;
  /** Takes nothing new, finishes what is in flight, lets go of the database. */
  stop(): Promise<void>;
}

/** Time for which a command is tried again while the database is away, before UNAVAILABLE. */
const PATIENCE_MS = 4_000;
/** Balances shown follow due events within ten seconds (rule 11). */
const SWEEP_INTERVAL_MS = 5_000;
/** Twice this, and what a process that died was doing goes on in another one. */
const TEND_INTERVAL_MS = 5_000;

/**
 * Composes and listens.
 * @throws PortTakenError
 */
export async function startApp(options: AppOptions): Promise<App> {
  const { config, databaseUrl, auth, clock, log, routes, people = [] } = options;
  const portal = options.portal === undefined ? [] : createPortalRoutes(options.portal);
  const metrics = createMetrics();
  // Links are made on request, and so only once it listens.
  let listeningPort = config.port;
  const services = await openServices({
    databaseUrl,
    redisUrl: config.redisUrl,
    clock,
    log,
    ledger: { ...config.ledger, patienceMs: PATIENCE_MS },
    readConnections: config.databasePoolSize,
    sweepIntervalMs: SWEEP_INTERVAL_MS,
    encryptionKeys: config.encryptionKeys,
    tendIntervalMs: TEND_INTERVAL_MS,
    stripe: stripeSettings(config),
    mail: config.mail,
    publicUrl: () => publicUrlOf(config, listeningPort),
    organizations: config.organizations,
    exportStreams: { all: config.limits.exportStreams, principal: config.limits.exportStreamsPrincipal },
    webhooks: config.webhooks,
    onBatch: batchObserver(metrics.registry),
  });
  observeQueues(metrics.registry, services);
  observeJobs(metrics.registry, services);
  const turns = new FairTurns(config.reads);
  observeTurns(metrics.registry, turns);
  const ensureUser = ensuringUsers(services, log);
  const authenticator = createAuthenticator({
    auth,
    refusedPeers: {
      most: config.limits.rateLimits.refused,
      windowSeconds: config.limits.rateLimits.windowSeconds,
    },
    clock,
    log,
    authenticateKey: (key) => services.keyAuthentication.authenticate(key),
    ensureUser,
  });
  const sessions = new Sessions({
    config,
    isOwnPage: createOwnPageCheck(config, () => listeningPort),
    principalOf: createPrincipals({ organizationClaim: auth.organizationClaim, ensureUser }),
    ended: services.endedSessions,
    scheduler: systemScheduler,
    clock,
    log,
  });
  const { provider } = config.signIn;
  const elsewhere =
    provider === null
      ? null
      : new SignInElsewhere({
          provider: new IdentityProvider({
            config: provider,
            organizationClaim: auth.organizationClaim,
            callback: () => new URL('sign-in/callback', publicUrlOf(config, listeningPort)),
          }),
          sessions,
          config,
          clock,
          log,
        });
  const server = await createHttpServer({
    config,
    log,
    schema: await buildTollgateSchema(),
    authenticator,
    sessions,
    contextFor: contextFactory(services, turns),
    rights: createRights(services),
    readiness: [{ name: 'database', check: () => services.ping() }],
    metrics,
    clock,
    routes: [
      ...(services.stripe === null ? [] : createStripeWebhookRoutes({ ...services.stripe, log })),
      ...createExportRoutes({
        exports: services.exports,
        stallMs: config.limits.exportStallMs,
        leastBytesPerSecond: config.limits.exportLeastBytes,
        log,
      }),
      createMailPages({
        ...services.mail,
        nameOf: async (id) => (await services.entities.byIds([id])).get(id)?.name ?? id,
      }),
      ...(services.mail.outbox === null ? [] : [createOutboxRoutes({ outbox: services.mail.outbox })]),
      createSignInRoutes({
        sessions,
        isLocal: config.mode === 'local',
        people,
        hasPortal: portal.length > 0,
        elsewhere,
      }),
      ...(routes ?? []),
      ...portal,
    ],
  });
  try {
    const { port } = await server.listen();
    listeningPort = port;
    await services.start();
    return {
      port,
      services,
      async stop() {
        await server.drain();
        await services.stop();
      },
    };
  } catch (error) {
    await services.stop();
    throw error;
  }
}

function ensuringUsers({ entities, mail }: DomainServices, log: Log): EnsureUser {
  return async ({ externalId, name, email }) => {
    const billingEntityId = await entities.ensureUser({ externalId, name: name ?? null, withTrial: true });
    // Nobody is kept out because their address could not be kept.
    if (email) {
      await mail.tokenEmails.note(billingEntityId, email).catch((error: unknown) => {
        log.warn({ err: error, billingEntityId }, 'an address could not be kept');
      });
    }
    return { billingEntityId };
  };
}

function batchObserver(registry: Registry): NonNullable<ServicesOptions['onBatch']> {
  const registers = [registry];
  const size = new Histogram({
    name: 'tollgate_ledger_batch_commands',
    help: 'Commands folded into one ledger transaction.',
    buckets: [1, 2, 5, 10, 25, 50, 100, 250, 500],
    registers,
  });
  const duration = new Histogram({
    name: 'tollgate_ledger_transaction_duration_seconds',
    help: 'Time of one ledger transaction, from its connection to its commit.',
    labelNames: ['road'],
    buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
    registers,
  });
  return ({ commands, durationMs, road }) => {
    size.observe(commands);
    duration.observe({ road }, durationMs / 1_000);
  };
}

/** null without a key: nothing of Stripe's is called, and no webhook is taken. */
function stripeSettings({ stripe, mode, returnOrigins }: Config): StripeSettings | null {
  const { secretKey } = stripe;
  const returns = { origins: returnOrigins, anyLoopback: mode === 'local' };
  return secretKey === null ? null : { ...stripe, secretKey, returns };
}

function observeTurns(registry: Registry, turns: FairTurns): void {
  new Gauge({
    name: 'tollgate_reads_waiting',
    help: 'Reads of operations that wait for their caller’s turn at the database.',
    registers: [registry],
    collect() {
      this.set(turns.waiting);
    },
  });
}

function observeQueues(registry: Registry, services: DomainServices): void {
  const registers = [registry];
  new Gauge({
    name: 'tollgate_ledger_commands_waiting',
    help: 'Commands that wait for a ledger transaction.',
    registers,
    collect() {
      this.set(services.ledger.queued);
    },
  });
  new Gauge({
    name: 'tollgate_live_streams_open',
    help: 'Streams of account changes and alerts that are open.',
    registers,
    collect() {
      const { live, usage, alertStreams } = services;
      const followed = usage.followedStreams + alertStreams.followed;
      this.set(live.openStreams - followed + usage.openStreams + alertStreams.open);
    },
  });
  new Gauge({
    name: 'tollgate_live_listeners',
    help: 'The same streams, by what they are for: a balance, the use of an account, or its alerts.',
    labelNames: ['kind'] as const,
    registers,
    collect() {
      const { live, usage, alertStreams } = services;
      this.set({ kind: 'use' }, usage.openStreams);
      this.set({ kind: 'alerts' }, alertStreams.open);
      this.set({ kind: 'balance' }, live.openStreams - usage.followedStreams - alertStreams.followed);
    },
  });
  new Gauge({
    name: 'tollgate_exports_open',
    help: 'Exported files that are being sent.',
    registers,
    collect() {
      this.set(services.exports.openStreams);
    },
  });
}

/** Counted in the database, and so the same on every replica. While it is away they are not known: NaN. */
function observeJobs(
  registry: Registry,
  { alertDispatch, failedJobs, mail, meterReports, stripe, subscriptions, webhookDeliveries }: DomainServices,
): void {
  const registers = [registry];
  const counted = (name: string, help: string, count: () => Promise<number>): void => {
    new Gauge({
      name,
      help,
      registers,
      async collect() {
        this.set(await soon(count()));
      },
    });
  };
  counted(
    'tollgate_jobs_failed',
    'Jobs whose last attempt failed, whether they are tried again by themselves or not.',
    async () => (await failedJobs.counts()).failed,
  );
  counted(
    'tollgate_jobs_waiting',
    'Jobs that are due and not under way.',
    async () => (await failedJobs.counts()).waiting,
  );
  counted('tollgate_alerts_waiting', 'Alerts that were raised and are not on their ways yet.', () =>
    alertDispatch.waiting(),
  );
  counted('tollgate_webhooks_waiting', 'Webhooks to customers that are due and not being sent.', () =>
    webhookDeliveries.waiting(),
  );
  counted(
    'tollgate_mails_waiting',
    'Mails that are made and not sent yet.',
    async () => (await mail.sender.counts()).waiting,
  );
  counted(
    'tollgate_mails_failed',
    'Mails of the last thirty days that were given up, also since their readers unsubscribed.',
    async () => (await mail.sender.counts()).failed,
  );
  if (stripe === null) return;
  counted('tollgate_stripe_events_unprocessed', 'Events of Stripe that were taken and not handled yet.', () =>
    stripe.inbox.unprocessed(),
  );
  counted(
    'tollgate_subscriptions_not_followed',
    'Payers whose subscription is not followed whole until the seller settles something.',
    () => subscriptions.countNotFollowed(),
  );
  counted(
    'tollgate_meter_reports_undelivered',
    'Reports of overage that neither the meter nor an invoice has yet.',
    async () => (await meterReports.counts()).undelivered,
  );
  counted(
    'tollgate_meter_reports_failed',
    'Reports of overage that were refused, or of which nobody can tell whether the meter has them.',
    async () => (await meterReports.counts()).failed,
  );
}

/** Nobody who scrapes waits for a database that is away. */
async function soon(count: Promise<number>): Promise<number> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<number>((resolve) => (timer = setTimeout(resolve, 1_000, Number.NaN)));
  try {
    return await Promise.race([count.catch(() => Number.NaN), late]);
  } finally {
    clearTimeout(timer);
  }
}

/** The domain, composed: everything below the edges, on one database. */
import type { Logger } from 'pino';
import { AlertDispatch } from './alerts/dispatch.ts';
import { AlertPreferences } from './alerts/preferences.ts';
import { AlertStreams } from './alerts/alert-streams.ts';
import { Alerts } from './alerts/alerts.ts';
import { openWebhooks, type WebhookSettings } from './alerts/webhooks/webhooks.ts';
import { type MailSettings, openMail } from './alerts/mail/mail.ts';
import { ApiKeys } from './api-keys/api-keys.ts';
import type { KeyRing } from './secrets/envelope.ts';
import { KeyAuthentication } from './api-keys/key-authentication.ts';
import { KeyUse } from './api-keys/key-use.ts';
import { ProviderSecrets } from './api-keys/provider-secrets.ts';
import { auditInto, AuditLog } from './billing-entities/audit-log.ts';
import { may } from './billing-entities/authorization.ts';
import { BillingEntities } from './billing-entities/billing-entities.ts';
import type { Bounds } from './billing-entities/bounds.ts';
import { Invitations } from './billing-entities/invitations.ts';
import { Members } from './billing-entities/members.ts';
import { Organizations } from './billing-entities/organizations.ts';
import { Routing } from './metering/payer-routing.ts';
import type { Clock } from './kernel/clock.ts';
import { Accounts } from './ledger/accounts.ts';
import { ManualChanges } from './credits/manual-changes.ts';
import { Consumption } from './metering/consumption.ts';
import { Statements } from './ledger/statements.ts';
import { Ledger, type LedgerOptions, type LedgerSettings } from './ledger/ledger.ts';
import { Reservations } from './metering/reservations.ts';
import { Sweeper } from './ledger/sweeper.ts';
import { Transfers } from './credits/transfers.ts';
import { giveTrial } from './credits/trial.ts';
import { LedgerVerification } from './ledger/proof/verify.ts';
import { Database } from './db/database.ts';
import { Exclusive } from './db/advisory-lock.ts';
import { openRows } from './persistence/orm.ts';
import { openAheadPool, openJobPool, openLedgerPool } from './db/pools.ts';
import { Jobs } from './jobs/jobs.ts';
import { createLiveEvents } from './live/live-events.ts';
import { EndedSessions } from './sessions/ended-sessions.ts';
import { openStripe, type StripeSettings } from './stripe/stripe.ts';
import { InvoiceCredits } from './subscriptions/invoice-credits.ts';
import { MeterReports } from './subscriptions/meter-reports.ts';
import { Subscriptions } from './subscriptions/subscriptions.ts';
import { Exports } from './usage/exports.ts';
import { Forecasts } from './usage/forecast.ts';
import { UsageHistory } from './usage/usage-history.ts';
import { UsageSummaries } from './usage/usage-summary.ts';

export interface ServicesOptions {
  readonly databaseUrl: string;
  readonly redisUrl: string | null;
  readonly clock: Clock;
  readonly log: Logger;
  readonly ledger: LedgerSettings;
  /** Connections for reading; the ledger has its own. */
  readonly readConnections: number;
  readonly sweepIntervalMs: number;
  /** null: without Stripe, which is then never called. */
  readonly stripe: StripeSettings | null;
  /** null: no e-mail is sent. */
  readonly mail: MailSettings | null;
  /** Interval at which the queue is looked after. */
  readonly tendIntervalMs: number;
  /** The public address of this installation; asked when a link is made. Ends in a slash. */
  readonly publicUrl: () => URL;
  /** Keys that encrypt customers' secrets, newest first. */
  readonly encryptionKeys: KeyRing;
  /** Whose external ids of organizations are, and how much of them and their members users may bring about. */
  readonly organizations: Bounds & { readonly ids: 'open' | 'claimed' };
  /** Exported files that are sent at one time: to everybody, and of the links that one principal made. */
  readonly exportStreams: { readonly all: number; readonly principal: number };
  /** How webhooks are sent to customers. */
  readonly webhooks: WebhookSettings;
  readonly onBatch?: NonNullable<LedgerOptions['onBatch']>;
}

export type DomainServices = Awaited<ReturnType<typeof openServices>>;

/** Interval at which the last use of keys is written. */
const KEY_USE_INTERVAL_MS = 60_000;
/** Connections besides those that are set for reading, so that changes of rows find some while all readers are at work. */
const CHANGE_CONNECTIONS = 4;

/** Jobs wait for Stripe most of their time; a few are enough. */
const JOBS_AT_ONCE = 4;
const PRUNE_WEBHOOKS = 'webhooks.prune';
const FORGET_MAIL = 'mail.forget';
const FORGET_SESSIONS = 'sessions.forget';
/** Customers of Stripe's that something is done for at one time; others wait. */
const NAMES_AT_ONCE = 16;

/** Opens the domain on a migrated database; `start` begins its work in the background, `stop` ends it after the last caller. */
// The type is what is returned; writing it out would say everything twice.
// oxlint-disable-next-line typescript/explicit-module-boundary-types
export async function openServices(options: ServicesOptions) {
  const { databaseUrl, clock, log } = options;
  const onIdleError = (error: Error): void => log.warn({ err: error }, 'an idle database connection broke');
  const database = new Database(databaseUrl, { max: options.readConnections + CHANGE_CONNECTIONS, onIdleError });
  const rows = await openRows(database);
  const ledgerPool = openLedgerPool(databaseUrl, { max: options.ledger.lanes, onIdleError });
  const aheadPool = openAheadPool(databaseUrl, { max: options.ledger.lanes, onIdleError });

  const jobPool = openJobPool(databaseUrl, { max: JOBS_AT_ONCE + 1, onIdleError });
  const jobs = new Jobs({
    database,
    pool: jobPool,
    concurrency: JOBS_AT_ONCE,
    tendIntervalMs: options.tendIntervalMs,
    log,
  });

  const live = createLiveEvents({
    databaseUrl,
    redisUrl: options.redisUrl,
    loadBalance: (billingEntityId) => accounts.balance(billingEntityId),
    log,
  });
  const ledger = new Ledger({
    ...options.ledger,
    pool: ledgerPool,
    aheadPool,
    clock,
    onCommitted(balances, publicOrganizations, alerts) {
      live.publish(balances);
      live.publishNews('used', publicOrganizations);
      if (alerts.length === 0) return;
      live.publishNews('alerted', [...new Set(alerts.map(({ billingEntityId }) => billingEntityId))]);
      alertDispatch.wake();
    },
    ...(options.onBatch && { onBatch: options.onBatch }),
  });
  const accounts = new Accounts({ database, ledger, clock });
  const giveTrialTo = (id: string): Promise<void> => giveTrial(ledger, id);
  const entities = new BillingEntities({ rows, database, clock, giveTrial: giveTrialTo });
  const { ids, ...bounds } = options.organizations;
  const organizations = new Organizations({ rows, clock, entities, ids, bounds, giveTrial: giveTrialTo });
  const members = new Members({ rows, database, clock, entities, bounds });
  const invitations = new Invitations({ rows, clock, entities, bounds });
  const auditLog = new AuditLog(database);
  const routing = new Routing(entities);
  const history = new Statements(database);
  const usage = new UsageHistory(database, {
    changes: (billingEntityId) => live.changes(billingEntityId),
    publicUse: (organizationId) => live.news('used', organizationId),
  });
  const summaries = new UsageSummaries(database);
  const forecasts = new Forecasts({ database, accounts, clock });
  const keyUse = new KeyUse({ database, clock, log, intervalMs: KEY_USE_INTERVAL_MS });
  const consumption = new Consumption({
    routing,
    ledger,
    accounts,
    recordsByEntry: (keys) => usage.recordsByEntry(keys),
    onKeyUsed: (apiKey) => keyUse.note(apiKey),
    log,
  });
  const reservations = new Reservations({
    routing,
    ledger,
    accounts,
    history,
    database,
    clock,
    async mayRead(principal, billingEntityId) {
      const entity = (await entities.byIds([billingEntityId])).get(billingEntityId);
      return entity !== undefined && may(await members.relation(principal, entity), 'reservations.read');
    },
  });
  const transfers = new Transfers({ ledger, database, entities, members });
  const administration = new ManualChanges({ ledger, history });
  const subscriptions = new Subscriptions({ database, rows, ledger, accounts, clock });
  const invoiceCredits = new InvoiceCredits({ database, ledger, history });
  const meterReports = new MeterReports({ database, ledger });
  const exclusive = new Exclusive(databaseUrl, { max: NAMES_AT_ONCE, onIdleError });
  const audit = auditInto(clock);
  const stripe =
    options.stripe &&
    openStripe({
      settings: options.stripe,
      database,
      rows,
      exclusive,
      jobs,
      subscriptions,
      invoiceCredits,
      meterReports,
      transfers,
      history,
      audit,
      publicUrl: options.publicUrl,
      clock,
      log,
    });
  const verification = new LedgerVerification(database);
  const exports = new Exports({
    rows,
    entities,
    members,
    usage,
    history,
    database,
    clock,
    publicUrl: options.publicUrl,
    streams: options.exportStreams,
  });
  const { encryptionKeys } = options;
  const apiKeys = new ApiKeys({ rows, database, clock, encryptionKeys, audit });
  const keyAuthentication = new KeyAuthentication({ database, clock, use: keyUse });
  const providerSecrets = new ProviderSecrets({
    rows,
    database,
    entities,
    clock,
    encryptionKeys,
    audit,
    use: keyUse,
    log,
  });
  const webhooks = openWebhooks({
    settings: options.webhooks,
    ...{ rows, database, clock, encryptionKeys, audit, log },
    balanceOf: (billingEntityId) => accounts.balance(billingEntityId),
  });
  // What a process that died was sending is found here, and what is to be tried again.
  jobs.tend(async () => webhooks.sender.wake());
  jobs.define(PRUNE_WEBHOOKS, { parse: () => null, run: () => webhooks.deliveries.prune() });
  jobs.schedule({ task: PRUNE_WEBHOOKS, cron: '47 3 * * *' });
  const mail = openMail({
    settings: options.mail,
    linkKeys: encryptionKeys.map(({ key }) => key),
    publicUrl: options.publicUrl,
    async outlook(billingEntityId) {
      const [balance, forecast] = await Promise.all([
        accounts.balance(billingEntityId),
        forecasts.forecast(billingEntityId),
      ]);
      return balance && forecast && { available: balance.available, ...forecast };
    },
    database,
    rows,
    exclusive,
    clock,
    log,
  });
  jobs.define(FORGET_MAIL, { parse: () => null, run: () => mail.sender.forget() });
  jobs.schedule({ task: FORGET_MAIL, cron: '47 3 * * *' });
  const endedSessions = new EndedSessions({ rows, database, clock });
  jobs.define(FORGET_SESSIONS, { parse: () => null, run: () => endedSessions.forget() });
  jobs.schedule({ task: FORGET_SESSIONS, cron: '47 3 * * *' });
  const alerts = new Alerts({ database, clock });
  const alertStreams = new AlertStreams({
    news: (billingEntityId) => live.news('alerted', billingEntityId),
    newest: (billingEntityId) => alerts.newest(billingEntityId),
    after: (ref) => alerts.after(ref),
  });
  const alertPreferences = new AlertPreferences({ database, ledger, addresses: mail.addresses });
  const alertDispatch = new AlertDispatch({
    ...{ database, rows, log },
    deliveries: webhooks.deliveries,
    endpoints: webhooks.endpoints,
    mails: mail.mails,
    onMailsQueued: () => mail.sender.nudge(),
  });
  // What a process that died had raised is found here.
  jobs.tend(async () => {
    alertDispatch.wake();
    await alertDispatch.tellOfDisabled();
  });
  const sweeper = new Sweeper({ database, accounts, clock, log, intervalMs: options.sweepIntervalMs });

  return {
    accounts,
    administration,
    alertAddresses: mail.addresses,
    alertDispatch,
    alertPreferences,
    alerts,
    alertStreams,
    apiKeys,
    auditLog,
    /** null, as those of plan changes and invoices: without Stripe. */
    checkout: stripe && stripe.checkout,
    consumption,
    endedSessions,
    entities,
    exports,
    forecasts,
    failedJobs: jobs.failed,
    history,
    invitations,
    invoiceCredits,
    invoices: stripe && stripe.invoices,
    keyAuthentication,
    keyUse,
    jobs,
    ledger,
    live,
    mail,
    meterReports,
    providerSecrets,
    members,
    organizations,
    planChanges: stripe && stripe.planChanges,
    reservations,
    /** null: without. */
    stripe,
    subscriptions,
    summaries,
    sweeper,
    transfers,
    usage,
    verification,
    webhookDeliveries: webhooks.deliveries,
    webhookEndpoints: webhooks.endpoints,
    webhookSender: webhooks.sender,
    /** Resolves when the database answers. */
    async ping(): Promise<void> {
      await database.query('select 1');
    },
    async start(): Promise<void> {
      await live.start();
      // What is still due is given at the next start, or when its creator tries again.
      await organizations.giveDueTrials().catch((error: unknown) => log.warn({ err: error }, 'a trial is still due'));
      sweeper.start();
      keyUse.start();
      mail.sender.start();
      await jobs.start();
      webhooks.sender.start();
    },
    async stop(): Promise<void> {
      await Promise.all([
        ...[
          jobs.stop(),
          sweeper.stop(),
          keyUse.stop(),
          alertDispatch.stop(),
          mail.sender.stop(),
          webhooks.sender.stop(),
        ],
        stripe?.meterReporter.stop(),
      ]);
      await live.stop();
      await Promise.all([jobPool.end(), exclusive.end(), ledgerPool.end(), aheadPool.end(), database.end()]);
    },
  };
}

/** The domain, composed: everything below the edges, on one database. */
import type { Logger } from 'pino';
import { BillingEntities } from './billing-entities/billing-entities.ts';
import { Routing } from './billing-entities/routing.ts';
import type { Clock } from './clock.ts';
import { Accounts } from './credits/accounts.ts';
import { Administration } from './credits/administration.ts';
import type { BatcherOptions } from './credits/batcher.ts';
import { Consumption } from './credits/consumption.ts';
import { History } from './credits/history.ts';
import { Ledger, type LedgerOptions } from './credits/ledger.ts';
import { Reservations } from './credits/reservations.ts';
import { Sweeper } from './credits/sweeper.ts';
import { Transfers } from './credits/transfers.ts';
import { giveTrial } from './credits/trial.ts';
import { LedgerVerification } from './credits/verification.ts';
import { Database } from './db/database.ts';
import { openOrm } from './db/orm.ts';
import { openLedgerPool } from './db/pools.ts';
import { createLiveEvents } from './live/live-events.ts';
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
  readonly ledger: BatcherOptions;
  /** Connections for reading; the ledger has its own. */
  readonly readConnections: number;
  readonly sweepIntervalMs: number;
  /** How the world names this installation; asked when a link is made. Ends in a slash. */
  readonly publicUrl: () => URL;
  /** Exported files that are sent at one time. */
  readonly exportStreams: number;
  readonly onBatch?: NonNullable<LedgerOptions['onBatch']>;
}

export type DomainServices = Awaited<ReturnType<typeof openServices>>;

/** Connections of the ORM: it reads and changes billing entities, which happens seldom. */
const ORM_CONNECTIONS = 4;

/** Opens the domain on a migrated database; `start` begins its work in the background, `stop` ends it after the last caller. */
// The type is what is returned; writing it out would say everything twice.
// oxlint-disable-next-line typescript/explicit-module-boundary-types
export async function openServices(options: ServicesOptions) {
  const { databaseUrl, clock, log } = options;
  const onIdleError = (error: Error): void => log.warn({ err: error }, 'an idle database connection broke');
  const orm = await openOrm(databaseUrl, { poolSize: ORM_CONNECTIONS });
  const database = new Database(databaseUrl, { max: options.readConnections, onIdleError });
  const ledgerPool = openLedgerPool(databaseUrl, { max: options.ledger.lanes, onIdleError });

  const live = createLiveEvents({
    databaseUrl,
    redisUrl: options.redisUrl,
    loadBalance: (billingEntityId) => accounts.balance(billingEntityId),
    log,
  });
  const ledger = new Ledger({
    ...options.ledger,
    pool: ledgerPool,
    clock,
    onCommitted: (balances) => live.publish(balances),
    ...(options.onBatch && { onBatch: options.onBatch }),
  });
  const accounts = new Accounts({ database, ledger, clock });
  const entities = new BillingEntities({ orm, database, clock, giveTrial: (id) => giveTrial(ledger, id) });
  const routing = new Routing(entities);
  const history = new History(database);
  const usage = new UsageHistory(database, (billingEntityId) => live.changes(billingEntityId));
  const summaries = new UsageSummaries(database);
  const forecasts = new Forecasts({ database, accounts, clock });
  const consumption = new Consumption({
    routing,
    ledger,
    accounts,
    recordsByEntry: (keys) => usage.recordsByEntry(keys),
    onKeyUsed: () => {},
    log,
  });
  const reservations = new Reservations({
    routing,
    ledger,
    accounts,
    history,
    database,
    clock,
    mayRead: (principal, billingEntityId) =>
      Promise.resolve(principal.kind === 'USER' && principal.billingEntityId === billingEntityId),
  });
  const transfers = new Transfers({ ledger, database });
  const administration = new Administration({ ledger, history });
  const subscriptions = new Subscriptions({ database, ledger, accounts, history, clock });
  const meterReports = new MeterReports({ database, ledger });
  const verification = new LedgerVerification(database);
  const exports = new Exports({
    entities,
    usage,
    history,
    database,
    clock,
    publicUrl: options.publicUrl,
    streams: options.exportStreams,
  });
  const sweeper = new Sweeper({ database, accounts, clock, log, intervalMs: options.sweepIntervalMs });

  return {
    accounts,
    administration,
    consumption,
    entities,
    exports,
    forecasts,
    history,
    ledger,
    live,
    meterReports,
    reservations,
    subscriptions,
    summaries,
    sweeper,
    transfers,
    usage,
    verification,
    /** Resolves when the database answers. */
    async ping(): Promise<void> {
      await database.query('select 1');
    },
    async start(): Promise<void> {
      await live.start();
      sweeper.start();
    },
    async stop(): Promise<void> {
      await sweeper.stop();
      await live.stop();
      await Promise.all([ledgerPool.end(), database.end(), orm.close()]);
    },
  };
}

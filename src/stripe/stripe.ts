/** Stripe's side of the till, composed. */
import type pg from 'pg';
import type { Clock } from '../clock.ts';
import type { History } from '../credits/history.ts';
import type { Transfers } from '../credits/transfers.ts';
import type { Database } from '../db/database.ts';
import type { Jobs } from '../jobs/jobs.ts';
import type { Log } from '../log.ts';
import type { Subscriptions } from '../subscriptions/subscriptions.ts';
import { CatalogIds } from './catalog.ts';
import { Checkout } from './checkout.ts';
import { type StripeAddress, StripeClient } from './client.ts';
import { CustomerLocks } from './customer-locks.ts';
import { Customers } from './customers.ts';
import { StripeEvents } from './events.ts';
import { Inbox } from './inbox.ts';
import { Invoices } from './invoices.ts';
import { PlanChanges } from './plan-changes.ts';
import type { ReturnRules } from './return-addresses.ts';
import { CustomerSync } from './sync.ts';
import { WebhookVerifier } from './webhooks.ts';

export interface StripeSettings extends StripeAddress {
  readonly webhookSecrets: readonly string[];
  /** Where hosted pages may send people back to, besides the public address. */
  readonly returns: Omit<ReturnRules, 'publicUrl'>;
}

export interface StripeServices {
  readonly client: StripeClient;
  readonly catalog: CatalogIds;
  readonly checkout: Checkout;
  readonly customers: Customers;
  /** Whoever wants to know of events says so here, before `start`. */
  readonly events: StripeEvents;
  readonly inbox: Inbox;
  readonly invoices: Invoices;
  readonly planChanges: PlanChanges;
  readonly sync: CustomerSync;
  readonly webhooks: WebhookVerifier;
}

interface Options {
  readonly settings: StripeSettings;
  readonly database: Database;
  /** Of its own, for customers' locks. */
  readonly lockPool: pg.Pool;
  readonly jobs: Jobs;
  readonly subscriptions: Subscriptions;
  readonly transfers: Transfers;
  readonly history: History;
  readonly publicUrl: () => URL;
  readonly clock: Clock;
  readonly log: Log;
}

/** Composes it. Stripe is called when somebody needs it, and not before. */
export function openStripe(options: Options): StripeServices {
  const { settings, database, jobs, subscriptions, clock, log } = options;
  const stripe = new StripeClient(settings, log);
  const events = new StripeEvents();
  const catalog = new CatalogIds(stripe);
  const customers = new Customers({ stripe, database });
  const invoices = new Invoices({ stripe, catalog, customers });
  const locks = new CustomerLocks(options.lockPool);
  const sync = new CustomerSync({
    stripe,
    customers,
    locks,
    subscriptions,
    transfers: options.transfers,
    history: options.history,
    onSynced: (customerId) => invoices.forget(customerId),
    log,
  });
  events.onCustomer((customerId) => sync.sync(customerId));
  const returns = { ...settings.returns, publicUrl: options.publicUrl };
  return {
    client: stripe,
    catalog,
    checkout: new Checkout({ stripe, catalog, customers, sync, subscriptions, returns, clock }),
    customers,
    events,
    inbox: new Inbox({ database, jobs, events, clock }),
    invoices,
    planChanges: new PlanChanges({ stripe, customers, locks, sync, subscriptions, clock }),
    sync,
    webhooks: new WebhookVerifier({ stripe, secrets: settings.webhookSecrets, clock }),
  };
}

/** Composes everything that talks to Stripe. */
import type { Audit } from '../billing-entities/audit-log.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Statements } from '../ledger/statements.ts';
import type { Transfers } from '../credits/transfers.ts';
import type { Database } from '../db/database.ts';
import type { Rows } from '../db/rows.ts';
import type { Exclusive } from '../db/advisory-lock.ts';
import type { Jobs } from '../jobs/jobs.ts';
import type { Log } from '../kernel/log.ts';
import type { InvoiceCredits } from '../subscriptions/invoice-credits.ts';
import type { MeterReports } from '../subscriptions/meter-reports.ts';
import type { Subscriptions } from '../subscriptions/subscriptions.ts';
import { BasePayments } from './sync/base-payments.ts';
import { CatalogIds } from './catalog/catalog-ids.ts';
import { Checkout } from './purchases/checkout.ts';
import { type CheckoutSettings, PLAIN_CHECKOUT } from './purchases/checkout-settings.ts';
import { Clawbacks } from './sync/clawbacks.ts';
import { type StripeAddress, StripeClient } from './account/client.ts';
import { Customers } from './account/customers.ts';
import { Doubles } from './sync/doubles.ts';
import { StripeEvents } from './webhooks/events.ts';
import { followEvents } from './sync/followed-events.ts';
import { Inbox } from './webhooks/inbox.ts';
import { Invoices } from './purchases/invoices.ts';
import { MeterReporter } from './overage/meter-reporter.ts';
import { OverageMeters } from './catalog/overage-meters.ts';
import { OverageTermsOf } from './sync/overage-terms.ts';
import { PlanChanges } from './purchases/plan-changes.ts';
import { Reconciler } from './reconciler.ts';
import type { ReturnRules } from './purchases/return-addresses.ts';
import { CustomerSync } from './sync/sync.ts';
import { WebhookVerifier } from './webhooks/webhooks.ts';

export interface StripeSettings extends StripeAddress {
  readonly webhookSecrets: readonly string[];
  /** The addresses besides the public one to which hosted pages may send people back. */
  readonly returns: Omit<ReturnRules, 'publicUrl'>;
  /** Most overage credits a period of a payer without a payment method on file who is not invoiced; absent: none. */
  readonly overageCapWithoutPaymentMethod?: bigint;
  /** Absent: Checkout asks for nothing but the payment. */
  readonly checkout?: CheckoutSettings;
}

export interface StripeServices {
  readonly client: StripeClient;
  readonly catalog: CatalogIds;
  readonly checkout: Checkout;
  readonly customers: Customers;
  /** Subscribers to events register here before `start`. */
  readonly events: StripeEvents;
  readonly inbox: Inbox;
  readonly invoices: Invoices;
  readonly meterReporter: MeterReporter;
  readonly planChanges: PlanChanges;
  readonly reconciler: Reconciler;
  readonly sync: CustomerSync;
  readonly webhooks: WebhookVerifier;
}

interface Options {
  readonly settings: StripeSettings;
  readonly database: Database;
  readonly rows: Rows;
  readonly exclusive: Exclusive;
  readonly jobs: Jobs;
  readonly subscriptions: Subscriptions;
  readonly invoiceCredits: InvoiceCredits;
  readonly meterReports: MeterReports;
  readonly transfers: Transfers;
  readonly history: Statements;
  readonly audit: Audit;
  readonly publicUrl: () => URL;
  readonly clock: Clock;
  readonly log: Log;
}

/** Composes the services. Stripe is first called when something needs it. */
export function openStripe(options: Options): StripeServices {
  const { settings, database, rows, exclusive, jobs, subscriptions, transfers, clock, log } = options;
  const { invoiceCredits: credits, meterReports: reports } = options;
  const stripe = new StripeClient(settings, log);
  const events = new StripeEvents();
  const catalog = new CatalogIds(stripe);
  const meters = new OverageMeters(stripe);
  const customers = new Customers({ stripe, rows });
  const inbox = new Inbox({ database, rows, jobs, events, clock });
  const invoices = new Invoices({ stripe, meters, customers });
  const sync = new CustomerSync({
    stripe,
    customers,
    basePayments: new BasePayments({
      subscriptions,
      transfers,
      credits,
      rows,
      history: options.history,
    }),
    clawbacks: new Clawbacks({ stripe, credits, transfers }),
    doubles: new Doubles({ stripe, log }),
    overageTermsOf: new OverageTermsOf({
      stripe,
      meters,
      capWithoutPaymentMethod: settings.overageCapWithoutPaymentMethod ?? 0n,
    }),
    exclusive,
    subscriptions,
    credits,
    onSynced: (customerId) => invoices.forget(customerId),
    clock,
    log,
  });
  followEvents({ events, stripe, sync });
  const meterReporter = new MeterReporter({
    stripe,
    catalog,
    meters,
    events,
    reports,
    exclusive,
    customers,
    clock,
    log,
  });
  jobs.tend(async () => meterReporter.tend());
  const returns = { ...settings.returns, publicUrl: options.publicUrl };
  return {
    client: stripe,
    catalog,
    checkout: new Checkout({
      stripe,
      catalog,
      customers,
      sync,
      subscriptions,
      credits,
      returns,
      settings: settings.checkout ?? PLAIN_CHECKOUT,
      clock,
      log,
    }),
    customers,
    events,
    inbox,
    invoices,
    meterReporter,
    planChanges: new PlanChanges({
      stripe,
      customers,
      sync,
      subscriptions,
      database,
      audit: options.audit,
      clock,
      log,
    }),
    reconciler: new Reconciler({
      stripe,
      catalog,
      inbox,
      jobs,
      reports,
      reporter: meterReporter,
      subscriptions,
      customers,
      sync,
      clock,
      log,
    }),
    sync,
    webhooks: new WebhookVerifier({ stripe, secrets: settings.webhookSecrets, clock }),
  };
}

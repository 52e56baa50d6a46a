/** Stripe's side of the till, composed. */
import type { Clock } from '../clock.ts';
import type { Database } from '../db/database.ts';
import type { Jobs } from '../jobs/jobs.ts';
import type { Log } from '../log.ts';
import { CatalogIds } from './catalog.ts';
import { type StripeAddress, StripeClient } from './client.ts';
import { StripeEvents } from './events.ts';
import { Inbox } from './inbox.ts';
import { WebhookVerifier } from './webhooks.ts';

export interface StripeSettings extends StripeAddress {
  readonly webhookSecrets: readonly string[];
}

export interface StripeServices {
  readonly client: StripeClient;
  readonly catalog: CatalogIds;
  /** Whoever wants to know of events says so here, before `start`. */
  readonly events: StripeEvents;
  readonly inbox: Inbox;
  readonly webhooks: WebhookVerifier;
}

interface Options {
  readonly settings: StripeSettings;
  readonly database: Database;
  readonly jobs: Jobs;
  readonly clock: Clock;
  readonly log: Log;
}

/** Composes it. Stripe is called when somebody needs it, and not before. */
export function openStripe({ settings, database, jobs, clock, log }: Options): StripeServices {
  const client = new StripeClient(settings, log);
  const events = new StripeEvents();
  return {
    client,
    catalog: new CatalogIds(client),
    events,
    inbox: new Inbox({ database, jobs, events, clock }),
    webhooks: new WebhookVerifier({ stripe: client, secrets: settings.webhookSecrets, clock }),
  };
}

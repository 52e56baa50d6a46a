/** Composes webhooks to customers. */
import type { Audit } from '../../billing-entities/audit-log.ts';
import type { Database } from '../../db/database.ts';
import type { Rows } from '../../db/rows.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { Log } from '../../kernel/log.ts';
import { type Scheduler, systemScheduler } from '../../kernel/scheduler.ts';
import type { Balance } from '../../ledger/rules/balance.ts';
import type { KeyRing } from '../../secrets/envelope.ts';
import { WebhookAttempts } from './attempts.ts';
import { WebhookDeliveries } from './deliveries.ts';
import { WebhookEndpoints } from './endpoints.ts';
import { createPost, type PostOptions } from './post.ts';
import { WebhookSender } from './sender.ts';

/** Settings of an installation, or of a test. */
export interface WebhookSettings extends Pick<PostOptions, 'allowLoopback' | 'resolve' | 'ca'> {
  readonly connectMs?: number;
  readonly totalMs?: number;
  readonly places?: number;
  readonly scheduler?: Scheduler;
  /** From 0 to 1, for the jitter of retries. */
  readonly random?: () => number;
}

export interface WebhookServices {
  readonly endpoints: WebhookEndpoints;
  readonly deliveries: WebhookDeliveries;
  readonly sender: WebhookSender;
}

interface Options {
  readonly settings: WebhookSettings;
  readonly rows: Rows;
  readonly database: Database;
  readonly clock: Clock;
  readonly encryptionKeys: KeyRing;
  readonly audit: Audit;
  readonly balanceOf: (billingEntityId: string) => Promise<Balance | null>;
  readonly log: Log;
}

const CONNECT_MS = 5_000;
/** Standard Webhooks asks for 15 to 30 s. It must stay well below the time of a claim. */
const TOTAL_MS = 15_000;

export function openWebhooks(options: Options): WebhookServices {
  const { settings, rows, database, clock, encryptionKeys, audit, balanceOf, log } = options;
  const { allowLoopback, scheduler = systemScheduler, random = Math.random, places } = settings;
  const endpoints = new WebhookEndpoints({ rows, database, clock, encryptionKeys, audit, allowLoopback });
  const attempts = new WebhookAttempts({ rows, database, clock, encryptionKeys, endpoints, random, log });
  const { connectMs = CONNECT_MS, totalMs = TOTAL_MS } = settings;
  const post = createPost({ ...settings, connectMs, totalMs, scheduler });
  const sender = new WebhookSender({ attempts, post, clock, scheduler, log, ...(places !== undefined && { places }) });
  const deliveries = new WebhookDeliveries({
    ...{ rows, database, clock, audit, balanceOf },
    onQueued: () => sender.wake(),
  });
  return { endpoints, deliveries, sender };
}

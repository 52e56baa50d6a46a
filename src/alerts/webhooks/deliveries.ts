/** Deliveries of webhooks: queued, listed, sent again by hand, and forgotten. */
import { v7 as uuidv7 } from 'uuid';
import { actorOf } from '../../billing-entities/access.ts';
import type { Audit } from '../../billing-entities/audit-log.ts';
import type { Principal } from '../../billing-entities/principal.ts';
import { columnsOf } from '../../db/columns.ts';
import type { Database } from '../../db/database.ts';
import type { Rows, Transaction } from '../../db/rows.ts';
import { Conditions, ownersOf } from '../../db/where.ts';
import type { Clock } from '../../kernel/clock.ts';
import { checkPage, decodeCursor, type Page, type PageRequest, toPages } from '../../kernel/pagination.ts';
import { webhookDeliveryId } from '../../kernel/public-ids.ts';
import { Refusal } from '../../kernel/refusal.ts';
import type { Balance } from '../../ledger/rules/balance.ts';
import { requireEnabled } from './endpoints.ts';
import { type DeliveryRef, type StoredDelivery, type WebhookDelivery, WebhookDeliveryRow } from './webhook.entity.ts';
import {
  countPending,
  findDelivery,
  findEndpoint,
  insertDelivery,
  lockDelivery,
  lockEndpoint,
  updateDelivery,
} from './webhook.repository.ts';

/** The types of events. They are part of the API: none is renamed or removed. */
export type WebhookEventType = 'alert.raised' | 'webhook.test';

/** An event for the entity's endpoint. */
export interface WebhookEvent {
  readonly billingEntityId: string;
  readonly eventType: WebhookEventType;
  /** The Alert as GraphQL prints it: it must be JSON already. */
  readonly data: Readonly<Record<string, unknown>>;
  /** When it happened. */
  readonly at: Date;
}

interface Options {
  readonly rows: Rows;
  readonly database: Database;
  readonly clock: Clock;
  readonly audit: Audit;
  /** The balance that a test tells of. */
  readonly balanceOf: (billingEntityId: string) => Promise<Balance | null>;
  /** Called when something may be due, after it was committed. */
  readonly onQueued: () => void;
}

/** Deliveries are kept for so long. */
const KEPT_MS = 30 * 86_400_000;
/** Tests and resends that an entity may have waiting; what is raised is queued all the same. */
const MAX_PENDING = 100;
const RETRY_AFTER_MS = 60_000;
/** Rows that are deleted in one statement. */
const SWEPT_AT_ONCE = 5_000;
const DELIVERY_COLUMNS = columnsOf(WebhookDeliveryRow, 'd');

export class WebhookDeliveries {
  readonly #options: Options;

  constructor(options: Options) {
    this.#options = options;
  }

  /**
   * Queues an event in the caller's transaction, if the entity has an endpoint that is enabled. The caller sees to it that an
   * event is queued once, and calls `wake` after the commit; without that call the event is found within seconds.
   * @returns the delivery; null: there is nobody to send it to
   */
  async enqueue(event: WebhookEvent, { em }: Pick<Transaction, 'em'>): Promise<DeliveryRef | null> {
    const endpoint = await findEndpoint(em, event.billingEntityId);
    if (endpoint === null || endpoint.disabledAt !== null) return null;
    const delivery = this.#newDelivery(event);
    await insertDelivery(em, delivery);
    return { billingEntityId: delivery.billingEntityId, id: delivery.id };
  }

  /** Has the first attempt made at once for what was queued before. */
  wake(): void {
    this.#options.onQueued();
  }

  /**
   * Queues a test event: an alert that tells how the account stands, and that nobody raised.
   * @throws Refusal CONFLICT without an enabled endpoint, RATE_LIMITED while many deliveries wait
   */
  async test(principal: Principal, billingEntityId: string): Promise<WebhookDelivery> {
    const { rows, audit, clock, balanceOf } = this.#options;
    const balance = await balanceOf(billingEntityId);
    if (balance === null) throw new Refusal('NOT_FOUND', 'there is no such billing entity');
    const id = uuidv7();
    const at = clock.now();
    const data = testAlert(webhookDeliveryId(billingEntityId, id), balance, at);
    const delivery = this.#newDelivery({ billingEntityId, eventType: 'webhook.test', data, at }, id);
    const queued = await rows.transaction(async ({ em, client }) => {
      requireEnabled(await lockEndpoint(em, billingEntityId));
      await requireRoom(countPending(em, billingEntityId));
      if (await insertDelivery(em, delivery)) {
        const entry = { billingEntityId, actor: actorOf(principal), action: 'webhook.test' };
        const subject = webhookDeliveryId(billingEntityId, id);
        await audit({ ...entry, subject, before: null, after: null, reason: null }, client);
      }
      return found(await findDelivery(em, delivery));
    });
    this.wake();
    return queued;
  }

  /**
   * Sends a delivery again, with its id and its body as they were, so that a receiver can tell that it has it. It begins a
   * new round of attempts; one that is under way or due already stays as it is.
   * @throws Refusal NOT_FOUND; CONFLICT without an enabled endpoint, RATE_LIMITED while many deliveries wait
   */
  async resend(principal: Principal, ref: DeliveryRef): Promise<WebhookDelivery> {
    const { rows, audit, clock } = this.#options;
    const { billingEntityId } = ref;
    const queued = await rows.transaction(async ({ em, client }) => {
      const now = clock.now();
      const endpoint = await lockEndpoint(em, billingEntityId);
      const delivery = found(await lockDelivery(em, ref));
      requireEnabled(endpoint);
      if (isDue(delivery, now)) return delivery;
      if (delivery.status !== 'PENDING') await requireRoom(countPending(em, billingEntityId));
      await updateDelivery(em, ref, { status: 'PENDING', step: 0, nextAttemptAt: now, deliveredAt: null });
      const entry = { billingEntityId, actor: actorOf(principal), action: 'webhook.resend' };
      const subject = webhookDeliveryId(billingEntityId, ref.id);
      await audit({ ...entry, subject, before: null, after: null, reason: null }, client);
      return found(await findDelivery(em, ref));
    });
    this.wake();
    return queued;
  }

  /** The entity's deliveries, newest first. */
  async list(billingEntityId: string, page: PageRequest): Promise<Page<WebhookDelivery>> {
    const [only] = await this.lists([billingEntityId], page);
    return only as Page<WebhookDelivery>;
  }

  /** The same of several entities, in their order. */
  async lists(ids: readonly string[], page: PageRequest): Promise<Page<WebhookDelivery>[]> {
    checkPage(page);
    const after = decodeCursor(page.after, ['uuid']);
    const where = new Conditions();
    const owners = ownersOf(ids, where);
    where.and(owners.condition('d'));
    // Ids are made in order of time.
    if (after) where.and(`d.id < ${where.value(after[0])}`);
    const list = { columns: DELIVERY_COLUMNS, table: 'webhook_delivery', alias: 'd', order: 'd.id desc' };
    const { rows } = await this.#options.database.query<WebhookDelivery>(
      owners.list({ ...list, where, limit: page.first + 1 }),
      where.values,
    );
    return toPages(ids, rows, { request: page, keyOf: ({ id }) => [id] });
  }

  /** Deliveries that are due and not under way, over all entities. */
  async waiting(): Promise<number> {
    const { rows } = await this.#options.database.query<{ waiting: number }>(
      `select count(*)::int as waiting from webhook_delivery
       where status = 'PENDING' and next_attempt_at <= $1 and (claimed_until is null or claimed_until <= $1)`,
      [this.#options.clock.now()],
    );
    return rows[0]?.waiting ?? 0;
  }

  /** Forgets deliveries after thirty days, and secrets whose overlap is over. */
  async prune(): Promise<void> {
    const { database, clock } = this.#options;
    const now = clock.now();
    await database.query('delete from webhook_secret where expires_at <= $1', [now]);
    const before = new Date(now.getTime() - KEPT_MS);
    for (let deleted = SWEPT_AT_ONCE; deleted === SWEPT_AT_ONCE;) {
      const { rowCount } = await database.query(
        `delete from webhook_delivery d using (
           select billing_entity_id, id from webhook_delivery
           where created_at < $1 and status <> 'PENDING' order by created_at limit $2) old
         where d.billing_entity_id = old.billing_entity_id and d.id = old.id`,
        [before, SWEPT_AT_ONCE],
      );
      deleted = rowCount ?? 0;
    }
  }

  #newDelivery({ billingEntityId, eventType, data, at }: WebhookEvent, id = uuidv7()): StoredDelivery {
    const now = this.#options.clock.now();
    const body = Buffer.from(JSON.stringify({ type: eventType, timestamp: at.toISOString(), data }), 'utf8');
    return {
      ...{ billingEntityId, id, eventType, body, status: 'PENDING', attempts: 0, step: 0 },
      ...{
        responseStatus: null,
        error: null,
        createdAt: now,
        nextAttemptAt: now,
        claimedUntil: null,
        deliveredAt: null,
      },
    };
  }
}

/** The sample that a test sends: the fields of an Alert, with the account's true numbers. */
function testAlert(id: string, { billingEntityId, available, usedRatio }: Balance, at: Date): Record<string, unknown> {
  return {
    ...{ id, billingEntityId, type: 'WARNING', level: 0.8, remaining: null },
    message: 'This is a test of your webhook. No alert was raised.',
    ...{ usedRatio, available: Number(available), member: null },
    ...{ createdAt: at.toISOString(), acknowledgedAt: null },
  };
}

/** True while an attempt is due or under way. */
function isDue({ status, nextAttemptAt }: WebhookDelivery, now: Date): boolean {
  return status === 'PENDING' && nextAttemptAt !== null && nextAttemptAt <= now;
}

/** @throws Refusal RATE_LIMITED */
async function requireRoom(pending: Promise<number>): Promise<void> {
  if ((await pending) < MAX_PENDING) return;
  throw new Refusal('RATE_LIMITED', `at most ${MAX_PENDING} deliveries wait at a time`, {
    retryAfterMs: RETRY_AFTER_MS,
  });
}

/** @throws Refusal NOT_FOUND */
function found(delivery: WebhookDelivery | null): WebhookDelivery {
  if (delivery === null) throw new Refusal('NOT_FOUND', 'there is no such delivery');
  return delivery;
}

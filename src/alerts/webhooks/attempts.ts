/** Attempts as the database knows them: what is due, who makes an attempt, and what came of it. */
import type { Database } from '../../db/database.ts';
import type { Rows } from '../../db/rows.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { Log } from '../../kernel/log.ts';
import { type KeyRing, UnreadableSecretError } from '../../secrets/envelope.ts';
import type { WebhookEndpoints } from './endpoints.ts';
import { type AttemptResult, errorOf, isDelivered, isGone, nextAttemptAt, reasonToDisable } from './schedule.ts';
import { openSecret } from './secrets.ts';
import type { DeliveryRef, StoredEndpoint } from './webhook.entity.ts';
import {
  findEndpoint,
  findSecrets,
  lockDelivery,
  lockEndpoint,
  updateDelivery,
  updateEndpoint,
} from './webhook.repository.ts';

/** An attempt that this process makes. Nobody else makes one of this delivery before `CLAIM_MS` are over. */
export interface Attempt extends DeliveryRef {
  readonly body: Buffer;
  /** The number of the attempt, which tells it from every other one of this delivery. */
  readonly attempts: number;
  /** The address that it goes to; null: there is no endpoint any more, or it is disabled. */
  readonly url: string | null;
  /** The secrets that sign it, the current one first; empty: none can be opened. */
  readonly secrets: readonly string[];
}

interface Options {
  readonly rows: Rows;
  readonly database: Database;
  readonly clock: Clock;
  readonly encryptionKeys: KeyRing;
  readonly endpoints: WebhookEndpoints;
  readonly random: () => number;
  readonly log: Log;
}

/**
 * The time after which an attempt is taken to have ended with its process. It is far above what an attempt may take, so
 * that an attempt that is under way is never made twice at once, and a crash is made up for within a minute.
 */
const CLAIM_MS = 60_000;
/** An attempt that takes longer makes its endpoint a lagging one. */
const SLOW_MS = 3_000;

export class WebhookAttempts {
  readonly #options: Options;

  constructor(options: Options) {
    this.#options = options;
  }

  /**
   * Entities with a delivery that is due, the longest waiting first. They are found without locks and over all entities;
   * each is then served by itself.
   */
  async due({ lagging, except, limit }: DueRequest): Promise<string[]> {
    const { rows } = await this.#options.database.query<{ billing_entity_id: string }>({
      name: 'webhooks-due',
      text: `select d.billing_entity_id
        from webhook_delivery d left join webhook_endpoint e on e.billing_entity_id = d.billing_entity_id
        where d.status = 'PENDING' and d.next_attempt_at <= $1 and (d.claimed_until is null or d.claimed_until <= $1)
          and coalesce(e.lagging, false) = $2 and d.billing_entity_id <> all ($3::uuid[])
        group by d.billing_entity_id order by min(d.next_attempt_at), d.billing_entity_id limit $4`,
      values: [this.#options.clock.now(), lagging, except, limit],
    });
    return rows.map((row) => row.billing_entity_id);
  }

  /**
   * Takes the entity's longest waiting delivery that is due; null: there is none, or others have them all. Of all who ask at
   * once, on any process, each gets another one. A claim whose answer was lost is made up for like a crash.
   */
  async claim(billingEntityId: string): Promise<Attempt | null> {
    const { rows, database, clock } = this.#options;
    const now = clock.now();
    const { rows: claimed } = await database.query<{ id: string; body: Buffer; attempts: number }>({
      name: 'webhooks-claim',
      text: `update webhook_delivery d
        set attempts = d.attempts + 1, step = d.step + 1, claimed_until = $3
        where d.billing_entity_id = $1 and d.id = (
          select w.id from webhook_delivery w
          where w.billing_entity_id = $1 and w.status = 'PENDING' and w.next_attempt_at <= $2
            and (w.claimed_until is null or w.claimed_until <= $2)
          order by w.next_attempt_at, w.id limit 1 for update skip locked)
        returning d.id, d.body, d.attempts`,
      values: [billingEntityId, now, new Date(now.getTime() + CLAIM_MS)],
    });
    const [delivery] = claimed;
    if (delivery === undefined) return null;
    const [endpoint, secrets] = await rows.read((em) =>
      Promise.all([findEndpoint(em, billingEntityId), findSecrets(em, billingEntityId, now)]),
    );
    const url = endpoint === null || endpoint.disabledAt !== null ? null : endpoint.url;
    return { billingEntityId, ...delivery, url, secrets: this.#open(billingEntityId, secrets) };
  }

  /**
   * Writes down what came of an attempt, and what follows from it for the delivery and its endpoint. What came of an attempt
   * that somebody else has taken over is dropped.
   */
  async record(attempt: Attempt, { result, durationMs }: Made): Promise<void> {
    const { rows, clock, random, endpoints, log } = this.#options;
    const disabledFor = await rows.transaction(async (transaction) => {
      const { em } = transaction;
      const now = clock.now();
      const endpoint = await lockEndpoint(em, attempt.billingEntityId);
      const delivery = await lockDelivery(em, attempt);
      if (delivery === null || delivery.attempts !== attempt.attempts || delivery.claimedUntil === null) return null;
      const delivered = isDelivered(result);
      // An answer of another address says nothing of the present one.
      const present =
        endpoint !== null && endpoint.disabledAt === null && endpoint.url === attempt.url ? endpoint : null;
      const isOver =
        delivered || endpoint === null || endpoint.disabledAt !== null || (present !== null && isGone(result));
      // It was given up and sent again while this attempt was under way: the new round begins after it, at once.
      const isNewRound = delivery.step === 0;
      const later = isNewRound ? now : nextAttemptAt({ step: delivery.step, now, random: random() });
      const next = isOver ? null : later;
      const shown = {
        claimedUntil: null,
        responseStatus: result.kind === 'answered' ? result.status : null,
        error: errorOf(result),
      };
      if (delivered) {
        await updateDelivery(em, attempt, { ...shown, status: 'DELIVERED', nextAttemptAt: null, deliveredAt: now });
      } else if (delivery.status !== 'PENDING') {
        // It was given up meanwhile, and its error says why.
        await updateDelivery(em, attempt, { claimedUntil: null });
      } else {
        await updateDelivery(em, attempt, {
          ...shown,
          status: next === null ? 'FAILED' : 'PENDING',
          nextAttemptAt: next,
        });
      }
      if (present === null) return null;
      const failingSince = delivered ? null : (present.failingSince ?? now);
      await this.#note(em, present, { failingSince, lagging: !delivered || durationMs > SLOW_MS });
      if (failingSince === null) return null;
      const reason = reasonToDisable({ result, isLast: next === null, failingSince, now });
      if (reason !== null) await endpoints.disable(transaction, present, reason);
      return reason;
    });
    if (disabledFor === null) return;
    log.warn({ billingEntityId: attempt.billingEntityId, why: disabledFor }, 'a webhook endpoint was disabled');
  }

  /** The endpoint's row is written only when something changes: most attempts succeed as the one before did. */
  async #note(
    em: Parameters<typeof updateEndpoint>[0],
    endpoint: StoredEndpoint,
    health: Pick<StoredEndpoint, 'failingSince' | 'lagging'>,
  ): Promise<void> {
    const isSame =
      endpoint.lagging === health.lagging && endpoint.failingSince?.getTime() === health.failingSince?.getTime();
    if (!isSame) await updateEndpoint(em, endpoint.billingEntityId, health);
  }

  /** Those that open. One that does not is told to operators; its owner rotates the secret. */
  #open(billingEntityId: string, secrets: Awaited<ReturnType<typeof findSecrets>>): string[] {
    return secrets.flatMap((secret) => {
      try {
        return [openSecret(this.#options.encryptionKeys, secret)];
      } catch (error) {
        if (!(error instanceof UnreadableSecretError)) throw error;
        this.#options.log.error({ billingEntityId, why: error.message }, 'the secret of a webhook is unreadable');
        return [];
      }
    });
  }
}

interface DueRequest {
  /** Endpoints whose last attempt failed or was slow, or all others. */
  readonly lagging: boolean;
  /** Entities that are being served. */
  readonly except: readonly string[];
  readonly limit: number;
}

interface Made {
  readonly result: AttemptResult;
  readonly durationMs: number;
}

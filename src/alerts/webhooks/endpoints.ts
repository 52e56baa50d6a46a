/** Endpoints of webhooks: set, removed, disabled, and their secrets. Secrets pass through here and stay nowhere. */
import type { EntityManager } from '@mikro-orm/postgresql';
import { actorOf } from '../../billing-entities/access.ts';
import type { Audit } from '../../billing-entities/audit-log.ts';
import type { Principal } from '../../billing-entities/principal.ts';
import type { Database } from '../../db/database.ts';
import type { Rows, Transaction } from '../../db/rows.ts';
import type { Clock } from '../../kernel/clock.ts';
import { Refusal } from '../../kernel/refusal.ts';
import type { KeyRing } from '../../secrets/envelope.ts';
import { checkEndpointUrl, isSameUrl } from './endpoint-url.ts';
import { newSecret, webhookSubject } from './secrets.ts';
import type { StoredEndpoint } from './webhook.entity.ts';
import {
  deleteEndpoint,
  deleteSecrets,
  endCurrentSecret,
  failPending,
  findCurrentSecret,
  findEndpoints,
  insertEndpoint,
  insertSecret,
  lockEndpoint,
  updateEndpoint,
} from './webhook.repository.ts';

/** An endpoint as its owners read it. */
export interface WebhookEndpoint {
  readonly billingEntityId: string;
  readonly url: string;
  readonly enabled: boolean;
  readonly createdAt: Date;
  readonly disabledAt: Date | null;
  readonly disabledReason: string | null;
}

/** The endpoint after a change, null when there is none, and a secret that was just made: shown this once. */
export interface IssuedEndpoint {
  readonly endpoint: WebhookEndpoint | null;
  readonly secret: string | null;
}

/** An endpoint that was disabled by itself, for whoever tells its owners. */
export interface DisabledNotice {
  readonly billingEntityId: string;
  readonly url: string;
  readonly disabledAt: Date;
  readonly disabledReason: string;
}

interface Options {
  readonly rows: Rows;
  readonly database: Database;
  readonly clock: Clock;
  readonly encryptionKeys: KeyRing;
  readonly audit: Audit;
  /** This machine may be an endpoint: for trying things out. */
  readonly allowLoopback: boolean;
}

/** The time for which the secret before a rotation signs beside the new one. */
const OVERLAP_MS = 24 * 3_600_000;
const REMOVED = 'the endpoint was removed';
/** Notices that are read at one time. */
const NOTICES = 100;

export class WebhookEndpoints {
  readonly #options: Options;

  constructor(options: Options) {
    this.#options = options;
  }

  /**
   * Sets the address. A new one gets a new secret, which is answered this once; the secret of the address before ends at
   * once, because the new receiver never had it. The same address again enables the endpoint and keeps its secret.
   * @param url null removes the endpoint, and what was still to be sent is given up; undefined changes nothing
   * @throws Refusal BAD_USER_INPUT
   */
  async set(principal: Principal, billingEntityId: string, url: string | null | undefined): Promise<IssuedEndpoint> {
    if (url === undefined) return { endpoint: await this.byId(billingEntityId), secret: null };
    if (url === null) return this.#remove(principal, billingEntityId);
    checkEndpointUrl(url, this.#options);
    const { rows, clock, encryptionKeys } = this.#options;
    const now = clock.now();
    const fresh = newSecret(encryptionKeys, billingEntityId, now);
    const row = { ...{ billingEntityId, url, createdAt: now }, ...SOUND };
    return rows.transaction(async ({ em, client }) => {
      const before = await this.#lockOrInsert(em, row);
      const isSame = before !== null && isSameUrl(before.url, url);
      // The commit of an earlier run may have come through although its answer was lost.
      const isMine = isSame && (await findCurrentSecret(em, billingEntityId))?.id === fresh.stored.id;
      if (isMine) return { endpoint: toEndpoint(before), secret: fresh.shown };
      if (!isSame) {
        await deleteSecrets(em, billingEntityId);
        await insertSecret(em, fresh.stored);
      }
      const isKept = isSame && before.disabledAt === null;
      const change = { url, ...(!isKept && SOUND) };
      const after: StoredEndpoint = { ...(before ?? row), ...change };
      if (!isKept || before.url !== url) {
        if (before !== null) await updateEndpoint(em, billingEntityId, change);
        await this.#audit({ client }, { actor: actorOf(principal), action: 'webhook.set', before, after });
      }
      return { endpoint: toEndpoint(after), secret: isSame ? null : fresh.shown };
    });
  }

  /**
   * Gives the endpoint a new secret. The old one signs beside it for a day; rotated again meanwhile, the oldest ends at once.
   * @throws Refusal CONFLICT when there is no endpoint
   */
  rotate(principal: Principal, billingEntityId: string): Promise<IssuedEndpoint> {
    const { rows, clock, encryptionKeys } = this.#options;
    const now = clock.now();
    const fresh = newSecret(encryptionKeys, billingEntityId, now);
    return rows.transaction(async ({ em, client }) => {
      const endpoint = requireEndpoint(await lockEndpoint(em, billingEntityId));
      // Rotated before, and only the answer to the commit was lost: then it has the new secret already.
      if ((await findCurrentSecret(em, billingEntityId))?.id !== fresh.stored.id) {
        await endCurrentSecret(em, billingEntityId, new Date(now.getTime() + OVERLAP_MS));
        await insertSecret(em, fresh.stored);
        const change = { actor: actorOf(principal), action: 'webhook.rotateSecret', before: endpoint, after: endpoint };
        await this.#audit({ client }, change);
      }
      return { endpoint: toEndpoint(endpoint), secret: fresh.shown };
    });
  }

  /** The endpoint, or null. */
  async byId(billingEntityId: string): Promise<WebhookEndpoint | null> {
    return (await this.byIds([billingEntityId]))[0] ?? null;
  }

  /** The endpoint of each of these entities, in their order; null where there is none. */
  async byIds(ids: readonly string[]): Promise<(WebhookEndpoint | null)[]> {
    const found = await this.#options.rows.read((em) => findEndpoints(em, ids));
    const endpoints = new Map(found.map((row) => [row.billingEntityId, toEndpoint(row)]));
    return ids.map((id) => endpoints.get(id) ?? null);
  }

  /**
   * Disables an endpoint by itself, in the transaction of whoever holds its lock: nothing more is sent to it, and its owners
   * are to be told.
   */
  async disable(transaction: Transaction, endpoint: StoredEndpoint, reason: string): Promise<void> {
    const { em, client } = transaction;
    const { billingEntityId } = endpoint;
    const disabled = { disabledAt: this.#options.clock.now(), disabledReason: reason, noticePending: true };
    await updateEndpoint(em, billingEntityId, disabled);
    await failPending(em, billingEntityId, 'the endpoint was disabled');
    const change = {
      actor: 'system',
      action: 'webhook.disable',
      before: endpoint,
      after: { ...endpoint, ...disabled },
    };
    await this.#audit({ client }, { ...change, reason });
  }

  /**
   * Hands on each endpoint that was disabled and whose owners have not been told, once for all processes. `take` writes in
   * the same transaction what will tell them, so that a crash neither loses a notice nor repeats one.
   * @returns how many were taken
   */
  async takeNotices(take: (notice: DisabledNotice, transaction: Transaction) => Promise<void>): Promise<number> {
    const { rows, database } = this.#options;
    const { rows: found } = await database.query<{ billing_entity_id: string }>(
      'select billing_entity_id from webhook_endpoint where notice_pending order by billing_entity_id limit $1',
      [NOTICES],
    );
    let taken = 0;
    for (const { billing_entity_id: billingEntityId } of found) {
      taken += await rows.transaction(async (transaction) => {
        const endpoint = await lockEndpoint(transaction.em, billingEntityId);
        if (endpoint?.noticePending !== true) return 0;
        const { url, disabledAt, disabledReason } = endpoint;
        if (disabledAt === null || disabledReason === null) return 0;
        await take({ billingEntityId, url, disabledAt, disabledReason }, transaction);
        await updateEndpoint(transaction.em, billingEntityId, { noticePending: false });
        return 1;
      });
    }
    return taken;
  }

  #remove(principal: Principal, billingEntityId: string): Promise<IssuedEndpoint> {
    return this.#options.rows.transaction(async ({ em, client }) => {
      const before = await lockEndpoint(em, billingEntityId);
      if (before !== null) {
        await deleteSecrets(em, billingEntityId);
        await deleteEndpoint(em, billingEntityId);
        await failPending(em, billingEntityId, REMOVED);
        await this.#audit({ client }, { actor: actorOf(principal), action: 'webhook.remove', before, after: null });
      }
      return { endpoint: null, secret: null };
    });
  }

  /** The endpoint under its lock; null: there was none, and this row is it now. */
  async #lockOrInsert(em: EntityManager, row: StoredEndpoint): Promise<StoredEndpoint | null> {
    const there = await lockEndpoint(em, row.billingEntityId);
    if (there !== null || (await insertEndpoint(em, row))) return there;
    // Somebody else was first: theirs is committed now.
    return this.#lockOrInsert(em, row);
  }

  #audit(
    { client }: Pick<Transaction, 'client'>,
    { actor, action, before, after, reason = null }: Change,
  ): Promise<void> {
    const { billingEntityId } = (before ?? after) as StoredEndpoint;
    const entry = { billingEntityId, actor, action, subject: webhookSubject(billingEntityId), reason };
    return this.#options.audit(
      { ...entry, before: before && auditable(before), after: after && auditable(after) },
      client,
    );
  }
}

/** @throws Refusal CONFLICT */
export function requireEndpoint(endpoint: StoredEndpoint | null): StoredEndpoint {
  if (endpoint === null) throw new Refusal('CONFLICT', 'there is no webhook endpoint: set one first');
  return endpoint;
}

/** @throws Refusal CONFLICT */
export function requireEnabled(endpoint: StoredEndpoint | null): StoredEndpoint {
  const there = requireEndpoint(endpoint);
  if (there.disabledAt !== null) {
    throw new Refusal('CONFLICT', 'the webhook endpoint is disabled: set its address again to enable it');
  }
  return there;
}

interface Change {
  readonly actor: string;
  readonly action: string;
  readonly before: StoredEndpoint | null;
  readonly after: StoredEndpoint | null;
  readonly reason?: string | null;
}

/** The state of an endpoint that nothing is known against. */
const SOUND = {
  failingSince: null,
  lagging: false,
  disabledAt: null,
  disabledReason: null,
  noticePending: false,
} as const;

function toEndpoint({ billingEntityId, url, createdAt, disabledAt, disabledReason }: StoredEndpoint): WebhookEndpoint {
  return { billingEntityId, url, enabled: disabledAt === null, createdAt, disabledAt, disabledReason };
}

/** An endpoint in the words of the audit log. Queries of addresses often hold tokens, and the log is kept for good. */
function auditable({ url, disabledAt }: StoredEndpoint): Record<string, unknown> {
  return { url: url.replace(/\?.*$/s, '?…'), enabled: disabledAt === null };
}

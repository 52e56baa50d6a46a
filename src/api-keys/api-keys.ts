/** Keys: made, changed, rotated, revoked and listed. Secrets pass through here and stay nowhere. */
import type { EntityManager } from '@mikro-orm/postgresql';
import { v7 as uuidv7 } from 'uuid';
import { actorOf } from '../billing-entities/access.ts';
import type { Principal } from '../billing-entities/principal.ts';
import type { Clock } from '../kernel/clock.ts';
import { columnsOf } from '../db/columns.ts';
import type { Database } from '../db/database.ts';
import type { Rows } from '../db/rows.ts';
import type { SqlClient } from '../db/sql-client.ts';
import { Conditions, ownersOf } from '../db/where.ts';
import { apiKeyId } from '../kernel/public-ids.ts';
import { checkPage, decodeCursor, type Page, type PageRequest, toPages } from '../kernel/pagination.ts';
import { Refusal } from '../kernel/refusal.ts';
import { type ApiKey, secretBinding, toApiKey } from './api-key.ts';
import { ApiKeyRow, type ShownApiKey, type StoredApiKey } from './api-key.entity.ts';
import {
  checkCreditLimit,
  checkExpiry,
  checkMode,
  checkName,
  checkOverlap,
  checkSecret,
  type CreateKeyInput,
  modeOf,
  type UpdateKeyInput,
} from './api-key-input.ts';
import { countKeys, findSecret, findShown, insertKey, lockKey, updateKey } from './api-key.repository.ts';
import type { Audit } from '../billing-entities/audit-log.ts';
import { type KeyRing, seal } from '../secrets/envelope.ts';
import { hashOfKey, hintOf, makeKey } from './key-format.ts';
import type { ApiKeyRef } from '../ledger/rules/attribution.ts';

interface Options {
  readonly rows: Rows;
  readonly database: Database;
  readonly clock: Clock;
  readonly encryptionKeys: KeyRing;
  readonly audit: Audit;
}

/** A key, and the secret of a PLATFORM one: shown this once. */
export interface IssuedKey {
  readonly apiKey: ApiKey;
  readonly secret: string | null;
}

export interface RotateRequest {
  /** CUSTOM keys: the provider's new one. */
  readonly secret: string | null;
  /** PLATFORM keys: how long the old secret keeps working. */
  readonly overlapSeconds: number;
}

/** Not revoked ones of one billing entity. */
const MAX_KEYS = 1_000;
const KEY_COLUMNS = columnsOf(ApiKeyRow, 'a');

export class ApiKeys {
  readonly #options: Options;

  constructor(options: Options) {
    this.#options = options;
  }

  /** @throws Refusal BAD_USER_INPUT; CONFLICT when there are too many */
  async create(principal: Principal, billingEntityId: string, input: CreateKeyInput): Promise<IssuedKey> {
    const { rows, clock } = this.#options;
    const now = clock.now();
    const ref = { billingEntityId, id: uuidv7() };
    const name = checkName(input.name);
    const billingMode = modeOf(input.type, input.billingMode);
    const given = checkSecret(input.type, input.provider, input.secret);
    const creditLimit = checkCreditLimit(input.creditLimit);
    const expiresAt = checkExpiry(input.expiresAt, now);
    const { shown, stored } = this.#newSecret(ref, given);
    await this.#requireRoom(billingEntityId);
    const row = {
      ...{ ...ref, name, type: input.type, provider: input.provider, billingMode, creditLimit, expiresAt, ...stored },
      ...{ createdBy: actorOf(principal), createdAt: now, lastUsedAt: null, revokedAt: null },
    };
    await rows.transaction(async ({ em, client }) => {
      if (!(await insertKey(em, { ...row, formerSecretHash: null, formerSecretUntil: null }))) return;
      await this.#audit(client, principal, { action: 'apiKey.create', before: null, after: toApiKey(row, now) });
    });
    return { apiKey: (await this.byRef(ref)) as ApiKey, secret: shown };
  }

  /** @throws Refusal BAD_USER_INPUT, NOT_FOUND; CONFLICT when revoked */
  update(principal: Principal, ref: ApiKeyRef, input: UpdateKeyInput): Promise<ApiKey> {
    return this.#change(principal, ref, 'apiKey.update', (key, now) => {
      requireUnrevoked(key);
      const { name, creditLimit, expiresAt, billingMode } = input;
      const changed = {
        name: name === undefined ? key.name : checkName(name),
        creditLimit: creditLimit === undefined ? key.creditLimit : checkCreditLimit(creditLimit),
        expiresAt: expiresAt === undefined ? key.expiresAt : checkExpiry(expiresAt, now),
        billingMode: billingMode === undefined ? key.billingMode : checkMode(key.type, billingMode),
      };
      const isSame =
        changed.name === key.name &&
        changed.creditLimit === key.creditLimit &&
        changed.expiresAt?.getTime() === key.expiresAt?.getTime() &&
        changed.billingMode === key.billingMode;
      return isSame ? null : changed;
    });
  }

  /**
   * Gives the key a new secret. A PLATFORM key's old one keeps working for the overlap; rotated again meanwhile, the
   * oldest ends at once.
   * @throws Refusal BAD_USER_INPUT, NOT_FOUND; CONFLICT when revoked
   */
  async rotate(principal: Principal, ref: ApiKeyRef, request: RotateRequest): Promise<IssuedKey> {
    const overlapMs = checkOverlap(request.overlapSeconds) * 1_000;
    let fresh: NewSecret | undefined;
    const apiKey = await this.#change(principal, ref, 'apiKey.rotate', async (key, now, em) => {
      requireUnrevoked(key);
      fresh ??= this.#newSecret(ref, checkSecret(key.type, key.provider, request.secret));
      const { stored } = fresh;
      const { secretHash, ciphertext } = await findSecret(em, ref);
      // Rotated before, and only the answer to the commit was lost: then it bears the new secret already.
      if (isSameBytes(secretHash, stored.secretHash) && isSameBytes(ciphertext, stored.ciphertext)) return null;
      const overlaps = key.type === 'PLATFORM' && overlapMs > 0;
      return {
        ...stored,
        formerSecretHash: overlaps ? secretHash : null,
        formerSecretUntil: overlaps ? new Date(now.getTime() + overlapMs) : null,
      };
    });
    return { apiKey, secret: fresh?.shown ?? null };
  }

  /** Ends the key at once, on every process, and destroys what was kept of its secret. Again: the first revocation stands. @throws Refusal NOT_FOUND */
  revoke(principal: Principal, ref: ApiKeyRef): Promise<ApiKey> {
    return this.#change(principal, ref, 'apiKey.revoke', ({ type, revokedAt }, now) => {
      if (revokedAt !== null) return null;
      const nothing = type === 'CUSTOM' ? { wrappedDataKey: Buffer.alloc(0), ciphertext: Buffer.alloc(0) } : {};
      return { revokedAt: now, formerSecretHash: null, formerSecretUntil: null, ...nothing };
    });
  }

  /** The entity's keys, newest first. */
  async list(billingEntityId: string, page: PageRequest, filter: { includeRevoked: boolean }): Promise<Page<ApiKey>> {
    const [only] = await this.lists([billingEntityId], page, filter);
    return only as Page<ApiKey>;
  }

  /** The same of several entities, in their order. */
  async lists(ids: readonly string[], page: PageRequest, filter: { includeRevoked: boolean }): Promise<Page<ApiKey>[]> {
    checkPage(page);
    const after = decodeCursor(page.after, ['uuid']);
    const where = new Conditions();
    const owners = ownersOf(ids, where);
    where.and(owners.condition('a'));
    // Ids are made in order of time.
    if (after) where.and(`a.id < ${where.value(after[0])}`);
    if (!filter.includeRevoked) where.and('a.revoked_at is null');
    const list = { columns: KEY_COLUMNS, table: 'api_key', alias: 'a', order: 'a.id desc' };
    const { rows } = await this.#options.database.query<ShownApiKey>(
      owners.list({ ...list, where, limit: page.first + 1 }),
      where.values,
    );
    const now = this.#options.clock.now();
    const keys = rows.map((row) => toApiKey(row, now));
    return toPages(ids, keys, { request: page, keyOf: ({ id }) => [id] });
  }

  /** The key, or null. */
  async byRef(ref: ApiKeyRef): Promise<ApiKey | null> {
    return (await this.byRefs([ref]))[0] ?? null;
  }

  /** Each of these keys, in their order; null where there is none. */
  async byRefs(refs: readonly ApiKeyRef[]): Promise<(ApiKey | null)[]> {
    const { rows } = await this.#options.database.query<ShownApiKey>({
      name: 'api-keys-by-refs',
      text: `select k.* from unnest($1::uuid[], $2::uuid[]) as r(billing_entity_id, id)
        cross join lateral (
          select ${KEY_COLUMNS} from api_key a
          where a.billing_entity_id = r.billing_entity_id and a.id = r.id and a.billing_entity_id = any($1) limit 1
        ) k`,
      values: [refs.map(({ billingEntityId }) => billingEntityId), refs.map(({ id }) => id)],
    });
    const now = this.#options.clock.now();
    const found = new Map(rows.map((row) => [refText(row), toApiKey(row, now)]));
    return refs.map((ref) => found.get(refText(ref)) ?? null);
  }

  /**
   * Credits that were charged for the use of each of these keys, in the period that is now of whoever paid.
   *
   * The accounts that paid are found by their counters alone, through an index by key. What its owner belongs to does not
   * tell them: people leave, and what they used stays. A distributed database asks every shard, each for its own sums.
   */
  async usedThisPeriod(refs: readonly ApiKeyRef[]): Promise<bigint[]> {
    const { database, clock } = this.#options;
    const { rows } = await database.query<{ subject_id: string; used: string }>({
      name: 'use-of-api-keys',
      text: `select c.subject_id, sum(c.used) as used from use_counter c
        join credit_account a on a.billing_entity_id = c.billing_entity_id and a.period_start = c.period_start
        where c.scope = 'API_KEY' and c.subject_id = any($1::uuid[]) and a.period_end > $2
        group by c.subject_id`,
      values: [refs.map(({ id }) => id), clock.now()],
    });
    const used = new Map(rows.map((row) => [row.subject_id, BigInt(row.used)]));
    return refs.map(({ id }) => used.get(id) ?? 0n);
  }

  /** Refuses a key too many. Callers who race may pass the bound by as many as they are: it need not be exact. @throws Refusal CONFLICT */
  async #requireRoom(billingEntityId: string): Promise<void> {
    if ((await this.#options.rows.read((em) => countKeys(em, billingEntityId))) >= MAX_KEYS) {
      throw new Refusal('CONFLICT', `a billing entity has at most ${MAX_KEYS} keys: revoke some`);
    }
  }

  #newSecret(ref: ApiKeyRef, given: string | null): NewSecret {
    if (given === null) {
      const key = makeKey(ref);
      const stored = { secretHash: hashOfKey(key), keyEncryptionKey: null, wrappedDataKey: null, ciphertext: null };
      return { shown: key, stored: { hint: hintOf(key), ...stored } };
    }
    const sealed = seal(this.#options.encryptionKeys, secretBinding(ref), given);
    return { shown: null, stored: { hint: hintOf(given), secretHash: null, ...sealed } };
  }

  /** Changes one key under its lock. `change` tells the columns' new values; null: there is nothing to change, nor to audit. */
  #change(
    principal: Principal,
    ref: ApiKeyRef,
    action: string,
    change: (key: ShownApiKey, now: Date, em: EntityManager) => KeyChange | null | Promise<KeyChange | null>,
  ): Promise<ApiKey> {
    const { rows, clock } = this.#options;
    return rows.transaction(async ({ em, client }) => {
      const now = clock.now();
      const key = await lockKey(em, ref);
      if (key === null) throw new Refusal('NOT_FOUND', 'there is no such key');
      const before = toApiKey(key, now);
      const changes = await change(key, now, em);
      if (changes === null) return before;
      await updateKey(em, ref, changes);
      const after = toApiKey((await findShown(em, ref)) as ShownApiKey, now);
      await this.#audit(client, principal, { action, before, after });
      return after;
    });
  }

  #audit(client: SqlClient, principal: Principal, { action, before, after }: Change): Promise<void> {
    const { billingEntityId, id } = after;
    const entry = { billingEntityId, actor: actorOf(principal), action, subject: apiKeyId(billingEntityId, id) };
    return this.#options.audit(
      { ...entry, before: before && auditable(before), after: auditable(after), reason: null },
      client,
    );
  }
}

/** A secret just made or given: what is shown of it, and what is kept. */
interface NewSecret {
  readonly shown: string | null;
  readonly stored: Pick<StoredApiKey, 'hint' | 'secretHash' | 'keyEncryptionKey' | 'wrappedDataKey' | 'ciphertext'>;
}

type KeyChange = Parameters<typeof updateKey>[2];

interface Change {
  readonly action: string;
  readonly before: ApiKey | null;
  readonly after: ApiKey;
}

/** @throws Refusal CONFLICT */
function requireUnrevoked({ revokedAt }: ShownApiKey): void {
  if (revokedAt !== null) throw new Refusal('CONFLICT', 'the key is revoked');
}

/** A key in the words of the audit log. */
function auditable(apiKey: ApiKey): Record<string, unknown> {
  const { name, type, provider, billingMode, hint, creditLimit, expiresAt, revokedAt } = apiKey;
  const limit = creditLimit === null ? null : Number(creditLimit);
  return { name, type, provider, billingMode, hint, creditLimit: limit, expiresAt, revokedAt };
}

function refText({ billingEntityId, id }: ApiKeyRef): string {
  return `${billingEntityId} ${id}`;
}

function isSameBytes(one: Buffer | null, other: Buffer | null): boolean {
  return one === null || other === null ? one === other : one.equals(other);
}

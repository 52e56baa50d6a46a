/** Keys: made, changed, rotated, revoked and listed. Secrets pass through here and stay nowhere. */
import type pg from 'pg';
import { v7 as uuidv7 } from 'uuid';
import { actorOf } from '../billing-entities/access.ts';
import type { Principal } from '../billing-entities/principal.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Database } from '../db/database.ts';
import type { SqlClient } from '../db/sql-client.ts';
import { Conditions, ownersOf } from '../db/where.ts';
import { apiKeyId } from '../kernel/public-ids.ts';
import { checkPage, decodeCursor, type Page, type PageRequest, toPages } from '../kernel/pagination.ts';
import { Refusal } from '../kernel/refusal.ts';
import { type ApiKey, KEY_COLUMNS, type KeyRow, secretBinding, toApiKey } from './api-key.ts';
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
import type { Audit } from '../billing-entities/audit-log.ts';
import { type KeyRing, seal } from './envelope.ts';
import { hashOfKey, hintOf, makeKey } from './key-format.ts';
import type { ApiKeyRef } from '../ledger/rules/attribution.ts';

interface Options {
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

export class ApiKeys {
  readonly #options: Options;

  constructor(options: Options) {
    this.#options = options;
  }

  /** @throws Refusal BAD_USER_INPUT; CONFLICT when there are too many */
  async create(principal: Principal, billingEntityId: string, input: CreateKeyInput): Promise<IssuedKey> {
    const { database, clock } = this.#options;
    const now = clock.now();
    const ref = { billingEntityId, id: uuidv7() };
    const name = checkName(input.name);
    const billingMode = modeOf(input.type, input.billingMode);
    const given = checkSecret(input.type, input.provider, input.secret);
    const creditLimit = checkCreditLimit(input.creditLimit);
    const expiresAt = checkExpiry(input.expiresAt, now);
    const { shown, stored } = this.#newSecret(ref, given);
    await this.#requireRoom(billingEntityId);
    const apiKey = await database.transaction(async (client) => {
      const { rows } = await client.query<KeyRow>(
        `insert into api_key (billing_entity_id, id, name, type, provider, billing_mode, hint, secret_hash, key_encryption_key,
           wrapped_data_key, ciphertext, credit_limit, created_by, created_at, expires_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
         on conflict (billing_entity_id, id) do nothing returning ${KEY_COLUMNS}`,
        [
          ...[ref.billingEntityId, ref.id, name, input.type, input.provider, billingMode, stored.hint, stored.hash],
          ...[stored.keyEncryptionKey, stored.wrappedDataKey, stored.ciphertext],
          ...[creditLimit, actorOf(principal), now, expiresAt],
        ],
      );
      const [row] = rows;
      // None: it was made before, and only the answer to the commit was lost.
      if (row === undefined) return null;
      const created = toApiKey(row, now);
      await this.#audit(client, principal, { action: 'apiKey.create', before: null, after: created });
      return created;
    });
    return { apiKey: apiKey ?? ((await this.byRef(ref)) as ApiKey), secret: shown };
  }

  /** @throws Refusal BAD_USER_INPUT, NOT_FOUND; CONFLICT when revoked */
  update(principal: Principal, ref: ApiKeyRef, input: UpdateKeyInput): Promise<ApiKey> {
    return this.#change(principal, ref, 'apiKey.update', (client, row, now) => {
      requireUnrevoked(row);
      const name = input.name === undefined ? row.name : checkName(input.name);
      const creditLimit = input.creditLimit === undefined ? row.credit_limit : checkCreditLimit(input.creditLimit);
      const expiresAt = input.expiresAt === undefined ? row.expires_at : checkExpiry(input.expiresAt, now);
      const billingMode = input.billingMode === undefined ? row.billing_mode : checkMode(row.type, input.billingMode);
      return client.query<KeyRow>(
        `update api_key set name = $3, credit_limit = $4, expires_at = $5, billing_mode = $6
         where billing_entity_id = $1 and id = $2 and (name, credit_limit, expires_at, billing_mode)
           is distinct from ($3::text, $4::bigint, $5::timestamptz, $6::text)
         returning ${KEY_COLUMNS}`,
        [ref.billingEntityId, ref.id, name, creditLimit, expiresAt, billingMode],
      );
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
    const apiKey = await this.#change(principal, ref, 'apiKey.rotate', async (client, row, now) => {
      requireUnrevoked(row);
      fresh ??= this.#newSecret(ref, checkSecret(row.type, row.provider, request.secret));
      const { stored } = fresh;
      const until = row.type === 'PLATFORM' && overlapMs > 0 ? new Date(now.getTime() + overlapMs) : null;
      // Rotated before, and only the answer to the commit was lost: then it bears the new secret already.
      return client.query<KeyRow>(
        `update api_key set hint = $3, secret_hash = $4, key_encryption_key = $5, wrapped_data_key = $6, ciphertext = $7,
           former_secret_hash = case when $8::timestamptz is null then null else secret_hash end, former_secret_until = $8
         where billing_entity_id = $1 and id = $2 and (secret_hash is distinct from $4 or ciphertext is distinct from $7)
         returning ${KEY_COLUMNS}`,
        [
          ...[ref.billingEntityId, ref.id, stored.hint, stored.hash, stored.keyEncryptionKey],
          ...[stored.wrappedDataKey, stored.ciphertext, until],
        ],
      );
    });
    return { apiKey, secret: fresh?.shown ?? null };
  }

  /** Ends the key at once, on every process, and destroys what was kept of its secret. Again: the first revocation stands. @throws Refusal NOT_FOUND */
  revoke(principal: Principal, ref: ApiKeyRef): Promise<ApiKey> {
    return this.#change(principal, ref, 'apiKey.revoke', (client, _row, now) =>
      client.query<KeyRow>(
        `update api_key set revoked_at = $3, former_secret_hash = null, former_secret_until = null,
           wrapped_data_key = case when type = 'CUSTOM' then ''::bytea end, ciphertext = case when type = 'CUSTOM' then ''::bytea end
         where billing_entity_id = $1 and id = $2 and revoked_at is null
         returning ${KEY_COLUMNS}`,
        [ref.billingEntityId, ref.id, now],
      ),
    );
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
    const { rows } = await this.#options.database.query<KeyRow>(
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
    const { rows } = await this.#options.database.query<KeyRow>({
      name: 'api-keys-by-refs',
      text: `select k.* from unnest($1::uuid[], $2::uuid[]) as r(billing_entity_id, id)
        cross join lateral (
          select ${KEY_COLUMNS} from api_key a
          where a.billing_entity_id = r.billing_entity_id and a.id = r.id and a.billing_entity_id = any($1) limit 1
        ) k`,
      values: [refs.map(({ billingEntityId }) => billingEntityId), refs.map(({ id }) => id)],
    });
    const now = this.#options.clock.now();
    const found = new Map(rows.map((row) => [refText(toApiKey(row, now)), toApiKey(row, now)]));
    return refs.map((ref) => found.get(refText(ref)) ?? null);
  }

  /**
   * Credits that each of these keys was charged in the current period of whoever paid: its owner, and the organizations
   * that its owner belongs to.
   */
  async usedThisPeriod(refs: readonly ApiKeyRef[]): Promise<bigint[]> {
    const { database } = this.#options;
    const owners = [...new Set(refs.map(({ billingEntityId }) => billingEntityId))];
    const { rows: organizations } = await database.query<{ organization_id: string }>({
      name: 'organizations-of-key-owners',
      text: `select distinct o.organization_id from user_organization o
        where o.billing_entity_id = any($1::uuid[]) and not o.invited`,
      values: [owners],
    });
    const { rows } = await database.query<{ subject_id: string; used: string }>({
      name: 'use-of-api-keys',
      text: `select c.subject_id, sum(c.used) as used
        from use_counter c join credit_account a on a.billing_entity_id = c.billing_entity_id
        where c.billing_entity_id = any($1::uuid[]) and a.billing_entity_id = any($1::uuid[])
          and c.scope = 'API_KEY' and c.subject_id = any($2::uuid[]) and c.period_start = a.period_start
        group by c.subject_id`,
      values: [[...owners, ...organizations.map((row) => row.organization_id)], refs.map(({ id }) => id)],
    });
    const used = new Map(rows.map((row) => [row.subject_id, BigInt(row.used)]));
    return refs.map(({ id }) => used.get(id) ?? 0n);
  }

  /** Those who race may pass the bound by as many as they are: it need not be exact. @throws Refusal CONFLICT */
  async #requireRoom(billingEntityId: string): Promise<void> {
    const { rows } = await this.#options.database.query<{ keys: bigint }>(
      `select count(*) as keys from api_key where billing_entity_id = $1 and revoked_at is null`,
      [billingEntityId],
    );
    if ((rows[0]?.keys ?? 0n) >= MAX_KEYS) {
      throw new Refusal('CONFLICT', `a billing entity has at most ${MAX_KEYS} keys: revoke some`);
    }
  }

  #newSecret(ref: ApiKeyRef, given: string | null): NewSecret {
    if (given === null) {
      const key = makeKey(ref);
      const stored = { hash: hashOfKey(key), keyEncryptionKey: null, wrappedDataKey: null, ciphertext: null };
      return { shown: key, stored: { hint: hintOf(key), ...stored } };
    }
    const sealed = seal(this.#options.encryptionKeys, secretBinding(ref), given);
    return { shown: null, stored: { hint: hintOf(given), hash: null, ...sealed } };
  }

  /** Changes one key under its lock. `change` gives the row as it then is, or none when there was nothing to change; only a change is audited. */
  #change(
    principal: Principal,
    ref: ApiKeyRef,
    action: string,
    change: (client: pg.PoolClient, row: KeyRow, now: Date) => Promise<pg.QueryResult<KeyRow>>,
  ): Promise<ApiKey> {
    const { database, clock } = this.#options;
    return database.transaction(async (client) => {
      const now = clock.now();
      const { rows } = await client.query<KeyRow>(
        `select ${KEY_COLUMNS} from api_key where billing_entity_id = $1 and id = $2 for update`,
        [ref.billingEntityId, ref.id],
      );
      const [row] = rows;
      if (row === undefined) throw new Refusal('NOT_FOUND', 'there is no such key');
      const changed = (await change(client, row, now)).rows[0];
      const [before, after] = [toApiKey(row, now), toApiKey(changed ?? row, now)];
      if (changed !== undefined) await this.#audit(client, principal, { action, before, after });
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
  readonly stored: {
    readonly hint: string;
    readonly hash: Buffer | null;
    readonly keyEncryptionKey: string | null;
    readonly wrappedDataKey: Buffer | null;
    readonly ciphertext: Buffer | null;
  };
}

interface Change {
  readonly action: string;
  readonly before: ApiKey | null;
  readonly after: ApiKey;
}

/** @throws Refusal CONFLICT */
function requireUnrevoked({ revoked_at }: KeyRow): void {
  if (revoked_at !== null) throw new Refusal('CONFLICT', 'the key is revoked');
}

/** What of a key the audit log keeps. */
function auditable(apiKey: ApiKey): Record<string, unknown> {
  const { name, type, provider, billingMode, hint, creditLimit, expiresAt, revokedAt } = apiKey;
  const limit = creditLimit === null ? null : Number(creditLimit);
  return { name, type, provider, billingMode, hint, creditLimit: limit, expiresAt, revokedAt };
}

function refText({ billingEntityId, id }: ApiKeyRef): string {
  return `${billingEntityId} ${id}`;
}

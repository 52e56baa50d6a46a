/**
 * PLATFORM keys as bearers: whom one acts for, whether it still may, and when it last did. Each request on a key asks this, and
 * so it is whole SQL: one prepared statement, which gathered requests share.
 */
import type { ApiKeyPrincipal } from '../billing-entities/principal.ts';
import type { Clock } from '../kernel/clock.ts';
import { columnsOf } from '../db/columns.ts';
import type { Database } from '../db/database.ts';
import { apiKeyId } from '../kernel/public-ids.ts';
import { Refusal } from '../kernel/refusal.ts';
import { statusOf } from './api-key.ts';
import { ApiKeyRow, type StoredApiKey } from './api-key.entity.ts';
import { hashOfKey, isSameHash, parseKey } from './key-format.ts';
import type { KeyUse } from './key-use.ts';
import type { ApiKeyRef } from '../ledger/rules/attribution.ts';

const BEARER = [
  'billingEntityId',
  'id',
  'secretHash',
  'formerSecretHash',
  'formerSecretUntil',
  'expiresAt',
  'revokedAt',
] as const;

type BearerRow = Pick<StoredApiKey, (typeof BEARER)[number]>;

const BEARER_COLUMNS = columnsOf(ApiKeyRow, 'a', BEARER);
/** The last instant that a Date can hold: for keys that do not expire. */
const NEVER = new Date(8.64e15);

export class KeyAuthentication {
  readonly #database: Database;
  readonly #clock: Clock;
  readonly #use: KeyUse;
  /** Which secret each bearer came with: a later rotation may end it before the key. Kept beside principals, which get about. */
  readonly #presented = new WeakMap<ApiKeyPrincipal, Buffer>();
  #gathering: Gathering | null = null;
  #running: Promise<void> = Promise.resolve();

  constructor({ database, clock, use }: { database: Database; clock: Clock; use: KeyUse }) {
    this.#database = database;
    this.#clock = clock;
    this.#use = use;
  }

  /**
   * Whom a key acts for. Nothing is remembered: a revocation holds from the very next request on, on every process, at
   * the price of one statement by primary key, or a share in one.
   * @throws Refusal UNAUTHENTICATED, the same whatever is wrong; UNAVAILABLE
   */
  async authenticate(key: string): Promise<ApiKeyPrincipal> {
    const ref = parseKey(key);
    if (ref === null) throw notValid();
    const row = await this.#find(ref);
    const hash = hashOfKey(key);
    const until = row && goodUntil(row, hash, this.#clock.now());
    if (!until) throw notValid();
    this.#use.note(ref);
    const principal = {
      kind: 'API_KEY',
      subject: apiKeyId(ref.billingEntityId, ref.id),
      billingEntityId: ref.billingEntityId,
      apiKeyId: ref.id,
      expiresAt: until,
    } as const;
    this.#presented.set(principal, hash);
    return principal;
  }

  /** The bearers whose keys are still good, found by one statement. */
  async stillGood(bearers: readonly ApiKeyPrincipal[]): Promise<ReadonlySet<ApiKeyPrincipal>> {
    if (bearers.length === 0) return new Set();
    const refs = bearers.map(({ billingEntityId, apiKeyId: id }) => ({ billingEntityId, id }));
    // Many sockets may be of one key.
    const found = await this.#read([...new Map(refs.map((ref) => [refText(ref), ref])).values()]);
    const now = this.#clock.now();
    return new Set(
      bearers.filter((bearer) => {
        const row = found.get(refText({ billingEntityId: bearer.billingEntityId, id: bearer.apiKeyId }));
        const hash = this.#presented.get(bearer);
        return row !== undefined && hash !== undefined && goodUntil(row, hash, now) !== null;
      }),
    );
  }

  /**
   * The key's row as it is now. Whoever asks while a statement runs shares the next one, which begins after they asked, so
   * that under load many requests cost one statement and none sees what was true before it came.
   */
  async #find(ref: ApiKeyRef): Promise<BearerRow | undefined> {
    this.#gathering ??= this.#gather();
    this.#gathering.refs.set(refText(ref), ref);
    return (await this.#gathering.found).get(refText(ref));
  }

  #gather(): Gathering {
    const refs = new Map<string, ApiKeyRef>();
    const found = this.#running.then(() => {
      this.#gathering = null;
      const reading = this.#read([...refs.values()]);
      this.#running = reading.then(ignore, ignore);
      return reading;
    });
    return { refs, found };
  }

  async #read(refs: readonly ApiKeyRef[]): Promise<ReadonlyMap<string, BearerRow>> {
    const { rows } = await this.#database.query<BearerRow>({
      name: 'api-keys-of-bearers',
      // Joined sideways and limited, its plan stays the same however many are asked for.
      text: `select k.* from unnest($1::uuid[], $2::uuid[]) as r(billing_entity_id, id)
        cross join lateral (
          select ${BEARER_COLUMNS} from api_key a
          where a.billing_entity_id = r.billing_entity_id and a.id = r.id and a.billing_entity_id = any($1) limit 1
        ) k`,
      values: [refs.map(({ billingEntityId }) => billingEntityId), refs.map(({ id }) => id)],
    });
    return new Map(rows.map((row) => [refText(row), row]));
  }
}

/** Keys that wait for their statement. */
interface Gathering {
  readonly refs: Map<string, ApiKeyRef>;
  readonly found: Promise<ReadonlyMap<string, BearerRow>>;
}

/** Until when whoever came with this hash may use the key; null: not any more, or never. */
function goodUntil(row: BearerRow, hash: Buffer, now: Date): Date | null {
  if (statusOf(row, now) !== 'ACTIVE') return null;
  const expiresAt = row.expiresAt ?? NEVER;
  if (row.secretHash !== null && isSameHash(row.secretHash, hash)) return expiresAt;
  const { formerSecretHash: former, formerSecretUntil: until } = row;
  if (former === null || until === null || !isSameHash(former, hash) || until <= now) return null;
  return until < expiresAt ? until : expiresAt;
}

function refText({ billingEntityId, id }: ApiKeyRef): string {
  return `${billingEntityId} ${id}`;
}

function ignore(): void {}

function notValid(): Refusal {
  return new Refusal('UNAUTHENTICATED', 'The API key is not valid.');
}

/** PLATFORM keys as bearers: whom one acts for, whether it still may, and when it last did. */
import type { ApiKeyPrincipal } from '../billing-entities/principal.ts';
import type { Clock } from '../clock.ts';
import type { ApiKeyRef } from '../credits/account.ts';
import type { Database } from '../db/database.ts';
import { apiKeyId } from '../ids.ts';
import { Refusal } from '../refusal.ts';
import { statusOf } from './api-key.ts';
import { hashOfKey, isSameHash, parseKey } from './key-format.ts';
import type { KeyUse } from './key-use.ts';

interface BearerRow {
  billing_entity_id: string;
  id: string;
  secret_hash: Buffer | null;
  former_secret_hash: Buffer | null;
  former_secret_until: Date | null;
  expires_at: Date | null;
  revoked_at: Date | null;
}

const BEARER_COLUMNS =
  'billing_entity_id, id, secret_hash, former_secret_hash, former_secret_until, expires_at, revoked_at';
/** What a Date can hold: for keys that do not expire. */
const NEVER = new Date(8.64e15);

export class KeyAuthentication {
  readonly #database: Database;
  readonly #clock: Clock;
  readonly #use: KeyUse;
  /** Which secret each bearer came with: a later rotation may end it before the key. Kept beside principals, which get about. */
  readonly #presented = new WeakMap<ApiKeyPrincipal, Buffer>();

  constructor({ database, clock, use }: { database: Database; clock: Clock; use: KeyUse }) {
    this.#database = database;
    this.#clock = clock;
    this.#use = use;
  }

  /**
   * Whom a key acts for. Nothing is remembered: a revocation holds from the very next request on, on every process, at
   * the price of one statement by primary key.
   * @throws Refusal UNAUTHENTICATED, the same whatever is wrong; UNAVAILABLE
   */
  async authenticate(key: string): Promise<ApiKeyPrincipal> {
    const ref = parseKey(key);
    if (ref === null) throw notValid();
    const { rows } = await this.#database.query<BearerRow>({
      name: 'api-key-of-bearer',
      text: `select ${BEARER_COLUMNS} from api_key where billing_entity_id = $1 and id = $2`,
      values: [ref.billingEntityId, ref.id],
    });
    const hash = hashOfKey(key);
    const until = rows[0] && goodUntil(rows[0], hash, this.#clock.now());
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

  /** Those of these bearers whose keys are still good, found by one statement. */
  async stillGood(bearers: readonly ApiKeyPrincipal[]): Promise<ReadonlySet<ApiKeyPrincipal>> {
    if (bearers.length === 0) return new Set();
    const { rows } = await this.#database.query<BearerRow>({
      name: 'api-keys-of-bearers',
      text: `select ${BEARER_COLUMNS} from api_key where billing_entity_id = any($1::uuid[]) and id = any($2::uuid[])`,
      values: [
        [...new Set(bearers.map(({ billingEntityId }) => billingEntityId))],
        [...new Set(bearers.map(({ apiKeyId: id }) => id))],
      ],
    });
    const now = this.#clock.now();
    const found = new Map(rows.map((row) => [refText({ billingEntityId: row.billing_entity_id, id: row.id }), row]));
    return new Set(
      bearers.filter((bearer) => {
        const row = found.get(refText({ billingEntityId: bearer.billingEntityId, id: bearer.apiKeyId }));
        const hash = this.#presented.get(bearer);
        return row !== undefined && hash !== undefined && goodUntil(row, hash, now) !== null;
      }),
    );
  }
}

/** Until when whoever came with this hash may use the key; null: not any more, or never. */
function goodUntil(row: BearerRow, hash: Buffer, now: Date): Date | null {
  const life = { expiresAt: row.expires_at, revokedAt: row.revoked_at };
  if (statusOf(life, now) !== 'ACTIVE') return null;
  const expiresAt = row.expires_at ?? NEVER;
  if (row.secret_hash !== null && isSameHash(row.secret_hash, hash)) return expiresAt;
  const { former_secret_hash: former, former_secret_until: until } = row;
  if (former === null || until === null || !isSameHash(former, hash) || until <= now) return null;
  return until < expiresAt ? until : expiresAt;
}

function refText({ billingEntityId, id }: ApiKeyRef): string {
  return `${billingEntityId} ${id}`;
}

function notValid(): Refusal {
  return new Refusal('UNAUTHENTICATED', 'The API key is not valid.');
}

/** After a new key-encryption key came first: wraps every data key by it, beside running servers. */
import type { Logger } from 'pino';
import { columnsOf } from '../db/columns.ts';
import type { Database } from '../db/database.ts';
import type { ApiKeyRef } from '../ledger/rules/attribution.ts';
import { apiKeyId } from '../kernel/public-ids.ts';
import { secretBinding } from './api-key.ts';
import { ApiKeyRow } from './api-key.entity.ts';
import type { Audit } from '../billing-entities/audit-log.ts';
import { type KeyRing, rewrap, type Sealed, UnreadableSecretError } from './envelope.ts';

interface Options {
  readonly database: Database;
  readonly encryptionKeys: KeyRing;
  readonly audit: Audit;
  readonly log: Logger;
  /** Told after each row; `total` is what there was at the start, and servers may add to it. */
  readonly onProgress?: (done: number, total: number) => void;
  /** Ends the run between two rows, with the signal's reason. */
  readonly stopping?: AbortSignal;
}

/** The result of a run. */
export interface Rewrapped {
  readonly rewrapped: number;
  /** Public ids of keys whose secrets do not open. */
  readonly unreadable: readonly string[];
  /** Rows that still are of an older key, the unreadable ones among them. */
  readonly remaining: number;
}

/** The columns that open the secret of a key that is not revoked. */
type SealedRow = ApiKeyRef & Sealed;

const SEALED_COLUMNS = columnsOf(ApiKeyRow, 'k', [
  'billingEntityId',
  'id',
  'keyEncryptionKey',
  'wrappedDataKey',
  'ciphertext',
]);
const PAGE = 200;
/** A row that changes under each attempt is being rotated by its owner; the next run finds it. */
const ATTEMPTS = 5;
const ACTOR = 'system:keys-rotate';

/**
 * Wraps anew what is not wrapped by the newest key-encryption key. What is done is done: a run that was stopped goes on
 * where it was when it is started again. Secrets themselves are not encrypted anew, and revoked keys have none.
 */
export async function rewrapAll(options: Options): Promise<Rewrapped> {
  const { database, encryptionKeys } = options;
  const [newest] = encryptionKeys;
  if (newest === undefined) throw new Error('there is no key-encryption key');
  const total = options.onProgress === undefined ? 0 : await countOlder(database, newest.id);
  let done = 0;
  let rewrapped = 0;
  const unreadable: string[] = [];
  let after: SealedRow | null = null;
  for (;;) {
    const page: readonly SealedRow[] = await readPage(database, newest.id, after);
    for (const row of page) {
      options.stopping?.throwIfAborted();
      const outcome = await rewrapOne(options, row, newest.id);
      if (outcome === 'unreadable') unreadable.push(apiKeyId(row.billingEntityId, row.id));
      else if (outcome === 'rewrapped') rewrapped += 1;
      done += 1;
      options.onProgress?.(done, total);
    }
    after = page.at(-1) ?? null;
    if (after === null) break;
  }
  return { rewrapped, unreadable, remaining: await countOlder(database, newest.id) };
}

/** Secrets that are wrapped by another key than the newest. */
async function countOlder(database: Database, newestId: string): Promise<number> {
  const { rows } = await database.query<{ older: bigint }>(
    `select count(*) as older from api_key where key_encryption_key <> $1 and revoked_at is null`,
    [newestId],
  );
  return Number(rows[0]?.older ?? 0n);
}

/** Found without locks, over all entities; each is then changed by itself. */
async function readPage(database: Database, newestId: string, after: SealedRow | null): Promise<SealedRow[]> {
  const { rows } = await database.query<SealedRow>(
    `select ${SEALED_COLUMNS} from api_key k
     where key_encryption_key <> $1 and revoked_at is null
       and ($2::uuid is null or (billing_entity_id, id) > ($2, $3::uuid))
     order by billing_entity_id, id limit $4`,
    [newestId, after?.billingEntityId ?? null, after?.id ?? null, PAGE],
  );
  return rows;
}

async function rewrapOne(
  options: Options,
  found: SealedRow,
  newestId: string,
): Promise<'rewrapped' | 'unreadable' | 'overtaken'> {
  let row: SealedRow | undefined = found;
  for (let attempt = 1; row !== undefined && attempt <= ATTEMPTS; attempt += 1) {
    let sealed: Sealed;
    try {
      sealed = rewrap(options.encryptionKeys, secretBinding(row), row);
    } catch (error) {
      if (!(error instanceof UnreadableSecretError)) throw error;
      const current = await readOne(options.database, row, newestId);
      // The owner may have replaced it since it was read.
      if (current === undefined) return 'overtaken';
      if (current.wrappedDataKey.equals(row.wrappedDataKey) && current.ciphertext.equals(row.ciphertext)) {
        await reportUnreadable(options, row, error.message);
        return 'unreadable';
      }
      row = current;
      continue;
    }
    // The owner's rotation makes a new data key: whoever is second finds another one here and leaves it.
    const { rowCount } = await options.database.query(
      `update api_key set key_encryption_key = $3, wrapped_data_key = $4
       where billing_entity_id = $1 and id = $2 and wrapped_data_key = $5 and ciphertext = $6`,
      [
        ...[row.billingEntityId, row.id, sealed.keyEncryptionKey, sealed.wrappedDataKey],
        ...[row.wrappedDataKey, row.ciphertext],
      ],
    );
    if (rowCount === 1) return 'rewrapped';
    row = await readOne(options.database, row, newestId);
  }
  return 'overtaken';
}

/** The row as it is now, if there is still something to do. */
async function readOne(database: Database, row: SealedRow, newestId: string): Promise<SealedRow | undefined> {
  const { rows } = await database.query<SealedRow>(
    `select ${SEALED_COLUMNS} from api_key k
     where billing_entity_id = $1 and id = $2 and key_encryption_key <> $3 and revoked_at is null`,
    [row.billingEntityId, row.id, newestId],
  );
  return rows[0];
}

async function reportUnreadable({ audit, database, log }: Options, row: SealedRow, why: string): Promise<void> {
  const subject = apiKeyId(row.billingEntityId, row.id);
  log.error({ key: subject, why }, 'a secret is unreadable');
  const entry = { billingEntityId: row.billingEntityId, actor: ACTOR, action: 'apiKey.secret.unreadable', subject };
  await audit({ ...entry, before: null, after: { why }, reason: null }, database);
}

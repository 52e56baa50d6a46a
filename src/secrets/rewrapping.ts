/** After a new key-encryption key came first: wraps every data key by it, beside running servers. */
import type { Logger } from 'pino';
import { columnsOf } from '../db/columns.ts';
import type { Database } from '../db/database.ts';
import type { Audit } from '../billing-entities/audit-log.ts';
import { type Binding, type KeyRing, rewrap, type Sealed, UnreadableSecretError } from './envelope.ts';

/** Names a sealed row. */
export interface SecretRef {
  readonly billingEntityId: string;
  readonly id: string;
}

/** A table whose rows are sealed secrets, in the columns that `SEALED_COLUMNS` names. */
export interface SealedTable {
  readonly name: string;
  /** The table's description, from which the select list comes. */
  readonly row: Parameters<typeof columnsOf>[0];
  /** The SQL condition of rows that hold a secret. It names columns of this table without an alias. */
  readonly holdsSecret: string;
  /**
   * The statement that puts another wrapping in place: of the entity `$1` and the row `$2`, the key-encryption key `$3` and
   * the wrapped data key `$4`, if the row still has the wrapped data key `$5` and the ciphertext `$6`.
   */
  readonly update: string;
  readonly binding: (ref: SecretRef) => Binding;
  /** The public id by which a secret that does not open is reported, and the action under which it is audited. */
  readonly publicId: (ref: SecretRef) => string;
  readonly unreadable: string;
}

interface Options {
  /** The tables that are rewrapped, one after another. */
  readonly tables: readonly SealedTable[];
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
  /** Public ids of secrets that do not open. */
  readonly unreadable: readonly string[];
  /** Rows that still are of an older key, the unreadable ones among them. */
  readonly remaining: number;
}

/** The columns that name and open a secret. */
type SealedRow = SecretRef & Sealed;

const SEALED_COLUMNS = ['billingEntityId', 'id', 'keyEncryptionKey', 'wrappedDataKey', 'ciphertext'] as const;
const PAGE = 200;
/** A row that changes under each attempt is being rotated by its owner; the next run finds it. */
const ATTEMPTS = 5;
const ACTOR = 'system:keys-rotate';

/**
 * Wraps anew what is not wrapped by the newest key-encryption key. What is done is done: a run that was stopped goes on
 * where it was when it is started again. Secrets themselves are not encrypted anew, and rows without a secret are passed over.
 */
export async function rewrapAll(options: Options): Promise<Rewrapped> {
  const { tables, encryptionKeys } = options;
  const [newest] = encryptionKeys;
  if (newest === undefined) throw new Error('there is no key-encryption key');
  const total = options.onProgress === undefined ? 0 : await countOlder(options, newest.id);
  let done = 0;
  let rewrapped = 0;
  const unreadable: string[] = [];
  for (const table of tables) {
    for (let after: SealedRow | null = null; ;) {
      const page: readonly SealedRow[] = await readPage(options.database, table, newest.id, after);
      for (const row of page) {
        options.stopping?.throwIfAborted();
        const outcome = await rewrapOne(options, table, row, newest.id);
        if (outcome === 'unreadable') unreadable.push(table.publicId(row));
        else if (outcome === 'rewrapped') rewrapped += 1;
        done += 1;
        options.onProgress?.(done, total);
      }
      after = page.at(-1) ?? null;
      if (after === null) break;
    }
  }
  return { rewrapped, unreadable, remaining: await countOlder(options, newest.id) };
}

/** Secrets that are wrapped by another key than the newest. */
async function countOlder({ database, tables }: Options, newestId: string): Promise<number> {
  let older = 0n;
  for (const { name, holdsSecret } of tables) {
    const { rows } = await database.query<{ older: bigint }>(
      `select count(*) as older from ${name} where key_encryption_key <> $1 and ${holdsSecret}`,
      [newestId],
    );
    older += rows[0]?.older ?? 0n;
  }
  return Number(older);
}

/** Found without locks, over all entities; each is then changed by itself. */
async function readPage(
  database: Database,
  table: SealedTable,
  newestId: string,
  after: SealedRow | null,
): Promise<SealedRow[]> {
  const { rows } = await database.query<SealedRow>(
    `select ${columnsIn(table)} from ${table.name} k
     where key_encryption_key <> $1 and ${table.holdsSecret}
       and ($2::uuid is null or (billing_entity_id, id) > ($2, $3::uuid))
     order by billing_entity_id, id limit $4`,
    [newestId, after?.billingEntityId ?? null, after?.id ?? null, PAGE],
  );
  return rows;
}

async function rewrapOne(
  options: Options,
  table: SealedTable,
  found: SealedRow,
  newestId: string,
): Promise<'rewrapped' | 'unreadable' | 'overtaken'> {
  let row: SealedRow | undefined = found;
  for (let attempt = 1; row !== undefined && attempt <= ATTEMPTS; attempt += 1) {
    let sealed: Sealed;
    try {
      sealed = rewrap(options.encryptionKeys, table.binding(row), row);
    } catch (error) {
      if (!(error instanceof UnreadableSecretError)) throw error;
      const current = await readOne(options.database, table, row, newestId);
      // The owner may have replaced it since it was read.
      if (current === undefined) return 'overtaken';
      if (current.wrappedDataKey.equals(row.wrappedDataKey) && current.ciphertext.equals(row.ciphertext)) {
        await reportUnreadable(options, table, row, error.message);
        return 'unreadable';
      }
      row = current;
      continue;
    }
    // The owner's rotation makes a new data key: whoever is second finds another one here and leaves it.
    const { rowCount } = await options.database.query(table.update, [
      ...[row.billingEntityId, row.id, sealed.keyEncryptionKey, sealed.wrappedDataKey],
      ...[row.wrappedDataKey, row.ciphertext],
    ]);
    if (rowCount === 1) return 'rewrapped';
    row = await readOne(options.database, table, row, newestId);
  }
  return 'overtaken';
}

/** The row as it is now, if there is still something to do. */
async function readOne(
  database: Database,
  table: SealedTable,
  row: SealedRow,
  newestId: string,
): Promise<SealedRow | undefined> {
  const { rows } = await database.query<SealedRow>(
    `select ${columnsIn(table)} from ${table.name} k
     where billing_entity_id = $1 and id = $2 and key_encryption_key <> $3 and ${table.holdsSecret}`,
    [row.billingEntityId, row.id, newestId],
  );
  return rows[0];
}

async function reportUnreadable(
  { audit, database, log }: Options,
  table: SealedTable,
  row: SealedRow,
  why: string,
): Promise<void> {
  const subject = table.publicId(row);
  log.error({ key: subject, why }, 'a secret is unreadable');
  const entry = { billingEntityId: row.billingEntityId, actor: ACTOR, action: table.unreadable, subject };
  await audit({ ...entry, before: null, after: { why }, reason: null }, database);
}

function columnsIn({ row }: SealedTable): string {
  return columnsOf(row, 'k', SEALED_COLUMNS as never);
}

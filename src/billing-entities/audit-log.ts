/** The audit log of an entity, as it is read, and how changes outside the ledger are written into it. */
import type { Clock } from '../kernel/clock.ts';
import type { SqlClient } from '../db/sql-client.ts';
import { columnsOf } from '../db/columns.ts';
import { Conditions, ownersOf } from '../db/where.ts';
import type { Database } from '../db/database.ts';
import { checkPage, decodeCursor, type Page, type PageRequest, toPages } from '../kernel/pagination.ts';
import { isStorableText } from '../kernel/text.ts';
import { AuditLogEntryRow } from '../ledger/store/audit-log.entity.ts';
import { type AuditedChange, type AuditRow, writeAuditRow } from '../ledger/store/audit-rows.ts';

/** The state that was changed, in words of the API. Never a secret. */
export type AuditedState = Readonly<Record<string, string | number | boolean | null>>;

/** A row of the log, as it is read. */
export type AuditLogEntry = AuditRow;

/** Conditions that hold together; null: any. Of a list, each may hold. */
export interface AuditLogFilter {
  readonly actors: readonly string[] | null;
  readonly actions: readonly string[] | null;
  /** Inclusive. */
  readonly from: Date | null;
  /** Exclusive. */
  readonly to: Date | null;
}

/** Writes a change that is made now where `client` writes: in its transaction, if it is in one. */
export type Audit = (change: Omit<AuditedChange, 'createdAt'>, client: SqlClient) => Promise<void>;

export function auditInto(clock: Clock): Audit {
  return (change, client) => writeAuditRow(client, { ...change, createdAt: clock.now() });
}

export class AuditLog {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** Changes that were made to the entity by hand, newest first. @throws Refusal BAD_USER_INPUT */
  async list(billingEntityId: string, page: PageRequest, filter: AuditLogFilter): Promise<Page<AuditLogEntry>> {
    const [only] = await this.lists([billingEntityId], page, filter);
    return only as Page<AuditLogEntry>;
  }

  /** Each of these entries, in their order; null where there is none. */
  async byIds(keys: readonly { billingEntityId: string; id: string }[]): Promise<(AuditLogEntry | null)[]> {
    const { rows } = await this.#database.query<AuditLogEntry>({
      name: 'audit-log-by-ids',
      text: `select ${columnsOf(AuditLogEntryRow, 'a')} from audit_log_entry a
        where a.billing_entity_id = any($1::uuid[]) and a.id = any($2::uuid[])`,
      values: [keys.map((key) => key.billingEntityId), keys.map((key) => key.id)],
    });
    const found = new Map(rows.map((row) => [`${row.billingEntityId} ${row.id}`, row]));
    return keys.map((key) => found.get(`${key.billingEntityId} ${key.id}`) ?? null);
  }

  /** The same of several entities, in their order. */
  async lists(ids: readonly string[], page: PageRequest, filter: AuditLogFilter): Promise<Page<AuditLogEntry>[]> {
    checkPage(page);
    const after = decodeCursor(page.after, ['uuid']);
    const where = new Conditions();
    const owners = ownersOf(ids, where);
    where.and(owners.condition('a'));
    // Ids are made in order of time.
    if (after) where.and(`a.id < ${where.value(after[0])}`);
    if (filter.actors) where.and(`a.actor = any(${where.value(filter.actors.filter(isStorableText))})`);
    if (filter.actions) where.and(`a.action = any(${where.value(filter.actions.filter(isStorableText))})`);
    if (filter.from) where.and(`a.created_at >= ${where.value(filter.from)}`);
    if (filter.to) where.and(`a.created_at < ${where.value(filter.to)}`);
    const list = {
      columns: columnsOf(AuditLogEntryRow, 'a'),
      table: 'audit_log_entry',
      alias: 'a',
      order: 'a.id desc',
    };
    const { rows } = await this.#database.query<AuditLogEntry>(
      owners.list({ ...list, where, limit: page.first + 1 }),
      where.values,
    );
    return toPages(ids, rows, { request: page, keyOf: ({ id }) => [id] });
  }
}

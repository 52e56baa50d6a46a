/**
 * What administrators and operators did to an entity. A row is written in the transaction of the change itself: here for
 * what is changed through the ORM, in ledger/store/audit-rows.ts for what the ledger changes. Append-only; a trigger sees to it.
 */
import type { EntityManager } from '@mikro-orm/postgresql';
import { v7 as uuidv7 } from 'uuid';
import type { Clock } from '../kernel/clock.ts';
import { Conditions, ownersOf } from '../db/where.ts';
import type { Database } from '../db/database.ts';
import { checkPage, decodeCursor, type Page, type PageRequest, toPages } from '../kernel/pagination.ts';
import { isStorableText } from '../kernel/text.ts';
import { AuditLogEntryRow } from './audit-log.entity.ts';

/** The state that was changed, in words of the API. Never a secret. */
export type AuditedState = Readonly<Record<string, string | number | boolean | null>>;

export interface AuditRecord {
  readonly billingEntityId: string;
  /** As `actorOf` names them. */
  readonly actor: string;
  /** `noun.verb`. */
  readonly action: string;
  /** What it was done to: a person as `user:…`, an organization as `organization:…`, or an id. */
  readonly subject: string;
  /** null: it was not there. */
  readonly before: AuditedState | null;
  /** null: it is gone. */
  readonly after: AuditedState | null;
  readonly reason: string | null;
  readonly createdAt: Date;
}

/** As it is read. */
export interface AuditLogEntry extends Omit<AuditRecord, 'before' | 'after'> {
  readonly id: string;
  readonly before: Readonly<Record<string, unknown>> | null;
  readonly after: Readonly<Record<string, unknown>> | null;
}

/** Conditions that hold together; null: any. Of a list, each may hold. */
export interface AuditLogFilter {
  readonly actors: readonly string[] | null;
  readonly actions: readonly string[] | null;
  /** Inclusive. */
  readonly from: Date | null;
  /** Exclusive. */
  readonly to: Date | null;
}

/** A transaction's client, or the database for a statement by itself. */
export interface Queryable {
  query(text: string, values: unknown[]): Promise<unknown>;
}

/** What is done now. */
export type AuditEntry = Omit<AuditRecord, 'createdAt' | 'before' | 'after'> & {
  readonly before: Readonly<Record<string, unknown>> | null;
  readonly after: Readonly<Record<string, unknown>> | null;
};

export type Audit = (entry: AuditEntry, client: Queryable) => Promise<void>;

/** Writes entries where `client` writes: in its transaction, if it is in one. */
export function auditInto(clock: Clock): Audit {
  return async (entry, client) => {
    const { billingEntityId, actor, action, subject, before, after, reason } = entry;
    const [id, now] = [uuidv7(), clock.now()];
    // Run again after its answer was lost, it finds its own row.
    await client.query(
      `insert into audit_log_entry (billing_entity_id, id, actor, action, subject, before, after, reason, created_at)
       values ($1, $2, $3, $4, $5, $6, $7, $8, $9) on conflict (billing_entity_id, id) do nothing`,
      [billingEntityId, id, actor, action, subject, before, after, reason, now],
    );
  };
}

/** Writes one entry, inside the transaction of the change. */
export async function record(em: EntityManager, entry: AuditRecord): Promise<void> {
  await em.insert(AuditLogEntryRow, { ...entry, id: uuidv7() });
}

interface Row {
  billing_entity_id: string;
  id: string;
  actor: string;
  action: string;
  subject: string;
  before: Record<string, unknown> | null;
  after: Record<string, unknown> | null;
  reason: string | null;
  created_at: Date;
}

export class AuditLog {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** What was done to the entity, newest first. @throws Refusal BAD_USER_INPUT */
  async list(billingEntityId: string, page: PageRequest, filter: AuditLogFilter): Promise<Page<AuditLogEntry>> {
    const [only] = await this.lists([billingEntityId], page, filter);
    return only as Page<AuditLogEntry>;
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
    const columns =
      'a.billing_entity_id, a.id, a.actor, a.action, a.subject, a.before, a.after, a.reason, a.created_at';
    const list = { columns, table: 'audit_log_entry', alias: 'a', order: 'a.id desc' };
    const { rows } = await this.#database.query<Row>(
      owners.list({ ...list, where, limit: page.first + 1 }),
      where.values,
    );
    return toPages(ids, rows.map(toEntry), { request: page, keyOf: ({ id }) => [id] });
  }
}

function toEntry({ billing_entity_id: billingEntityId, created_at: createdAt, ...row }: Row): AuditLogEntry {
  return { billingEntityId, createdAt, ...row };
}

/** What is done to keys stands in the audit log of their billing entity, written with the change itself. */
import { v7 as uuidv7 } from 'uuid';
import type { Clock } from '../clock.ts';

export interface AuditEntry {
  readonly billingEntityId: string;
  /** As the ledger names who causes a change. */
  readonly actor: string;
  /** `noun.verb`. */
  readonly action: string;
  /** Public id of what it was done to. */
  readonly subject: string;
  readonly before: Readonly<Record<string, unknown>> | null;
  readonly after: Readonly<Record<string, unknown>> | null;
  readonly reason: string | null;
}

/** A transaction's client, or the database for a statement by itself. */
export interface Queryable {
  query(text: string, values: unknown[]): Promise<unknown>;
}

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

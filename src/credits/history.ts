/** The ledger and the grants of an account, read in pages. */
import type { Database } from '../db/database.ts';
import { checkPage, decodeCursor, type Page, type PageRequest, toPage } from '../pagination.ts';
import type { Entry, EntryKind } from './account.ts';
import { type Grant, isPromotional } from './grants.ts';
import { GRANT_COLUMNS, type GrantRow, toGrant } from './ledger-sql.ts';

export interface LedgerFilter {
  readonly kinds: readonly string[] | null;
  /** Inclusive. */
  readonly from: Date | null;
  /** Exclusive. */
  readonly to: Date | null;
}

export const ENTRY_COLUMNS = `e.billing_entity_id, e.sequence, e.kind, e.amount, e.available_after, e.held_change, e.held_after,
  e.overage_change, e.overage_after, e.owed_change, e.owed_after, e.grant_id, e.draw_grant_ids, e.draw_credits, e.actor,
  e.reason, e.created_at`;

/** An entry as read: what made it happen once stays inside the ledger. */
export type ReadEntry = Omit<Entry, 'idempotency'>;

export class History {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** Every change of the balance, newest first. */
  async ledger(
    billingEntityId: string,
    page: PageRequest,
    { kinds, from, to }: LedgerFilter,
  ): Promise<Page<ReadEntry>> {
    checkPage(page);
    const [before] = decodeCursor(page.after, ['integer']) ?? [null];
    const { rows } = await this.#database.query<EntryRow>({
      name: 'ledger-page',
      text: `select ${ENTRY_COLUMNS} from ledger_entry e
        where e.billing_entity_id = $1 and ($2::bigint is null or e.sequence < $2)
          and ($3::text[] is null or e.kind = any($3))
          and ($4::timestamptz is null or e.created_at >= $4) and ($5::timestamptz is null or e.created_at < $5)
        order by e.sequence desc limit $6`,
      values: [billingEntityId, before, kinds, from, to, page.first + 1],
    });
    return toPage(rows.map(toEntry), page, (entry) => [entry.sequence.toString()]);
  }

  /** One entry for each key, in their order; null where there is none. */
  async entriesBySequence(
    keys: readonly { billingEntityId: string; sequence: bigint }[],
  ): Promise<(ReadEntry | null)[]> {
    const { rows } = await this.#database.query<EntryRow>({
      name: 'entries-by-sequence',
      text: `select ${ENTRY_COLUMNS} from unnest($1::uuid[], $2::bigint[]) as k(billing_entity_id, sequence)
        join ledger_entry e on e.billing_entity_id = k.billing_entity_id and e.sequence = k.sequence
        where e.billing_entity_id = any($1)`,
      values: [keys.map((key) => key.billingEntityId), keys.map((key) => key.sequence)],
    });
    const found = new Map(rows.map((row) => [`${row.billing_entity_id} ${row.sequence}`, toEntry(row)]));
    return keys.map((key) => found.get(`${key.billingEntityId} ${key.sequence}`) ?? null);
  }

  /** Grants in drawdown order (rule 5); with `activeOnly` those in effect that have something left. */
  async grants(
    billingEntityId: string,
    page: PageRequest,
    { activeOnly }: { activeOnly: boolean },
  ): Promise<Page<Grant>> {
    checkPage(page);
    const after = decodeCursor(page.after, ['integer', 'instant or null', 'boolean', 'instant', 'uuid']);
    const { rows } = await this.#database.query<GrantRow>({
      name: 'grants-page',
      text: `select ${GRANT_COLUMNS} from credit_grant g
        where g.billing_entity_id = $1 and (not $2 or g.state = 'ACTIVE')
          and ($3::int is null
            or (g.priority, coalesce(g.expires_at, 'infinity'), g.source not in ('TRIAL', 'PROMOTION', 'ADJUSTMENT'), g.created_at, g.id)
             > ($3::int, coalesce($4::timestamptz, 'infinity'), not $5::boolean, $6::timestamptz, $7::uuid))
        order by g.priority, coalesce(g.expires_at, 'infinity'), g.source not in ('TRIAL', 'PROMOTION', 'ADJUSTMENT'), g.created_at, g.id
        limit $8`,
      values: [billingEntityId, activeOnly, ...(after ?? [null, null, null, null, null]), page.first + 1],
    });
    return toPage(rows.map(toGrant), page, (grant) => [
      grant.priority.toString(),
      grant.expiresAt?.toISOString() ?? null,
      isPromotional(grant.source),
      grant.createdAt.toISOString(),
      grant.id,
    ]);
  }

  /** One grant for each key, in their order; null where there is none. */
  async grantsByIds(keys: readonly { billingEntityId: string; id: string }[]): Promise<(Grant | null)[]> {
    const { rows } = await this.#database.query<GrantRow>({
      name: 'grants-by-ids',
      text: `select ${GRANT_COLUMNS} from credit_grant g
        where g.billing_entity_id = any($1::uuid[]) and g.id = any($2::uuid[])`,
      values: [keys.map((key) => key.billingEntityId), keys.map((key) => key.id)],
    });
    const found = new Map(rows.map((row) => [`${row.billing_entity_id} ${row.id}`, toGrant(row)]));
    return keys.map((key) => found.get(`${key.billingEntityId} ${key.id}`) ?? null);
  }
}

export interface EntryRow {
  billing_entity_id: string;
  sequence: bigint;
  kind: EntryKind;
  amount: bigint;
  available_after: bigint;
  held_change: bigint;
  held_after: bigint;
  overage_change: bigint;
  overage_after: bigint;
  owed_change: bigint;
  owed_after: bigint;
  grant_id: string | null;
  draw_grant_ids: string[] | null;
  draw_credits: string[] | null;
  actor: string;
  reason: string | null;
  created_at: Date;
}

export function toEntry(row: EntryRow): ReadEntry {
  const credits = row.draw_credits;
  return {
    billingEntityId: row.billing_entity_id,
    sequence: row.sequence,
    kind: row.kind,
    amount: row.amount,
    availableAfter: row.available_after,
    heldChange: row.held_change,
    heldAfter: row.held_after,
    overageChange: row.overage_change,
    overageAfter: row.overage_after,
    owedChange: row.owed_change,
    owedAfter: row.owed_after,
    grantId: row.grant_id,
    draws: row.draw_grant_ids?.map((grantId, index) => ({ grantId, credits: BigInt(credits?.[index] ?? 0) })) ?? null,
    actor: row.actor,
    reason: row.reason,
    createdAt: row.created_at,
  };
}

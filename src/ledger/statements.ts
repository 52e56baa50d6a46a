/** Statements of account: entries of the ledger and grants, read in pages. */
import { Conditions, ownersOf } from '../db/where.ts';
import type { Database } from '../db/database.ts';
import {
  checkPage,
  decodeCursor,
  everyPage,
  type Key,
  type Page,
  type PageRequest,
  toPage,
  toPages,
} from '../kernel/pagination.ts';
import { type Grant, isPromotional } from './rules/grants.ts';
import { ENTRY_COLUMNS, type EntryRow, GRANT_COLUMNS, type GrantRow, toEntry, toGrant } from './store/tables.ts';
import type { Entry } from './rules/entries.ts';

export interface LedgerFilter {
  readonly kinds: readonly string[] | null;
  /** Inclusive. */
  readonly from: Date | null;
  /** Exclusive. */
  readonly to: Date | null;
}

/** The kind of nearly all entries. Entries of all other kinds have an index of their own. */
const COMMON_KIND = 'CONSUMPTION';

/** Drawdown order (rule 5) in SQL, and the parts of a cursor in it. */
const DRAWDOWN = `g.priority, coalesce(g.expires_at, 'infinity'), g.root_source not in ('TRIAL', 'PROMOTION', 'ADJUSTMENT'),
  g.created_at, g.id`;
const GRANT_KEY = ['integer', 'instant or null', 'boolean', 'instant', 'uuid'] as const;

export class Statements {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** Every change of the balance, newest first. */
  async ledger(billingEntityId: string, page: PageRequest, filter: LedgerFilter): Promise<Page<Entry>> {
    checkPage(page);
    return this.#ledgerPage(billingEntityId, page, filter);
  }

  /** The pages of several accounts, in their order. */
  async ledgers(ids: readonly string[], page: PageRequest, filter: LedgerFilter): Promise<Page<Entry>[]> {
    checkPage(page);
    const { kinds, from, to } = filter;
    // These filters look something up in each account first, so accounts are read one after the other.
    if (from !== null || to !== null || kinds?.includes(COMMON_KIND) === false) {
      const pages: Page<Entry>[] = [];
      for (const id of ids) pages.push(await this.#ledgerPage(id, page, filter));
      return pages;
    }
    const after = decodeCursor(page.after, ['integer']);
    const where = new Conditions();
    const owners = ownersOf(ids, where);
    where.and(owners.condition('e'));
    if (after) where.and(`e.sequence < ${where.value(after[0])}`);
    if (kinds) where.and(`e.kind = any(${where.value(kinds)})`);
    const list = { columns: ENTRY_COLUMNS, table: 'ledger_entry', alias: 'e', order: 'e.sequence desc' };
    const { rows } = await this.#database.query<EntryRow>(
      owners.list({ ...list, where, limit: page.first + 1 }),
      where.values,
    );
    return toPages(ids, rows.map(toEntry), { request: page, keyOf: entryKey });
  }

  /** Every entry in the order of `ledger`, `size` at a time. */
  everyEntry(
    billingEntityId: string,
    filter: LedgerFilter,
    size: number,
  ): AsyncGenerator<readonly Entry[], void, undefined> {
    return everyPage(size, (page) => this.#ledgerPage(billingEntityId, page, filter));
  }

  async #ledgerPage(
    billingEntityId: string,
    page: PageRequest,
    { kinds, from, to }: LedgerFilter,
  ): Promise<Page<Entry>> {
    const after = decodeCursor(page.after, ['integer']);
    const where = new Conditions();
    const account = where.value(billingEntityId);
    where.and(`e.billing_entity_id = ${account}`);
    if (after) where.and(`e.sequence < ${where.value(after[0])}`);
    if (from) where.and(`e.sequence >= ${firstSince(account, where.value(from))}`);
    if (to) where.and(`e.sequence < ${firstSince(account, where.value(to))}`);
    const limit = where.value(page.first + 1);
    if (kinds === null || kinds.includes(COMMON_KIND)) {
      if (kinds) where.and(`e.kind = any(${where.value(kinds)})`);
      return this.#entries(`from ledger_entry e ${where.clause}`, { where, limit, page });
    }
    // Each kind is read from its own place in the index. All kinds together would be read from the beginning.
    const kind = where.value([...new Set(kinds)]);
    where.and(`e.kind = k.kind and e.kind <> '${COMMON_KIND}'`);
    return this.#entries(
      `from unnest(${kind}::text[]) as k(kind) cross join lateral (
         select * from ledger_entry e ${where.clause} order by e.sequence desc limit ${limit}
       ) e`,
      { where, limit, page },
    );
  }

  async #entries(
    from: string,
    { where, limit, page }: { where: Conditions; limit: string; page: PageRequest },
  ): Promise<Page<Entry>> {
    const { rows } = await this.#database.query<EntryRow>(
      `select ${ENTRY_COLUMNS} ${from} order by e.sequence desc limit ${limit}`,
      where.values,
    );
    return toPage(rows.map(toEntry), page, entryKey);
  }

  /** One entry for each key, in their order; null where there is none. */
  async entriesBySequence(keys: readonly { billingEntityId: string; sequence: bigint }[]): Promise<(Entry | null)[]> {
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

  /** Grants in drawdown order (rule 5). `activeOnly`: only grants in effect that have credits left. */
  async grants(
    billingEntityId: string,
    page: PageRequest,
    { activeOnly }: { activeOnly: boolean },
  ): Promise<Page<Grant>> {
    checkPage(page);
    const after = decodeCursor(page.after, GRANT_KEY);
    const { rows } = await this.#database.query<GrantRow>({
      name: 'grants-page',
      text: `select ${GRANT_COLUMNS} from credit_grant g
        where g.billing_entity_id = $1 and (not $2 or g.state = 'ACTIVE')
          and ($3::int is null
            or (${DRAWDOWN})
             > ($3::int, coalesce($4::timestamptz, 'infinity'), not $5::boolean, $6::timestamptz, $7::uuid))
        order by ${DRAWDOWN}
        limit $8`,
      values: [billingEntityId, activeOnly, ...(after ?? [null, null, null, null, null]), page.first + 1],
    });
    return toPage(rows.map(toGrant), page, grantKey);
  }

  /** The pages of several accounts, in their order. */
  async grantsOfEach(
    ids: readonly string[],
    page: PageRequest,
    { activeOnly }: { activeOnly: boolean },
  ): Promise<Page<Grant>[]> {
    checkPage(page);
    const after = decodeCursor(page.after, GRANT_KEY);
    const where = new Conditions();
    const owners = ownersOf(ids, where);
    where.and(owners.condition('g'));
    if (activeOnly) where.and(`g.state = 'ACTIVE'`);
    if (after) {
      const [priority, expiresAt, isPaid, createdAt, id] = after.map((part) => where.value(part));
      where.and(`(${DRAWDOWN}) > (${priority}::int, coalesce(${expiresAt}::timestamptz, 'infinity'), not ${isPaid}::boolean,
        ${createdAt}::timestamptz, ${id}::uuid)`);
    }
    const list = { columns: GRANT_COLUMNS, table: 'credit_grant', alias: 'g', order: DRAWDOWN };
    const { rows } = await this.#database.query<GrantRow>(
      owners.list({ ...list, where, limit: page.first + 1 }),
      where.values,
    );
    return toPages(ids, rows.map(toGrant), { request: page, keyOf: grantKey });
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

function entryKey({ sequence }: Entry): Key {
  return [sequence.toString()];
}

function grantKey(grant: Grant): Key {
  return [
    grant.priority.toString(),
    grant.expiresAt?.toISOString() ?? null,
    isPromotional(grant),
    grant.createdAt.toISOString(),
    grant.id,
  ];
}

/**
 * SQL for the sequence of an account's first entry at or after an instant, or of its next entry if there is none. Entries
 * are in the order of their time, so halving finds it by some twenty look-ups. Without it a span would be searched from
 * the newest entry on, or every entry would need an index by time.
 */
function firstSince(account: string, instant: string): string {
  return `(
    with recursive halves(low, high) as (
      select 0::bigint, coalesce(max(sequence), 0) + 1 from ledger_entry where billing_entity_id = ${account}
      union all
      select case when m.created_at < ${instant} then m.sequence else h.low end,
        case when m.created_at < ${instant} then h.high else m.sequence end
      from halves h join ledger_entry m on m.billing_entity_id = ${account} and m.sequence = (h.low + h.high) / 2
      where h.high - h.low > 1
    )
    select min(high) from halves
  )`;
}

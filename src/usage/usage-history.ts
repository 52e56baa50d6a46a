/** What was used: records read in pages, and watched as they come. */
import { Conditions } from '../db/conditions.ts';
import type { Database } from '../db/database.ts';
import { sooner, type UsageRecord } from '../credits/account.ts';
import { parseRecordId } from '../ids.ts';
import { checkPage, decodeCursor, everyPage, type Page, type PageRequest, toPage } from '../pagination.ts';
import { placesOf } from './places.ts';
import { type RecordRow, RECORD_COLUMNS, toRecord } from './usage-record-row.ts';
import { addSelection, type Selection, selectionOf, type UseFilter } from './use-filter.ts';

export interface UsageFilter extends UseFilter {
  /** By occurredAt, inclusive. */
  readonly from: Date | null;
  /** By occurredAt, exclusive. */
  readonly to: Date | null;
}

/** New records since the last event: the newest few, and how many more there were. */
export interface UsageEvent {
  readonly records: readonly UsageRecord[];
  readonly skipped: bigint;
}

interface EntryKey {
  readonly billingEntityId: string;
  readonly sequence: bigint;
}

interface EntryRow {
  billing_entity_id: string;
  sequence: bigint;
}

/** The newest state of an account, whenever its ledger grew: at most ten a second, the state at once first. */
type Changes = (billingEntityId: string) => AsyncIterableIterator<{ readonly sequence: bigint }>;

const MAX_EVENT_RECORDS = 20;

export class UsageHistory {
  readonly #database: Database;
  readonly #changes: Changes;

  constructor(database: Database, changes: Changes) {
    this.#database = database;
    this.#changes = changes;
  }

  /** By occurredAt, newest first. @throws Refusal BAD_USER_INPUT */
  async records(billingEntityId: string, page: PageRequest, filter: UsageFilter): Promise<Page<UsageRecord>> {
    checkPage(page);
    return this.#page(billingEntityId, page, filter);
  }

  /** All of them in the order of `records`, `size` at a time. What is recorded meanwhile moves nothing. */
  everyRecord(
    billingEntityId: string,
    filter: UsageFilter,
    size: number,
  ): AsyncGenerator<readonly UsageRecord[], void, undefined> {
    return everyPage(size, (page) => this.#page(billingEntityId, page, filter));
  }

  async #page(billingEntityId: string, page: PageRequest, filter: UsageFilter): Promise<Page<UsageRecord>> {
    const after = decodeCursor(page.after, ['instant', 'integer', 'integer']);
    const selection = await selectionOf(filter, this.#database);
    if (selection === null) return toPage([], page, recordKey);

    const where = new Conditions();
    where.and(`u.billing_entity_id = ${where.value(billingEntityId)}`);
    if (after) {
      const [occurredAt, sequence, line] = after.map((part) => where.value(part));
      where.and(
        `(u.occurred_at, u.sequence, u.line) < (${occurredAt}::timestamptz, ${sequence}::bigint, ${line}::smallint)`,
      );
    }
    if (filter.from) where.and(`u.occurred_at >= ${where.value(filter.from)}`);
    if (filter.to) where.and(`u.occurred_at < ${where.value(filter.to)}`);
    addSelection(where, 'u', selection);
    // True of everybody but the payer, and what lets the index by user serve: it has nobody's use of their own account.
    if (selection.userIds?.includes(billingEntityId) === false) where.and('u.user_id <> u.billing_entity_id');
    const count = page.first + 1;
    const newestFirst = `order by u.occurred_at desc, u.sequence desc, u.line desc limit ${where.value(count)}`;
    let text: string;
    if (isOneRangeOfAnIndex(selection, billingEntityId)) {
      text = `select ${RECORD_COLUMNS} from usage_record u ${where.clause} ${newestFirst}`;
    } else {
      const until = sooner(after && new Date(after[0]), filter.to);
      const place = placesOf({ billingEntityId, selection, from: filter.from, until, count }, where.values);
      where.and(`u.occurred_at >= place.start and u.occurred_at < place.start + interval '1 hour'`);
      text = `with ${place} select ${RECORD_COLUMNS} from place cross join lateral (
          select * from usage_record u ${where.clause} ${newestFirst}
        ) u ${newestFirst}`;
    }
    const { rows } = await this.#database.query<RecordRow>(text, where.values);
    return toPage(rows.map(toRecord), page, recordKey);
  }

  /** The record with this public id, or null. @throws Refusal NOT_FOUND when malformed */
  async record(id: string): Promise<UsageRecord | null> {
    const { billingEntityId, sequence, line } = parseRecordId(id);
    const [records] = await this.recordsByEntry([{ billingEntityId, sequence }]);
    return records?.find((record) => record.line === line) ?? null;
  }

  /** The records of each of these entries, in order of their lines. */
  async recordsByEntry(keys: readonly EntryKey[]): Promise<UsageRecord[][]> {
    const { rows } = await this.#database.query<RecordRow>({
      name: 'records-by-entry',
      text: `select ${RECORD_COLUMNS} from unnest($1::uuid[], $2::bigint[]) as k(billing_entity_id, sequence)
        join usage_record u on u.billing_entity_id = k.billing_entity_id and u.sequence = k.sequence
        where u.billing_entity_id = any($1) order by u.line`,
      values: [keys.map((key) => key.billingEntityId), keys.map((key) => key.sequence)],
    });
    const found = Map.groupBy(rows.map(toRecord), entryKey);
    return keys.map((key) => found.get(entryKey(key)) ?? []);
  }

  /** When each of these records was refunded, in their order; null where it was not. */
  async refundedAt(keys: readonly (EntryKey & { readonly line: number })[]): Promise<(Date | null)[]> {
    const { rows } = await this.#database.query<EntryRow & { line: number; refunded_at: Date }>({
      name: 'refunds-of-records',
      text: `select f.billing_entity_id, f.sequence, f.line, f.refunded_at
        from unnest($1::uuid[], $2::bigint[], $3::smallint[]) as k(billing_entity_id, sequence, line)
        join usage_refund f on f.billing_entity_id = k.billing_entity_id and f.sequence = k.sequence and f.line = k.line
        where f.billing_entity_id = any($1)`,
      values: [keys.map((key) => key.billingEntityId), keys.map((key) => key.sequence), keys.map((key) => key.line)],
    });
    const found = new Map(rows.map((row) => [`${row.billing_entity_id} ${row.sequence} ${row.line}`, row.refunded_at]));
    return keys.map((key) => found.get(`${entryKey(key)} ${key.line}`) ?? null);
  }

  /** Records as they come: at most ten events a second, beginning with what is recorded after subscribing. */
  async *watch(billingEntityId: string): AsyncGenerator<UsageEvent, void, undefined> {
    let seen: bigint | null = null;
    for await (const { sequence } of this.#changes(billingEntityId)) {
      if (seen !== null && sequence > seen) {
        const event = await this.#recordedBetween(billingEntityId, seen, sequence);
        if (event.records.length > 0) yield event;
      }
      seen = seen === null || sequence > seen ? sequence : seen;
    }
  }

  async #recordedBetween(billingEntityId: string, after: bigint, through: bigint): Promise<UsageEvent> {
    const { rows } = await this.#database.query<RecordRow & { total: bigint }>({
      name: 'records-between',
      text: `select ${RECORD_COLUMNS}, count(*) over () as total from usage_record u
        where u.billing_entity_id = $1 and u.sequence > $2 and u.sequence <= $3
        order by u.sequence desc, u.line desc limit $4`,
      values: [billingEntityId, after, through, MAX_EVENT_RECORDS],
    });
    return { records: rows.map(toRecord), skipped: (rows[0]?.total ?? 0n) - BigInt(rows.length) };
  }
}

/**
 * Whether these records stand side by side in an index, in the order of the page: all of them, one feature's, one
 * person's. Of any others a page might be looked for through all of history, so that sums have to tell where it is.
 */
function isOneRangeOfAnIndex({ resources, userIds, billingModes, features }: Selection, payer: string): boolean {
  if (resources || billingModes) return false;
  if (features) return features.length === 1 && !userIds;
  return !userIds || (userIds.length === 1 && userIds[0] !== payer);
}

/** A record's place among the others of its account. */
function recordKey({ occurredAt, sequence, line }: UsageRecord): [string, string, string] {
  return [occurredAt.toISOString(), sequence.toString(), line.toString()];
}

function entryKey({ billingEntityId, sequence }: EntryKey): string {
  return `${billingEntityId} ${sequence}`;
}

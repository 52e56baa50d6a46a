/** What was used: records read in pages, and watched as they come. */
import type { Database } from '../db/database.ts';
import type { BillingMode, UsageRecord } from '../credits/account.ts';
import { parseRecordId } from '../ids.ts';
import { checkPage, decodeCursor, everyPage, type Page, type PageRequest, toPage } from '../pagination.ts';
import type { Resource } from '../plans/rates.ts';
import { isStorableText } from '../storable-text.ts';
import { type RecordRow, RECORD_COLUMNS, toRecord } from './usage-record-row.ts';

export interface UsageFilter {
  /** By occurredAt, inclusive. */
  readonly from: Date | null;
  /** By occurredAt, exclusive. */
  readonly to: Date | null;
  readonly resources: readonly Resource[] | null;
  readonly userExternalIds: readonly string[] | null;
  readonly billingModes: readonly BillingMode[] | null;
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

  /** By occurredAt, newest first. */
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
    const userIds = filter.userExternalIds && (await this.#userIds(filter.userExternalIds));
    const { rows } = await this.#database.query<RecordRow>({
      name: 'usage-page',
      text: `select ${RECORD_COLUMNS} from usage_record u
        where u.billing_entity_id = $1
          and ($2::timestamptz is null or (u.occurred_at, u.sequence, u.line) < ($2, $3::bigint, $4::smallint))
          and ($5::timestamptz is null or u.occurred_at >= $5) and ($6::timestamptz is null or u.occurred_at < $6)
          and ($7::text[] is null or u.resource = any($7)) and ($8::text[] is null or u.billing_mode = any($8))
          and ($9::uuid[] is null or u.user_id = any($9))
        order by u.occurred_at desc, u.sequence desc, u.line desc limit $10`,
      values: [
        billingEntityId,
        ...(after ?? [null, null, null]),
        filter.from,
        filter.to,
        filter.resources,
        filter.billingModes,
        userIds,
        page.first + 1,
      ],
    });
    return toPage(rows.map(toRecord), page, (record) => [
      record.occurredAt.toISOString(),
      record.sequence.toString(),
      record.line.toString(),
    ]);
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

  /** Persons by their external ids, resolved in the directory first and by itself. Unknown ones match nothing. */
  async #userIds(externalIds: readonly string[]): Promise<string[]> {
    const { rows } = await this.#database.query<{ billing_entity_id: string }>(
      `select billing_entity_id from entity_key where namespace = 'USER' and key = any($1::text[])`,
      [externalIds.filter(isStorableText)],
    );
    return rows.map((row) => row.billing_entity_id);
  }
}

function entryKey({ billingEntityId, sequence }: EntryKey): string {
  return `${billingEntityId} ${sequence}`;
}

/** Usage records: read in pages, and watched as they arrive. */
import { Conditions } from '../db/where.ts';
import type { Database } from '../db/database.ts';
import { sooner } from '../ledger/rules/account.ts';
import { parseRecordId } from '../kernel/public-ids.ts';
import { checkPage, decodeCursor, everyPage, type Page, type PageRequest, toPage } from '../kernel/pagination.ts';
import { type OwnedBy, placesOf } from './occupied-hours.ts';
import { earliestUse, latestUse, type RecordedSpan, type Sequences, sequencesOf } from './recorded-span.ts';
import { RecordedSince } from './recorded-since.ts';
import type { Watched } from './usage-cursor.ts';
import type { UsageStream } from './usage-hub.ts';
import { type From, type Sources, UsageStreams } from './usage-streams.ts';
import { RECORD_COLUMNS, type RecordRow, toRecord } from '../ledger/store/tables.ts';
import { addSelection, othersIn, type Selection, selectionOf, type UseFilter, type UseOf } from './use-filter.ts';
import type { UsageRecord } from '../ledger/rules/entries.ts';

export interface UsageFilter extends UseFilter {
  /** By occurredAt, inclusive. */
  readonly from: Date | null;
  /** By occurredAt, exclusive. */
  readonly to: Date | null;
  /** By recordedAt, inclusive. */
  readonly recordedFrom: Date | null;
  /** By recordedAt, exclusive. */
  readonly recordedTo: Date | null;
}

/** What was given back of a usage record (rule 22). */
export interface RecordRefund {
  /** Of all parts together, in whole credits. */
  readonly credits: bigint;
  /** Of the last part. */
  readonly refundedAt: Date;
}

interface EntryKey {
  readonly billingEntityId: string;
  readonly sequence: bigint;
}

interface EntryRow {
  billing_entity_id: string;
  sequence: bigint;
}

export class UsageHistory {
  readonly #database: Database;
  readonly #streams: UsageStreams;

  constructor(database: Database, sources: Sources) {
    this.#database = database;
    const recorded = new RecordedSince(database);
    this.#streams = new UsageStreams(sources, {
      inAccount: (use, place) => recorded.inAccount(use, place),
      publicNow: (use) => recorded.publicNow(use),
      inPublic: (use, place) => recorded.inPublic(use, place),
    });
  }

  /** Streams that are open. */
  get openStreams(): number {
    return this.#streams.open;
  }

  /** Streams of states that those follow. */
  get followedStreams(): number {
    return this.#streams.followed;
  }

  /** By occurredAt, newest first. @throws Refusal BAD_USER_INPUT */
  async records(of: UseOf, page: PageRequest, filter: UsageFilter): Promise<Page<UsageRecord>> {
    checkPage(page);
    return this.#page(of, page, filter);
  }

  /** All records in the order of `records`, `size` at a time. New records do not move the pages. */
  everyRecord(of: UseOf, filter: UsageFilter, size: number): AsyncGenerator<readonly UsageRecord[], void, undefined> {
    return everyPage(size, (page) => this.#page(of, page, filter));
  }

  async #page(of: UseOf, page: PageRequest, filter: UsageFilter): Promise<Page<UsageRecord>> {
    const after = toPlace(decodeCursor(page.after, ['instant', 'uuid', 'integer', 'integer']));
    const selection = await selectionOf(filter, this.#database);
    if (selection === null) return toPage([], page, recordKey);

    const where = new Conditions();
    const recorded = await this.#recorded(of.billingEntityId, filter);
    const request = { after, filter, selection, recorded, limit: page.first + 1 };
    const paid = paidBy(of.billingEntityId, where, request);
    // Each part comes in the order of an index of its own, and no more of it than the page has room for.
    const text =
      of.type === 'USER'
        ? paid
        : `select * from (
            (${paid}) union all (${paidByOthersIn(of.billingEntityId, where, request)})
          ) u order by u.occurred_at desc, u.billing_entity_id desc, u.sequence desc, u.line desc limit ${request.limit}`;
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

  /** What was refunded of each of these records, in their order; null: nothing was. */
  async refunds(keys: readonly (EntryKey & { readonly line: number })[]): Promise<(RecordRefund | null)[]> {
    const { rows } = await this.#database.query<EntryRow & { line: number; refunded_at: Date; credits: bigint }>({
      name: 'refunds-of-records',
      // A refund without credits is one of before parts: it gave back everything.
      text: `select f.billing_entity_id, f.sequence, f.line, max(f.refunded_at) as refunded_at,
          sum(coalesce(f.credits, u.credits))::bigint as credits
        from unnest($1::uuid[], $2::bigint[], $3::smallint[]) as k(billing_entity_id, sequence, line)
        join usage_refund f on f.billing_entity_id = k.billing_entity_id and f.sequence = k.sequence and f.line = k.line
        join usage_record u on u.billing_entity_id = k.billing_entity_id and u.sequence = k.sequence and u.line = k.line
        where f.billing_entity_id = any($1) and u.billing_entity_id = any($1)
        group by f.billing_entity_id, f.sequence, f.line`,
      values: [keys.map((key) => key.billingEntityId), keys.map((key) => key.sequence), keys.map((key) => key.line)],
    });
    const found = new Map(
      rows.map(({ refunded_at: refundedAt, credits, ...row }) => [
        `${row.billing_entity_id} ${row.sequence} ${row.line}`,
        { refundedAt, credits },
      ]),
    );
    return keys.map((key) => found.get(`${entryKey(key)} ${key.line}`) ?? null);
  }

  /**
   * Records as they arrive: at most ten events a second, beginning with what was recorded after a cursor, or after now. Counts from
   * the call on, so end it (`return()`) in any case.
   * @throws Refusal BAD_USER_INPUT for what is no cursor of this entity's live use
   */
  watch(watched: Watched, from: From): UsageStream {
    return this.#streams.watch(watched, from);
  }

  /** The records that the filter selects by their instant of recording; null: it does not. */
  async #recorded(billingEntityId: string, { recordedFrom, recordedTo }: UsageFilter): Promise<Recorded | null> {
    if (recordedFrom === null && recordedTo === null) return null;
    const span = { from: recordedFrom, to: recordedTo };
    return { ...span, sequences: await sequencesOf(billingEntityId, span, this.#database) };
  }
}

interface Place {
  readonly occurredAt: string;
  readonly billingEntityId: string;
  readonly sequence: string;
  readonly line: string;
}

/** A span of recording, and the sequences of the owner's own account that lie in it. */
interface Recorded extends RecordedSpan {
  readonly sequences: Sequences;
}

interface PageParts {
  readonly after: Place | null;
  readonly filter: UsageFilter;
  readonly selection: Selection;
  readonly recorded: Recorded | null;
  readonly limit: number;
}

/** Most entries whose records are sorted for each page. Of more, an index has them in order. */
const MOST_SORTED = 2_000n;

/** The statement of a page of use that one account paid for. */
function paidBy(billingEntityId: string, where: Conditions, parts: PageParts): string {
  const { after, selection, recorded } = parts;
  const own: OwnedBy = (table, conditions) => `${table}.billing_entity_id = ${conditions.value(billingEntityId)}`;
  const part = where.part().and(own('u', where));
  if (after) {
    const at = part.value(after.occurredAt);
    // Records of one instant are in the order of who paid first; so for one payer it says whether that instant is past.
    if (billingEntityId === after.billingEntityId) {
      part.and(`(u.occurred_at, u.sequence, u.line)
        < (${at}::timestamptz, ${part.value(after.sequence)}::bigint, ${part.value(after.line)}::smallint)`);
    } else part.and(`u.occurred_at ${billingEntityId < after.billingEntityId ? '<=' : '<'} ${at}::timestamptz`);
  }
  addSpan(part, parts);
  addSelection(part, 'u', selection);
  const order = 'u.occurred_at desc, u.sequence desc, u.line desc';
  if (recorded) {
    const { since, until } = recorded.sequences;
    const within = `u.sequence >= ${part.value(since)}::bigint and u.sequence < ${part.value(until)}::bigint`;
    if (until - since <= MOST_SORTED) {
      const range = where.part().and(own('u', where)).and(within);
      return `with recorded as materialized (select * from usage_record u ${range.clause})
        select ${RECORD_COLUMNS} from recorded u ${part.clause} order by ${order} limit ${parts.limit}`;
    }
    // Every index that has records in the order of the page has their sequences, too: only records of the span are read.
    part.and(within);
  }
  // This holds for every user but the payer, and lets the index by user serve: it leaves out use on one's own account.
  if (selection.userIds?.includes(billingEntityId) === false) part.and('u.user_id <> u.billing_entity_id');
  return isOneRangeOfAnIndex(selection, billingEntityId)
    ? inOneGo(part, order, parts)
    : byPlace(part, order, { own, ...parts });
}

/**
 * The statement of a page of use that an organization's people paid for themselves: the one list that lies in many accounts.
 * It is read through an index by organization; a distributed database asks every shard for its first few rows.
 */
function paidByOthersIn(organizationId: string, where: Conditions, parts: PageParts): string {
  const { after, selection } = parts;
  const own: OwnedBy = (table, conditions) => othersIn(table, conditions.value(organizationId));
  const part = where.part().and(`u.organization_id = ${where.value(organizationId)}`);
  part.and('u.organization_id <> u.billing_entity_id');
  if (after) {
    const [at, payer] = [part.value(after.occurredAt), part.value(after.billingEntityId)];
    part.and(`(u.occurred_at, u.billing_entity_id, u.sequence, u.line) < (${at}::timestamptz, ${payer}::uuid,
      ${part.value(after.sequence)}::bigint, ${part.value(after.line)}::smallint)`);
  }
  addSpan(part, parts);
  addSelection(part, 'u', selection);
  const order = 'u.occurred_at desc, u.billing_entity_id desc, u.sequence desc, u.line desc';
  const { resources, userIds, billingModes, features, apiKeyIds, models } = selection;
  const isAll = !resources && !userIds && !billingModes && !features && !apiKeyIds && !models;
  return isAll ? inOneGo(part, order, parts) : byPlace(part, order, { own, ...parts });
}

function inOneGo(where: Conditions, order: string, { limit }: PageParts): string {
  return `select ${RECORD_COLUMNS} from usage_record u ${where.clause} order by ${order} limit ${limit}`;
}

/** Records that are not adjacent in an index could need a search through all of history; sums tell the hours that hold them. */
function byPlace(
  where: Conditions,
  order: string,
  { own, after, filter, selection, recorded, limit }: PageParts & { readonly own: OwnedBy },
): string {
  const until = sooner(after && new Date(after.occurredAt), sooner(filter.to, recorded && latestUse(recorded)));
  const earliest = recorded && earliestUse(recorded);
  const from = filter.from && earliest && filter.from < earliest ? earliest : (filter.from ?? earliest);
  // Sums do not tell when use was recorded, so that they cannot tell how many hours are enough.
  const place = placesOf({ own, selection, from, until, count: recorded ? null : limit }, where);
  where.and(`u.occurred_at >= place.start and u.occurred_at < place.start + interval '1 hour'`);
  return `with ${place} select ${RECORD_COLUMNS} from place cross join lateral (
      select * from usage_record u ${where.clause} order by ${order} limit ${limit}
    ) u order by ${order} limit ${limit}`;
}

/**
 * True when these records are adjacent in an index, in the order of the page: all records, or those of one feature, one
 * model, one key or one person.
 */
function isOneRangeOfAnIndex(selection: Selection, payer: string): boolean {
  const { resources, userIds, billingModes, features, apiKeyIds, organizationIds, models } = selection;
  if (resources || billingModes || organizationIds) return false;
  const [list, ...others] = [userIds, features, apiKeyIds, models].filter((each) => each !== null);
  if (list === undefined) return true;
  return others.length === 0 && list.length === 1 && list[0] !== payer;
}

function addSpan(where: Conditions, { filter: { from, to }, recorded }: PageParts): void {
  if (from) where.and(`u.occurred_at >= ${where.value(from)}`);
  if (to) where.and(`u.occurred_at < ${where.value(to)}`);
  if (recorded === null) return;
  if (recorded.from) {
    where.and(`u.recorded_at >= ${where.value(recorded.from)}`);
    where.and(`u.occurred_at >= ${where.value(earliestUse(recorded))}`);
  }
  if (recorded.to) {
    where.and(`u.recorded_at < ${where.value(recorded.to)}`);
    where.and(`u.occurred_at < ${where.value(latestUse(recorded))}`);
  }
}

function toPlace(key: readonly [string, string, string, string] | null): Place | null {
  if (key === null) return null;
  const [occurredAt, billingEntityId, sequence, line] = key;
  return { occurredAt, billingEntityId, sequence, line };
}

/** A record's place among all others. */
function recordKey({ occurredAt, billingEntityId, sequence, line }: UsageRecord): [string, string, string, string] {
  return [occurredAt.toISOString(), billingEntityId, sequence.toString(), line.toString()];
}

function entryKey({ billingEntityId, sequence }: EntryKey): string {
  return `${billingEntityId} ${sequence}`;
}

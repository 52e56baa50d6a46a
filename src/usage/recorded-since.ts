/** Use that was recorded since a place, in the order of recording: the newest of it, and how much there was. */
import type { Database } from '../db/database.ts';
import type { UsageRecord } from '../ledger/rules/entries.ts';
import { RECORD_COLUMNS, type RecordRow, toRecord } from '../ledger/store/tables.ts';
import { type AccountPlace, MAX_HEADS, type PublicPlace } from './usage-cursor.ts';
import type { OwnUse } from './use-filter.ts';

/** The records after a place, and the place after all of them. */
export interface News<Place> {
  /** Newest first, at most `MAX_EVENT_RECORDS`. */
  readonly records: readonly UsageRecord[];
  /** Records that are not among those. */
  readonly skipped: bigint;
  /** true: there may have been more than these. */
  readonly hasGap: boolean;
  readonly place: Place;
}

/** Use that one account paid for. */
export interface AccountUse {
  readonly billingEntityId: string;
  /** The only use that is told of; null: all use. */
  readonly own: OwnUse | null;
  /** Only use in this organization; null: wherever it was used. */
  readonly organizationId: string | null;
}

/** Use in a public organization that its people paid for themselves. */
export interface PublicUse {
  readonly organizationId: string;
  /** Only what ran on this key; null: all use. */
  readonly apiKeyId: string | null;
}

/** Most records that an event shows. */
export const MAX_EVENT_RECORDS = 20;

/** Bounds of a reading. */
export interface Bounds {
  /** Entries of an account, or records in an organization, that are looked at. More may have been recorded since a place. */
  readonly counted: number;
  /**
   * Records in an organization that a place counts, while they are younger than `settleMs`: each event counts them once more. A
   * commit that becomes visible behind so many records, or so much later, is not told of.
   */
  readonly unsettled: number;
  /** A ledger transaction ends within 20 s of the instant that it records, and clocks of servers may differ by the rest. */
  readonly settleMs: number;
  /** Records among which the accounts are looked for that a place names. */
  readonly headed: number;
}

const BOUNDS: Bounds = { counted: 50_000, unsettled: 10_000, settleMs: 60_000, headed: 1_000 };

export class RecordedSince {
  readonly #database: Database;
  readonly #bounds: Bounds;

  constructor(database: Database, bounds: Bounds = BOUNDS) {
    this.#database = database;
    this.#bounds = bounds;
  }

  /** What was recorded in an account since a place. Its commits are visible in their order, and the primary key has it. */
  async inAccount(use: AccountUse, { sequence }: AccountPlace): Promise<News<AccountPlace>> {
    const { billingEntityId, own, organizationId } = use;
    const where = `u.billing_entity_id = $1 and u.sequence > s.after and u.sequence <= s.through
      and ($3::uuid is null or u.user_id = $3) and ($4::uuid is null or u.api_key_id = $4)
      and ($5::uuid is null or u.organization_id = $5)`;
    const { rows } = await this.#database.query<Partial<RecordRow> & { after: bigint; ended: bigint; total: bigint }>({
      name: 'records-between',
      text: `select s.after, s.ended, c.total, r.* from (
          select l.through, greatest($2::bigint, l.through - $6::bigint) as after,
            coalesce((select a.sequence from credit_account a where a.billing_entity_id = $1), l.through) as ended
          from (select ${LAST_ENTRY} as through) l
        ) s
        cross join lateral (select count(*) as total from usage_record u where ${where}) c
        left join lateral (
          select ${RECORD_COLUMNS} from usage_record u where ${where}
          order by u.sequence desc, u.line desc limit ${MAX_EVENT_RECORDS}
        ) r on true order by r.sequence desc, r.line desc`,
      values: [
        billingEntityId,
        sequence,
        own !== null && 'userId' in own ? own.userId : null,
        own !== null && 'apiKeyId' in own ? own.apiKeyId : null,
        organizationId,
        this.#bounds.counted,
      ],
    });
    const { after = 0n, ended = 0n, total = 0n } = rows[0] ?? {};
    const records = toRecords(rows);
    return {
      records,
      skipped: total - BigInt(records.length),
      // A place beyond the end is none of this database, which may have been restored.
      hasGap: after !== sequence || sequence > ended,
      // The ledger's end, and not that of use: so all who have read it stand alike, wherever they began.
      place: { kind: 'account', sequence: ended },
    };
  }

  /** The place after everything that is recorded in a public organization now. */
  async publicNow(use: PublicUse): Promise<PublicPlace> {
    return (await this.#inPublic(use, BEGINNING, this.#bounds.unsettled)).place;
  }

  /**
   * What was recorded in a public organization since a place: everything of the time after `since`, less what had been seen of it.
   * So nothing is lost or told twice, in whatever order the commits became visible.
   */
  async inPublic(use: PublicUse, place: PublicPlace): Promise<News<PublicPlace>> {
    const { facts, place: next, rows } = await this.#inPublic(use, place, this.#bounds.counted);
    const records = toRecords(rows);
    const skipped = facts.total - place.seen - BigInt(records.length);
    const hasGap = facts.scanned > BigInt(this.#bounds.counted) || skipped < 0n;
    return { records, skipped: skipped < 0n ? 0n : skipped, hasGap, place: next };
  }

  /**
   * This list lies in many accounts, and is read through an index by organization. It is one statement, so that what is counted
   * is what is shown.
   */
  async #inPublic(
    { organizationId, apiKeyId }: PublicUse,
    { since, settled, heads }: PublicPlace,
    counted: number,
  ): Promise<{ facts: Facts; place: PublicPlace; rows: Partial<RecordRow>[] }> {
    const { unsettled, settleMs, headed } = this.#bounds;
    const { rows } = await this.#database.query<Partial<RecordRow> & Facts>({
      name: `records-in-public-${counted}`,
      text: `with recent as materialized (
          select u.recorded_at, u.billing_entity_id, u.sequence, u.api_key_id,
            row_number() over (order by u.recorded_at desc) as place
          from usage_record u where ${IN_PUBLIC} and u.recorded_at > $2 order by u.recorded_at desc limit ${counted + 1}
        ), next as (
          select count(*) as scanned, max(recorded_at) filter (where place = ${headed + 1}) as crowded,
            greatest($2::timestamptz, max(recorded_at) - interval '${settleMs} milliseconds',
              max(recorded_at) filter (where place = ${unsettled + 1})) as since
          from recent
        ), own as (
          select o.* from recent o where $3::uuid is null or o.api_key_id = $3
        ), heads as (
          select o.billing_entity_id, max(o.sequence) as sequence, max(o.recorded_at) as recorded_at
          from own o cross join next n where o.place <= ${headed} and o.recorded_at > n.since
          group by o.billing_entity_id order by max(o.recorded_at) desc limit ${MAX_HEADS + 1}
        ), shown as (
          select ${RECORD_COLUMNS} from (
            select * from usage_record u where ${IN_PUBLIC} and u.recorded_at > $4
            order by u.recorded_at desc limit ${counted}
          ) u where ($3::uuid is null or u.api_key_id = $3) and not exists (
            select from unnest($5::uuid[], $6::bigint[]) as h(billing_entity_id, sequence)
            where h.billing_entity_id = u.billing_entity_id and u.sequence <= h.sequence
          )
          order by u.recorded_at desc, u.billing_entity_id desc, u.sequence desc, u.line desc limit ${MAX_EVENT_RECORDS}
        )
        select n.scanned, n.since, n.crowded, (select count(*) from own) as total,
          (select count(*) from own o where o.recorded_at > n.since) as seen,
          (select coalesce(json_agg(json_build_array(h.billing_entity_id, h.sequence::text, h.recorded_at)
            order by h.recorded_at desc), '[]') from heads h) as heads, r.*
        from next n left join shown r on true
        order by r.recorded_at desc, r.billing_entity_id desc, r.sequence desc, r.line desc`,
      values: [
        organizationId,
        since,
        apiKeyId,
        settled,
        heads.map(([billingEntityId]) => billingEntityId),
        heads.map(([, sequence]) => sequence),
      ],
    });
    const [facts] = rows;
    if (facts === undefined) throw new Error('an aggregate came without a row');
    return { facts, place: placeAfter(facts), rows };
  }
}

/** What was seen in a public organization, in figures. */
interface Facts {
  /** Records that were looked at, whatever they ran on. */
  readonly scanned: bigint;
  readonly total: bigint;
  readonly since: Date;
  /** Recorded after `since`. */
  readonly seen: bigint;
  /** The newest of the records that are too many to look for accounts among them; null: there is none. */
  readonly crowded: Date | null;
  /** The accounts with the newest records: the last entry of each, and when it was recorded. One more than a place names. */
  readonly heads: readonly (readonly [billingEntityId: string, sequence: string, recordedAt: string])[];
}

function placeAfter({ since, seen, crowded, heads }: Facts): PublicPlace {
  const newest = heads.map(([id, sequence, at]) => ({ id, sequence: BigInt(sequence), at: new Date(at) }));
  const unnamed = newest[MAX_HEADS]?.at;
  const settled = new Date(Math.max(since.getTime(), crowded?.getTime() ?? 0, unnamed?.getTime() ?? 0));
  const named = newest.slice(0, MAX_HEADS).filter(({ at }) => at > settled);
  return { kind: 'public', since, seen, settled, heads: named.map(({ id, sequence }) => [id, sequence] as const) };
}

const LAST_ENTRY = `coalesce((select u.sequence from usage_record u where u.billing_entity_id = $1
  order by u.sequence desc limit 1), 0)`;
const IN_PUBLIC = 'u.organization_id = $1 and u.organization_id <> u.billing_entity_id';

/** Before everything. `settled` is after everything: nothing is shown. */
const BEGINNING: PublicPlace = {
  kind: 'public',
  since: new Date(0),
  seen: 0n,
  settled: new Date('9999-01-01T00:00:00Z'),
  heads: [],
};

/** The records that were joined to figures; those stand alone where there are none. */
function toRecords(rows: readonly Partial<RecordRow>[]): UsageRecord[] {
  return rows.filter((row): row is RecordRow => row.sequence != null).map(toRecord);
}

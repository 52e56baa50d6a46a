/** Records by the instant of recording. An account's time never runs backwards, so they are a range of its ledger. */
import type { Database } from '../db/database.ts';
import { DAY_MS } from './time-zone.ts';

/** A span of instants of recording; null: no bound. */
export interface RecordedSpan {
  /** Inclusive. */
  readonly from: Date | null;
  /** Exclusive. */
  readonly to: Date | null;
}

/** A range of an account's sequences. */
export interface Sequences {
  /** Inclusive. */
  readonly since: bigint;
  /** Exclusive. */
  readonly until: bigint;
}

/** Use is reported at most 35 days late. A week more lets a clock that was set back by as much change nothing. */
const MOST_LATE_MS = 42 * DAY_MS;
/** Use is reported at most five minutes ahead. */
const MOST_AHEAD_MS = 5 * 60_000;

/** The earliest instant at which what was recorded in this span can have occurred. */
export function earliestUse({ from }: RecordedSpan): Date | null {
  return from && new Date(from.getTime() - MOST_LATE_MS);
}

/** An instant before which all that was recorded in this span occurred. */
export function latestUse({ to }: RecordedSpan): Date | null {
  return to && new Date(to.getTime() + MOST_AHEAD_MS);
}

/**
 * The sequences of the entries that an account recorded in this span. Each end is found by halving the ledger, which takes
 * as many probes of its primary key as its length has binary digits: an index by time would cost every use, and knows no more.
 */
export async function sequencesOf(
  billingEntityId: string,
  { from, to }: RecordedSpan,
  database: Database,
): Promise<Sequences> {
  const [since, until] = await Promise.all([
    firstAt(billingEntityId, from ?? '-infinity', database),
    firstAt(billingEntityId, to ?? 'infinity', database),
  ]);
  return { since, until };
}

/** The sequence of the first entry at this instant or later; one more than the last, where there is none. */
async function firstAt(
  billingEntityId: string,
  instant: Date | 'infinity' | '-infinity',
  database: Database,
): Promise<bigint> {
  const { rows } = await database.query<{ low: bigint }>({
    name: 'first-entry-at',
    text: `with recursive half(low, high) as (
        select 1::bigint, coalesce((select max(sequence) from ledger_entry where billing_entity_id = $1), 0) + 1
        union all
        select case when e.created_at < $2 then e.sequence + 1 else h.low end,
          case when e.created_at < $2 then h.high else e.sequence end
        from half h cross join lateral (
          select sequence, created_at from ledger_entry
          where billing_entity_id = $1 and sequence = (h.low + h.high) / 2 limit 1
        ) e
        where h.low < h.high
      )
      select low from half where low = high`,
    values: [billingEntityId, instant],
  });
  const [found] = rows;
  if (found === undefined) throw new Error(`the ledger of ${billingEntityId} has a gap`);
  return found.low;
}

/** Finds the hours that hold selected use, from its sums: rare use is found without reading all that lies between. */
import type { Conditions } from '../db/where.ts';
import { FOLDED_IN_SQL } from '../ledger/store/tables.ts';
import { addSelection, type Selection } from './use-filter.ts';

/** A condition that selects the owner's sums, on a table of sums or its alias. */
export type OwnedBy = (table: string, where: Conditions) => string;

interface Wanted {
  readonly own: OwnedBy;
  readonly selection: Selection;
  /** Inclusive. */
  readonly from: Date | null;
  /** Inclusive: records of this very instant may be wanted. */
  readonly until: Date | null;
  /** The number of records wanted; null: all of them. */
  readonly count: number | null;
}

/**
 * A common table expression `place` of the newest hours that together hold the number of records wanted. It finds their
 * days first, then the hours of those. The hour and the day that contain `until` are included but not counted, because a
 * part of their sums lies behind it.
 * @param statement the statement that its values are added to
 */
export function placesOf({ own, selection, from, until, count }: Wanted, statement: Conditions): string {
  if (count === null) return everyPlaceOf({ own, selection, from, until }, statement);
  const wanted = statement.value(count);
  /** Starts of hours or days, newest first, until those before hold the number wanted. */
  const newest = (source: string, countedUpon: string): string => `(
      select start from (
        select start, sum(records) over (order by start desc) - records as before from (
          select r.start, ${countedUpon} as records from ${source} order by r.start desc limit ${wanted}::int + 1
        ) r
      ) r where before < ${wanted}
    )`;
  const sums = (table: string, unit: { column: string; length: string }, within: string | null): string => {
    const where = statement.part();
    const { column, length } = unit;
    where.and(own('s', where));
    if (from) where.and(`s.${column} > ${where.value(from)}::timestamptz - interval '${length}'`);
    if (until) where.and(`s.${column} <= ${where.value(until)}::timestamptz`);
    if (within) where.and(within);
    addSelection(where, 's', selection);
    return `(select s.${column} as start, sum(s.records) as records from ${table} s ${where.clause}
      group by s.${column} order by s.${column} desc limit ${wanted}::int + 1) r`;
  };
  const whole = (length: string): string =>
    until === null
      ? 'r.records'
      : `case when r.start + interval '${length}' <= ${statement.value(until)}::timestamptz then r.records else 0 end`;
  const [day, hour] = [
    { column: 'day', length: '24 hours' },
    { column: 'hour', length: '1 hour' },
  ];
  const withinDay = `s.hour >= d.start and s.hour < d.start + interval '24 hours'`;
  return `place as materialized (
    select start from ${newest(
      // Day by day: a plain join may read all hours that there are, and hold each against the days.
      `${newest(sums('usage_rollup_day', day, null), whole(day.length))} d
       cross join lateral ${sums('usage_rollup', hour, withinDay)}`,
      whole(hour.length),
    )} p ${foldedHours({ own, selection, from, until }, statement)}
  )`;
}

type Searched = Omit<Wanted, 'count'>;

/** All hours that hold selected use. */
function everyPlaceOf(searched: Searched, statement: Conditions): string {
  const hours = hoursOf(searched, statement);
  addSelection(hours, 's', searched.selection);
  return `place as materialized (
    select s.hour as start from usage_rollup s ${hours.clause} group by s.hour ${foldedHours(searched, statement)}
  )`;
}

/**
 * Hours that hold use of further models, where models are selected: sums do not tell their names, so that none of it counts.
 * There is an index of such sums, and seldom any in it.
 */
function foldedHours(searched: Searched, statement: Conditions): string {
  if (searched.selection.models === null) return '';
  const hours = hoursOf(searched, statement).and(`s.model = ${FOLDED_IN_SQL}`);
  addSelection(hours, 's', { ...searched.selection, models: null });
  return `union select s.hour from usage_rollup s ${hours.clause}`;
}

function hoursOf({ own, from, until }: Searched, statement: Conditions): Conditions {
  const where = statement.part();
  where.and(own('s', where));
  if (from) where.and(`s.hour > ${where.value(from)}::timestamptz - interval '1 hour'`);
  if (until) where.and(`s.hour <= ${where.value(until)}::timestamptz`);
  return where;
}

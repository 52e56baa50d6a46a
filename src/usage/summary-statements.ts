/** The statements that add sums of use up further. */
import { Conditions } from '../db/where.ts';
import { beforeMark, DAYS, FOLDED_IN_SQL, HOURS, type RollupTable } from '../ledger/store/tables.ts';
import { type Days, floorTo, type SpanParts, takeApart } from './span-parts.ts';
import { type CalendarSpan, DAY_MS, HOUR_MS } from './time-zone.ts';
import { addSelection, othersIn, type Selection, type UseOf } from './use-filter.ts';

export interface Span {
  readonly from: Date;
  readonly to: Date;
}

/** The buckets to make: the columns that tell them apart besides time, the use, and how many at most (null: all). */
interface What {
  readonly names: readonly string[];
  readonly selection: Selection;
  readonly limit: number | null;
}

export interface Statement {
  readonly text: string;
  readonly values: unknown[];
}

const SUMS = HOURS.sums.map(([name]) => name);

/** The use to sum up: what the account paid for, and for an organization also what its people paid for there themselves. */
export function conditionsOf({ type }: UseOf, id: string): string[] {
  const paid = `r.billing_entity_id = ${id}`;
  if (type === 'USER') return [paid];
  return [paid, othersIn('r', id)];
}

/** Whole hours in the order of the primary key, so that the statement can stop at the first bucket too many; and parts of hours at the ends. */
export function byHour(of: UseOf, { from, to }: Span, { names, selection, limit }: What): Statement {
  const where = new Conditions();
  const id = where.value(of.billingEntityId);
  const sums = sumsOf(HOURS, of, id);
  const [first, last] = [floorTo(from.getTime(), HOUR_MS), floorTo(to.getTime(), HOUR_MS)];
  const ends = [
    ...(first === from.getTime() ? [] : [{ hour: first, mark: (from.getTime() - first) / 60_000, sign: -1 }]),
    // An hour that begins before the span and ends in it counts whole, less what lies before the span.
    ...(first === from.getTime() || first === last ? [] : [{ hour: first, mark: 60, sign: 1 }]),
    ...(last === to.getTime() ? [] : [{ hour: last, mark: (to.getTime() - last) / 60_000, sign: 1 }]),
  ];
  const whole = where.part();
  const since = first === from.getTime() ? first : first + HOUR_MS;
  whole.and(`r.hour >= ${whole.value(new Date(since))}`).and(`r.hour < ${whole.value(new Date(last))}`);
  addSelection(whole, 'r', selection);
  const keys = ['hour', ...names].map((column) => `r.${column}`).join(', ');
  const upTo = limit === null ? '' : ` limit ${limit}`;
  const hours = `select r.hour as start, ${selected(names)} from ${sums} ${whole.clause}
    group by ${keys}${limit === null ? '' : ` order by ${keys}`}${upTo}`;
  if (ends.length === 0) return { text: hours, values: where.values };
  const part = where.part();
  addSelection(part, 'r', selection);
  const text = `select * from (
      (${hours}) union all (
        select p.hour as start, ${names.map((name) => `r.${name}, `).join('')}
          ${SUMS.map((sum) => `sum(p.sign * ${upToMark(HOURS, sum)}) as ${sum}`).join(', ')}
        from unnest(${where.value(ends.map(({ hour }) => new Date(hour)))}::timestamptz[],
          ${where.value(ends.map(({ mark }) => mark))}::int[], ${where.value(ends.map(({ sign }) => sign))}::int[]) as p(hour, mark, sign)
        join ${sums} on r.hour = p.hour ${part.clause}
        group by p.hour${names.map((name) => `, r.${name}`).join('')} having sum(p.sign * ${upToMark(HOURS, 'records')}) > 0
      )
    ) r ${limit === null ? '' : `order by ${['start', ...names].map((name) => `r.${name}`).join(', ')}`}${upTo}`;
  return { text, values: where.values };
}

/**
 * Spans are composed of whole days (UTC) and what lies between their ends and a midnight: a month has tens of thousands of
 * hourly rows, but some thousand daily ones. Each part is a range of an index, so that no row's time is computed.
 */
export function bySpan(of: UseOf, spans: readonly CalendarSpan[], what: What): Statement {
  const parts = takeApart(spans);
  if (parts.shares.length > 0) return byDaysAndEnds(of, parts, what);
  return byWholeDays(of, what, (where) => rowsOf(parts.days, where));
}

/** Days (UTC), all of them whole. No calendar is needed to tell them apart. */
export function byDay(of: UseOf, span: Span, what: What): Statement {
  return byWholeDays(of, what, (where) => rowsOfEachDay(span, where));
}

/** Spans of whole days alone, which most are that people ask for: nothing is put together, and a plan is soon found. */
function byWholeDays(of: UseOf, { names, selection, limit }: What, rows: (where: Conditions) => DayRows): Statement {
  const where = new Conditions();
  const sums = sumsOf(DAYS, of, where.value(of.billingEntityId));
  const { start, from } = rows(where);
  addSelection(where, 'r', selection);
  const keys = [start, ...names.map((name) => `r.${name}`)].join(', ');
  const text = `select ${start} as start, ${selected(names)} from ${from(sums)} ${where.clause}
    group by ${keys} having sum(r.records) > 0${limit === null ? '' : ` order by ${keys} limit ${limit}`}`;
  return { text, values: where.values };
}

/** Rows of days, and the start of the span to which each belongs. */
interface DayRows {
  readonly start: string;
  readonly from: (sums: string) => string;
}

/** One range of the index where each day is a span of its own, else a range for each span. */
function rowsOf(days: readonly Days[], where: Conditions): DayRows {
  const [first, last] = [days.at(0), days.at(-1)];
  if (first !== undefined && last !== undefined && areSingleDaysInARow(days)) {
    return rowsOfEachDay({ from: first.since, to: last.until }, where);
  }
  const column = (value: (each: Days) => Date): string => `${where.value(days.map(value))}::timestamptz[]`;
  const spans = `unnest(${column(({ start }) => start)}, ${column(({ since }) => since)}, ${column(({ until }) => until)})`;
  return {
    start: 'p.start',
    from: (sums) => `${spans} as p(start, since, until) join ${sums} on r.day >= p.since and r.day < p.until`,
  };
}

function rowsOfEachDay({ from, to }: Span, where: Conditions): DayRows {
  where.and(`r.day >= ${where.value(from)}`).and(`r.day < ${where.value(to)}`);
  return { start: 'r.day', from: (sums) => sums };
}

function areSingleDaysInARow(days: readonly Days[]): boolean {
  return days.every(({ start, since, until }, index) => {
    const isOne = start.getTime() === since.getTime() && until.getTime() - since.getTime() === DAY_MS;
    return isOne && (index === 0 || days[index - 1]?.until.getTime() === since.getTime());
  });
}

/** Days, less what lies before the first and with what lies before the end of the last. */
function byDaysAndEnds(of: UseOf, parts: SpanParts, { names, selection, limit }: What): Statement {
  const where = new Conditions();
  const id = where.value(of.billingEntityId);
  addSelection(where, 'r', selection);
  const { days, ofDays, hours, ofHours, shares } = parts;
  const list = (table: string, columns: readonly string[] = names): string =>
    columns.map((name) => `, ${table}.${name}`).join('');
  const column = <Row>(rows: readonly Row[], value: (row: Row) => unknown, type: string): string =>
    `${where.value(rows.map(value))}::${type}[]`;
  const before = (table: RollupTable, rows: typeof ofDays): string => `
      select p.number${list('r')}${SUMS.map((sum) => `, ${upToMark(table, sum)} as ${sum}`).join('')}
      from unnest(${column(rows, ({ number }) => number, 'int')}, ${column(rows, ({ at }) => at, 'timestamptz')},
        ${column(rows, ({ mark }) => mark, 'int')}) as p(number, at, mark)
      join ${sumsOf(table, of, id)} on r.${table.start} = p.at ${where.clause}`;
  const ends = `span_end as materialized (
      select e.number${list('e')}${SUMS.map((sum) => `, sum(e.${sum}) as ${sum}`).join('')} from (
        ${before(DAYS, ofDays)} union all ${before(HOURS, ofHours)} union all
        select p.number${list('r')}${SUMS.map((sum) => `, p.sign * r.${sum}`).join('')}
        from unnest(${column(hours, ({ number }) => number, 'int')}, ${column(hours, ({ since }) => since, 'timestamptz')},
          ${column(hours, ({ until }) => until, 'timestamptz')}, ${column(hours, ({ sign }) => sign, 'int')}) as p(number, since, until, sign)
        join ${sumsOf(HOURS, of, id)} on r.hour >= p.since and r.hour < p.until ${where.clause}
      ) e group by e.number${list('e')}
    )`;
  const whole = where.part();
  const { start, from } = rowsOf(days, whole);
  addSelection(whole, 'r', selection);
  const keys = `r.start${list('r')}`;
  const text = `with ${ends}
    select r.start, ${selected(names)} from (
      select ${start} as start${list('r')}${list('r', SUMS)} from ${from(sumsOf(DAYS, of, id))} ${whole.clause}
      union all
      select p.start${list('e')}${SUMS.map((sum) => `, e.${sum} * p.sign`).join('')}
      from unnest(${column(shares, ({ start }) => start, 'timestamptz')}, ${column(shares, ({ number }) => number, 'int')},
        ${column(shares, ({ sign }) => sign, 'int')}) as p(start, number, sign)
      join span_end e on e.number = p.number
    ) r
    group by ${keys} having sum(r.records) > 0${limit === null ? '' : ` order by ${keys} limit ${limit}`}`;
  return { text, values: where.values };
}

/**
 * The same buckets with as many models by name as there is room for: the largest, by credits, then by quantity, then by name.
 * A model is told by name in all of the answer or nowhere in it.
 */
export function withFewerModels({ text, values }: Statement, names: readonly string[], most: number): Statement {
  const others = ['start', ...names.filter((name) => name !== 'model')].map((name) => `r.${name}`);
  const keys = ['start', ...names];
  const endless = '9223372036854775807';
  return {
    values,
    text: `with bucket as materialized (${text}),
      named as (
        select model, row_number() over (order by sum(credits) desc, sum(quantity) desc, model collate "C") as rank
        from bucket where model not in ('', ${FOLDED_IN_SQL}) group by model
      ),
      ranked as materialized (
        select b.*, case b.model when '' then 0 when ${FOLDED_IN_SQL} then ${endless} else n.rank end as rank
        from bucket b left join named n on n.model = b.model
      ),
      change as (
        select rank, count(*) as named, 0 as folding from ranked r group by rank
        union all
        select top, 0, count(*) from (select max(r.rank) as top from ranked r group by ${others.join(', ')}) t group by top
        union all select 0, 0, 0
      ),
      sized as (
        select rank, sum(sum(named) - sum(folding)) over (order by rank) + (select sum(folding) from change) as buckets
        from change group by rank
      ),
      kept as (select coalesce(max(rank), 0) as rank from sized where buckets <= ${most} and rank < ${endless})
    select ${keys.map((name) => `r.${name}`).join(', ')}, ${SUMS.map((sum) => `sum(r.${sum}) as ${sum}`).join(', ')} from (
      select ${[...others, ...SUMS.map((sum) => `r.${sum}`)].join(', ')},
        case when r.rank <= kept.rank then r.model else ${FOLDED_IN_SQL} end as model
      from ranked r cross join kept
    ) r
    group by ${keys.map((name) => `r.${name}`).join(', ')} order by ${keys.map((name) => `r.${name}`).join(', ')} limit ${most + 1}`,
  };
}

/** The rows of a table of sums that belong to the owner. Each part is read through an index of its own. */
function sumsOf({ table }: RollupTable, of: UseOf, id: string): string {
  const parts = conditionsOf(of, id).map((condition) => `select r.* from ${table} r where ${condition}`);
  return `(${parts.join(' union all ')}) r`;
}

/** What of a row's sum came before the mark of `p`; all of it behind the last one. */
function upToMark({ marks }: RollupTable, sum: string): string {
  const cases = marks.map((mark) => `when ${mark} then r.${beforeMark(sum, mark)}`);
  return `case p.mark ${cases.join(' ')} else r.${sum} end`;
}

/** The columns of a bucket but its start. */
function selected(names: readonly string[]): string {
  return [...names.map((name) => `r.${name}`), ...SUMS.map((sum) => `sum(r.${sum}) as ${sum}`)].join(', ');
}

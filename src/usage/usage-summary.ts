/** What was used, summed up: by time, by person, by what it was. Reads sums of hours and days, never records. */
import type { BillingMode } from '../credits/account.ts';
import { NOBODY } from '../credits/ledger-columns.ts';
import { Conditions } from '../db/conditions.ts';
import type { Database } from '../db/database.ts';
import type { Resource } from '../plans/rates.ts';
import { Refusal } from '../refusal.ts';
import { type CalendarSpan, TimeZone } from './time-zone.ts';
import { addSelection, type Selection, selectionOf, type UseFilter } from './use-filter.ts';

export type UsageInterval = 'HOUR' | 'DAY' | 'MONTH' | 'TOTAL';
export type UsageDimension = 'USER' | 'RESOURCE' | 'BILLING_MODE' | 'FEATURE';

export interface SummaryRequest {
  /** Inclusive, by occurredAt. */
  readonly from: Date;
  /** Exclusive. */
  readonly to: Date;
  readonly interval: UsageInterval;
  /** What is told apart besides time. */
  readonly groupBy: readonly UsageDimension[];
  readonly filter: UseFilter;
  /** Whose midnights days and months begin at: a name of the IANA database. */
  readonly timeZone: string;
}

/** The use of one span of time. What it was not grouped by is null. */
export interface UsageBucket {
  /** When its hour, day or month begins; of a total, when the first hour asked for does. */
  readonly start: Date;
  /** null also for use by nobody in particular. */
  readonly userId: string | null;
  readonly resource: Resource | null;
  readonly billingMode: BillingMode | null;
  /** null also for use for no feature. */
  readonly feature: string | null;
  /** In units of the resource; of several resources a sum of unlike things. */
  readonly quantity: bigint;
  /** Net of what was refunded (rule 22). */
  readonly credits: bigint;
  /** Of those, beyond the allowance and billed. */
  readonly overage: bigint;
  readonly records: bigint;
}

const MAX_BUCKETS = 10_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** In the order in which buckets of one time stand. */
const COLUMNS = { USER: 'user_id', RESOURCE: 'resource', BILLING_MODE: 'billing_mode', FEATURE: 'feature' } as const;

export class UsageSummaries {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /**
   * Use of an account in a span of time: only buckets that have any, by start and then by what they are grouped by. A span
   * that begins or ends within an hour has that hour whole, since nothing smaller is summed up.
   * @throws Refusal BAD_USER_INPUT when the span is empty, the zone is unknown or not whole hours from UTC, or when there
   * are more than 10 000 buckets
   */
  async summarize(billingEntityId: string, request: SummaryRequest): Promise<UsageBucket[]> {
    if (request.from >= request.to) throw new Refusal('BAD_USER_INPUT', 'from must be before to');
    const zone = new TimeZone(request.timeZone);
    const asked = wholeHours(request);
    // At its ends in any case, so that a zone is not refused by what happens to be used.
    zone.offsetMs(asked.from);
    zone.offsetMs(asked.to);

    const selection = await selectionOf(request.filter, this.#database);
    const used = selection && (await this.#usedWithin(billingEntityId, asked));
    if (!selection || !used) return [];
    const dimensions = (Object.keys(COLUMNS) as UsageDimension[]).filter((each) => request.groupBy.includes(each));
    const statement =
      request.interval === 'HOUR'
        ? byHour(billingEntityId, used, { dimensions, selection })
        : bySpan(billingEntityId, spansOf(request.interval, zone, { asked, used }), { dimensions, selection });
    const { rows } = await this.#database.query<BucketRow>(statement.text, statement.values);
    if (rows.length > MAX_BUCKETS) {
      throw new Refusal(
        'BAD_USER_INPUT',
        `that is more than ${MAX_BUCKETS} buckets: ask for less time or longer intervals`,
      );
    }
    return rows.map(toBucket);
  }

  /** From the first to the last hour of these that has any use; null when none has. Calendars need not go further. */
  async #usedWithin(billingEntityId: string, { from, to }: Span): Promise<Span | null> {
    const hourAt = (end: 'asc' | 'desc'): string => `(select hour from usage_rollup
      where billing_entity_id = $1 and hour >= $2 and hour < $3 order by hour ${end} limit 1)`;
    // Not prepared by name: a plan for whatever span would read all of it.
    const { rows } = await this.#database.query<{ first: Date | null; last: Date | null }>(
      `select ${hourAt('asc')} as first, ${hourAt('desc')} as last`,
      [billingEntityId, from, to],
    );
    const [hours] = rows;
    return hours?.first && hours.last ? { from: hours.first, to: new Date(hours.last.getTime() + HOUR_MS) } : null;
  }
}

interface Span {
  readonly from: Date;
  readonly to: Date;
}

function wholeHours({ from, to }: Span): Span {
  const hours = (instant: Date): number => instant.getTime() / HOUR_MS;
  return { from: new Date(Math.floor(hours(from)) * HOUR_MS), to: new Date(Math.ceil(hours(to)) * HOUR_MS) };
}

function spansOf(
  interval: 'DAY' | 'MONTH' | 'TOTAL',
  zone: TimeZone,
  { asked, used }: { asked: Span; used: Span },
): CalendarSpan[] {
  return interval === 'TOTAL' ? [{ start: asked.from, since: used.from, until: used.to }] : zone.spans(interval, used);
}

// ─────────────────────────────── statements ───────────────────────────────

interface What {
  readonly dimensions: readonly UsageDimension[];
  readonly selection: Selection;
}

interface Statement {
  readonly text: string;
  readonly values: unknown[];
}

/** Grouped and ordered as the primary key is, so that it can stop at the first bucket too many. */
function byHour(billingEntityId: string, { from, to }: Span, { dimensions, selection }: What): Statement {
  const where = new Conditions();
  where.and(`r.billing_entity_id = ${where.value(billingEntityId)}`);
  where.and(`r.hour >= ${where.value(from)}`).and(`r.hour < ${where.value(to)}`);
  addSelection(where, 'r', selection);
  const keys = ['hour', ...columnsOf(dimensions)].map((column) => `r.${column}`).join(', ');
  const text = `select r.hour as start, ${selected(dimensions)} from usage_rollup r ${where.toString()}
    group by ${keys} order by ${keys} limit ${MAX_BUCKETS + 1}`;
  return { text, values: where.values };
}

/**
 * Spans are put together of whole days (UTC) and the hours that are left over at their ends: a month of an hour's sums is
 * tens of thousands of rows, of a day's a thousand. Each part of a span is a range of an index, so that no row's time is
 * computed with.
 */
function bySpan(billingEntityId: string, spans: readonly CalendarSpan[], { dimensions, selection }: What): Statement {
  const where = new Conditions();
  where.and(`r.billing_entity_id = ${where.value(billingEntityId)}`);
  addSelection(where, 'r', selection);
  const parts = spans.flatMap(partsOf);
  const names = columnsOf(dimensions);
  const sums = ['quantity', 'credits', 'overage', 'records'];
  const partsFrom = (table: 'usage_rollup' | 'usage_rollup_day', column: 'hour' | 'day'): string => {
    const ranges = parts.filter((part) => part.table === table);
    const of = (key: 'start' | 'since' | 'until' | 'sign'): string => where.value(ranges.map((part) => part[key]));
    return `select p.start, ${[...names.map((name) => `r.${name}`), ...sums.map((sum) => `r.${sum} * p.sign as ${sum}`)].join(', ')}
      from unnest(${of('start')}::timestamptz[], ${of('since')}::timestamptz[], ${of('until')}::timestamptz[], ${of('sign')}::int[])
        as p(start, since, until, sign)
      join ${table} r on r.${column} >= p.since and r.${column} < p.until ${where.toString()}`;
  };
  const keys = ['start', ...names].map((name) => `r.${name}`).join(', ');
  const text = `select r.start, ${selected(dimensions)}
    from (${partsFrom('usage_rollup_day', 'day')} union all ${partsFrom('usage_rollup', 'hour')}) r
    group by ${keys} having sum(r.records) > 0 order by ${keys} limit ${MAX_BUCKETS + 1}`;
  return { text, values: where.values };
}

interface Part {
  readonly table: 'usage_rollup' | 'usage_rollup_day';
  readonly start: Date;
  readonly since: Date;
  readonly until: Date;
  /** −1: belongs to another span and is taken off again. */
  readonly sign: 1 | -1;
}

/**
 * A span as the days between the midnights (UTC) that are nearest to its ends, with the hours that are missing there added,
 * and those that are too many taken off. So a day in Tokyo costs nine hours, one in Berlin one or two.
 */
function partsOf({ start, since, until }: CalendarSpan): Part[] {
  const [firstDayMs, lastDayMs] = [since, until].map((end) => Math.round(end.getTime() / DAY_MS) * DAY_MS) as [
    number,
    number,
  ];
  const hours = (fromMs: number, toMs: number, sign: 1 | -1): Part[] =>
    fromMs < toMs ? [{ table: 'usage_rollup', start, since: new Date(fromMs), until: new Date(toMs), sign }] : [];
  const [sinceMs, untilMs] = [since.getTime(), until.getTime()];
  if (firstDayMs >= lastDayMs) return hours(sinceMs, untilMs, 1);
  return [
    { table: 'usage_rollup_day', start, since: new Date(firstDayMs), until: new Date(lastDayMs), sign: 1 },
    ...hours(sinceMs, firstDayMs, 1),
    ...hours(firstDayMs, sinceMs, -1),
    ...hours(lastDayMs, untilMs, 1),
    ...hours(untilMs, lastDayMs, -1),
  ];
}

function columnsOf(dimensions: readonly UsageDimension[]): string[] {
  return dimensions.map((dimension) => COLUMNS[dimension]);
}

/** The columns of a bucket but its start. */
function selected(dimensions: readonly UsageDimension[]): string {
  const names = columnsOf(dimensions).map((name) => `r.${name}`);
  const sums = ['quantity', 'credits', 'overage', 'records'].map((sum) => `sum(r.${sum})::bigint as ${sum}`);
  return [...names, ...sums].join(', ');
}

interface BucketRow {
  start: Date;
  user_id?: string;
  resource?: Resource;
  billing_mode?: BillingMode;
  feature?: string;
  quantity: bigint;
  credits: bigint;
  overage: bigint;
  records: bigint;
}

function toBucket(row: BucketRow): UsageBucket {
  const { start, quantity, credits, overage, records } = row;
  return {
    start,
    userId: row.user_id === undefined || row.user_id === NOBODY ? null : row.user_id,
    resource: row.resource ?? null,
    billingMode: row.billing_mode ?? null,
    feature: row.feature === undefined || row.feature === '' ? null : row.feature,
    quantity,
    credits,
    overage,
    records,
  };
}

import { NIL_UUID } from '../kernel/nil-uuid.ts';
import { Conditions } from '../db/where.ts';
import type { Database } from '../db/database.ts';
import type { Resource } from '../plans/rates.ts';
import { Refusal } from '../kernel/refusal.ts';
import { type CalendarSpan, TimeZone } from './time-zone.ts';
import { addSelection, othersIn, type Selection, selectionOf, type UseFilter, type UseOf } from './use-filter.ts';
import type { ApiKeyRef, BillingMode } from '../ledger/rules/attribution.ts';

export type UsageInterval = 'HOUR' | 'DAY' | 'MONTH' | 'TOTAL';
export type UsageDimension = 'USER' | 'API_KEY' | 'RESOURCE' | 'BILLING_MODE' | 'FEATURE';

export interface SummaryRequest {
  /** Inclusive, by occurredAt. */
  readonly from: Date;
  /** Exclusive. */
  readonly to: Date;
  readonly interval: UsageInterval;
  /** Dimensions besides time. */
  readonly groupBy: readonly UsageDimension[];
  readonly filter: UseFilter;
  /** The time zone of days and months: a name of the IANA database. */
  readonly timeZone: string;
}

/** The use of one span of time. What it was not grouped by is null. */
export interface UsageBucket {
  /** When its hour, day or month begins; of a total, when the first hour asked for does. */
  readonly start: Date;
  /** null also for use without a named user. */
  readonly userId: string | null;
  /** null also for use without a key. */
  readonly apiKey: ApiKeyRef | null;
  readonly resource: Resource | null;
  readonly billingMode: BillingMode | null;
  /** null also for use without a feature. */
  readonly feature: string | null;
  /** In units of the resource; of several resources a sum of unlike things. */
  readonly quantity: bigint;
  /** Credits charged, less those refunded (rule 22). */
  readonly credits: bigint;
  /** The part of the credits that was overage. */
  readonly overage: bigint;
  readonly records: bigint;
}

/** Most buckets of one answer. */
export const MAX_BUCKETS = 10_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** Dimensions, in the order that sorts buckets of one time. */
const COLUMNS: Readonly<Record<UsageDimension, readonly string[]>> = {
  USER: ['user_id'],
  API_KEY: ['api_key_entity_id', 'api_key_id'],
  RESOURCE: ['resource'],
  BILLING_MODE: ['billing_mode'],
  FEATURE: ['feature'],
};
const SUMS = ['quantity', 'credits', 'overage', 'records'] as const;

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
  async summarize(of: UseOf, request: SummaryRequest): Promise<UsageBucket[]> {
    if (request.from >= request.to) throw new Refusal('BAD_USER_INPUT', 'from must be before to');
    const zone = new TimeZone(request.timeZone);
    const asked = wholeHours(request);
    // At its ends in any case, so that a zone is not refused by what happens to be used.
    zone.offsetMs(asked.from);
    zone.offsetMs(asked.to);

    const selection = await selectionOf(request.filter, this.#database);
    const used = selection && (await this.#usedWithin(of, asked));
    if (!selection || !used) return [];
    const dimensions = (Object.keys(COLUMNS) as UsageDimension[]).filter((each) => request.groupBy.includes(each));
    const statement =
      request.interval === 'HOUR'
        ? byHour(of, used, { dimensions, selection })
        : bySpan(of, spansOf(request.interval, zone, { asked, used }), { dimensions, selection });
    const { rows } = await this.#database.query<BucketRow>(statement.text, statement.values);
    if (rows.length > MAX_BUCKETS) {
      throw new Refusal(
        'BAD_USER_INPUT',
        `that is more than ${MAX_BUCKETS} buckets: ask for less time or longer intervals`,
      );
    }
    return rows.map(toBucket);
  }

  /** The first and the last hour with use in the request; null: there is none. Calendars need not go further. */
  async #usedWithin(of: UseOf, { from, to }: Span): Promise<Span | null> {
    const hourAt = (condition: string, end: 'asc' | 'desc'): string => `(select r.hour from usage_rollup r
      where ${condition} and r.hour >= $2 and r.hour < $3 order by r.hour ${end} limit 1)`;
    const first = conditionsOf(of, '$1').map((condition) => hourAt(condition, 'asc'));
    const last = conditionsOf(of, '$1').map((condition) => hourAt(condition, 'desc'));
    // This statement is not prepared: one plan for every span would read the whole table.
    const { rows } = await this.#database.query<{ first: Date | null; last: Date | null }>(
      `select least(${first.join(', ')}) as first, greatest(${last.join(', ')}) as last`,
      [of.billingEntityId, from, to],
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

/** The use to sum up: what the account paid for, and for an organization also what its people paid for there themselves. */
function conditionsOf({ type }: UseOf, id: string): string[] {
  const paid = `r.billing_entity_id = ${id}`;
  if (type === 'USER') return [paid];
  return [paid, othersIn('r', id)];
}

/** The rows of a table of sums that belong to the owner. Each part is read through an index of its own. */
function sumsOf(table: string, of: UseOf, id: string): string {
  const parts = conditionsOf(of, id).map((condition) => `select r.* from ${table} r where ${condition}`);
  return `(${parts.join(' union all ')}) r`;
}

/** The order of the primary key, so that the statement can stop at the first bucket too many. */
function byHour(of: UseOf, { from, to }: Span, { dimensions, selection }: What): Statement {
  const where = new Conditions();
  const sums = sumsOf('usage_rollup', of, where.value(of.billingEntityId));
  where.and(`r.hour >= ${where.value(from)}`).and(`r.hour < ${where.value(to)}`);
  addSelection(where, 'r', selection);
  const keys = ['hour', ...columnsOf(dimensions)].map((column) => `r.${column}`).join(', ');
  const text = `select r.hour as start, ${selected(dimensions)} from ${sums} ${where.clause}
    group by ${keys} order by ${keys} limit ${MAX_BUCKETS + 1}`;
  return { text, values: where.values };
}

/**
 * Spans are composed of whole days (UTC) and the hours at their ends: a month has tens of thousands of hourly rows, but one
 * or two thousand daily ones. Each part is a range of an index, so that no row's time is computed.
 */
function bySpan(of: UseOf, spans: readonly CalendarSpan[], { dimensions, selection }: What): Statement {
  const where = new Conditions();
  const id = where.value(of.billingEntityId);
  addSelection(where, 'r', selection);
  const { days, ends, shares } = takeApart(spans);
  const names = columnsOf(dimensions);
  const list = (table: string, of: readonly string[] = names): string =>
    of.map((name) => `, ${table}.${name}`).join('');
  const keys = `r.start${list('r')}`;
  const text = `with span_end as materialized (
      select p.number${list('r')}${SUMS.map((sum) => `, sum(r.${sum}) as ${sum}`).join('')}
      from unnest(${where.value(ends.map((end) => end.number))}::int[], ${where.value(ends.map((end) => end.since))}::timestamptz[],
        ${where.value(ends.map((end) => end.until))}::timestamptz[]) as p(number, since, until)
      join ${sumsOf('usage_rollup', of, id)} on r.hour >= p.since and r.hour < p.until
      ${where.clause} group by p.number${list('r')}
    )
    select r.start, ${selected(dimensions)} from (
      select p.start${list('r')}${list('r', SUMS)}
      from unnest(${where.value(days.map((day) => day.start))}::timestamptz[], ${where.value(days.map((day) => day.since))}::timestamptz[],
        ${where.value(days.map((day) => day.until))}::timestamptz[]) as p(start, since, until)
      join ${sumsOf('usage_rollup_day', of, id)} on r.day >= p.since and r.day < p.until
      ${where.clause}
      union all
      select p.start${list('e')}${SUMS.map((sum) => `, e.${sum} * p.sign`).join('')}
      from unnest(${where.value(shares.map((share) => share.start))}::timestamptz[], ${where.value(shares.map((share) => share.number))}::int[],
        ${where.value(shares.map((share) => share.sign))}::int[]) as p(start, number, sign)
      join span_end e on e.number = p.number
    ) r
    group by ${keys} having sum(r.records) > 0 order by ${keys} limit ${MAX_BUCKETS + 1}`;
  return { text, values: where.values };
}

/** Days (UTC) that belong to a span. */
interface Days {
  readonly start: Date;
  readonly since: Date;
  readonly until: Date;
}

/** Hours between an end of a span and the midnight (UTC) that is nearest to it: read once, though two spans meet there. */
interface SpanEnd {
  readonly number: number;
  readonly since: Date;
  readonly until: Date;
}

/** The sign of such hours for a span: they are missing from it, or too many in it. */
interface Share {
  readonly start: Date;
  readonly number: number;
  readonly sign: 1 | -1;
}

/**
 * Each span as the days between the midnights (UTC) nearest to its ends. Missing hours are added, surplus hours subtracted:
 * a day in Berlin costs one or two hours besides, a day in Tokyo nine.
 */
function takeApart(spans: readonly CalendarSpan[]): { days: Days[]; ends: SpanEnd[]; shares: Share[] } {
  const days: Days[] = [];
  const ends = new Map<string, SpanEnd>();
  const shares: Share[] = [];
  const share = (start: Date, fromMs: number, toMs: number, sign: 1 | -1): void => {
    if (fromMs >= toMs) return;
    const name = `${fromMs}-${toMs}`;
    const end = ends.get(name) ?? { number: ends.size, since: new Date(fromMs), until: new Date(toMs) };
    ends.set(name, end);
    shares.push({ start, number: end.number, sign });
  };
  for (const { start, since, until } of spans) {
    const [sinceMs, untilMs] = [since.getTime(), until.getTime()];
    const [firstMs, lastMs] = [nearestMidnight(sinceMs), nearestMidnight(untilMs)];
    if (firstMs >= lastMs) {
      share(start, sinceMs, untilMs, 1);
      continue;
    }
    days.push({ start, since: new Date(firstMs), until: new Date(lastMs) });
    share(start, sinceMs, firstMs, 1);
    share(start, firstMs, sinceMs, -1);
    share(start, lastMs, untilMs, 1);
    share(start, untilMs, lastMs, -1);
  }
  return { days, ends: [...ends.values()], shares };
}

function nearestMidnight(instantMs: number): number {
  return Math.round(instantMs / DAY_MS) * DAY_MS;
}

function columnsOf(dimensions: readonly UsageDimension[]): string[] {
  return dimensions.flatMap((dimension) => COLUMNS[dimension]);
}

/** The columns of a bucket but its start. */
function selected(dimensions: readonly UsageDimension[]): string {
  const names = columnsOf(dimensions).map((name) => `r.${name}`);
  const sums = SUMS.map((sum) => `sum(r.${sum}) as ${sum}`);
  return [...names, ...sums].join(', ');
}

interface BucketRow {
  start: Date;
  user_id?: string;
  api_key_entity_id?: string;
  api_key_id?: string;
  resource?: Resource;
  billing_mode?: BillingMode;
  feature?: string;
  /** Sums, in digits: they may be larger than any bigint of the database. */
  quantity: string;
  credits: string;
  overage: string;
  records: string;
}

function toBucket(row: BucketRow): UsageBucket {
  const { start, quantity, credits, overage, records } = row;
  return {
    start,
    userId: row.user_id === undefined || row.user_id === NIL_UUID ? null : row.user_id,
    apiKey: toKey(row),
    resource: row.resource ?? null,
    billingMode: row.billing_mode ?? null,
    feature: row.feature === undefined || row.feature === '' ? null : row.feature,
    quantity: BigInt(quantity),
    credits: BigInt(credits),
    overage: BigInt(overage),
    records: BigInt(records),
  };
}

function toKey({ api_key_entity_id: billingEntityId, api_key_id: id }: BucketRow): ApiKeyRef | null {
  return billingEntityId === undefined || id === undefined || id === NIL_UUID ? null : { billingEntityId, id };
}

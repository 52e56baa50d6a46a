import { NIL_UUID } from '../kernel/nil-uuid.ts';
import type { Database } from '../db/database.ts';
import type { Resource } from '../plans/rates.ts';
import { Refusal } from '../kernel/refusal.ts';
import { type CalendarSpan, DAY_MS, HOUR_MS, TimeZone } from './time-zone.ts';
import {
  byDay,
  byHour,
  bySpan,
  conditionsOf,
  type Span,
  type Statement,
  withFewerModels,
} from './summary-statements.ts';
import { floorTo } from './span-parts.ts';
import { selectionOf, type UseFilter, type UseOf } from './use-filter.ts';
import { FOLDED_MODELS } from '../ledger/rules/model-names.ts';
import { QUARTER_MS } from '../ledger/rules/rollup.ts';
import type { ApiKeyRef, BillingMode } from '../ledger/rules/attribution.ts';

export type UsageInterval = 'HOUR' | 'DAY' | 'MONTH' | 'TOTAL';
export type UsageDimension = 'USER' | 'API_KEY' | 'RESOURCE' | 'BILLING_MODE' | 'FEATURE' | 'MODEL' | 'ORGANIZATION';

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
  /** When its hour, day or month begins; of a total, when the first quarter hour asked for does. */
  readonly start: Date;
  /** null also for use without a named user. */
  readonly userId: string | null;
  /** null also for use without a key. */
  readonly apiKey: ApiKeyRef | null;
  readonly resource: Resource | null;
  readonly billingMode: BillingMode | null;
  /** null also for use without a feature. */
  readonly feature: string | null;
  /** null also for use without a model; `other` where `otherModels`. */
  readonly model: string | null;
  /** true: the use of further models, which are not told apart. A model that is called «other» has a bucket of its own. */
  readonly otherModels: boolean;
  /** null also for use in no organization. */
  readonly organizationId: string | null;
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
/** The name that is shown for the use of further models. */
const OTHER_MODELS = 'other';

/** Dimensions, in the order that sorts buckets of one time. */
const COLUMNS: Readonly<Record<UsageDimension, readonly string[]>> = {
  USER: ['user_id'],
  API_KEY: ['api_key_entity_id', 'api_key_id'],
  RESOURCE: ['resource'],
  BILLING_MODE: ['billing_mode'],
  FEATURE: ['feature'],
  MODEL: ['model'],
  ORGANIZATION: ['organization_id'],
};

export class UsageSummaries {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /**
   * Use of an account in a span of time: only buckets that have any, by start and then by what they are grouped by. A span
   * that begins or ends within a quarter hour (UTC) has that quarter whole, since nothing smaller is summed up.
   * @throws Refusal BAD_USER_INPUT when the span is empty, the zone is unknown or, by HOUR, not of whole hours, or when there
   * are more than 10 000 buckets; names of models alone never make too many, because the smallest are then told together
   */
  async summarize(of: UseOf, request: SummaryRequest): Promise<UsageBucket[]> {
    if (request.from >= request.to) throw new Refusal('BAD_USER_INPUT', 'from must be before to');
    const zone = new TimeZone(request.timeZone);
    const asked = wholeQuarters(request);
    if (request.interval === 'HOUR') zone.requireWholeHours(asked);

    const selection = await selectionOf(request.filter, this.#database);
    if (!selection) return [];
    // Days that begin where the sums' own do need no calendar, and so no look at where there is any use.
    const areOurDays = request.interval === 'DAY' && zone.isUtc && isMidnight(asked.from) && isMidnight(asked.to);
    const used = areOurDays ? asked : await this.#usedWithin(of, asked);
    if (!used) return [];
    const dimensions = (Object.keys(COLUMNS) as UsageDimension[]).filter((each) => request.groupBy.includes(each));
    const what = { names: dimensions.flatMap((dimension) => COLUMNS[dimension]), selection };
    const sums = (limit: number | null): Statement => {
      if (areOurDays) return byDay(of, asked, { ...what, limit });
      if (request.interval === 'HOUR') return byHour(of, used, { ...what, limit });
      return bySpan(of, spansOf(request.interval, zone, { asked, used }), { ...what, limit });
    };
    let rows = await this.#ask(sums(MAX_BUCKETS + 1));
    if (rows.length > MAX_BUCKETS && dimensions.includes('MODEL')) {
      rows = await this.#ask(withFewerModels(sums(null), what.names, MAX_BUCKETS));
    }
    if (rows.length > MAX_BUCKETS) {
      throw new Refusal(
        'BAD_USER_INPUT',
        `that is more than ${MAX_BUCKETS} buckets: ask for less time or longer intervals`,
      );
    }
    return rows.map(toBucket);
  }

  async #ask({ text, values }: Statement): Promise<BucketRow[]> {
    return (await this.#database.query<BucketRow>(text, values)).rows;
  }

  /**
   * The part of the request between its first and its last use; null: there is none. Calendars need not go further. It begins and
   * ends at midnights (UTC) where the request reaches so far, since whole days are read at once.
   */
  async #usedWithin(of: UseOf, { from, to }: Span): Promise<Span | null> {
    const hourAt = (condition: string, end: 'asc' | 'desc'): string => `(select r.hour from usage_rollup r
      where ${condition} and r.hour >= $2 and r.hour < $3 order by r.hour ${end} limit 1)`;
    const first = conditionsOf(of, '$1').map((condition) => hourAt(condition, 'asc'));
    const last = conditionsOf(of, '$1').map((condition) => hourAt(condition, 'desc'));
    // This statement is not prepared: one plan for every span would read the whole table.
    const { rows } = await this.#database.query<{ first: Date | null; last: Date | null }>(
      `select least(${first.join(', ')}) as first, greatest(${last.join(', ')}) as last`,
      [of.billingEntityId, new Date(floorTo(from.getTime(), HOUR_MS)), to],
    );
    const [hours] = rows;
    if (!hours?.first || !hours.last) return null;
    const [firstMs, endMs] = [Math.max(hours.first.getTime(), from.getTime()), hours.last.getTime() + HOUR_MS];
    const lastMs = Math.min(endMs, to.getTime());
    if (firstMs >= lastMs) return null;
    const [dayMs, nextDayMs] = [floorTo(firstMs, DAY_MS), floorTo(lastMs - 1, DAY_MS) + DAY_MS];
    return {
      from: new Date(dayMs >= from.getTime() ? dayMs : firstMs),
      to: new Date(nextDayMs <= to.getTime() ? nextDayMs : lastMs),
    };
  }
}

function isMidnight(instant: Date): boolean {
  return instant.getTime() % DAY_MS === 0;
}

function wholeQuarters({ from, to }: Span): Span {
  const end = floorTo(to.getTime(), QUARTER_MS);
  return {
    from: new Date(floorTo(from.getTime(), QUARTER_MS)),
    to: new Date(end === to.getTime() ? end : end + QUARTER_MS),
  };
}

function spansOf(
  interval: 'DAY' | 'MONTH' | 'TOTAL',
  zone: TimeZone,
  { asked, used }: { asked: Span; used: Span },
): CalendarSpan[] {
  return interval === 'TOTAL' ? [{ start: asked.from, since: used.from, until: used.to }] : zone.spans(interval, used);
}

interface BucketRow {
  start: Date;
  user_id?: string;
  api_key_entity_id?: string;
  api_key_id?: string;
  resource?: Resource;
  billing_mode?: BillingMode;
  feature?: string;
  model?: string;
  organization_id?: string;
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
    userId: idOrNull(row.user_id),
    apiKey: toKey(row),
    resource: row.resource ?? null,
    billingMode: row.billing_mode ?? null,
    feature: row.feature === undefined || row.feature === '' ? null : row.feature,
    model: row.model === FOLDED_MODELS ? OTHER_MODELS : row.model === undefined || row.model === '' ? null : row.model,
    otherModels: row.model === FOLDED_MODELS,
    organizationId: idOrNull(row.organization_id),
    quantity: BigInt(quantity),
    credits: BigInt(credits),
    overage: BigInt(overage),
    records: BigInt(records),
  };
}

/** Sums store «nobody» and «no organization» as an id that is nobody’s. */
function idOrNull(id: string | undefined): string | null {
  return id === undefined || id === NIL_UUID ? null : id;
}

function toKey({ api_key_entity_id: billingEntityId, api_key_id: id }: BucketRow): ApiKeyRef | null {
  return billingEntityId === undefined || id === undefined || id === NIL_UUID ? null : { billingEntityId, id };
}

import { startOfDay } from '../../ui/ranges.ts';
import type { UsageSearch } from './search.ts';

export interface Range {
  readonly from: Date;
  readonly to: Date;
  readonly interval: 'DAY' | 'HOUR';
}

interface Given {
  readonly now: Date;
  readonly utc: boolean;
  /** The beginning of the period that runs; null: the account has none. */
  readonly periodStart: string | null;
}

const DAYS = { '7d': 7, '30d': 30, '90d': 90 } as const;
/** Hours beyond a week are more bars than a screen has room for. */
const MOST_HOURS_MS = 8 * 86_400_000;

/** The span that the address asks for: whole days of the reader, today among them. Thirty days where it says nothing. */
export function rangeOf(search: UsageSearch, given: Given): Range {
  const [from, to] = spanOf(search, given);
  const interval = search.interval === 'HOUR' && to.getTime() - from.getTime() <= MOST_HOURS_MS ? 'HOUR' : 'DAY';
  return { from, to, interval };
}

function spanOf({ range = '30d', from, to }: UsageSearch, { now, utc, periodStart }: Given): [Date, Date] {
  const tomorrow = startOfDay(now, { utc, days: 1 });
  if (range === 'custom' && from !== undefined && to !== undefined && from <= to) {
    return [dayOf(from, utc), startOfDay(dayOf(to, utc), { utc, days: 1 })];
  }
  if (range === 'period' && periodStart !== null) return [startOfDay(new Date(periodStart), { utc }), tomorrow];
  const days = range === 'custom' || range === 'period' ? DAYS['30d'] : DAYS[range];
  return [startOfDay(now, { utc, days: 1 - days }), tomorrow];
}

function dayOf(day: string, utc: boolean): Date {
  return new Date(`${day}T00:00:00${utc ? 'Z' : ''}`);
}

/** Spans of time, put together of whole days (UTC) and what lies between their ends and a midnight (pure). */
import { DAYS } from '../ledger/store/tables.ts';
import { type CalendarSpan, DAY_MS, HOUR_MS } from './time-zone.ts';

const MARK_MS = DAY_MS / (DAYS.marks.length + 1);

/** Days (UTC) that belong to a span, in which it began and ended on the midnight before. */
export interface Days {
  readonly start: Date;
  readonly since: Date;
  readonly until: Date;
}

/** The part of a row's hour or day before one of its marks. Number: of the end that it belongs to. */
export interface BeforeMark {
  readonly number: number;
  readonly at: Date;
  /** As the table has it: minutes of an hour, hours of a day. */
  readonly mark: number;
}

/** Whole hours between an end and the mark that is nearest to it: missing before the mark, or too many. */
export interface Hours {
  readonly number: number;
  readonly since: Date;
  readonly until: Date;
  readonly sign: 1 | -1;
}

/** The sign with which the time from a midnight to an end of a span counts for it. */
export interface Share {
  readonly start: Date;
  readonly number: number;
  readonly sign: 1 | -1;
}

export interface SpanParts {
  readonly days: Days[];
  readonly ofDays: BeforeMark[];
  readonly hours: Hours[];
  readonly ofHours: BeforeMark[];
  readonly shares: Share[];
}

/**
 * Each span as the days between the midnights (UTC) before its ends, less what lies before its beginning on its first day, with
 * what lies before its end on its last. Both are read from the mark of the day that is nearest, and at most two hours more.
 * An end at which two spans meet is read once.
 */
export function takeApart(spans: readonly CalendarSpan[]): SpanParts {
  const parts: SpanParts = { days: [], ofDays: [], hours: [], ofHours: [], shares: [] };
  const numbers = new Map<number, number>();
  const share = (start: Date, endMs: number, sign: 1 | -1): void => {
    if (endMs % DAY_MS === 0) return;
    let number = numbers.get(endMs);
    if (number === undefined) {
      number = numbers.size;
      numbers.set(endMs, number);
      addEnd(parts, number, endMs);
    }
    parts.shares.push({ start, number, sign });
  };
  for (const { start, since, until } of spans) {
    const [sinceMs, untilMs] = [since.getTime(), until.getTime()];
    const [firstMs, lastMs] = [floorTo(sinceMs, DAY_MS), floorTo(untilMs, DAY_MS)];
    if (firstMs < lastMs) parts.days.push({ start, since: new Date(firstMs), until: new Date(lastMs) });
    share(start, sinceMs, -1);
    share(start, untilMs, 1);
  }
  return parts;
}

/** The time from the midnight before an end to it. */
function addEnd({ ofDays, hours, ofHours }: SpanParts, number: number, endMs: number): void {
  const dayMs = floorTo(endMs, DAY_MS);
  const hourMs = floorTo(endMs, HOUR_MS);
  // At most the last mark: what lies before the end of the day would be the day itself.
  const mark = Math.min(Math.round((endMs - dayMs) / MARK_MS), DAYS.marks.length);
  const markMs = dayMs + mark * MARK_MS;
  if (mark > 0) ofDays.push({ number, at: new Date(dayMs), mark: DAYS.marks[mark - 1] as number });
  const [since, until] = [new Date(Math.min(markMs, hourMs)), new Date(Math.max(markMs, hourMs))];
  if (since < until) hours.push({ number, since, until, sign: markMs < hourMs ? 1 : -1 });
  if (hourMs < endMs) ofHours.push({ number, at: new Date(hourMs), mark: (endMs - hourMs) / 60_000 });
}

export function floorTo(instantMs: number, lengthMs: number): number {
  return Math.floor(instantMs / lengthMs) * lengthMs;
}

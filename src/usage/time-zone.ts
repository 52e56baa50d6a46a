/** Days and months of a time zone, as instants (pure). Offsets are quarters of an hour, as those of every zone are since 1972. */
import { BoundedCache } from '../kernel/bounded-cache.ts';
import { Refusal } from '../kernel/refusal.ts';
import { QUARTER_MS } from '../ledger/rules/rollup.ts';

/** A day or a month of a time zone, and the part of it that is asked for. */
export interface CalendarSpan {
  /** Its first instant. */
  readonly start: Date;
  /** The start of the part that is asked for, inclusive. */
  readonly since: Date;
  /** Exclusive. */
  readonly until: Date;
}

export const HOUR_MS = 4 * QUARTER_MS;
export const DAY_MS = 24 * HOUR_MS;
/** The longest time by which a day or month may begin before an instant in it. */
const LONGEST_MS = { DAY: 2 * DAY_MS, MONTH: 33 * DAY_MS } as const;
/** The step in which offsets are looked up: no zone changes its clocks there and back within a week. */
const STEP_MS = 7 * DAY_MS;
/** Years in which a zone shows if it is of whole hours: not those before any use, nor those that nobody has laws for. */
const KNOWN_YEARS = { from: Date.UTC(2020, 0), to: Date.UTC(2037, 0) };
const YEAR_MS = 366 * DAY_MS;

/** `GMT`, `GMT+02:00`, or long ago `GMT+00:53:28`. */
const OFFSET = /^GMT(?:([+-])(\d\d):(\d\d)(?::(\d\d))?)?$/;

/** Each takes half a millisecond to make. */
const formats = new BoundedCache<Intl.DateTimeFormat>({ bytes: 4 * 1_048_576, sizeOf: () => 100_000 });

export class TimeZone {
  readonly #name: string;
  readonly #format: Intl.DateTimeFormat;

  /** @throws Refusal BAD_USER_INPUT for a name that is not in the IANA database, such as Europe/Berlin or UTC is */
  constructor(name: string) {
    this.#name = name;
    const known = formats.get(name);
    if (known !== undefined) {
      this.#format = known;
      return;
    }
    try {
      // Offsets such as +02:00 have no name, but would be understood.
      if (!/^[A-Za-z]/.test(name)) throw new RangeError();
      this.#format = new Intl.DateTimeFormat('en', { timeZone: name, timeZoneName: 'longOffset' });
      formats.set(name, this.#format);
    } catch {
      throw new Refusal('BAD_USER_INPUT', 'timeZone must be the name of a time zone, such as Europe/Berlin');
    }
  }

  /** True of UTC under its own name. Zones that are never apart from it are told by their offsets. */
  get isUtc(): boolean {
    return this.#name === 'UTC';
  }

  /** The zone's offset from UTC at this instant, in milliseconds. Odd offsets of long ago, before any use, are rounded to quarters. */
  offsetMs(at: Date): number {
    const text = this.#format.formatToParts(at).find(({ type }) => type === 'timeZoneName')?.value ?? '';
    const [, sign, hours = 0, minutes = 0, seconds = 0] = OFFSET.exec(text) ?? [];
    const offsetMs = Number(hours) * HOUR_MS + Number(minutes) * 60_000 + Number(seconds) * 1_000;
    return (sign === '-' ? -1 : 1) * Math.round(offsetMs / QUARTER_MS) * QUARTER_MS;
  }

  /**
   * Requires that hours of this zone begin with those of UTC: over the span, and over the year before its end, so that a
   * zone of half hours in winter is refused in summer, too.
   * @throws Refusal BAD_USER_INPUT
   */
  requireWholeHours({ from, to }: { from: Date; to: Date }): void {
    const known = (instant: Date): number =>
      Math.min(Math.max(instant.getTime(), KNOWN_YEARS.from + YEAR_MS), KNOWN_YEARS.to);
    const lastMs = known(to);
    for (let atMs = Math.min(known(from), lastMs - YEAR_MS); atMs <= lastMs; atMs += 30 * DAY_MS) {
      if (this.offsetMs(new Date(atMs)) % HOUR_MS === 0) continue;
      throw new Refusal('BAD_USER_INPUT', `${this.#name} is not whole hours from UTC, which summaries by HOUR need`);
    }
  }

  /** The days or months that the quarter hours from `from` (inclusive) to `to` (exclusive) lie in, in order. */
  spans(unit: 'DAY' | 'MONTH', { from, to }: { from: Date; to: Date }): CalendarSpan[] {
    const numberOf = unit === 'DAY' ? dayOf : monthOf;
    const nextAfter = unit === 'DAY' ? nextDay : nextMonth;
    const starts: number[] = [];
    let current: number | null = null;
    for (const { sinceMs, untilMs, offsetMs } of this.#stretches(from.getTime() - LONGEST_MS[unit], to.getTime())) {
      if (current !== null && numberOf(sinceMs + offsetMs) !== current) starts.push(sinceMs);
      for (let localMs = nextAfter(sinceMs + offsetMs); localMs - offsetMs < untilMs; localMs = nextAfter(localMs)) {
        starts.push(localMs - offsetMs);
      }
      current = numberOf(untilMs - 1 + offsetMs);
    }
    return starts.flatMap((startMs, index) => {
      const since = Math.max(startMs, from.getTime());
      const until = Math.min(starts[index + 1] ?? Number.POSITIVE_INFINITY, to.getTime());
      return since < until ? [{ start: new Date(startMs), since: new Date(since), until: new Date(until) }] : [];
    });
  }

  /** Stretches of time in each of which the zone has one offset. */
  *#stretches(fromMs: number, toMs: number): Generator<{ sinceMs: number; untilMs: number; offsetMs: number }> {
    for (let stepMs = fromMs; stepMs < toMs; stepMs += STEP_MS) {
      const endMs = Math.min(stepMs + STEP_MS, toMs);
      const [before, after] = [this.offsetMs(new Date(stepMs)), this.offsetMs(new Date(endMs))];
      const changeMs = before === after ? endMs : this.#firstQuarterWith(after, stepMs, endMs);
      yield { sinceMs: stepMs, untilMs: changeMs, offsetMs: before };
      if (changeMs < endMs) yield { sinceMs: changeMs, untilMs: endMs, offsetMs: after };
    }
  }

  /** The first quarter hour with this offset, between one before the change of clocks and one after it. */
  #firstQuarterWith(offsetMs: number, beforeMs: number, afterMs: number): number {
    let [low, high] = [beforeMs, afterMs];
    while (high - low > QUARTER_MS) {
      const middle = low + Math.floor((high - low) / QUARTER_MS / 2) * QUARTER_MS;
      if (this.offsetMs(new Date(middle)) === offsetMs) high = middle;
      else low = middle;
    }
    return high;
  }
}

function dayOf(localMs: number): number {
  return Math.floor(localMs / DAY_MS);
}

function nextDay(localMs: number): number {
  return (dayOf(localMs) + 1) * DAY_MS;
}

function monthOf(localMs: number): number {
  const local = new Date(localMs);
  return local.getUTCFullYear() * 12 + local.getUTCMonth();
}

function nextMonth(localMs: number): number {
  const next = new Date(0);
  next.setUTCFullYear(new Date(localMs).getUTCFullYear(), new Date(localMs).getUTCMonth() + 1, 1);
  return next.getTime();
}

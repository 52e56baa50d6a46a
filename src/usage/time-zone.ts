/** Days and months of a time zone, as instants (pure). Offsets must be whole hours, because use is summed up by the hour. */
import { Refusal } from '../kernel/refusal.ts';

/** A day or a month of a time zone, and the part of it that is asked for. */
export interface CalendarSpan {
  /** Its first instant. */
  readonly start: Date;
  /** The start of the part that is asked for, inclusive. */
  readonly since: Date;
  /** Exclusive. */
  readonly until: Date;
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** The longest time by which a day or month may begin before an instant in it. */
const LONGEST_MS = { DAY: 2 * DAY_MS, MONTH: 33 * DAY_MS } as const;
/** The step in which offsets are looked up: no zone changes its clocks there and back within a week. */
const STEP_MS = 7 * DAY_MS;

/** `GMT`, `GMT+02:00`, or long ago `GMT+00:53:28`. */
const OFFSET = /^GMT(?:([+-])(\d\d):(\d\d)(?::(\d\d))?)?$/;

export class TimeZone {
  readonly #name: string;
  readonly #format: Intl.DateTimeFormat;

  /** @throws Refusal BAD_USER_INPUT for a name that is not in the IANA database, such as Europe/Berlin or UTC is */
  constructor(name: string) {
    this.#name = name;
    try {
      // Offsets such as +02:00 have no name, but would be understood.
      if (!/^[A-Za-z]/.test(name)) throw new RangeError();
      this.#format = new Intl.DateTimeFormat('en', { timeZone: name, timeZoneName: 'longOffset' });
    } catch {
      throw new Refusal('BAD_USER_INPUT', 'timeZone must be the name of a time zone, such as Europe/Berlin');
    }
  }

  /** The zone's offset from UTC at this instant, in milliseconds. @throws Refusal BAD_USER_INPUT when it is not whole hours */
  offsetMs(at: Date): number {
    const text = this.#format.formatToParts(at).find(({ type }) => type === 'timeZoneName')?.value ?? '';
    const [, sign, hours = 0, minutes = 0, seconds = 0] = OFFSET.exec(text) ?? [];
    if (Number(minutes) !== 0 || Number(seconds) !== 0) {
      throw new Refusal('BAD_USER_INPUT', `${this.#name} is not whole hours from UTC, which summaries need`);
    }
    return (sign === '-' ? -1 : 1) * Number(hours) * HOUR_MS;
  }

  /** The days or months that the hours from `from` (inclusive) to `to` (exclusive) lie in, in order. @throws Refusal as `offsetMs` */
  spans(unit: 'DAY' | 'MONTH', { from, to }: { from: Date; to: Date }): CalendarSpan[] {
    const starts: number[] = [];
    let current: number | null = null;
    for (const { hourMs, localMs } of this.#hours(from.getTime() - LONGEST_MS[unit], to.getTime())) {
      const number = unit === 'DAY' ? Math.floor(localMs / DAY_MS) : monthOf(localMs);
      if (current !== null && number !== current) starts.push(hourMs);
      current = number;
    }
    return starts.flatMap((startMs, index) => {
      const since = Math.max(startMs, from.getTime());
      const until = Math.min(starts[index + 1] ?? Number.POSITIVE_INFINITY, to.getTime());
      return since < until ? [{ start: new Date(startMs), since: new Date(since), until: new Date(until) }] : [];
    });
  }

  /** Each hour, and the local time at its start as if it were UTC. */
  *#hours(fromMs: number, toMs: number): Generator<{ hourMs: number; localMs: number }> {
    for (let stepMs = fromMs; stepMs < toMs; stepMs += STEP_MS) {
      const endMs = Math.min(stepMs + STEP_MS, toMs);
      const [before, after] = [this.offsetMs(new Date(stepMs)), this.offsetMs(new Date(endMs))];
      const changeMs = before === after ? endMs : this.#firstHourWith(after, stepMs, endMs);
      for (let hourMs = stepMs; hourMs < endMs; hourMs += HOUR_MS) {
        yield { hourMs, localMs: hourMs + (hourMs < changeMs ? before : after) };
      }
    }
  }

  /** The first hour with this offset, between an hour before the change of clocks and one after it. */
  #firstHourWith(offsetMs: number, beforeMs: number, afterMs: number): number {
    let [low, high] = [beforeMs, afterMs];
    while (high - low > HOUR_MS) {
      const middle = low + Math.floor((high - low) / HOUR_MS / 2) * HOUR_MS;
      if (this.offsetMs(new Date(middle)) === offsetMs) high = middle;
      else low = middle;
    }
    return high;
  }
}

function monthOf(localMs: number): number {
  const local = new Date(localMs);
  return local.getUTCFullYear() * 12 + local.getUTCMonth();
}

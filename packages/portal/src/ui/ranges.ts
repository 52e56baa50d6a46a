/** Days as the reader counts them: in their own time zone, or in UTC. */

interface Zone {
  readonly utc: boolean;
}

/** The first moment of the day, `days` after the one that `at` lies in. */
export function startOfDay(at: Date, { utc, days = 0 }: Zone & { readonly days?: number }): Date {
  return utc
    ? new Date(Date.UTC(at.getUTCFullYear(), at.getUTCMonth(), at.getUTCDate() + days))
    : new Date(at.getFullYear(), at.getMonth(), at.getDate() + days);
}

/** The first moment of the hour that `at` lies in. Time zones of half hours have hours of their own. */
function startOfHour(at: Date, { utc }: Zone): Date {
  const start = new Date(at);
  if (utc) start.setUTCMinutes(0, 0, 0);
  else start.setMinutes(0, 0, 0);
  return start;
}

/** Every day or hour from `from` until before `to`. Days around a change of the clocks have 23 or 25 hours and stay days. */
export function stepsBetween(
  from: Date,
  to: Date,
  { utc, interval }: Zone & { readonly interval: 'DAY' | 'HOUR' },
): Date[] {
  const steps: Date[] = [];
  const first = interval === 'DAY' ? startOfDay(from, { utc }) : startOfHour(from, { utc });
  for (let at = first; at < to && steps.length < 5_000;) {
    steps.push(at);
    at = interval === 'DAY' ? startOfDay(at, { utc, days: 1 }) : new Date(at.getTime() + 3_600_000);
  }
  return steps;
}

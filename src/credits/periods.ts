/** A span of time, start inclusive, end exclusive. */
export interface Period {
  readonly start: Date;
  readonly end: Date;
}

/** The calendar month (UTC) that holds this instant: the period of an account without a subscription (rule 13). */
export function calendarMonth(instant: Date): Period {
  const [year, month] = [instant.getUTCFullYear(), instant.getUTCMonth()];
  return { start: new Date(Date.UTC(year, month)), end: new Date(Date.UTC(year, month + 1)) };
}

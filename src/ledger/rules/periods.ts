/** A span of time, start inclusive, end exclusive. */
export interface Period {
  readonly start: Date;
  readonly end: Date;
}

/** The calendar month (UTC) of this instant, which is the period of an account without a subscription (rule 13). */
export function calendarMonth(instant: Date): Period {
  const [year, month] = [instant.getUTCFullYear(), instant.getUTCMonth()];
  return { start: new Date(Date.UTC(year, month)), end: new Date(Date.UTC(year, month + 1)) };
}

/**
 * The period of a subscription at this instant (rule 13): from the anchor plus k months to the anchor plus k + 1. Months
 * are counted from the anchor, so that a subscription of the 31st comes back to the 31st after a shorter month.
 */
export function monthFrom(anchor: Date, instant: Date): Period {
  let months = (instant.getUTCFullYear() - anchor.getUTCFullYear()) * 12 + instant.getUTCMonth() - anchor.getUTCMonth();
  // The anchor's day and time may be still to come in the month of the instant.
  if (addMonths(anchor, months) > instant) months -= 1;
  return { start: addMonths(anchor, months), end: addMonths(anchor, months + 1) };
}

/** The same day and time so many months later (UTC), or the last day of a month that has no such day: as Stripe counts. */
export function addMonths(anchor: Date, months: number): Date {
  const moved = new Date(anchor);
  moved.setUTCMonth(anchor.getUTCMonth() + months, 1);
  const [year, month] = [moved.getUTCFullYear(), moved.getUTCMonth()];
  const lastDay = new Date(Date.UTC(year, month + 1, 0)).getUTCDate();
  moved.setUTCDate(Math.min(anchor.getUTCDate(), lastDay));
  return moved;
}

/** Billing periods, in seconds since 1970 and UTC, as all of Stripe's times are. */

export const MINUTE = 60;
export const HOUR = 3600;
export const DAY = 86_400;

export interface Cadence {
  readonly interval: string;
  readonly interval_count: number;
}

/**
 * The first boundary after `after`. Boundaries are counted from the anchor and never from one another: 31 January is
 * followed by 28 February and then by 31 March again.
 */
export function nextBoundary(anchor: number, cadence: Cadence, after: number): number {
  return boundary(anchor, cadence, stepsTo(anchor, cadence, after) + 1);
}

/** The last boundary that is not after `at`. */
export function lastBoundary(anchor: number, cadence: Cadence, at: number): number {
  return boundary(anchor, cadence, stepsTo(anchor, cadence, at));
}

/** Boundary number `step` of the anchor. */
export function boundary(anchor: number, { interval, interval_count: count }: Cadence, step: number): number {
  switch (interval) {
    case 'day':
      return anchor + step * count * DAY;
    case 'week':
      return anchor + step * count * 7 * DAY;
    case 'year':
      return addMonths(anchor, step * count * 12);
    default:
      return addMonths(anchor, step * count);
  }
}

function stepsTo(anchor: number, cadence: Cadence, at: number): number {
  const length = boundary(anchor, cadence, 1) - anchor;
  let step = Math.floor((at - anchor) / length);
  // Months differ in length, so the guess may be off by a little in either direction.
  while (boundary(anchor, cadence, step) > at) step -= 1;
  while (boundary(anchor, cadence, step + 1) <= at) step += 1;
  return step;
}

function addMonths(seconds: number, months: number): number {
  const from = new Date(seconds * 1000);
  const first = new Date(Date.UTC(from.getUTCFullYear(), from.getUTCMonth() + months, 1));
  const length = new Date(Date.UTC(first.getUTCFullYear(), first.getUTCMonth() + 1, 0)).getUTCDate();
  const day = Math.min(from.getUTCDate(), length);
  const midnight = Date.UTC(first.getUTCFullYear(), first.getUTCMonth(), day) / 1000;
  return midnight + (seconds - Math.floor(seconds / DAY) * DAY);
}

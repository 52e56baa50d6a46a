/** Reads what became of a report from its state, its attempts and the words of its error. */
import type { DeliveredReport } from '../../ledger/rules/entries.ts';

/** Begins the error of a report that the meter's sum cannot tell apart from others. */
export const UNDECIDED = 'undecided: ';
/** The error of a report that the meter has, and that an item of its own billed, because no invoice of the meter's was to come. */
export const BILLED_APART = 'billed apart';

/** True if Stripe may have the report without our knowing. */
export function isUnknown({ state, attempts, error }: DeliveredReport): boolean {
  return attempts > 0 && (state === 'PENDING' || (error ?? '').includes(UNDECIDED));
}

export function isBilledApart({ error }: DeliveredReport): boolean {
  return (error ?? '').includes(BILLED_APART);
}

/** The number of times that Stripe rejected the report after it had taken it. */
export function timesRejected({ error }: DeliveredReport): number {
  return Number(/^rejected (\d+): /.exec(error ?? '')?.[1] ?? 0);
}

/** The error of a report that was rejected so many times. */
export function rejected(times: number, words: string): string {
  return `rejected ${times}: ${words}`;
}

/** The error of a report after something was noted of it: the number of rejections makes the next identifier, so it stays. */
export function errorAfter(report: DeliveredReport, words: string | null): string | null {
  const times = timesRejected(report);
  if (times === 0) return words;
  return words === null ? report.error : rejected(times, words);
}

/**
 * The identifier under which a report is sent: its id, and the number of rejections. Stripe keeps the identifier of a report
 * that it rejected afterwards, so the next sending needs another one.
 */
export function identifierOf(report: DeliveredReport): string {
  const times = timesRejected(report);
  return times === 0 ? report.id : `${report.id}/${times}`;
}

/** True for a report that was never tried and is of the same period as another one. */
export function isUntriedOfPeriod(report: DeliveredReport, { subscriptionId, period }: DeliveredReport): boolean {
  const isSame = report.subscriptionId === subscriptionId && report.period.start.getTime() === period.start.getTime();
  return isSame && report.attempts === 0 && report.state === 'PENDING';
}

/** Deliveries of overage reports (rule 28). */
import type { DecisionOf, DeliveredCommand } from './commands.ts';
import { Effects } from './effects.ts';
import type { DeliveredReport, Delivery } from './entries.ts';
import type { LedgerView } from './ledger-view.ts';
import { rejected } from './refusals.ts';

/** A report that has just been frozen. */
export const UNDELIVERED: Delivery = { state: 'PENDING', attempts: 0, error: null, sentAt: null };

/**
 * Notes a delivery, if the report still is as the caller saw it: of two who deliver the same report, the second is refused and
 * reads again. A report that was altered behind the ledger's back is refused, too. A new checksum would hide the alteration,
 * and a report that was set aside would be overage that nobody bills.
 */
export function deliver(
  { billingEntityId, seen, delivery }: DeliveredCommand,
  view: LedgerView,
): DecisionOf<DeliveredCommand> {
  const stored = view.report(billingEntityId, seen.id);
  if (stored === undefined) return rejected('NOT_FOUND', 'there is no such report');
  if (!stored.isIntact || !isSame(stored.report, seen)) {
    return rejected('CONFLICT', 'the report has changed since it was read');
  }
  return { ...Effects.none, deliveries: [{ ...stored.report, ...delivery }] };
}

function isSame(a: DeliveredReport, b: DeliveredReport): boolean {
  return (
    a.state === b.state &&
    a.attempts === b.attempts &&
    a.error === b.error &&
    a.sentAt?.getTime() === b.sentAt?.getTime() &&
    a.subscriptionId === b.subscriptionId &&
    a.credits === b.credits &&
    a.period.start.getTime() === b.period.start.getTime() &&
    a.period.end.getTime() === b.period.end.getTime() &&
    a.stampedAt.getTime() === b.stampedAt.getTime() &&
    a.createdAt.getTime() === b.createdAt.getTime()
  );
}

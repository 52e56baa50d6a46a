/** Refunds of usage records (rule 22). */
import type { Account } from './account.ts';
import type { DecisionOf, RefundCommand } from './commands.ts';
import { rejected } from './refusals.ts';
import type { LedgerView } from './ledger-view.ts';
import { grantOf, newGrant, tooMuch } from './grant.ts';
import { type Grant, isPast } from './grants.ts';
import { Journal } from './journal.ts';

/**
 * Gives back the charge of a record (rule 22). Credits go back to the grants that were drawn, or to a grant like one that
 * has expired. Overage that is in no report is taken off. The rest becomes an ADJUSTMENT grant.
 */
export function refund(
  account: Account,
  command: RefundCommand,
  now: Date,
  view: LedgerView,
): DecisionOf<RefundCommand> {
  const evidence = view.refundEvidence(account.billingEntityId, command.record);
  if (evidence === undefined) return rejected('NOT_FOUND', 'there is no such usage record');
  if (evidence.refunded) return rejected('CONFLICT', 'this record has been refunded');
  const absurd = tooMuch(account, evidence.record.credits);
  if (absurd) return absurd;
  const { record } = evidence;
  const { reason } = command;
  const refunded = { sequence: record.sequence, line: record.line };
  const inOwnPeriod = evidence.periodStart.getTime() === account.period.start.getTime();

  const journal = new Journal(account, command, now);
  const refundSequence = account.sequence + 1n;
  for (const { grantId, credits } of record.draws) {
    const drawn = grantOf(account, grantId);
    const { source, priority, root } = drawn;
    const back: Grant = isOver(account, drawn, now)
      ? newGrant(journal, {
          id: view.newId(),
          source,
          amount: credits,
          priority,
          expiresAt: account.period.end,
          root,
          reason,
        })
      : { ...drawn, remaining: drawn.remaining + credits, state: 'ACTIVE' };
    journal.putGrant(back);
    journal.post({ kind: 'REFUND', amount: credits, grantId: back.id, refunded, reason });
  }
  // Reported overage is on a bill already. Unreported overage is always of this period.
  const unreported = account.overageTotal - account.overageReported;
  const overage = !inOwnPeriod ? 0n : record.overage < unreported ? record.overage : unreported;
  if (overage > 0n) journal.post({ kind: 'REFUND', overage: -overage, refunded, reason });
  const rest = record.overage - overage + record.owed;
  if (rest > 0n) {
    const made = newGrant(journal, { id: view.newId(), source: 'ADJUSTMENT', amount: rest, reason });
    journal.putGrant(made);
    journal.post({ kind: 'REFUND', amount: rest, grantId: made.id, refunded, reason });
  }
  // The refund of a record that charged nothing has an entry as well.
  if (journal.account.sequence === account.sequence) journal.post({ kind: 'REFUND', refunded, reason });
  if (inOwnPeriod) journal.countUse(record, { used: -record.credits, owed: -record.owed });
  journal.refund(record, { billingEntityId: account.billingEntityId, ...refunded, refundedAt: now, refundSequence });
  return journal.close();
}

/** Tells if credits would come back to this grant too late: its time is over, or the period that its credits were for. */
export function isOver({ billingEntityId, period }: Account, grant: Grant, now: Date): boolean {
  if (isPast(grant, now) || grant.state === 'EXPIRING' || grant.state === 'EXPIRED') return true;
  const { source, billingEntityId: rootEntityId } = grant.root;
  const isOfPeriod = source === 'SUBSCRIPTION' && rootEntityId === billingEntityId && grant.expiresAt !== null;
  return isOfPeriod && grant.createdAt < period.start;
}

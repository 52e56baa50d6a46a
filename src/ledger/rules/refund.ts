/** Refunds of usage records, whole or in parts (rule 22). */
import type { Account } from './account.ts';
import type { DecisionOf, RefundCommand } from './commands.ts';
import type { ChargePart, UsageRecord } from './entries.ts';
import { rejected } from './refusals.ts';
import type { LedgerView } from './ledger-view.ts';
import { grantOf, newGrant, tooMuch } from './grant.ts';
import { type Draw, type Grant, isPast } from './grants.ts';
import { Journal } from './journal.ts';

/**
 * Gives back the charge of a record, or a part of it (rule 22). Credits go back to the grants that were drawn, or to a
 * grant like one that has expired. Overage that is in no report is taken off. The rest becomes an ADJUSTMENT grant.
 */
export function refund(
  account: Account,
  command: RefundCommand,
  now: Date,
  view: LedgerView,
): DecisionOf<RefundCommand> {
  const evidence = view.refundEvidence(account.billingEntityId, command.record);
  if (evidence === undefined) return rejected('NOT_FOUND', 'there is no such usage record');
  const { record } = evidence;
  const creditsBefore = evidence.refundedCredits ?? 0n;
  const left = record.credits - creditsBefore;
  // A record that charged nothing has nothing left from the beginning, and can be refunded once all the same.
  if (left === 0n && evidence.refundedCredits !== null) return rejected('CONFLICT', 'this record has been refunded');
  const credits = command.credits ?? left;
  if (credits > left) return rejected('CONFLICT', `only ${left} credits of this record are left to refund`);
  const absurd = tooMuch(account, credits);
  if (absurd) return absurd;
  const part = partOfCharge(record, { after: creditsBefore, credits });
  const { reason } = command;
  const refunded = { sequence: record.sequence, line: record.line };
  const inOwnPeriod = evidence.periodStart.getTime() === account.period.start.getTime();

  const journal = new Journal(account, command, now);
  const refundSequence = account.sequence + 1n;
  for (const draw of part.draws) {
    const drawn = grantOf(account, draw.grantId);
    const { source, priority, root, transferredBy } = drawn;
    const back: Grant = isOver(account, drawn, now)
      ? newGrant(journal, {
          id: view.newId(),
          source,
          amount: draw.credits,
          priority,
          expiresAt: drawn.expiresAt === null ? null : account.period.end,
          root,
          transferredBy,
          reason,
        })
      : { ...drawn, remaining: drawn.remaining + draw.credits, state: 'ACTIVE' };
    journal.putGrant(back);
    journal.post({ kind: 'REFUND', amount: draw.credits, grantId: back.id, refunded, reason });
  }
  // Reported overage is on a bill already. Unreported overage is always of this period.
  const unreported = account.overageTotal - account.overageReported;
  const overage = inOwnPeriod ? lesser(part.overage, unreported) : 0n;
  if (overage > 0n) journal.post({ kind: 'REFUND', overage: -overage, refunded, reason });
  const rest = part.overage - overage + part.owed;
  if (rest > 0n) {
    const made = newGrant(journal, { id: view.newId(), source: 'ADJUSTMENT', amount: rest, reason });
    journal.putGrant(made);
    journal.post({ kind: 'REFUND', amount: rest, grantId: made.id, refunded, reason });
  }
  // The refund of a record that charged nothing has an entry as well.
  if (journal.account.sequence === account.sequence) journal.post({ kind: 'REFUND', refunded, reason });
  if (inOwnPeriod) journal.countUse(record, { used: -credits, owed: -part.owed });
  const { billingEntityId } = account;
  journal.refund(record, part, {
    billingEntityId,
    ...refunded,
    refundedAt: now,
    refundSequence,
    credits,
    creditsBefore,
  });
  return journal.close();
}

/**
 * The part of a record's charge that is given back after the first `after` credits of it. A charge goes back in the reverse
 * of how it was taken: what was owed, then overage, then the grants, the last drawn first (rule 22).
 */
export function partOfCharge(
  { owed, overage, draws }: Pick<UsageRecord, 'owed' | 'overage' | 'draws'>,
  { after, credits }: { readonly after: bigint; readonly credits: bigint },
): ChargePart {
  let [toSkip, toTake] = [after, credits];
  const take = (taken: bigint): bigint => {
    const skipped = lesser(taken, toSkip);
    const part = lesser(taken - skipped, toTake);
    toSkip -= skipped;
    toTake -= part;
    return part;
  };
  const ofOwed = take(owed);
  const ofOverage = take(overage);
  const ofDraws: Draw[] = [];
  for (const draw of draws.toReversed()) {
    const part = take(draw.credits);
    if (part > 0n) ofDraws.unshift({ ...draw, credits: part });
  }
  return { credits, owed: ofOwed, overage: ofOverage, draws: ofDraws };
}

/** Tells if credits would come back to this grant too late: its time is over, or the period that its credits were for. */
export function isOver({ billingEntityId, period }: Account, grant: Grant, now: Date): boolean {
  if (isPast(grant, now) || grant.state === 'EXPIRING' || grant.state === 'EXPIRED') return true;
  const { source, billingEntityId: rootEntityId } = grant.root;
  const isOfPeriod = source === 'SUBSCRIPTION' && rootEntityId === billingEntityId && grant.expiresAt !== null;
  return isOfPeriod && grant.createdAt < period.start;
}

function lesser(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}

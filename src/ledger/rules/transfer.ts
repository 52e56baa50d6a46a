/** Transfers of credits to another account (rule 23). */
import { type Account, accountTime } from './account.ts';
import type { DecisionOf, TransferCommand } from './commands.ts';
import { rejected } from './refusals.ts';
import type { LedgerView } from './ledger-view.ts';
import { grantOf, newGrant, tooMuch } from './grant.ts';
import { comesFrom, type Draw, type Grant, mayLeave } from './grants.ts';
import { Effects } from './effects.ts';
import { Journal } from './journal.ts';

/**
 * Moves credits to another account in drawdown order (rule 23). They keep their root, priority and expiry, and from now on name
 * the account that transferred them. Credits that have all of it alike join one grant, so that credits that go to and fro do
 * not fall into ever smaller pieces.
 */
export function transfer(from: Account, command: TransferCommand, view: LedgerView): DecisionOf<TransferCommand> {
  const { amount, reason, toBillingEntityId, isReturn } = command;
  const to = view.account(toBillingEntityId);
  if (to === undefined) return rejected('NOT_FOUND', 'there is no such billing entity');
  if (to === from) return rejected('BAD_USER_INPUT', 'a transfer needs two different accounts');
  const out = new Journal(from, command, accountTime(from, view.wallClock));
  // A transfer back takes no held credits: the reservations would hold the account's own credits instead, and drain those.
  const mayGo = (each: Grant): boolean => mayLeave(each) && (!isReturn || comesFrom(each, to.billingEntityId));
  const movable = from.grants.reduce(
    (sum, each) =>
      each.state === 'ACTIVE' && mayGo(each) ? sum + (isReturn ? out.unheld(each) : each.remaining) : sum,
    0n,
  );
  const available = movable < from.available ? movable : from.available;
  if (amount > available) {
    return { kind: 'refused', reason: 'INSUFFICIENT_CREDITS', scope: 'BALANCE', required: amount, available };
  }
  const absurd = tooMuch(to, amount);
  if (absurd) return absurd;

  const into = new Journal(to, { actor: command.actor, idempotency: null }, accountTime(to, view.wallClock));
  for (const { grantId, credits } of isReturn ? drawUnheld(out, amount, mayGo) : out.draw(amount, mayGo)) {
    const drawn = grantOf(out.account, grantId);
    out.post({ kind: 'TRANSFER_OUT', amount: -credits, grantId, counterpartyId: to.billingEntityId, reason });

    const { priority, expiresAt, root } = drawn;
    const arriving = { priority, expiresAt, root, transferredBy: from.billingEntityId };
    const alike = into.account.grants.find((each) => each.state === 'ACTIVE' && joins(each, arriving));
    const arrived = alike
      ? { ...alike, amount: alike.amount + credits, remaining: alike.remaining + credits }
      : newGrant(into, { ...arriving, id: view.newId(), source: 'TRANSFER', amount: credits, reason });
    into.putGrant(arrived);
    into.post({
      kind: 'TRANSFER_IN',
      amount: credits,
      grantId: arrived.id,
      counterpartyId: from.billingEntityId,
      reason,
    });
  }
  return Effects.merge(out.close(), into.close());
}

/** Takes credits out of grants in drawdown order, and only credits that are not held. The caller has counted that there are enough. */
function drawUnheld(journal: Journal, credits: bigint, from: (grant: Grant) => boolean): readonly Draw[] {
  let missing = credits;
  const draws: Draw[] = [];
  for (const grant of journal.account.grants) {
    const unheld = grant.state === 'ACTIVE' && from(grant) ? journal.unheld(grant) : 0n;
    const taken = unheld < missing ? unheld : missing;
    if (taken === 0n) continue;
    missing -= taken;
    const remaining = grant.remaining - taken;
    journal.putGrant({ ...grant, remaining, state: remaining === 0n ? 'SPENT' : grant.state });
    draws.push({ grantId: grant.id, credits: taken });
  }
  return draws;
}

type Arriving = Pick<Grant, 'priority' | 'expiresAt' | 'root' | 'transferredBy'>;

/** Credits of one root are of one class. A grant that names nobody who transferred it is never joined: its credits are of several. */
function joins(grant: Grant, arriving: Arriving): boolean {
  return (
    grant.source === 'TRANSFER' &&
    grant.transferredBy === arriving.transferredBy &&
    grant.root.grantId === arriving.root.grantId &&
    grant.root.billingEntityId === arriving.root.billingEntityId &&
    grant.priority === arriving.priority &&
    grant.expiresAt?.getTime() === arriving.expiresAt?.getTime()
  );
}

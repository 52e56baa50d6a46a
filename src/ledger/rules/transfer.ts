/** Transfers of credits to another account (rule 23). */
import { type Account, accountTime } from './account.ts';
import type { DecisionOf, TransferCommand } from './commands.ts';
import { rejected } from './refusals.ts';
import type { LedgerView } from './ledger-view.ts';
import { grantOf, newGrant, tooMuch } from './grant.ts';
import { type Draw, type Grant, mayLeave } from './grants.ts';
import { Effects } from './effects.ts';
import { Journal } from './journal.ts';

/**
 * Moves credits to another account in drawdown order (rule 23). They keep their root, priority and expiry. Credits that
 * have all three alike join one grant, so that credits that go to and fro do not fall into ever smaller pieces.
 */
export function transfer(from: Account, command: TransferCommand, view: LedgerView): DecisionOf<TransferCommand> {
  const { amount, reason, toBillingEntityId, onlyOfRootIn } = command;
  const to = view.account(toBillingEntityId);
  if (to === undefined) return rejected('NOT_FOUND', 'there is no such billing entity');
  if (to === from) return rejected('BAD_USER_INPUT', 'a transfer needs two different accounts');
  const out = new Journal(from, command, accountTime(from, view.wallClock));
  // A transfer back takes no held credits: the reservations would hold the account's own credits instead, and drain those.
  const isBack = onlyOfRootIn !== null;
  const mayGo = (each: Grant): boolean => mayLeave(each) && (!isBack || each.root.billingEntityId === onlyOfRootIn);
  const movable = from.grants.reduce(
    (sum, each) => (each.state === 'ACTIVE' && mayGo(each) ? sum + (isBack ? out.unheld(each) : each.remaining) : sum),
    0n,
  );
  const available = movable < from.available ? movable : from.available;
  if (amount > available) {
    return { kind: 'refused', reason: 'INSUFFICIENT_CREDITS', scope: 'BALANCE', required: amount, available };
  }
  const absurd = tooMuch(to, amount);
  if (absurd) return absurd;

  const into = new Journal(to, { actor: command.actor, idempotency: null }, accountTime(to, view.wallClock));
  for (const { grantId, credits } of isBack ? drawUnheld(out, amount, mayGo) : out.draw(amount, mayGo)) {
    const drawn = grantOf(out.account, grantId);
    out.post({ kind: 'TRANSFER_OUT', amount: -credits, grantId, counterpartyId: to.billingEntityId, reason });

    const alike = into.account.grants.find((each) => each.state === 'ACTIVE' && isContinuation(each, drawn));
    const { priority, expiresAt, root } = drawn;
    const arrived = alike
      ? { ...alike, amount: alike.amount + credits, remaining: alike.remaining + credits }
      : newGrant(into, {
          id: view.newId(),
          source: 'TRANSFER',
          amount: credits,
          priority,
          expiresAt,
          root,
          reason,
        });
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

function isContinuation(grant: Grant, of: Grant): boolean {
  return (
    grant.source === 'TRANSFER' &&
    grant.root.grantId === of.root.grantId &&
    grant.root.billingEntityId === of.root.billingEntityId &&
    grant.priority === of.priority &&
    grant.expiresAt?.getTime() === of.expiresAt?.getTime()
  );
}

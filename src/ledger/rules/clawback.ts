/** Clawback and reinstatement: credits follow the money that paid for them, back and forth (rules 24 and 25). */
import { type Account, accountTime } from './account.ts';
import type { Cause, ClawbackCommand, DecisionOf, ReinstateCommand } from './commands.ts';
import { rejected } from './refusals.ts';
import type { LedgerView } from './ledger-view.ts';
import { newGrant, tooMuch } from './grant.ts';
import type { Grant } from './grants.ts';
import { Effects } from './effects.ts';
import { Journal } from './journal.ts';
import { isOver } from './refund.ts';

/**
 * Takes credits of a grant back, up to a cumulative target (rule 24). They are taken from the grant's unheld remainder,
 * then from what expired unused, then from what is left of it in other accounts. The rest becomes owed.
 */
export function clawBack(account: Account, command: ClawbackCommand, view: LedgerView): DecisionOf<ClawbackCommand> {
  const root = account.grants.find((each) => each.id === command.grantId);
  if (root === undefined) return rejected('NOT_FOUND', 'there is no such grant');
  if (command.target > root.amount) return rejected('BAD_USER_INPUT', `the grant was of ${root.amount} credits`);
  if (command.target <= root.clawed) return Effects.none;
  const accounts = [account];
  for (const id of command.elsewhere) {
    const other = view.account(id);
    if (other !== undefined) accounts.push(other);
  }
  if (!isWholeTrail(accounts, root, view)) {
    return rejected('CONFLICT', 'its credits have moved on meanwhile; try again');
  }

  const { reason } = command;
  const journals = accounts.map((each, index) => {
    const cause: Cause = index === 0 ? command : { actor: command.actor, idempotency: null };
    return new Journal(each, cause, accountTime(each, view.wallClock));
  });
  const [own] = journals as [Journal, ...Journal[]];
  let missing = command.target - root.clawed;
  const take = (most: bigint): bigint => {
    const taken = most < missing ? most : missing;
    missing -= taken;
    return taken;
  };

  // A pending grant has not entered the balance, so nothing leaves the balance either.
  const pending = root.state === 'PENDING';
  const takenHere = take(pending ? root.remaining : own.unheld(root));
  const expiredHere = take(root.expired);
  const remaining = root.remaining - takenHere;
  own.putGrant({
    ...root,
    remaining,
    state: takenHere > 0n && remaining === 0n ? 'SPENT' : root.state,
    expired: root.expired - expiredHere,
    clawed: command.target,
    voidedAt: command.target === root.amount ? own.now : null,
  });
  const takenElsewhere: { journal: Journal; grantId: string; credits: bigint }[] = [];
  for (const each of journals) {
    for (const branch of branchesOf(each.account, root)) {
      const expired = take(branch.expired);
      if (expired > 0n) each.putGrant({ ...branch, expired: branch.expired - expired });
    }
  }
  for (const each of journals) {
    for (const branch of branchesOf(each.account, root)) {
      const credits = branch.state === 'ACTIVE' ? take(each.unheld(branch)) : 0n;
      if (credits === 0n) continue;
      const left = branch.remaining - credits;
      each.putGrant({ ...branch, remaining: left, state: left === 0n ? 'SPENT' : branch.state });
      takenElsewhere.push({ journal: each, grantId: branch.id, credits });
    }
  }
  own.post({ kind: 'CLAWBACK', amount: pending ? 0n : -takenHere, owed: missing, grantId: root.id, reason });
  for (const { journal: each, grantId, credits } of takenElsewhere) {
    each.post({ kind: 'CLAWBACK', amount: -credits, grantId, reason });
  }
  return Effects.merge(...journals.map((each) => each.close()));
}

/** Gives back the credits that were clawed back of a grant, as a grant like it that a later clawback finds (rules 24 and 25). */
export function reinstate(
  account: Account,
  command: ReinstateCommand,
  now: Date,
  { newId }: LedgerView,
): DecisionOf<ReinstateCommand> {
  const root = account.grants.find((each) => each.id === command.grantId);
  if (root === undefined) return rejected('NOT_FOUND', 'there is no such grant');
  if (root.clawed === 0n) return Effects.none;
  const { clawed: amount, source, priority } = root;
  const absurd = tooMuch(account, amount);
  if (absurd) return absurd;
  const expiresAt = isOver(account, root, now) ? account.period.end : root.expiresAt;
  const { reason } = command;
  const journal = new Journal(account, command, now);
  const given = newGrant(journal, { id: newId(), source, amount, priority, expiresAt, root: root.root, reason });
  journal.putGrant({ ...root, clawed: 0n, voidedAt: null });
  journal.putGrant(given);
  journal.post({ kind: 'GRANT', amount, grantId: given.id, reason });
  return journal.close();
}

/** Tells if these are all accounts that credits of this grant have reached. */
function isWholeTrail(accounts: readonly Account[], root: Grant, { recipients }: LedgerView): boolean {
  const reached = new Set(accounts.map((account) => account.billingEntityId));
  return accounts.every((account) =>
    recipients(account.billingEntityId, root.id).every((recipient) => reached.has(recipient)),
  );
}

/** Grants of an account whose credits came out of this one. */
function branchesOf(account: Account, root: Grant): readonly Grant[] {
  return account.grants.filter(
    (each) =>
      each.id !== root.id && each.root.grantId === root.id && each.root.billingEntityId === root.billingEntityId,
  );
}

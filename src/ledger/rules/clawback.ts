/** Clawback, and its undoing: what a payment had bought follows money that goes back, or comes again (rules 24 and 25). */
import { type Account, accountTime } from './account.ts';
import {
  type Cause,
  type ClawbackCommand,
  type Decision,
  type ReinstateCommand,
  rejected,
  type Situation,
} from './commands.ts';
import { newGrant, tooMuch } from './grant.ts';
import type { Grant } from './grants.ts';
import { Books, NOTHING, together } from './journal.ts';
import { isOver } from './refund.ts';

/**
 * Takes credits of a grant back up to a cumulative target (rule 24): what is left of it and not held, then what lapsed
 * unused, then what is left of it in other accounts; the rest becomes owed.
 */
export function clawBack(account: Account, command: ClawbackCommand, clock: Date, situation: Situation): Decision {
  const root = account.grants.find((each) => each.id === command.grantId);
  if (root === undefined) return rejected('NOT_FOUND', 'there is no such grant');
  if (command.target > root.amount) return rejected('BAD_USER_INPUT', `the grant was of ${root.amount} credits`);
  if (command.target <= root.clawed) return NOTHING;
  const accounts = [account];
  for (const id of command.elsewhere) {
    const other = situation.account(id);
    if (other !== undefined) accounts.push(other);
  }
  if (!isWholeTrail(accounts, root, situation)) {
    return rejected('CONFLICT', 'its credits have moved on meanwhile; try again');
  }

  const { reason } = command;
  const books = accounts.map((each, index) => {
    const cause: Cause = index === 0 ? command : { actor: command.actor, idempotency: null };
    return new Books(each, cause, accountTime(each, clock));
  });
  const [own] = books as [Books, ...Books[]];
  let missing = command.target - root.clawed;
  const take = (most: bigint): bigint => {
    const taken = most < missing ? most : missing;
    missing -= taken;
    return taken;
  };

  // A grant of later has not entered the balance, so nothing leaves it.
  const pending = root.state === 'PENDING';
  const takenHere = take(pending ? root.remaining : own.unheld(root));
  const lapsedHere = take(root.lapsed);
  const remaining = root.remaining - takenHere;
  own.putGrant({
    ...root,
    remaining,
    state: takenHere > 0n && remaining === 0n ? 'SPENT' : root.state,
    lapsed: root.lapsed - lapsedHere,
    clawed: command.target,
    voidedAt: command.target === root.amount ? own.now : null,
  });
  const takenElsewhere: { books: Books; grantId: string; credits: bigint }[] = [];
  for (const each of books) {
    for (const branch of branchesOf(each.account, root)) {
      const lapsed = take(branch.lapsed);
      if (lapsed > 0n) each.putGrant({ ...branch, lapsed: branch.lapsed - lapsed });
    }
  }
  for (const each of books) {
    for (const branch of branchesOf(each.account, root)) {
      const credits = branch.state === 'ACTIVE' ? take(each.unheld(branch)) : 0n;
      if (credits === 0n) continue;
      const left = branch.remaining - credits;
      each.putGrant({ ...branch, remaining: left, state: left === 0n ? 'SPENT' : branch.state });
      takenElsewhere.push({ books: each, grantId: branch.id, credits });
    }
  }
  own.post({ kind: 'CLAWBACK', amount: pending ? 0n : -takenHere, owed: missing, grantId: root.id, reason });
  for (const { books: each, grantId, credits } of takenElsewhere) {
    each.post({ kind: 'CLAWBACK', amount: -credits, grantId, reason });
  }
  const applied = books.map((each) => {
    each.tidy();
    return each.applied();
  });
  return together(...applied);
}

/** Gives back what was clawed back of a grant (rules 24 and 25), as a grant like it that a further clawback finds again. */
export function reinstate(account: Account, command: ReinstateCommand, now: Date, { newId }: Situation): Decision {
  const root = account.grants.find((each) => each.id === command.grantId);
  if (root === undefined) return rejected('NOT_FOUND', 'there is no such grant');
  if (root.clawed === 0n) return NOTHING;
  const { clawed: amount, source, priority } = root;
  const absurd = tooMuch(account, amount);
  if (absurd) return absurd;
  const expiresAt = isOver(account, root, now) ? account.period.end : root.expiresAt;
  const { reason } = command;
  const books = new Books(account, command, now);
  const given = newGrant(books, { id: newId(), source, amount, priority, expiresAt, root: root.root, reason });
  books.putGrant({ ...root, clawed: 0n, voidedAt: null });
  books.putGrant(given);
  books.post({ kind: 'GRANT', amount, grantId: given.id, reason });
  books.tidy();
  return books.applied();
}

/** Whether every account that credits of this grant have reached is among these. */
function isWholeTrail(accounts: readonly Account[], root: Grant, { recipients }: Situation): boolean {
  const reached = new Set(accounts.map((account) => account.billingEntityId));
  return accounts.every((account) =>
    recipients(account.billingEntityId, root.id).every((recipient) => reached.has(recipient)),
  );
}

/** Grants of an account that continue this one. */
function branchesOf(account: Account, root: Grant): readonly Grant[] {
  return account.grants.filter(
    (each) =>
      each.id !== root.id && each.root.grantId === root.id && each.root.billingEntityId === root.billingEntityId,
  );
}

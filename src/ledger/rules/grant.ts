/** Grants that are made by hand, by payment or as a trial, and negative adjustments (rules 4, 5 and 24). */
import { type Account, MAX_CREDITS } from './account.ts';
import type { AdjustCommand, CreditCommand, DecisionOf, GrantCommand, TrialCommand } from './commands.ts';
import { type Rejected, rejected } from './refusals.ts';
import { Effects } from './effects.ts';
import { DEFAULT_PRIORITY, type Grant } from './grants.ts';
import { Journal } from './journal.ts';

/** Makes a grant. One that takes effect later stays outside the balance until then. */
export function grant(account: Account, command: GrantCommand, now: Date): DecisionOf<GrantCommand> {
  const effectiveAt = command.effectiveAt ?? now;
  const { expiresAt, amount } = command;
  if (expiresAt !== null && (expiresAt <= now || expiresAt <= effectiveAt)) {
    return rejected('BAD_USER_INPUT', 'expiresAt must lie in the future and after effectiveAt');
  }
  const absurd = tooMuch(account, amount);
  if (absurd) return absurd;

  const journal = new Journal(account, command, now);
  const pending = effectiveAt > now;
  const made = newGrant(journal, { ...command, id: command.grantId, effectiveAt });
  journal.putGrant(pending ? { ...made, state: 'PENDING' } : made);
  // A pending grant is announced with an entry of 0. It enters the balance with a second entry when it takes effect.
  journal.post({ kind: 'GRANT', amount: pending ? 0n : amount, grantId: made.id, reason: command.reason });
  return journal.close();
}

/** The free trial's grant, once in the life of an account, however often it is asked for (rule 4). */
export function giveTrial(account: Account, command: TrialCommand, now: Date): DecisionOf<TrialCommand> {
  if (account.trialGiven) return Effects.none;
  return grant({ ...account, trialGiven: true }, { ...command, kind: 'grant' }, now);
}

/** Makes the grant of a purchase, which never expires, or of more units, which expires with the current period (rule 26). */
export function credit(account: Account, command: CreditCommand, now: Date): DecisionOf<CreditCommand> {
  const expiresAt = command.source === 'PURCHASE' ? null : account.period.end;
  return grant(account, { ...command, kind: 'grant', priority: DEFAULT_PRIORITY, effectiveAt: null, expiresAt }, now);
}

/** Adjusts by hand. A positive amount becomes an ADJUSTMENT grant; a negative amount is drawn like use (rule 5). */
export function adjust(account: Account, command: AdjustCommand, now: Date): DecisionOf<AdjustCommand> {
  const { amount, reason } = command;
  const journal = new Journal(account, command, now);
  if (amount > 0n) {
    const absurd = tooMuch(account, amount);
    if (absurd) return absurd;
    const made = newGrant(journal, { id: command.grantId, source: 'ADJUSTMENT', amount, reason });
    journal.putGrant(made);
    journal.post({ kind: 'ADJUSTMENT', amount, grantId: made.id, reason });
  } else {
    if (-amount > account.available) return rejected('CONFLICT', `only ${account.available} credits are available`);
    journal.post({ kind: 'ADJUSTMENT', amount, draws: journal.draw(-amount), reason });
  }
  return journal.close();
}

type NewGrant = Pick<Grant, 'id' | 'source' | 'amount' | 'reason'> &
  Partial<Pick<Grant, 'priority' | 'effectiveAt' | 'expiresAt' | 'root' | 'transferredBy'>>;

/** Makes a grant in effect. Unless told otherwise it counts from now, never expires, and is the root of its own credits. */
export function newGrant({ account: { billingEntityId }, now }: Journal, wanted: NewGrant): Grant {
  const { id, source, amount, reason } = wanted;
  return {
    billingEntityId,
    id,
    source,
    amount,
    remaining: amount,
    priority: wanted.priority ?? DEFAULT_PRIORITY,
    state: 'ACTIVE',
    effectiveAt: wanted.effectiveAt ?? now,
    expiresAt: wanted.expiresAt ?? null,
    reason,
    createdAt: now,
    root: wanted.root ?? { billingEntityId, grantId: id, source },
    transferredBy: wanted.transferredBy ?? null,
    expired: 0n,
    clawed: 0n,
    voidedAt: null,
  };
}

/** The account's grant with this id. A missing one is a bug. */
export function grantOf(account: Account, id: string): Grant {
  const found = account.grants.find((each) => each.id === id);
  if (found === undefined) throw new Error(`grant ${id} of ${account.billingEntityId} is missing`);
  return found;
}

/** Rejects credits that would take the account, with everything that it has been promised, beyond what can be counted exactly. */
export function tooMuch(account: Account, more: bigint): Rejected | null {
  const promised = account.grants.reduce((sum, each) => sum + each.remaining, account.used);
  return promised + more > MAX_CREDITS
    ? rejected('BAD_USER_INPUT', `that would take an account beyond ${MAX_CREDITS} credits`)
    : null;
}

/** Credits that come by hand, by payment or as a trial (rules 4, 5 and 24), and negative adjustments. */
import { type Account, MAX_CREDITS } from './account.ts';
import {
  type AdjustCommand,
  type CreditCommand,
  type Decision,
  type GrantCommand,
  type Rejected,
  rejected,
} from './commands.ts';
import { DEFAULT_PRIORITY, type Grant } from './grants.ts';
import { Journal } from './journal.ts';

export function grant(account: Account, command: GrantCommand, now: Date): Decision {
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
  // A grant of later is announced at 0 now, and enters the balance with an entry of its own when it takes effect.
  journal.post({ kind: 'GRANT', amount: pending ? 0n : amount, grantId: made.id, reason: command.reason });
  return journal.close();
}

/** What was paid for besides the base of a period: a purchase stays, more units of a plan are for the current period. */
export function credit(account: Account, command: CreditCommand, now: Date): Decision {
  const expiresAt = command.source === 'PURCHASE' ? null : account.period.end;
  return grant(account, { ...command, kind: 'grant', priority: DEFAULT_PRIORITY, effectiveAt: null, expiresAt }, now);
}

/** A positive amount becomes an ADJUSTMENT grant; a negative one is drawn like use (rule 5). */
export function adjust(account: Account, command: AdjustCommand, now: Date): Decision {
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

type Terms = Pick<Grant, 'id' | 'source' | 'amount' | 'reason'> &
  Partial<Pick<Grant, 'priority' | 'effectiveAt' | 'expiresAt' | 'root'>>;

/** A grant in effect, from now and forever where nothing else is said; the root of its own credits. */
export function newGrant({ account: { billingEntityId }, now }: Journal, usageContext: Terms): Grant {
  const { id, source, amount, reason } = usageContext;
  return {
    billingEntityId,
    id,
    source,
    amount,
    remaining: amount,
    priority: usageContext.priority ?? DEFAULT_PRIORITY,
    state: 'ACTIVE',
    effectiveAt: usageContext.effectiveAt ?? now,
    expiresAt: usageContext.expiresAt ?? null,
    reason,
    createdAt: now,
    root: usageContext.root ?? { billingEntityId, grantId: id, source },
    expired: 0n,
    clawed: 0n,
    voidedAt: null,
  };
}

export function grantOf(account: Account, id: string): Grant {
  const found = account.grants.find((each) => each.id === id);
  if (found === undefined) throw new Error(`grant ${id} of ${account.billingEntityId} is missing`);
  return found;
}

/** Everything the account holds or will hold without anybody's doing stays countable. */
export function tooMuch(account: Account, more: bigint): Rejected | null {
  const promised = account.grants.reduce((sum, each) => sum + each.remaining, account.used);
  return promised + more > MAX_CREDITS
    ? rejected('BAD_USER_INPUT', `that would take an account beyond ${MAX_CREDITS} credits`)
    : null;
}

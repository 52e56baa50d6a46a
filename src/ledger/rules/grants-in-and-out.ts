/** Credits that come, go back and move across, other than by use (rules 4, 5 and 22 to 24). */
import { type Account, accountTime, MAX_CREDITS } from './account.ts';
import { Books, NOTHING, together } from './journal.ts';
import {
  type AdjustCommand,
  type Cause,
  type ClawbackCommand,
  type CreditCommand,
  type Decision,
  type GrantCommand,
  type RefundCommand,
  type ReinstateCommand,
  type Rejected,
  rejected,
  type Situation,
  type TransferCommand,
} from './commands.ts';
import { DEFAULT_PRIORITY, type Draw, type Grant, isPast, mayLeave } from './grants.ts';

export function grant(account: Account, command: GrantCommand, now: Date): Decision {
  const effectiveAt = command.effectiveAt ?? now;
  const { expiresAt, amount } = command;
  if (expiresAt !== null && (expiresAt <= now || expiresAt <= effectiveAt)) {
    return rejected('BAD_USER_INPUT', 'expiresAt must lie in the future and after effectiveAt');
  }
  const absurd = tooMuch(account, amount);
  if (absurd) return absurd;

  const books = new Books(account, command, now);
  const pending = effectiveAt > now;
  const made = newGrant(books, { ...command, id: command.grantId, effectiveAt });
  books.putGrant(pending ? { ...made, state: 'PENDING' } : made);
  // A grant of later is announced at 0 now, and enters the balance with an entry of its own when it takes effect.
  books.post({ kind: 'GRANT', amount: pending ? 0n : amount, grantId: made.id, reason: command.reason });
  books.tidy();
  return books.applied();
}

/** What was paid for besides the base of a period: a purchase stays, more units of a plan are for the current period. */
export function credit(account: Account, command: CreditCommand, now: Date): Decision {
  const expiresAt = command.source === 'PURCHASE' ? null : account.period.end;
  return grant(account, { ...command, kind: 'grant', priority: DEFAULT_PRIORITY, effectiveAt: null, expiresAt }, now);
}

/** A positive amount becomes an ADJUSTMENT grant; a negative one is drawn like use (rule 5). */
export function adjust(account: Account, command: AdjustCommand, now: Date): Decision {
  const { amount, reason } = command;
  const books = new Books(account, command, now);
  if (amount > 0n) {
    const absurd = tooMuch(account, amount);
    if (absurd) return absurd;
    const made = newGrant(books, { id: command.grantId, source: 'ADJUSTMENT', amount, reason });
    books.putGrant(made);
    books.post({ kind: 'ADJUSTMENT', amount, grantId: made.id, reason });
  } else {
    if (-amount > account.available) return rejected('CONFLICT', `only ${account.available} credits are available`);
    books.post({ kind: 'ADJUSTMENT', amount, draws: books.draw(-amount), reason });
  }
  books.tidy();
  return books.applied();
}

/**
 * Gives back what a record charged (rule 22): to the grants that were drawn, or to one like it where that has lapsed;
 * overage of this period is taken off, and whatever else there was becomes an ADJUSTMENT grant.
 */
export function refund(account: Account, command: RefundCommand, now: Date, situation: Situation): Decision {
  const evidence = situation.refundEvidence(account.billingEntityId, command.record);
  if (evidence === undefined) return rejected('NOT_FOUND', 'there is no such usage record');
  if (evidence.refunded) return rejected('CONFLICT', 'this record has been refunded');
  const absurd = tooMuch(account, evidence.record.credits);
  if (absurd) return absurd;
  const { record } = evidence;
  const { reason } = command;
  const refunded = { sequence: record.sequence, line: record.line };
  const inOwnPeriod = evidence.periodStart.getTime() === account.period.start.getTime();

  const books = new Books(account, command, now);
  const refundSequence = account.sequence + 1n;
  for (const { grantId, credits } of record.draws) {
    const drawn = grantOf(account, grantId);
    const { source, priority, root } = drawn;
    const back: Grant = isOver(account, drawn, now)
      ? newGrant(books, {
          id: situation.newId(),
          source,
          amount: credits,
          priority,
          expiresAt: account.period.end,
          root,
          reason,
        })
      : { ...drawn, remaining: drawn.remaining + credits, state: 'ACTIVE' };
    books.putGrant(back);
    books.post({ kind: 'REFUND', amount: credits, grantId: back.id, refunded, reason });
  }
  // What is reported is on a bill already. All that is not is of this period.
  const unreported = account.overageTotal - account.overageReported;
  const overage = !inOwnPeriod ? 0n : record.overage < unreported ? record.overage : unreported;
  if (overage > 0n) books.post({ kind: 'REFUND', overage: -overage, refunded, reason });
  const rest = record.overage - overage + record.owed;
  if (rest > 0n) {
    const made = newGrant(books, { id: situation.newId(), source: 'ADJUSTMENT', amount: rest, reason });
    books.putGrant(made);
    books.post({ kind: 'REFUND', amount: rest, grantId: made.id, refunded, reason });
  }
  // A record that charged nothing is refunded once, too, and the ledger says so.
  if (books.account.sequence === account.sequence) books.post({ kind: 'REFUND', refunded, reason });
  if (inOwnPeriod) {
    const { owedThisPeriod } = account;
    books.set({
      used: account.used - record.credits,
      owedThisPeriod: owedThisPeriod - (record.owed < owedThisPeriod ? record.owed : owedThisPeriod),
    });
  }
  if (inOwnPeriod) books.count(record, { used: -record.credits });
  books.refund(record, { billingEntityId: account.billingEntityId, ...refunded, refundedAt: now, refundSequence });
  books.tidy();
  return books.applied();
}

/**
 * Moves credits to another account in drawdown order (rule 23). They keep their root, priority and expiry there; what
 * has all three alike joins one grant, so that credits that go to and fro do not fall into ever smaller pieces.
 */
export function transfer(from: Account, command: TransferCommand, clock: Date, situation: Situation): Decision {
  const { amount, reason, toBillingEntityId, onlyOfRootIn } = command;
  const to = situation.account(toBillingEntityId);
  if (to === undefined) return rejected('NOT_FOUND', 'there is no such billing entity');
  if (to === from) return rejected('BAD_USER_INPUT', 'credits move between two accounts');
  const out = new Books(from, command, accountTime(from, clock));
  // What goes back leaves what holds keep of it: else they would rest on the account's own credits, and drain those.
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

  const into = new Books(to, { actor: command.actor, idempotency: null }, accountTime(to, clock));
  for (const { grantId, credits } of isBack ? drawUnheld(out, amount, mayGo) : out.draw(amount, mayGo)) {
    const drawn = grantOf(out.account, grantId);
    out.post({ kind: 'TRANSFER_OUT', amount: -credits, grantId, counterpartyId: to.billingEntityId, reason });

    const alike = into.account.grants.find((each) => each.state === 'ACTIVE' && isContinuation(each, drawn));
    const { priority, expiresAt, root } = drawn;
    const arrived = alike
      ? { ...alike, amount: alike.amount + credits, remaining: alike.remaining + credits }
      : newGrant(into, {
          id: situation.newId(),
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
  into.tidy();
  return together(out.applied(), into.applied());
}

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

/** Whether what comes back to this grant would come too late: its time is over, or the period that its credits were for. */
function isOver({ billingEntityId, period }: Account, grant: Grant, now: Date): boolean {
  if (isPast(grant, now) || grant.state === 'LAPSING' || grant.state === 'LAPSED') return true;
  const { source, billingEntityId: rootEntityId } = grant.root;
  const isOfPeriod = source === 'SUBSCRIPTION' && rootEntityId === billingEntityId && grant.expiresAt !== null;
  return isOfPeriod && grant.createdAt < period.start;
}

/** Takes credits out of grants in drawdown order, and of each only what no hold keeps. They are there: the caller has counted them. */
function drawUnheld(books: Books, credits: bigint, from: (grant: Grant) => boolean): readonly Draw[] {
  let missing = credits;
  const draws: Draw[] = [];
  for (const grant of books.account.grants) {
    const unheld = grant.state === 'ACTIVE' && from(grant) ? books.unheld(grant) : 0n;
    const taken = unheld < missing ? unheld : missing;
    if (taken === 0n) continue;
    missing -= taken;
    const remaining = grant.remaining - taken;
    books.putGrant({ ...grant, remaining, state: remaining === 0n ? 'SPENT' : grant.state });
    draws.push({ grantId: grant.id, credits: taken });
  }
  return draws;
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

function isContinuation(grant: Grant, of: Grant): boolean {
  return (
    grant.source === 'TRANSFER' &&
    grant.root.grantId === of.root.grantId &&
    grant.root.billingEntityId === of.root.billingEntityId &&
    grant.priority === of.priority &&
    grant.expiresAt?.getTime() === of.expiresAt?.getTime()
  );
}

type Terms = Pick<Grant, 'id' | 'source' | 'amount' | 'reason'> &
  Partial<Pick<Grant, 'priority' | 'effectiveAt' | 'expiresAt' | 'root'>>;

/** A grant in effect, from now and forever where nothing else is said; the root of its own credits. */
export function newGrant({ account: { billingEntityId }, now }: Books, terms: Terms): Grant {
  const { id, source, amount, reason } = terms;
  return {
    billingEntityId,
    id,
    source,
    amount,
    remaining: amount,
    priority: terms.priority ?? DEFAULT_PRIORITY,
    state: 'ACTIVE',
    effectiveAt: terms.effectiveAt ?? now,
    expiresAt: terms.expiresAt ?? null,
    reason,
    createdAt: now,
    root: terms.root ?? { billingEntityId, grantId: id, source },
    lapsed: 0n,
    clawed: 0n,
    voidedAt: null,
  };
}

function grantOf(account: Account, id: string): Grant {
  const found = account.grants.find((each) => each.id === id);
  if (found === undefined) throw new Error(`grant ${id} of ${account.billingEntityId} is missing`);
  return found;
}

/** Everything the account holds or will hold without anybody's doing stays countable. */
function tooMuch(account: Account, more: bigint): Rejected | null {
  const promised = account.grants.reduce((sum, each) => sum + each.remaining, account.used);
  return promised + more > MAX_CREDITS
    ? rejected('BAD_USER_INPUT', `that would take an account beyond ${MAX_CREDITS} credits`)
    : null;
}

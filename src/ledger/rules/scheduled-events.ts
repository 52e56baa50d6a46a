/** What happens by itself (rules 11 to 13): holds lapse, grants lapse, the period turns, grants take effect. */
import { type Account, sooner } from './account.ts';
import { Books, DUE_EVENT, NOTHING } from './journal.ts';
import type { Applied, NewId } from './commands.ts';
import type { Grant } from './grants.ts';
import type { Hold } from './holds.ts';
import { turnPeriod } from './period-close.ts';

/** Order of events that fall on one instant (rule 11). */
const RANKS = { holdLapses: 0, grantLapses: 1, periodTurns: 2, grantTakesEffect: 3 } as const;

type Due = { readonly at: Date } & (
  | { readonly event: 'holdLapses'; readonly hold: Hold }
  | { readonly event: 'grantLapses' | 'grantTakesEffect'; readonly grant: Grant }
  | { readonly event: 'periodTurns' }
);

/**
 * Applies everything that is due, in order of due time; each happens once, however late. `now` is the account's own time,
 * and of the holds that end by then the first are loaded: with more than those due, `isAllDone` is false, and what comes
 * after the last of them has to wait for the next call. `newId` names the grants and reports that a turn makes.
 */
export function applyDue(
  account: Account,
  now: Date,
  newId: NewId,
): { readonly account: Account; readonly applied: Applied; readonly isAllDone: boolean } {
  // Others that are not loaded may end by then, too: nothing later than those may happen before them.
  const others = account.otherHoldsEndAt;
  const isAllDone = others === null || others > now;
  const holds = lapsedBy(account, isAllDone ? now : others);
  const until = isAllDone ? now : new Date(others.getTime() - 1);
  if (holds.length === 0 && nextDue(account, undefined, until) === null) {
    return { account: withNextHold(account, now), applied: NOTHING, isAllDone };
  }
  const books = new Books(account, DUE_EVENT, now);
  let lapsed = 0;
  for (
    let due = nextDue(books.account, holds[0], until);
    due !== null;
    due = nextDue(books.account, holds[lapsed], until)
  ) {
    if (due.event === 'holdLapses') lapsed += 1;
    happen(books, due, newId);
  }
  const applied = books.applied();
  return { account: withNextHold(books.account, now), applied, isAllDone };
}

/** Loaded holds whose time is over by then, in the order in which it ran out. */
function lapsedBy(account: Account, until: Date): Hold[] {
  if (account.nextHoldAt === null || account.nextHoldAt > until) return [];
  return [...account.holds.values()]
    .filter((hold) => hold.status === 'HELD' && hold.expiresAt <= until)
    .sort((a, b) => a.expiresAt.getTime() - b.expiresAt.getTime());
}

/** Sets the bound right when it has come: as far as what is loaded tells. */
function withNextHold(account: Account, now: Date): Account {
  if (account.nextHoldAt === null || account.nextHoldAt > now) return account;
  let next = account.otherHoldsEndAt;
  for (const hold of account.holds.values()) if (hold.status === 'HELD') next = sooner(next, hold.expiresAt);
  return { ...account, nextHoldAt: next };
}

function nextDue(account: Account, hold: Hold | undefined, until: Date): Due | null {
  let next: Due | null = account.period.end <= until ? { at: account.period.end, event: 'periodTurns' } : null;
  const consider = (due: Due): void => {
    if (due.at <= until && (next === null || comesBefore(due, next))) next = due;
  };
  for (const grant of account.grants) {
    if (grant.state === 'PENDING') consider({ at: grant.effectiveAt, event: 'grantTakesEffect', grant });
    if (grant.state === 'ACTIVE' && grant.expiresAt !== null) {
      consider({ at: grant.expiresAt, event: 'grantLapses', grant });
    }
  }
  // Its own time has been looked at; what else falls on that instant comes after it.
  const lapse: Due | null = hold === undefined ? null : { at: hold.expiresAt, event: 'holdLapses', hold };
  return lapse !== null && (next === null || comesBefore(lapse, next)) ? lapse : next;
}

function comesBefore(a: Due, b: Due): boolean {
  const difference = a.at.getTime() - b.at.getTime() || RANKS[a.event] - RANKS[b.event];
  return difference < 0;
}

function happen(books: Books, due: Due, newId: NewId): void {
  switch (due.event) {
    case 'holdLapses':
      books.endHold(due.hold, 'EXPIRED');
      break;
    case 'grantLapses':
      // What is held stays, is drawn first, and lapses as soon as it is no longer held (rule 12).
      books.expire(due.grant, books.unheld(due.grant));
      break;
    case 'periodTurns':
      turnPeriod(books, newId);
      break;
    case 'grantTakesEffect':
      books.putGrant({ ...due.grant, state: 'ACTIVE' });
      books.post({ kind: 'GRANT', amount: due.grant.remaining, grantId: due.grant.id });
      break;
  }
  books.tidy();
}

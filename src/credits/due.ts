/** What happens by itself (rules 11 to 13): holds lapse, grants lapse, the period turns, grants take effect. */
import { type Account, sooner } from './account.ts';
import { Books, DUE_EVENT, NOTHING, together } from './books.ts';
import type { Applied } from './commands.ts';
import type { Grant } from './grants.ts';
import type { Hold } from './holds.ts';
import { calendarMonth } from './periods.ts';

/** Order of events that fall on one instant (rule 11). */
const RANKS = { holdLapses: 0, grantLapses: 1, periodTurns: 2, grantTakesEffect: 3 } as const;

type Due = { readonly at: Date } & (
  | { readonly event: 'holdLapses'; readonly hold: Hold }
  | { readonly event: 'grantLapses' | 'grantTakesEffect'; readonly grant: Grant }
  | { readonly event: 'periodTurns' }
);

/**
 * Applies everything that is due, in order of due time; each happens once, however late. `now` is the account's own
 * time, and every hold that ends by then is loaded.
 */
export function applyDue(account: Account, now: Date): { readonly account: Account; readonly applied: Applied } {
  let current = account;
  let applied = NOTHING;
  for (let due = nextDue(current, now); due !== null; due = nextDue(current, now)) {
    const books = new Books(current, DUE_EVENT, now);
    happen(books, due);
    applied = applied === NOTHING ? books.applied() : together(applied, books.applied());
    current = books.account;
  }
  if (current.nextHoldAt !== null && current.nextHoldAt <= now) {
    current = { ...current, nextHoldAt: nextHoldEnd(current) };
  }
  return { account: current, applied };
}

/** When the next hold ends, as far as what is loaded tells. */
function nextHoldEnd(account: Account): Date | null {
  let next = account.otherHoldsEndAt;
  for (const hold of account.holds.values()) if (hold.status === 'HELD') next = sooner(next, hold.expiresAt);
  return next;
}

function nextDue(account: Account, now: Date): Due | null {
  let next: Due | null = account.period.end <= now ? { at: account.period.end, event: 'periodTurns' } : null;
  const consider = (due: Due): void => {
    if (due.at <= now && (next === null || comesBefore(due, next))) next = due;
  };
  for (const grant of account.grants) {
    if (grant.state === 'PENDING') consider({ at: grant.effectiveAt, event: 'grantTakesEffect', grant });
    if (grant.state === 'ACTIVE' && grant.expiresAt !== null) {
      consider({ at: grant.expiresAt, event: 'grantLapses', grant });
    }
  }
  if (account.nextHoldAt !== null && account.nextHoldAt <= now) {
    for (const hold of account.holds.values()) {
      if (hold.status === 'HELD') consider({ at: hold.expiresAt, event: 'holdLapses', hold });
    }
  }
  return next;
}

function comesBefore(a: Due, b: Due): boolean {
  const difference = a.at.getTime() - b.at.getTime() || RANKS[a.event] - RANKS[b.event];
  return difference < 0;
}

function happen(books: Books, due: Due): void {
  switch (due.event) {
    case 'holdLapses':
      books.endHold(due.hold, 'EXPIRED');
      break;
    case 'grantLapses':
      // What is held stays, is drawn first, and lapses as soon as it is no longer held (rule 12).
      books.expire(due.grant, books.unheld(due.grant));
      break;
    case 'periodTurns':
      // Months in which nobody looked are skipped: the new period is the one that holds now.
      books.set({ used: 0n, overage: 0n, owedThisPeriod: 0n, period: calendarMonth(books.now) });
      books.touch();
      break;
    case 'grantTakesEffect':
      books.putGrant({ ...due.grant, state: 'ACTIVE' });
      books.post({ kind: 'GRANT', amount: due.grant.remaining, grantId: due.grant.id });
      break;
  }
  books.tidy();
}

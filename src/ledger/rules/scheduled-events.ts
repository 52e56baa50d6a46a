/** Scheduled events (rules 11 to 13): reservations expire, grants expire, the period ends, grants take effect. */
import { type Account, sooner } from './account.ts';
import type { NewId } from './ledger-view.ts';
import { Effects } from './effects.ts';
import { Journal, SCHEDULED } from './journal.ts';
import type { Grant } from './grants.ts';
import type { Reservation } from './reservations.ts';
import { closePeriod } from './period-close.ts';

/** Order of events that fall on one instant (rule 11). */
const RANKS = { reservationExpires: 0, grantExpires: 1, periodEnds: 2, grantTakesEffect: 3 } as const;

type ScheduledEvent = { readonly at: Date } & (
  | { readonly kind: 'reservationExpires'; readonly reservation: Reservation }
  | { readonly kind: 'grantExpires' | 'grantTakesEffect'; readonly grant: Grant }
  | { readonly kind: 'periodEnds' }
);

/**
 * Applies all scheduled events whose time has come, in order of their time. Each happens once, however late. `now` is the
 * account's own time. Only the first of the reservations that have expired by then are loaded: if there are more, `isAllDone`
 * is false, and everything after the last of the loaded ones waits for the next call. `newId` makes the ids of grants and
 * reports that a period's end brings.
 */
export function applyScheduled(
  account: Account,
  now: Date,
  newId: NewId,
): { readonly account: Account; readonly effects: Effects; readonly isAllDone: boolean } {
  // Reservations that are not loaded may expire by then as well. Nothing later than those may happen before them.
  const others = account.otherReservationsEndAt;
  const isAllDone = others === null || others > now;
  const reservations = expiredBy(account, isAllDone ? now : others);
  const until = isAllDone ? now : new Date(others.getTime() - 1);
  if (reservations.length === 0 && nextEvent(account, undefined, until) === null) {
    return { account: withNextReservation(account, now), effects: Effects.none, isAllDone };
  }
  const journal = new Journal(account, SCHEDULED, now);
  let expired = 0;
  let event = nextEvent(journal.account, reservations[0], until);
  while (event !== null) {
    if (event.kind === 'reservationExpires') expired += 1;
    happen(journal, event, newId);
    const next = nextEvent(journal.account, reservations[expired], until);
    // All events of one instant are one step: what lapses and is given at once was never gone (rule 29).
    if (next !== null && next.at.getTime() !== event.at.getTime()) journal.endStep();
    event = next;
  }
  const effects = journal.close();
  return { account: withNextReservation(journal.account, now), effects, isAllDone };
}

/** Loaded reservations that have expired by then, in the order of their end. */
function expiredBy(account: Account, until: Date): Reservation[] {
  if (account.nextReservationAt === null || account.nextReservationAt > until) return [];
  return [...account.reservations.values()]
    .filter((reservation) => reservation.status === 'HELD' && reservation.expiresAt <= until)
    .sort((a, b) => a.expiresAt.getTime() - b.expiresAt.getTime());
}

/** Moves the bound `nextReservationAt` once it has passed, as far as the loaded reservations tell. */
function withNextReservation(account: Account, now: Date): Account {
  if (account.nextReservationAt === null || account.nextReservationAt > now) return account;
  let next = account.otherReservationsEndAt;
  for (const reservation of account.reservations.values()) {
    if (reservation.status === 'HELD') next = sooner(next, reservation.expiresAt);
  }
  return { ...account, nextReservationAt: next };
}

function nextEvent(account: Account, reservation: Reservation | undefined, until: Date): ScheduledEvent | null {
  let next: ScheduledEvent | null = account.period.end <= until ? { at: account.period.end, kind: 'periodEnds' } : null;
  const consider = (event: ScheduledEvent): void => {
    if (event.at <= until && (next === null || comesBefore(event, next))) next = event;
  };
  for (const grant of account.grants) {
    if (grant.state === 'PENDING') consider({ at: grant.effectiveAt, kind: 'grantTakesEffect', grant });
    if (grant.state === 'ACTIVE' && grant.expiresAt !== null) {
      consider({ at: grant.expiresAt, kind: 'grantExpires', grant });
    }
  }
  // The reservation has expired by `until`. Other events of the same instant come after it.
  const expiry: ScheduledEvent | null =
    reservation === undefined ? null : { at: reservation.expiresAt, kind: 'reservationExpires', reservation };
  return expiry !== null && (next === null || comesBefore(expiry, next)) ? expiry : next;
}

function comesBefore(a: ScheduledEvent, b: ScheduledEvent): boolean {
  const difference = a.at.getTime() - b.at.getTime() || RANKS[a.kind] - RANKS[b.kind];
  return difference < 0;
}

function happen(journal: Journal, event: ScheduledEvent, newId: NewId): void {
  switch (event.kind) {
    case 'reservationExpires':
      journal.endReservation(event.reservation, 'EXPIRED');
      break;
    case 'grantExpires':
      // Credits that are held stay, are drawn first, and expire as soon as they are no longer held (rule 12).
      journal.expire(event.grant, journal.unheld(event.grant));
      break;
    case 'periodEnds':
      closePeriod(journal, newId);
      break;
    case 'grantTakesEffect':
      journal.putGrant({ ...event.grant, state: 'ACTIVE' });
      journal.post({ kind: 'GRANT', amount: event.grant.remaining, grantId: event.grant.id });
      break;
  }
  journal.settleUp();
}

/** Decisions on reservations: reserve, settle, extend, release (rules 14 to 16). `reservations.ts` has the reservation itself. */
import type { Account } from './account.ts';
import { admit, admitBeyond, checkPayer, overageRoom } from './admission.ts';
import type { DecisionOf, ExtendCommand, ReleaseCommand, ReserveCommand, SettleCommand } from './commands.ts';
import { type Rejected, rejected } from './refusals.ts';
import { NO_CONTEXT } from './usage-context.ts';
import { contradicts } from './answered-again.ts';
import type { Reservation } from './reservations.ts';
import { Effects } from './effects.ts';
import { Journal } from './journal.ts';
import { priceAtMost } from './pricing.ts';
import {
  type Moment,
  priceLines,
  checkOccurredAt,
  checkQuantities,
  DAY_MS,
  isExempt,
  modeOf,
  sumCredits,
  tooMuch,
  chargeLines,
} from './usage.ts';

/**
 * Reserves credits where consuming as much would succeed, and only there (rule 14). It holds ceil(units × rate), without the
 * carry (rule 2).
 */
export function reserve(
  account: Account,
  command: ReserveCommand,
  { now, usageContext = NO_CONTEXT }: Moment,
): DecisionOf<ReserveCommand> {
  const wrongPayer = checkPayer(account, command, usageContext);
  if (wrongPayer) return wrongPayer;
  const absurd = checkQuantities(command);
  if (absurd) return absurd;
  const billingMode = modeOf(command, usageContext);
  const required = command.lines.reduce(
    (sum, { quantity, rate }) => (isExempt(billingMode, rate.resource) ? sum : sum + priceAtMost(quantity, rate)),
    0n,
  );
  const refusal =
    tooMuch(account, account.held + account.heldOverage + required) ??
    admit(account, command, { now, usageContext, required });
  if (refusal) return refusal;

  const journal = new Journal(account, command, now);
  const covered = required < account.available ? required : account.available;
  journal.post({ kind: 'HOLD', amount: -covered, held: covered, reservationId: command.reservationId });
  journal.openReservation({
    billingEntityId: account.billingEntityId,
    id: command.reservationId,
    status: 'HELD',
    covered,
    overage: required - covered,
    userId: command.userId,
    organizationId: command.organizationId,
    apiKey: command.apiKey,
    billingMode,
    feature: command.feature,
    actor: command.actor,
    expiresAt: new Date(now.getTime() + command.ttlMs),
    createdAt: now,
    openedSequence: journal.account.sequence,
    closedSequence: null,
  });
  return journal.close();
}

/**
 * Charges what admitted work really used (rule 16): the credits held first, then what is available, then overage as far as
 * the policy or the reservation allows it; the rest is owed. A settlement by a SERVICE or OPERATOR is never refused for
 * anything that changed since. Any other is admitted up to what the reservation holds, and beyond that like new use.
 */
export function settle(account: Account, command: SettleCommand, moment: Moment): DecisionOf<SettleCommand> {
  const { now, wallClock = now, usageContext = NO_CONTEXT, namedModels } = moment;
  const absurd = checkQuantities(command);
  if (absurd) return absurd;
  const reservation = findReservation(account, command);
  if ('code' in reservation) return reservation;
  if (contradicts(reservation, command)) {
    return rejected('CONFLICT', 'user, organization, key and feature must be the reservation’s own; another was named');
  }
  if (reservation.status !== 'HELD') return rejected('CONFLICT', `this reservation is ${reservation.status}`);
  const wrong = checkOccurredAt(command.occurredAt, wallClock);
  if (wrong) return wrong;
  const priced = priceLines(account, { lines: command.lines, billingMode: reservation.billingMode });
  const required = sumCredits(priced);
  // Somebody who may use nothing more is told so before any answer that depends on the balance.
  const refusal =
    (command.anyReservation
      ? null
      : admitBeyond(account, { ...reservation, lines: command.lines }, { now, usageContext, required })) ??
    tooMuch(account, required + account.owed);
  if (refusal) return refusal;

  const journal = new Journal(account, command, now);
  journal.endReservation(reservation, 'SETTLED');
  const room = overageRoom(journal.account);
  const { userId, organizationId, apiKey, billingMode, feature, id: reservationId } = reservation;
  const { metadata, occurredAt } = command;
  const mostOverage = room === null ? required : room > reservation.overage ? room : reservation.overage;
  chargeLines(journal, priced, mostOverage, {
    userId,
    organizationId,
    apiKey,
    billingMode,
    feature,
    metadata,
    occurredAt,
    reservationId,
    namedModels,
    membership: usageContext.membership,
  });
  return journal.close();
}

/** Moves the end of a reservation, counted from now. */
export function extend(account: Account, command: ExtendCommand, now: Date): DecisionOf<ExtendCommand> {
  const reservation = findReservation(account, command);
  if ('code' in reservation) return reservation;
  if (reservation.status !== 'HELD') return rejected('CONFLICT', `this reservation is ${reservation.status}`);
  const expiresAt = latestEnd(account, reservation, new Date(now.getTime() + command.ttlMs));
  const journal = new Journal(account, command, now);
  journal.putReservation({ ...reservation, expiresAt });
  return journal.close();
}

/** Releases a reservation. One that has expired or was released holds nothing any more, and a settled one is a CONFLICT. */
export function release(account: Account, command: ReleaseCommand, now: Date): DecisionOf<ReleaseCommand> {
  const reservation = findReservation(account, command);
  if ('code' in reservation) return reservation;
  if (reservation.status === 'SETTLED') return rejected('CONFLICT', 'this reservation is SETTLED');
  if (reservation.status !== 'HELD') return Effects.none;
  const journal = new Journal(account, command, now);
  journal.endReservation(reservation, 'RELEASED');
  return journal.close();
}

/**
 * Finds the reservation that a command names. Callers who may handle only their own are refused all others, even those that
 * a service made for them (rule 16).
 */
function findReservation(
  account: Account,
  { reservationId, anyReservation, seesAll = false, actor }: SettleCommand | ExtendCommand | ReleaseCommand,
): Reservation | Rejected {
  const reservation = account.reservations.get(reservationId);
  if (reservation === undefined) return rejected('NOT_FOUND', 'there is no such reservation');
  if (anyReservation || reservation.actor === actor) return reservation;
  // A settlement never sets `seesAll`, since items of a batch know no FORBIDDEN: for it, reservations of others do not exist.
  return seesAll
    ? rejected('FORBIDDEN', 'somebody else reserved this')
    : rejected('NOT_FOUND', 'there is no such reservation');
}

/**
 * Limits the end of an extension to 24 hours after the first grant expired whose credits are still held (rule 12). An
 * extension never shortens a reservation for that.
 */
function latestEnd(account: Account, reservation: Reservation, asked: Date): Date {
  let end = asked;
  for (const grant of account.grants) {
    if (grant.state !== 'EXPIRING' || grant.expiresAt === null) continue;
    const last = Math.max(grant.expiresAt.getTime() + DAY_MS, reservation.expiresAt.getTime());
    if (end.getTime() > last) end = new Date(last);
  }
  return end;
}

/** Reservations: made, extended, settled and released (rules 14 to 16). */
import type { Account } from './account.ts';
import { admit, admitBeyond, checkPlace, overageRoom } from './admission.ts';
import {
  type Decision,
  type ExtendCommand,
  type Rejected,
  type ReleaseCommand,
  type ReserveCommand,
  type SettleCommand,
  NO_TERMS,
  rejected,
} from './commands.ts';
import type { Hold } from './holds.ts';
import { Books, NOTHING } from './journal.ts';
import { chargeAtMost } from './pricing.ts';
import {
  type Moment,
  chargeLines,
  checkOccurredAt,
  checkQuantities,
  DAY_MS,
  isExempt,
  modeOf,
  sumCredits,
  tooMuch,
  write,
} from './usage.ts';

/** Succeeds exactly where consuming as much would (rule 14); keeps ceil(units × rate), without the carry (rule 2). */
export function reserve(account: Account, command: ReserveCommand, { now, terms = NO_TERMS }: Moment): Decision {
  const absurd = checkQuantities(command);
  if (absurd) return absurd;
  const misplaced = checkPlace(account, command, terms);
  if (misplaced) return misplaced;
  const billingMode = modeOf(command, terms);
  const required = command.lines.reduce(
    (sum, { quantity, rate }) => (isExempt(billingMode, rate.resource) ? sum : sum + chargeAtMost(quantity, rate)),
    0n,
  );
  const refusal =
    tooMuch(account, account.held + account.heldOverage + required) ??
    admit(account, command, { now, terms, required });
  if (refusal) return refusal;

  const books = new Books(account, command, now);
  const covered = required < account.available ? required : account.available;
  books.post({ kind: 'HOLD', amount: -covered, held: covered, reservationId: command.reservationId });
  books.openHold({
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
    openedSequence: books.account.sequence,
    closedSequence: null,
  });
  return books.applied();
}

/**
 * Charges what admitted work really used (rule 16): the hold first, then what is available, then overage as far as policy
 * or hold allow it; the rest is owed. A service's is refused for nothing that changed since; another's is up to what it
 * holds, and the rest must fit beside the hold.
 */
export function settle(account: Account, command: SettleCommand, moment: Moment): Decision {
  const { now, clock = now, terms = NO_TERMS } = moment;
  const immense = checkQuantities(command);
  if (immense) return immense;
  const hold = findHold(account, command);
  if ('code' in hold) return hold;
  if (contradicts(hold, command)) {
    return rejected('CONFLICT', 'user, organization, key and feature are the reservation’s; another was named');
  }
  if (hold.status !== 'HELD') return rejected('CONFLICT', `this reservation is ${hold.status}`);
  const wrong = checkOccurredAt(command.occurredAt, clock);
  if (wrong) return wrong;
  const charged = chargeLines(account, { lines: command.lines, billingMode: hold.billingMode });
  const required = sumCredits(charged);
  // Whoever may use nothing more is told so before anything that depends on the balance.
  const refusal =
    (command.anyHold ? null : admitBeyond(account, { ...hold, lines: command.lines }, { now, terms, required })) ??
    tooMuch(account, required + account.owed);
  if (refusal) return refusal;

  const books = new Books(account, command, now);
  books.endHold(hold, 'SETTLED');
  const room = overageRoom(books.account);
  const { userId, organizationId, apiKey, billingMode, feature, id: reservationId } = hold;
  const { metadata, occurredAt } = command;
  const mostOverage = room === null ? required : room > hold.overage ? room : hold.overage;
  write(books, charged, mostOverage, {
    userId,
    organizationId,
    apiKey,
    billingMode,
    feature,
    metadata,
    occurredAt,
    reservationId,
  });
  return books.applied();
}

/** Moves the end of a hold: counted from now. */
export function extend(account: Account, command: ExtendCommand, now: Date): Decision {
  const hold = findHold(account, command);
  if ('code' in hold) return hold;
  if (hold.status !== 'HELD') return rejected('CONFLICT', `this reservation is ${hold.status}`);
  const expiresAt = latestEnd(account, hold, new Date(now.getTime() + command.ttlMs));
  const books = new Books(account, command, now);
  books.putHold({ ...hold, expiresAt });
  return books.applied();
}

/** Lets go of a hold. Whose time ran out by itself has nothing left to let go; what was charged cannot be released. */
export function release(account: Account, command: ReleaseCommand, now: Date): Decision {
  const hold = findHold(account, command);
  if ('code' in hold) return hold;
  if (hold.status === 'SETTLED') return rejected('CONFLICT', 'this reservation is SETTLED');
  if (hold.status !== 'HELD') return NOTHING;
  const books = new Books(account, command, now);
  books.endHold(hold, 'RELEASED');
  books.tidy();
  return books.applied();
}

/** Whether a settlement names another user, organization, key or feature than the reservation has (rule 16). */
export function contradicts(hold: Hold, { userId, organizationId, apiKeyId, feature }: SettleCommand): boolean {
  return (
    (userId !== undefined && userId !== hold.userId) ||
    (organizationId !== undefined && organizationId !== hold.organizationId) ||
    (apiKeyId !== undefined && apiKeyId !== hold.apiKey?.id) ||
    (feature !== undefined && feature !== hold.feature)
  );
}

/** Who may only handle their own holds is refused those that others reserved, such as the platform for them (rule 16). */
function findHold(
  account: Account,
  { reservationId, anyHold, seesAll = false, actor }: SettleCommand | ExtendCommand | ReleaseCommand,
): Hold | Rejected {
  const hold = account.holds.get(reservationId);
  if (hold === undefined) return rejected('NOT_FOUND', 'there is no such reservation');
  if (anyHold || hold.actor === actor) return hold;
  // To settle there is no FORBIDDEN (contract: items of a batch are answered alone): what is not theirs is not there.
  return seesAll
    ? rejected('FORBIDDEN', 'somebody else reserved this')
    : rejected('NOT_FOUND', 'there is no such reservation');
}

/** Extensions end 24 hours after the first grant lapsed whose credits holds still keep (rule 12); they never shorten for it. */
function latestEnd(account: Account, hold: Hold, wanted: Date): Date {
  let end = wanted;
  for (const grant of account.grants) {
    if (grant.state !== 'LAPSING' || grant.expiresAt === null) continue;
    const last = Math.max(grant.expiresAt.getTime() + DAY_MS, hold.expiresAt.getTime());
    if (end.getTime() > last) end = new Date(last);
  }
  return end;
}

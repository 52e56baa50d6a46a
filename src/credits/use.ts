/** Use: priced, admitted, charged; reserved, settled and released (rules 14 to 19). */
import {
  type Account,
  type BillingMode,
  MAX_CREDITS,
  type RecordKey,
  type UsageRecord,
  type UsedBy,
} from './account.ts';
import { Books, NOTHING } from './books.ts';
import {
  type ConsumeCommand,
  type Decision,
  type ExtendCommand,
  type Refused,
  type Rejected,
  rejected,
  type ReleaseCommand,
  type ReserveCommand,
  type SettleCommand,
  type UsageLine,
  type Use,
} from './commands.ts';
import { type Carry, charge, chargeAtMost, NO_CARRY } from './conversion.ts';
import type { Hold } from './holds.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const MAX_AGE_MS = 35 * DAY_MS;
const MAX_AHEAD_MS = 5 * 60_000;

/** What this use would be charged now: floor(carry + units × rate), line by line (rule 2). */
export function priceOf(account: Account, use: Use): bigint {
  return sumCredits(chargeLines(account, use));
}

export function consume(account: Account, command: ConsumeCommand, now: Date, clock: Date = now): Decision {
  const wrong = checkOccurredAt(command.occurredAt, clock);
  if (wrong) return wrong;
  const charged = chargeLines(account, command);
  const required = sumCredits(charged);
  const refusal = tooMuch(account, required) ?? admit(account, command.feature, required);
  if (refusal) return refusal;

  const books = new Books(account, command, now);
  const { userId, organizationId, apiKey, billingMode, feature, metadata, occurredAt } = command;
  // Admitted is what fits: what is not available is overage.
  write(books, charged, required, {
    userId,
    organizationId,
    apiKey,
    billingMode,
    feature,
    metadata,
    occurredAt,
    reservationId: null,
  });
  return books.applied();
}

/** Succeeds exactly where consuming as much would (rule 14); keeps ceil(units × rate), without the carry (rule 2). */
export function reserve(account: Account, command: ReserveCommand, now: Date): Decision {
  const required = command.lines.reduce(
    (sum, { quantity, rate }) =>
      isExempt(command.billingMode, rate.resource) ? sum : sum + chargeAtMost(quantity, rate),
    0n,
  );
  const refusal =
    tooMuch(account, account.held + account.heldOverage + required) ?? admit(account, command.feature, required);
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
    billingMode: command.billingMode,
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
 * Charges what admitted work really used, never refused for anything that changed since (rule 16): the hold first,
 * then what is available, then overage as far as policy or hold allow it; the rest is owed.
 */
export function settle(account: Account, command: SettleCommand, now: Date, clock: Date = now): Decision {
  const hold = findHold(account, command);
  if ('code' in hold) return hold;
  if (contradicts(hold, command)) {
    return rejected('CONFLICT', 'user and feature are the reservation’s; another was named');
  }
  if (hold.status !== 'HELD') return rejected('CONFLICT', `this reservation is ${hold.status}`);
  const wrong = checkOccurredAt(command.occurredAt, clock);
  if (wrong) return wrong;
  const charged = chargeLines(account, { lines: command.lines, billingMode: hold.billingMode });
  const required = sumCredits(charged);
  const absurd = tooMuch(account, required + account.owed);
  if (absurd) return absurd;

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

/** Whether a settlement names another user or feature than the reservation has (rule 16). */
export function contradicts(hold: Hold, { userId, feature }: SettleCommand): boolean {
  return (userId !== undefined && userId !== hold.userId) || (feature !== undefined && feature !== hold.feature);
}

// ─────────────────────────────── admission ───────────────────────────────

/** Why this much use is refused now, in the order of rule 18; null: it is admitted. */
function admit(account: Account, feature: string | null, required: bigint): Refused | null {
  const { available } = account;
  if (account.suspended) return { kind: 'refused', reason: 'ENTITY_SUSPENDED', scope: 'BALANCE', required, available };
  if (feature !== null && !account.features.includes(feature)) {
    return { kind: 'refused', reason: 'FEATURE_NOT_IN_PLAN', scope: 'PLAN', required, available };
  }
  // Use that comes to nothing skips what is owed, balance and cap.
  if (required === 0n) return null;
  if (account.owed > 0n) {
    const toPay = required + account.owed;
    return { kind: 'refused', reason: 'INSUFFICIENT_CREDITS', scope: 'BALANCE', required: toPay, available };
  }
  if (required <= available) return null;
  const room = overageRoom(account);
  if (room === null || required <= available + room) return null;
  return account.overagePolicy.enabled
    ? { kind: 'refused', reason: 'OVERAGE_CAP_REACHED', scope: 'OVERAGE_CAP', required, available: available + room }
    : { kind: 'refused', reason: 'INSUFFICIENT_CREDITS', scope: 'BALANCE', required, available };
}

/** Overage that may still be taken or held in this period; null: any. */
function overageRoom({ overagePolicy: { enabled, cap }, overage, heldOverage }: Account): bigint | null {
  if (!enabled) return 0n;
  if (cap === null) return null;
  const taken = overage + heldOverage;
  return taken < cap ? cap - taken : 0n;
}

function tooMuch(account: Account, credits: bigint): Rejected | null {
  return account.used + credits > MAX_CREDITS
    ? rejected('BAD_USER_INPUT', `that would take the use of one period beyond ${MAX_CREDITS} credits`)
    : null;
}

function checkOccurredAt(occurredAt: Date | null, now: Date): Rejected | null {
  if (occurredAt === null) return null;
  const ageMs = now.getTime() - occurredAt.getTime();
  if (ageMs > MAX_AGE_MS) return rejected('BAD_USER_INPUT', 'occurredAt is more than 35 days ago');
  if (ageMs < -MAX_AHEAD_MS) return rejected('BAD_USER_INPUT', 'occurredAt is more than 5 minutes ahead');
  return null;
}

/** Who may only handle their own holds is refused those that others reserved, such as the platform for them (rule 16). */
function findHold(
  account: Account,
  { kind, reservationId, anyHold, actor }: SettleCommand | ExtendCommand | ReleaseCommand,
): Hold | Rejected {
  const hold = account.holds.get(reservationId);
  if (hold === undefined) return rejected('NOT_FOUND', 'there is no such reservation');
  if (anyHold || hold.actor === actor) return hold;
  // Where items of a batch are answered alone, there is no FORBIDDEN (contract): what is not theirs to settle is not there.
  return kind === 'settle'
    ? rejected('NOT_FOUND', 'there is no such reservation of yours')
    : rejected('FORBIDDEN', 'somebody else reserved this');
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

// ─────────────────────────────── charging ───────────────────────────────

interface ChargedLine extends UsageLine {
  readonly credits: bigint;
  readonly carriedBefore: Carry;
  readonly carriedAfter: Carry;
}

/** Lines in order, each with the fraction that the one before left (rule 2); exempt lines are recorded at 0 (rule 19). */
function chargeLines(account: Account, { lines, billingMode }: Pick<Use, 'lines' | 'billingMode'>): ChargedLine[] {
  const carries = { ...account.carries };
  return lines.map((line) => {
    const { resource } = line.rate;
    const carriedBefore = carries[resource] ?? NO_CARRY;
    if (isExempt(billingMode, resource)) return { ...line, credits: 0n, carriedBefore, carriedAfter: carriedBefore };
    const { credits, carry } = charge(carriedBefore, line.quantity, line.rate);
    carries[resource] = carry;
    return { ...line, credits, carriedBefore, carriedAfter: carry };
  });
}

function isExempt(billingMode: BillingMode, resource: UsageLine['rate']['resource']): boolean {
  return billingMode === 'COMPUTE_ONLY' && resource === 'AI_TOKENS';
}

function sumCredits(lines: readonly ChargedLine[]): bigint {
  let sum = 0n;
  for (const line of lines) sum += line.credits;
  return sum;
}

type Terms = Pick<UsageRecord, keyof UsedBy | 'billingMode' | 'feature' | 'metadata'> & {
  readonly occurredAt: Date | null;
  readonly reservationId: string | null;
};

/** Writes charged lines: each takes what is available, then overage up to `mostOverage` in all, and owes the rest. */
function write(books: Books, lines: readonly ChargedLine[], mostOverage: bigint, terms: Terms): void {
  const { billingEntityId, used } = books.account;
  const key = { sequence: books.account.sequence + 1n };
  let left = books.account.available;
  let roomLeft = mostOverage;
  let [fromGrants, overage, owed] = [0n, 0n, 0n];
  let carries = books.account.carries;
  lines.forEach((line, index) => {
    const covered = line.credits < left ? line.credits : left;
    const beyond = line.credits - covered;
    const lineOverage = beyond < roomLeft ? beyond : roomLeft;
    const lineOwed = beyond - lineOverage;
    left -= covered;
    roomLeft -= lineOverage;
    fromGrants += covered;
    overage += lineOverage;
    owed += lineOwed;
    carries = { ...carries, [line.rate.resource]: line.carriedAfter };
    books.record({
      ...({ ...key, line: index } satisfies RecordKey),
      billingEntityId,
      userId: terms.userId,
      organizationId: terms.organizationId,
      apiKey: terms.apiKey,
      billingMode: terms.billingMode,
      feature: terms.feature,
      resource: line.rate.resource,
      quantity: line.quantity,
      credits: line.credits,
      overage: lineOverage,
      owed: lineOwed,
      rate: line.rate,
      carriedBefore: line.carriedBefore,
      carriedAfter: line.carriedAfter,
      draws: covered === 0n ? [] : books.draw(covered),
      metadata: terms.metadata,
      occurredAt: terms.occurredAt ?? books.now,
      recordedAt: books.now,
    });
  });
  books.set({ carries, used: used + fromGrants + overage + owed });
  books.post({
    kind: 'CONSUMPTION',
    amount: -fromGrants,
    owed,
    ...(terms.reservationId !== null && { reservationId: terms.reservationId }),
  });
  if (owed > 0n) books.set({ owedThisPeriod: books.account.owedThisPeriod + owed });
  if (overage > 0n) books.post({ kind: 'OVERAGE', overage });
  books.tidy();
}

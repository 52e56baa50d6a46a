/** Use: priced, admitted, charged; reserved, settled and released (rules 14 to 19). */
import {
  type Account,
  type BillingMode,
  MAX_CREDITS,
  type RecordKey,
  type UsageRecord,
  type UsedBy,
} from './account.ts';
import { Books, NOTHING } from './journal.ts';
import {
  type ConsumeCommand,
  type Decision,
  type ExtendCommand,
  type Misrouted,
  NO_TERMS,
  type Refused,
  type Rejected,
  rejected,
  type ReleaseCommand,
  type ReserveCommand,
  type SettleCommand,
  type UsageLine,
  type Use,
  type UseTerms,
} from './commands.ts';
import { type Carry, charge, chargeAtMost, NO_CARRY } from './pricing.ts';
import { type Hold, reservedBy } from './holds.ts';
import { headroom } from './spend-limits.ts';
import { isUnpaid, mayTakeOverage, planOf } from './subscription.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const MAX_AGE_MS = 35 * DAY_MS;
const MAX_AHEAD_MS = 5 * 60_000;
/** Most units of one line. */
const MAX_QUANTITY = 1_000_000_000_000n;

/** What this use would be charged now: floor(carry + units × rate), line by line (rule 2). */
export function priceOf(account: Account, use: Use, terms: UseTerms): bigint {
  return sumCredits(chargeLines(account, { lines: use.lines, billingMode: modeOf(use, terms) }));
}

/** Which lines are charged: the key decides where there is one (rule 19). */
export function modeOf({ billingMode }: Use, { apiKey }: UseTerms): BillingMode {
  return apiKey?.billingMode ?? billingMode;
}

/** When use is decided, and what holds then of those whom it names. */
interface Moment {
  /** The account's own time. */
  readonly now: Date;
  /** What the clock says; the account's own time where absent. */
  readonly clock?: Date;
  readonly terms?: UseTerms;
}

export function consume(account: Account, command: ConsumeCommand, moment: Moment): Decision {
  const { now, clock = now, terms = NO_TERMS } = moment;
  const absurd = checkQuantities(command);
  if (absurd) return absurd;
  const misplaced = checkPlace(account, command, terms);
  if (misplaced) return misplaced;
  const wrong = checkOccurredAt(command.occurredAt, clock);
  if (wrong) return wrong;
  const billingMode = modeOf(command, terms);
  const charged = chargeLines(account, { lines: command.lines, billingMode });
  const required = sumCredits(charged);
  const refusal = tooMuch(account, required) ?? admit(account, command, { now, terms, required });
  if (refusal) return refusal;

  const books = new Books(account, command, now);
  const { userId, organizationId, apiKey, feature, metadata, occurredAt } = command;
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

// ─────────────────────────────── admission ───────────────────────────────

/** Whether use stands where it belongs: with whoever pays, by somebody who belongs there, on a key of theirs. */
function checkPlace(account: Account, use: Use, terms: UseTerms): Rejected | Misrouted | null {
  const { userId, organizationId, namedOrganization, apiKey } = use;
  const isPool = organizationId === account.billingEntityId;
  if (organizationId !== null) {
    if (terms.visibility === null) return NO_ORGANIZATION;
    // An external id may have been given to another organization since the route was found.
    if (namedOrganization != null && namedOrganization !== terms.organizationExternalId) return { kind: 'misrouted' };
    if (isPool && terms.visibility === 'PUBLIC' && userId === null) {
      return rejected('BAD_USER_INPUT', 'userExternalId is needed: in a public organization each user pays alone');
    }
    if (isPool !== (terms.visibility === 'PRIVATE')) return { kind: 'misrouted' };
    // Who is no member cannot tell it from one that does not exist.
    if (isPool && userId !== null && terms.membership === null) return NO_ORGANIZATION;
  }
  if (apiKey === null) return null;
  const isOwn = apiKey.billingEntityId === account.billingEntityId || apiKey.billingEntityId === userId;
  if (!isOwn || terms.apiKey === null) return rejected('NOT_FOUND', 'there is no such API key of who pays or uses');
  const { status } = terms.apiKey;
  return status === 'ACTIVE' ? null : rejected('CONFLICT', `this API key is ${status}`);
}

const NO_ORGANIZATION = rejected('NOT_FOUND', 'there is no such organization');

/** Why this much use is refused now, in the order of rule 18; null: it is admitted. */
function admit(
  account: Account,
  use: Use,
  { now, terms, required }: { readonly now: Date; readonly terms: UseTerms; readonly required: bigint },
): Refused | null {
  const { available } = account;
  const refused = { kind: 'refused', required, available } as const;
  if (account.suspended || terms.suspended) return { ...refused, reason: 'ENTITY_SUSPENDED', scope: 'BALANCE' };
  if (terms.membership?.status === 'SUSPENDED') return { ...refused, reason: 'MEMBER_SUSPENDED', scope: 'MEMBER' };
  if (isUnpaid(account, now)) return { ...refused, reason: 'PAYMENT_PAST_DUE', scope: 'PLAN' };
  if (use.feature !== null && !planOf(account).features.includes(use.feature)) {
    return { ...refused, reason: 'FEATURE_NOT_IN_PLAN', scope: 'PLAN' };
  }
  // Use that comes to nothing skips what is owed, balance, cap and limits.
  if (required === 0n) return null;
  const refusals = [
    beyondLimit(account, terms.apiKey, { reason: 'API_KEY_LIMIT_REACHED', scope: 'API_KEY', required }),
    beyondLimit(account, terms.membership, { reason: 'MEMBER_LIMIT_REACHED', scope: 'MEMBER', required }),
    beyondBalance(account, required),
  ].filter((refusal) => refusal !== null);
  // The tightest one binds; of equals the first.
  return refusals.reduce<Refused | null>(
    (tightest, each) => (tightest === null || each.available < tightest.available ? each : tightest),
    null,
  );
}

/** Why a settlement of this much is refused to who may settle no more than fits; null: it is not. The hold is fitted already. */
function admitBeyond(
  account: Account,
  use: Hold & Use,
  { now, terms, required }: { readonly now: Date; readonly terms: UseTerms; readonly required: bigint },
): Refused | Rejected | null {
  const held = reservedBy(use);
  if (required <= held) return null;
  if (checkPlace(account, use, terms) !== null) return NOTHING_BEYOND;
  const refused = admit(account, use, { now, terms, required: required - held });
  return refused && { ...refused, required: refused.required + held, available: refused.available + held };
}

/** The same whatever the account has: who lost the right to use it is not told how much that is. */
const NOTHING_BEYOND = rejected('CONFLICT', 'this reservation can be settled for what it holds, and no more');

/** used + held + new ≤ limit, of every credit that is charged (rule 17). */
function beyondLimit(
  { period }: Account,
  limited: UseTerms['membership'] | UseTerms['apiKey'],
  refusal: Omit<Refused, 'kind' | 'available'>,
): Refused | null {
  if (limited === null || limited.creditLimit === null) return null;
  const available = headroom(limited.creditLimit, limited.counter, period);
  return refusal.required <= available ? null : { kind: 'refused', ...refusal, available };
}

function beyondBalance(account: Account, required: bigint): Refused | null {
  const { available } = account;
  if (account.owed > 0n) {
    const toPay = required + account.owed;
    return { kind: 'refused', reason: 'INSUFFICIENT_CREDITS', scope: 'BALANCE', required: toPay, available };
  }
  if (required <= available) return null;
  const room = overageRoom(account);
  if (room === null || required <= available + room) return null;
  return account.overagePolicy.enabled && mayTakeOverage(account)
    ? { kind: 'refused', reason: 'OVERAGE_CAP_REACHED', scope: 'OVERAGE_CAP', required, available: available + room }
    : { kind: 'refused', reason: 'INSUFFICIENT_CREDITS', scope: 'BALANCE', required, available };
}

/** Overage that may still be taken or held in this period; null: any. */
function overageRoom(account: Account): bigint | null {
  const { overage, heldOverage } = account;
  const { enabled, cap } = account.overagePolicy;
  if (!enabled || !mayTakeOverage(account)) return 0n;
  if (cap === null) return null;
  const taken = overage + heldOverage;
  return taken < cap ? cap - taken : 0n;
}

function tooMuch(account: Account, credits: bigint): Rejected | null {
  return account.used + credits > MAX_CREDITS
    ? rejected('BAD_USER_INPUT', `that would take the use of one period beyond ${MAX_CREDITS} credits`)
    : null;
}

/** Here, and not where input is read: a key that once took effect with more is answered before anything is refused (rule 20). */
function checkQuantities({ lines }: { readonly lines: readonly UsageLine[] }): Rejected | null {
  return lines.some(({ quantity }) => quantity > MAX_QUANTITY)
    ? rejected('BAD_USER_INPUT', `quantity must be at most ${MAX_QUANTITY}`)
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
  const charged = fromGrants + overage + owed;
  books.set({ carries, used: used + charged });
  books.count(terms, { used: charged });
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

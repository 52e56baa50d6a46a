/** Use: priced, and charged where it is admitted (rules 2, 6, 19 and 21). */
import { type Account, MAX_CREDITS } from './account.ts';
import { admit, checkPlace } from './admission.ts';
import type { BillingMode, UsedBy } from './attribution.ts';
import {
  type ConsumeCommand,
  type Decision,
  NO_TERMS,
  type Rejected,
  rejected,
  type UsageLine,
  type Use,
  type UseTerms,
} from './commands.ts';
import type { RecordKey, UsageRecord } from './entries.ts';
import { Books } from './journal.ts';
import { type Carry, charge, NO_CARRY } from './pricing.ts';

const HOUR_MS = 3_600_000;
export const DAY_MS = 24 * HOUR_MS;
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
export interface Moment {
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

// ─────────────────────────────── admission ───────────────────────────────

export function tooMuch(account: Account, credits: bigint): Rejected | null {
  return account.used + credits > MAX_CREDITS
    ? rejected('BAD_USER_INPUT', `that would take the use of one period beyond ${MAX_CREDITS} credits`)
    : null;
}

/** Here, and not where input is read: a key that once took effect with more is answered before anything is refused (rule 20). */
export function checkQuantities({ lines }: { readonly lines: readonly UsageLine[] }): Rejected | null {
  return lines.some(({ quantity }) => quantity > MAX_QUANTITY)
    ? rejected('BAD_USER_INPUT', `quantity must be at most ${MAX_QUANTITY}`)
    : null;
}

export function checkOccurredAt(occurredAt: Date | null, now: Date): Rejected | null {
  if (occurredAt === null) return null;
  const ageMs = now.getTime() - occurredAt.getTime();
  if (ageMs > MAX_AGE_MS) return rejected('BAD_USER_INPUT', 'occurredAt is more than 35 days ago');
  if (ageMs < -MAX_AHEAD_MS) return rejected('BAD_USER_INPUT', 'occurredAt is more than 5 minutes ahead');
  return null;
}

// ─────────────────────────────── charging ───────────────────────────────

interface ChargedLine extends UsageLine {
  readonly credits: bigint;
  readonly carriedBefore: Carry;
  readonly carriedAfter: Carry;
}

/** Lines in order, each with the fraction that the one before left (rule 2); exempt lines are recorded at 0 (rule 19). */
export function chargeLines(
  account: Account,
  { lines, billingMode }: Pick<Use, 'lines' | 'billingMode'>,
): ChargedLine[] {
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

export function isExempt(billingMode: BillingMode, resource: UsageLine['rate']['resource']): boolean {
  return billingMode === 'COMPUTE_ONLY' && resource === 'AI_TOKENS';
}

export function sumCredits(lines: readonly ChargedLine[]): bigint {
  let sum = 0n;
  for (const line of lines) sum += line.credits;
  return sum;
}

type Terms = Pick<UsageRecord, keyof UsedBy | 'billingMode' | 'feature' | 'metadata'> & {
  readonly occurredAt: Date | null;
  readonly reservationId: string | null;
};

/** Writes charged lines: each takes what is available, then overage up to `mostOverage` in all, and owes the rest. */
export function write(books: Books, lines: readonly ChargedLine[], mostOverage: bigint, terms: Terms): void {
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

/** Use: priced, and charged where it is admitted (rules 2, 6, 19 and 21). */
import { type Account, MAX_CREDITS } from './account.ts';
import { admit, checkPayer } from './admission.ts';
import type { BillingMode, UsedBy } from './attribution.ts';
import {
  type ConsumeCommand,
  type Decision,
  NO_CONTEXT,
  type Rejected,
  rejected,
  type UsageLine,
  type Use,
  type UsageContext,
} from './commands.ts';
import type { RecordKey, UsageRecord } from './entries.ts';
import { Journal } from './journal.ts';
import { type Carry, price, NO_CARRY } from './pricing.ts';

const HOUR_MS = 3_600_000;
export const DAY_MS = 24 * HOUR_MS;
const MAX_AGE_MS = 35 * DAY_MS;
const MAX_AHEAD_MS = 5 * 60_000;
/** Most units of one line. */
const MAX_QUANTITY = 1_000_000_000_000n;

/** What this use would be charged now: floor(carry + units × rate), line by line (rule 2). */
export function priceOf(account: Account, use: Use, usageContext: UsageContext): bigint {
  return sumCredits(priceLines(account, { lines: use.lines, billingMode: modeOf(use, usageContext) }));
}

/** Which lines are charged: the key decides where there is one (rule 19). */
export function modeOf({ billingMode }: Use, { apiKey }: UsageContext): BillingMode {
  return apiKey?.billingMode ?? billingMode;
}

/** When use is decided, and what holds then of those whom it names. */
export interface Moment {
  /** The account's own time. */
  readonly now: Date;
  /** What the clock says; the account's own time where absent. */
  readonly wallClock?: Date;
  readonly usageContext?: UsageContext;
}

export function consume(account: Account, command: ConsumeCommand, moment: Moment): Decision {
  const { now, wallClock = now, usageContext = NO_CONTEXT } = moment;
  const absurd = checkQuantities(command);
  if (absurd) return absurd;
  const wrongPayer = checkPayer(account, command, usageContext);
  if (wrongPayer) return wrongPayer;
  const wrong = checkOccurredAt(command.occurredAt, wallClock);
  if (wrong) return wrong;
  const billingMode = modeOf(command, usageContext);
  const priced = priceLines(account, { lines: command.lines, billingMode });
  const required = sumCredits(priced);
  const refusal = tooMuch(account, required) ?? admit(account, command, { now, usageContext, required });
  if (refusal) return refusal;

  const journal = new Journal(account, command, now);
  const { userId, organizationId, apiKey, feature, metadata, occurredAt } = command;
  // Admitted is what fits: what is not available is overage.
  write(journal, priced, required, {
    userId,
    organizationId,
    apiKey,
    billingMode,
    feature,
    metadata,
    occurredAt,
    reservationId: null,
  });
  return journal.close();
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

interface PricedLine extends UsageLine {
  readonly credits: bigint;
  readonly carriedBefore: Carry;
  readonly carriedAfter: Carry;
}

/** Lines in order, each with the fraction that the one before left (rule 2); exempt lines are recorded at 0 (rule 19). */
export function priceLines(account: Account, { lines, billingMode }: Pick<Use, 'lines' | 'billingMode'>): PricedLine[] {
  const carries = { ...account.carries };
  return lines.map((line) => {
    const { resource } = line.rate;
    const carriedBefore = carries[resource] ?? NO_CARRY;
    if (isExempt(billingMode, resource)) return { ...line, credits: 0n, carriedBefore, carriedAfter: carriedBefore };
    const { credits, carry } = price(carriedBefore, line.quantity, line.rate);
    carries[resource] = carry;
    return { ...line, credits, carriedBefore, carriedAfter: carry };
  });
}

export function isExempt(billingMode: BillingMode, resource: UsageLine['rate']['resource']): boolean {
  return billingMode === 'COMPUTE_ONLY' && resource === 'AI_TOKENS';
}

export function sumCredits(lines: readonly PricedLine[]): bigint {
  let sum = 0n;
  for (const line of lines) sum += line.credits;
  return sum;
}

type Recorded = Pick<UsageRecord, keyof UsedBy | 'billingMode' | 'feature' | 'metadata'> & {
  readonly occurredAt: Date | null;
  readonly reservationId: string | null;
};

/** Writes charged lines: each takes what is available, then overage up to `mostOverage` in all, and owes the rest. */
export function write(
  journal: Journal,
  lines: readonly PricedLine[],
  mostOverage: bigint,
  usageContext: Recorded,
): void {
  const { billingEntityId, used } = journal.account;
  const key = { sequence: journal.account.sequence + 1n };
  let left = journal.account.available;
  let roomLeft = mostOverage;
  let [fromGrants, overage, owed] = [0n, 0n, 0n];
  let carries = journal.account.carries;
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
    journal.record({
      ...({ ...key, line: index } satisfies RecordKey),
      billingEntityId,
      userId: usageContext.userId,
      organizationId: usageContext.organizationId,
      apiKey: usageContext.apiKey,
      billingMode: usageContext.billingMode,
      feature: usageContext.feature,
      resource: line.rate.resource,
      quantity: line.quantity,
      credits: line.credits,
      overage: lineOverage,
      owed: lineOwed,
      rate: line.rate,
      carriedBefore: line.carriedBefore,
      carriedAfter: line.carriedAfter,
      draws: covered === 0n ? [] : journal.draw(covered),
      metadata: usageContext.metadata,
      occurredAt: usageContext.occurredAt ?? journal.now,
      recordedAt: journal.now,
    });
  });
  const priced = fromGrants + overage + owed;
  journal.set({ carries, used: used + priced });
  journal.count(usageContext, { used: priced });
  journal.post({
    kind: 'CONSUMPTION',
    amount: -fromGrants,
    owed,
    ...(usageContext.reservationId !== null && { reservationId: usageContext.reservationId }),
  });
  if (owed > 0n) journal.set({ owedThisPeriod: journal.account.owedThisPeriod + owed });
  if (overage > 0n) journal.post({ kind: 'OVERAGE', overage });
}

/** Use: priced, and charged where it is admitted (rules 2, 6, 19 and 21). */
import { type Account, MAX_CREDITS } from './account.ts';
import { admit, checkPayer } from './admission.ts';
import type { LimitedUse } from './alerts.ts';
import type { BillingMode, UsedBy } from './attribution.ts';
import type { ConsumeCommand, DecisionOf } from './commands.ts';
import { NO_CONTEXT, type UsageLine, type Use, type UsageContext } from './usage-context.ts';
import { type Rejected, rejected } from './refusals.ts';
import type { UsageRecord } from './entries.ts';
import type { LedgerView } from './ledger-view.ts';
import { ANY_MODEL, foldModels } from './model-names.ts';
import { Journal } from './journal.ts';
import { type Carry, price, NO_CARRY } from './pricing.ts';

const HOUR_MS = 3_600_000;
export const DAY_MS = 24 * HOUR_MS;
const MAX_AGE_MS = 35 * DAY_MS;
const MAX_AHEAD_MS = 5 * 60_000;
/** Most units of one line. */
const MAX_QUANTITY = 1_000_000_000_000n;

/** The price of this use now, in whole credits: floor(carry + units × rate), line by line (rule 2). */
export function priceOf(account: Account, use: Use, usageContext: UsageContext): bigint {
  return sumCredits(priceLines(account, { lines: use.lines, billingMode: modeOf(use, usageContext) }));
}

/** The billing mode decides which lines are charged. A key brings its own (rule 19). */
export function modeOf({ billingMode }: Use, { apiKey }: UsageContext): BillingMode {
  return apiKey?.billingMode ?? billingMode;
}

/** The moment at which use is decided, and the state of those whom it names. */
export interface Moment {
  /** The account's own time. */
  readonly now: Date;
  /** The clock's reading; absent: the account's own time. */
  readonly wallClock?: Date;
  readonly usageContext?: UsageContext;
  /** The models that the sums of a person's day have by name. Absent: nothing is recorded, or any model is named. */
  readonly namedModels?: LedgerView['namedModels'];
}

/** Charges use where it is admitted: all lines or none (rules 2, 14 and 18). */
export function consume(account: Account, command: ConsumeCommand, moment: Moment): DecisionOf<ConsumeCommand> {
  const { now, wallClock = now, usageContext = NO_CONTEXT, namedModels } = moment;
  const wrongPayer = checkPayer(account, command, usageContext);
  if (wrongPayer) return wrongPayer;
  // This comes second: somebody who may not use the account is answered alike whatever they ask for.
  const absurd = checkQuantities(command);
  if (absurd) return absurd;
  const wrong = checkOccurredAt(command.occurredAt, wallClock);
  if (wrong) return wrong;
  const billingMode = modeOf(command, usageContext);
  const priced = priceLines(account, { lines: command.lines, billingMode });
  const required = sumCredits(priced);
  const refusal = tooMuch(account, required) ?? admit(account, command, { now, usageContext, required });
  if (refusal) return refusal;

  const journal = new Journal(account, command, now);
  const { userId, organizationId, apiKey, feature, metadata, occurredAt } = command;
  // Admission has seen to it that the rest fits into overage.
  chargeLines(journal, priced, required, {
    userId,
    organizationId,
    apiKey,
    billingMode,
    feature,
    metadata,
    occurredAt,
    reservationId: null,
    namedModels,
    membership: usageContext.membership,
  });
  return journal.close();
}

/** Rejects use that would take the period beyond what can be counted exactly. */
export function tooMuch(account: Account, credits: bigint): Rejected | null {
  return account.used + credits > MAX_CREDITS
    ? rejected('BAD_USER_INPUT', `that would take the use of one period beyond ${MAX_CREDITS} credits`)
    : null;
}

/**
 * Rejects a quantity that no rate can be applied to. This is not checked where input is read: a key that once took effect
 * with more is answered before anything is rejected (rule 20).
 */
export function checkQuantities({ lines }: { readonly lines: readonly UsageLine[] }): Rejected | null {
  return lines.some(({ quantity }) => quantity > MAX_QUANTITY)
    ? rejected('BAD_USER_INPUT', `quantity must be at most ${MAX_QUANTITY}`)
    : null;
}

/** Rejects use that occurred too long ago or too far ahead of the clock. */
export function checkOccurredAt(occurredAt: Date | null, now: Date): Rejected | null {
  if (occurredAt === null) return null;
  const ageMs = now.getTime() - occurredAt.getTime();
  if (ageMs > MAX_AGE_MS) return rejected('BAD_USER_INPUT', 'occurredAt is more than 35 days ago');
  if (ageMs < -MAX_AHEAD_MS) return rejected('BAD_USER_INPUT', 'occurredAt is more than 5 minutes ahead');
  return null;
}

interface PricedLine extends UsageLine {
  readonly credits: bigint;
  readonly carriedBefore: Carry;
  readonly carriedAfter: Carry;
}

/** Prices lines in order, each with the carry that the line before left (rule 2). Exempt lines cost 0 (rule 19). */
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

/** COMPUTE_ONLY records AI_TOKENS at 0 credits (rule 19). */
export function isExempt(billingMode: BillingMode, resource: UsageLine['rate']['resource']): boolean {
  return billingMode === 'COMPUTE_ONLY' && resource === 'AI_TOKENS';
}

/** The price of all lines together, in whole credits. */
export function sumCredits(lines: readonly PricedLine[]): bigint {
  let sum = 0n;
  for (const line of lines) sum += line.credits;
  return sum;
}

/** Use that a member's limit counts: what the member has drawn with it in the period (rule 17). null: no limit counts it. */
function limitedUseOf(
  { billingEntityId, period }: Account,
  { userId, organizationId, membership }: CommonToRecords,
  credits: bigint,
): LimitedUse | null {
  const limit = membership?.creditLimit ?? null;
  if (limit === null || userId === null || organizationId !== billingEntityId || credits === 0n) return null;
  const counter = membership?.counter;
  const isOfPeriod = counter?.periodStart.getTime() === period.start.getTime();
  const { used, alerted } = counter !== undefined && isOfPeriod ? counter : { used: 0n, alerted: 0 };
  return { memberId: userId, limit, used: used + credits, alerted };
}

/** Everything that the records of one use have in common. */
type CommonToRecords = Pick<UsageRecord, keyof UsedBy | 'billingMode' | 'feature' | 'metadata'> & {
  /** null: now. */
  readonly occurredAt: Date | null;
  /** The reservation that the use settles; null: none. */
  readonly reservationId: string | null;
  readonly namedModels: LedgerView['namedModels'] | undefined;
  /** The user's membership of the organization whose pool pays; null: there is none. */
  readonly membership: UsageContext['membership'];
};

/**
 * Charges priced lines and records them (rule 6). Each line takes what is available, then overage up to `mostOverage` for
 * all of them together, and owes the rest.
 */
export function chargeLines(
  journal: Journal,
  lines: readonly PricedLine[],
  mostOverage: bigint,
  common: CommonToRecords,
): void {
  const { billingEntityId } = journal.account;
  const sequence = journal.account.sequence + 1n;
  let left = journal.account.available;
  let roomLeft = mostOverage;
  let [fromGrants, overage, owed] = [0n, 0n, 0n];
  let carries = journal.account.carries;
  const { userId } = common;
  const occurredAt = common.occurredAt ?? journal.now;
  const models = lines.map(({ model }) => model ?? null);
  const named = common.namedModels?.({ billingEntityId, userId, at: occurredAt }) ?? ANY_MODEL;
  const folded = foldModels(models, named);
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
      billingEntityId,
      sequence,
      line: index,
      userId,
      organizationId: common.organizationId,
      apiKey: common.apiKey,
      billingMode: common.billingMode,
      feature: common.feature,
      resource: line.rate.resource,
      quantity: line.quantity,
      credits: line.credits,
      overage: lineOverage,
      owed: lineOwed,
      rate: line.rate,
      carriedBefore: line.carriedBefore,
      carriedAfter: line.carriedAfter,
      draws: covered === 0n ? [] : journal.draw(covered),
      metadata: common.metadata,
      occurredAt,
      recordedAt: journal.now,
      model: models[index] ?? null,
      modelFolded: folded[index] ?? false,
    });
  });
  journal.set({ carries });
  const credits = fromGrants + overage + owed;
  journal.countUse(common, { used: credits, owed });
  const limitedUse = limitedUseOf(journal.account, common, credits);
  if (limitedUse !== null) journal.alerts.countAgainstLimit(limitedUse);
  journal.post({
    kind: 'CONSUMPTION',
    amount: -fromGrants,
    owed,
    ...(common.reservationId !== null && { reservationId: common.reservationId }),
  });
  if (overage > 0n) journal.post({ kind: 'OVERAGE', overage });
}

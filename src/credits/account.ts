/**
 * The pure core: the rules of credits as functions of (account, command, now). Nothing else decides, nothing here does
 * I/O. The ledger, the property tests and the check of admission all call these same functions.
 */
import type { Rate, Resource } from '../plans/rates.ts';
import type { Balance } from './balance.ts';
import { type Carry, charge, NO_CARRY } from './conversion.ts';
import { byDrawdownOrder, DEFAULT_PRIORITY, type Draw, draw, type Grant, type GrantSource } from './grants.ts';
import { calendarMonth, type Period } from './periods.ts';

/** An account as it stands under its lock. */
export interface Account {
  readonly billingEntityId: string;
  /** Suspended entities are refused all use, also use that comes to nothing (rule 18). */
  readonly suspended: boolean;
  readonly available: bigint;
  readonly held: bigint;
  readonly used: bigint;
  readonly overage: bigint;
  readonly owed: bigint;
  readonly version: bigint;
  /** Of the newest ledger entry; 0 before the first. */
  readonly sequence: bigint;
  readonly period: Period;
  readonly carries: Readonly<Partial<Record<Resource, Carry>>>;
  readonly trialGiven: boolean;
  /** When it last changed. The account's time never runs backwards, whatever clocks do (rule 13). */
  readonly touchedAt: Date;
  /** Its open grants, in drawdown order. */
  readonly grants: readonly Grant[];
}

export type BillingMode = 'FULL' | 'COMPUTE_ONLY';
export type EntryKind = 'GRANT' | 'CONSUMPTION' | 'EXPIRY' | 'ADJUSTMENT';

/** One line of the ledger: what changed and what stood after it (rule 10). */
export interface Entry {
  readonly billingEntityId: string;
  readonly sequence: bigint;
  readonly kind: EntryKind;
  /** Change of available. */
  readonly amount: bigint;
  readonly availableAfter: bigint;
  readonly heldChange: bigint;
  readonly heldAfter: bigint;
  readonly overageChange: bigint;
  readonly overageAfter: bigint;
  readonly owedChange: bigint;
  readonly owedAfter: bigint;
  readonly grantId: string | null;
  /** Where credits left grants other than by use; use notes its draws on its records. */
  readonly draws: readonly Draw[] | null;
  readonly actor: string;
  readonly reason: string | null;
  /** On the first entry of a command that has one: what makes it happen once (rule 20). */
  readonly idempotency: Idempotency | null;
  readonly createdAt: Date;
}

/** A client's key, and a digest of everything that the same key must agree in (rule 20). */
export interface Idempotency {
  readonly key: string;
  readonly fingerprint: Buffer;
}

/** One line of use, as recorded and charged. */
export interface UsageRecord {
  readonly billingEntityId: string;
  /** Of its CONSUMPTION entry; together with `line` it names the record. */
  readonly sequence: bigint;
  readonly line: number;
  readonly userId: string | null;
  readonly billingMode: BillingMode;
  readonly resource: Resource;
  readonly quantity: bigint;
  readonly credits: bigint;
  readonly overage: bigint;
  readonly rate: Rate;
  readonly carriedBefore: Carry;
  readonly carriedAfter: Carry;
  readonly draws: readonly Draw[];
  readonly metadata: Readonly<Record<string, unknown>> | null;
  readonly occurredAt: Date;
  readonly recordedAt: Date;
}

/** So much of a resource, at the rate that holds now. */
export interface UsageLine {
  readonly quantity: bigint;
  readonly rate: Rate;
}

interface CommandBase {
  readonly billingEntityId: string;
  /** Who caused it, for the ledger: `user:…`, `service:…`, `operator:…` or `system`. */
  readonly actor: string;
  readonly idempotency: Idempotency | null;
}

export interface ConsumeCommand extends CommandBase {
  readonly kind: 'consume';
  readonly lines: readonly UsageLine[];
  readonly userId: string | null;
  readonly billingMode: BillingMode;
  readonly metadata: Readonly<Record<string, unknown>> | null;
  /** null: now. */
  readonly occurredAt: Date | null;
}

export interface GrantCommand extends CommandBase {
  readonly kind: 'grant';
  readonly grantId: string;
  readonly source: GrantSource;
  readonly amount: bigint;
  readonly priority: number;
  /** null: now. */
  readonly effectiveAt: Date | null;
  readonly expiresAt: Date | null;
  readonly reason: string | null;
}

/** A grant that an account gets once in its life, whoever asks how often (rule 4). */
export interface TrialCommand extends Omit<GrantCommand, 'kind' | 'idempotency'> {
  readonly kind: 'trial';
  readonly idempotency: null;
}

export interface AdjustCommand extends CommandBase {
  readonly kind: 'adjust';
  /** Of the ADJUSTMENT grant that a positive amount becomes. */
  readonly grantId: string;
  readonly amount: bigint;
  readonly reason: string;
}

/** Applies what is due and nothing else. */
export interface AdvanceCommand extends CommandBase {
  readonly kind: 'advance';
  readonly idempotency: null;
}

export type Command = ConsumeCommand | GrantCommand | TrialCommand | AdjustCommand | AdvanceCommand;

/** What a command did: the account after it, and the rows to append. */
export interface Applied {
  readonly kind: 'applied';
  readonly account: Account;
  readonly entries: readonly Entry[];
  readonly records: readonly UsageRecord[];
  /** Grants made or changed, as they are now. */
  readonly grants: readonly Grant[];
}

export type RefusalReason = 'INSUFFICIENT_CREDITS' | 'ENTITY_SUSPENDED';
export type LimitScope = 'BALANCE';

/** Nothing was charged and nothing was recorded; the caller can act on it. */
export interface Refused {
  readonly kind: 'refused';
  readonly reason: RefusalReason;
  readonly scope: LimitScope;
  readonly required: bigint;
  /** Headroom of the limit that refused. */
  readonly available: bigint;
}

/** The command was wrong in itself at this moment; nothing happened. */
export interface Rejected {
  readonly kind: 'rejected';
  readonly code: 'BAD_USER_INPUT' | 'CONFLICT' | 'NOT_FOUND' | 'IDEMPOTENCY_KEY_REUSED';
  readonly message: string;
}

export type Decision = Applied | Refused | Rejected;

const DAY_MS = 86_400_000;
const MAX_AGE_MS = 35 * DAY_MS;
const MAX_AHEAD_MS = 5 * 60_000;
/** Everything stays well inside what a JSON integer can carry exactly. */
const MAX_CREDITS = BigInt(Number.MAX_SAFE_INTEGER);

/** An account that nothing has happened to yet. */
export function openAccount(billingEntityId: string, now: Date): Account {
  return {
    billingEntityId,
    suspended: false,
    available: 0n,
    held: 0n,
    used: 0n,
    overage: 0n,
    owed: 0n,
    version: 0n,
    sequence: 0n,
    period: calendarMonth(now),
    carries: {},
    trialGiven: false,
    touchedAt: now,
    grants: [],
  };
}

/** The account's own time: never before its last change (rule 13). */
export function accountTime(account: Account, now: Date): Date {
  return now < account.touchedAt ? account.touchedAt : now;
}

/** Decides one command on an account to which everything due has been applied. */
export function decide(account: Account, command: Command, now: Date): Decision {
  switch (command.kind) {
    case 'consume':
      return consume(account, command, now);
    case 'grant':
      return grant(account, command, now);
    case 'trial':
      return account.trialGiven ? unchanged(account) : grant({ ...account, trialGiven: true }, command, now);
    case 'adjust':
      return adjust(account, command, now);
    case 'advance':
      return unchanged(account);
  }
}

/**
 * Due events, in order of due time (rule 11): grants lapse, the period turns, grants take effect. Each happens once,
 * however late; months that passed unseen are skipped (rule 13).
 */
export function applyDue(account: Account, now: Date): Applied {
  let applied = unchanged(account);
  for (let due = nextDue(applied.account, now); due !== null; due = nextDue(applied.account, now)) {
    applied = chain(applied, applyOne(applied.account, due, now));
  }
  return applied;
}

/** When the next due event falls, for the sweeper; null: nothing will happen by itself that anybody could see. */
export function dueAt(account: Account): Date | null {
  let earliest: Date | null = account.used > 0n || account.overage > 0n ? account.period.end : null;
  for (const candidate of account.grants) {
    const at = candidate.state === 'PENDING' ? candidate.effectiveAt : candidate.expiresAt;
    if (at !== null && (earliest === null || at < earliest)) earliest = at;
  }
  return earliest;
}

/** The balance that readers see (rules 7 and 9). */
export function balanceOf(account: Omit<Account, 'grants' | 'suspended'>, asOf: Date): Balance {
  const allowance = account.available + account.held + account.used - account.overage;
  return {
    billingEntityId: account.billingEntityId,
    available: account.available,
    held: account.held,
    used: account.used,
    allowance,
    overage: account.overage,
    owed: account.owed,
    usedRatio: ratio(account.used, allowance),
    version: account.version,
    sequence: account.sequence,
    asOf,
  };
}

/** What this use would be charged now: floor(carry + units × rate), line by line (rule 2). */
export function priceOf(account: Account, command: ConsumeCommand): bigint {
  return sumCredits(chargeLines(account, command));
}

/** Both, one after the other. */
export function chain(first: Applied, then: Applied): Applied {
  return {
    kind: 'applied',
    account: then.account,
    entries: [...first.entries, ...then.entries],
    records: [...first.records, ...then.records],
    grants: [...first.grants, ...then.grants],
  };
}

// ─────────────────────────────── use ───────────────────────────────

function consume(account: Account, command: ConsumeCommand, now: Date): Decision {
  const outOfTime = checkOccurredAt(command.occurredAt, now);
  if (outOfTime) return outOfTime;

  const charged = chargeLines(account, command);
  const required = sumCredits(charged);
  if (account.used + required > MAX_CREDITS) return tooMuch('use of one period');
  if (account.suspended) {
    return { kind: 'refused', reason: 'ENTITY_SUSPENDED', scope: 'BALANCE', required, available: account.available };
  }
  if (required > account.available) {
    return {
      kind: 'refused',
      reason: 'INSUFFICIENT_CREDITS',
      scope: 'BALANCE',
      required,
      available: account.available,
    };
  }

  let grants = account.grants;
  let carries = account.carries;
  const sequence = account.sequence + 1n;
  const records = charged.map((line, index): UsageRecord => {
    const drawn = draw(grants, line.credits);
    grants = drawn.grants;
    carries = { ...carries, [line.rate.resource]: line.carriedAfter };
    return {
      billingEntityId: account.billingEntityId,
      sequence,
      line: index,
      userId: command.userId,
      billingMode: command.billingMode,
      resource: line.rate.resource,
      quantity: line.quantity,
      credits: line.credits,
      overage: 0n,
      rate: line.rate,
      carriedBefore: line.carriedBefore,
      carriedAfter: line.carriedAfter,
      draws: drawn.draws,
      metadata: command.metadata,
      occurredAt: command.occurredAt ?? now,
      recordedAt: now,
    };
  });
  const after = { ...account, carries, used: account.used + required };
  return {
    ...append(after, command, now, { kind: 'CONSUMPTION', amount: -required, grants }),
    records,
  };
}

interface ChargedLine extends UsageLine {
  readonly credits: bigint;
  readonly carriedBefore: Carry;
  readonly carriedAfter: Carry;
}

/** Lines in order, each with the fraction that the one before left (rule 2); exempt lines are recorded at 0 (rule 19). */
function chargeLines(account: Account, command: ConsumeCommand): ChargedLine[] {
  const carries = { ...account.carries };
  return command.lines.map((line) => {
    const { resource } = line.rate;
    const carriedBefore = carries[resource] ?? NO_CARRY;
    if (command.billingMode === 'COMPUTE_ONLY' && resource === 'AI_TOKENS') {
      return { ...line, credits: 0n, carriedBefore, carriedAfter: carriedBefore };
    }
    const { credits, carry } = charge(carriedBefore, line.quantity, line.rate);
    carries[resource] = carry;
    return { ...line, credits, carriedBefore, carriedAfter: carry };
  });
}

function sumCredits(lines: readonly ChargedLine[]): bigint {
  return lines.reduce((sum, line) => sum + line.credits, 0n);
}

function checkOccurredAt(occurredAt: Date | null, now: Date): Rejected | null {
  if (occurredAt === null) return null;
  const ageMs = now.getTime() - occurredAt.getTime();
  if (ageMs > MAX_AGE_MS) return rejected('BAD_USER_INPUT', 'occurredAt is more than 35 days ago');
  if (ageMs < -MAX_AHEAD_MS) return rejected('BAD_USER_INPUT', 'occurredAt is more than 5 minutes ahead');
  return null;
}

// ───────────────────────── grants and adjustments ─────────────────────────

function grant(account: Account, command: GrantCommand | TrialCommand, now: Date): Decision {
  const effectiveAt = command.effectiveAt ?? now;
  if (command.expiresAt !== null && (command.expiresAt <= now || command.expiresAt <= effectiveAt)) {
    return rejected('BAD_USER_INPUT', 'expiresAt must lie in the future and after effectiveAt');
  }
  if (promised(account) + command.amount > MAX_CREDITS) return tooMuch('an account');
  const pending = effectiveAt > now;
  const made: Grant = {
    billingEntityId: account.billingEntityId,
    id: command.grantId,
    source: command.source,
    amount: command.amount,
    remaining: command.amount,
    priority: command.priority,
    state: pending ? 'PENDING' : 'ACTIVE',
    effectiveAt,
    expiresAt: command.expiresAt,
    reason: command.reason,
    createdAt: now,
  };
  return append(account, command, now, {
    kind: 'GRANT',
    // A grant of later is announced at 0 now, and enters the balance with an entry of its own when it takes effect.
    amount: pending ? 0n : command.amount,
    grants: inDrawdownOrder([...account.grants, made]),
    grantId: made.id,
    reason: command.reason,
  });
}

function adjust(account: Account, command: AdjustCommand, now: Date): Decision {
  if (command.amount > 0n) {
    const { grantId, reason } = command;
    const decision = grant(
      account,
      {
        ...command,
        kind: 'grant',
        source: 'ADJUSTMENT',
        grantId,
        priority: DEFAULT_PRIORITY,
        effectiveAt: null,
        expiresAt: null,
        reason,
      },
      now,
    );
    if (decision.kind !== 'applied') return decision;
    return { ...decision, entries: decision.entries.map((entry) => ({ ...entry, kind: 'ADJUSTMENT' })) };
  }
  const taken = -command.amount;
  if (taken > account.available) {
    return rejected('CONFLICT', `only ${account.available} credits are available`);
  }
  const { draws, grants } = draw(account.grants, taken);
  return append(account, command, now, { kind: 'ADJUSTMENT', amount: -taken, grants, draws, reason: command.reason });
}

// ─────────────────────────────── due events ───────────────────────────────

/** Order of events that fall on one instant (rule 11). */
const LAPSE = 1;
const TURN = 2;
const EFFECT = 3;

type Due =
  | { readonly at: Date; readonly rank: typeof LAPSE | typeof EFFECT; readonly grant: Grant }
  | { readonly at: Date; readonly rank: typeof TURN };

function nextDue(account: Account, now: Date): Due | null {
  let next: Due | null = account.period.end <= now ? { at: account.period.end, rank: TURN } : null;
  for (const candidate of account.grants) {
    const due: Due | null =
      candidate.state === 'PENDING'
        ? { at: candidate.effectiveAt, rank: EFFECT, grant: candidate }
        : candidate.expiresAt === null
          ? null
          : { at: candidate.expiresAt, rank: LAPSE, grant: candidate };
    if (due !== null && due.at <= now && (next === null || comesBefore(due, next))) next = due;
  }
  return next;
}

function comesBefore(a: Due, b: Due): boolean {
  const difference = a.at.getTime() - b.at.getTime() || a.rank - b.rank;
  return difference < 0;
}

const DUE_EVENT = { actor: 'system', idempotency: null } as const;

function applyOne(account: Account, due: Due, now: Date): Applied {
  switch (due.rank) {
    case TURN: {
      // Months in which nobody looked are skipped: the new period is the one that holds `now`.
      const turned = { ...account, used: 0n, overage: 0n, period: calendarMonth(now) };
      return { ...unchanged(turned), account: { ...turned, version: account.version + 1n, touchedAt: now } };
    }
    case LAPSE: {
      const { grant: lapsing } = due;
      const grants = replace(account.grants, { ...lapsing, remaining: 0n, state: 'LAPSED' });
      return append(account, DUE_EVENT, now, {
        kind: 'EXPIRY',
        amount: -lapsing.remaining,
        grants,
        grantId: lapsing.id,
      });
    }
    case EFFECT: {
      const { grant: pending } = due;
      const grants = replace(account.grants, { ...pending, state: 'ACTIVE' });
      return append(account, DUE_EVENT, now, { kind: 'GRANT', amount: pending.remaining, grants, grantId: pending.id });
    }
  }
}

// ─────────────────────────────── leaves ───────────────────────────────

interface NewEntry {
  readonly kind: EntryKind;
  readonly amount: bigint;
  /** The account's grants after it, those that are no longer open among them. */
  readonly grants: readonly Grant[];
  readonly grantId?: string;
  readonly draws?: readonly Draw[];
  readonly reason?: string | null;
}

/** Appends one entry; sequence, version and the values after it follow from the account before it. */
function append(
  account: Account,
  cause: Pick<CommandBase, 'actor' | 'idempotency'>,
  now: Date,
  { kind, amount, grants, grantId, draws, reason }: NewEntry,
): Applied {
  const before = new Map(account.grants.map((each) => [each.id, each]));
  const available = account.available + amount;
  if (available < 0n) throw new Error(`${kind} would leave ${available} credits available`);
  const after: Account = {
    ...account,
    available,
    sequence: account.sequence + 1n,
    version: account.version + 1n,
    touchedAt: now,
    grants: grants.filter((each) => each.state === 'ACTIVE' || each.state === 'PENDING'),
  };
  const entry: Entry = {
    billingEntityId: account.billingEntityId,
    sequence: after.sequence,
    kind,
    amount,
    availableAfter: available,
    heldChange: 0n,
    heldAfter: account.held,
    overageChange: 0n,
    overageAfter: account.overage,
    owedChange: 0n,
    owedAfter: account.owed,
    grantId: grantId ?? null,
    draws: draws ?? null,
    actor: cause.actor,
    reason: reason ?? null,
    idempotency: cause.idempotency,
    createdAt: now,
  };
  const changed = grants.filter((each) => before.get(each.id) !== each);
  return { kind: 'applied', account: after, entries: [entry], records: [], grants: changed };
}

function unchanged(account: Account): Applied {
  return { kind: 'applied', account, entries: [], records: [], grants: [] };
}

function replace(grants: readonly Grant[], by: Grant): Grant[] {
  return grants.map((each) => (each.id === by.id ? by : each));
}

function inDrawdownOrder(grants: readonly Grant[]): Grant[] {
  return [...grants].sort(byDrawdownOrder);
}

/** Everything the account holds or will hold without anybody's doing. */
function promised(account: Account): bigint {
  return account.grants.reduce((sum, each) => sum + each.remaining, account.used);
}

function ratio(used: bigint, allowance: bigint): number {
  if (allowance === 0n) return used === 0n ? 0 : 1;
  return Number(used) / Number(allowance);
}

function rejected(code: Rejected['code'], message: string): Rejected {
  return { kind: 'rejected', code, message };
}

function tooMuch(what: string): Rejected {
  return rejected('BAD_USER_INPUT', `that would take ${what} beyond ${MAX_CREDITS} credits`);
}

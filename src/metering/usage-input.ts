/** Checks what callers report as use, and words what they are told when it is refused. */
import { RATES, type Resource } from '../plans/rates.ts';
import { Refusal } from '../kernel/refusal.ts';
import { isStorableText } from '../kernel/text.ts';
import type { Balance } from '../ledger/rules/balance.ts';
import type { RefusedUse } from '../ledger/outcome.ts';
import type { LimitScope, RefusalReason } from '../ledger/rules/refusals.ts';
import { isModelName } from '../ledger/rules/model-names.ts';
import type { UsageLine } from '../ledger/rules/usage-context.ts';
import type { PayerIs } from './payer-routing.ts';

export interface LineInput {
  readonly resource: Resource;
  /** Units of the resource. */
  readonly quantity: bigint;
  /** What did the work; null or absent: it is not named. */
  readonly model?: string | null;
}

/** Refused use. Nothing was charged, and the caller can act on it. */
export interface UsageRefused {
  readonly kind: 'refused';
  readonly reason: RefusalReason;
  readonly scope: LimitScope;
  readonly message: string;
  readonly required: bigint;
  readonly available: bigint;
  /** When the limit that refused begins anew; null: waiting does not help. */
  readonly resetsAt: Date | null;
  readonly balance: Balance;
}

const MAX_LINES = 10;
const MAX_METADATA_BYTES = 4_096;
/** Most nested objects and lists, the outermost counted. */
const MAX_METADATA_DEPTH = 64;
const MAX_FEATURE = 100;

const MESSAGES: Record<RefusalReason, string> = {
  INSUFFICIENT_CREDITS: 'There are not enough credits for this use.',
  OVERAGE_CAP_REACHED: 'This use would pass the cap on overage.',
  MEMBER_LIMIT_REACHED: 'This use would pass the member’s limit in this period.',
  API_KEY_LIMIT_REACHED: 'This use would pass the key’s limit in this period.',
  FEATURE_NOT_IN_PLAN: 'The plan does not grant this feature.',
  ENTITY_SUSPENDED: 'The account, the user or the organization is suspended.',
  MEMBER_SUSPENDED: 'This member is suspended in the organization.',
  PAYMENT_PAST_DUE: 'The subscription is unpaid.',
};

/** A refusal by the ledger, as callers see it. */
export function toUsageRefused(refused: RefusedUse): UsageRefused {
  return { ...refused, message: MESSAGES[refused.reason] };
}

/**
 * A balance of which the caller learns nothing. An organization's key goes on metering when the organization turns PUBLIC,
 * at the expense of members whose accounts are no business of the organization.
 */
export function balanceShown(balance: Balance, payer: PayerIs): Balance {
  if (payer === 'shown') return balance;
  const nothing = { available: 0n, held: 0n, used: 0n, allowance: 0n, overage: 0n, owed: 0n, usedRatio: 0 };
  return { ...balance, ...nothing, version: 0n };
}

/** A refusal of which the caller learns nothing but the limit: the headroom of a key's own limit is told, the payer's is not. */
export function refusalShown(refusal: UsageRefused, payer: PayerIs): UsageRefused {
  if (payer === 'shown') return refusal;
  const { reason, scope, balance } = refusal;
  // What is owed has to be paid first, and would show in what is required.
  const owed = reason === 'INSUFFICIENT_CREDITS' ? balance.owed : 0n;
  return {
    ...refusal,
    required: refusal.required - owed,
    available: scope === 'API_KEY' ? refusal.available : 0n,
    balance: balanceShown(balance, payer),
  };
}

/** Puts the rates of this moment to lines of use. @throws Refusal BAD_USER_INPUT */
export function toLines(lines: readonly LineInput[], { atLeast }: { atLeast: number }): UsageLine[] {
  if (lines.length < atLeast || lines.length > MAX_LINES) {
    throw new Refusal('BAD_USER_INPUT', `lines must have ${atLeast} to ${MAX_LINES} items`);
  }
  return lines.map(({ resource, quantity, model = null }) => {
    if (quantity < 0n) throw new Refusal('BAD_USER_INPUT', 'quantity must not be negative');
    if (model !== null && !isModelName(model)) {
      throw new Refusal('BAD_USER_INPUT', 'model must have 1 to 100 characters, and none that controls');
    }
    return { quantity, rate: RATES[resource], model };
  });
}

/** The part of a fingerprint that says what was used. A line without a model has what it had before there were models. */
export function fingerprintOfLines(lines: readonly LineInput[]): unknown[] {
  return lines.map(({ resource, quantity, model = null }) => [resource, quantity, ...(model === null ? [] : [model])]);
}

/** @throws Refusal BAD_USER_INPUT */
export function checkFeature(feature: string | null): void {
  if (feature === null) return;
  if (feature.length < 1 || feature.length > MAX_FEATURE || !isStorableText(feature)) {
    throw new Refusal('BAD_USER_INPUT', `feature must have 1 to ${MAX_FEATURE} characters`);
  }
}

/** Escapes of JSON that PostgreSQL cannot keep: `\u0000` and half a surrogate pair. */
const UNSTORABLE_ESCAPE = /(?<!\\)(?:\\\\)*\\u(?:0000|d[89a-f])/i;

/** @throws Refusal BAD_USER_INPUT */
export function checkMetadata(metadata: Readonly<Record<string, unknown>> | null): void {
  if (metadata === null) return;
  // This comes first: recursive code, such as JSON.stringify, would run out of stack on deep values.
  if (isDeeperThan(metadata, MAX_METADATA_DEPTH)) {
    throw new Refusal('BAD_USER_INPUT', `metadata is nested more than ${MAX_METADATA_DEPTH} levels deep`);
  }
  const text = jsonOf(metadata);
  if (Buffer.byteLength(text) > MAX_METADATA_BYTES) {
    throw new Refusal('BAD_USER_INPUT', 'metadata is larger than 4 KiB');
  }
  if (!isStorableText(text) || UNSTORABLE_ESCAPE.test(text)) {
    throw new Refusal('BAD_USER_INPUT', 'metadata must be well-formed text');
  }
}

function jsonOf(metadata: object): string {
  try {
    return JSON.stringify(metadata);
  } catch {
    // Variables inside of a literal have types of their own, and those of credits and counts are no JSON here.
    throw new Refusal(
      'BAD_USER_INPUT',
      'metadata takes variables of the types JSONObject, String, Boolean, Int and Float',
    );
  }
}

/** Tells if more than `most` objects and lists are nested. It goes level by level, without recursion. */
function isDeeperThan(value: object, most: number): boolean {
  let level: object[] = [value];
  for (let depth = 1; level.length > 0; depth += 1) {
    if (depth > most) return true;
    level = level.flatMap((each) => Object.values(each) as unknown[]).filter(isObject);
  }
  return false;
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

/** Why a command comes to nothing: a limit refuses it, it is wrong in itself, or somebody else pays. */
import type { Refusal, RefusalCode } from '../../kernel/refusal.ts';

export type RefusalReason =
  | 'INSUFFICIENT_CREDITS'
  | 'OVERAGE_CAP_REACHED'
  | 'MEMBER_LIMIT_REACHED'
  | 'API_KEY_LIMIT_REACHED'
  | 'FEATURE_NOT_IN_PLAN'
  | 'ENTITY_SUSPENDED'
  | 'MEMBER_SUSPENDED'
  | 'PAYMENT_PAST_DUE';
export type LimitScope = 'BALANCE' | 'OVERAGE_CAP' | 'MEMBER' | 'API_KEY' | 'PLAN';

/** A limit or a state says no. Nothing was charged, and the caller can act on it: wait, pay, or ask for less. */
export interface Refused {
  readonly kind: 'refused';
  readonly reason: RefusalReason;
  readonly scope: LimitScope;
  /** Whole credits that the limit would have to allow. */
  readonly required: bigint;
  /** Headroom of the limit that refused, in whole credits (rule 18). */
  readonly available: bigint;
}

/** The command is wrong in itself at this moment. Nothing happened. */
export interface Rejected {
  readonly kind: 'rejected';
  readonly code: 'BAD_USER_INPUT' | 'CONFLICT' | 'FORBIDDEN' | 'NOT_FOUND' | 'IDEMPOTENCY_KEY_REUSED';
  readonly message: string;
}

/** Somebody else pays: the organization has another visibility or another external id than the caller knew. Nothing happened. */
export interface WrongPayer {
  readonly kind: 'wrongPayer';
}

export function rejected(code: Rejected['code'], message: string): Rejected {
  return { kind: 'rejected', code, message };
}

/** A refusal that was found before the ledger was asked, as the ledger answers it. Another code than a `Rejected` has is a bug. */
export function toRejected({ code, message }: Refusal): Rejected {
  if (!isRejection(code)) throw new Error(`the ledger answers nothing with ${code}`);
  return rejected(code, message);
}

function isRejection(code: RefusalCode): code is Rejected['code'] {
  return ['BAD_USER_INPUT', 'CONFLICT', 'FORBIDDEN', 'NOT_FOUND', 'IDEMPOTENCY_KEY_REUSED'].includes(code);
}

/** What is known of members and their limits, without anything on screen. */
import * as z from 'zod/mini';
import type { AccountFragment, MemberRowFragment } from '../../gql/graphql.ts';
import { text } from '../../text.ts';

/** The roles, the mightiest first. */
export const ROLES = ['OWNER', 'ADMIN', 'BILLING', 'MEMBER'] as const;

/** A whole number of 0 or more as it is typed, or nothing. */
export const optionalLimit = z
  .string()
  .check(z.refine((typed) => typed.trim() === '' || isWhole(typed), text.members.wholeNumber));

export const reason = z.string().check(z.maxLength(1_000, text.members.reasonTooLong));

/** A limit as the API takes it; null: none. */
export function toLimit(typed: string): number | null {
  return typed.trim() === '' ? null : Number(typed.trim());
}

/** A reason as the API takes it; null: none. */
export function toReason(typed: string): string | null {
  return typed.trim() === '' ? null : typed.trim();
}

export function isWhole(typed: string): boolean {
  return /^\d+$/.test(typed.trim()) && Number.isSafeInteger(Number(typed));
}

/** True where a member's limit leaves nothing of this period. */
export function isAtLimit({
  creditLimit,
  drawnThisPeriod,
}: Pick<MemberRowFragment, 'creditLimit' | 'drawnThisPeriod'>): boolean {
  return creditLimit !== null && drawnThisPeriod >= creditLimit;
}

/**
 * When limits begin anew: with the subscription's period, or with the month (UTC) where there is no plan to pay for. null: the
 * viewer may not read it.
 */
export function periodEndOf(account: Pick<AccountFragment, 'plan' | 'subscription'>, now: Date): Date | null {
  const end = account.subscription?.currentPeriodEnd;
  if (end != null) return new Date(end);
  if (account.plan.code !== 'FREE_TRIAL') return null;
  return new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + 1, 1));
}

/** The pool's use by the members that are shown, and the rest of it. null: the two readings do not fit together yet. */
export function addUp(
  members: readonly Pick<MemberRowFragment, 'drawnThisPeriod'>[],
  used: number,
): { readonly members: number; readonly others: number } | null {
  const drawn = members.reduce((sum, { drawnThisPeriod }) => sum + drawnThisPeriod, 0);
  return drawn > used ? null : { members: drawn, others: used - drawn };
}

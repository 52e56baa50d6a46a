/** Admission: new use is admitted, or the limit that refuses it is named (rules 14 to 18). */
import type { Account } from './account.ts';
import { type WrongPayer, type Refused, type Rejected, rejected } from './refusals.ts';
import type { Use, UsageContext } from './usage-context.ts';
import { type Reservation, reservedBy } from './reservations.ts';
import { headroom } from './spend-limits.ts';
import { isUnpaid, mayTakeOverage, overageCapOf, planOf } from './subscription.ts';

/**
 * Checks that this account pays for the use, that the user belongs to the organization, and that the key is usable.
 * null: all of it is so.
 */
export function checkPayer(account: Account, use: Use, usageContext: UsageContext): Rejected | WrongPayer | null {
  const { userId, organizationId, namedOrganization, apiKey } = use;
  const isPool = organizationId === account.billingEntityId;
  if (organizationId !== null) {
    if (usageContext.visibility === null) return NO_ORGANIZATION;
    // The external id may have been given to another organization since the use was routed.
    if (namedOrganization != null && namedOrganization !== usageContext.organizationExternalId) {
      return { kind: 'wrongPayer' };
    }
    if (isPool && usageContext.visibility === 'PUBLIC' && userId === null) {
      return rejected('BAD_USER_INPUT', 'userExternalId is needed: in a public organization each user pays alone');
    }
    if (isPool !== (usageContext.visibility === 'PRIVATE')) return { kind: 'wrongPayer' };
    // Somebody who is no member must not learn that the organization exists.
    if (isPool && userId !== null && usageContext.membership === null) return NO_ORGANIZATION;
  }
  if (apiKey === null) return null;
  const isOwn =
    apiKey.billingEntityId === account.billingEntityId ||
    apiKey.billingEntityId === userId ||
    (apiKey.billingEntityId === organizationId && usageContext.isNamedByOwnKey === true);
  // A public organization's key must not learn who else is known here: they are answered like somebody who does not exist.
  if (!isOwn && apiKey.billingEntityId === organizationId) return NO_ORGANIZATION;
  if (!isOwn || usageContext.apiKey === null) {
    return rejected('NOT_FOUND', 'neither the payer nor the user has such an API key');
  }
  const { status } = usageContext.apiKey;
  return status === 'ACTIVE' ? null : rejected('CONFLICT', `this API key is ${status}`);
}

const NO_ORGANIZATION = rejected('NOT_FOUND', 'there is no such organization');

/** Refuses use that comes to `required` credits, by the first limit in the order of rule 18. null: the use is admitted. */
export function admit(
  account: Account,
  use: Use,
  {
    now,
    usageContext,
    required,
  }: { readonly now: Date; readonly usageContext: UsageContext; readonly required: bigint },
): Refused | null {
  const { available } = account;
  const refused = { kind: 'refused', required, available } as const;
  if (account.suspended || usageContext.suspended) return { ...refused, reason: 'ENTITY_SUSPENDED', scope: 'BALANCE' };
  if (usageContext.membership?.status === 'SUSPENDED') {
    return { ...refused, reason: 'MEMBER_SUSPENDED', scope: 'MEMBER' };
  }
  if (isUnpaid(account, now)) return { ...refused, reason: 'PAYMENT_PAST_DUE', scope: 'PLAN' };
  if (use.feature !== null && !planOf(account).features.includes(use.feature)) {
    return { ...refused, reason: 'FEATURE_NOT_IN_PLAN', scope: 'PLAN' };
  }
  // Use of 0 credits skips what is owed, balance, cap and limits.
  if (required === 0n) return null;
  const refusals = [
    beyondLimit(account, usageContext.apiKey, { reason: 'API_KEY_LIMIT_REACHED', scope: 'API_KEY', required }),
    beyondLimit(account, usageContext.membership, { reason: 'MEMBER_LIMIT_REACHED', scope: 'MEMBER', required }),
    beyondBalance(account, required),
  ].filter((refusal) => refusal !== null);
  // The least headroom decides; of equals the first.
  return refusals.reduce<Refused | null>(
    (tightest, each) => (tightest === null || each.available < tightest.available ? each : tightest),
    null,
  );
}

/**
 * Refuses a settlement that goes beyond its reservation, unless the rest fits as new use would (rule 16). Only for callers
 * who are no SERVICE and no OPERATOR. null: the settlement is admitted.
 */
export function admitBeyond(
  account: Account,
  use: Reservation & Use,
  {
    now,
    usageContext,
    required,
  }: { readonly now: Date; readonly usageContext: UsageContext; readonly required: bigint },
): Refused | Rejected | null {
  const held = reservedBy(use);
  if (required <= held) return null;
  if (checkPayer(account, use, usageContext) !== null) return NOTHING_BEYOND;
  const refused = admit(account, use, { now, usageContext, required: required - held });
  return refused && { ...refused, required: refused.required + held, available: refused.available + held };
}

/** The same answer whatever the balance is: somebody who lost the right to use the account must not learn it. */
const NOTHING_BEYOND = rejected(
  'CONFLICT',
  'this reservation can be settled for the credits that it holds, and no more',
);

/** Refuses use beyond a member's or a key's limit: used + held + new ≤ limit, for every charged credit (rule 17). */
function beyondLimit(
  { period }: Account,
  limited: UsageContext['membership'] | UsageContext['apiKey'],
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

/** Overage that may still be taken or held in this period, in credits; null: any amount. */
export function overageRoom(account: Account): bigint | null {
  const { overage, heldOverage } = account;
  if (!account.overagePolicy.enabled || !mayTakeOverage(account)) return 0n;
  const cap = overageCapOf(account);
  if (cap === null) return null;
  const taken = overage + heldOverage;
  return taken < cap ? cap - taken : 0n;
}

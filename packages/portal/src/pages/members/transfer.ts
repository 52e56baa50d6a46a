/** Transfers between the pool, its members and one's own account: who may do which, and what they come to. */
import * as z from 'zod/mini';
import type { BalanceFragment, MemberRowFragment, TransferCreditsInput } from '../../gql/graphql.ts';
import { text } from '../../text.ts';
import type { Current } from '../../account/current.tsx';
import { isWhole, reason, toReason } from './terms.ts';

/** From the pool to a member, back from a member, or from one's own account to the pool. */
export const DIRECTIONS = ['GIVE', 'TAKE', 'OWN'] as const;
export type Direction = (typeof DIRECTIONS)[number];

export const transferForm = z
  .object({
    direction: z.enum(DIRECTIONS),
    /** The member's own account; empty: nobody is chosen. */
    memberId: z.string(),
    amount: z.string().check(z.refine((typed) => isWhole(typed) && Number(typed) > 0, text.members.amountMissing)),
    reason,
  })
  .check(
    z.refine(({ direction, memberId }) => direction === 'OWN' || memberId !== '', {
      path: ['memberId'],
      error: text.members.personMissing,
    }),
  );
export type TransferForm = z.infer<typeof transferForm>;

/** The directions that the viewer may move credits in here. Their own they may give wherever they may use. */
export function directionsFor({ account, viewer }: Pick<Current, 'account' | 'viewer'>): Direction[] {
  const mayHere = account.viewerPermissions.includes('credits.transfer');
  const mayOwn =
    viewer.user?.viewerPermissions.includes('credits.transfer') === true &&
    account.viewerPermissions.includes('credits.consume');
  return DIRECTIONS.filter((direction) => (direction === 'OWN' ? mayOwn : mayHere));
}

/** Who can be chosen: the pool gives to nobody who is suspended, and takes back from them as well. */
export function choicesFor(direction: Direction, members: readonly MemberRowFragment[]): readonly MemberRowFragment[] {
  return members.filter(({ status }) => status === 'ACTIVE' || (status === 'SUSPENDED' && direction === 'TAKE'));
}

interface Accounts {
  readonly organizationId: string;
  readonly ownId: string;
  readonly idempotencyKey: string;
}

export function toTransferInput(
  form: TransferForm,
  { organizationId, ownId, idempotencyKey }: Accounts,
): TransferCreditsInput {
  const [fromBillingEntityId, toBillingEntityId] = {
    GIVE: [organizationId, form.memberId] as const,
    TAKE: [form.memberId, organizationId] as const,
    OWN: [ownId, organizationId] as const,
  }[form.direction];
  return {
    idempotencyKey,
    fromBillingEntityId,
    toBillingEntityId,
    amount: Number(form.amount),
    reason: toReason(form.reason),
  };
}

/** What is available after credits came or, where `amount` is negative, went. What is owed is paid first. */
export function availableAfter(
  { available, owed }: Pick<BalanceFragment, 'available' | 'owed'>,
  amount: number,
): number {
  return amount < 0 ? available + amount : available + Math.max(0, amount - owed);
}

/** Rows of memberships, as SQL gives them and as they are written. */
import type { EntityManager } from '@mikro-orm/postgresql';
import type { AuditedState } from './audit-log.ts';
import {
  type MemberRole,
  type Membership,
  MembershipRow,
  type MembershipStatus,
  UserOrganizationRow,
} from './membership.entity.ts';

export interface MembershipColumns {
  readonly billing_entity_id: string;
  readonly user_id: string;
  readonly role: MemberRole;
  readonly status: MembershipStatus;
  readonly credit_limit: bigint | null;
  readonly joined_at: Date;
  readonly invitee_id: string | null;
  readonly external_id: string | null;
}

export const MEMBERSHIP_COLUMNS =
  'm.billing_entity_id, m.user_id, m.role, m.status, m.credit_limit, m.joined_at, m.invitee_id, m.external_id';

export function toMembership(row: MembershipColumns): Membership {
  return {
    billingEntityId: row.billing_entity_id,
    userId: row.user_id,
    role: row.role,
    status: row.status,
    creditLimit: row.credit_limit,
    joinedAt: row.joined_at,
    inviteeId: row.invitee_id,
    externalId: row.external_id,
  };
}

/**
 * Writes a membership, under the lock of its organization, and for the user where to look for it.
 * @param before what it was; null: there was none
 * @param personId the user's own id, also while they are invited
 */
export async function writeMembership(
  em: EntityManager,
  { before, after, personId }: { before: Membership | null; after: Membership; personId: string },
): Promise<void> {
  const { billingEntityId, ...terms } = after;
  if (before === null) await em.insert(MembershipRow, after);
  else await em.nativeUpdate(MembershipRow, { billingEntityId, userId: before.userId }, terms);
  const isInvited = after.status === 'INVITED';
  if (before !== null && isInvited === (before.status === 'INVITED')) return;
  await em.upsert(
    UserOrganizationRow,
    { billingEntityId: personId, organizationId: billingEntityId, invited: isInvited },
    { onConflictFields: ['billingEntityId', 'organizationId'], onConflictMergeFields: ['invited'] },
  );
}

/** Deletes a membership, or an invitation, on both sides. */
export async function deleteMembership(
  em: EntityManager,
  { billingEntityId, userId }: Membership,
  personId: string,
): Promise<void> {
  await em.nativeDelete(MembershipRow, { billingEntityId, userId });
  await em.nativeDelete(UserOrganizationRow, { billingEntityId: personId, organizationId: billingEntityId });
}

/** What the audit log says of it. */
export function stateOf({ role, status, creditLimit }: Membership): AuditedState {
  return { role, status, creditLimit: creditLimit === null ? null : Number(creditLimit) };
}

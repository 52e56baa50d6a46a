/** Memberships and invitations, with the user's side of each: the directory that says which organizations to look into. */
import type { EntityManager } from '@mikro-orm/postgresql';
import { inviteeIdOf } from './invitee.ts';
import { type Membership, MembershipRow, UserOrganizationRow } from './membership.entity.ts';

/** Invitations that are shown at a time: whoever is invited by thousands answers some, and sees others. */
const SHOWN = 100;

/** The membership of this user. An invitation lies under a made-up id, and so it is never found here. */
export function findMembership(
  em: EntityManager,
  { organizationId, userId }: { readonly organizationId: string; readonly userId: string },
): Promise<Membership | null> {
  return em.findOne(MembershipRow, { billingEntityId: organizationId, userId });
}

/** The organization's row of a person: a membership, an invitation, or none. */
export async function findPerson(
  em: EntityManager,
  { organizationId, userId, externalId }: { organizationId: string; userId: string | null; externalId: string },
): Promise<{ readonly member: Membership | null; readonly invitation: Membership | null }> {
  const inviteeId = inviteeIdOf(organizationId, externalId);
  // One statement of one shape, whether the person is known or not: how long it takes tells nothing.
  const rows = await em.find(MembershipRow, {
    billingEntityId: organizationId,
    userId: { $in: [inviteeId, userId ?? inviteeId] },
  });
  return {
    member: rows.find(({ status }) => status !== 'INVITED') ?? null,
    invitation: rows.find(({ status }) => status === 'INVITED') ?? null,
  };
}

/** Organizations that the user belongs to, or, with `invited`, that invite them, as the user's own directory says. */
export async function organizationsOf(
  em: EntityManager,
  userId: string,
  { invited }: { readonly invited: boolean },
): Promise<string[]> {
  const places = await em.find(
    UserOrganizationRow,
    { billingEntityId: userId, invited },
    { orderBy: { organizationId: 'asc' }, ...(invited && { limit: SHOWN }) },
  );
  return places.map(({ organizationId }) => organizationId);
}

/** Open invitations of these organizations to whom they call so. */
export async function findInvitations(
  em: EntityManager,
  organizationIds: readonly string[],
  externalId: string,
): Promise<Membership[]> {
  if (organizationIds.length === 0) return [];
  return em.find(
    MembershipRow,
    {
      billingEntityId: { $in: [...organizationIds] },
      userId: { $in: organizationIds.map((id) => inviteeIdOf(id, externalId)) },
      status: 'INVITED',
    },
    { orderBy: { billingEntityId: 'asc' } },
  );
}

/** Active owners of the organization besides this one. Who is only invited to be an owner is none. */
export function countOtherOwners(em: EntityManager, { billingEntityId, userId }: Membership): Promise<number> {
  return em.count(MembershipRow, { billingEntityId, userId: { $ne: userId }, role: 'OWNER', status: 'ACTIVE' });
}

/** Organizations that this user owns. Invitations do not count. */
export async function countOwned(em: EntityManager, userId: string): Promise<number> {
  const organizationIds = await organizationsOf(em, userId, { invited: false });
  if (organizationIds.length === 0) return 0;
  return em.count(MembershipRow, {
    billingEntityId: { $in: organizationIds },
    userId,
    role: 'OWNER',
    status: { $ne: 'INVITED' },
  });
}

/** Members of the organization, whatever their status, and how many of them are only invited. */
export async function countMembers(
  em: EntityManager,
  billingEntityId: string,
): Promise<{ readonly members: number; readonly invited: number }> {
  const members = await em.count(MembershipRow, { billingEntityId });
  const invited = await em.count(MembershipRow, { billingEntityId, status: 'INVITED' });
  return { members, invited };
}

/**
 * Writes a membership, under the lock of its organization, and the user's side of it.
 * @param before null: there was none
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

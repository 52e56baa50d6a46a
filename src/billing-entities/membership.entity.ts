import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import type { AuditedState } from './audit-log.ts';

export type MemberRole = 'OWNER' | 'ADMIN' | 'BILLING' | 'MEMBER';
export type MembershipStatus = 'ACTIVE' | 'SUSPENDED' | 'INVITED';

/**
 * Who belongs to an organization, and on what terms. It is the organization's own row. Who is INVITED does not belong to it
 * yet: their row lies under the made-up id of an invitee (`inviteeIdOf`), so that whoever looks for a user's finds none.
 */
export const MembershipRow = defineEntity({
  name: 'Membership',
  tableName: 'membership',
  properties: {
    billingEntityId: p.uuid().primary(),
    userId: p.uuid().primary(),
    role: p.text().$type<MemberRole>(),
    status: p.text().$type<MembershipStatus>(),
    creditLimit: p.bigint().strictNullable(),
    /** INVITED: since when they are. */
    joinedAt: p.datetime(3),
    /** The made-up id under which they were named, which its public id is made of; null: it is older, and its public id made of the user's. */
    inviteeId: p.uuid().strictNullable(),
    /** INVITED: whom the inviter named. */
    externalId: p.text().strictNullable(),
  },
  checks: [
    { name: 'membership_role_known', expression: "role in ('OWNER', 'ADMIN', 'BILLING', 'MEMBER')" },
    { name: 'membership_status_known', expression: "status in ('ACTIVE', 'SUSPENDED', 'INVITED')" },
    { name: 'membership_credit_limit_not_negative', expression: 'credit_limit >= 0' },
    { name: 'membership_invited_by_name', expression: "(status = 'INVITED') = (external_id is not null)" },
  ],
});

export type Membership = InferEntity<typeof MembershipRow>;

/** A membership in the words of the audit log. */
export function auditedMembership({ role, status, creditLimit }: Membership): AuditedState {
  return { role, status, creditLimit: creditLimit === null ? null : Number(creditLimit) };
}

/** The user's side of a membership: which organizations to look into. */
export const UserOrganizationRow = defineEntity({
  name: 'UserOrganization',
  tableName: 'user_organization',
  properties: {
    billingEntityId: p.uuid().primary(),
    organizationId: p.uuid().primary(),
    /** True until they answer. */
    invited: p.boolean().default(false),
  },
});

/** The number of people whom somebody has invited in a day. */
export const PeopleNamedRow = defineEntity({
  name: 'PeopleNamed',
  tableName: 'people_named',
  properties: {
    /** The inviter. */
    billingEntityId: p.uuid().primary(),
    /** Its beginning, in UTC. */
    day: p.datetime(3),
    named: p.integer(),
  },
  checks: [{ name: 'people_named_positive', expression: 'named > 0' }],
});

import { defineEntity, type InferEntity, p } from '@mikro-orm/core';

export type MemberRole = 'OWNER' | 'ADMIN' | 'BILLING' | 'MEMBER';
export type MembershipStatus = 'ACTIVE' | 'SUSPENDED';

/** Who belongs to an organization, and on what terms. It is the organization's own row. */
export const MembershipRow = defineEntity({
  name: 'Membership',
  tableName: 'membership',
  properties: {
    billingEntityId: p.uuid().primary(),
    userId: p.uuid().primary(),
    role: p.text().$type<MemberRole>(),
    status: p.text().$type<MembershipStatus>(),
    creditLimit: p.bigint().strictNullable(),
    joinedAt: p.datetime(3),
  },
  checks: [
    { name: 'membership_role_known', expression: "role in ('OWNER', 'ADMIN', 'BILLING', 'MEMBER')" },
    { name: 'membership_status_known', expression: "status in ('ACTIVE', 'SUSPENDED')" },
    { name: 'membership_credit_limit_not_negative', expression: 'credit_limit >= 0' },
  ],
});

export type Membership = InferEntity<typeof MembershipRow>;

/** The user's side of a membership: which organizations to look into. */
export const UserOrganizationRow = defineEntity({
  name: 'UserOrganization',
  tableName: 'user_organization',
  properties: {
    billingEntityId: p.uuid().primary(),
    organizationId: p.uuid().primary(),
  },
});

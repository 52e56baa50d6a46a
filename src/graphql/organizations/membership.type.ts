import { ArgsType, Field, ID, InputType, ObjectType } from 'type-graphql';
import type { MemberRole, MembershipStatus } from '../../billing-entities/membership.entity.ts';
import { membershipId } from '../../kernel/public-ids.ts';
import { connectionOf } from '../types/connection.type.ts';
import { MemberRoleEnum, MembershipStatusEnum } from '../types/enums.ts';
import { Node } from '../types/node.type.ts';
import { PageArgs } from '../types/page.args.ts';
import { CreditsScalar, DateTimeScalar } from '../types/scalars.ts';

@ObjectType({
  implements: Node,
  description:
    'A user in an organization, or asked to be. Read by the user, and by the organization’s OWNER, ADMIN and BILLING and by operators.',
})
export class Membership {
  /** Not a field: the organization. */
  readonly billingEntityId!: string;

  /** Not a field: the user's id, or a made-up one while they are invited. */
  readonly userId!: string;

  /** Not a field: the id that the public id is made from; null: it is made from the user's. */
  readonly inviteeId!: string | null;

  /** Not a field: the `sub` that the inviter named; null unless INVITED. */
  readonly externalId!: string | null;

  @Field(() => ID, {
    name: 'id',
    description: 'Opaque; the same when an invitation is accepted, and again if the user comes back.',
  })
  get publicId(): string {
    return membershipId(this.billingEntityId, this.inviteeId ?? this.userId);
  }

  @Field(() => MemberRoleEnum, { simple: true, description: 'The role, which says what they may do here.' })
  readonly role!: MemberRole;

  @Field(() => MembershipStatusEnum, {
    simple: true,
    description: 'The status, which says if they can use credits here.',
  })
  readonly status!: MembershipStatus;

  @Field(() => CreditsScalar, {
    simple: true,
    nullable: true,
    description: 'Most credits they may draw from the pool in a period; null: no limit of their own.',
  })
  readonly creditLimit!: bigint | null;

  @Field(() => DateTimeScalar, {
    simple: true,
    description: 'When they joined; INVITED: when they were invited.',
  })
  readonly joinedAt!: Date;
}

@ObjectType({ description: 'An organization’s invitation to one person. Only that person can read it.' })
export class Invitation {
  /** Not a field: the organization. */
  readonly organizationId!: string;

  @Field(() => MemberRoleEnum, { simple: true, description: 'The role that they would have.' })
  readonly role!: MemberRole;

  @Field(() => DateTimeScalar, { simple: true, description: 'When they were invited.' })
  readonly invitedAt!: Date;
}

export const MembershipConnection = connectionOf('Membership', () => Membership, 'memberships');

@ArgsType()
export class MembersArgs extends PageArgs {
  @Field(() => String, {
    nullable: true,
    description:
      'Text to find in members’ names and external ids, in upper or lower case; for INVITED ones, in the id that the inviter named.',
  })
  readonly search?: string | null;
}

@InputType({ description: 'A member, and their terms in an organization.' })
export class SetMemberInput {
  @Field(() => ID, { description: 'The organization.' })
  readonly billingEntityId!: string;

  @Field(() => String, {
    description: 'The user’s `sub`, known here or not. A user whom an operator is first to name is created at once.',
  })
  readonly userExternalId!: string;

  @Field(() => MemberRoleEnum, { description: 'Their role from now on.' })
  readonly role!: MemberRole;

  @Field(() => CreditsScalar, {
    nullable: true,
    description:
      'Most credits they may draw from the pool in a period, 0 or more. Absent: unchanged, none for a new member. null: no limit.',
  })
  readonly creditLimit?: bigint | null;

  @Field(() => MembershipStatusEnum, {
    nullable: true,
    description:
      'Absent: unchanged; a new member is INVITED, or ACTIVE when an operator sets it. BAD_USER_INPUT: INVITED or null. CONFLICT: any other status for somebody new or INVITED, unless an operator sets it.',
  })
  readonly status?: MembershipStatus | null;

  @Field(() => String, { nullable: true, description: 'The reason, for the audit log: 1 to 1000 characters.' })
  readonly reason?: string | null;
}

@InputType({ description: 'The member to remove, or the person whose invitation is withdrawn.' })
export class RemoveMemberInput {
  @Field(() => ID, { description: 'The organization.' })
  readonly billingEntityId!: string;

  @Field(() => String, { description: 'The user’s `sub`.' })
  readonly userExternalId!: string;
}

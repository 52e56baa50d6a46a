import { ArgsType, Field, ID, InputType, ObjectType } from 'type-graphql';
import type { MemberRole, MembershipStatus } from '../../billing-entities/membership.entity.ts';
import { membershipId } from '../../kernel/public-ids.ts';
import { connectionOf } from '../types/connection.type.ts';
import { MemberRoleEnum, MembershipStatusEnum } from '../types/enums.ts';
import { PageArgs } from '../types/page.args.ts';
import { CreditsScalar, DateTimeScalar } from '../types/scalars.ts';

@ObjectType({
  description:
    'A user in an organization, or asked to be. Read by the user, and by the organization’s OWNER, ADMIN and BILLING and by operators.',
})
export class Membership {
  /** Not a field: the organization. */
  readonly billingEntityId!: string;

  /** Not a field: a made-up one, while they are invited. */
  readonly userId!: string;

  /** Not a field: what the public id is made of; null: of the user’s. */
  readonly inviteeId!: string | null;

  /** Not a field: INVITED, whom the inviter named. */
  readonly externalId!: string | null;

  @Field(() => ID, {
    name: 'id',
    description: 'Opaque; the same when an invitation is accepted, and again if the user comes back.',
  })
  get publicId(): string {
    return membershipId(this.billingEntityId, this.inviteeId ?? this.userId);
  }

  @Field(() => MemberRoleEnum, { simple: true, description: 'What they may do here.' })
  readonly role!: MemberRole;

  @Field(() => MembershipStatusEnum, { simple: true, description: 'Whether they may use credits here.' })
  readonly status!: MembershipStatus;

  @Field(() => CreditsScalar, {
    simple: true,
    nullable: true,
    description: 'Most credits they may draw from the pool in a period; null: no limit of their own.',
  })
  readonly creditLimit!: bigint | null;

  @Field(() => DateTimeScalar, {
    simple: true,
    description: 'Since when they belong to it; INVITED: since when they are asked.',
  })
  readonly joinedAt!: Date;
}

@ObjectType({ description: 'An organization that somebody is asked to belong to. Read by that person alone.' })
export class Invitation {
  /** Not a field: the organization. */
  readonly organizationId!: string;

  @Field(() => MemberRoleEnum, { simple: true, description: 'What they would be there.' })
  readonly role!: MemberRole;

  @Field(() => DateTimeScalar, { simple: true, description: 'Since when they are asked.' })
  readonly invitedAt!: Date;
}

export const MembershipConnection = connectionOf('Membership', () => Membership, 'memberships');

@ArgsType()
export class MembersArgs extends PageArgs {
  @Field(() => String, {
    nullable: true,
    description:
      'Looked for in members’ names and external ids, whatever their case; of who is INVITED, in what the inviter named.',
  })
  readonly search?: string | null;
}

@InputType({ description: 'On what terms somebody belongs to an organization.' })
export class SetMemberInput {
  @Field(() => ID, { description: 'The organization.' })
  readonly billingEntityId!: string;

  @Field(() => String, {
    description: 'The user’s `sub`, known here or not. Whom an operator names first is made on the spot.',
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
      'Absent: unchanged; a new member is INVITED, or ACTIVE where an operator sets it. INVITED and null: BAD_USER_INPUT. Another status for who is INVITED, or new: CONFLICT, but for an operator.',
  })
  readonly status?: MembershipStatus | null;

  @Field(() => String, { nullable: true, description: 'Why, for the audit log: 1 to 1000 characters.' })
  readonly reason?: string | null;
}

@InputType({ description: 'Whose membership ends, or whose invitation is withdrawn.' })
export class RemoveMemberInput {
  @Field(() => ID, { description: 'The organization.' })
  readonly billingEntityId!: string;

  @Field(() => String, { description: 'The user’s `sub`.' })
  readonly userExternalId!: string;
}

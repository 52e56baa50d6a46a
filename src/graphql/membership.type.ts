import { ArgsType, Field, ID, InputType, ObjectType } from 'type-graphql';
import type { MemberRole, MembershipStatus } from '../billing-entities/membership.entity.ts';
import { membershipId } from '../ids.ts';
import { connectionOf } from './connection.type.ts';
import { MemberRoleEnum, MembershipStatusEnum } from './enums.ts';
import { PageArgs } from './page.args.ts';
import { CreditsScalar, DateTimeScalar } from './scalars.ts';

@ObjectType({
  description:
    'A user in an organization. Read by the user, and by the organization’s OWNER, ADMIN and BILLING and by operators.',
})
export class Membership {
  /** Not a field: the organization. */
  readonly billingEntityId!: string;

  /** Not a field: part of the public id. */
  readonly userId!: string;

  @Field(() => ID, { name: 'id', description: 'Opaque; the same again if the user comes back.' })
  get publicId(): string {
    return membershipId(this.billingEntityId, this.userId);
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

  @Field(() => DateTimeScalar, { simple: true, description: 'Since when they belong to it.' })
  readonly joinedAt!: Date;
}

export const MembershipConnection = connectionOf('Membership', () => Membership, 'memberships');

@ArgsType()
export class MembersArgs extends PageArgs {
  @Field(() => String, {
    nullable: true,
    description: 'Looked for in members’ names and external ids, whatever their case.',
  })
  readonly search?: string | null;
}

@InputType({ description: 'On what terms somebody belongs to an organization.' })
export class SetMemberInput {
  @Field(() => ID, { description: 'The organization.' })
  readonly billingEntityId!: string;

  @Field(() => String, { description: 'The user’s `sub`. Somebody nobody named before is made on the spot.' })
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
    description: 'Absent: unchanged, ACTIVE for a new member. null: BAD_USER_INPUT.',
  })
  readonly status?: MembershipStatus | null;

  @Field(() => String, { nullable: true, description: 'Why, for the audit log: 1 to 1000 characters.' })
  readonly reason?: string | null;
}

@InputType({ description: 'Whose membership ends.' })
export class RemoveMemberInput {
  @Field(() => ID, { description: 'The organization.' })
  readonly billingEntityId!: string;

  @Field(() => String, { description: 'The user’s `sub`.' })
  readonly userExternalId!: string;
}

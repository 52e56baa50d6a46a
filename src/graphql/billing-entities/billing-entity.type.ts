import { Field, ID, ObjectType } from 'type-graphql';
import { BillingEntityStatusEnum, BillingEntityTypeEnum, OrganizationVisibilityEnum } from '../types/enums.ts';
import { Node } from '../types/node.type.ts';
import { DateTimeScalar } from '../types/scalars.ts';

@ObjectType({
  implements: Node,
  description:
    'A user or an organization, which holds credits and pays. What the caller may not see does not exist for them.',
})
export class BillingEntity {
  @Field(() => ID, { name: 'id', description: 'Our id: opaque and stable.' })
  readonly billingEntityId!: string;

  @Field(() => BillingEntityTypeEnum, { simple: true, description: 'A user or an organization.' })
  readonly type!: 'USER' | 'ORGANIZATION';

  @Field(() => String, {
    simple: true,
    description: 'The identity provider’s id: a user’s `sub`, an organization’s id there.',
  })
  readonly externalId!: string;

  @Field(() => String, { simple: true, description: 'Its name, for people.' })
  readonly name!: string;

  @Field(() => DateTimeScalar, { simple: true, description: 'When it was first seen.' })
  readonly createdAt!: Date;

  @Field(() => DateTimeScalar, {
    simple: true,
    nullable: true,
    description: 'When an operator suspended it; null: it is not suspended.',
  })
  readonly suspendedAt!: Date | null;

  @Field(() => String, { simple: true, nullable: true, description: 'The reason of the suspension.' })
  readonly suspensionReason!: string | null;

  @Field(() => OrganizationVisibilityEnum, {
    simple: true,
    nullable: true,
    description: 'Organizations: who pays inside it. null for users.',
  })
  readonly visibility?: 'PRIVATE' | 'PUBLIC' | null;

  @Field(() => BillingEntityStatusEnum, {
    name: 'status',
    description: 'The status, which says if it can use credits.',
  })
  get status(): 'ACTIVE' | 'SUSPENDED' {
    return this.suspendedAt === null ? 'ACTIVE' : 'SUSPENDED';
  }
}

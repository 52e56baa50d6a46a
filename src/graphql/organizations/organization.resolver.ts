import { Arg, Ctx, Field, ID, InputType, Mutation, Resolver } from 'type-graphql';
import { requirePrincipal } from '../../billing-entities/access.ts';
import type { BillingEntity as Row } from '../../billing-entities/billing-entity.entity.ts';
import type { Visibility } from '../../billing-entities/organizations.ts';
import { parseEntityId } from '../../kernel/public-ids.ts';
import { BillingEntity } from '../billing-entities/billing-entity.type.ts';
import type { RequestContext } from '../request/context.ts';
import { OrganizationVisibilityEnum } from '../types/enums.ts';
import { notNull } from '../types/not-null.ts';

@InputType({ description: 'A new organization.' })
class CreateOrganizationInput {
  @Field(() => String, {
    nullable: true,
    description:
      'The identity provider’s id of it: 1 to 255 characters. Absent: one of ours is made, and each call makes another organization. null, or one that begins as ours do: BAD_USER_INPUT. Taken: CONFLICT. A user’s that their token does not name, taken or not: FORBIDDEN, unless the installation leaves ids open.',
  })
  readonly externalId?: string | null;

  @Field(() => String, { description: 'Its name, for people: 1 to 255 characters.' })
  readonly name!: string;

  @Field(() => OrganizationVisibilityEnum, { defaultValue: 'PRIVATE', description: 'Who pays inside it.' })
  readonly visibility!: Visibility;

  @Field(() => String, {
    nullable: true,
    description:
      'The `sub` of who owns it. A user creates their own: absent or themselves, else FORBIDDEN. Services and operators name anybody, or nobody yet.',
  })
  readonly ownerExternalId?: string | null;
}

@InputType({ description: 'Another external id of an organization.' })
class SetOrganizationExternalIdInput {
  @Field(() => ID, { description: 'The organization.' })
  readonly billingEntityId!: string;

  @Field(() => String, {
    nullable: true,
    description:
      'What it is called from now on: 1 to 255 characters. Absent: one of ours. Taken: CONFLICT. null: BAD_USER_INPUT.',
  })
  readonly externalId?: string | null;

  @Field(() => String, { description: 'Why, for the audit log: 1 to 1000 characters.' })
  readonly reason!: string;
}

@InputType({ description: 'What changes about an organization; what is absent stays. null: BAD_USER_INPUT.' })
class UpdateOrganizationInput {
  @Field(() => ID, { description: 'The organization.' })
  readonly billingEntityId!: string;

  @Field(() => String, { nullable: true, description: 'Its name, for people: 1 to 255 characters.' })
  readonly name?: string | null;

  @Field(() => OrganizationVisibilityEnum, {
    nullable: true,
    description: 'Who pays for new use inside it, from the answer on. History keeps who paid.',
  })
  readonly visibility?: Visibility | null;
}

@Resolver()
export class OrganizationResolver {
  @Mutation(() => BillingEntity, {
    description:
      'Makes an organization. Users, for themselves; services and operators, for a customer. Its owner’s first has the free trial.',
  })
  createOrganization(
    @Arg('input', () => CreateOrganizationInput, { description: 'What it is.' }) input: CreateOrganizationInput,
    @Ctx() { principal, services }: RequestContext,
  ): Promise<Row> {
    const known = requirePrincipal(principal);
    const { externalId, name, visibility, ownerExternalId } = input;
    return services.organizations.create(known, {
      externalId: externalId === undefined ? null : notNull('externalId', externalId),
      name,
      visibility,
      ownerExternalId: ownerExternalId ?? null,
    });
  }

  @Mutation(() => BillingEntity, {
    description:
      'Gives an organization another external id; the old one is free for whose it is. Use that names the old one is another’s or NOT_FOUND from the answer on. Operators only.',
  })
  setOrganizationExternalId(
    @Arg('input', () => SetOrganizationExternalIdInput, { description: 'Which, and what it is called.' })
    { billingEntityId, externalId, reason }: SetOrganizationExternalIdInput,
    @Ctx() { principal, services }: RequestContext,
  ): Promise<Row> {
    const known = requirePrincipal(principal);
    return services.organizations.setExternalId(known, {
      billingEntityId: parseEntityId(billingEntityId),
      externalId: externalId === undefined ? null : notNull('externalId', externalId),
      reason,
    });
  }

  @Mutation(() => BillingEntity, {
    description: 'Changes an organization’s name, or who pays inside it. OWNER, ADMIN and operators.',
  })
  updateOrganization(
    @Arg('input', () => UpdateOrganizationInput, { description: 'What changes.' }) input: UpdateOrganizationInput,
    @Ctx() { principal, services }: RequestContext,
  ): Promise<Row> {
    const known = requirePrincipal(principal);
    const { name, visibility } = input;
    return services.organizations.update(known, {
      billingEntityId: parseEntityId(input.billingEntityId),
      ...(name !== undefined && { name: notNull('name', name) }),
      ...(visibility !== undefined && { visibility: notNull('visibility', visibility) }),
    });
  }
}

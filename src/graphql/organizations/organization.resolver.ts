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
      'The identity provider’s id of it: 1 to 255 characters. Absent: one of ours is made, and each call makes another organization. BAD_USER_INPUT: null, or an id that begins as ours do. CONFLICT: taken. FORBIDDEN, taken or not: a user gives an id that their token does not name, unless this installation leaves ids open.',
  })
  readonly externalId?: string | null;

  @Field(() => String, { description: 'Its name, for people: 1 to 255 characters.' })
  readonly name!: string;

  @Field(() => OrganizationVisibilityEnum, { defaultValue: 'PRIVATE', description: 'The payer of use inside it.' })
  readonly visibility!: Visibility;

  @Field(() => String, {
    nullable: true,
    description:
      'The owner’s `sub`. A user creates their own: absent or themselves, else FORBIDDEN. Services and operators name any user, or leave it out until there is one.',
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
      'The new external id: 1 to 255 characters. Absent: one of ours is made. CONFLICT: taken. BAD_USER_INPUT: null.',
  })
  readonly externalId?: string | null;

  @Field(() => String, { description: 'The reason, for the audit log: 1 to 1000 characters.' })
  readonly reason!: string;
}

@InputType({ description: 'Changes of an organization; an absent field stays as it is. BAD_USER_INPUT: null.' })
class UpdateOrganizationInput {
  @Field(() => ID, { description: 'The organization.' })
  readonly billingEntityId!: string;

  @Field(() => String, { nullable: true, description: 'Its name, for people: 1 to 255 characters.' })
  readonly name?: string | null;

  @Field(() => OrganizationVisibilityEnum, {
    nullable: true,
    description: 'The payer of new use inside it, from the answer on. History keeps the earlier payers.',
  })
  readonly visibility?: Visibility | null;
}

@Resolver()
export class OrganizationResolver {
  @Mutation(() => BillingEntity, {
    description:
      'Makes an organization. Users, for themselves; services and operators, for a customer. The first one of an owner has the free trial.',
  })
  createOrganization(
    @Arg('input', () => CreateOrganizationInput, { description: 'The organization.' }) input: CreateOrganizationInput,
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
      'Gives an organization another external id, and frees the old one. From the answer on, use that names the old id is NOT_FOUND, or goes to the organization that takes it. Operators only.',
  })
  setOrganizationExternalId(
    @Arg('input', () => SetOrganizationExternalIdInput, { description: 'The organization, and its new external id.' })
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
    description: 'Changes an organization’s name, or the payer of use inside it. OWNER, ADMIN and operators.',
  })
  updateOrganization(
    @Arg('input', () => UpdateOrganizationInput, { description: 'The organization, and the fields that change.' })
    input: UpdateOrganizationInput,
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

import { Arg, Ctx, FieldResolver, Mutation, Resolver, Root } from 'type-graphql';
import { requirePrincipal } from '../billing-entities/access.ts';
import type { BillingEntity as Row } from '../billing-entities/billing-entity.entity.ts';
import type { Membership as DomainMembership } from '../billing-entities/membership.entity.ts';
import { parseEntityId } from '../ids.ts';
import { requireVisible } from './authorization.ts';
import { BillingEntity, Party } from './billing-entity.type.ts';
import type { RequestContext } from './context.ts';
import { notNull } from './inputs.ts';
import { Membership, RemoveMemberInput, SetMemberInput } from './membership.type.ts';
import { partyOf } from './party.ts';
import { CreditsScalar } from './scalars.ts';

@Resolver(() => Membership)
export class MembershipResolver {
  @Mutation(() => Membership, {
    description:
      'Makes somebody a member, or changes their role, limit and status. OWNER, ADMIN and operators; whatever makes or changes an OWNER: an OWNER or an operator. When no active OWNER would be left: CONFLICT.',
  })
  setMember(
    @Arg('input', () => SetMemberInput, { description: 'Who, and on what terms.' }) input: SetMemberInput,
    @Ctx() { principal, services }: RequestContext,
  ): Promise<DomainMembership> {
    const known = requirePrincipal(principal);
    const { userExternalId, role, creditLimit, status, reason } = input;
    return services.members.set(known, {
      billingEntityId: parseEntityId(input.billingEntityId),
      userExternalId,
      role,
      ...(creditLimit !== undefined && { creditLimit }),
      ...(status !== undefined && { status: notNull('status', status) }),
      reason: reason ?? null,
    });
  }

  @Mutation(() => Boolean, {
    description:
      'Ends a membership; history keeps what was used. OWNER, ADMIN and operators; an OWNER’s: an OWNER or an operator; anybody their own. False: there was none. When no active OWNER would be left: CONFLICT.',
  })
  removeMember(
    @Arg('input', () => RemoveMemberInput, { description: 'Whose.' }) input: RemoveMemberInput,
    @Ctx() { principal, services }: RequestContext,
  ): Promise<boolean> {
    const known = requirePrincipal(principal);
    const { userExternalId } = input;
    return services.members.remove(known, { billingEntityId: parseEntityId(input.billingEntityId), userExternalId });
  }

  @FieldResolver(() => BillingEntity, { description: 'The organization.' })
  organization(@Root() { billingEntityId }: DomainMembership, @Ctx() context: RequestContext): Promise<Row> {
    // The membership may have ended since it was read; with it goes what it led to.
    return requireVisible(context, billingEntityId);
  }

  @FieldResolver(() => Party, { description: 'The user.' })
  user(@Root() { userId }: DomainMembership, @Ctx() context: RequestContext): Promise<Party> {
    return partyOf(userId, context);
  }

  @FieldResolver(() => CreditsScalar, {
    description: 'Credits of their use here in the current period, whoever paid.',
  })
  async usedThisPeriod(
    @Root() { billingEntityId: organizationId, userId }: DomainMembership,
    @Ctx() { loaders }: RequestContext,
  ): Promise<bigint> {
    return (await loaders.memberUse.load({ organizationId, userId })).used;
  }

  @FieldResolver(() => CreditsScalar, { description: 'Of those, drawn from the pool: what creditLimit bounds.' })
  async drawnThisPeriod(
    @Root() { billingEntityId: organizationId, userId }: DomainMembership,
    @Ctx() { loaders }: RequestContext,
  ): Promise<bigint> {
    return (await loaders.memberUse.load({ organizationId, userId })).drawn;
  }
}

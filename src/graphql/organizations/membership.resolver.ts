import { Arg, Ctx, FieldResolver, ID, Mutation, Resolver, Root } from 'type-graphql';
import { requirePrincipal } from '../../billing-entities/access.ts';
import type { BillingEntity as Row } from '../../billing-entities/billing-entity.entity.ts';
import type { Invitation as DomainInvitation } from '../../billing-entities/invitations.ts';
import type { Membership as DomainMembership } from '../../billing-entities/membership.entity.ts';
import { parseEntityId } from '../../kernel/public-ids.ts';
import { BillingEntity } from '../billing-entities/billing-entity.type.ts';
import { partyOf } from '../billing-entities/party.ts';
import { Party } from '../billing-entities/party.type.ts';
import { requireVisible } from '../request/authorization.ts';
import type { RequestContext } from '../request/context.ts';
import { notNull } from '../types/not-null.ts';
import { CreditsScalar } from '../types/scalars.ts';
import { Invitation, Membership, RemoveMemberInput, SetMemberInput } from './membership.type.ts';

@Resolver(() => Invitation)
export class InvitationResolver {
  @FieldResolver(() => Party, { description: 'The organization: all that there is of it for who has not accepted.' })
  organization(@Root() { organizationId }: DomainInvitation, @Ctx() context: RequestContext): Promise<Party> {
    return partyOf(organizationId, context);
  }
}

@Resolver(() => Membership)
export class MembershipResolver {
  @Mutation(() => Membership, {
    description:
      'Invites somebody, who accepts or declines, or changes a member’s or an invitation’s role and limit, and a member’s status. OWNER, ADMIN and operators, whose members are ACTIVE at once; whatever makes or changes an OWNER: an OWNER or an operator. When no active OWNER would be left, or beyond the bounds of members and invitations: CONFLICT. Too many people invited in a day: RATE_LIMITED.',
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
      'Ends a membership; history keeps what was used. Or withdraws an invitation. OWNER, ADMIN and operators; an OWNER’s: an OWNER or an operator; anybody their own. False: there was none. When no active OWNER would be left: CONFLICT.',
  })
  removeMember(
    @Arg('input', () => RemoveMemberInput, { description: 'Whose.' }) input: RemoveMemberInput,
    @Ctx() { principal, services }: RequestContext,
  ): Promise<boolean> {
    const known = requirePrincipal(principal);
    const { userExternalId } = input;
    return services.members.remove(known, { billingEntityId: parseEntityId(input.billingEntityId), userExternalId });
  }

  @Mutation(() => Membership, {
    description:
      'Accepts an invitation: the person who was invited belongs to the organization from now on. Again: the same answer. Without an invitation: NOT_FOUND. As OWNER of more organizations than one may own: CONFLICT.',
  })
  acceptInvitation(
    @Arg('billingEntityId', () => ID, { description: 'The organization.' }) billingEntityId: string,
    @Ctx() { principal, services }: RequestContext,
  ): Promise<DomainMembership> {
    const known = requirePrincipal(principal);
    return services.invitations.accept(known, parseEntityId(billingEntityId));
  }

  @Mutation(() => Boolean, {
    description:
      'Declines an invitation, by the person who was invited. Without one: NOT_FOUND; to who is a member: false.',
  })
  declineInvitation(
    @Arg('billingEntityId', () => ID, { description: 'The organization.' }) billingEntityId: string,
    @Ctx() { principal, services }: RequestContext,
  ): Promise<boolean> {
    const known = requirePrincipal(principal);
    return services.invitations.decline(known, parseEntityId(billingEntityId));
  }

  @FieldResolver(() => BillingEntity, { description: 'The organization.' })
  organization(@Root() { billingEntityId }: DomainMembership, @Ctx() context: RequestContext): Promise<Row> {
    // The membership may have ended since it was read; with it goes what it led to.
    return requireVisible(context, billingEntityId);
  }

  @FieldResolver(() => Party, {
    description:
      'The user. INVITED: what the inviter named, and no more: its name is the externalId, and its id is made up and leads nowhere.',
  })
  user(@Root() { userId, externalId }: DomainMembership, @Ctx() context: RequestContext): Promise<Party> | Party {
    if (externalId !== null) return { id: userId, type: 'USER', externalId, name: externalId };
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

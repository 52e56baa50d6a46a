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
  @FieldResolver(() => Party, {
    description: 'The organization. Nothing more of it exists for somebody who has not accepted.',
  })
  organization(@Root() { organizationId }: DomainInvitation, @Ctx() context: RequestContext): Promise<Party> {
    return partyOf(organizationId, context);
  }
}

@Resolver(() => Membership)
export class MembershipResolver {
  @Mutation(() => Membership, {
    description:
      'Invites somebody, or changes a member’s role, limit and status, or an invitation’s role and limit. OWNER, ADMIN and operators; members that an operator sets are ACTIVE at once. Only an OWNER or an operator makes or changes an OWNER. CONFLICT: no active OWNER would be left, or there are too many members or invitations. RATE_LIMITED: too many people invited in a day.',
  })
  setMember(
    @Arg('input', () => SetMemberInput, { description: 'The member, and their terms.' }) input: SetMemberInput,
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
      'Ends a membership, whose use stays in history, or withdraws an invitation. OWNER, ADMIN and operators; an OWNER’s membership only by an OWNER or an operator; anybody their own. False: there was none. CONFLICT: no active OWNER would be left.',
  })
  removeMember(
    @Arg('input', () => RemoveMemberInput, { description: 'The member.' }) input: RemoveMemberInput,
    @Ctx() { principal, services }: RequestContext,
  ): Promise<boolean> {
    const known = requirePrincipal(principal);
    const { userExternalId } = input;
    return services.members.remove(known, { billingEntityId: parseEntityId(input.billingEntityId), userExternalId });
  }

  @Mutation(() => Membership, {
    description:
      'Accepts an invitation, by the person who was invited. A second call has the same answer. NOT_FOUND: there is no invitation. CONFLICT: they would own more organizations than one person may.',
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
      'Declines an invitation, by the person who was invited. NOT_FOUND: there is none. False: they are a member already.',
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
    // The membership may have ended since it was read, and with it the right to see the organization.
    return requireVisible(context, billingEntityId);
  }

  @FieldResolver(() => Party, {
    description:
      'The user. While INVITED, only what the inviter named: its name is the externalId, and its id is made up and leads nowhere.',
  })
  user(@Root() { userId, externalId }: DomainMembership, @Ctx() context: RequestContext): Promise<Party> | Party {
    if (externalId !== null) return { id: userId, type: 'USER', externalId, name: externalId };
    return partyOf(userId, context);
  }

  @FieldResolver(() => CreditsScalar, {
    description: 'Credits of their use here in the current period, whether the pool paid or they did.',
  })
  async usedThisPeriod(
    @Root() { billingEntityId: organizationId, userId }: DomainMembership,
    @Ctx() { loaders }: RequestContext,
  ): Promise<bigint> {
    return (await loaders.memberUse.load({ organizationId, userId })).used;
  }

  @FieldResolver(() => CreditsScalar, {
    description: 'The part of them that was drawn from the pool, which creditLimit bounds.',
  })
  async drawnThisPeriod(
    @Root() { billingEntityId: organizationId, userId }: DomainMembership,
    @Ctx() { loaders }: RequestContext,
  ): Promise<bigint> {
    return (await loaders.memberUse.load({ organizationId, userId })).drawn;
  }
}

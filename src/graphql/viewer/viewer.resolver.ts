import { Ctx, Extensions, FieldResolver, Query, Resolver, Root } from 'type-graphql';
import type { ApiKey as DomainKey } from '../../api-keys/api-key.ts';
import { requirePrincipal } from '../../billing-entities/access.ts';
import type { BillingEntity as Row } from '../../billing-entities/billing-entity.entity.ts';
import type { Invitation as DomainInvitation } from '../../billing-entities/invitations.ts';
import type { Membership as DomainMembership } from '../../billing-entities/membership.entity.ts';
import type { Principal } from '../../billing-entities/principal.ts';
import { ApiKey } from '../api-keys/api-key.type.ts';
import { BillingEntity } from '../billing-entities/billing-entity.type.ts';
import { partyOf } from '../billing-entities/party.ts';
import { Party } from '../billing-entities/party.type.ts';
import { aListOf } from '../execution/price.ts';
import { Invitation, Membership } from '../organizations/membership.type.ts';
import type { RequestContext } from '../request/context.ts';
import { Viewer } from './viewer.type.ts';

@Resolver(() => Viewer)
export class ViewerResolver {
  @Query(() => Viewer, { description: 'The caller. UNAUTHENTICATED: anonymous.' })
  viewer(@Ctx() { principal }: RequestContext): Principal {
    return requirePrincipal(principal);
  }

  @FieldResolver(() => BillingEntity, {
    nullable: true,
    description: 'The caller’s own billing entity, for a person; null for services, operators and API keys.',
  })
  user(@Root() principal: Principal, @Ctx() { loaders }: RequestContext): Promise<Row | null> | null {
    return principal.kind === 'USER' ? loaders.entity.load(principal.billingEntityId) : null;
  }

  @FieldResolver(() => ApiKey, { nullable: true, description: 'API_KEY callers: the key itself.' })
  apiKey(@Root() principal: Principal, @Ctx() { loaders }: RequestContext): Promise<DomainKey | null> | null {
    if (principal.kind !== 'API_KEY') return null;
    return loaders.apiKey.load({ billingEntityId: principal.billingEntityId, id: principal.apiKeyId });
  }

  @FieldResolver(() => Party, {
    nullable: true,
    description: 'API_KEY callers: the billing entity that the key acts for.',
  })
  actsFor(@Root() principal: Principal, @Ctx() context: RequestContext): Promise<Party> | null {
    return principal.kind === 'API_KEY' ? partyOf(principal.billingEntityId, context) : null;
  }

  @Extensions({ price: aListOf(20) })
  @FieldResolver(() => [Membership], {
    description:
      'The organizations that the caller belongs to, with their roles; empty for services, operators and API keys, which belong to none.',
  })
  async memberships(
    @Root() principal: Principal,
    @Ctx() { loaders }: RequestContext,
  ): Promise<readonly DomainMembership[]> {
    return principal.kind === 'USER' ? loaders.reads.members.ofUser(principal.billingEntityId) : [];
  }

  @Extensions({ price: aListOf(100) })
  @FieldResolver(() => [Invitation], {
    description:
      'Invitations that the caller has not answered, at most a hundred. An organization joins memberships once it is accepted.',
  })
  invitations(@Root() principal: Principal, @Ctx() { loaders }: RequestContext): Promise<readonly DomainInvitation[]> {
    return loaders.reads.invitations.ofPrincipal(principal);
  }
}

import { Args, Ctx, Extensions, FieldResolver, Resolver, Root } from 'type-graphql';
import type { BillingEntity as Row } from '../../billing-entities/billing-entity.entity.ts';
import type { Membership as DomainMembership } from '../../billing-entities/membership.entity.ts';
import type { Page } from '../../kernel/pagination.ts';
import { BillingEntity } from '../billing-entities/billing-entity.type.ts';
import { aPageLookedThrough } from '../execution/price.ts';
import { nullUnless, onlyMember } from '../request/authorization.ts';
import type { RequestContext } from '../request/context.ts';
import { pageKeyOf, pageOf } from '../types/page.args.ts';
import { MembersArgs, MembershipConnection } from './membership.type.ts';

@Resolver(() => BillingEntity)
export class MembersOfEntityResolver {
  @Extensions({ price: aPageLookedThrough('search', 100) })
  @FieldResolver(() => MembershipConnection, {
    nullable: true,
    description:
      'Members with the use of each in this period, in a stable order. A plain member sees only themselves. null: a user’s account, or the caller may not read it.',
  })
  async members(
    @Root() entity: Row,
    @Args(() => MembersArgs) args: MembersArgs,
    @Ctx() context: RequestContext,
  ): Promise<Page<DomainMembership> | null> {
    if (entity.type !== 'ORGANIZATION') return null;
    return nullUnless(context, { entity, operation: 'members.read' }, async () => {
      const only = { onlyUserId: await onlyMember(context, entity, 'members.readAll') };
      const { search = null } = args;
      if (search === null) return context.loaders.pages.members.load(pageKeyOf(entity, args, only));
      return context.loaders.reads.members.list(entity.billingEntityId, pageOf(args), { search, ...only });
    });
  }
}

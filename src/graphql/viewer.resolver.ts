import { Ctx, FieldResolver, Query, Resolver, Root } from 'type-graphql';
import { requirePrincipal } from '../billing-entities/access.ts';
import type { BillingEntity as Row } from '../billing-entities/billing-entity.entity.ts';
import type { Principal } from '../billing-entities/principal.ts';
import { BillingEntity } from './billing-entity.type.ts';
import type { RequestContext } from './context.ts';
import { Viewer } from './viewer.type.ts';

@Resolver(() => Viewer)
export class ViewerResolver {
  @Query(() => Viewer, { description: 'Who is asking. Anonymous: UNAUTHENTICATED.' })
  viewer(@Ctx() { principal }: RequestContext): Principal {
    return requirePrincipal(principal);
  }

  @FieldResolver(() => BillingEntity, {
    nullable: true,
    description: 'The caller’s own billing entity; null for services and operators.',
  })
  user(@Root() principal: Principal, @Ctx() { loaders }: RequestContext): Promise<Row | null> | null {
    return principal.kind === 'USER' ? loaders.entity.load(principal.billingEntityId) : null;
  }
}

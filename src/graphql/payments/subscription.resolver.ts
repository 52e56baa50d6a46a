import { Arg, Ctx, Extensions, FieldResolver, ID, Mutation, Query, Resolver, Root } from 'type-graphql';
import { requirePrincipal } from '../../billing-entities/access.ts';
import type { BillingEntity as Row } from '../../billing-entities/billing-entity.entity.ts';
import type { OveragePolicy as Policy } from '../../ledger/rules/account.ts';
import type { PlanTerms } from '../../plans/plans.ts';
import type { PlanState, Subscription } from '../../subscriptions/plan-state.ts';
import { BillingEntity } from '../billing-entities/billing-entity.type.ts';
import { plainValues } from '../execution/price.ts';
import { Plan } from '../plans/plan.type.ts';
import { nullUnless, requireAllowed, requireVisible } from '../request/authorization.ts';
import type { RequestContext } from '../request/context.ts';
import { BillingSubscription, OveragePolicy, SetOveragePolicyInput } from './subscription.type.ts';

/** Plans and subscriptions of billing entities. */
@Resolver(() => BillingEntity)
export class SubscriptionResolver {
  @Query(() => Boolean, { description: 'Whether the entity’s plan grants this feature now.' })
  async hasFeature(
    @Arg('billingEntityId', () => ID, { description: 'Whose plan.' }) id: string,
    @Arg('feature', () => String, { description: 'The feature, such as basic_chatflows.' }) feature: string,
    @Ctx() context: RequestContext,
  ): Promise<boolean> {
    const entity = await requireVisible(context, id);
    return (await planStateOf(context, entity)).features.includes(feature);
  }

  @Mutation(() => OveragePolicy, {
    description:
      'Says whether use may go on as overage, and how far. On a plan that allows none it is kept and counts for nothing. Who looks after the entity’s money, and operators.',
  })
  async setOveragePolicy(
    @Arg('input', () => SetOveragePolicyInput, { description: 'Whose policy, and what it is.' })
    { billingEntityId: id, enabled, cap = null }: SetOveragePolicyInput,
    @Ctx() context: RequestContext,
  ): Promise<Policy> {
    const principal = requirePrincipal(context.principal);
    const { billingEntityId } = await requireAllowed(context, id, 'overage.set');
    return context.services.subscriptions.setOveragePolicy(principal, { billingEntityId, enabled, cap });
  }

  @FieldResolver(() => Plan, { description: 'Its plan.' })
  async plan(@Root() entity: Row, @Ctx() context: RequestContext): Promise<PlanTerms> {
    return (await planStateOf(context, entity)).plan;
  }

  @Extensions({ price: plainValues })
  @FieldResolver(() => [String], { description: 'Features the plan grants now, such as basic_chatflows.' })
  async features(@Root() entity: Row, @Ctx() context: RequestContext): Promise<readonly string[]> {
    return (await planStateOf(context, entity)).features;
  }

  @FieldResolver(() => BillingSubscription, {
    nullable: true,
    description: 'Its subscription. null: it has none, or the caller may not read it.',
  })
  subscription(@Root() entity: Row, @Ctx() context: RequestContext): Promise<Subscription | null> {
    return nullUnless(context, { entity, operation: 'subscription.read' }, async () => {
      return (await planStateOf(context, entity)).subscription;
    });
  }

  @FieldResolver(() => OveragePolicy, {
    nullable: true,
    description: 'Whether use may go on as overage. null: the caller may not read it.',
  })
  overagePolicy(@Root() entity: Row, @Ctx() context: RequestContext): Promise<Policy | null> {
    return nullUnless(context, { entity, operation: 'subscription.read' }, async () => {
      return (await planStateOf(context, entity)).overagePolicy;
    });
  }
}

async function planStateOf({ loaders }: RequestContext, { billingEntityId }: Row): Promise<PlanState> {
  const state = await loaders.planState.load(billingEntityId);
  if (state === null) throw new Error(`billing entity ${billingEntityId} has no account`);
  return state;
}

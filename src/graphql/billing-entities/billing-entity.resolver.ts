import { Arg, Args, Ctx, Extensions, FieldResolver, ID, Mutation, Query, Resolver, Root } from 'type-graphql';
import { actorOf, requireOperator, requirePrincipal } from '../../billing-entities/access.ts';
import { permissionsOf } from '../../billing-entities/authorization.ts';
import type { BillingEntity as Row } from '../../billing-entities/billing-entity.entity.ts';
import type { Page } from '../../kernel/pagination.ts';
import { aPageLookedThrough, plainValues } from '../execution/price.ts';
import { nullIfNotFound, nullUnless, relationTo, requireAllowed, requireVisible } from '../request/authorization.ts';
import type { RequestContext } from '../request/context.ts';
import { connectionOf } from '../types/connection.type.ts';
import { BillingEntityTypeEnum } from '../types/enums.ts';
import { pageOf } from '../types/page.args.ts';
import { BillingEntitiesArgs, BillingEntityInput } from './billing-entity.inputs.ts';
import { BillingEntity } from './billing-entity.type.ts';

const BillingEntityConnection = connectionOf('BillingEntity', () => BillingEntity, 'billing entities, newest first');

@Resolver(() => BillingEntity)
export class BillingEntityResolver {
  @Query(() => BillingEntity, {
    nullable: true,
    description: 'The billing entity with this id; null when there is none for the caller.',
  })
  billingEntity(
    @Arg('id', () => ID, { description: 'Its id.' }) id: string,
    @Ctx() context: RequestContext,
  ): Promise<Row | null> {
    return nullIfNotFound(requireVisible(context, id));
  }

  @Query(() => BillingEntity, {
    nullable: true,
    description: 'The billing entity with this id of the identity provider; null when there is none for the caller.',
  })
  async billingEntityByExternalId(
    @Arg('type', () => BillingEntityTypeEnum, { description: 'A user or an organization.' }) type:
      | 'USER'
      | 'ORGANIZATION',
    @Arg('externalId', () => String, { description: 'A user’s `sub`, or an organization’s id there.' })
    externalId: string,
    @Ctx() context: RequestContext,
  ): Promise<Row | null> {
    requirePrincipal(context.principal);
    const entity = await context.loaders.reads.entities.byExternalId(type, externalId);
    return entity && nullUnless(context, { entity, operation: 'entity.read' }, () => entity);
  }

  @Extensions({ price: aPageLookedThrough('search', 100) })
  @Query(() => BillingEntityConnection, { description: 'Every billing entity, newest first. Operators only.' })
  billingEntities(
    @Args(() => BillingEntitiesArgs) args: BillingEntitiesArgs,
    @Ctx() { principal, loaders }: RequestContext,
  ): Promise<Page<Row>> {
    requireOperator(principal);
    return loaders.reads.entities.list(pageOf(args), { search: args.search ?? null, type: args.type ?? null });
  }

  @Mutation(() => BillingEntity, {
    description:
      'Refuses all new use of the entity from the answer on. Operators only. A second call leaves the first suspension as it is.',
  })
  async suspendBillingEntity(
    @Arg('input', () => BillingEntityInput, { description: 'The entity.' }) { billingEntityId }: BillingEntityInput,
    @Arg('reason', () => String, { description: 'The reason: 1 to 1000 characters.' }) reason: string,
    @Ctx() context: RequestContext,
  ): Promise<Row> {
    const actor = actorOf(requirePrincipal(context.principal));
    const entity = await requireAllowed(context, billingEntityId, 'entity.suspend');
    return context.services.entities.suspend({ billingEntityId: entity.billingEntityId, actor, reason });
  }

  @Mutation(() => BillingEntity, { description: 'Lifts a suspension. Operators only. Without one, nothing changes.' })
  async reinstateBillingEntity(
    @Arg('input', () => BillingEntityInput, { description: 'The entity.' }) { billingEntityId }: BillingEntityInput,
    @Arg('reason', () => String, {
      nullable: true,
      description: 'The reason, for the audit log: 1 to 1000 characters. Absent or null: none.',
    })
    reason: string | null | undefined,
    @Ctx() context: RequestContext,
  ): Promise<Row> {
    const actor = actorOf(requirePrincipal(context.principal));
    const entity = await requireAllowed(context, billingEntityId, 'entity.suspend');
    const { billingEntityId: id } = entity;
    return context.services.entities.reinstate({ billingEntityId: id, actor, reason: reason ?? null });
  }

  @Extensions({ price: plainValues })
  @FieldResolver(() => [String], {
    description:
      'The operations that the caller may do here, such as credits.consume. A page can show a control disabled with its reason.',
  })
  async viewerPermissions(@Root() entity: Row, @Ctx() context: RequestContext): Promise<string[]> {
    return permissionsOf(await relationTo(context, entity));
  }
}

import { Arg, Args, Ctx, Extensions, FieldResolver, ID, Mutation, Query, Resolver, Root } from 'type-graphql';
import { actorOf, requireOperator, requirePrincipal } from '../../billing-entities/access.ts';
import { permissionsOf } from '../../billing-entities/authorization.ts';
import type { BillingEntity as Row } from '../../billing-entities/billing-entity.entity.ts';
import type { Balance } from '../../ledger/rules/balance.ts';
import type { Grant } from '../../ledger/rules/grants.ts';
import type { Reservation } from '../../ledger/rules/reservations.ts';
import type { Page } from '../../kernel/pagination.ts';
import type { BalanceForecast as Forecast } from '../../usage/forecast.ts';
import {
  nullIfNotFound,
  nullUnless,
  onlyUserId,
  relationTo,
  requireAllowed,
  requireVisible,
} from '../authorization.ts';
import { CreditBalance } from '../credits/balance.type.ts';
import {
  BillingEntitiesArgs,
  BillingEntityInput,
  GrantsArgs,
  LedgerArgs,
  ReservationsArgs,
  toLedgerFilter,
  toSummaryRequest,
  toUsageFilter,
  UsageArgs,
  UsageSummaryArgs,
} from './billing-entity.inputs.ts';
import { BillingEntity, type Party } from './billing-entity.type.ts';
import { connectionOf } from '../connection.type.ts';
import { keysOfUse } from '../api-keys/api-key.access.ts';
import type { RequestContext } from '../context.ts';
import { BillingEntityTypeEnum } from '../enums.ts';
import { CreditGrantConnection } from '../credits/grant.type.ts';
import { LedgerEntryConnection } from '../credits/ledger-entry.type.ts';
import { pageOf, wanted } from '../page.args.ts';
import { partiesOf } from '../party.ts';
import { ReservationConnection } from '../usage/reservation.type.ts';
import { UsageRecord, UsageRecordConnection } from '../usage/usage-record.type.ts';
import { BalanceForecast, UsageBucket } from '../usage/usage-summary.type.ts';
import { aPageLookedThrough, aSummary, plainValues, withWork } from '../execution/price.ts';
import type { UsageRecord as DomainRecord, Entry } from '../../ledger/rules/entries.ts';

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
    description: 'The billing entity that the identity provider calls so; null when there is none for the caller.',
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
      'Refuses all new use of the entity from the answer on. Operators only. Again: the first suspension stands.',
  })
  async suspendBillingEntity(
    @Arg('input', () => BillingEntityInput, { description: 'Which entity.' }) { billingEntityId }: BillingEntityInput,
    @Arg('reason', () => String, { description: 'Why: 1 to 1000 characters.' }) reason: string,
    @Ctx() context: RequestContext,
  ): Promise<Row> {
    const actor = actorOf(requirePrincipal(context.principal));
    const entity = await requireAllowed(context, billingEntityId, 'entity.suspend');
    return context.services.entities.suspend({ billingEntityId: entity.billingEntityId, actor, reason });
  }

  @Mutation(() => BillingEntity, { description: 'Lifts a suspension. Operators only. Without one, nothing changes.' })
  async reinstateBillingEntity(
    @Arg('input', () => BillingEntityInput, { description: 'Which entity.' }) { billingEntityId }: BillingEntityInput,
    @Ctx() context: RequestContext,
  ): Promise<Row> {
    const actor = actorOf(requirePrincipal(context.principal));
    const entity = await requireAllowed(context, billingEntityId, 'entity.suspend');
    return context.services.entities.reinstate({ billingEntityId: entity.billingEntityId, actor });
  }

  @FieldResolver(() => CreditBalance, { description: 'Its credits now.' })
  async credits(@Root() entity: Row, @Ctx() { loaders }: RequestContext): Promise<Balance> {
    const balance = await loaders.balance.load(entity.billingEntityId);
    if (balance === null) throw new Error(`billing entity ${entity.billingEntityId} has no account`);
    return balance;
  }

  @Extensions({ price: plainValues })
  @FieldResolver(() => [String], {
    description:
      'What the caller may do here, such as credits.consume: for showing a control disabled with its reason.',
  })
  async viewerPermissions(@Root() entity: Row, @Ctx() context: RequestContext): Promise<string[]> {
    return permissionsOf(await relationTo(context, entity));
  }

  @Extensions({ price: withWork(5) })
  @FieldResolver(() => BalanceForecast, {
    nullable: true,
    description: 'How long its credits will last. null: the caller may not read it.',
  })
  forecast(@Root() entity: Row, @Ctx() context: RequestContext): Promise<Forecast | null> {
    return nullUnless(context, { entity, operation: 'forecast.read' }, () =>
      context.loaders.reads.forecasts.forecast(entity.billingEntityId),
    );
  }

  @FieldResolver(() => CreditGrantConnection, {
    nullable: true,
    description: 'In the order in which they are drawn. null: the caller may not read it.',
  })
  grants(
    @Root() entity: Row,
    @Args(() => GrantsArgs) args: GrantsArgs,
    @Ctx() context: RequestContext,
  ): Promise<Page<Grant> | null> {
    return nullUnless(context, { entity, operation: 'grants.read' }, () =>
      context.loaders.pages.grants.load(wanted(entity, args, { activeOnly: args.activeOnly })),
    );
  }

  @FieldResolver(() => LedgerEntryConnection, {
    nullable: true,
    description: 'Every change of the balance, newest first. null: the caller may not read it.',
  })
  ledger(
    @Root() entity: Row,
    @Args(() => LedgerArgs) args: LedgerArgs,
    @Ctx() context: RequestContext,
  ): Promise<Page<Entry> | null> {
    return nullUnless(context, { entity, operation: 'ledger.read' }, () =>
      context.loaders.pages.ledger.load(wanted(entity, args, toLedgerFilter(args.filter))),
    );
  }

  @FieldResolver(() => ReservationConnection, {
    nullable: true,
    description:
      'Reservations, newest first: so that a platform that crashed finds its own. null: the caller may not read it.',
  })
  reservations(
    @Root() entity: Row,
    @Args(() => ReservationsArgs) args: ReservationsArgs,
    @Ctx() context: RequestContext,
  ): Promise<Page<Reservation> | null> {
    return nullUnless(context, { entity, operation: 'reservations.read' }, () =>
      context.loaders.pages.reservations.load(wanted(entity, args, args.statuses)),
    );
  }

  @FieldResolver(() => UsageRecordConnection, {
    description: 'What was used, by occurredAt, newest first. A plain member sees their own.',
  })
  async usage(
    @Root() entity: Row,
    @Args(() => UsageArgs) args: UsageArgs,
    @Ctx() context: RequestContext,
  ): Promise<Page<DomainRecord>> {
    const only = { onlyUserId: await onlyUserId(context, entity, 'usage.readAll') };
    return context.loaders.reads.usage.records(entity, pageOf(args), {
      ...toUsageFilter(args.filter),
      ...only,
    });
  }

  @Extensions({ price: aSummary })
  @FieldResolver(() => [UsageBucket], {
    description:
      'What was used from `from` (inclusive) to `to` (exclusive), summed up: buckets that have use, by start. A plain member sees their own. More than 10 000: BAD_USER_INPUT.',
  })
  async usageSummary(
    @Root() entity: Row,
    @Args(() => UsageSummaryArgs) args: UsageSummaryArgs,
    @Ctx() context: RequestContext,
  ): Promise<UsageBucket[]> {
    const request = toSummaryRequest(args);
    const buckets = await context.loaders.reads.summaries.summarize(entity, {
      ...request,
      filter: { ...request.filter, onlyUserId: await onlyUserId(context, entity, 'usage.readAll') },
    });
    // Thousands of buckets are of a few people: each is found once, and no bucket waits for theirs.
    const parties = await partiesOf(
      buckets.map(({ userId }) => userId),
      context,
    );
    const keys = await keysOfUse(
      buckets.map(({ apiKey }) => apiKey),
      context,
    );
    return buckets.map((bucket) => ({
      ...bucket,
      apiKey: (bucket.apiKey && keys.get(bucket.apiKey.id)) ?? null,
      user: bucket.userId === null ? null : (parties.get(bucket.userId) as Party),
    }));
  }

  @FieldResolver(() => UsageRecord, {
    nullable: true,
    description: 'One of its usage records; null when there is none of this id.',
  })
  async usageRecord(
    @Root() entity: Row,
    @Arg('id', () => ID, { description: 'The record’s id.' }) id: string,
    @Ctx() context: RequestContext,
  ): Promise<DomainRecord | null> {
    const record = await nullIfNotFound(context.loaders.reads.usage.record(id));
    const { billingEntityId } = entity;
    // Its own, or what was used in it at the user's own expense.
    if (record?.billingEntityId !== billingEntityId && record?.organizationId !== billingEntityId) return null;
    const only = await onlyUserId(context, entity, 'usage.readAll');
    return only === null || record.userId === only ? record : null;
  }
}

import { Arg, Args, Ctx, Extensions, FieldResolver, ID, Resolver, Root } from 'type-graphql';
import type { BillingEntity as Row } from '../../billing-entities/billing-entity.entity.ts';
import type { Page } from '../../kernel/pagination.ts';
import type { UsageRecord as DomainRecord } from '../../ledger/rules/entries.ts';
import type { Reservation } from '../../ledger/rules/reservations.ts';
import type { BalanceForecast as Forecast } from '../../usage/forecast.ts';
import { keysOfUse } from '../api-keys/api-key.access.ts';
import { BillingEntity } from '../billing-entities/billing-entity.type.ts';
import { partiesOf } from '../billing-entities/party.ts';
import type { Party } from '../billing-entities/party.type.ts';
import { aSummary, withWork } from '../execution/price.ts';
import { nullIfNotFound, nullUnless, readableUse } from '../request/authorization.ts';
import type { RequestContext } from '../request/context.ts';
import { pageKeyOf, pageOf } from '../types/page.args.ts';
import { ReservationConnection, ReservationsArgs } from './reservation.type.ts';
import { toSummaryRequest, toUsageFilter, UsageArgs, UsageSummaryArgs } from './usage-filter.inputs.ts';
import { isReadableRecord } from './usage-record.access.ts';
import { UsageRecord, UsageRecordConnection } from './usage-record.type.ts';
import { BalanceForecast, UsageBucket } from './usage-summary.type.ts';

@Resolver(() => BillingEntity)
export class UsageOfEntityResolver {
  @FieldResolver(() => UsageRecordConnection, {
    description:
      'Its usage records, by occurredAt, newest first. A plain member sees their own, an API key what ran on it.',
  })
  async usage(
    @Root() entity: Row,
    @Args(() => UsageArgs) args: UsageArgs,
    @Ctx() context: RequestContext,
  ): Promise<Page<DomainRecord>> {
    const own = await readableUse(context, entity);
    return context.loaders.reads.usage.records(entity, pageOf(args), { ...toUsageFilter(args.filter), own });
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
    return record !== null && (await isReadableRecord(context, entity, record)) ? record : null;
  }

  @FieldResolver(() => ReservationConnection, {
    nullable: true,
    description:
      'Reservations, newest first. A platform that crashed finds its own here. null: the caller may not read it.',
  })
  reservations(
    @Root() entity: Row,
    @Args(() => ReservationsArgs) args: ReservationsArgs,
    @Ctx() context: RequestContext,
  ): Promise<Page<Reservation> | null> {
    return nullUnless(context, { entity, operation: 'reservations.read' }, () =>
      context.loaders.pages.reservations.load(pageKeyOf(entity, args, args.statuses)),
    );
  }

  @Extensions({ price: aSummary })
  @FieldResolver(() => [UsageBucket], {
    description:
      'Its use from `from` (inclusive) to `to` (exclusive), summed up: the buckets with use, by start. A plain member sees their own, an API key what ran on it. BAD_USER_INPUT: more than 10 000 buckets.',
  })
  async usageSummary(
    @Root() entity: Row,
    @Args(() => UsageSummaryArgs) args: UsageSummaryArgs,
    @Ctx() context: RequestContext,
  ): Promise<UsageBucket[]> {
    const request = toSummaryRequest(args);
    const buckets = await context.loaders.reads.summaries.summarize(entity, {
      ...request,
      filter: { ...request.filter, own: await readableUse(context, entity) },
    });
    // Thousands of buckets name a few people and organizations: each of them is loaded once, and no bucket waits for its own.
    const parties = await partiesOf(
      buckets.flatMap(({ userId, organizationId }) => [userId, organizationId]),
      context,
    );
    const keys = await keysOfUse(
      buckets.map(({ apiKey }) => apiKey),
      context,
    );
    return buckets.map((bucket) => ({
      ...bucket,
      apiKey: (bucket.apiKey && keys.get(bucket.apiKey.id)) ?? null,
      user: partyIn(parties, bucket.userId),
      organization: partyIn(parties, bucket.organizationId),
    }));
  }

  @Extensions({ price: withWork(5) })
  @FieldResolver(() => BalanceForecast, {
    nullable: true,
    description: 'A forecast of when its credits run out. null: the caller may not read it.',
  })
  forecast(@Root() entity: Row, @Ctx() context: RequestContext): Promise<Forecast | null> {
    return nullUnless(context, { entity, operation: 'forecast.read' }, () =>
      context.loaders.reads.forecasts.forecast(entity.billingEntityId),
    );
  }
}

function partyIn(parties: ReadonlyMap<string, Party>, id: string | null): Party | null {
  return id === null ? null : (parties.get(id) ?? null);
}

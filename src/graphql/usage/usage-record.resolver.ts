import { Arg, Ctx, Extensions, FieldResolver, ID, Resolver, Root, Subscription } from 'type-graphql';
import type { ApiKey as DomainKey } from '../../api-keys/api-key.ts';
import type { UsageRecord as DomainRecord, Entry } from '../../ledger/rules/entries.ts';
import type { Grant } from '../../ledger/rules/grants.ts';
import type { RecordRefund } from '../../usage/usage-history.ts';
import type { UsageEvent } from '../../usage/usage-hub.ts';
import { keyOfUse } from '../api-keys/api-key.access.ts';
import { ApiKey } from '../api-keys/api-key.type.ts';
import { partyOf } from '../billing-entities/party.ts';
import { Party } from '../billing-entities/party.type.ts';
import { CreditGrant } from '../credits/grant.type.ts';
import { LedgerEntry } from '../credits/ledger-entry.type.ts';
import { aListOf } from '../execution/price.ts';
import { CreditRate, toCreditRate } from '../plans/plan.type.ts';
import { mayOf, requireWatchable } from '../request/authorization.ts';
import type { RequestContext } from '../request/context.ts';
import { CreditsScalar, DateTimeScalar } from '../types/scalars.ts';
import { CreditDraw, UsageRecord, UsageRecordedEvent } from './usage-record.type.ts';

@Resolver(() => UsageRecord)
export class UsageRecordResolver {
  @Subscription(() => UsageRecordedEvent, {
    description:
      'Use as it is recorded: at most ten events a second, with only the records that the subscriber may read. Whoever comes back passes the cursor of the last event, and is told what was missed.',
    async subscribe(request) {
      const rights = { needs: 'usage.read', widenedBy: 'usage.readAll' } as const;
      const { entity, context, own } = await requireWatchable(request, rights);
      const { after, atOnce } = request.args as { after?: string | null; atOnce: boolean };
      const { billingEntityId, type } = entity;
      return context.services.usage.watch({ billingEntityId, type, own }, { after: after ?? null, atOnce });
    },
  })
  usageRecorded(
    @Root() event: UsageEvent,
    @Arg('billingEntityId', () => ID, { description: 'The billing entity to watch.' }) _billingEntityId: string,
    @Arg('after', () => String, {
      nullable: true,
      description:
        'The cursor of the last event that the subscriber has: the first event then comes at once, if anything was missed. Absent or null: begins with what is recorded from now on. BAD_USER_INPUT: no cursor of live use of this entity.',
    })
    _after: string | null,
    @Arg('atOnce', () => Boolean, {
      defaultValue: false,
      description: 'true: the first event comes at once in any case, if only for its cursor.',
    })
    _atOnce: boolean,
  ): UsageEvent {
    return event;
  }

  @FieldResolver(() => Party, { description: 'The payer.' })
  billingEntity(@Root() record: DomainRecord, @Ctx() context: RequestContext): Promise<Party> {
    return partyOf(record.billingEntityId, context);
  }

  @FieldResolver(() => Party, { nullable: true, description: 'The user, if a person used it.' })
  user(@Root() record: DomainRecord, @Ctx() context: RequestContext): Promise<Party> | null {
    return record.userId === null ? null : partyOf(record.userId, context);
  }

  @FieldResolver(() => Party, { nullable: true, description: 'The organization that it was used in, if any.' })
  organization(@Root() record: DomainRecord, @Ctx() context: RequestContext): Promise<Party> | null {
    return record.organizationId === null ? null : partyOf(record.organizationId, context);
  }

  @FieldResolver(() => ApiKey, {
    nullable: true,
    description: 'The key that it ran on. null: none, or one that the caller may not read.',
  })
  apiKey(@Root() record: DomainRecord, @Ctx() context: RequestContext): Promise<DomainKey | null> {
    return keyOfUse(record.apiKey, context);
  }

  @FieldResolver(() => CreditRate, { description: 'The rate at that time.' })
  rate(@Root() record: DomainRecord): CreditRate {
    return toCreditRate(record.rate);
  }

  @Extensions({ price: aListOf(3) })
  @FieldResolver(() => [CreditDraw], {
    description:
      'The grants that were drawn. Empty for overage, for exempt lines, and for a caller who may not read the payer’s grants.',
  })
  async draws(@Root() record: DomainRecord, @Ctx() context: RequestContext): Promise<CreditDraw[]> {
    const { draws, billingEntityId } = record;
    if (draws.length === 0 || !(await mayOf(context, record, 'draws.read'))) return [];
    return draws.map((draw) => ({ ...draw, billingEntityId }));
  }

  @FieldResolver(() => CreditsScalar, { description: 'The part of the credits that was refunded, in all its parts.' })
  async refundedCredits(@Root() record: RecordThen, @Ctx() context: RequestContext): Promise<bigint> {
    return (await refundOf(record, context))?.credits ?? 0n;
  }

  @FieldResolver(() => DateTimeScalar, {
    nullable: true,
    description: 'When the last part of it was refunded; null: none was.',
  })
  async refundedAt(@Root() record: RecordThen, @Ctx() context: RequestContext): Promise<Date | null> {
    return (await refundOf(record, context))?.refundedAt ?? null;
  }

  @FieldResolver(() => LedgerEntry, {
    nullable: true,
    description: 'The entry that charged it. null: the caller may not read it.',
  })
  async ledgerEntry(@Root() record: DomainRecord, @Ctx() context: RequestContext): Promise<Entry | null> {
    return (await mayOf(context, record, 'ledger.read')) ? context.loaders.entry.load(record) : null;
  }
}

/** A record as a replay tells it to a caller who does not see the payer: with nothing that is newer than the first answer. */
type RecordThen = DomainRecord & { readonly refundedAt?: null };

async function refundOf(record: RecordThen, { loaders }: RequestContext): Promise<RecordRefund | null> {
  return record.refundedAt === null ? null : loaders.refund.load(record);
}

@Resolver(() => CreditDraw)
export class CreditDrawResolver {
  @FieldResolver(() => CreditGrant, { description: 'The grant that was drawn.' })
  async grant(@Root() { billingEntityId, grantId }: CreditDraw, @Ctx() { loaders }: RequestContext): Promise<Grant> {
    const grant = await loaders.grant.load({ billingEntityId, id: grantId });
    if (grant === null) throw new Error(`grant ${grantId} of ${billingEntityId} is missing`);
    return grant;
  }
}

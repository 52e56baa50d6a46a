import { Args, Ctx, FieldResolver, Resolver, Root } from 'type-graphql';
import type { BillingEntity as Row } from '../../billing-entities/billing-entity.entity.ts';
import type { Page } from '../../kernel/pagination.ts';
import type { Balance } from '../../ledger/rules/balance.ts';
import type { Entry } from '../../ledger/rules/entries.ts';
import type { Grant } from '../../ledger/rules/grants.ts';
import { BillingEntity } from '../billing-entities/billing-entity.type.ts';
import { nullUnless } from '../request/authorization.ts';
import type { RequestContext } from '../request/context.ts';
import { pageKeyOf } from '../types/page.args.ts';
import { CreditBalance } from './balance.type.ts';
import { CreditGrantConnection, GrantsArgs } from './grant.type.ts';
import { LedgerArgs, toLedgerFilter } from './ledger-entry.inputs.ts';
import { LedgerEntryConnection } from './ledger-entry.type.ts';

@Resolver(() => BillingEntity)
export class CreditsOfEntityResolver {
  @FieldResolver(() => CreditBalance, { description: 'Its credits now.' })
  async credits(@Root() entity: Row, @Ctx() { loaders }: RequestContext): Promise<Balance> {
    const balance = await loaders.balance.load(entity.billingEntityId);
    if (balance === null) throw new Error(`billing entity ${entity.billingEntityId} has no account`);
    return balance;
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
      context.loaders.pages.grants.load(pageKeyOf(entity, args, { activeOnly: args.activeOnly })),
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
      context.loaders.pages.ledger.load(pageKeyOf(entity, args, toLedgerFilter(args.filter))),
    );
  }
}

import { Arg, Ctx, Extensions, FieldResolver, ID, Query, Resolver, Root } from 'type-graphql';
import type { Verification } from '../../ledger/proof/findings.ts';
import type { Entry } from '../../ledger/rules/entries.ts';
import type { Grant } from '../../ledger/rules/grants.ts';
import { partyOf } from '../billing-entities/party.ts';
import { Party } from '../billing-entities/party.type.ts';
import { aShare } from '../execution/price.ts';
import { mayOf, requireAllowed } from '../request/authorization.ts';
import type { RequestContext } from '../request/context.ts';
import { CreditGrant } from './grant.type.ts';
import { LedgerEntry, LedgerVerification } from './ledger-entry.type.ts';

@Resolver(() => LedgerEntry)
export class LedgerEntryResolver {
  @Extensions({ price: aShare(1 / 4) })
  @Query(() => LedgerVerification, {
    description:
      'Recomputes the account from the ledger and compares. Operators, and callers who may read the whole entity. One runs at a time per entity; a second caller shares it.',
  })
  async verifyLedger(
    @Arg('billingEntityId', () => ID, { description: 'The billing entity to verify.' }) billingEntityId: string,
    @Ctx() context: RequestContext,
  ): Promise<Verification> {
    const entity = await requireAllowed(context, billingEntityId, 'ledger.verify');
    return context.loaders.reads.verification.verify(entity.billingEntityId);
  }

  @FieldResolver(() => Party, {
    nullable: true,
    description: 'The other account of TRANSFER_IN and TRANSFER_OUT.',
  })
  counterparty(@Root() { counterpartyId }: Entry, @Ctx() context: RequestContext): Promise<Party> | null {
    return counterpartyId === null ? null : partyOf(counterpartyId, context);
  }

  @FieldResolver(() => CreditGrant, {
    nullable: true,
    description: 'The grant that it made, moved or ended; null where several or none were.',
  })
  async grant(@Root() entry: Entry, @Ctx() context: RequestContext): Promise<Grant | null> {
    const { billingEntityId, grantId: id } = entry;
    if (id === null || !(await mayOf(context, entry, 'grants.read'))) return null;
    return context.loaders.grant.load({ billingEntityId, id });
  }
}

import { Arg, Ctx, FieldResolver, ID, Query, Resolver, Root } from 'type-graphql';
import { readsAll, requirePrincipal } from '../billing-entities/access.ts';
import type { UsageRecord as DomainRecord } from '../credits/account.ts';
import type { Grant } from '../credits/grants.ts';
import type { ReadEntry } from '../credits/history.ts';
import type { Verification } from '../credits/verifier.ts';
import { Refusal } from '../refusal.ts';
import { requireVisible } from './authorization.ts';
import type { RequestContext } from './context.ts';
import { CreditGrant } from './grant.type.ts';
import { LedgerEntry, LedgerVerification } from './ledger-entry.type.ts';
import { UsageRecord } from './usage-record.type.ts';

@Resolver(() => LedgerEntry)
export class LedgerEntryResolver {
  @Query(() => LedgerVerification, {
    description:
      'Recomputes the account from the ledger and compares. Operators, and who may read the whole entity. One at a time per entity: a second caller shares the running one.',
  })
  async verifyLedger(
    @Arg('billingEntityId', () => ID, { description: 'Whose ledger.' }) billingEntityId: string,
    @Ctx() context: RequestContext,
  ): Promise<Verification> {
    const principal = requirePrincipal(context.principal);
    const entity = await requireVisible(context, principal, billingEntityId);
    if (!readsAll(principal, entity)) throw new Refusal('FORBIDDEN', 'this is for who may read the whole entity');
    return context.services.verification.verify(entity.billingEntityId);
  }

  @FieldResolver(() => [UsageRecord], { description: 'The use that it charged; empty for other kinds.' })
  usageRecords(@Root() entry: ReadEntry, @Ctx() { loaders }: RequestContext): Promise<DomainRecord[]> | DomainRecord[] {
    return entry.kind === 'CONSUMPTION' ? loaders.recordsOfEntry.load(entry) : [];
  }

  @FieldResolver(() => CreditGrant, {
    nullable: true,
    description: 'The grant that it made, moved or ended; null where several or none were.',
  })
  grant(@Root() entry: ReadEntry, @Ctx() { loaders }: RequestContext): Promise<Grant | null> | null {
    return entry.grantId === null
      ? null
      : loaders.grant.load({ billingEntityId: entry.billingEntityId, id: entry.grantId });
  }
}

import { Arg, Ctx, Extensions, FieldResolver, ID, Query, Resolver, Root } from 'type-graphql';
import type { Grant } from '../../ledger/rules/grants.ts';
import type { Reservation as DomainReservation } from '../../ledger/rules/reservations.ts';
import type { Verification } from '../../ledger/proof/replay.ts';
import { mayOf, requireAllowed } from '../authorization.ts';
import { Party } from '../billing-entities/billing-entity.type.ts';
import type { RequestContext } from '../context.ts';
import { CreditGrant } from './grant.type.ts';
import { LedgerEntry, LedgerVerification } from './ledger-entry.type.ts';
import { partyOf } from '../party.ts';
import { Reservation } from '../usage/reservation.type.ts';
import { UsageRecord } from '../usage/usage-record.type.ts';
import { aListOf, aShare } from '../execution/price.ts';
import type { UsageRecord as DomainRecord, Entry } from '../../ledger/rules/entries.ts';

@Resolver(() => LedgerEntry)
export class LedgerEntryResolver {
  @Extensions({ price: aShare(1 / 4) })
  @Query(() => LedgerVerification, {
    description:
      'Recomputes the account from the ledger and compares. Operators, and who may read the whole entity. One at a time per entity: a second caller shares the running one.',
  })
  async verifyLedger(
    @Arg('billingEntityId', () => ID, { description: 'Whose ledger.' }) billingEntityId: string,
    @Ctx() context: RequestContext,
  ): Promise<Verification> {
    const entity = await requireAllowed(context, billingEntityId, 'ledger.verify');
    return context.loaders.reads.verification.verify(entity.billingEntityId);
  }

  @Extensions({ price: aListOf(3) })
  @FieldResolver(() => [UsageRecord], {
    description: 'The use that it charged, or the one that it refunded; empty for other kinds.',
  })
  async usageRecords(@Root() entry: Entry, @Ctx() context: RequestContext): Promise<DomainRecord[]> {
    const { billingEntityId, kind, refunded } = entry;
    const { loaders } = context;
    if (kind !== 'CONSUMPTION' && refunded === null) return [];
    if (!(await mayOf(context, entry, 'usage.readAll'))) return [];
    if (kind === 'CONSUMPTION') return loaders.recordsOfEntry.load(entry);
    if (refunded === null) return [];
    const records = await loaders.recordsOfEntry.load({ billingEntityId, sequence: refunded.sequence });
    return records.filter((record) => record.line === refunded.line);
  }

  @FieldResolver(() => Reservation, {
    nullable: true,
    description: 'The reservation that it made, settled or ended; null for other kinds.',
  })
  async reservation(@Root() entry: Entry, @Ctx() context: RequestContext): Promise<DomainReservation | null> {
    const { billingEntityId, reservationId: id } = entry;
    if (id === null || !(await mayOf(context, entry, 'reservations.read'))) return null;
    return context.loaders.reservation.load({ billingEntityId, id });
  }

  @FieldResolver(() => Party, {
    nullable: true,
    description: 'TRANSFER_IN and TRANSFER_OUT: whose account is on the other side.',
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

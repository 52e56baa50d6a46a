import { Ctx, Extensions, FieldResolver, Resolver, Root } from 'type-graphql';
import type { Entry, UsageRecord as DomainRecord } from '../../ledger/rules/entries.ts';
import type { Reservation as DomainReservation } from '../../ledger/rules/reservations.ts';
import { LedgerEntry } from '../credits/ledger-entry.type.ts';
import { aListOf } from '../execution/price.ts';
import { mayOf } from '../request/authorization.ts';
import type { RequestContext } from '../request/context.ts';
import { Reservation } from './reservation.type.ts';
import { UsageRecord } from './usage-record.type.ts';

@Resolver(() => LedgerEntry)
export class UsageOfLedgerEntryResolver {
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
}

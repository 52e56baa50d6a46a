import { Arg, Ctx, Extensions, ID, Query, Resolver } from 'type-graphql';
import { requirePrincipal } from '../../billing-entities/access.ts';
import { type IdKind, kindOfId } from '../../kernel/public-ids.ts';
import { withWork } from '../execution/price.ts';
import { nullIfNotFound } from '../request/authorization.ts';
import type { RequestContext } from '../request/context.ts';
import { Node } from '../types/node.type.ts';
import {
  readableAlert,
  readableApiKey,
  readableAuditLogEntry,
  readableEntity,
  readableEntry,
  readableGrant,
  readableMembership,
  readableRecord,
  readableReservation,
} from './readable.ts';

type Read = (context: RequestContext, id: string) => Promise<object | null>;

/** Each kind of id: its reader, and the type that answers it. */
const KINDS: Readonly<Record<IdKind, { readonly type: string; readonly read: Read }>> = {
  entity: { type: 'BillingEntity', read: readableEntity },
  grant: { type: 'CreditGrant', read: readableGrant },
  entry: { type: 'LedgerEntry', read: readableEntry },
  record: { type: 'UsageRecord', read: readableRecord },
  reservation: { type: 'Reservation', read: readableReservation },
  apiKey: { type: 'ApiKey', read: readableApiKey },
  membership: { type: 'Membership', read: readableMembership },
  audit: { type: 'AuditLogEntry', read: readableAuditLogEntry },
  alert: { type: 'Alert', read: readableAlert },
};

@Resolver()
export class NodeResolver {
  // Beside the thing itself, the entity that it belongs to and the caller's place there are read.
  @Extensions({ price: withWork(5) })
  @Query(() => Node, {
    nullable: true,
    description:
      'The thing with this id, for callers who may read it where it is listed; null for all others, and for an id that names nothing. Finds BillingEntity, Alert, ApiKey, AuditLogEntry, CreditGrant, LedgerEntry, Membership, Reservation and UsageRecord.',
  })
  async node(
    @Arg('id', () => ID, { description: 'Its id.' }) id: string,
    @Ctx() context: RequestContext,
  ): Promise<object | null> {
    requirePrincipal(context.principal);
    const { type, read } = KINDS[kindOfId(id)];
    const found = await nullIfNotFound(read(context, id));
    return found && { ...found, __typename: type };
  }
}

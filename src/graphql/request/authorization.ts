/** The checks of every resolver, in order: is the caller known, does the thing exist for them, may they do this to it. */
import { ownEntity, requirePrincipal } from '../../billing-entities/access.ts';
import {
  may,
  membershipBetween,
  type Operation,
  type Relation,
  relationOf,
  requireMay,
} from '../../billing-entities/authorization.ts';
import type { BillingEntity } from '../../billing-entities/billing-entity.entity.ts';
import { parseEntityId } from '../../kernel/public-ids.ts';
import { Refusal } from '../../kernel/refusal.ts';
import type { UsageRecord } from '../../ledger/rules/entries.ts';
import type { OwnUse } from '../../usage/use-filter.ts';
import type { RequestContext, SuspendedSince } from './context.ts';

/** The caller's relation to the entity. @throws Refusal UNAUTHENTICATED */
export async function relationTo(
  { principal, loaders }: Pick<RequestContext, 'principal' | 'loaders'>,
  entity: BillingEntity,
): Promise<Relation> {
  const known = requirePrincipal(principal);
  const key = membershipBetween(known, entity);
  return relationOf(known, entity, key && (await loaders.membership.load(key)));
}

/** Reads for a caller who may do `operation`; null for all others. */
export async function nullUnless<T>(
  context: RequestContext,
  { entity, operation }: { readonly entity: BillingEntity; readonly operation: Operation },
  read: () => Promise<T> | T,
): Promise<T | null> {
  return may(await relationTo(context, entity), operation) ? read() : null;
}

/**
 * True when the caller may do this to the billing entity of this row. A field that leads from one thing to another must
 * ask, because the other may belong to somebody else. Nothing is loaded where the principal alone decides.
 */
export async function mayOf(
  context: Pick<RequestContext, 'principal' | 'loaders'>,
  { billingEntityId }: { readonly billingEntityId: string },
  operation: Operation,
): Promise<boolean> {
  const known = requirePrincipal(context.principal);
  if (known.kind !== 'USER' || known.billingEntityId === billingEntityId) {
    return may(relationOf(known, { billingEntityId }, null), operation);
  }
  const entity = await context.loaders.entity.load(billingEntityId);
  return entity !== null && may(await relationTo(context, entity), operation);
}

/** The billing entity with this id. @throws Refusal UNAUTHENTICATED, NOT_FOUND when there is none, or none for this caller */
export function requireVisible(context: RequestContext, id: string): Promise<BillingEntity> {
  return requireAllowed(context, id, 'entity.read');
}

/**
 * The billing entity with this id, if the caller may do this to it.
 * @throws Refusal UNAUTHENTICATED, NOT_FOUND when there is none for this caller, FORBIDDEN
 */
export async function requireAllowed(
  context: RequestContext,
  id: string,
  operation: Operation,
): Promise<BillingEntity> {
  requirePrincipal(context.principal);
  const entity = await context.loaders.entity.load(parseEntityId(id));
  if (entity === null) throw new Refusal('NOT_FOUND', 'there is no such billing entity');
  requireMay(await relationTo(context, entity), operation);
  return entity;
}

/** The rights that a subscription asks of its subscriber. */
export interface StreamRights {
  /** A subscriber without this right is refused. */
  readonly needs: Operation;
  /** With this right a subscriber sees everybody's events, without it their own; absent: all see the same. */
  readonly widenedBy?: Operation;
}

/**
 * The billing entity that a subscription names by `billingEntityId`, if the caller may watch it. `own` is the use that they
 * may see; null: everybody's. The subscription ends when its subscriber loses a right that it was opened
 * with, so that a new one shows what they may see then. A right that they gain ends nothing.
 * @throws Refusal UNAUTHENTICATED, NOT_FOUND, FORBIDDEN
 */
export async function requireWatchable(
  request: { readonly args: unknown; readonly context: unknown },
  { needs, widenedBy }: StreamRights,
): Promise<{ entity: BillingEntity; context: RequestContext; own: OwnUse | null }> {
  const context = request.context as RequestContext;
  const { billingEntityId: id } = request.args as { billingEntityId: string };
  const entity = await requireAllowed(context, id, needs);
  const isWide = widenedBy !== undefined && may(await relationTo(context, entity), widenedBy);
  const own = widenedBy === undefined || isWide ? null : ownUseOf(context);
  context.onWatch?.({
    billingEntityId: entity.billingEntityId,
    rights: isWide ? [needs, widenedBy] : [needs],
    suspendedSince: await suspensionOf(context, entity),
  });
  return { entity, context, own };
}

/**
 * The suspensions of the watched entity and of the subscriber, as one text; null: there is none. A subscription ends when
 * this changes. One that is opened during a suspension is allowed, as a look at the balance is.
 */
export async function suspensionOf(
  { principal, loaders }: Pick<RequestContext, 'principal' | 'loaders'>,
  entity: BillingEntity,
): Promise<SuspendedSince> {
  const own = ownEntity(requirePrincipal(principal));
  const watcher = own === null || own === entity.billingEntityId ? null : await loaders.entity.load(own);
  const relation = await relationTo({ principal, loaders }, entity);
  const suspensions = [entity.suspendedAt, watcher?.suspendedAt ?? null].map((at) => at?.toISOString() ?? null);
  if (relation === 'SUSPENDED') suspensions.push(relation);
  return suspensions.every((each) => each === null) ? null : suspensions.join(' ');
}

/** The only use of the entity that the caller may read, which is their own; null: they may read everybody's. */
export async function readableUse(context: RequestContext, entity: BillingEntity): Promise<OwnUse | null> {
  return may(await relationTo(context, entity), 'usage.readAll') ? null : ownUseOf(context);
}

/** The only member of whom the caller may read, for want of the right to read of everybody; null: they have it. */
export async function onlyMember(
  context: RequestContext,
  entity: BillingEntity,
  widenedBy: 'members.readAll' | 'alerts.readAll',
): Promise<string | null> {
  return may(await relationTo(context, entity), widenedBy) ? null : ownUserId(context);
}

/** True when this record is among the use that may be read. */
export function isReadable({ userId, apiKey }: Pick<UsageRecord, 'userId' | 'apiKey'>, own: OwnUse | null): boolean {
  if (own === null) return true;
  return 'userId' in own ? userId === own.userId : apiKey?.id === own.apiKeyId;
}

function ownUseOf(context: RequestContext): OwnUse {
  const { principal } = context;
  return principal?.kind === 'API_KEY' ? { apiKeyId: principal.apiKeyId } : { userId: ownUserId(context) };
}

function ownUserId({ principal }: RequestContext): string {
  return principal?.kind === 'USER' ? principal.billingEntityId : NO_SUCH_USER;
}

/** Fits no record and no member. The zeros would not do: sums of use have them where no user is known. */
const NO_SUCH_USER = 'ffffffff-ffff-ffff-ffff-ffffffffffff';

/** Turns NOT_FOUND into null: queries answer null where mutations are refused. */
export async function nullIfNotFound<T>(work: Promise<T>): Promise<T | null> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof Refusal && error.code === 'NOT_FOUND') return null;
    throw error;
  }
}

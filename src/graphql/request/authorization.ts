/** The order of checks in every resolver: who asks, does the thing exist for them, may they do it. */
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
import type { RequestContext, SuspendedSince } from './context.ts';

/** What the caller is to the entity. @throws Refusal UNAUTHENTICATED */
export async function relationTo(
  { principal, loaders }: Pick<RequestContext, 'principal' | 'loaders'>,
  entity: BillingEntity,
): Promise<Relation> {
  const known = requirePrincipal(principal);
  const key = membershipBetween(known, entity);
  return relationOf(known, entity, key && (await loaders.membership.load(key)));
}

/** What they may read, or null for who may not. */
export async function nullUnless<T>(
  context: RequestContext,
  { entity, operation }: { readonly entity: BillingEntity; readonly operation: Operation },
  read: () => Promise<T> | T,
): Promise<T | null> {
  return may(await relationTo(context, entity), operation) ? read() : null;
}

/**
 * Whether the caller may do this to the billing entity whose this is: to be asked wherever something that they may read
 * leads on to something else, which may be another's. Nothing is looked up where who asks says it all.
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

/** What a subscription asks of who opens it. */
export interface StreamRights {
  /** Without it nothing is shown. */
  readonly needs: Operation;
  /** With it everybody's is shown, without it one's own; absent: it shows the same to all. */
  readonly widenedBy?: Operation;
}

/**
 * What a subscription names by `billingEntityId`, if who asks may watch it, and whose of it: null, everybody's. It ends with
 * any right that it was opened with, so that a new one shows what may be seen then; a right that is gained ends nothing.
 * @throws Refusal UNAUTHENTICATED, NOT_FOUND, FORBIDDEN
 */
export async function requireWatchable(
  request: { readonly args: unknown; readonly context: unknown },
  { needs, widenedBy }: StreamRights,
): Promise<{ entity: BillingEntity; context: RequestContext; onlyUserId: string | null }> {
  const context = request.context as RequestContext;
  const { billingEntityId: id } = request.args as { billingEntityId: string };
  const entity = await requireAllowed(context, id, needs);
  const isWide = widenedBy !== undefined && may(await relationTo(context, entity), widenedBy);
  const onlyUserId = widenedBy === undefined || isWide ? null : ownUserId(context);
  context.onWatch?.({
    billingEntityId: entity.billingEntityId,
    rights: isWide ? [needs, widenedBy] : [needs],
    suspendedSince: await suspensionOf(context, entity),
  });
  return { entity, context, onlyUserId };
}

/**
 * What ends a subscription besides the loss of its right: that its entity, or who watches it, is suspended meanwhile. Who
 * opens one when that is so already may, as they may look at the balance.
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

/** Whose records and members the caller may read: null, everybody's; else their own. */
export async function onlyUserId(
  context: RequestContext,
  entity: BillingEntity,
  readsAll: 'usage.readAll' | 'members.readAll',
): Promise<string | null> {
  return may(await relationTo(context, entity), readsAll) ? null : ownUserId(context);
}

function ownUserId({ principal }: RequestContext): string {
  return principal?.kind === 'USER' ? principal.billingEntityId : NO_SUCH_USER;
}

/** Fits no record and no member: not the zeros either, which sums of use have where nobody in particular used it. */
const NO_SUCH_USER = 'ffffffff-ffff-ffff-ffff-ffffffffffff';

/** What a query gives where a mutation would be refused NOT_FOUND. */
export async function nullIfNotFound<T>(work: Promise<T>): Promise<T | null> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof Refusal && error.code === 'NOT_FOUND') return null;
    throw error;
  }
}

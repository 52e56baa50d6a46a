/** The order of checks in every resolver: who asks, does the thing exist for them, may they do it. */
import { ownEntity, requirePrincipal, visible } from '../billing-entities/access.ts';
import type { BillingEntity } from '../billing-entities/billing-entity.entity.ts';
import type { Principal } from '../billing-entities/principal.ts';
import { parseEntityId } from '../ids.ts';
import { Refusal } from '../refusal.ts';
import type { RequestContext, Standing } from './context.ts';

/** The billing entity with this id. @throws Refusal NOT_FOUND when there is none, or none for this caller */
export async function requireVisible(
  context: RequestContext,
  principal: Principal,
  id: string,
): Promise<BillingEntity> {
  const entity = await context.loaders.entity.load(parseEntityId(id));
  if (!visible(principal, entity)) throw new Refusal('NOT_FOUND', 'there is no such billing entity');
  return entity;
}

/** What a subscription names by `billingEntityId`, if who asks may watch it. @throws Refusal UNAUTHENTICATED, NOT_FOUND */
export async function requireWatchable(request: {
  readonly args: unknown;
  readonly context: unknown;
}): Promise<{ billingEntityId: string; services: RequestContext['services'] }> {
  const context = request.context as RequestContext;
  const { billingEntityId: id } = request.args as { billingEntityId: string };
  const principal = requirePrincipal(context.principal);
  const entity = await requireVisible(context, principal, id);
  const { billingEntityId } = entity;
  context.onWatch?.({ billingEntityId, standing: await standingOf(context, principal, entity) });
  return { billingEntityId, services: context.services };
}

/**
 * What ends a subscription besides the loss of its right: that its entity, or who watches it, is suspended meanwhile. Who
 * opens one when that is so already may, as they may look at the balance.
 */
export async function standingOf(
  { loaders }: RequestContext,
  principal: Principal,
  entity: BillingEntity,
): Promise<Standing> {
  const own = ownEntity(principal);
  const watcher = own === null || own === entity.billingEntityId ? null : await loaders.entity.load(own);
  const suspensions = [entity.suspendedAt, watcher?.suspendedAt ?? null];
  return suspensions.every((at) => at === null) ? null : suspensions.map((at) => at?.toISOString()).join(' ');
}

/** What a query gives where a mutation would be refused NOT_FOUND. */
export async function nullIfNotFound<T>(work: Promise<T>): Promise<T | null> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof Refusal && error.code === 'NOT_FOUND') return null;
    throw error;
  }
}

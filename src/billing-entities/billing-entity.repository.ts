import { type EntityManager, LockMode } from '@mikro-orm/postgresql';
import { Refusal } from '../kernel/refusal.ts';
import { type BillingEntity, BillingEntityRow } from './billing-entity.entity.ts';

/**
 * The entity under its lock, which is taken first by every change of its members and terms.
 * @throws Refusal NOT_FOUND
 */
export async function lockEntity(em: EntityManager, billingEntityId: string): Promise<BillingEntity> {
  const entity = await em.findOne(BillingEntityRow, { billingEntityId }, { lockMode: LockMode.PESSIMISTIC_WRITE });
  if (entity === null) throw noEntity();
  return entity;
}

export async function updateEntity(
  em: EntityManager,
  billingEntityId: string,
  change: Partial<Omit<BillingEntity, 'billingEntityId'>>,
): Promise<void> {
  await em.nativeUpdate(BillingEntityRow, { billingEntityId }, change);
}

/** The answer about an entity that is not there, or not for the caller: the two must look alike. */
export function noEntity(): Refusal {
  return new Refusal('NOT_FOUND', 'there is no such billing entity');
}

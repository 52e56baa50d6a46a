/** The customers of billing entities, and the directory that leads from a customer to its entity. */
import type { EntityManager } from '@mikro-orm/postgresql';
import { BillingEntityRow, EntityKeyRow } from '../../billing-entities/billing-entity.entity.ts';
import { FormerCustomerRow, type StripeCustomer, StripeCustomerRow } from './stripe-customer.entity.ts';

const NAMESPACE = 'STRIPE_CUSTOMER';

/** The entity's customer; null: none was noted yet. */
export async function findCustomer(em: EntityManager, billingEntityId: string): Promise<string | null> {
  const found = await em.findOne(StripeCustomerRow, { billingEntityId });
  return found === null ? null : found.customerId;
}

/** Customers in the order of their entities' ids. @param page.after an entity's id; null: from the first one on */
export function findCustomers(
  em: EntityManager,
  { after, limit }: { readonly after: string | null; readonly limit: number },
): Promise<StripeCustomer[]> {
  const where = after === null ? {} : { billingEntityId: { $gt: after } };
  return em.find(StripeCustomerRow, where, { orderBy: { billingEntityId: 'asc' }, limit });
}

/** The entity whose customer it is, or was, as the directory has it; null: there is none here. */
export async function findOwner(em: EntityManager, customerId: string): Promise<string | null> {
  const found = await em.findOne(EntityKeyRow, { namespace: NAMESPACE, key: customerId });
  return found === null ? null : found.billingEntityId;
}

export async function isEntity(em: EntityManager, billingEntityId: string): Promise<boolean> {
  return (await em.count(BillingEntityRow, { billingEntityId })) > 0;
}

/**
 * Notes the entity's customer, and the way back to the entity. The first customer that is noted stays, and only that one
 * leads back.
 * @returns the customer that stays
 */
export async function noteCustomer(
  em: EntityManager,
  { billingEntityId, customerId }: StripeCustomer,
): Promise<string> {
  const first = { onConflictFields: ['billingEntityId' as const], onConflictAction: 'ignore' as const };
  await em.upsert(StripeCustomerRow, { billingEntityId, customerId }, first);
  const { customerId: noted } = await em.findOneOrFail(StripeCustomerRow, { billingEntityId });
  await em.upsert(
    EntityKeyRow,
    { namespace: NAMESPACE, key: noted, billingEntityId },
    { onConflictFields: ['namespace', 'key'], onConflictAction: 'ignore' },
  );
  return noted;
}

/** Deletes the entity's customer. The directory keeps the way back, because the customer's money may still go back. */
export async function deleteCustomer(
  em: EntityManager,
  { billingEntityId, customerId }: StripeCustomer,
): Promise<void> {
  await em.nativeDelete(StripeCustomerRow, { billingEntityId, customerId });
}

/** The customers that the entity was before. */
export async function findFormerCustomers(em: EntityManager, billingEntityId: string): Promise<string[]> {
  const found = await em.find(FormerCustomerRow, { billingEntityId }, { orderBy: { customerId: 'asc' } });
  return found.map(({ customerId }) => customerId);
}

/** Makes the entity's customer one that it was before. */
export async function setCustomerAside(em: EntityManager, customer: StripeCustomer): Promise<void> {
  await deleteCustomer(em, customer);
  await em.upsert(FormerCustomerRow, customer, { onConflictFields: ['billingEntityId', 'customerId'] });
}

export async function deleteFormerCustomer(em: EntityManager, customer: StripeCustomer): Promise<void> {
  await em.nativeDelete(FormerCustomerRow, customer);
}

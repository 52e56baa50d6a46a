import type { EntityManager } from '@mikro-orm/postgresql';
import { type PendingPayment, PendingPaymentRow } from './pending-payment.entity.ts';

/** The changes of these entities that wait for the payer. */
export function findPendingPayments(em: EntityManager, billingEntityIds: readonly string[]): Promise<PendingPayment[]> {
  return em.find(PendingPaymentRow, { billingEntityId: { $in: [...billingEntityIds] } });
}

/** Notes the entity's change that waits, in the place of an earlier one. */
export async function notePendingPayment(em: EntityManager, pending: PendingPayment): Promise<void> {
  await em.upsert(PendingPaymentRow, pending, { onConflictFields: ['billingEntityId'] });
}

export async function deletePendingPayment(em: EntityManager, billingEntityId: string): Promise<void> {
  await em.nativeDelete(PendingPaymentRow, { billingEntityId });
}

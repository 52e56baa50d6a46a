import type { EntityManager } from '@mikro-orm/postgresql';
import { type StripeEvent, StripeEventRow } from './stripe-event.entity.ts';

/** The event, unless it was handled; null: it was, or it never arrived. */
export function findOpenEvent(em: EntityManager, id: string): Promise<StripeEvent | null> {
  return em.findOne(StripeEventRow, { id, processedAt: null });
}

/** The customer's events that were not handled, in the order in which they arrived. */
export function findOpenEventsOf(em: EntityManager, customerId: string): Promise<StripeEvent[]> {
  return em.find(StripeEventRow, { customerId, processedAt: null }, { orderBy: { receivedAt: 'asc', id: 'asc' } });
}

/** Stripe's time of the newest event of v1; null: none has arrived. */
export async function findNewestTime(em: EntityManager): Promise<Date | null> {
  const [newest] = await em.find(StripeEventRow, { thin: false }, { orderBy: { createdAt: 'desc' }, limit: 1 });
  return newest?.createdAt ?? null;
}

export function countOpenEvents(em: EntityManager): Promise<number> {
  return em.count(StripeEventRow, { processedAt: null });
}

export async function markHandled(em: EntityManager, id: string, processedAt: Date): Promise<void> {
  await em.nativeUpdate(StripeEventRow, { id }, { processedAt });
}

export async function deleteHandledBefore(em: EntityManager, instant: Date): Promise<void> {
  await em.nativeDelete(StripeEventRow, { processedAt: { $lt: instant } });
}

import { type EntityManager, LockMode } from '@mikro-orm/postgresql';
import { insertUnlessThere } from '../../db/rows.ts';
import {
  type DeliveryRef,
  type StoredDelivery,
  type StoredEndpoint,
  type StoredSecret,
  type WebhookDelivery,
  WebhookDeliveryRow,
  WebhookEndpointRow,
  WebhookSecretRow,
} from './webhook.entity.ts';

/** The endpoint under its lock, which everything that changes it or its deliveries takes first; null: there is none. */
export function lockEndpoint(em: EntityManager, billingEntityId: string): Promise<StoredEndpoint | null> {
  return em.findOne(WebhookEndpointRow, { billingEntityId }, { lockMode: LockMode.PESSIMISTIC_WRITE });
}

export function findEndpoint(em: EntityManager, billingEntityId: string): Promise<StoredEndpoint | null> {
  return em.findOne(WebhookEndpointRow, { billingEntityId });
}

export function findEndpoints(em: EntityManager, ids: readonly string[]): Promise<StoredEndpoint[]> {
  return em.find(WebhookEndpointRow, { billingEntityId: { $in: [...ids] } });
}

/** Inserts an endpoint. False: there is one already. */
export function insertEndpoint(em: EntityManager, endpoint: StoredEndpoint): Promise<boolean> {
  return insertUnlessThere(em, WebhookEndpointRow, endpoint);
}

export async function updateEndpoint(
  em: EntityManager,
  billingEntityId: string,
  change: Partial<StoredEndpoint>,
): Promise<void> {
  await em.nativeUpdate(WebhookEndpointRow, { billingEntityId }, change);
}

export async function deleteEndpoint(em: EntityManager, billingEntityId: string): Promise<void> {
  await em.nativeDelete(WebhookEndpointRow, { billingEntityId });
}

/** The secrets that sign now, the current one first. */
export async function findSecrets(em: EntityManager, billingEntityId: string, now: Date): Promise<StoredSecret[]> {
  const where = { billingEntityId, $or: [{ expiresAt: null }, { expiresAt: { $gt: now } }] };
  // Ids are made in order of time, and the current one was made last.
  return em.find(WebhookSecretRow, where, { orderBy: { id: 'desc' } });
}

export function findCurrentSecret(em: EntityManager, billingEntityId: string): Promise<StoredSecret | null> {
  return em.findOne(WebhookSecretRow, { billingEntityId, expiresAt: null });
}

export async function insertSecret(em: EntityManager, secret: StoredSecret): Promise<void> {
  await em.insert(WebhookSecretRow, secret);
}

/** Ends the current secret at this instant, and everything before it at once. */
export async function endCurrentSecret(em: EntityManager, billingEntityId: string, expiresAt: Date): Promise<void> {
  await em.nativeDelete(WebhookSecretRow, { billingEntityId, expiresAt: { $ne: null } });
  await em.nativeUpdate(WebhookSecretRow, { billingEntityId, expiresAt: null }, { expiresAt });
}

export async function deleteSecrets(em: EntityManager, billingEntityId: string): Promise<void> {
  await em.nativeDelete(WebhookSecretRow, { billingEntityId });
}

/** Inserts a delivery. False: it is there already, as it is when a commit whose answer was lost is followed by another run. */
export function insertDelivery(em: EntityManager, delivery: StoredDelivery): Promise<boolean> {
  return insertUnlessThere(em, WebhookDeliveryRow, delivery);
}

export function lockDelivery(em: EntityManager, ref: DeliveryRef): Promise<WebhookDelivery | null> {
  return em.findOne(WebhookDeliveryRow, at(ref), { lockMode: LockMode.PESSIMISTIC_WRITE });
}

export function findDelivery(em: EntityManager, ref: DeliveryRef): Promise<WebhookDelivery | null> {
  return em.findOne(WebhookDeliveryRow, at(ref));
}

export async function updateDelivery(
  em: EntityManager,
  ref: DeliveryRef,
  change: Partial<WebhookDelivery>,
): Promise<void> {
  await em.nativeUpdate(WebhookDeliveryRow, at(ref), change);
}

export function countPending(em: EntityManager, billingEntityId: string): Promise<number> {
  return em.count(WebhookDeliveryRow, { billingEntityId, status: 'PENDING' });
}

/** Gives up what was still to be sent. An attempt that is under way is not stopped. */
export async function failPending(em: EntityManager, billingEntityId: string, error: string): Promise<void> {
  const change = { status: 'FAILED', nextAttemptAt: null, error } as const;
  await em.nativeUpdate(WebhookDeliveryRow, { billingEntityId, status: 'PENDING' }, change);
}

/** A condition of nothing but the delivery: whoever names one may know more of it. */
function at({ billingEntityId, id }: DeliveryRef): DeliveryRef {
  return { billingEntityId, id };
}

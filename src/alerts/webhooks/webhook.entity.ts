import { defineEntity, type InferEntity, p } from '@mikro-orm/core';

/** PENDING: it will be tried. DELIVERED: a 2xx came. FAILED: it is not tried again by itself. */
export type WebhookDeliveryStatus = 'PENDING' | 'DELIVERED' | 'FAILED';

/** The address that an entity's events are sent to, one an entity. */
export const WebhookEndpointRow = defineEntity({
  name: 'WebhookEndpoint',
  tableName: 'webhook_endpoint',
  properties: {
    billingEntityId: p.uuid().primary(),
    /** As it was given. */
    url: p.text(),
    createdAt: p.datetime(3),
    /** The first attempt that failed since something was delivered last; null: the last attempt succeeded, or there was none. */
    failingSince: p.datetime(3).strictNullable(),
    /** The last attempt failed or was slow. Such endpoints have places of their own, so that they keep no other one waiting. */
    lagging: p.boolean(),
    disabledAt: p.datetime(3).strictNullable(),
    disabledReason: p.text().strictNullable(),
    /** It was disabled, and nobody has been told yet. */
    noticePending: p.boolean(),
  },
  indexes: [
    {
      name: 'webhook_endpoint_notice',
      expression: 'create index webhook_endpoint_notice on webhook_endpoint (billing_entity_id) where notice_pending',
    },
  ],
  checks: [
    {
      name: 'webhook_endpoint_disabled_for_a_reason',
      expression: '(disabled_at is null) = (disabled_reason is null)',
    },
    { name: 'webhook_endpoint_notice_of_disabled', expression: 'disabled_at is not null or not notice_pending' },
  ],
});

/** The sealed secrets of endpoints: the current one, and during a rotation the one before it. */
export const WebhookSecretRow = defineEntity({
  name: 'WebhookSecret',
  tableName: 'webhook_secret',
  properties: {
    billingEntityId: p.uuid().primary(),
    id: p.uuid().primary(),
    keyEncryptionKey: p.text(),
    wrappedDataKey: p.blob().$type<Buffer>(),
    ciphertext: p.blob().$type<Buffer>(),
    createdAt: p.datetime(3),
    /** null: it is the current one. Until then it signs beside the current one. */
    expiresAt: p.datetime(3).strictNullable(),
  },
  indexes: [
    {
      name: 'webhook_secret_current',
      expression:
        'create unique index webhook_secret_current on webhook_secret (billing_entity_id) where expires_at is null',
    },
  ],
});

/** Events that were sent, or will be, each with the exact bytes of its body, so that every attempt signs the same. */
export const WebhookDeliveryRow = defineEntity({
  name: 'WebhookDelivery',
  tableName: 'webhook_delivery',
  properties: {
    billingEntityId: p.uuid().primary(),
    id: p.uuid().primary(),
    eventType: p.text(),
    body: p.blob().$type<Buffer>().lazy(),
    status: p.text().$type<WebhookDeliveryStatus>(),
    /** All attempts that were begun, those of resends included. It also tells one attempt from another. */
    attempts: p.integer(),
    /** The attempts of the present round; a resend begins a new one. */
    step: p.integer(),
    /** The status that the last attempt was answered with; null: no answer came. */
    responseStatus: p.integer().strictNullable(),
    error: p.text().strictNullable(),
    createdAt: p.datetime(3),
    nextAttemptAt: p.datetime(3).strictNullable(),
    /** An attempt is under way. When this is past, its process is taken to have died, and the next attempt may begin. */
    claimedUntil: p.datetime(3).strictNullable(),
    deliveredAt: p.datetime(3).strictNullable(),
  },
  indexes: [
    {
      name: 'webhook_delivery_due',
      expression: "create index webhook_delivery_due on webhook_delivery (next_attempt_at) where status = 'PENDING'",
    },
    {
      name: 'webhook_delivery_pending',
      expression:
        "create index webhook_delivery_pending on webhook_delivery (billing_entity_id, next_attempt_at) where status = 'PENDING'",
    },
    { name: 'webhook_delivery_old', properties: ['createdAt'] },
  ],
  checks: [
    { name: 'webhook_delivery_status_known', expression: "status in ('PENDING', 'DELIVERED', 'FAILED')" },
    {
      name: 'webhook_delivery_pending_has_a_next',
      expression: "(status = 'PENDING') = (next_attempt_at is not null)",
    },
    {
      name: 'webhook_delivery_delivered_at_an_instant',
      expression: "(status = 'DELIVERED') = (delivered_at is not null)",
    },
    { name: 'webhook_delivery_counts', expression: 'attempts >= 0 and step >= 0 and step <= attempts' },
  ],
});

export type StoredEndpoint = InferEntity<typeof WebhookEndpointRow>;
export type StoredSecret = InferEntity<typeof WebhookSecretRow>;
export type StoredDelivery = InferEntity<typeof WebhookDeliveryRow>;

/** A delivery without its body, as it is listed. */
export type WebhookDelivery = Omit<StoredDelivery, 'body'>;

/** Names a delivery. */
export interface DeliveryRef {
  readonly billingEntityId: string;
  readonly id: string;
}

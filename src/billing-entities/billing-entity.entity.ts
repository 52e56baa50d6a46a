import { defineEntity, type InferEntity, p } from '@mikro-orm/core';

/** A user or an organization: whoever can hold credits and pay. */
export const BillingEntityRow = defineEntity({
  name: 'BillingEntity',
  tableName: 'billing_entity',
  properties: {
    billingEntityId: p.uuid().primary(),
    type: p.text().$type<'USER' | 'ORGANIZATION'>(),
    externalId: p.text(),
    name: p.text(),
    createdAt: p.datetime(3),
    suspendedAt: p.datetime(3).strictNullable(),
    suspensionReason: p.text().strictNullable(),
    /** Organizations only. */
    visibility: p.text().$type<'PRIVATE' | 'PUBLIC' | null>().strictNullable(),
  },
  checks: [
    { name: 'billing_entity_type_known', expression: "type in ('USER', 'ORGANIZATION')" },
    {
      name: 'billing_entity_organizations_are_visible',
      expression: "(type = 'ORGANIZATION') = (visibility is not null)",
    },
    { name: 'billing_entity_visibility_known', expression: "visibility in ('PRIVATE', 'PUBLIC')" },
  ],
});

export type BillingEntity = InferEntity<typeof BillingEntityRow>;

/**
 * The directory: what must be found without knowing the billing entity. The one table that is not the entity's own; it is
 * resolved first, by itself, and never written inside a ledger transaction.
 */
export const EntityKeyRow = defineEntity({
  name: 'EntityKey',
  tableName: 'entity_key',
  properties: {
    namespace: p.text().primary(),
    key: p.text().primary(),
    billingEntityId: p.uuid(),
  },
});

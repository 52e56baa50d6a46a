import { defineEntity, type InferEntity, p } from '@mikro-orm/core';

/** The customer that an entity is at Stripe. The directory leads from the customer to the entity (`STRIPE_CUSTOMER`). */
export const StripeCustomerRow = defineEntity({
  name: 'StripeCustomer',
  tableName: 'stripe_customer',
  properties: {
    billingEntityId: p.uuid().primary(),
    customerId: p.text(),
  },
});

export type StripeCustomer = InferEntity<typeof StripeCustomerRow>;

/** A customer that the entity was before, which the account of Stripe's did not know when it was asked. */
export const FormerCustomerRow = defineEntity({
  name: 'FormerCustomer',
  tableName: 'former_customer',
  properties: {
    billingEntityId: p.uuid().primary(),
    customerId: p.text().primary(),
  },
});

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

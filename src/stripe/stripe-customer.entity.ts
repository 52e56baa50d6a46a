import { defineEntity, p } from '@mikro-orm/core';

/** Which customer of Stripe's an entity is. The directory leads back from the customer (`STRIPE_CUSTOMER`). */
export const StripeCustomerRow = defineEntity({
  name: 'StripeCustomer',
  tableName: 'stripe_customer',
  properties: {
    billingEntityId: p.uuid().primary(),
    customerId: p.text(),
  },
});

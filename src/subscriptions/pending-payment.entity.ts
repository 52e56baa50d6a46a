import { defineEntity, p } from '@mikro-orm/core';

/** A change of a subscription that waits for the payer, as it was last heard of. Shown to callers; it decides nothing. */
export const PendingPaymentRow = defineEntity({
  name: 'PendingPayment',
  tableName: 'pending_payment',
  properties: {
    billingEntityId: p.uuid().primary(),
    plan: p.text(),
    quantity: p.integer(),
    hostedUrl: p.text(),
    expiresAt: p.datetime(3).strictNullable(),
  },
  checks: [{ name: 'pending_payment_quantity_positive', expression: 'quantity > 0' }],
});

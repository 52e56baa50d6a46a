import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import type { PlanCode } from '../plans/plans.ts';

/**
 * A change of a subscription that takes effect once the payer has paid, as it was last heard of. It is shown to callers and
 * decides nothing.
 */
export const PendingPaymentRow = defineEntity({
  name: 'PendingPayment',
  tableName: 'pending_payment',
  properties: {
    billingEntityId: p.uuid().primary(),
    plan: p.text().$type<PlanCode>(),
    quantity: p.integer(),
    /** The provider's page where it is paid. */
    hostedUrl: p.text(),
    /** null: the provider waits without an end. */
    expiresAt: p.datetime(3).strictNullable(),
  },
  checks: [{ name: 'pending_payment_quantity_positive', expression: 'quantity > 0' }],
});

export type PendingPayment = InferEntity<typeof PendingPaymentRow>;

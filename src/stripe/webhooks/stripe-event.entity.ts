import { defineEntity, p } from '@mikro-orm/core';

/**
 * The inbox: events that Stripe delivered. A row keeps whom and what an event concerns, but not what it says: state is
 * always fetched, and names and addresses stay at Stripe. The key is Stripe's, and the table has no billing entity, because
 * an event must be kept before anybody knows which entity it concerns.
 */
export const StripeEventRow = defineEntity({
  name: 'StripeEvent',
  tableName: 'stripe_event',
  properties: {
    id: p.text().primary(),
    type: p.text(),
    thin: p.boolean(),
    objectId: p.text().strictNullable(),
    customerId: p.text().strictNullable(),
    /** Stripe's time. */
    createdAt: p.datetime(3),
    receivedAt: p.datetime(3),
    processedAt: p.datetime(3).strictNullable(),
  },
  indexes: [
    {
      name: 'stripe_event_unprocessed',
      expression: 'create index stripe_event_unprocessed on stripe_event (received_at) where processed_at is null',
    },
  ],
});

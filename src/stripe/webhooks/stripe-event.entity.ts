import { defineEntity, type InferEntity, p } from '@mikro-orm/core';

/**
 * The inbox: events that Stripe delivered. A row keeps whom and what an event concerns, but not what it says: state is
 * always fetched, and names and addresses stay at Stripe. The key is Stripe's, and the table has no billing entity, because
 * an event must be kept before anybody knows which entity it concerns.
 */
export const StripeEventRow = defineEntity({
  name: 'StripeEvent',
  tableName: 'stripe_event',
  properties: {
    /** Stripe's own id. */
    id: p.text().primary(),
    /** For example `invoice.paid`. Stripe may send any type. */
    type: p.text(),
    /** An event of v2 is a notification: it names only what it concerns. */
    thin: p.boolean(),
    /** The object that the event is about, for example an invoice. */
    objectId: p.text().strictNullable(),
    customerId: p.text().strictNullable(),
    /** Stripe's time. */
    createdAt: p.datetime(3),
    receivedAt: p.datetime(3),
    /** null: the event has not been handled. */
    processedAt: p.datetime(3).strictNullable(),
  },
  indexes: [
    {
      name: 'stripe_event_unprocessed',
      expression: 'create index stripe_event_unprocessed on stripe_event (received_at) where processed_at is null',
    },
  ],
});

type KeptEvent = InferEntity<typeof StripeEventRow>;

/** An event of Stripe's, as it arrives. */
export type StripeEvent = Pick<KeptEvent, 'id' | 'type' | 'thin' | 'objectId' | 'customerId' | 'createdAt'>;

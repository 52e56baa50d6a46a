/** The events that make our state follow Stripe's. What an event says is not used: everything is fetched. */
import { orMissing, type StripeClient } from '../account/client.ts';
import { idOf } from '../account/values.ts';
import type { StripeEvents } from '../webhooks/events.ts';
import type { CustomerSync } from './sync.ts';

interface Options {
  readonly events: StripeEvents;
  readonly stripe: StripeClient;
  readonly sync: Pick<CustomerSync, 'sync' | 'syncCharge' | 'forgetDeleted'>;
}

const REFUNDS = ['refund.created', 'refund.updated', 'refund.failed', 'charge.refund.updated'];
const DISPUTES = ['created', 'updated', 'closed', 'funds_withdrawn', 'funds_reinstated'].map(
  (what) => `charge.dispute.${what}`,
);

/** Subscribes the sync to events. Refunds and disputes name only their charge, and no customer. */
export function followEvents({ events, stripe, sync }: Options): void {
  events.onCustomer((customerId) => sync.sync(customerId));
  events.on('customer.deleted', async ({ customerId }) => {
    if (customerId !== null) await sync.forgetDeleted(customerId);
  });
  const on = (types: readonly string[], chargeOf: (id: string) => Promise<ChargeReference>): void => {
    for (const type of types) {
      events.on(type, async ({ objectId }) => {
        const charge = objectId === null ? null : await chargeOf(objectId);
        if (charge !== null) await sync.syncCharge(idOf(charge));
      });
    }
  };
  on(REFUNDS, async (id) => {
    const refund = await orMissing(stripe.call('refund', (sdk) => sdk.refunds.retrieve(id)));
    return refund?.charge ?? null;
  });
  on(DISPUTES, async (id) => {
    const dispute = await orMissing(stripe.call('dispute', (sdk) => sdk.disputes.retrieve(id)));
    return dispute?.charge ?? null;
  });
}

type ChargeReference = string | { readonly id: string } | null;

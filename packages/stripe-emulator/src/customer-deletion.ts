import { customerOf } from './customers.ts';
import { route, type Route } from './router.ts';
import type { Sandbox } from './sandbox.ts';
import { endSubscription } from './subscription-state.ts';
import type { DeletedCustomer } from './wire.ts';

/** The end of a customer. */
export const customerDeletionRoutes: readonly Route[] = [
  route('DELETE', '/v1/customers/:id', {}, (sandbox, _parameters, [id]) => deleteCustomer(sandbox, id)),
];

/** Subscriptions end at once and nothing is collected any more; what there was can still be read. */
function deleteCustomer(sandbox: Sandbox, id: string): DeletedCustomer {
  const customer = customerOf(sandbox, id);
  const { tables } = sandbox;
  for (const subscription of tables.subscriptions.values()) {
    if (subscription.customer !== id) continue;
    // A card that is nobody's any more is nobody's default.
    subscription.default_payment_method = null;
    if (subscription.ended_at !== null) continue;
    endSubscription(sandbox, subscription, { reason: 'cancellation_requested' });
  }
  for (const invoice of tables.invoices.values()) {
    if (invoice.customer !== id) continue;
    invoice.default_payment_method = null;
    invoice.auto_advance = false;
    invoice.automatically_finalizes_at = null;
    invoice.next_payment_attempt = null;
  }
  for (const method of tables.paymentMethods.values()) {
    if (method.customer === id) method.customer = null;
  }
  const deleted: DeletedCustomer = { id, object: 'customer', deleted: true };
  tables.customers.delete(id);
  tables.deletedCustomers.set(id, deleted);
  sandbox.emit('customer.deleted', customer);
  return deleted;
}

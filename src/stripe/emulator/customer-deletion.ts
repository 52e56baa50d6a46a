import { customerOf } from './customers.ts';
import { route } from './router.ts';
import type { Sandbox } from './sandbox.ts';
import { endSubscription } from './subscription-state.ts';
import type { Customer, DeletedCustomer } from './wire.ts';

/** The call that deletes a customer, who can be asked for ever after and is told to be gone. */
export const customerDeletion = route('DELETE', '/v1/customers/:id', {}, (sandbox, _parameters, [id]) =>
  deleteCustomer(sandbox, customerOf(sandbox, id)),
);

/** Its subscriptions end at once, nothing more is collected, and of itself only the id is left. */
function deleteCustomer(sandbox: Sandbox, customer: Customer): DeletedCustomer {
  const { tables } = sandbox;
  for (const subscription of tables.subscriptions.values()) {
    if (subscription.customer !== customer.id || subscription.ended_at !== null) continue;
    endSubscription(sandbox, subscription, { reason: 'cancellation_requested' });
  }
  for (const invoice of tables.invoices.values()) {
    if (invoice.customer !== customer.id) continue;
    invoice.auto_advance = false;
    invoice.automatically_finalizes_at = null;
    invoice.next_payment_attempt = null;
  }
  tables.customers.delete(customer.id);
  const deleted: DeletedCustomer = { id: customer.id, object: 'customer', deleted: true };
  tables.deletedCustomers.set(customer.id, deleted);
  sandbox.emit('customer.deleted', customer);
  return deleted;
}

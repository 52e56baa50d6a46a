import { pageFields, pageOf } from './lists.ts';
import { route, type Route } from './router.ts';
import { rowOf, type Sandbox } from './sandbox.ts';
import type { Customer, TaxId } from './wire.ts';

/** Tax ids of customers. Checkout collects them. */
export const taxIdRoutes: readonly Route[] = [
  route('GET', '/v1/customers/:id/tax_ids', pageFields, (sandbox, parameters, [id]) => {
    rowOf(sandbox.tables.customers, 'customer', id);
    return pageOf(taxIdsOf(sandbox, id), `/v1/customers/${id}/tax_ids`, parameters);
  }),
];

/** A customer's tax ids, the first one first. */
export function taxIdsOf(sandbox: Sandbox, customer: string): TaxId[] {
  return [...sandbox.tables.taxIds.values()].filter((each) => each.customer === customer);
}

/** Gives a customer a tax id that they do not have yet. */
export function addTaxId(
  sandbox: Sandbox,
  customer: Customer,
  { type, value }: { readonly type: TaxId['type']; readonly value: string },
): void {
  if (taxIdsOf(sandbox, customer.id).some((each) => each.type === type && each.value === value)) return;
  const created: TaxId = {
    id: sandbox.newId('txi'),
    object: 'tax_id',
    country: customer.address?.country ?? null,
    created: sandbox.now(),
    customer: customer.id,
    customer_account: null,
    livemode: false,
    owner: { customer: customer.id, customer_account: null, type: 'customer' },
    type,
    value,
    verification: { status: 'unavailable', verified_address: null, verified_name: null },
  };
  sandbox.tables.taxIds.set(created.id, created);
  sandbox.emit('customer.tax_id.created', created);
}

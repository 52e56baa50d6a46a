import { moveBalance } from './balance-moves.ts';
import { customerOf } from './customers.ts';
import { pageFields, pageOf } from './lists.ts';
import { integer, mergeMetadata, metadata, required, text } from './parameters.ts';
import { route, type Route } from './router.ts';
import { rowOf } from './sandbox.ts';

/** A customer's balance: what they owe beyond their invoices, or, below 0, have to their credit. */
export const customerBalanceRoutes: readonly Route[] = [
  route(
    'POST',
    '/v1/customers/:id/balance_transactions',
    { amount: required(integer), currency: required(text), description: text, metadata },
    (sandbox, parameters, [id]) =>
      moveBalance(sandbox, customerOf(sandbox, id), {
        ...parameters,
        type: 'adjustment',
        metadata: mergeMetadata({}, parameters.metadata),
      }),
  ),
  route(
    'GET',
    '/v1/customers/:id/balance_transactions',
    { ...pageFields, invoice: text },
    (sandbox, parameters, [id]) => {
      customerOf(sandbox, id);
      const rows = [...sandbox.tables.balanceTransactions.values()].filter(
        (each) => each.customer === id && (parameters.invoice === undefined || each.invoice === parameters.invoice),
      );
      return pageOf(rows, `/v1/customers/${id}/balance_transactions`, parameters);
    },
  ),
  route('GET', '/v1/customers/:id/balance_transactions/:transaction', {}, (sandbox, _parameters, [, id]) =>
    rowOf(sandbox.tables.balanceTransactions, 'customer balance transaction', id),
  ),
];

import { attachMethod, methodFromToken, methodNamed } from './cards.ts';
import { addressFields, addressOf, customerOf } from './customers.ts';
import { detachMethod } from './default-cards.ts';
import { invalid } from './errors.ts';
import { pageFields, pageOf } from './lists.ts';
import { clearable, mergeMetadata, metadata, object, oneOf, required, text } from './parameters.ts';
import { route, type Route } from './router.ts';
import { rowOf } from './sandbox.ts';

/** Cards: those that the hosted pages gave customers, and test cards by name or token. */
export const paymentMethodRoutes: readonly Route[] = [
  route(
    'POST',
    '/v1/payment_methods',
    {
      billing_details: object({
        address: clearable(addressFields),
        email: clearable(text),
        name: clearable(text),
        phone: clearable(text),
      }),
      card: required(object({ token: required(text) })),
      metadata,
      type: required(oneOf('card')),
    },
    (sandbox, parameters) => {
      const { billing_details: billing, card } = parameters;
      const method = methodFromToken(sandbox, card.token, 'card[token]');
      method.metadata = mergeMetadata({}, parameters.metadata);
      if (billing !== undefined) {
        const { address, email = null, name = null, phone = null } = billing;
        method.billing_details = { address: addressOf(address ?? null), email, name, phone, tax_id: null };
      }
      return method;
    },
  ),
  route('GET', '/v1/payment_methods/:id', {}, (sandbox, _parameters, [id]) =>
    rowOf(sandbox.tables.paymentMethods, 'payment method', id),
  ),
  route('POST', '/v1/payment_methods/:id/attach', { customer: required(text) }, (sandbox, parameters, [id]) => {
    const customer = customerOf(sandbox, parameters.customer, 'customer');
    const method = methodNamed(sandbox, id);
    attachMethod(sandbox, customer, method);
    return method;
  }),
  route('POST', '/v1/payment_methods/:id/detach', {}, (sandbox, _parameters, [id]) => {
    const method = rowOf(sandbox.tables.paymentMethods, 'payment method', id);
    if (method.customer === null) {
      throw invalid('The payment method you provided is not attached to a customer so detachment is impossible.');
    }
    detachMethod(sandbox, method);
    return method;
  }),
  route('GET', '/v1/customers/:id/payment_methods', { ...pageFields, type: text }, (sandbox, parameters, [id]) => {
    customerOf(sandbox, id);
    const rows = [...sandbox.tables.paymentMethods.values()].filter((each) => each.customer === id);
    return pageOf(rows, `/v1/customers/${id}/payment_methods`, parameters);
  }),
];

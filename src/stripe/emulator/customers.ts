import { pageFields, pageOf, range, within } from './lists.ts';
import {
  clearable,
  type Fields,
  integer,
  list,
  mergeMetadata,
  metadata,
  object,
  required,
  text,
  type Values,
} from './parameters.ts';
import { route, type Route } from './router.ts';
import { rowOf, type Sandbox } from './sandbox.ts';
import type { Customer } from './wire.ts';

const address = object({
  city: clearable(text),
  country: clearable(text),
  line1: clearable(text),
  line2: clearable(text),
  postal_code: clearable(text),
  state: clearable(text),
});

const fields = {
  address: clearable(address),
  balance: integer,
  description: clearable(text),
  email: clearable(text),
  invoice_settings: object({ default_payment_method: clearable(text) }),
  metadata,
  name: clearable(text),
  phone: clearable(text),
  preferred_locales: list(required(text)),
} satisfies Fields;

/** Customers, and the payment methods that the hosted pages gave them. */
export const customerRoutes: readonly Route[] = [
  route('POST', '/v1/customers', fields, (sandbox, parameters) => createCustomer(sandbox, parameters)),
  route('GET', '/v1/customers', { ...pageFields, created: range, email: text }, (sandbox, parameters) => {
    const rows = [...sandbox.tables.customers.values()].filter(
      (each) =>
        (parameters.email === undefined || each.email === parameters.email) && within(each.created, parameters.created),
    );
    return pageOf(rows, '/v1/customers', parameters);
  }),
  route(
    'GET',
    '/v1/customers/:id',
    {},
    (sandbox, _parameters, [id]) => sandbox.tables.deletedCustomers.get(id) ?? customerOf(sandbox, id),
  ),
  route('POST', '/v1/customers/:id', fields, (sandbox, parameters, [id]) => {
    const customer = customerOf(sandbox, id);
    const method = parameters.invoice_settings?.default_payment_method;
    if (method != null) rowOf(sandbox.tables.paymentMethods, 'payment method', method, 'invoice_settings');
    sandbox.change(customer, 'customer.updated', () => apply(customer, parameters));
    return customer;
  }),
  route('GET', '/v1/customers/:id/payment_methods', { ...pageFields, type: text }, (sandbox, parameters, [id]) => {
    customerOf(sandbox, id);
    const rows = [...sandbox.tables.paymentMethods.values()].filter((each) => each.customer === id);
    return pageOf(rows, `/v1/customers/${id}/payment_methods`, parameters);
  }),
  route('GET', '/v1/payment_methods/:id', {}, (sandbox, _parameters, [id]) =>
    rowOf(sandbox.tables.paymentMethods, 'payment method', id),
  ),
];

/** The customer, or Stripe's refusal. */
export function customerOf(sandbox: Sandbox, id: string, param?: string): Customer {
  return rowOf(sandbox.tables.customers, 'customer', id, param);
}

/** Makes a customer; Checkout does so too when it is given none. */
export function createCustomer(sandbox: Sandbox, parameters: Partial<Values<typeof fields>>): Customer {
  const customer: Customer = {
    id: sandbox.newId('cus', 14),
    object: 'customer',
    address: null,
    balance: 0,
    created: sandbox.now(),
    currency: null,
    customer_account: null,
    default_source: null,
    delinquent: false,
    description: null,
    discount: null,
    email: null,
    invoice_prefix: sandbox.newId('').slice(1, 9).toUpperCase(),
    invoice_settings: { custom_fields: null, default_payment_method: null, footer: null, rendering_options: null },
    livemode: false,
    metadata: {},
    name: null,
    next_invoice_sequence: 1,
    phone: null,
    preferred_locales: [],
    shipping: null,
    tax_exempt: 'none',
    test_clock: null,
  };
  apply(customer, parameters);
  sandbox.tables.customers.set(customer.id, customer);
  sandbox.emit('customer.created', customer);
  return customer;
}

function apply(customer: Customer, parameters: Partial<Values<typeof fields>>): void {
  const { address: where, invoice_settings: settings, metadata: meta, preferred_locales: locales } = parameters;
  for (const name of ['description', 'email', 'name', 'phone'] as const) {
    const value = parameters[name];
    if (value !== undefined) customer[name] = value;
  }
  if (parameters.balance !== undefined) customer.balance = parameters.balance;
  if (where !== undefined) {
    customer.address = where && {
      city: where.city ?? null,
      country: where.country ?? null,
      line1: where.line1 ?? null,
      line2: where.line2 ?? null,
      postal_code: where.postal_code ?? null,
      state: where.state ?? null,
    };
  }
  if (settings?.default_payment_method !== undefined) {
    customer.invoice_settings.default_payment_method = settings.default_payment_method;
  }
  if (locales !== undefined) customer.preferred_locales = locales;
  customer.metadata = mergeMetadata(customer.metadata, meta);
}

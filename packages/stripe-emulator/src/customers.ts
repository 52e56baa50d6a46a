import { moveBalance } from './balance-moves.ts';
import { attachMethod, giveSource, methodNamed } from './cards.ts';
import { invalid } from './errors.ts';
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

/** An address, wherever it stands. */
export const addressFields = object({
  city: clearable(text),
  country: clearable(text),
  line1: clearable(text),
  line2: clearable(text),
  postal_code: clearable(text),
  state: clearable(text),
});

const fields = {
  address: clearable(addressFields),
  balance: integer,
  description: clearable(text),
  email: clearable(text),
  invoice_settings: object({ default_payment_method: clearable(text) }),
  metadata,
  name: clearable(text),
  phone: clearable(text),
  preferred_locales: list(required(text)),
} satisfies Fields;

const createFields = { ...fields, payment_method: text, source: text };

/** Customers. What becomes of deleted ones is in customer-deletion.ts. */
export const customerRoutes: readonly Route[] = [
  route('POST', '/v1/customers', createFields, (sandbox, parameters) => createCustomer(sandbox, parameters)),
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
    if (method != null) assertOwn(sandbox, customer, method);
    sandbox.change(customer, 'customer.updated', () => apply(customer, parameters));
    adjustBalance(sandbox, customer, parameters.balance);
    return customer;
  }),
];

/** The customer, or Stripe's refusal. */
export function customerOf(sandbox: Sandbox, id: string, param?: string): Customer {
  return rowOf(sandbox.tables.customers, 'customer', id, param);
}

/** A list may be asked for a customer who was deleted, but for nobody whom the account does not know. */
export function assertKnown(sandbox: Sandbox, id: string | undefined): void {
  if (id === undefined || sandbox.tables.deletedCustomers.has(id)) return;
  customerOf(sandbox, id, 'customer');
}

/** A customer has one currency, from the first thing that is charged in one. */
export function holdCurrency(customer: Customer, currency: string): void {
  assertCurrency(customer, currency);
  customer.currency = currency;
}

/** Refuses a currency that is not the customer's. */
export function assertCurrency(customer: Customer, currency: string): void {
  if (customer.currency != null && customer.currency !== currency) {
    throw invalid(
      `You cannot combine currencies on a single customer. This customer has an active subscription, subscription schedule, discount, quote, or invoice item with currency ${customer.currency}.`,
      { param: 'currency' },
    );
  }
}

/** Makes a customer; Checkout does so too when it is given none. */
export function createCustomer(sandbox: Sandbox, parameters: Partial<Values<typeof createFields>>): Customer {
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
  customer.balance = parameters.balance ?? 0;
  if (parameters.source !== undefined) giveSource(sandbox, customer, parameters.source);
  attachFirst(sandbox, customer, parameters.payment_method);
  sandbox.tables.customers.set(customer.id, customer);
  sandbox.emit('customer.created', customer);
  return customer;
}

/** A balance that is set is one more move of it. */
function adjustBalance(sandbox: Sandbox, customer: Customer, balance: number | undefined): void {
  const amount = (balance ?? customer.balance) - customer.balance;
  if (amount === 0) return;
  moveBalance(sandbox, customer, { amount, currency: customer.currency ?? 'usd', type: 'adjustment' });
}

/** The card that a new customer brings along, which may be named as the default in the same call. */
function attachFirst(sandbox: Sandbox, customer: Customer, name: string | undefined): void {
  const settings = customer.invoice_settings;
  if (name === undefined) {
    if (settings.default_payment_method !== null) assertOwn(sandbox, customer, settings.default_payment_method);
    return;
  }
  const method = methodNamed(sandbox, name, 'payment_method');
  if (settings.default_payment_method === name) settings.default_payment_method = method.id;
  else if (settings.default_payment_method !== null) assertOwn(sandbox, customer, settings.default_payment_method);
  attachMethod(sandbox, customer, method);
}

/** Refuses what the customer does not own. */
export function assertOwn(sandbox: Sandbox, customer: Customer, method: string): void {
  if (sandbox.tables.paymentMethods.get(method)?.customer === customer.id) return;
  throw invalid(
    `The customer does not have a payment method with the ID ${method}. The payment method must be attached to the customer.`,
    { code: 'resource_missing', param: 'payment_method' },
  );
}

/** As it is kept: what was not said is null. */
export function addressOf(given: GivenAddress | null | undefined): Address | null {
  if (given == null) return null;
  return {
    city: given.city ?? null,
    country: given.country ?? null,
    line1: given.line1 ?? null,
    line2: given.line2 ?? null,
    postal_code: given.postal_code ?? null,
    state: given.state ?? null,
  };
}

type Address = NonNullable<Customer['address']>;
type GivenAddress = Partial<NonNullable<Values<{ address: typeof addressFields }>['address']>>;

function apply(customer: Customer, parameters: Partial<Values<typeof fields>>): void {
  const { address: where, invoice_settings: settings, metadata: meta, preferred_locales: locales } = parameters;
  for (const name of ['description', 'email', 'name', 'phone'] as const) {
    const value = parameters[name];
    if (value !== undefined) customer[name] = value;
  }
  if (where !== undefined) customer.address = addressOf(where);
  if (settings?.default_payment_method !== undefined) {
    customer.invoice_settings.default_payment_method = settings.default_payment_method;
  }
  if (locales !== undefined) customer.preferred_locales = locales;
  customer.metadata = mergeMetadata(customer.metadata, meta);
}

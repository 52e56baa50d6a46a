import { absorbWaiting } from './billing.ts';
import { priceOf } from './catalog.ts';
import { assertKnown, customerOf, holdCurrency } from './customers.ts';
import { invalid } from './errors.ts';
import { unitAmountOf } from './invoice-lines.ts';
import { invoiceOf } from './invoice-routes.ts';
import { pageFields, pageOf } from './lists.ts';
import { canonicalDecimal, lineCents } from './money.ts';
import {
  decimal,
  flag,
  integer,
  list,
  mergeMetadata,
  metadata,
  object,
  required,
  text,
  type Values,
} from './parameters.ts';
import { blankItem, keepItems } from './proration.ts';
import { route, type Route } from './router.ts';
import { rowOf, type Sandbox } from './sandbox.ts';
import { subscriptionOf } from './subscriptions.ts';
import type { Invoice, InvoiceItem } from './wire.ts';

const createFields = {
  amount: integer,
  currency: text,
  customer: required(text),
  description: text,
  invoice: text,
  metadata,
  period: object({ end: required(integer), start: required(integer) }),
  pricing: object({ price: text }),
  quantity: integer,
  subscription: text,
  unit_amount_decimal: decimal,
};

/** Single charges and credits that the next invoice takes along. */
export const invoiceItemRoutes: readonly Route[] = [
  route('POST', '/v1/invoiceitems', createFields, (sandbox, parameters) => createItem(sandbox, parameters)),
  route(
    'GET',
    '/v1/invoiceitems',
    { ...pageFields, customer: text, invoice: text, pending: flag },
    (sandbox, parameters) => {
      assertKnown(sandbox, parameters.customer);
      const rows = [...sandbox.tables.invoiceItems.values()].filter(
        (each) =>
          (parameters.customer === undefined || each.customer === parameters.customer) &&
          (parameters.invoice === undefined || each.invoice === parameters.invoice) &&
          (parameters.pending === undefined || (each.invoice === null) === parameters.pending),
      );
      return pageOf(rows, '/v1/invoiceitems', parameters);
    },
  ),
  route('GET', '/v1/invoiceitems/:id', {}, (sandbox, _parameters, [id]) => itemOf(sandbox, id)),
  route('POST', '/v1/invoiceitems/:id', { quantity: required(integer) }, (sandbox, { quantity }, [id]) => {
    const item = waitingItem(sandbox, id);
    item.quantity = quantity;
    item.amount = lineCents(String(item.pricing?.unit_amount_decimal ?? item.amount), quantity);
    item.net_amount = item.amount;
    return item;
  }),
  route(
    'POST',
    '/v1/invoices/:id/add_lines',
    { lines: required(list(required(object({ invoice_item: required(text) })))) },
    (sandbox, { lines }, [id]) => assignItems(sandbox, invoiceOf(sandbox, id), lines),
  ),
  route('DELETE', '/v1/invoiceitems/:id', {}, (sandbox, _parameters, [id]) => {
    const item = waitingItem(sandbox, id);
    sandbox.tables.invoiceItems.delete(id);
    sandbox.emit('invoiceitem.deleted', item);
    return { id, object: 'invoiceitem', deleted: true };
  }),
];

/** Puts items that wait on a draft. */
function assignItems(sandbox: Sandbox, invoice: Invoice, lines: readonly { readonly invoice_item: string }[]): Invoice {
  assertDraft(invoice);
  const items = lines.map(({ invoice_item: id }) => waitingItem(sandbox, id));
  for (const { customer, parent } of items) {
    const owner = parent?.subscription_details?.subscription ?? null;
    const moves = owner === null || owner === invoice.parent?.subscription_details?.subscription;
    if (customer !== invoice.customer || (!moves && !sandbox.behaviour.subscriptionItemsMove)) {
      throw invalid('This invoice item cannot be added to this invoice.', { param: 'lines' });
    }
  }
  absorbWaiting(sandbox, invoice, items);
  return invoice;
}

function assertDraft({ status }: Invoice): void {
  if (status === 'draft') return;
  throw invalid('You can only add items to draft invoices.', { code: 'invoice_not_editable', param: 'invoice' });
}

function createItem(sandbox: Sandbox, parameters: Values<typeof createFields>): InvoiceItem {
  const customer = customerOf(sandbox, parameters.customer, 'customer');
  if (parameters.subscription !== undefined) subscriptionOf(sandbox, parameters.subscription, 'subscription');
  const invoice = parameters.invoice === undefined ? null : invoiceOf(sandbox, parameters.invoice, 'invoice');
  if (invoice !== null) assertDraft(invoice);
  const priceId = parameters.pricing?.price;
  const price = priceId === undefined ? null : priceOf(sandbox, priceId, 'pricing[price]');
  const quantity = parameters.quantity ?? 1;
  const unit = price === null ? parameters.unit_amount_decimal : unitAmountOf(price);
  const amount = parameters.amount ?? (unit === undefined ? undefined : lineCents(unit, quantity));
  if (amount === undefined) {
    throw invalid('You must specify `amount`, `unit_amount_decimal` or `pricing`.', { param: 'amount' });
  }
  const currency = price?.currency ?? parameters.currency?.toLowerCase() ?? customer.currency;
  if (currency === null || currency === undefined) {
    throw invalid('Missing required param: currency.', { code: 'parameter_missing', param: 'currency' });
  }
  holdCurrency(customer, currency);
  const item = blankItem(sandbox, {
    customer: customer.id,
    amount,
    currency,
    description: parameters.description ?? null,
    period: parameters.period ?? { start: sandbox.now(), end: sandbox.now() },
    quantity: parameters.amount === undefined ? quantity : 1,
    price,
    unitAmount: unit === undefined ? String(amount) : canonicalDecimal(unit),
    proration: false,
    subscription: parameters.subscription ?? null,
    subscriptionItem: null,
    credited: null,
    metadata: mergeMetadata({}, parameters.metadata),
  });
  keepItems(sandbox, [item]);
  if (invoice !== null) absorbWaiting(sandbox, invoice, [item]);
  return item;
}

/** The item, as long as no invoice has taken it. After that it stays as it is. */
function waitingItem(sandbox: Sandbox, id: string): InvoiceItem {
  const item = itemOf(sandbox, id);
  if (item.invoice !== null) throw invalid('This invoice item is already on an invoice.');
  return item;
}

function itemOf(sandbox: Sandbox, id: string): InvoiceItem {
  return rowOf(sandbox.tables.invoiceItems, 'invoiceitem', id);
}

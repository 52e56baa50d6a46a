import { assertKnown, assertOwn, customerOf, holdCurrency } from './customers.ts';
import { collect, forgive, settle } from './collection.ts';
import { invalid, cardRefused } from './errors.ts';
import { createInvoice, finalizeInvoice, voidInvoice, writeOff } from './invoices.ts';
import { itemLine } from './invoice-lines.ts';
import { pageFields, pageInOrder, pageOf, range, within } from './lists.ts';
import {
  clearable,
  flag,
  integer,
  mergeMetadata,
  metadata,
  object,
  oneOf,
  required,
  text,
  type Values,
} from './parameters.ts';
import { intentOf } from './payments.ts';
import { waitingItems } from './proration.ts';
import { route, type Route } from './router.ts';
import { rowOf, type Sandbox } from './sandbox.ts';
import { dropPendingUpdate } from './subscription-state.ts';
import { subscriptionOf } from './subscriptions.ts';
import type { Invoice } from './wire.ts';

const payFields = { off_session: flag, paid_out_of_band: flag, payment_method: text };

/** Invoices and what pays them. Previews are in preview.ts. */
export const invoiceRoutes: readonly Route[] = [
  route(
    'POST',
    '/v1/invoices',
    {
      auto_advance: flag,
      collection_method: oneOf('charge_automatically', 'send_invoice'),
      currency: text,
      customer: required(text),
      days_until_due: integer,
      default_payment_method: text,
      description: text,
      metadata,
      pending_invoice_items_behavior: oneOf('exclude', 'include'),
      subscription: text,
    },
    (sandbox, parameters) => {
      const customer = customerOf(sandbox, parameters.customer, 'customer');
      const { default_payment_method: method } = parameters;
      if (method !== undefined) assertOwn(sandbox, customer, method);
      const subscription =
        parameters.subscription === undefined ? null : subscriptionOf(sandbox, parameters.subscription, 'subscription');
      const items =
        parameters.pending_invoice_items_behavior === 'include' || subscription !== null
          ? waitingItems(sandbox, customer, subscription?.id ?? null)
          : [];
      const isSent = parameters.collection_method === 'send_invoice';
      if (isSent !== (parameters.days_until_due !== undefined)) {
        throw invalid("`days_until_due` goes with `collection_method` set to 'send_invoice', and only with that.", {
          param: 'days_until_due',
        });
      }
      const currency = items[0]?.currency ?? parameters.currency ?? customer.currency ?? 'usd';
      holdCurrency(customer, currency);
      const latest = subscription?.latest_invoice ?? null;
      const invoice = createInvoice(sandbox, {
        customer,
        subscription,
        reason: 'manual',
        period: { start: sandbox.now(), end: sandbox.now() },
        lines: items.map((item) => itemLine(sandbox, item)),
        currency,
        metadata: mergeMetadata({}, parameters.metadata),
        description: parameters.description ?? null,
        defaultPaymentMethod: method,
        finalizesAt: parameters.auto_advance === true ? sandbox.now() + sandbox.behaviour.draftSeconds : null,
        daysUntilDue: parameters.days_until_due,
      });
      if (subscription !== null) subscription.latest_invoice = latest ?? invoice.id;
      for (const item of items) item.invoice = invoice.id;
      return invoice;
    },
  ),
  route(
    'GET',
    '/v1/invoices',
    {
      ...pageFields,
      created: range,
      customer: text,
      status: oneOf('draft', 'open', 'paid', 'uncollectible', 'void'),
      subscription: text,
    },
    (sandbox, parameters) => {
      const { customer, status, subscription } = parameters;
      assertKnown(sandbox, customer);
      const rows = [...sandbox.tables.invoices.values()].filter(
        (each) =>
          (customer === undefined || each.customer === customer) &&
          (status === undefined || each.status === status) &&
          (subscription === undefined || each.parent?.subscription_details?.subscription === subscription) &&
          within(each.created, parameters.created),
      );
      return pageOf(rows, '/v1/invoices', parameters);
    },
  ),
  route('GET', '/v1/invoices/:id', {}, (sandbox, _parameters, [id]) => invoiceOf(sandbox, id)),
  route(
    'POST',
    '/v1/invoices/:id',
    { auto_advance: flag, description: clearable(text), metadata },
    (sandbox, parameters, [id]) => {
      const invoice = invoiceOf(sandbox, id);
      sandbox.change(invoice, 'invoice.updated', () => {
        if (parameters.auto_advance !== undefined) advance(sandbox, invoice, parameters.auto_advance);
        if (parameters.description !== undefined) invoice.description = parameters.description;
        invoice.metadata = mergeMetadata(invoice.metadata ?? {}, parameters.metadata);
      });
      return invoice;
    },
  ),
  route('DELETE', '/v1/invoices/:id', {}, (sandbox, _parameters, [id]) => {
    const invoice = invoiceOf(sandbox, id);
    if (invoice.status !== 'draft' || invoice.parent !== null) {
      throw invalid('You can only delete one-off draft invoices.', { code: 'invoice_not_editable' });
    }
    // What was written on it goes with it.
    for (const item of sandbox.tables.invoiceItems.values()) {
      if (item.invoice === id) sandbox.tables.invoiceItems.delete(item.id);
    }
    sandbox.tables.invoices.delete(id);
    sandbox.emit('invoice.deleted', invoice);
    return { id, object: 'invoice', deleted: true };
  }),
  route('GET', '/v1/invoices/:id/lines', pageFields, (sandbox, parameters, [id]) =>
    pageInOrder(invoiceOf(sandbox, id).lines.data, `/v1/invoices/${id}/lines`, parameters),
  ),
  route('POST', '/v1/invoices/:id/finalize', { auto_advance: flag }, (sandbox, parameters, [id]) => {
    const invoice = invoiceOf(sandbox, id);
    if (invoice.status !== 'draft') {
      throw invalid('This invoice is already finalized, you can not re-finalize a non-draft invoice.', {
        code: 'invoice_not_editable',
      });
    }
    finalizeInvoice(sandbox, invoice);
    if (invoice.amount_due === 0) settle(sandbox, invoice);
    else if (parameters.auto_advance !== undefined) advance(sandbox, invoice, parameters.auto_advance);
    return invoice;
  }),
  route('POST', '/v1/invoices/:id/pay', payFields, (sandbox, parameters, [id]) =>
    payInvoice(sandbox, invoiceOf(sandbox, id), parameters),
  ),
  route('POST', '/v1/invoices/:id/send', {}, (sandbox, _parameters, [id]) => {
    const invoice = invoiceOf(sandbox, id);
    if (invoice.collection_method !== 'send_invoice') {
      throw invalid("Only invoices with `collection_method` set to 'send_invoice' can be sent.");
    }
    if (invoice.status === 'draft') finalizeInvoice(sandbox, invoice);
    if (invoice.status !== 'open') throw invalid(`This invoice is ${invoice.status} and can no longer be sent.`);
    sandbox.emit('invoice.sent', invoice);
    return invoice;
  }),
  route('POST', '/v1/invoices/:id/mark_uncollectible', {}, (sandbox, _parameters, [id]) => {
    const invoice = invoiceOf(sandbox, id);
    if (invoice.status !== 'open') {
      throw invalid(`You can only pass in open invoices. This invoice is ${invoice.status}.`);
    }
    writeOff(sandbox, invoice);
    forgive(sandbox, invoice);
    return invoice;
  }),
  route('POST', '/v1/invoices/:id/void', {}, (sandbox, _parameters, [id]) => {
    const invoice = invoiceOf(sandbox, id);
    if (invoice.status !== 'open' && invoice.status !== 'uncollectible') {
      throw invalid(`You can only pass in open invoices. This invoice is ${invoice.status}.`);
    }
    voidInvoice(sandbox, invoice);
    forgive(sandbox, invoice);
    // An update that waited for its payment is given up with it.
    const waiting = sandbox.tables.subscriptions.get(
      sandbox.tables.invoiceNotes.get(invoice.id)?.pendingUpdateOf ?? '',
    );
    if (waiting !== undefined) dropPendingUpdate(sandbox, waiting, 'customer.subscription.updated');
    return invoice;
  }),
  route(
    'GET',
    '/v1/invoice_payments',
    {
      ...pageFields,
      invoice: text,
      payment: object({ payment_intent: text, type: required(oneOf('payment_intent')) }),
      status: oneOf('canceled', 'open', 'paid'),
    },
    (sandbox, parameters) => {
      const rows = [...sandbox.tables.invoicePayments.values()].filter(
        (each) =>
          (parameters.invoice === undefined || each.invoice === parameters.invoice) &&
          (parameters.status === undefined || each.status === parameters.status) &&
          (parameters.payment?.payment_intent === undefined ||
            each.payment.payment_intent === parameters.payment.payment_intent),
      );
      return pageOf(rows, '/v1/invoice_payments', parameters);
    },
  ),
  route('GET', '/v1/invoice_payments/:id', {}, (sandbox, _parameters, [id]) =>
    rowOf(sandbox.tables.invoicePayments, 'invoice payment', id),
  ),
];

/** The invoice, or Stripe's refusal. */
export function invoiceOf(sandbox: Sandbox, id: string, param?: string): Invoice {
  return rowOf(sandbox.tables.invoices, 'invoice', id, param);
}

/** It goes on by itself, to be finalized and collected, or stands as it is until a call moves it. */
function advance(sandbox: Sandbox, invoice: Invoice, goesOn: boolean): void {
  const { status, collection_method: method } = invoice;
  invoice.auto_advance = goesOn;
  const soon = sandbox.now() + sandbox.behaviour.draftSeconds;
  if (status === 'draft') invoice.automatically_finalizes_at = goesOn ? soon : null;
  const isCharged = goesOn && method === 'charge_automatically' && (status === 'draft' || status === 'open');
  invoice.next_payment_attempt = isCharged ? soon : null;
}

/** Pays an open invoice now. @throws StripeFailure 402 when the card does not */
function payInvoice(
  sandbox: Sandbox,
  invoice: Invoice,
  { paid_out_of_band: outOfBand, payment_method: method }: Values<typeof payFields>,
): Invoice {
  if (invoice.status === 'draft') finalizeInvoice(sandbox, invoice);
  if (invoice.status === 'paid') throw invalid('Invoice is already paid', { code: 'invoice_already_paid' });
  if (invoice.status !== 'open' && invoice.status !== 'uncollectible') {
    throw invalid(`This invoice is ${invoice.status} and can no longer be paid.`);
  }
  if (outOfBand === true) {
    settle(sandbox, invoice);
    return invoice;
  }
  if (method !== undefined) assertOwn(sandbox, customerOf(sandbox, invoice.customer ?? '', 'customer'), method);
  const outcome = collect(sandbox, invoice, { method: method ?? null });
  if (outcome === 'succeeded') return invoice;
  const intent = intentOf(sandbox, invoice.id);
  const details = { payment_intent: structuredClone(intent) };
  if (outcome === 'requires_action') {
    throw cardRefused(
      'The payment for this invoice requires additional user action before it can be completed successfully.',
      'invoice_payment_intent_requires_action',
      details,
    );
  }
  throw cardRefused(intent?.last_payment_error?.message ?? 'Your card was declined.', 'card_declined', {
    ...details,
    ...(intent?.latest_charge != null && { charge: intent.latest_charge, decline_code: 'generic_decline' }),
  });
}

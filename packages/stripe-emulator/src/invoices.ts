import { DAY } from './calendar.ts';
import { moveBalance, unapplyBalance } from './balance-moves.ts';
import { nameDebits } from './credited-items.ts';
import { customerOf } from './customers.ts';
import { running, spendOnce } from './discounts.ts';
import { automaticTax } from './automatic-tax.ts';
import { addUp, LEAST_CHARGE_CENTS } from './invoice-sums.ts';
import { countUsage, isMetered } from './invoice-lines.ts';
import { unitsUsed } from './meters.ts';
import { cancelIntent, createIntent, intentOf, paymentsOf } from './payments.ts';
import type { Sandbox } from './sandbox.ts';
import { taxIdsOf } from './tax-ids.ts';
import type { InvoiceNotes } from './tables.ts';
import type { Customer, Invoice, InvoiceLine, InvoicePayment, Metadata, Subscription } from './wire.ts';

export type BillingReason = 'manual' | 'subscription_create' | 'subscription_cycle' | 'subscription_update';

export interface NewInvoice {
  readonly customer: Customer;
  readonly subscription: Subscription | null;
  readonly reason: BillingReason;
  readonly period: { readonly start: number; readonly end: number };
  readonly lines: readonly InvoiceLine[];
  readonly currency: string;
  readonly metadata?: Metadata;
  readonly description?: string | null;
  /** Its own card, which goes before all other defaults. */
  readonly defaultPaymentMethod?: string | undefined;
  /** The instant at which it stops being a draft by itself. Null: a call finalizes it. */
  readonly finalizesAt: number | null;
  /** It is sent and waits so many days for its customer; absent: the card is charged. */
  readonly daysUntilDue?: number | undefined;
  /** Discounts of one that is no subscription's. */
  readonly discounts?: readonly string[];
  /** True: taxes are calculated; of a subscription's invoice the subscription says so. */
  readonly automaticTax?: boolean;
  readonly usageLines?: InvoiceNotes['usageLines'];
  readonly pendingUpdateOf?: string | null;
}

/** A draft. The subscription's `latest_invoice` names it from now on. */
export function createInvoice(sandbox: Sandbox, parameters: NewInvoice): Invoice {
  const invoice = draftInvoice(sandbox, parameters);
  sandbox.tables.invoices.set(invoice.id, invoice);
  sandbox.tables.invoiceNotes.set(invoice.id, {
    retries: 0,
    usageLines: [...(parameters.usageLines ?? [])],
    pendingUpdateOf: parameters.pendingUpdateOf ?? null,
  });
  const { subscription } = parameters;
  if (subscription !== null) subscription.latest_invoice = invoice.id;
  if (subscription !== null && invoice.total_discount_amounts !== null && invoice.total_discount_amounts.length > 0) {
    spendOnce(sandbox, subscription);
  }
  sandbox.emit('invoice.created', invoice);
  return invoice;
}

/** An invoice that is nowhere kept: `create_preview` answers with it. */
export function draftInvoice(sandbox: Sandbox, parameters: NewInvoice): Invoice {
  const { customer, subscription, period, daysUntilDue } = parameters;
  const id = sandbox.newId('in');
  const invoice: Invoice = {
    id,
    object: 'invoice',
    account_country: 'US',
    account_name: 'Tollgate',
    account_tax_ids: null,
    amount_due: 0,
    amount_overpaid: 0,
    amount_paid: 0,
    amount_remaining: 0,
    amount_shipping: 0,
    application: null,
    attempt_count: 0,
    attempted: false,
    auto_advance: parameters.finalizesAt !== null,
    automatic_tax: automaticTax(subscription?.automatic_tax.enabled ?? parameters.automaticTax ?? false, customer),
    automatically_finalizes_at: parameters.finalizesAt,
    billing_reason: parameters.reason,
    collection_method: daysUntilDue === undefined ? 'charge_automatically' : 'send_invoice',
    created: sandbox.now(),
    currency: parameters.currency,
    custom_fields: null,
    customer: customer.id,
    customer_account: null,
    customer_address: customer.address ?? null,
    customer_email: customer.email,
    customer_name: customer.name ?? null,
    customer_phone: customer.phone ?? null,
    customer_shipping: null,
    customer_tax_exempt: 'none',
    customer_tax_ids: taxIdsOf(sandbox, customer.id).map(({ type, value }) => ({ type, value })),
    default_payment_method: parameters.defaultPaymentMethod ?? null,
    default_source: null,
    default_tax_rates: [],
    description: parameters.description ?? null,
    discounts:
      subscription === null
        ? [...(parameters.discounts ?? [])]
        : running(sandbox, subscription.discounts).map(({ id: discount }) => discount),
    due_date: daysUntilDue === undefined ? null : sandbox.now() + daysUntilDue * DAY,
    effective_at: null,
    ending_balance: null,
    footer: null,
    from_invoice: null,
    hosted_invoice_url: null,
    invoice_pdf: null,
    issuer: { type: 'self' },
    last_finalization_error: null,
    latest_revision: null,
    lines: {
      object: 'list',
      data: parameters.lines.map((line) => ({ ...line, invoice: id })),
      has_more: false,
      url: `/v1/invoices/${id}/lines`,
    },
    livemode: false,
    metadata: parameters.metadata ?? {},
    next_payment_attempt: daysUntilDue === undefined ? parameters.finalizesAt : null,
    number: null,
    on_behalf_of: null,
    parent:
      subscription === null
        ? null
        : {
            quote_details: null,
            subscription_details: { metadata: subscription.metadata, subscription: subscription.id },
            type: 'subscription_details',
          },
    payment_settings: { default_mandate: null, payment_method_options: null, payment_method_types: null },
    period_end: period.end,
    period_start: period.start,
    post_payment_credit_notes_amount: 0,
    pre_payment_credit_notes_amount: 0,
    receipt_number: null,
    rendering: null,
    shipping_cost: null,
    shipping_details: null,
    starting_balance: customer.balance,
    statement_descriptor: null,
    status: 'draft',
    status_transitions: { finalized_at: null, marked_uncollectible_at: null, paid_at: null, voided_at: null },
    subtotal: 0,
    subtotal_excluding_tax: 0,
    test_clock: null,
    total: 0,
    total_discount_amounts: [],
    total_excluding_tax: 0,
    total_pretax_credit_amounts: [],
    total_taxes: [],
    webhooks_delivered_at: null,
  };
  nameDebits(sandbox, invoice);
  addUp(sandbox, invoice);
  return invoice;
}

/** Adds lines to a draft. */
export function addLines(sandbox: Sandbox, invoice: Invoice, lines: readonly InvoiceLine[]): void {
  sandbox.change(invoice, 'invoice.updated', () => {
    invoice.lines.data.push(...lines.map((line) => ({ ...line, invoice: invoice.id })));
    nameDebits(sandbox, invoice);
    addUp(sandbox, invoice);
  });
}

/** Counts the use again that a draft is about: events may come until it is finalized. */
function recountUsage(sandbox: Sandbox, invoice: Invoice): void {
  const notes = sandbox.tables.invoiceNotes.get(invoice.id);
  if (invoice.status !== 'draft' || invoice.customer === null) return;
  for (const usage of notes?.usageLines ?? []) {
    const line = invoice.lines.data.find((each) => each.id === usage.line);
    const price = sandbox.tables.prices.get(usage.price);
    if (line === undefined || price === undefined || !isMetered(price)) continue;
    countUsage(sandbox, line, { price, units: unitsUsed(sandbox, { ...usage, customer: invoice.customer }) });
  }
  addUp(sandbox, invoice);
}

/** A draft becomes open: it gets its number, its page and its payment, and can no longer change. */
export function finalizeInvoice(sandbox: Sandbox, invoice: Invoice): void {
  const customer = customerOf(sandbox, invoice.customer ?? '', 'customer');
  recountUsage(sandbox, invoice);
  invoice.starting_balance = customer.balance;
  if (customer.address !== undefined) invoice.customer_address = customer.address;
  invoice.automatic_tax = automaticTax(invoice.automatic_tax.enabled, customer);
  addUp(sandbox, invoice);
  const sequence = customer.next_invoice_sequence ?? 1;
  customer.next_invoice_sequence = sequence + 1;
  invoice.number = `${customer.invoice_prefix ?? 'TG'}-${String(sequence).padStart(4, '0')}`;
  invoice.status = 'open';
  invoice.automatically_finalizes_at = null;
  invoice.effective_at = sandbox.now();
  invoice.status_transitions.finalized_at = sandbox.now();
  // The days to pay it run from here.
  if (invoice.due_date !== null) invoice.due_date += sandbox.now() - invoice.created;
  invoice.hosted_invoice_url = `${sandbox.baseUrl}/i/${invoice.id}`;
  invoice.invoice_pdf = `${sandbox.baseUrl}/i/${invoice.id}/pdf`;
  settleBalance(sandbox, invoice, customer);
  if (invoice.amount_due > 0) createPayment(sandbox, invoice);
  sandbox.emit('invoice.finalized', invoice);
}

/** The invoice is paid: by its payment, out of band, or because nothing was due. */
export function markPaid(sandbox: Sandbox, invoice: Invoice): void {
  invoice.status = 'paid';
  invoice.attempted = true;
  invoice.auto_advance = false;
  invoice.amount_paid = invoice.amount_due;
  invoice.amount_remaining = 0;
  invoice.next_payment_attempt = null;
  invoice.status_transitions.paid_at = sandbox.now();
  for (const payment of paymentsOf(sandbox, invoice.id)) {
    payment.status = 'paid';
    payment.amount_paid = payment.amount_requested;
    payment.status_transitions.paid_at = sandbox.now();
    sandbox.emit('invoice_payment.paid', payment);
  }
  sandbox.emit('invoice.paid', invoice);
  sandbox.emit('invoice.payment_succeeded', invoice);
}

/** Nobody is expected to pay it any more, though somebody may. */
export function writeOff(sandbox: Sandbox, invoice: Invoice): void {
  sandbox.change(invoice, 'invoice.marked_uncollectible', () => {
    invoice.status = 'uncollectible';
    invoice.auto_advance = false;
    invoice.next_payment_attempt = null;
    invoice.status_transitions.marked_uncollectible_at = sandbox.now();
  });
}

/** Nobody will pay it, and nobody has to. Items that it took stay with it. */
export function voidInvoice(sandbox: Sandbox, invoice: Invoice): void {
  const intent = intentOf(sandbox, invoice.id);
  if (intent !== null) cancelIntent(sandbox, intent);
  for (const payment of paymentsOf(sandbox, invoice.id)) {
    payment.status = 'canceled';
    payment.status_transitions.canceled_at = sandbox.now();
  }
  unapplyBalance(sandbox, invoice);
  invoice.status = 'void';
  invoice.auto_advance = false;
  invoice.next_payment_attempt = null;
  invoice.status_transitions.voided_at = sandbox.now();
  sandbox.emit('invoice.voided', invoice);
}

function settleBalance(sandbox: Sandbox, invoice: Invoice, customer: Customer): void {
  const owed = invoice.total + invoice.starting_balance;
  const rest = owed >= LEAST_CHARGE_CENTS ? 0 : owed;
  invoice.ending_balance = rest;
  const amount = rest - customer.balance;
  if (amount === 0) return;
  const { currency, id } = invoice;
  moveBalance(sandbox, customer, { amount, currency, type: 'applied_to_invoice', invoice: id });
}

function createPayment(sandbox: Sandbox, invoice: Invoice): void {
  const intent = createIntent(sandbox, {
    amount: invoice.amount_due,
    currency: invoice.currency,
    customer: invoice.customer,
    description: invoice.billing_reason === 'manual' ? (invoice.description ?? null) : 'Subscription update',
    metadata: {},
    setupFutureUsage: null,
  });
  const payment: InvoicePayment = {
    id: sandbox.newId('inpay'),
    object: 'invoice_payment',
    amount_paid: null,
    amount_requested: invoice.amount_due,
    created: sandbox.now(),
    currency: invoice.currency,
    invoice: invoice.id,
    is_default: true,
    livemode: false,
    payment: { payment_intent: intent.id, type: 'payment_intent' },
    status: 'open',
    status_transitions: { canceled_at: null, paid_at: null },
  };
  sandbox.tables.invoicePayments.set(payment.id, payment);
}

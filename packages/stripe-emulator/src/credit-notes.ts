import { settle } from './collection.ts';
import { moveBalance } from './balance-moves.ts';
import { assertKnown, customerOf } from './customers.ts';
import { invalid } from './errors.ts';
import { invoiceOf } from './invoice-routes.ts';
import { pageFields, pageInOrder, pageOf } from './lists.ts';
import { canonicalDecimal, lineCents, shareCents } from './money.ts';
import {
  decimal,
  type Fields,
  integer,
  list,
  mergeMetadata,
  metadata,
  object,
  oneOf,
  required,
  text,
  type Values,
} from './parameters.ts';
import { intentOf, paymentsOf } from './payments.ts';
import { createRefund } from './refunds.ts';
import { route, type Route } from './router.ts';
import { rowOf, type Sandbox } from './sandbox.ts';
import type { CreditNote, CreditNoteLine, Invoice } from './wire.ts';

const lineFields = {
  amount: integer,
  description: text,
  invoice_line_item: text,
  metadata,
  quantity: integer,
  type: required(oneOf('custom_line_item', 'invoice_line_item')),
  unit_amount: integer,
  unit_amount_decimal: decimal,
} satisfies Fields;

const createFields = {
  amount: integer,
  credit_amount: integer,
  email_type: oneOf('credit_note', 'none'),
  invoice: required(text),
  lines: list(required(object(lineFields))),
  memo: text,
  metadata,
  out_of_band_amount: integer,
  reason: oneOf('duplicate', 'fraudulent', 'order_change', 'product_unsatisfactory'),
  refund_amount: integer,
  refunds: list(required(object({ amount_refunded: integer, refund: required(text) }))),
} satisfies Fields;

type NoteRequest = Values<typeof createFields>;

/** Credit notes: less is owed on an open invoice; of a paid one money goes back, to the card, the balance or elsewhere. */
export const creditNoteRoutes: readonly Route[] = [
  route('POST', '/v1/credit_notes', createFields, (sandbox, parameters) => createNote(sandbox, parameters)),
  route('GET', '/v1/credit_notes', { ...pageFields, customer: text, invoice: text }, (sandbox, parameters) => {
    assertKnown(sandbox, parameters.customer);
    const rows = [...sandbox.tables.creditNotes.values()].filter(
      (each) =>
        (parameters.customer === undefined || each.customer === parameters.customer) &&
        (parameters.invoice === undefined || each.invoice === parameters.invoice),
    );
    return pageOf(rows, '/v1/credit_notes', parameters);
  }),
  route('GET', '/v1/credit_notes/:id', {}, (sandbox, _parameters, [id]) => noteOf(sandbox, id)),
  route('GET', '/v1/credit_notes/:id/lines', pageFields, (sandbox, parameters, [id]) =>
    pageInOrder(noteOf(sandbox, id).lines.data, `/v1/credit_notes/${id}/lines`, parameters),
  ),
  route('POST', '/v1/credit_notes/:id/void', {}, (sandbox, _parameters, [id]) =>
    voidNote(sandbox, noteOf(sandbox, id)),
  ),
];

function createNote(sandbox: Sandbox, parameters: NoteRequest): CreditNote {
  const invoice = invoiceOf(sandbox, parameters.invoice, 'invoice');
  if (invoice.status !== 'open' && invoice.status !== 'paid') {
    throw invalid(`You can only create credit notes on finalized invoices. This invoice is ${String(invoice.status)}.`);
  }
  const lines = linesOf(sandbox, invoice, parameters);
  const total = parameters.amount ?? lines.reduce((sum, line) => sum + line.amount, 0);
  if (total < 1) throw invalid('One of `amount`, `lines`, or `shipping_cost` must be provided.', { param: 'amount' });
  const left = leftToCredit(sandbox, invoice, parameters);
  if (total > left) {
    throw invalid(`The sum of credit amounts (${total}) exceeds the creditable amount of the invoice (${left}).`);
  }
  const before = Math.min(total, invoice.amount_remaining);
  const after = total - before;
  assertCovered(sandbox, parameters, after);
  const id = sandbox.newId('cn');
  const refunds = refundsOf(sandbox, invoice, parameters);
  const note = blankNote(sandbox, { id, invoice, parameters, lines, total, before, after, refunds });
  sandbox.tables.creditNotes.set(id, note);
  const { credit_amount: credit = 0 } = parameters;
  if (credit > 0) {
    const customer = customerOf(sandbox, invoice.customer ?? '', 'customer');
    const { currency } = invoice;
    const moved = moveBalance(sandbox, customer, { amount: -credit, currency, type: 'credit_note', creditNote: id });
    note.customer_balance_transaction = moved.id;
  }
  sandbox.change(invoice, 'invoice.updated', () => {
    invoice.pre_payment_credit_notes_amount += before;
    invoice.post_payment_credit_notes_amount += after;
  });
  sandbox.emit('credit_note.created', note);
  if (before > 0) owe(sandbox, invoice, -before);
  return note;
}

/** So much more is due on an open invoice; less is, with a minus, and of nothing due it is paid. */
function owe(sandbox: Sandbox, invoice: Invoice, cents: number): void {
  invoice.amount_due += cents;
  invoice.amount_remaining += cents;
  const intent = intentOf(sandbox, invoice.id);
  if (intent !== null) intent.amount += cents;
  for (const payment of paymentsOf(sandbox, invoice.id)) payment.amount_requested += cents;
  if (invoice.amount_due === 0) settle(sandbox, invoice);
}

function voidNote(sandbox: Sandbox, note: CreditNote): CreditNote {
  const invoice = invoiceOf(sandbox, note.invoice);
  if (note.status === 'void' || note.type !== 'pre_payment' || invoice.status !== 'open') {
    throw invalid('You can only void a credit note of an open invoice.');
  }
  owe(sandbox, invoice, note.pre_payment_amount);
  invoice.pre_payment_credit_notes_amount -= note.pre_payment_amount;
  sandbox.change(note, 'credit_note.voided', () => {
    note.status = 'void';
    note.voided_at = sandbox.now();
  });
  return note;
}

/** The most that a further note may credit: refunds that no note names count against it. */
function leftToCredit(sandbox: Sandbox, invoice: Invoice, { refunds = [] }: NoteRequest): number {
  const notes = [...sandbox.tables.creditNotes.values()].filter(
    (each) => each.invoice === invoice.id && each.status !== 'void',
  );
  const named = new Set([
    ...refunds.map(({ refund }) => refund),
    ...notes.flatMap((each) => each.refunds.map(({ refund }) => refund)),
  ]);
  const charge = intentOf(sandbox, invoice.id)?.latest_charge ?? null;
  const refunded = [...sandbox.tables.refunds.values()]
    .filter((each) => each.charge === charge && charge !== null && each.status === 'succeeded' && !named.has(each.id))
    .reduce((sum, each) => sum + each.amount, 0);
  return invoice.total - refunded - notes.reduce((sum, each) => sum + each.total, 0);
}

function assertCovered(sandbox: Sandbox, parameters: NoteRequest, after: number): void {
  const { credit_amount: credit = 0, refund_amount: refund = 0, out_of_band_amount: elsewhere = 0 } = parameters;
  const linked = (parameters.refunds ?? []).reduce(
    (sum, each) =>
      sum + (each.amount_refunded ?? rowOf(sandbox.tables.refunds, 'refund', each.refund, 'refunds').amount),
    0,
  );
  if (credit + refund + elsewhere + linked === after) return;
  throw invalid(
    `The sum of credit amount, refund amount and out of band amount (${credit + refund + elsewhere + linked}) must equal the post payment amount (${after}).`,
  );
}

function refundsOf(sandbox: Sandbox, invoice: Invoice, parameters: NoteRequest): CreditNote['refunds'] {
  const linked = (parameters.refunds ?? []).map((each) => ({
    amount_refunded: each.amount_refunded ?? rowOf(sandbox.tables.refunds, 'refund', each.refund, 'refunds').amount,
    refund: each.refund,
  }));
  const { refund_amount: amount = 0 } = parameters;
  const charge = intentOf(sandbox, invoice.id)?.latest_charge ?? null;
  if (amount > 0 && charge === null) throw invalid('This invoice has no charge to refund.', { param: 'refund_amount' });
  const made =
    amount > 0 && charge !== null
      ? [{ amount_refunded: amount, refund: createRefund(sandbox, { charge, amount }).id }]
      : [];
  return [...linked, ...made].map((each) => ({ ...each, payment_record_refund: null, type: 'refund' }));
}

function linesOf(sandbox: Sandbox, invoice: Invoice, { amount, lines }: NoteRequest): CreditNoteLine[] {
  if ((amount === undefined) === (lines === undefined)) {
    throw invalid('You must specify exactly one of `amount` and `lines`.', { param: 'amount' });
  }
  if (lines !== undefined) return lines.map((line) => lineOf(sandbox, invoice, line));
  if (amount === undefined || sandbox.behaviour.creditNoteByAmount === 'no_lines') return [];
  return [lineOf(sandbox, invoice, customLine(amount))];
}

function customLine(amount: number): Values<typeof lineFields> {
  return {
    amount: undefined,
    description: undefined,
    invoice_line_item: undefined,
    metadata: undefined,
    quantity: 1,
    type: 'custom_line_item',
    unit_amount: amount,
    unit_amount_decimal: undefined,
  };
}

function lineOf(sandbox: Sandbox, invoice: Invoice, line: Values<typeof lineFields>): CreditNoteLine {
  const { quantity, unit_amount: cents, unit_amount_decimal: exact } = line;
  const credited = invoice.lines.data.find((each) => each.id === line.invoice_line_item);
  if (line.type === 'invoice_line_item' && credited === undefined) {
    throw invalid(`No such invoice line item: '${line.invoice_line_item ?? ''}'`, {
      code: 'resource_missing',
      param: 'lines',
    });
  }
  const unit = canonicalDecimal(exact ?? String(cents ?? 0));
  const whole = credited?.quantity ?? 0;
  const share =
    quantity === undefined || whole === 0
      ? (credited?.amount ?? 0)
      : shareCents(credited?.amount ?? 0, { part: quantity, whole });
  const amount = credited === undefined ? lineCents(unit, quantity ?? 1) : (line.amount ?? share);
  return {
    id: sandbox.newId('cnli'),
    object: 'credit_note_line_item',
    amount,
    description: line.description ?? credited?.description ?? null,
    discount_amount: 0,
    discount_amounts: [],
    ...(credited !== undefined && { invoice_line_item: credited.id }),
    livemode: false,
    metadata: mergeMetadata({}, line.metadata),
    pretax_credit_amounts: [],
    quantity: quantity ?? null,
    tax_rates: [],
    taxes: [],
    type: line.type,
    unit_amount: cents ?? null,
    unit_amount_decimal: credited === undefined ? unit : null,
  };
}

interface NewNote {
  readonly id: string;
  readonly invoice: Invoice;
  readonly parameters: NoteRequest;
  readonly lines: CreditNoteLine[];
  readonly total: number;
  readonly before: number;
  readonly after: number;
  readonly refunds: CreditNote['refunds'];
}

function blankNote(sandbox: Sandbox, note: NewNote): CreditNote {
  const { id, invoice, parameters, lines, total, before, after, refunds } = note;
  const earlier = [...sandbox.tables.creditNotes.values()].filter((each) => each.invoice === invoice.id).length;
  return {
    id,
    object: 'credit_note',
    amount: total,
    amount_shipping: 0,
    created: sandbox.now(),
    currency: invoice.currency,
    customer: invoice.customer ?? '',
    customer_account: null,
    customer_balance_transaction: null,
    discount_amount: 0,
    discount_amounts: [],
    effective_at: sandbox.now(),
    invoice: invoice.id,
    lines: { object: 'list', data: lines, has_more: false, url: `/v1/credit_notes/${id}/lines` },
    livemode: false,
    memo: parameters.memo ?? null,
    metadata: mergeMetadata({}, parameters.metadata),
    number: `${invoice.number ?? 'TG'}-CN-${String(earlier + 1).padStart(2, '0')}`,
    out_of_band_amount: parameters.out_of_band_amount ?? null,
    pdf: `${sandbox.baseUrl}/i/${invoice.id}/pdf`,
    post_payment_amount: after,
    pre_payment_amount: before,
    pretax_credit_amounts: [],
    reason: parameters.reason ?? null,
    refunds,
    shipping_cost: null,
    status: 'issued',
    subtotal: total,
    subtotal_excluding_tax: total,
    total,
    total_excluding_tax: total,
    total_taxes: [],
    type: before === 0 ? 'post_payment' : after === 0 ? 'pre_payment' : 'mixed',
    voided_at: null,
  };
}

function noteOf(sandbox: Sandbox, id: string): CreditNote {
  return rowOf(sandbox.tables.creditNotes, 'credit note', id);
}

import type { Stripe } from 'stripe';
import { type Bench, type Catalog, createCatalog, idOf, startBench, subscribe } from './support/bench.ts';

/** Credit notes, and the balance that they and prorations leave with a customer. */
let bench: Bench;
let catalog: Catalog;

beforeAll(async () => {
  bench = await startBench();
  catalog = await createCatalog(bench.stripe);
});

afterAll(() => bench.emulator.stop());

const balanceOf = async ({ id }: { id: string }): Promise<number> =>
  ((await bench.stripe.customers.retrieve(id)) as Stripe.Customer).balance;

test('a note on a paid invoice credits the balance, and the next invoice takes it', async () => {
  const { customer, subscription, item } = await subscribe(bench, catalog);
  const invoice = await bench.stripe.invoices.retrieve(idOf(subscription.latest_invoice));
  const note = await bench.stripe.creditNotes.create({
    invoice: invoice.id,
    lines: [{ type: 'invoice_line_item', invoice_line_item: invoice.lines.data[0]?.id ?? '', amount: 500 }],
    credit_amount: 500,
    reason: 'product_unsatisfactory',
  });
  expect(note).toMatchObject({ status: 'issued', total: 500, type: 'post_payment', post_payment_amount: 500 });
  expect(await bench.stripe.invoices.retrieve(invoice.id)).toMatchObject({
    status: 'paid',
    amount_paid: 2_000,
    post_payment_credit_notes_amount: 500,
  });
  expect(await balanceOf(customer)).toBe(-500);
  await bench.control.moveClock({ to: item.current_period_end + 3600 });
  const [renewal] = (await bench.stripe.invoices.list({ subscription: subscription.id })).data;
  expect(renewal).toMatchObject({ status: 'paid', total: 2_000, amount_paid: 1_500, starting_balance: -500 });
  expect(await balanceOf(customer)).toBe(0);
  const moves = await bench.stripe.customers.listBalanceTransactions(customer.id);
  expect(moves.data.map(({ type, amount, ending_balance: after }) => ({ type, amount, after }))).toEqual([
    { type: 'applied_to_invoice', amount: 500, after: 0 },
    { type: 'credit_note', amount: -500, after: -500 },
  ]);
});

test('a note refunds the card; more than is left is refused, and so is a sum that does not add up', async () => {
  const { subscription } = await subscribe(bench, catalog);
  const invoice = idOf(subscription.latest_invoice);
  await expect(bench.stripe.creditNotes.create({ invoice, amount: 700, refund_amount: 600 })).rejects.toMatchObject({
    statusCode: 400,
  });
  const note = await bench.stripe.creditNotes.create({ invoice, amount: 700, refund_amount: 700 });
  const refund = await bench.stripe.refunds.retrieve(idOf(note.refunds[0]?.refund));
  expect(refund).toMatchObject({ amount: 700, status: 'succeeded' });
  await expect(
    bench.stripe.creditNotes.create({ invoice, amount: 1_301, out_of_band_amount: 1_301 }),
  ).rejects.toMatchObject({ statusCode: 400 });
});

test.each(['no_lines', 'custom_line'] as const)('a note of an amount alone has %s', async (creditNoteByAmount) => {
  await bench.control.behave({ creditNoteByAmount });
  const { subscription } = await subscribe(bench, catalog);
  const note = await bench.stripe.creditNotes.create({
    invoice: idOf(subscription.latest_invoice),
    amount: 100,
    credit_amount: 100,
  });
  expect(note.lines.data).toHaveLength(creditNoteByAmount === 'no_lines' ? 0 : 1);
});

test('a note on an open invoice lowers what is due; void raises it again; all of it pays it', async () => {
  const customer = await bench.stripe.customers.create();
  const draft = await bench.stripe.invoices.create({ customer: customer.id, currency: 'usd' });
  await bench.stripe.invoiceItems.create({ customer: customer.id, invoice: draft.id, amount: 900, currency: 'usd' });
  await bench.stripe.invoices.finalizeInvoice(draft.id);
  const note = await bench.stripe.creditNotes.create({ invoice: draft.id, amount: 400 });
  expect(note).toMatchObject({ type: 'pre_payment', pre_payment_amount: 400 });
  const dueOf = async (): Promise<unknown> => (await bench.stripe.invoices.retrieve(draft.id)).amount_due;
  expect(await dueOf()).toBe(500);
  await bench.stripe.creditNotes.voidCreditNote(note.id);
  expect(await dueOf()).toBe(900);
  await bench.stripe.creditNotes.create({ invoice: draft.id, amount: 900 });
  expect(await bench.stripe.invoices.retrieve(draft.id)).toMatchObject({ status: 'paid', amount_due: 0 });
});

test('an invoice that is voided gives back what it took of the balance', async () => {
  const customer = await bench.stripe.customers.create();
  await bench.stripe.customers.createBalanceTransaction(customer.id, { amount: -300, currency: 'usd' });
  const draft = await bench.stripe.invoices.create({ customer: customer.id, currency: 'usd' });
  await bench.stripe.invoiceItems.create({ customer: customer.id, invoice: draft.id, amount: 900, currency: 'usd' });
  await bench.stripe.invoices.finalizeInvoice(draft.id);
  expect(await balanceOf(customer)).toBe(0);
  await bench.stripe.invoices.voidInvoice(draft.id);
  expect(await balanceOf(customer)).toBe(-300);
});

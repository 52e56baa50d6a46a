/** PAYMENT_FAILED: once an invoice, and for nothing that the payer is about to confirm (rule 29). */
import { type Buyer, Till } from '../../support/till.ts';
import { DAY_MS, failRenewal, FIRST_END, HOUR_MS, payOnPage } from './periods.ts';

let till: Till;

beforeEach(async () => {
  till = await Till.open();
});

afterEach(() => till.close());

/** The invoices that were told to be unpaid, in order. */
async function failed({ id }: Buyer): Promise<(string | null)[]> {
  const rows = await till.sql<{ invoice_id: string | null }>(
    `select invoice_id from alert where billing_entity_id = $1 and type = 'PAYMENT_FAILED' order by number`,
    [id],
  );
  return rows.map((row) => row.invoice_id);
}

test('a renewal that fails is told once, however often Stripe tries again and tells of it; the next one is another', async () => {
  const ada = await till.subscribed();
  await till.control.deliveryMode({ copies: 2 });
  expect(await failed(ada)).toEqual([]);
  await failRenewal(till, ada);
  const [first] = await till.invoicesOf(ada);
  expect(await failed(ada)).toEqual([first?.id]);
  await till.moveTo(FIRST_END + HOUR_MS + 3 * DAY_MS);
  await till.moveTo(FIRST_END + HOUR_MS + 5 * DAY_MS);
  expect(await failed(ada)).toEqual([first?.id]);
  await payOnPage(till, ada);
  await till.setCard(ada, 'declined');
  await till.moveTo(Date.parse('2027-03-31T02:00:00.000Z'));
  const [second] = await till.invoicesOf(ada);
  expect(second?.id).not.toBe(first?.id);
  expect(await failed(ada)).toEqual([first?.id, second?.id]);
  await till.expectProven(ada);
});

test('a change that waits for the payer’s confirmation has not failed', async () => {
  const ada = await till.subscribed(1);
  await till.setCard(ada, 'requires_action');
  const { pendingPayment } = await till.change(ada, 2);
  await till.settled();
  expect(pendingPayment?.hostedUrl).toBeDefined();
  expect(await failed(ada)).toEqual([]);
  await till.expectProven(ada);
});

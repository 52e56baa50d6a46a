/** Money that goes back as credit takes the credits along that it had bought, each cent once (rule 24). */
import type { Stripe } from 'stripe';
import { contractViolations, CONTRACT_TIMEOUT_MS } from '@tollgate/stripe-emulator/testing/contract';
import { type Buyer, Till } from '../../support/till.ts';
import type { Exchange } from '@tollgate/stripe-emulator';
import { elsewhere } from '../purchases/ends.ts';
import { DAY_MS, FIRST_END, FREE, HOUR_MS, stands, START } from './periods.ts';

const UNIT = 500_000;
const HALF_MS = START + 14 * DAY_MS;

let till: Till;
const traffic: Exchange[] = [];

/** Moving the clock renews everybody: each test has a Till of its own. */
beforeEach(async () => {
  till = await Till.open();
});

afterEach(async () => {
  traffic.push(...till.app.emulator.traffic);
  await till.close();
});

async function charged(buyer: Buyer): Promise<number> {
  return (await till.chargesOf(buyer)).reduce((sum, { amount, paid }) => (paid ? sum + amount : sum), 0);
}

async function credit(
  invoice: Stripe.Invoice,
  cents: number,
  lines: Stripe.CreditNoteCreateParams.Line[],
): Promise<void> {
  await till.stripe.call('credit_note', (sdk) =>
    sdk.creditNotes.create({ invoice: invoice.id, credit_amount: cents, lines }),
  );
  await till.settled();
}

test('three units for one payment stay three, however often the dashboard takes two away and the payer adds them again', async () => {
  const ada = await till.subscribed(3);
  const seen: number[] = [];
  for (let round = 1; round <= 3; round += 1) {
    await till.changeAtStripe(ada, 1);
    await till.settled();
    seen.push(await till.available(ada));
    await till.change(ada, 3);
    await till.settled();
    seen.push(await till.available(ada));
  }
  expect(seen).toEqual([1, 3, 1, 3, 1, 3].map((units) => units * UNIT));
  expect(await charged(ada)).toBe(6_000);
  await till.expectProven(ada);
});

test('so they do where time passes in between, and what was used is owed', async () => {
  const ada = await till.subscribed(3);
  await till.use(ada, 3 * UNIT);
  await till.moveTo(HALF_MS);
  await till.changeAtStripe(ada, 1);
  await till.settled();
  // Half of the price of two units went back, and with it their credits.
  expect(await till.shown(ada)).toMatchObject({ credits: { available: 0, owed: UNIT } });
  await till.moveTo(HALF_MS + HOUR_MS);
  await till.change(ada, 3);
  await till.settled();
  const share = Math.floor((2 * UNIT * (FIRST_END - HALF_MS - HOUR_MS)) / (FIRST_END - START));
  expect(await till.shown(ada)).toMatchObject({ credits: { available: 0, owed: UNIT - share } });
  expect(await charged(ada)).toBe(6_000);
  await till.expectProven(ada);
});

test('an end that prorates takes what was given back, and leaves owed what had been used of it', async () => {
  const ada = await till.subscribed();
  await till.use(ada, 400_000);
  await till.moveTo(HALF_MS);
  const { id } = await till.stripeSubscriptionOf(ada);
  await till.stripe.call('subscription', (sdk) => sdk.subscriptions.cancel(id, { prorate: true, invoice_now: true }));
  await till.settled();
  // $10 of $20 went back: 250,000 credits, of which 100,000 had expired unused.
  expect(await till.shown(ada)).toMatchObject({ ...FREE, credits: { available: 0, owed: 150_000 } });
  await till.sync(ada);
  expect(await till.shown(ada)).toMatchObject({ credits: { available: 0, owed: 150_000 } });
  await till.expectProven(ada);
});

test('a billing cycle that begins anew gives back the rest of the one before', async () => {
  const ada = await till.subscribed();
  await till.use(ada, UNIT);
  await till.moveTo(HALF_MS);
  const { id } = await till.stripeSubscriptionOf(ada);
  await till.stripe.call('subscription', (sdk) =>
    sdk.subscriptions.update(id, { billing_cycle_anchor: { type: 'now' }, proration_behavior: 'create_prorations' }),
  );
  await till.settled();
  expect(await charged(ada)).toBe(3_000);
  expect(await till.shown(ada)).toMatchObject(stands('ACTIVE', UNIT / 2));
  await till.expectProven(ada);
});

test.each([
  ['with the same units', 2, 2 * UNIT],
  ['with fewer', 1, UNIT],
  ['with more', 3, 3 * UNIT],
])(
  'a billing cycle that begins anew in its first second, %s, brings what is paid then',
  async (_what, quantity, left) => {
    const ada = await till.subscribed(2);
    const { id, items } = await till.stripeSubscriptionOf(ada);
    const item = items.data.find((each) => each.quantity === 2)?.id as string;
    await till.stripe.call('subscription', (sdk) =>
      sdk.subscriptions.update(id, {
        items: [{ id: item, quantity }],
        billing_cycle_anchor: { type: 'now' },
        proration_behavior: 'always_invoice',
      }),
    );
    await till.settled();
    expect((await till.shown(ada)).credits).toMatchObject({ available: left, owed: 0 });
    await till.sync(ada);
    expect((await till.shown(ada)).credits).toMatchObject({ available: left, owed: 0 });
    await till.expectProven(ada);
  },
);

test('units that are taken away in mid-period without an invoice count when the next one gives their price back', async () => {
  const ada = await till.subscribed(3);
  await till.moveTo(HALF_MS);
  const { id, items } = await till.stripeSubscriptionOf(ada);
  const item = items.data.find(({ quantity }) => quantity === 3)?.id as string;
  await till.stripe.call('subscription', (sdk) =>
    sdk.subscriptions.update(id, { items: [{ id: item, quantity: 1 }], proration_behavior: 'create_prorations' }),
  );
  await till.settled();
  await till.use(ada, 3 * UNIT);
  await till.moveTo(FIRST_END);
  await till.moveTo(FIRST_END + 2 * HOUR_MS);
  // The renewal of $20 was paid by the $20 that went back.
  expect(await charged(ada)).toBe(6_000);
  expect(await till.shown(ada)).toMatchObject(stands('ACTIVE', 0));
  await till.expectProven(ada);
});

test('units that are taken away take their credits, whatever a discount that came meanwhile makes of their price', async () => {
  const ada = await till.subscribed(3);
  await till.moveTo(HALF_MS);
  const { id } = await till.stripeSubscriptionOf(ada);
  const sdk = elsewhere(till);
  const { id: coupon } = await sdk.coupons.create({ percent_off: 25, duration: 'forever' });
  await sdk.subscriptions.update(id, { discounts: [{ coupon }] });
  await till.changeAtStripe(ada, 2);
  await till.settled();
  // Half of the price of three units went back and two were charged anew, for less: one unit went for half a month.
  expect(await till.available(ada)).toBe(3 * UNIT - UNIT / 2);
  await till.changeAtStripe(ada, 3);
  await till.settled();
  await till.changeAtStripe(ada, 2);
  await till.settled();
  expect(await till.available(ada)).toBe(3 * UNIT - UNIT / 2);
  await till.expectProven(ada);
});

test('a second price of the plan that is taken away takes the credits of its units, whatever they cost', async () => {
  const ada = await till.subscribed(2);
  const { id } = await till.stripeSubscriptionOf(ada);
  const sdk = elsewhere(till);
  const terms = { currency: 'usd', product: 'tollgate_pro', recurring: { interval: 'month' } } as const;
  const cheap = await sdk.prices.create({ ...terms, unit_amount: 500 });
  const added = await sdk.subscriptions.update(id, { items: [{ price: cheap.id }], proration_behavior: 'none' });
  const item = added.items.data.find(({ price }) => price.id === cheap.id)?.id as string;
  await till.moveTo(FIRST_END);
  await till.moveTo(FIRST_END + 2 * HOUR_MS);
  expect(await till.available(ada)).toBe(3 * UNIT);
  // Half of the 31 days to 31 March.
  await till.moveTo(FIRST_END + 15.5 * DAY_MS);
  await sdk.subscriptions.update(id, { items: [{ id: item, deleted: true }], proration_behavior: 'always_invoice' });
  await till.settled();
  expect(await till.available(ada)).toBe(3 * UNIT - UNIT / 2);
  await till.expectProven(ada);
});

test('units that are paid for when the cycle has begun anew bring their share of the month in which they were added', async () => {
  const ada = await till.subscribed();
  await till.setCard(ada, 'declined');
  await till.moveTo(HALF_MS);
  await till.changeAtStripe(ada, 2);
  await till.moveTo(HALF_MS + 7 * DAY_MS);
  const { id } = await till.stripeSubscriptionOf(ada);
  await elsewhere(till).subscriptions.update(id, {
    billing_cycle_anchor: { type: 'now' },
    proration_behavior: 'none',
  });
  await till.settled();
  for (const { status, hosted_invoice_url: page } of (await till.invoicesOf(ada)).toReversed()) {
    if (status === 'open') await till.submit(page as string, { card: 'accepted' });
  }
  expect(await till.shown(ada)).toMatchObject(stands('ACTIVE', 2 * UNIT + UNIT / 2));
  await till.expectProven(ada);
});

describe('a credit note to the balance', () => {
  test('about a line takes its share of what the line bought, once, and together with a refund never more', async () => {
    const ada = await till.subscribed(2);
    const [invoice] = await till.invoicesOf(ada);
    const line = invoice?.lines.data.find(({ amount }) => amount > 0)?.id as string;
    await credit(invoice as Stripe.Invoice, 1_000, [
      { type: 'invoice_line_item', invoice_line_item: line, amount: 1_000 },
    ]);
    expect(await till.available(ada)).toBe(750_000);
    await till.sync(ada);
    expect(await till.available(ada)).toBe(750_000);
    const [charge] = await till.chargesOf(ada);
    await till.control.refund(charge?.id as string, 2_000);
    await till.settled();
    expect(await till.available(ada)).toBe(250_000);
    await till.control.refund(charge?.id as string, 2_000);
    await till.settled();
    expect(await till.shown(ada)).toMatchObject({ credits: { available: 0, owed: 0 } });
    await till.expectProven(ada);
  });

  test('that names no line of several takes nothing', async () => {
    const ada = await till.subscribed();
    await till.allowOverage(ada);
    await till.use(ada, UNIT + 100_000);
    await till.reported();
    await till.moveTo(FIRST_END);
    await till.moveTo(FIRST_END + 2 * HOUR_MS);
    const [invoice] = await till.invoicesOf(ada);
    expect(invoice?.lines.data.filter(({ amount }) => amount > 0)).toHaveLength(2);
    await credit(invoice as Stripe.Invoice, 1_000, [
      { type: 'custom_line_item', description: 'With our apologies', unit_amount: 1_000, quantity: 1 },
    ]);
    expect(await till.available(ada)).toBe(UNIT);
    const { subscription } = await till.shown(ada);
    expect(subscription?.waiting).toEqual([expect.objectContaining({ kind: 'MONEY_BACK_UNTOLD' })]);
    const found = await till.app.services.stripe?.reconciler.run();
    expect(found?.remaining).toEqual([expect.stringContaining(`1000 cents were given back by or for ${invoice?.id}`)]);
  });
});

test(
  'every call and every answer is as the SDK declares it',
  () => {
    expect(contractViolations(traffic.filter(({ path }) => path !== '/v1/events'))).toEqual([]);
  },
  CONTRACT_TIMEOUT_MS,
);

/** Whose card is charged: the one that is named, the invoice's, the subscription's, the customer's; in this order. */
import type { Stripe } from 'stripe';
import { type Bench, type Catalog, createCatalog, DAY, idOf, itemOf, startBench } from './support/bench.ts';
import { cardActions } from './support/cards.ts';
import { CONTRACT_TIMEOUT_MS, contractViolations } from './support/contract.ts';

const HOUR = 3_600;
const GOOD = 'pm_card_visa';
const BAD = 'pm_card_chargeCustomerFail';
const ASKS = 'pm_card_authenticationRequired';

let bench: Bench;
let catalog: Catalog;
let stripe: Stripe;

beforeAll(async () => {
  bench = await startBench();
  ({ stripe } = bench);
  catalog = await createCatalog(stripe);
});

afterAll(() => bench.emulator.stop());

const { customerWith, cardOf, defaultOf, reload, payment, newestOf, renew, subscribed } = cardActions(() => ({
  bench,
  catalog,
}));

async function invoiceFor(
  { id: customer }: Stripe.Customer,
  more: Partial<Stripe.InvoiceCreateParams> = {},
): Promise<Stripe.Invoice> {
  await stripe.invoiceItems.create({ customer, amount: 2_000, currency: 'usd' });
  return stripe.invoices.create({ customer, pending_invoice_items_behavior: 'include', ...more });
}

/** Pays it by the hosted page. */
async function sold(
  fields: Partial<Stripe.Checkout.SessionCreateParams>,
  card: 'accepted' | 'requires_action' = 'accepted',
): Promise<Stripe.Checkout.Session> {
  const session = await stripe.checkout.sessions.create({
    mode: 'subscription',
    line_items: [{ price: catalog.pro.id, quantity: 1 }],
    success_url: 'http://127.0.0.1:9/done',
    ...fields,
  });
  await bench.control.payCheckout(session.id, { card });
  return stripe.checkout.sessions.retrieve(session.id);
}

const CREDITS = {
  mode: 'payment',
  line_items: [{ price_data: { currency: 'usd', unit_amount: 500, product_data: { name: 'Credits' } }, quantity: 1 }],
} as const satisfies Partial<Stripe.Checkout.SessionCreateParams>;

const cardsOf = async (customer: string): Promise<string[]> =>
  (await stripe.customers.listPaymentMethods(customer)).data.map(({ id }) => id);

describe('an invoice', () => {
  test('is not paid with the card of a subscription that it does not belong to, unless it names it', async () => {
    const { customer, card } = await subscribed({ own: GOOD, usual: null });
    const alone = await invoiceFor(customer);
    await expect(stripe.invoices.pay(alone.id)).rejects.toMatchObject({ type: 'StripeCardError' });
    const named = await invoiceFor(customer, { default_payment_method: card });
    expect(named.default_payment_method).toBe(card);
    await stripe.invoices.pay(named.id);
    expect(await payment(named)).toEqual({ status: 'paid', card });
  });

  test('names no card but its customer’s', async () => {
    const { card } = await subscribed({ own: GOOD, usual: null });
    const other = await stripe.customers.create();
    await expect(invoiceFor(other, { default_payment_method: card })).rejects.toMatchObject({
      code: 'resource_missing',
    });
  });

  test('is paid with its own card before its subscription’s, and with one named in the call before that', async () => {
    const { customer, subscription, card: subscriptions } = await subscribed({ own: GOOD, usual: GOOD });
    const [own, called] = [await cardOf(customer, BAD), await cardOf(customer, GOOD)];
    const parent = { subscription: subscription.id };
    const plain = await invoiceFor(customer, parent);
    await stripe.invoices.pay(plain.id);
    expect(await payment(plain)).toEqual({ status: 'paid', card: subscriptions });
    const invoice = await invoiceFor(customer, { ...parent, default_payment_method: own });
    await expect(stripe.invoices.pay(invoice.id)).rejects.toMatchObject({ code: 'card_declined' });
    expect(await payment(invoice)).toEqual({ status: 'open', card: own });
    await stripe.invoices.pay(invoice.id, { payment_method: called });
    expect(await payment(invoice)).toEqual({ status: 'paid', card: called });
  });

  test('that finalizes by itself is charged with its own card', async () => {
    const customer = await customerWith(BAD);
    const card = await cardOf(customer, GOOD);
    const invoice = await invoiceFor(customer, { default_payment_method: card, auto_advance: true });
    await bench.control.moveClock({ advanceSeconds: HOUR });
    expect(await payment(invoice)).toEqual({ status: 'paid', card });
  });
});

describe('a subscription', () => {
  test.each([
    { own: GOOD, usual: BAD, status: 'active' },
    { own: BAD, usual: GOOD, status: 'incomplete' },
  ])('with a card of its own, $own, starts with that and not with $usual', async ({ own, usual, status }) => {
    const { subscription, card } = await subscribed({ own, usual });
    expect(subscription).toMatchObject({ status, default_payment_method: card });
    expect((await payment(await newestOf(subscription))).card).toBe(card);
  });

  test('takes no card but its customer’s', async () => {
    const { subscription, card } = await subscribed({ own: GOOD, usual: null });
    const other = await customerWith(GOOD);
    const items = [{ price: catalog.pro.id }];
    await expect(
      stripe.subscriptions.create({ customer: other.id, items, default_payment_method: card }),
    ).rejects.toMatchObject({ code: 'resource_missing' });
    expect((await stripe.subscriptions.list({ customer: other.id, status: 'all' })).data).toEqual([]);
    const others = idOf((await defaultOf(other)) as string);
    await expect(
      stripe.subscriptions.update(subscription.id, { default_payment_method: others }),
    ).rejects.toMatchObject({ code: 'resource_missing' });
    expect((await reload(subscription)).default_payment_method).toBe(card);
  });

  test('renews with its own card, although the customer’s is declined', async () => {
    const { subscription, card } = await subscribed({ own: GOOD, usual: BAD });
    expect(await payment(await renew(subscription))).toEqual({ status: 'paid', card });
  });

  test('is past due when its own card is declined, although the customer’s would pay', async () => {
    const { customer, subscription } = await subscribed({ own: GOOD, usual: GOOD });
    const bad = await cardOf(customer, BAD);
    await stripe.subscriptions.update(subscription.id, { default_payment_method: bad });
    expect(await payment(await renew(subscription))).toEqual({ status: 'open', card: bad });
    expect((await reload(subscription)).status).toBe('past_due');
  });

  test('is confirmed by 3-D Secure for the card that asked, whatever its card is by then', async () => {
    const { customer, subscription, card } = await subscribed({ own: ASKS, usual: GOOD });
    const invoice = await newestOf(subscription);
    expect((await payment(invoice)).card).toBe(card);
    await stripe.subscriptions.update(subscription.id, { default_payment_method: await cardOf(customer, GOOD) });
    expect(await bench.control.authenticateInvoice(invoice.id)).toEqual({ outcome: 'succeeded' });
    expect(await payment(invoice)).toEqual({ status: 'paid', card });
  });

  test('error_if_incomplete looks at the card that would be charged', async () => {
    const strict = { payment_behavior: 'error_if_incomplete' } as const;
    await expect(subscribed({ own: BAD, usual: GOOD }, strict)).rejects.toMatchObject({ code: 'card_declined' });
    const { customer, subscription } = await subscribed({ own: GOOD, usual: BAD }, strict);
    const item = itemOf(subscription, catalog.pro).id;
    const more = (quantity: number): Promise<Stripe.Subscription> =>
      stripe.subscriptions.update(subscription.id, {
        items: [{ id: item, quantity }],
        proration_behavior: 'always_invoice',
        ...strict,
      });
    expect(itemOf(await more(2), catalog.pro).quantity).toBe(2);
    await stripe.subscriptions.update(subscription.id, { default_payment_method: await cardOf(customer, BAD) });
    await expect(more(3)).rejects.toMatchObject({ statusCode: 402, code: 'card_declined' });
    expect(itemOf(await reload(subscription), catalog.pro).quantity).toBe(2);
  });

  test('on trial goes on with its own card, where its customer has none', async () => {
    const { subscription } = await subscribed(
      { own: GOOD, usual: null },
      { trial_period_days: 7, trial_settings: { end_behavior: { missing_payment_method: 'cancel' } } },
    );
    await bench.control.moveClock({ advanceSeconds: 7 * DAY + HOUR });
    expect((await reload(subscription)).status).toBe('active');
  });

  test('leaves no card behind that could pay for a customer who is deleted', async () => {
    const { customer, subscription } = await subscribed({ own: GOOD, usual: GOOD });
    const open = await stripe.invoices.finalizeInvoice(
      (await invoiceFor(customer, { subscription: subscription.id })).id,
    );
    await stripe.customers.del(customer.id);
    expect((await reload(subscription)).default_payment_method).toBeNull();
    await expect(stripe.invoices.pay(open.id)).rejects.toMatchObject({ type: 'StripeCardError' });
  });
});

describe('Checkout', () => {
  test.each(['accepted', 'requires_action'] as const)(
    'sells a subscription: the card, %s, is its own from the first charge on, and no default of the customer',
    async (card) => {
      const customer = await customerWith(null);
      const session = await sold({ customer: customer.id }, card);
      const subscription = await reload({ id: idOf(session.subscription) });
      const own = subscription.default_payment_method;
      expect(await defaultOf(customer)).toBeNull();
      expect(await cardsOf(customer.id)).toEqual([own]);
      expect(await payment({ id: idOf(session.invoice) })).toEqual({ status: 'paid', card: own });
      const alone = await invoiceFor(customer);
      await expect(stripe.invoices.pay(alone.id)).rejects.toMatchObject({ type: 'StripeCardError' });
    },
  );

  test('leaves the default that a customer has', async () => {
    const customer = await customerWith(BAD);
    const before = await defaultOf(customer);
    const session = await sold({ customer: customer.id });
    expect(await defaultOf(customer)).toBe(before);
    const renewed = await renew({ id: idOf(session.subscription) });
    expect((await payment(renewed)).status).toBe('paid');
  });

  test('sells a trial with the card that it will go on with', async () => {
    const customer = await customerWith(null);
    const trial = {
      trial_period_days: 7,
      trial_settings: { end_behavior: { missing_payment_method: 'cancel' } },
    } as const;
    const { subscription } = await sold({ customer: customer.id, subscription_data: trial });
    await bench.control.moveClock({ advanceSeconds: 7 * DAY + HOUR });
    expect((await reload({ id: idOf(subscription) })).status).toBe('active');
  });

  test.each([{ invoiced: true }, { invoiced: false }])(
    'sells something once (invoiced: $invoiced): the card pays that and is kept nowhere',
    async ({ invoiced }) => {
      const customer = await customerWith(BAD);
      const before = await defaultOf(customer);
      const invoicing = { invoice_creation: { enabled: invoiced } };
      const session = await sold({ ...CREDITS, ...invoicing, customer: customer.id }, 'requires_action');
      const intent = await stripe.paymentIntents.retrieve(idOf(session.payment_intent));
      expect(intent.status).toBe('succeeded');
      expect(await stripe.paymentMethods.retrieve(idOf(intent.payment_method))).toMatchObject({
        customer: null,
        card: { last4: '3184' },
      });
      expect(await defaultOf(customer)).toBe(before);
      expect(await cardsOf(customer.id)).toEqual([before]);
    },
  );

  test('keeps the card of something sold once where that was asked for, as no default', async () => {
    const customer = await customerWith(null);
    const later = { payment_intent_data: { setup_future_usage: 'off_session' } } as const;
    const session = await sold({ ...CREDITS, ...later, customer: customer.id });
    const intent = await stripe.paymentIntents.retrieve(idOf(session.payment_intent));
    expect(await cardsOf(customer.id)).toEqual([intent.payment_method]);
    expect(await defaultOf(customer)).toBeNull();
  });
});

describe('a card that is given by hand', () => {
  test('is the customer’s and that of every subscription that has not ended; null takes all away', async () => {
    const { customer, subscription, card } = await subscribed({ own: GOOD, usual: GOOD });
    const ended = await stripe.subscriptions.create({
      customer: customer.id,
      items: [{ price: catalog.pro.id }],
      default_payment_method: card,
    });
    await stripe.subscriptions.cancel(ended.id);
    await bench.control.setCard(customer.id, 'declined');
    const given = await defaultOf(customer);
    expect(await stripe.paymentMethods.retrieve(given as string)).toMatchObject({ card: { last4: '0341' } });
    expect((await reload(subscription)).default_payment_method).toBe(given);
    expect((await reload(ended)).default_payment_method).toBe(card);
    await bench.control.setCard(customer.id, null);
    expect([await defaultOf(customer), (await reload(subscription)).default_payment_method]).toEqual([null, null]);
  });

  test('in the portal is shown there, and is the subscription’s, too', async () => {
    const { customer, subscription } = await subscribed({ own: BAD, usual: null });
    const features = { payment_method_update: { enabled: true }, invoice_history: { enabled: true } };
    const { id: configuration } = await stripe.billingPortal.configurations.create({ features });
    const { url } = await stripe.billingPortal.sessions.create({ customer: customer.id, configuration });
    expect(await read(url)).toContain('Visa ending in 0341');
    await send(url, { action: 'card', card: 'accepted' });
    expect(await read(url)).toContain('Visa ending in 4242');
    expect(await defaultOf(customer)).toBe((await reload(subscription)).default_payment_method);
  });

  test('at an invoice’s page pays that, whatever card the invoice names, and what comes after it', async () => {
    const { customer, subscription } = await subscribed({ own: BAD, usual: BAD });
    const [first] = (await stripe.invoices.list({ subscription: subscription.id })).data;
    await send(first?.hosted_invoice_url ?? '', { card: 'accepted' });
    expect((await reload(subscription)).status).toBe('active');
    expect((await payment(await renew(subscription))).status).toBe('paid');
    const named = await invoiceFor(customer, { default_payment_method: await cardOf(customer, BAD) });
    const { hosted_invoice_url: page } = await stripe.invoices.finalizeInvoice(named.id);
    await send(page ?? '', { card: 'accepted' });
    expect(await payment(named)).toEqual({ status: 'paid', card: await defaultOf(customer) });
  });
});

test('the home page shows the customer’s card, or else that of the newest subscription that lives', async () => {
  const { customer } = await subscribed({ own: ASKS, usual: null });
  const shown = async (): Promise<string | undefined> =>
    new RegExp(`${customer.id}\\. ([^.]+)\\.`).exec(await read(`${bench.emulator.url}/`))?.[1];
  expect(await shown()).toBe('Visa ending in 3184');
  const items = [{ price: catalog.pro.id }];
  const newest = await stripe.subscriptions.create({
    customer: customer.id,
    items,
    default_payment_method: await cardOf(customer, GOOD),
  });
  expect(await shown()).toBe('Visa ending in 4242');
  await stripe.subscriptions.cancel(newest.id);
  expect(await shown()).toBe('Visa ending in 3184');
  const usual = await cardOf(customer, BAD);
  await stripe.customers.update(customer.id, { invoice_settings: { default_payment_method: usual } });
  expect(await shown()).toBe('Visa ending in 0341');
});

test(
  'all of this was as the SDK declares it',
  () => {
    expect(contractViolations(bench.emulator.traffic)).toEqual([]);
  },
  CONTRACT_TIMEOUT_MS,
);

async function read(url: string): Promise<string> {
  return (await (await fetch(url)).text()).replaceAll(/\s+/g, ' ');
}

async function send(url: string, form: Record<string, string>): Promise<void> {
  await (await fetch(url, { method: 'POST', body: new URLSearchParams(form), redirect: 'manual' })).text();
}

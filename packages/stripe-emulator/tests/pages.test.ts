import type { Stripe } from 'stripe';
import { type Bench, type Catalog, createCatalog, itemOf, startBench, subscribe } from './support/bench.ts';

let bench: Bench;
let catalog: Catalog;
let stripe: Stripe;

beforeAll(async () => {
  bench = await startBench();
  ({ stripe } = bench);
  catalog = await createCatalog(stripe);
});

afterAll(() => bench.emulator.stop());

const visit = async (url: string): Promise<string> =>
  (await (await fetch(url, { redirect: 'manual' })).text()).replaceAll(/\s+/g, ' ');

const submit = async (url: string, fields: Record<string, string>): Promise<{ to: string | null; body: string }> => {
  const response = await fetch(url, { method: 'POST', body: new URLSearchParams(fields), redirect: 'manual' });
  return { to: response.headers.get('location'), body: await response.text() };
};

const checkout = (fields: Partial<Stripe.Checkout.SessionCreateParams> = {}): Promise<Stripe.Checkout.Session> =>
  stripe.checkout.sessions.create({
    mode: 'subscription',
    line_items: [{ price: catalog.pro.id, quantity: 2 }, { price: catalog.overage.id }],
    success_url: 'http://127.0.0.1:9/done?session={CHECKOUT_SESSION_ID}',
    cancel_url: 'http://127.0.0.1:9/no',
    ...fields,
  });

describe('Checkout', () => {
  test('shows what is bought, takes a card and leads back with the id of the session', async () => {
    const customer = await stripe.customers.create({ email: 'ada@example.com' });
    const session = await checkout({ customer: customer.id, client_reference_id: 'entity', metadata: { a: 'b' } });
    const page = await visit(session.url ?? '');
    expect(page).toContain('<h1>Subscribe</h1>');
    expect(page).toContain('$40.00');
    expect(page).toContain('0.004 cents each');
    expect(page).toContain('href="http://127.0.0.1:9/no"');
    const { to } = await submit(session.url ?? '', { card: 'accepted' });
    expect(to).toBe(`http://127.0.0.1:9/done?session=${session.id}`);
    const paid = await stripe.checkout.sessions.retrieve(session.id, { expand: ['subscription', 'line_items'] });
    expect(paid).toMatchObject({
      status: 'complete',
      payment_status: 'paid',
      client_reference_id: 'entity',
      amount_total: 4_000,
      url: null,
    });
    expect((paid.subscription as Stripe.Subscription).status).toBe('active');
    // Going back to it leads on, and buys nothing twice.
    const again = await submit(session.url ?? '', { card: 'accepted' });
    expect(again.to).toBe(to);
    expect((await stripe.subscriptions.list({ customer: customer.id })).data).toHaveLength(1);
  });

  test('a declined card may be replaced by another', async () => {
    const session = await checkout();
    const declined = await submit(session.url ?? '', { card: 'declined', email: 'x@example.com' });
    expect(declined.body).toContain('role="alert"');
    expect((await stripe.checkout.sessions.retrieve(session.id)).status).toBe('open');
    expect((await submit(session.url ?? '', { card: 'accepted', email: 'x@example.com' })).to).toContain(session.id);
  });

  test('3-D Secure is asked for on a page of its own, and may fail', async () => {
    const session = await checkout();
    const asked = await submit(session.url ?? '', { card: 'requires_action', email: 'x@example.com' });
    expect(asked.body).toContain('<h1>3-D Secure</h1>');
    expect((await submit(session.url ?? '', { step: 'refuse' })).body).toContain('role="alert"');
    await submit(session.url ?? '', { card: 'requires_action', email: 'x@example.com' });
    expect((await submit(session.url ?? '', { step: 'confirm' })).to).toContain(session.id);
  });

  test('a purchase makes an invoice if it is to', async () => {
    const customer = await stripe.customers.create();
    const session = await checkout({
      mode: 'payment',
      customer: customer.id,
      line_items: [
        { price_data: { currency: 'usd', unit_amount: 50, product_data: { name: 'Credits' } }, quantity: 3 },
      ],
      invoice_creation: { enabled: true },
      payment_intent_data: { metadata: { credits: '37500' } },
    });
    await submit(session.url ?? '', { card: 'accepted' });
    const paid = await stripe.checkout.sessions.retrieve(session.id, { expand: ['invoice', 'payment_intent'] });
    expect(paid.invoice).toMatchObject({ status: 'paid', total: 150, billing_reason: 'manual' });
    expect(paid.payment_intent).toMatchObject({ status: 'succeeded', amount: 150, metadata: { credits: '37500' } });
  });

  test('what comes from outside is text', async () => {
    const name = '<script>alert("1")</script>';
    const product = await stripe.products.create({ name });
    const session = await checkout({
      mode: 'payment',
      line_items: [{ price_data: { currency: 'usd', unit_amount: 50, product: product.id }, quantity: 1 }],
      cancel_url: 'javascript:alert(1)',
    });
    const page = await visit(session.url ?? '');
    expect(page).not.toContain('<script');
    expect(page).not.toContain('javascript:');
    expect(page).toContain('&lt;script&gt;');
  });

  test('after its time it is over', async () => {
    const now = await bench.control.now();
    await expect(checkout({ expires_at: now + 1799 })).rejects.toMatchObject({ param: 'expires_at' });
    await expect(checkout({ expires_at: now + 86_401 })).rejects.toMatchObject({ param: 'expires_at' });
    const session = await checkout({ expires_at: now + 1800 });
    await bench.control.moveClock({ advanceSeconds: 1800 });
    expect((await stripe.checkout.sessions.retrieve(session.id)).status).toBe('expired');
    expect(await visit(session.url ?? '')).toContain('no longer valid');
  });
});

describe('the portal', () => {
  let cheap: Stripe.Price;
  let configuration: Stripe.BillingPortal.Configuration;

  beforeAll(async () => {
    const product = await stripe.products.create({ name: 'Small' });
    cheap = await stripe.prices.create({
      currency: 'usd',
      product: product.id,
      unit_amount: 500,
      recurring: { interval: 'month' },
    });
    configuration = await stripe.billingPortal.configurations.create({
      business_profile: { headline: 'Tollgate' },
      features: {
        invoice_history: { enabled: true },
        payment_method_update: { enabled: true },
        subscription_cancel: { enabled: true, mode: 'at_period_end' },
        subscription_update: {
          enabled: true,
          default_allowed_updates: ['price', 'quantity'],
          proration_behavior: 'always_invoice',
          products: [
            { product: catalog.product.id, prices: [catalog.pro.id] },
            { product: product.id, prices: [cheap.id] },
          ],
          schedule_at_period_end: { conditions: [{ type: 'decreasing_item_amount' }] },
        },
      },
    });
  });

  const open = async (): Promise<{ url: string; customer: Stripe.Customer; subscription: Stripe.Subscription }> => {
    const { customer, subscription } = await subscribe(bench, catalog);
    const { url } = await stripe.billingPortal.sessions.create({
      customer: customer.id,
      configuration: configuration.id,
      return_url: 'http://127.0.0.1:9/back',
    });
    return { url, customer, subscription };
  };

  test('shows plan, card and invoices, and the way back', async () => {
    const { url } = await open();
    const page = await visit(url);
    for (const text of ['Current plan', '$20.00 / month', 'Visa ending in 4242', 'Invoices', '/back']) {
      expect(page).toContain(text);
    }
  });

  test('more is charged at once, less is scheduled', async () => {
    const { url, subscription } = await open();
    await submit(url, { action: 'plan', price: catalog.pro.id, quantity: '3' });
    const more = await stripe.subscriptions.retrieve(subscription.id);
    expect(itemOf(more, catalog.pro).quantity).toBe(3);
    await submit(url, { action: 'plan', price: cheap.id, quantity: '1' });
    const less = await stripe.subscriptions.retrieve(subscription.id);
    expect(itemOf(less, catalog.pro).quantity).toBe(3);
    expect(less.schedule).not.toBeNull();
    await bench.control.moveClock({ to: itemOf(less, catalog.pro).current_period_end });
    expect(itemOf(await stripe.subscriptions.retrieve(subscription.id), cheap).quantity).toBe(1);
  });

  test.each(['0', '-1', '1.5', 'many'])('the quantity %s is refused', async (quantity) => {
    const { url } = await open();
    expect((await submit(url, { action: 'plan', price: catalog.pro.id, quantity })).body).toContain('role="alert"');
  });

  test('cancels at the end of the period, and takes it back', async () => {
    const { url, subscription } = await open();
    await submit(url, { action: 'cancel' });
    expect((await stripe.subscriptions.retrieve(subscription.id)).cancel_at_period_end).toBe(true);
    expect(await visit(url)).toContain('Renew');
    await submit(url, { action: 'renew' });
    expect((await stripe.subscriptions.retrieve(subscription.id)).cancel_at_period_end).toBe(false);
  });

  test('an open invoice is paid on its page, 3-D Secure included', async () => {
    const { url, subscription } = await open();
    await submit(url, { action: 'card', card: 'declined' });
    await bench.control.moveClock({
      to: itemOf(await stripe.subscriptions.retrieve(subscription.id), catalog.pro).current_period_end + 3600,
    });
    expect(await visit(url)).toContain('(pay)');
    const [invoice] = (await stripe.invoices.list({ subscription: subscription.id, status: 'open' })).data;
    const page = invoice?.hosted_invoice_url ?? '';
    expect((await submit(page, { card: 'declined' })).body).toContain('Your card was declined.');
    expect((await submit(page, { card: 'requires_action' })).body).toContain('Confirm');
    expect((await submit(page, { step: 'confirm' })).body).toContain('Paid on');
    expect((await stripe.subscriptions.retrieve(subscription.id)).status).toBe('active');
    expect(await visit(invoice?.invoice_pdf ?? '')).toContain('Total');
  });
});

test('a page that is not there', async () => {
  const response = await fetch(`${bench.emulator.url}/c/pay/cs_test_none`);
  expect([response.status, await response.text()]).toEqual([404, expect.stringContaining('Not found')]);
});

describe('the home page', () => {
  test('shows customers with what they have, used and were charged, and moves the time', async () => {
    const { customer, subscription } = await subscribe(bench, catalog);
    await stripe.billing.meterEvents.create({
      event_name: catalog.meter.event_name,
      payload: { stripe_customer_id: customer.id, value: '4321' },
    });
    const home = await visit(`${bench.emulator.url}/`);
    expect(home).toContain(customer.id);
    expect(home).toContain('<strong>4321</strong>');
    const before = await bench.emulator.control.now();
    const month = 31 * 86_400;
    expect(await submit(`${bench.emulator.url}/`, { on: String(month) })).toMatchObject({ to: '/' });
    expect(await bench.emulator.control.now()).toBeGreaterThanOrEqual(before + month);
    const { data } = await stripe.invoices.list({ subscription: subscription.id });
    expect(data).toHaveLength(2);
    // Nonsense moves nothing.
    await submit(`${bench.emulator.url}/`, { on: '-86400' });
    expect(await bench.emulator.control.now()).toBeLessThan(before + month + 86_400);
  });
});

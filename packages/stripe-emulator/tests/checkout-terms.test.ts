import type { Stripe } from 'stripe';
import { type Bench, type Catalog, createCatalog, idOf, itemOf, startBench } from './support/bench.ts';

/** Checkout with more than prices: discounts, codes that a person types, automatic taxes and tax ids. */
let bench: Bench;
let catalog: Catalog;

beforeAll(async () => {
  bench = await startBench();
  catalog = await createCatalog(bench.stripe);
  await bench.control.behave({ taxRegistrations: { DE: 19 } });
});

afterAll(() => bench.emulator.stop());

const sell = (fields: Partial<Stripe.Checkout.SessionCreateParams> = {}): Promise<Stripe.Checkout.Session> =>
  bench.stripe.checkout.sessions.create({
    mode: 'subscription',
    line_items: [{ price: catalog.pro.id, quantity: 2 }, { price: catalog.overage.id }],
    success_url: 'http://127.0.0.1:9/done',
    ...fields,
  });

const once = (cents: number, fields: Partial<Stripe.Checkout.SessionCreateParams> = {}) =>
  sell({
    mode: 'payment',
    line_items: [
      { price_data: { currency: 'usd', unit_amount: cents, product_data: { name: 'Credits' } }, quantity: 1 },
    ],
    ...fields,
  });

const coupon = async (terms: Stripe.CouponCreateParams): Promise<string> =>
  (await bench.stripe.coupons.create(terms)).id;

const codeFor = async (terms: Stripe.CouponCreateParams): Promise<Stripe.PromotionCode> =>
  bench.stripe.promotionCodes.create({ promotion: { type: 'coupon', coupon: await coupon(terms) } });

const paid = async (
  session: Stripe.Checkout.Session,
): Promise<{ session: Stripe.Checkout.Session; invoice: Stripe.Invoice }> => {
  const done = await bench.stripe.checkout.sessions.retrieve(session.id, { expand: ['invoice', 'line_items'] });
  return { session: done, invoice: done.invoice as Stripe.Invoice };
};

const page = async (url: string, fields?: Record<string, string>): Promise<string> => {
  const body = fields === undefined ? {} : { method: 'POST', body: new URLSearchParams(fields) };
  return (await (await fetch(url, { redirect: 'manual', ...body })).text()).replaceAll(/\s+/g, ' ');
};

describe('discounts', () => {
  test('a discount of the session is the subscription’s, for as long as its coupon says', async () => {
    const session = await sell({ discounts: [{ coupon: await coupon({ percent_off: 25, duration: 'once' }) }] });
    expect(session).toMatchObject({
      amount_subtotal: 4_000,
      amount_total: 3_000,
      total_details: { amount_discount: 1_000 },
    });
    await bench.control.payCheckout(session.id);
    const { session: done, invoice } = await paid(session);
    expect(invoice).toMatchObject({ subtotal: 4_000, total: 3_000, amount_paid: 3_000 });
    expect(done.line_items?.data[0]).toMatchObject({ amount_discount: 1_000, amount_total: 3_000 });
    const discount = (await bench.stripe.invoices.retrieve(invoice.id, { expand: ['discounts'] })).discounts[0];
    expect(discount).toMatchObject({ checkout_session: session.id, subscription: idOf(done.subscription) });
    const subscription = await bench.stripe.subscriptions.retrieve(idOf(done.subscription));
    await bench.control.moveClock({ to: itemOf(subscription, catalog.pro).current_period_end + 3_600 });
    const [renewal] = (await bench.stripe.invoices.list({ subscription: subscription.id })).data;
    expect(renewal).toMatchObject({ total: 4_000, amount_paid: 4_000 });
  });

  test('a code is typed on the page, where the session allows it', async () => {
    const code = await codeFor({ amount_off: 500, currency: 'usd', duration: 'once' });
    const closed = await sell();
    expect(await page(closed.url as string)).not.toContain('promotion_code');
    await expect(bench.control.payCheckout(closed.id, { promotionCode: code.code })).rejects.toThrow('invalid');
    const session = await sell({ allow_promotion_codes: true });
    const url = session.url as string;
    expect(await page(url, { promotion_code: 'NOBODY', card: 'accepted' })).toContain('This code is invalid.');
    expect(await page(url, { promotion_code: code.code.toLowerCase(), step: 'update' })).toContain('$35.00');
    expect(await bench.stripe.checkout.sessions.retrieve(session.id)).toMatchObject({
      discounts: [{ coupon: null, promotion_code: code.id }],
      amount_total: 3_500,
    });
    await page(url, { card: 'accepted', email: 'ada@example.com' });
    expect((await paid(session)).invoice).toMatchObject({ total: 3_500, amount_paid: 3_500 });
    expect((await bench.stripe.promotionCodes.retrieve(code.id)).times_redeemed).toBe(1);
  });

  test('a code that was switched off is none', async () => {
    const code = await codeFor({ percent_off: 10, duration: 'once' });
    await bench.stripe.promotionCodes.update(code.id, { active: false });
    await expect(sell({ discounts: [{ promotion_code: code.id }] })).rejects.toMatchObject({ param: 'discounts' });
    const session = await sell({ allow_promotion_codes: true });
    await expect(bench.control.payCheckout(session.id, { promotionCode: code.code })).rejects.toThrow('invalid');
  });

  test('one-time purchases are discounted too, to nothing or to what can be charged', async () => {
    const half = await coupon({ percent_off: 50, duration: 'once' });
    const invoiced = { invoice_creation: { enabled: true }, discounts: [{ coupon: half }] };
    const session = await once(150, invoiced);
    await bench.control.payCheckout(session.id);
    expect((await paid(session)).invoice).toMatchObject({ subtotal: 150, total: 75, amount_paid: 75 });
    await expect(once(98, invoiced)).rejects.toMatchObject({ code: 'amount_too_small' });
    const free = await once(100, { discounts: [{ coupon: await coupon({ percent_off: 100, duration: 'once' }) }] });
    await bench.control.payCheckout(free.id);
    expect((await paid(free)).session).toMatchObject({
      payment_status: 'no_payment_required',
      amount_total: 0,
      payment_intent: null,
    });
  });
});

test('what cannot stand together is refused', async () => {
  const { id: customer } = await bench.stripe.customers.create();
  const half = await coupon({ percent_off: 50, duration: 'once' });
  const refused: [Partial<Stripe.Checkout.SessionCreateParams>, string][] = [
    [{ allow_promotion_codes: true, discounts: [{ coupon: half }] }, 'only specify one'],
    [{ discounts: [{ coupon: half }, { coupon: half }] }, 'one discount'],
    [{ discounts: [{ coupon: 'none' }] }, 'No such coupon'],
    [{ customer_update: { name: 'auto' } }, 'can only be used with `customer`'],
    [{ customer, automatic_tax: { enabled: true } }, 'requires a valid address'],
    [{ customer, tax_id_collection: { enabled: true } }, '`customer_update[name]`'],
  ];
  for (const [fields, message] of refused) await expect(sell(fields)).rejects.toThrow(message);
});

describe('automatic taxes', () => {
  const taxed = { automatic_tax: { enabled: true } } as const;

  test('come on top, by the country that the page is told, for good', async () => {
    const { id: customer } = await bench.stripe.customers.create();
    const session = await sell({ ...taxed, customer, customer_update: { address: 'auto' } });
    expect(session).toMatchObject({ amount_total: 4_000, automatic_tax: { status: 'requires_location_inputs' } });
    await bench.control.payCheckout(session.id, { address: { country: 'DE', postal_code: '10115' } });
    const { session: done, invoice } = await paid(session);
    expect(done).toMatchObject({ amount_subtotal: 4_000, amount_total: 4_760, total_details: { amount_tax: 760 } });
    expect(invoice).toMatchObject({
      total: 4_760,
      amount_paid: 4_760,
      automatic_tax: { enabled: true, status: 'complete' },
    });
    expect(invoice.lines.data[0]?.taxes?.[0]).toMatchObject({ amount: 760, taxability_reason: 'standard_rated' });
    expect(await bench.stripe.customers.retrieve(customer)).toMatchObject({ address: { country: 'DE' } });
    const subscription = await bench.stripe.subscriptions.retrieve(idOf(done.subscription));
    expect(subscription.automatic_tax.enabled).toBe(true);
    await bench.control.moveClock({ to: itemOf(subscription, catalog.pro).current_period_end + 3_600 });
    const [renewal] = (await bench.stripe.invoices.list({ subscription: subscription.id })).data;
    expect(renewal).toMatchObject({ subtotal: 4_000, total: 4_760 });
  });

  test('are 0 where the seller is not registered', async () => {
    const session = await sell(taxed);
    await bench.control.payCheckout(session.id);
    const { invoice } = await paid(session);
    expect(invoice).toMatchObject({ total: 4_000 });
    expect(invoice.lines.data[0]?.taxes?.[0]).toMatchObject({ amount: 0, taxability_reason: 'not_collecting' });
  });

  test('are in a price that includes them, and follow its discount', async () => {
    const inclusive = { currency: 'usd', unit_amount: 2_380, tax_behavior: 'inclusive' } as const;
    const session = await sell({
      ...taxed,
      mode: 'payment',
      line_items: [{ price_data: { ...inclusive, product_data: { name: 'Credits' } }, quantity: 1 }],
      invoice_creation: { enabled: true },
      discounts: [{ coupon: await coupon({ percent_off: 50, duration: 'once' }) }],
    });
    await bench.control.payCheckout(session.id, { address: { country: 'DE' } });
    const { session: done, invoice } = await paid(session);
    expect(invoice).toMatchObject({ subtotal: 2_380, total: 1_190, total_taxes: [{ amount: 190 }] });
    expect(done).toMatchObject({ amount_total: 1_190, total_details: { amount_discount: 1_190, amount_tax: 190 } });
  });
});

test('a tax id is asked for, kept with the customer and on invoices, and makes the tax the buyer’s own affair', async () => {
  const { id: customer } = await bench.stripe.customers.create({ name: 'Ada', address: { country: 'DE' } });
  const session = await sell({
    customer,
    automatic_tax: { enabled: true },
    tax_id_collection: { enabled: true, required: 'if_supported' },
    customer_update: { name: 'auto' },
  });
  expect(session).toMatchObject({
    tax_id_collection: { enabled: true, required: 'if_supported' },
    amount_total: 4_760,
  });
  const url = session.url as string;
  expect(await page(url, { card: 'accepted', country: 'DE' })).toContain('Your tax ID is missing.');
  expect(await page(url, { step: 'update', country: 'DE', name: 'Ada GmbH', tax_id: 'DE123' })).toContain('$40.00');
  await page(url, { card: 'accepted' });
  const { session: done, invoice } = await paid(session);
  expect(done.customer_details).toMatchObject({ name: 'Ada GmbH', tax_ids: [{ type: 'eu_vat', value: 'DE123' }] });
  expect(invoice).toMatchObject({ total: 4_000, customer_tax_ids: [{ type: 'eu_vat', value: 'DE123' }] });
  expect(invoice.lines.data[0]?.taxes?.[0]?.taxability_reason).toBe('reverse_charge');
  expect(await bench.stripe.customers.retrieve(customer)).toMatchObject({ name: 'Ada GmbH' });
  expect((await bench.stripe.customers.listTaxIds(customer)).data).toMatchObject([{ type: 'eu_vat', value: 'DE123' }]);
});

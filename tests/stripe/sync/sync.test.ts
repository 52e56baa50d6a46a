import type { TestApp } from '../../support/app.ts';
import { startInterceptor } from '../../support/interceptor.ts';
import { signatureOf } from '../../support/stripe.ts';
import { contractViolations, CONTRACT_TIMEOUT_MS } from '@tollgate/stripe-emulator/testing/contract';
import { type Buyer, CHANGE, OPEN_CHECKOUT, RETURNS, Till } from '../../support/till.ts';
import { waitFor } from '../../support/wait-for.ts';

const HOUR_MS = 3_600_000;

let till: Till;
/** A second process of the same installation. */
let other: TestApp;

beforeAll(async () => {
  till = await Till.open();
  other = await till.beside();
});

afterEach(async () => {
  await till.control.clearFaults();
  await till.control.deliveryMode({ hold: false, copies: 1, drop: [] });
});

afterAll(async () => {
  await till.close();
});

const grantsOf = async (buyer: Buyer, source = 'SUBSCRIPTION'): Promise<number[]> =>
  (await till.shown(buyer)).grants.edges.flatMap(({ node }) => (node.source === source ? [node.amount] : []));

/** Has paid for PRO, and nobody was told. */
async function unheard(quantity = 1): Promise<Buyer> {
  const buyer = await till.buyer();
  await till.control.deliveryMode({ hold: true });
  await till.control.payCheckout(await till.checkout(buyer, { plan: 'PRO', quantity }));
  return buyer;
}

async function subscribed(quantity = 1): Promise<Buyer> {
  const buyer = await till.buyer();
  await till.subscribe(buyer, quantity);
  return buyer;
}

describe('one grant', () => {
  test('comes of a delivery that arrives fifty times at once', async () => {
    const ada = await unheard();
    const [events] = await till.eventsOf(ada);
    const event = events?.find(({ type }) => type === 'checkout.session.completed');
    const body = JSON.stringify(event);
    const signature = signatureOf(body, { at: till.clock.now().getTime() / 1_000 });
    const deliver = async (): Promise<number> => {
      const url = new URL('/webhooks/stripe', till.app.url);
      return (await fetch(url, { method: 'POST', headers: { 'stripe-signature': signature }, body })).status;
    };
    expect(new Set(await Promise.all(Array.from({ length: 50 }, deliver)))).toEqual(new Set([200]));
    await till.settled();
    expect(await till.sql('select id from stripe_event where id = $1', [event?.id])).toHaveLength(1);
    expect(await grantsOf(ada)).toEqual([500_000]);
    await till.control.releaseDeliveries();
    await till.settled();
    expect(await grantsOf(ada)).toEqual([500_000]);
    expect(await till.available(ada)).toBe(500_000);
    await till.expectProven(ada);
  });

  test('comes of two processes that follow Stripe twenty times at once, while its events arrive', async () => {
    const ada = await unheard(2);
    await till.control.deliveryMode({ hold: false });
    await till.control.releaseDeliveries('reversed');
    const apps = [till.app, other];
    await Promise.all(Array.from({ length: 20 }, (_, index) => till.sync(ada, apps[index % 2])));
    await till.settled();
    expect(await grantsOf(ada)).toEqual([1_000_000]);
    await till.expectProven(ada);
  });

  test('of 1 500 000 credits comes to the pool of an organization that buys three units', async () => {
    const pool = await till.organization();
    await till.subscribe(pool, 3);
    expect(await till.shown(pool)).toMatchObject({
      plan: { code: 'PRO' },
      credits: { available: 1_500_000 },
      subscription: { quantity: 3 },
    });
    expect((await till.invoicesOf(pool)).map(({ amount_paid: paid }) => paid)).toEqual([6_000]);
    await till.expectProven(pool);
  });
});

test('who was cut off from the database while Stripe was asked writes nothing over what was followed since', async () => {
  const ada = await subscribed();
  await till.control.deliveryMode({ hold: true });
  await till.control.addFault({ kind: 'hold', method: 'GET', path: '/v1/charges' });
  const slow = till.sync(ada);
  await waitFor(async () => (await till.control.heldCalls()) === 1, 'the call to be under way');
  await till.sql(`select pg_terminate_backend(pid) from pg_locks
    where locktype = 'advisory' and database = (select oid from pg_database where datname = current_database())`);
  await till.changeAtStripe(ada, 3);
  await till.sync(ada, other);
  await till.control.releaseCalls();
  await expect(slow).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  expect(await till.shown(ada)).toMatchObject({ credits: { available: 1_500_000 }, subscription: { quantity: 3 } });
  await till.expectProven(ada);
});

describe('a customer of whom Stripe tells nothing any more', () => {
  const forget = (times: number): Promise<unknown> =>
    till.control.addFault({ kind: 'rejected', code: 'resource_missing', path: '/v1/subscriptions', times });

  test('because somebody deleted it: the subscription is over', async () => {
    const ada = await subscribed();
    await till.control.deliveryMode({ hold: true });
    const customer = await till.customerOf(ada);
    await till.stripe.call('customer', (sdk) => sdk.customers.del(customer));
    await forget(1);
    await till.sync(ada);
    expect(await till.shown(ada)).toMatchObject({
      plan: { code: 'FREE_TRIAL' },
      credits: { available: 0, owed: 0 },
      subscription: null,
    });
    await till.expectProven(ada);
  });

  test('because it is of another account: nobody loses what they have', async () => {
    const ada = await subscribed();
    await forget(1);
    await expect(till.sync(ada)).rejects.toMatchObject({ code: 'resource_missing' });
    expect(await till.shown(ada)).toMatchObject({ plan: { code: 'PRO' }, credits: { available: 500_000 } });
  });
});

describe('what nobody here has heard of', () => {
  test('a type of event is kept and handled, and changes nothing', async () => {
    const ada = await subscribed();
    const before = await till.shown(ada);
    await till.control.emit('orbital.laser.armed', {
      object: 'laser',
      id: 'las_1',
      customer: await till.customerOf(ada),
    });
    await till.settled();
    const kept = `select from stripe_event where object_id = 'las_1' and processed_at is not null`;
    expect(await till.sql(kept)).toHaveLength(1);
    expect(await till.shown(ada)).toEqual(before);
  });

  test('a status leaves a subscription as it stood, and is said: good, in arrears, or not begun', async () => {
    const [good, arrears, fresh] = [await subscribed(), await subscribed(), await till.buyer()];
    await till.setCard(arrears, 'declined');
    await till.moveTo(new Date(Date.parse((await till.shown(arrears)).subscription?.currentPeriodEnd as string)));
    await till.moveTo(new Date(till.clock.now().getTime() + HOUR_MS));
    await till.control.deliveryMode({ hold: true });
    await till.control.payCheckout(await till.checkout(fresh, { plan: 'PRO' }));
    const strange = await startInterceptor(till.app.emulator.url, (body) =>
      body.replaceAll(/"status":\s*"(active|past_due)"/g, '"status":"levitating"'),
    );
    const stranger = await till.beside({ STRIPE_API_BASE: strange.url });
    const before = [await till.shown(good), await till.shown(arrears)];
    expect(before).toMatchObject([
      { subscription: { status: 'ACTIVE' } },
      { credits: { available: 0 }, subscription: { status: 'PAST_DUE', graceEndsAt: expect.any(String) } },
    ]);
    for (const buyer of [good, arrears, fresh]) await till.sync(buyer, stranger);
    const waiting = [expect.objectContaining({ kind: 'UNKNOWN_STATUS' })];
    expect([await till.shown(good), await till.shown(arrears)]).toEqual(
      before.map(({ subscription, ...shown }) => ({ ...shown, subscription: { ...subscription, waiting } })),
    );
    expect(await till.use(good, 7)).toMatchObject({ credits: 7 });
    expect(await till.shown(fresh)).toMatchObject({
      plan: { code: 'FREE_TRIAL' },
      credits: { available: 0 },
      subscription: { status: 'INCOMPLETE' },
    });
    await stranger.stop();
    await strange.stop();
    await till.control.deliveryMode({ hold: false });
    await till.control.releaseDeliveries();
    await till.settled();
    expect(await till.shown(fresh)).toMatchObject({
      credits: { available: 500_000 },
      subscription: { status: 'ACTIVE' },
    });
    await till.expectProven(good, arrears, fresh);
  });
});

describe('while Stripe does not answer as it should', () => {
  test.each(['foreign_404', 'foreign_500'] as const)(
    '(%s) nothing is half written, and what came is tried again',
    async (kind) => {
      const ada = await unheard();
      const before = await till.shown(ada);
      for (const path of ['/v1/subscriptions', '/v1/invoices', '/v1/charges']) {
        const fault = { kind, method: 'GET', path, times: 0 };
        await till.control.addFault(fault);
        await expect(till.sync(ada)).rejects.toMatchObject({ code: 'PAYMENT_PROVIDER_ERROR', retryable: true });
        expect(await till.shown(ada)).toEqual(before);
        if (path !== '/v1/charges') await till.control.clearFaults();
      }
      const [events] = await till.eventsOf(ada);
      await till.control.releaseDeliveries([events?.findLast(({ type }) => type === 'invoice.paid')?.id as string]);
      const { failedJobs } = till.app.services;
      await waitFor(async () => (await failedJobs.counts()).failed === 1, 'the job to fail');
      expect(await till.shown(ada)).toEqual(before);
      await till.control.clearFaults();
      await till.settled();
      expect(await till.available(ada)).toBe(500_000);
      expect((await failedJobs.counts()).failed).toBe(0);
      await till.expectProven(ada);
    },
  );

  test('because the answer to a new customer, or to Checkout, is lost each time: one customer, one subscription', async () => {
    const ada = await till.buyer();
    for (const path of ['/v1/customers', '/v1/checkout/sessions']) {
      await till.control.addFault({ kind: 'timeout_after_commit', method: 'POST', path, times: 0 });
      const input = { billingEntityId: ada.id, plan: 'PRO', ...RETURNS };
      expect(await till.codeOf(ada, OPEN_CHECKOUT, { input })).toBe('PAYMENT_PROVIDER_ERROR');
      await till.control.clearFaults();
    }
    await till.subscribe(ada);
    const all = await till.stripe.list('customer', (sdk, page) => sdk.customers.list(page));
    expect(all.filter(({ description }) => description === ada.externalId)).toHaveLength(1);
    expect(await till.subscriptionsOf(ada)).toHaveLength(1);
    expect(await till.available(ada)).toBe(500_000);
  });

  test('because the answer to a change is lost each time: it is made and charged once, whoever asks again', async () => {
    const ada = await subscribed();
    await till.control.addFault({
      kind: 'timeout_after_commit',
      method: 'POST',
      path: '/v1/subscriptions/*',
      times: 0,
    });
    const input = { billingEntityId: ada.id, plan: 'PRO', quantity: 2 };
    expect(await till.codeOf(ada, CHANGE, { input })).toBe('PAYMENT_PROVIDER_ERROR');
    await till.control.clearFaults();
    await till.settled();
    expect(await till.shown(ada)).toMatchObject({ credits: { available: 1_000_000 }, subscription: { quantity: 2 } });
    expect(await till.change(ada, 2)).toMatchObject({ quantity: 2 });
    await till.settled();
    expect((await till.chargesOf(ada)).map(({ amount }) => amount)).toEqual([2_000, 2_000]);
    expect(await grantsOf(ada)).toEqual([500_000, 500_000]);
    await till.expectProven(ada);
  });
});

describe('of three subscriptions by three Checkouts at once the oldest stays', () => {
  test('though who undoes the others dies between its end and its refund, and two come after', async () => {
    const ada = await till.buyer();
    const sessions = [];
    for (const quantity of [1, 2, 3]) sessions.push(await till.checkout(ada, { plan: 'PRO', quantity }));
    await till.control.deliveryMode({ hold: true });
    for (const session of sessions) {
      await till.control.payCheckout(session);
      await till.moveTo(new Date(till.clock.now().getTime() + 1_000));
    }
    await till.control.addFault({ kind: 'foreign_500', method: 'POST', path: '/v1/refunds', times: 0 });
    await expect(till.sync(ada)).rejects.toMatchObject({ code: 'PAYMENT_PROVIDER_ERROR' });
    expect((await till.subscriptionsOf(ada)).map(({ status }) => status)).toContain('canceled');
    expect((await till.chargesOf(ada)).map(({ amount_refunded: cents }) => cents)).toEqual([0, 0, 0]);
    // Stripe has forgotten by then what was asked for under which key.
    await till.moveTo(new Date(till.clock.now().getTime() + 25 * HOUR_MS));
    await till.control.clearFaults();
    await Promise.all([till.sync(ada), till.sync(ada, other)]);
    await till.control.deliveryMode({ hold: false });
    await till.control.releaseDeliveries('reversed');
    await till.settled();
    expect(await till.shown(ada)).toMatchObject({
      credits: { available: 500_000, owed: 0 },
      subscription: { quantity: 1, status: 'ACTIVE' },
    });
    expect((await till.subscriptionsOf(ada)).map(({ status }) => status)).toEqual(['canceled', 'canceled', 'active']);
    const charges = await till.chargesOf(ada);
    expect(charges.map(({ amount, amount_refunded: back }) => [amount, back])).toEqual([
      [6_000, 6_000],
      [4_000, 4_000],
      [2_000, 0],
    ]);
    expect(await grantsOf(ada)).toEqual([500_000]);
    await till.expectProven(ada);
  });
});

describe('a customer', () => {
  test('whose note here was lost is found again by what it says of itself', async () => {
    const ada = await subscribed();
    const customer = await till.customerOf(ada);
    await till.sql('delete from stripe_customer where billing_entity_id = $1', [ada.id]);
    await till.sql('delete from entity_key where key = $1', [customer]);
    const id = (await till.shown(ada)).subscription?.id as string;
    await till.stripe.call('subscription', (sdk) => sdk.subscriptions.update(id, { cancel_at_period_end: true }));
    await till.settled();
    expect(await till.shown(ada)).toMatchObject({ subscription: { id, cancelAtPeriodEnd: true } });
    expect(await till.customerOf(ada)).toBe(customer);
    await till.control.payCheckout(await till.checkout(ada, { credits: 12_500 }));
    await till.settled();
    expect(await till.available(ada)).toBe(512_500);
    await till.expectProven(ada);
  });
});

test(
  'every call and every answer is as the SDK declares it',
  () => {
    // Events are asked for by tests only, and carry what Stripe never said.
    const calls = till.app.emulator.traffic.filter(({ path }) => path !== '/v1/events');
    expect(contractViolations(calls)).toEqual([]);
  },
  CONTRACT_TIMEOUT_MS,
);

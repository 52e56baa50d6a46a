import { Stripe } from 'stripe';
import {
  type Bench,
  clientOf,
  createCatalog,
  DAY,
  type Receiver,
  startBench,
  startReceiver,
  subscribe,
} from './support/bench.ts';
import { waitFor } from './support/wait-for.ts';

const SECRET = 'whsec_snapshots';
const THIN_SECRET = 'whsec_thin';

let bench: Bench;
let receiver: Receiver;

beforeEach(async () => {
  bench = await startBench();
  receiver = await startReceiver();
});

afterEach(async () => {
  await bench.emulator.stop();
  await receiver.stop();
});

const listen = (events?: string[]): Promise<unknown> =>
  bench.control.addEndpoint({ url: receiver.url, secret: SECRET, ...(events !== undefined && { events }) });

const makeCustomers = async (...names: string[]): Promise<void> => {
  for (const name of names) await bench.stripe.customers.create({ name });
};

const namesReceived = (): string[] =>
  receiver.received.map(({ body }) => (JSON.parse(body) as { data: { object: { name: string } } }).data.object.name);

test('events are signed so that the SDK accepts them, and nobody else can make them', async () => {
  await listen();
  await makeCustomers('Ada');
  await bench.control.deliveriesSettled();
  const [received] = receiver.received;
  if (received === undefined) throw new Error('nothing came');
  const { body, headers } = received;
  const signature = String(headers['stripe-signature']);
  const event = bench.stripe.webhooks.constructEvent(body, signature, SECRET);
  expect(event).toMatchObject({ type: 'customer.created', api_version: Stripe.API_VERSION });
  expect(() => bench.stripe.webhooks.constructEvent(`${body} `, signature, SECRET)).toThrow();
  expect(() => bench.stripe.webhooks.constructEvent(body, signature, 'whsec_other')).toThrow();
});

test('with the moved clock in its signature an event is from the future', async () => {
  await listen();
  await bench.control.behave({ signatureTime: 'emulator' });
  await makeCustomers('Ada');
  await bench.control.deliveriesSettled();
  const now = await bench.control.now();
  expect(String(receiver.received[0]?.headers['stripe-signature'])).toMatch(`t=${now},`);
});

test('thin events go to thin endpoints, and tell what they are about only when asked', async () => {
  await listen();
  await bench.control.addEndpoint({ url: receiver.url, secret: THIN_SECRET, thin: true });
  const { meter } = await createCatalog(bench.stripe);
  const customer = await bench.stripe.customers.create();
  await bench.control.behave({ rejectMeterEvents: 1 });
  await bench.stripe.billing.meterEvents.create({
    event_name: meter.event_name,
    identifier: 'doomed',
    payload: { stripe_customer_id: customer.id, value: '1' },
  });
  await bench.control.deliveriesSettled();
  const [thin] = receiver.received.filter(({ type }) => type.startsWith('v1.billing.meter'));
  if (thin === undefined) throw new Error('no thin event came');
  const signature = String(thin.headers['stripe-signature']);
  expect(() => bench.stripe.webhooks.constructEvent(thin.body, signature, THIN_SECRET)).toThrow();
  const notification = clientOf(bench.emulator).parseEventNotification(thin.body, signature, THIN_SECRET);
  if (notification.type !== 'v1.billing.meter.error_report_triggered') throw new Error('another event came');
  expect((await notification.fetchRelatedObject()).id).toBe(meter.id);
  const { data } = await notification.fetchEvent();
  expect(data.reason.error_types[0]?.sample_errors[0]?.request.identifier).toBe('doomed');
});

test('an endpoint hears of the types that it asked for', async () => {
  await listen(['customer.updated']);
  const { id } = await bench.stripe.customers.create();
  await bench.stripe.customers.update(id, { name: 'Ada' });
  await bench.control.deliveriesSettled();
  expect(receiver.received.map(({ type }) => type)).toEqual(['customer.updated']);
});

describe('deliveries that go wrong', () => {
  test('a failing endpoint is tried again until it answers', async () => {
    await listen();
    let failures = 3;
    receiver.answer = () => {
      failures -= 1;
      return failures < 0 ? 204 : 503;
    };
    await makeCustomers('Ada');
    await bench.control.deliveriesSettled();
    expect(await bench.control.deliveries()).toMatchObject([{ state: 'delivered', attempts: 4, status: 204 }]);
    expect(new Set(receiver.received.map(({ id }) => id)).size).toBe(1);
  });

  test('doubled', async () => {
    await listen();
    await bench.control.deliveryMode({ copies: 50 });
    await makeCustomers('Ada');
    await bench.control.deliveriesSettled();
    expect(receiver.received.map(({ id }) => id)).toHaveLength(50);
    expect(new Set(receiver.received.map(({ id }) => id)).size).toBe(1);
  });

  test('held and then sent backwards', async () => {
    await listen();
    await bench.control.deliveryMode({ hold: true });
    await makeCustomers('A', 'B', 'C');
    await bench.control.deliveriesSettled();
    expect(receiver.received).toEqual([]);
    await bench.control.releaseDeliveries('reversed');
    await bench.control.deliveriesSettled();
    expect(namesReceived()).toEqual(['C', 'B', 'A']);
  });

  test('held and then sent in a given order, the rest staying held', async () => {
    await listen();
    await bench.control.deliveryMode({ hold: true });
    await makeCustomers('A', 'B', 'C');
    const [a, b] = (await bench.control.deliveries()).map(({ event }) => event);
    await bench.control.releaseDeliveries([b ?? '', a ?? '']);
    await bench.control.deliveriesSettled();
    expect(namesReceived()).toEqual(['B', 'A']);
  });

  test('shuffled in the same way by the same seed', async () => {
    await listen();
    await bench.control.deliveryMode({ hold: true });
    const names = ['A', 'B', 'C', 'D', 'E', 'F', 'G', 'H'];
    await makeCustomers(...names);
    await bench.control.releaseDeliveries('shuffled', 7);
    await bench.control.deliveriesSettled();
    const first = namesReceived();
    await makeCustomers(...names);
    await bench.control.releaseDeliveries('shuffled', 7);
    await bench.control.deliveriesSettled();
    expect(namesReceived().slice(8)).toEqual(first);
    expect(first).not.toEqual(names);
    expect(first.toSorted()).toEqual(names);
  });

  test('dropped: Stripe knows of it, and says that it was not delivered', async () => {
    await listen();
    await bench.control.deliveryMode({ drop: ['customer.created'] });
    await makeCustomers('Ada');
    await bench.control.deliveriesSettled();
    expect(receiver.received).toEqual([]);
    const lost = await bench.stripe.events.list({ delivery_success: false });
    expect(lost.data.map(({ type }) => type)).toEqual(['customer.created']);
    await bench.control.deliveryMode({ drop: [] });
    await bench.control.resend(lost.data[0]?.id ?? '', 2);
    await bench.control.deliveriesSettled();
    expect(receiver.received).toHaveLength(2);
  });
});

test('everything between two moments happens in order of time', async () => {
  await listen();
  const catalog = await createCatalog(bench.stripe);
  await subscribe(bench, catalog);
  await subscribe(bench, catalog);
  await bench.control.moveClock({ advanceSeconds: 100 * DAY });
  await bench.control.deliveriesSettled();
  const times = receiver.received.map(({ body }) => (JSON.parse(body) as { created: number }).created);
  expect(times).toEqual(times.toSorted((a, b) => a - b));
  expect(receiver.received.filter(({ type }) => type === 'invoice.paid')).toHaveLength(8);
});

test('an event of a type that nobody knows', async () => {
  await listen();
  await bench.control.emit('planet.aligned', { id: 'pl_1', object: 'planet' });
  await waitFor(() => receiver.received.length === 1, 'the event');
  expect(receiver.received[0]?.type).toBe('planet.aligned');
});

test('entitlements come and go with the subscription, and a summary carries ten of them', async () => {
  await listen(['entitlements.active_entitlement_summary.updated']);
  const catalog = await createCatalog(bench.stripe);
  for (let index = 0; index < 12; index += 1) {
    const feature = await bench.stripe.entitlements.features.create({ lookup_key: `f${index}`, name: `F${index}` });
    await bench.stripe.products.createFeature(catalog.product.id, { entitlement_feature: feature.id });
  }
  const { customer, subscription } = await subscribe(bench, catalog);
  const active = await bench.stripe.entitlements.activeEntitlements.list({ customer: customer.id, limit: 100 });
  expect(active.data).toHaveLength(12);
  await bench.stripe.subscriptions.cancel(subscription.id);
  await bench.control.deliveriesSettled();
  const carried = receiver.received.map(
    ({ body }) =>
      (JSON.parse(body) as { data: { object: { entitlements: { data: unknown[]; has_more: boolean } } } }).data.object
        .entitlements,
  );
  expect(carried.map(({ data, has_more: more }) => [data.length, more])).toEqual([
    [10, true],
    [0, false],
  ]);
});

import { request } from 'node:http';
import { Stripe } from 'stripe';
import { type Bench, type Catalog, clientOf, createCatalog, DAY, START, startBench } from './support/bench.ts';
import { CONTRACT_TIMEOUT_MS, contractViolations } from './support/contract.ts';
import { waitFor } from './support/wait-for.ts';

let bench: Bench;
let stripe: Stripe;
let catalog: Catalog;

beforeAll(async () => {
  bench = await startBench();
  ({ stripe } = bench);
  catalog = await createCatalog(stripe);
});

afterEach(() => bench.control.clearFaults());

afterAll(() => bench.emulator.stop());

/** A call without the SDK, which would never make some of these. */
const raw = (
  method: string,
  path: string,
  { body = '', headers = {} }: { body?: string; headers?: Record<string, string> } = {},
): Promise<{ status: number; body: { error?: { type: string; code?: string; param?: string } } }> =>
  fetch(bench.emulator.url + path, {
    method,
    headers: {
      authorization: 'Bearer sk_test_bench',
      'content-type': 'application/x-www-form-urlencoded',
      ...headers,
    },
    ...(method !== 'GET' && { body }),
  }).then(async (response) => ({ status: response.status, body: (await response.json()) as object }));

const customersNamed = async (name: string): Promise<number> =>
  (await stripe.customers.list({ limit: 100 })).data.filter((each) => each.name === name).length;

describe('strictness', () => {
  test.each([
    { path: '/v1/customers', body: 'emial=a', code: 'parameter_unknown', param: 'emial' },
    { path: '/v1/customers', body: '__proto__[x]=1', code: 'parameter_unknown', param: '__proto__' },
    { path: '/v1/prices', body: 'currency=usd', code: 'parameter_missing', param: 'product' },
    {
      path: '/v1/prices',
      body: 'currency=usd&product=x&unit_amount=1.5',
      code: 'parameter_invalid_integer',
      param: 'unit_amount',
    },
    { path: '/v1/products', body: 'name=', code: 'parameter_invalid_empty', param: 'name' },
    {
      path: '/v1/subscriptions',
      body: 'customer=a&items[0][prise]=b',
      code: 'parameter_unknown',
      param: 'items[0][prise]',
    },
    { path: '/v1/billing_portal/sessions', body: 'customer=cus_none', code: 'resource_missing', param: 'customer' },
  ])('$path refuses $body: $code', async ({ path, body, code, param }) => {
    const answer = await raw('POST', path, { body });
    expect(answer.status).toBe(400);
    expect(answer.body.error).toMatchObject({ type: 'invalid_request_error', code, param });
  });

  test('what is not there is 404, and what is no call too', async () => {
    expect((await raw('GET', '/v1/customers/cus_none')).body.error).toMatchObject({ code: 'resource_missing' });
    expect((await raw('GET', '/v1/customers/cus_none')).status).toBe(404);
    expect((await raw('GET', '/v1/nothing')).status).toBe(404);
  });

  test.each(['', 'Bearer sk_live_1234', 'Bearer nonsense'])('the key %p is no test key', async (authorization) => {
    expect((await raw('GET', '/v1/customers', { headers: { authorization } })).status).toBe(401);
  });

  test('the SDK shows the request and the version that it asked for', async () => {
    const { lastResponse } = await stripe.customers.create();
    expect(lastResponse.requestId).toMatch(/^req_/);
    expect(lastResponse.apiVersion).toBe(Stripe.API_VERSION);
  });

  test('a property that cannot be expanded is refused', async () => {
    await expect(stripe.products.retrieve(catalog.product.id, { expand: ['name'] })).rejects.toMatchObject({
      statusCode: 400,
    });
  });
});

test('lists come in pages, newest first', async () => {
  for (let index = 0; index < 7; index += 1) await stripe.customers.create({ email: 'page@example.com' });
  const all = await stripe.customers.list({ email: 'page@example.com', limit: 3 }).autoPagingToArray({ limit: 100 });
  expect(new Set(all.map(({ id }) => id)).size).toBe(7);
  const first = await stripe.customers.list({ email: 'page@example.com', limit: 3 });
  expect([first.data.length, first.has_more]).toEqual([3, true]);
  const back = await stripe.customers.list({ email: 'page@example.com', ending_before: all[3]?.id ?? '' });
  expect(back.data.map(({ id }) => id)).toEqual(all.slice(0, 3).map(({ id }) => id));
  await expect(stripe.customers.list({ limit: 101 })).rejects.toMatchObject({ statusCode: 400 });
});

test('a lookup key belongs to one price, and may be handed over', async () => {
  const price = { currency: 'usd', product: catalog.product.id, unit_amount: 1, lookup_key: 'handed' } as const;
  const first = await stripe.prices.create(price);
  await expect(stripe.prices.create(price)).rejects.toMatchObject({ statusCode: 400 });
  const second = await stripe.prices.create({ ...price, transfer_lookup_key: true });
  expect((await stripe.prices.list({ lookup_keys: ['handed'] })).data.map(({ id }) => id)).toEqual([second.id]);
  expect((await stripe.prices.retrieve(first.id)).lookup_key).toBeNull();
});

test('a price of a fraction of a cent stays exact', async () => {
  const { unit_amount: cents, unit_amount_decimal: exact } = await stripe.prices.retrieve(catalog.overage.id);
  expect([cents, exact?.toString()]).toEqual([null, '0.004']);
});

describe('idempotency keys', () => {
  test('the same call is answered again and done once', async () => {
    const first = await stripe.customers.create({ name: 'Once' }, { idempotencyKey: 'once' });
    const again = await stripe.customers.create({ name: 'Once' }, { idempotencyKey: 'once' });
    expect(again.id).toBe(first.id);
    expect(again.lastResponse.headers['idempotent-replayed']).toBe('true');
    expect(await customersNamed('Once')).toBe(1);
  });

  test('another call with the same key is refused', async () => {
    await stripe.customers.create({ name: 'A' }, { idempotencyKey: 'other' });
    await expect(stripe.customers.create({ name: 'B' }, { idempotencyKey: 'other' })).rejects.toMatchObject({
      statusCode: 400,
      type: 'StripeIdempotencyError',
    });
  });

  test('a refusal that came after the call began is repeated; one of its parameters is not', async () => {
    const options = { idempotencyKey: 'late refusal' };
    const create = (): Promise<unknown> =>
      stripe.prices.create({ currency: 'usd', product: 'prod_none', unit_amount: 1 }, options);
    await expect(create()).rejects.toMatchObject({ code: 'resource_missing' });
    await stripe.products.create({ id: 'prod_none', name: 'Now it is there' });
    await expect(create()).rejects.toMatchObject({ code: 'resource_missing' });
    const headers = { 'idempotency-key': 'early refusal' };
    expect((await raw('POST', '/v1/customers', { body: 'emial=a', headers })).status).toBe(400);
    expect((await raw('POST', '/v1/customers', { body: 'email=a', headers })).status).toBe(200);
  });

  test('two calls at once with one key: the second is 409', async () => {
    await bench.control.addFault({ kind: 'hold', path: '/v1/customers' });
    const first = stripe.customers.create({ name: 'Held' }, { idempotencyKey: 'held' });
    await waitFor(async () => (await bench.control.heldCalls()) === 1, 'the first call');
    const headers = { 'idempotency-key': 'held' };
    expect((await raw('POST', '/v1/customers', { body: 'name=Held', headers })).status).toBe(409);
    await bench.control.releaseCalls();
    await first;
    expect(await customersNamed('Held')).toBe(1);
  });

  test('a key is forgotten after a day', async () => {
    const first = await stripe.customers.create({}, { idempotencyKey: 'day' });
    await bench.control.moveClock({ advanceSeconds: DAY });
    expect((await stripe.customers.create({}, { idempotencyKey: 'day' })).id).not.toBe(first.id);
  });
});

describe('faults', () => {
  test('a timeout after the commit: the SDK tries again with its key, and there is one customer', async () => {
    await bench.control.addFault({ kind: 'timeout_after_commit', method: 'POST', path: '/v1/customers' });
    await clientOf(bench.emulator, { maxNetworkRetries: 1 }).customers.create({ name: 'Cut off' });
    expect(await customersNamed('Cut off')).toBe(1);
  });

  test.each([
    { kind: 'error_before_commit', status: 500, done: 0 },
    { kind: 'error_after_commit', status: 500, done: 1 },
    { kind: 'rate_limit', status: 429, done: 0 },
  ] as const)('$kind', async ({ kind, status, done }) => {
    await bench.control.addFault({ kind, path: '/v1/customers' });
    const create = stripe.customers.create({ name: kind });
    await expect(create).rejects.toMatchObject({ statusCode: status });
    expect(await customersNamed(kind)).toBe(done);
  });

  test.each(['foreign_404', 'foreign_500'] as const)('%s resolves in the SDK to what is no customer', async (kind) => {
    await bench.control.addFault({ kind, path: '/v1/customers/*' });
    const answer = await stripe.customers.retrieve('cus_any');
    expect(answer.object).toBeUndefined();
  });

  test('a fault hits the calls that it is meant for, so many times', async () => {
    await bench.control.addFault({ kind: 'error_before_commit', path: '/v1/products/*', times: 2, after: 1 });
    const tries = [];
    for (let index = 0; index < 4; index += 1) {
      tries.push(
        await stripe.products.retrieve(catalog.product.id).then(
          () => 'ok',
          () => 'failed',
        ),
      );
    }
    expect(tries).toEqual(['ok', 'failed', 'failed', 'ok']);
    expect((await bench.control.faults())[0]?.hits).toBe(2);
  });
});

describe('meter events', () => {
  const event = (customer: Stripe.Customer, identifier: string, timestamp: number): Promise<unknown> =>
    stripe.billing.meterEvents.create({
      event_name: catalog.meter.event_name,
      identifier,
      payload: { stripe_customer_id: customer.id, value: '7' },
      timestamp,
    });

  test('an identifier counts once', async () => {
    const customer = await stripe.customers.create();
    const now = await bench.control.now();
    await event(customer, 'twice', now);
    await expect(event(customer, 'twice', now)).rejects.toMatchObject({
      statusCode: 400,
      message: expect.stringContaining('An event already exists with identifier twice'),
    });
    const sums = await stripe.billing.meters.listEventSummaries(catalog.meter.id, {
      customer: customer.id,
      start_time: START,
      end_time: Math.floor(now / 60) * 60 + 60,
    });
    expect(sums.data.map((sum) => sum.aggregated_value)).toEqual([7]);
  });

  test('35 days back and 5 minutes ahead, and not a second more', async () => {
    const customer = await stripe.customers.create();
    const now = await bench.control.now();
    await event(customer, 'oldest', now - 35 * DAY);
    await event(customer, 'newest', now + 300);
    await expect(event(customer, 'too old', now - 35 * DAY - 1)).rejects.toMatchObject({
      code: 'timestamp_too_far_in_past',
    });
    await expect(event(customer, 'too new', now + 301)).rejects.toMatchObject({ code: 'timestamp_in_future' });
  });

  test('one call at a time for a customer and meter', async () => {
    const customer = await stripe.customers.create();
    const other = await stripe.customers.create();
    const now = await bench.control.now();
    await bench.control.addFault({ kind: 'hold', path: '/v1/billing/meter_events' });
    const first = event(customer, 'serial-1', now);
    await waitFor(async () => (await bench.control.heldCalls()) === 1, 'the first event');
    await expect(event(customer, 'serial-2', now)).rejects.toMatchObject({ statusCode: 429 });
    await event(other, 'serial-3', now);
    await bench.control.releaseCalls();
    await first;
    await event(customer, 'serial-2', now);
  });
});

test('a request that is too large is turned away', async () => {
  const status = await new Promise<number | undefined>((resolve) => {
    const call = request(`${bench.emulator.url}/v1/customers`, { method: 'POST' }, (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    call.on('error', () => resolve(undefined));
    call.end(`name=${'x'.repeat(5 * 1024 * 1024)}`);
  });
  expect([500, undefined]).toContain(status);
});

test(
  'all of this was as the SDK declares it',
  () => {
    expect(contractViolations(bench.emulator.traffic)).toEqual([]);
  },
  CONTRACT_TIMEOUT_MS,
);

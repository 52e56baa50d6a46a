import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Emulator, startEmulator } from '@tollgate/stripe-emulator';
import type { FaultRequest } from '@tollgate/stripe-emulator';
import type { StripeClient } from '../../src/stripe/account/client.ts';
import { contractViolations } from '@tollgate/stripe-emulator/testing/contract';
import { stripeClientOf } from '../support/stripe.ts';

let emulator: Emulator;
let stripe: StripeClient;
const logged: string[] = [];

beforeAll(async () => {
  emulator = await startEmulator({ recordTraffic: true });
  stripe = stripeClientOf(emulator, logged);
});

beforeEach(async () => {
  await emulator.control.clearFaults();
  logged.length = 0;
});

afterAll(() => emulator.stop());

const createCustomer = (idempotencyKey: string): Promise<{ id: string }> =>
  stripe.call('customer', (sdk) => sdk.customers.create({ name: 'Ada' }, { idempotencyKey }));

const customersMade = async (): Promise<number> =>
  (await stripe.list('customer', (sdk, page) => sdk.customers.list(page))).length;

const away = { name: 'Refusal', code: 'PAYMENT_PROVIDER_ERROR', retryable: true };

describe('a call to Stripe', () => {
  test('names the version of the API that the code was written for', async () => {
    const seen: unknown[] = [];
    const server = await listen((request) => seen.push(request.headers['stripe-version']));
    const client = stripeClientOf({ url: urlOf(server) });
    await client.call('customer', (sdk) => sdk.customers.retrieve('cus_1'));
    expect(seen).toEqual(['2026-10-28.endive']);
    server.close();
    server.closeAllConnections();
  });

  test.each<{ fault: FaultRequest['kind'] }>([{ fault: 'foreign_404' }, { fault: 'foreign_500' }])(
    'that somebody else answers ($fault) has not succeeded',
    async ({ fault }) => {
      await emulator.control.addFault({ kind: fault, method: 'GET', path: '/v1/customers/cus_1', times: 10 });
      await expect(stripe.call('customer', (sdk) => sdk.customers.retrieve('cus_1'))).rejects.toMatchObject(away);
      expect(logged.join()).toContain('expected Stripe');
    },
  );

  test('whose connection breaks after Stripe did it is one customer, and the same key finds it', async () => {
    const before = await customersMade();
    await emulator.control.addFault({ kind: 'timeout_after_commit', method: 'POST', path: '/v1/customers', times: 10 });
    await expect(createCustomer('once')).rejects.toMatchObject(away);
    await emulator.control.clearFaults();
    const { id } = await createCustomer('once');
    expect(await createCustomer('once')).toMatchObject({ id });
    expect(await customersMade()).toBe(before + 1);
  });

  test('that Stripe fails or has no time for may be tried again', async () => {
    for (const kind of ['error_before_commit', 'rate_limit'] as const) {
      await emulator.control.addFault({ kind, method: 'POST', path: '/v1/customers', times: 10 });
      await expect(createCustomer(`busy ${kind}`)).rejects.toMatchObject({ ...away, retryAfterMs: expect.any(Number) });
      await emulator.control.clearFaults();
    }
  });

  test('to a port where nobody listens may be tried again, and says nothing of it', async () => {
    const nobody = stripeClientOf({ url: 'http://127.0.0.1:9' });
    const failed = nobody.call('customer', (sdk) => sdk.customers.retrieve('cus_1'));
    await expect(failed).rejects.toMatchObject(away);
    await failed.catch((error: Error) => expect(error.message).not.toMatch(/127|ECONN|sk_/));
  });

  test('that Stripe refuses is not tried again, and says what it refused', async () => {
    await expect(stripe.call('customer', (sdk) => sdk.customers.retrieve('cus_none'))).rejects.toMatchObject({
      name: 'StripeRejection',
      code: 'resource_missing',
      statusCode: 404,
    });
    await stripe.call('customer', (sdk) => sdk.customers.create({ name: 'Ada' }, { idempotencyKey: 'used' }));
    await expect(
      stripe.call('customer', (sdk) => sdk.customers.create({ name: 'Ben' }, { idempotencyKey: 'used' })),
    ).rejects.toMatchObject({ name: 'StripeRejection', type: 'idempotency_error' });
  });

  test('with a bad key is ours to mend: told to the log, and never with the key', async () => {
    await expect(
      stripe.call('customer', (sdk) => sdk.customers.retrieve('cus_1', undefined, { apiKey: 'sk_live_secret123' })),
    ).rejects.toMatchObject(away);
    expect(logged.join()).toContain('a call to Stripe failed');
    expect(logged.join()).not.toContain('secret123');
  });
});

test('a list is read to its end, and an answer in the middle that is not Stripe’s is noticed', async () => {
  const pages = [
    { object: 'list', has_more: true, data: [{ object: 'customer', id: 'cus_1' }] },
    { object: 'list', has_more: false, data: [{ object: 'customer', id: 'cus_2' }] },
  ];
  const server = await listen((request) => (request.url?.includes('starting_after=cus_1') ? pages[1] : pages[0]));
  const client = stripeClientOf({ url: urlOf(server) });
  const list = (): Promise<{ id: string }[]> => client.list('customer', (sdk, page) => sdk.customers.list(page));
  expect((await list()).map(({ id }) => id)).toEqual(['cus_1', 'cus_2']);
  pages[1] = { message: 'no route' } as never;
  await expect(list()).rejects.toMatchObject(away);
  server.close();
  server.closeAllConnections();
});

test('all calls are as the SDK declares', () => {
  expect(contractViolations(emulator.traffic)).toEqual([]);
});

/** Answers everything with what `answer` gives, or a customer. */
function listen(
  answer: (request: { url?: string | undefined; headers: NodeJS.Dict<string | string[]> }) => unknown,
): Promise<Server> {
  const server = createServer((request, response) => {
    const given = answer(request);
    const body = typeof given === 'object' ? given : { object: 'customer', id: 'cus_1' };
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  });
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve(server));
  });
}

function urlOf(server: Server): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

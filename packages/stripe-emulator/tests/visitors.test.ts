/** Whom the emulator serves, seen from raw HTTP: browsers and client libraries would not let a test say these things. */
import { request as httpRequest } from 'node:http';
import { type Bench, type Catalog, createCatalog, startBench } from './support/bench.ts';

let bench: Bench;
let catalog: Catalog;

beforeAll(async () => {
  bench = await startBench();
  catalog = await createCatalog(bench.stripe);
});

let onTestEnd: (() => Promise<void>) | null = null;
afterEach(async () => {
  await onTestEnd?.();
  onTestEnd = null;
});

afterAll(() => bench.emulator.stop());

interface Answer {
  readonly status: number | undefined;
  readonly body: string;
  readonly headers: Record<string, string | string[] | undefined>;
}

function ask(url: string, headers: Record<string, string>, body?: string): Promise<Answer> {
  const method = body === undefined ? 'GET' : 'POST';
  return new Promise((resolve, reject) => {
    const request = httpRequest(url, { method, headers, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.on('end', () => resolve({ status: response.statusCode, body: text, headers: response.headers }));
    });
    request.on('error', reject).end(body);
  });
}

const form = { 'content-type': 'application/x-www-form-urlencoded' };

/** Everything that does something when it is sent a form or a body. */
async function doors(): Promise<readonly { url: string; headers: Record<string, string>; body: string }[]> {
  const { stripe, emulator } = bench;
  const customer = await stripe.customers.create({ email: 'ada@example.com' });
  const session = await stripe.checkout.sessions.create({
    mode: 'subscription',
    customer: customer.id,
    line_items: [{ price: catalog.pro.id, quantity: 1 }],
    success_url: 'http://127.0.0.1:9/done',
  });
  const { id: configuration } = await stripe.billingPortal.configurations.create({
    features: { payment_method_update: { enabled: true } },
  });
  const portal = await stripe.billingPortal.sessions.create({
    configuration,
    customer: customer.id,
    return_url: 'http://127.0.0.1:9/',
  });
  return [
    { url: session.url ?? '', headers: form, body: 'card=accepted' },
    { url: portal.url, headers: form, body: 'action=card&card=accepted' },
    { url: `${emulator.url}/`, headers: form, body: 'on=86400' },
    {
      url: `${emulator.url}/v1/customers`,
      headers: { ...form, authorization: 'Bearer sk_test_emulator' },
      body: 'name=Eve',
    },
    {
      url: `${emulator.url}/_emulator/clock`,
      headers: { 'content-type': 'application/json' },
      body: '{"advanceSeconds":0,"frozen":false}',
    },
  ];
}

describe('a form', () => {
  const foreign: Record<string, string>[] = [
    { origin: 'https://evil.example' },
    { origin: 'http://localhost:3000', 'sec-fetch-site': 'same-site' },
    { origin: 'http://127.0.0.1' },
    { origin: 'null' },
    { origin: 'null', 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
    { 'sec-fetch-site': 'none' },
  ];

  test.each(foreign)('of another page is refused wherever it is sent to (%j)', async (said) => {
    for (const { url, headers, body } of await doors()) {
      expect([url, (await ask(url, { ...headers, ...said }, body)).status]).toEqual([url, 403]);
    }
    expect((await bench.stripe.customers.list({ limit: 100 })).data.map(({ name }) => name)).not.toContain('Eve');
  });

  test('of its own pages is taken, and of programs, which name no page', async () => {
    const { origin } = new URL(bench.emulator.url);
    for (const said of [
      { origin, 'sec-fetch-site': 'same-origin' },
      { origin },
      { 'sec-fetch-site': 'same-origin' },
      {},
    ]) {
      for (const { url, headers, body } of await doors()) {
        expect([url, (await ask(url, { ...headers, ...said }, body)).status]).not.toEqual([url, 403]);
      }
    }
  });

  test('may say where it comes from: no page tells browsers to hide it', async () => {
    const [{ url }] = (await doors()) as unknown as [{ url: string }];
    expect((await ask(url, {})).headers['referrer-policy']).toBe('same-origin');
  });

  test('of Checkout that was refused has paid nothing', async () => {
    const [{ url, headers, body }] = (await doors()) as unknown as [
      { url: string; headers: Record<string, string>; body: string },
    ];
    await ask(url, { ...headers, origin: 'https://evil.example' }, body);
    expect((await ask(url, {})).body).toContain('<form');
    expect((await ask(url, headers, body)).headers['location']).toBe('http://127.0.0.1:9/done');
  });
});

describe('the name that is asked for', () => {
  test.each(['evil.example', 'localhost.evil.example:4242', '127.0.0.1.evil.example', '10.0.0.1', '[::2]', 'x'])(
    'must be this machine’s: %s is refused at every door',
    async (host) => {
      for (const { url, headers, body } of await doors()) {
        expect((await ask(url, { ...headers, host }, body)).status).toBe(403);
        expect((await ask(url, { ...headers, host })).status).toBe(403);
      }
    },
  );

  test.each(['localhost', 'localhost:4242', 'stripe.localhost:4242', '127.0.0.1:1', '127.8.8.8', '[::1]:4242'])(
    'may be %s',
    async (host) => {
      for (const { url, headers, body } of await doors()) {
        expect((await ask(url, { ...headers, host }, body)).status).not.toBe(403);
      }
    },
  );

  test('may be the one that browsers were told', async () => {
    const other = await startBench({ publicUrl: 'https://stripe.test' });
    onTestEnd = () => other.emulator.stop();
    const url = `${other.emulator.url}/`;
    expect((await ask(url, { host: 'stripe.test' })).status).toBe(200);
    expect(
      (await ask(url, { ...form, host: 'stripe.test', origin: 'https://stripe.test' }, 'on=86400')).status,
    ).not.toBe(403);
    expect((await ask(url, { host: 'stripe.test.evil.example' })).status).toBe(403);
  });
});

import pg from 'pg';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { startTestApp } from '../support/app.ts';
import { TestClock } from '../support/services.ts';
import { signatureOf, startStripeApp, type StripeApp, stripeClientOf, WEBHOOK_SECRET } from '../support/stripe.ts';
import { contractViolations } from '@tollgate/stripe-emulator/testing/contract';
import { waitFor } from '../support/wait-for.ts';

const OTHER_SECRET = 'whsec_the_next_one';
const NOW = new Date('2026-03-10T12:00:00.000Z');
const NOW_S = NOW.getTime() / 1_000;

let database: TestDatabase;
let admin: pg.Pool;
let app: StripeApp;
const clock = new TestClock(NOW);
const logged: string[] = [];

beforeAll(async () => {
  database = await createTestDatabase();
  admin = new pg.Pool({ connectionString: database.adminUrl, max: 2 });
  admin.on('error', () => undefined);
  app = await startStripeApp(database.url, {
    clock,
    logged,
    env: { STRIPE_WEBHOOK_SECRET: `${WEBHOOK_SECRET}, ${OTHER_SECRET}`, LOG_LEVEL: 'warn' },
  });
});

beforeEach(() => {
  clock.set(NOW);
});

afterAll(async () => {
  await app.stop();
  await admin.end();
  await database.drop();
});

interface Row {
  id: string;
  type: string;
  thin: boolean;
  object_id: string | null;
  customer_id: string | null;
  processed_at: Date | null;
}

async function inbox(id?: string): Promise<Row[]> {
  const { rows } = await admin.query<Row>(
    `select id, type, thin, object_id, customer_id, processed_at from stripe_event
     where $1::text is null or id = $1 order by id`,
    [id ?? null],
  );
  return rows;
}

let count = 0;
const snapshot = (more: object = {}): { id: string; body: string } => {
  const id = `evt_${(count += 1)}`;
  const event = {
    id,
    object: 'event',
    type: 'invoice.paid',
    created: NOW_S,
    data: { object: { id: 'in_1', object: 'invoice', customer: 'cus_1' } },
    ...more,
  };
  return { id, body: JSON.stringify(event, null, 2) };
};
const thin = (): { id: string; body: string } => {
  const id = `evt_thin_${(count += 1)}`;
  const related = { id: 'mtr_1', type: 'billing.meter', url: '/v1/billing/meters/mtr_1' };
  const type = 'v1.billing.meter.error_report_triggered';
  const event = {
    id,
    object: 'v2.core.event',
    type,
    created: NOW.toISOString(),
    livemode: false,
    related_object: related,
  };
  return { id, body: JSON.stringify(event) };
};

async function deliver(
  body: string,
  {
    signature = signatureOf(body, { at: NOW_S }),
    path = '/webhooks/stripe',
  }: { signature?: string | null; path?: string } = {},
): Promise<number> {
  const response = await fetch(new URL(path, app.url), {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(signature !== null && { 'stripe-signature': signature }) },
    body,
  });
  await response.arrayBuffer();
  return response.status;
}

describe('a delivery', () => {
  test('is put down with whom and what it concerns, and nothing of what it says', async () => {
    const { id, body } = snapshot({ data: { object: { id: 'in_9', object: 'invoice', customer: { id: 'cus_9' } } } });
    expect(await deliver(body)).toBe(200);
    expect(await inbox(id)).toMatchObject([
      { id, type: 'invoice.paid', thin: false, object_id: 'in_9', customer_id: 'cus_9' },
    ]);
  });

  test('fifty times at once is one event', async () => {
    const { id, body } = snapshot();
    expect(new Set(await Promise.all(Array.from({ length: 50 }, () => deliver(body))))).toEqual(new Set([200]));
    expect(await inbox(id)).toHaveLength(1);
  });

  test.each(['', 'x', 't=,v1=', `t=${NOW_S}`, `t=${NOW_S},v0=00`, `t=${NOW_S},v1=${'0'.repeat(64)}`])(
    'with the signature «%s» is refused',
    async (signature) => {
      const { id, body } = snapshot();
      expect(await deliver(body, { signature })).toBe(400);
      expect(await inbox(id)).toEqual([]);
    },
  );

  test('without a signature is refused', async () => {
    expect(await deliver(snapshot().body, { signature: null })).toBe(400);
  });

  test('of which one letter was changed is refused', async () => {
    const { id, body } = snapshot();
    const signature = signatureOf(body, { at: NOW_S });
    expect(await deliver(body.replace('cus_1', 'cus_2'), { signature })).toBe(400);
    expect(await inbox(id)).toEqual([]);
  });

  test('that was parsed and written anew is refused, though it says the same', async () => {
    const { id, body } = snapshot();
    const anew = JSON.stringify(JSON.parse(body));
    expect(await deliver(anew, { signature: signatureOf(body, { at: NOW_S }) })).toBe(400);
    expect(await inbox(id)).toEqual([]);
    expect(await deliver(body)).toBe(200);
  });

  test.each([
    { ago: 299, status: 200 },
    { ago: 301, status: 400 },
    { ago: -299, status: 200 },
    { ago: -302, status: 400 },
  ])('signed $ago seconds ago is answered $status', async ({ ago, status }) => {
    const { id, body } = snapshot();
    expect(await deliver(body, { signature: signatureOf(body, { at: NOW_S - ago }) })).toBe(status);
    expect(await inbox(id)).toHaveLength(status === 200 ? 1 : 0);
  });

  test('is taken with each of our secrets, with both while one replaces the other, and with no other', async () => {
    const other = snapshot();
    expect(await deliver(other.body, { signature: signatureOf(other.body, { secret: OTHER_SECRET, at: NOW_S }) })).toBe(
      200,
    );
    const both = snapshot();
    const former = signatureOf(both.body, { secret: 'whsec_long_gone', at: NOW_S });
    const [, current] = signatureOf(both.body, { at: NOW_S }).split(',');
    expect(await deliver(both.body, { signature: `${former},${current}` })).toBe(200);
    expect(await deliver(snapshot().body, { signature: former })).toBe(400);
  });

  test('longer than a megabyte is not read to its end', async () => {
    const { body } = snapshot({ padding: 'x'.repeat(1_100_000) });
    expect(await deliver(body)).toBe(413);
  });

  test('longer than any of Stripe’s is not hashed: a good signature does not help it', async () => {
    // 256 KiB fit, and not a byte more.
    const room = 256 * 1024 - Buffer.byteLength(snapshot({ padding: '' }).body);
    const [fits, long] = [snapshot({ padding: 'x'.repeat(room) }), snapshot({ padding: 'x'.repeat(room + 1) })];
    expect([Buffer.byteLength(fits.body), await deliver(fits.body)]).toEqual([256 * 1024, 200]);
    expect([Buffer.byteLength(long.body), await deliver(long.body)]).toEqual([256 * 1024 + 1, 413]);
    expect(await inbox(long.id)).toEqual([]);
    // Without saying how long it is.
    const unsaid = await fetch(new URL('/webhooks/stripe', app.url), {
      method: 'POST',
      headers: { 'stripe-signature': signatureOf(long.body, { at: NOW_S }) },
      body: new Blob([long.body]).stream(),
      duplex: 'half',
    });
    expect(unsaid.status).toBe(413);
  });

  test.each(['not json', 'null', '[]', '{"object":"event"}', '{"id":1,"object":"event","type":"a","created":1}'])(
    'that is signed and no event («%s») is refused',
    async (body) => {
      expect(await deliver(body)).toBe(400);
      expect(await deliver(body, { path: '/webhooks/stripe/thin' })).toBe(400);
    },
  );

  test('of either kind to the other’s route is refused', async () => {
    const [one, two] = [snapshot(), thin()];
    expect(await deliver(one.body, { path: '/webhooks/stripe/thin' })).toBe(400);
    expect(await deliver(two.body)).toBe(400);
    expect([...(await inbox(one.id)), ...(await inbox(two.id))]).toEqual([]);
    expect(await deliver(one.body)).toBe(200);
    expect(await deliver(two.body, { path: '/webhooks/stripe/thin' })).toBe(200);
    expect(await inbox(two.id)).toMatchObject([{ thin: true, object_id: 'mtr_1', customer_id: null }]);
  });

  test('of a type, a status or a shape that nobody knows is kept, and handled by that', async () => {
    const known = [
      snapshot({ type: 'orbital.laser.armed' }),
      snapshot({
        type: 'customer.subscription.updated',
        data: { object: { object: 'subscription', status: 'levitating' } },
      }),
      snapshot({ data: {} }),
      snapshot({ data: null }),
      snapshot({ data: { object: { customer: 7 } } }),
    ];
    for (const { body } of known) expect(await deliver(body)).toBe(200);
    await waitFor(async () => {
      const rows = await Promise.all(known.map(({ id }) => inbox(id)));
      return rows.every(([row]) => row?.processed_at != null);
    }, 'strange events to be handled');
  });

  test('is told why it was turned away, in words that hold no secret', async () => {
    logged.length = 0;
    expect(await deliver(snapshot().body, { signature: 't=1,v1=00' })).toBe(400);
    expect(logged.join()).toContain('a webhook was turned away');
    expect(logged.join()).not.toContain(WEBHOOK_SECRET);
  });

  test('of which there is a flood is told of a few times, whatever the flood says', async () => {
    logged.length = 0;
    const statuses = await Promise.all(
      Array.from({ length: 300 }, (_, at) => deliver(`{"n":${at}}`, { signature: `t=${NOW_S - 1},v1=${at}` })),
    );
    expect(new Set(statuses)).toEqual(new Set([400]));
    expect(logged.length).toBeLessThanOrEqual(3);
  });

  test('by anything but POST is refused', async () => {
    expect((await fetch(new URL('/webhooks/stripe', app.url))).status).toBe(405);
  });
});

describe('what Stripe sends by itself', () => {
  test('is taken and handled: a customer, and a meter that rejects', async () => {
    await app.emulator.control.behave({ signatureTime: 'emulator' });
    const stripe = stripeClientOf(app.emulator);
    const customer = await stripe.call('customer', (sdk) => sdk.customers.create({ name: 'Ada' }));
    await stripe.call('billing.meter_event', (sdk) =>
      sdk.billing.meterEvents.create({
        event_name: 'tollgate_overage_credits',
        identifier: 'one',
        payload: { stripe_customer_id: customer.id, value: '7' },
      }),
    );
    await app.emulator.control.rejectMeterEvent('one');
    await app.emulator.control.deliveriesSettled();
    await waitFor(async () => {
      const rows = (await inbox()).filter(({ processed_at: at }) => at !== null);
      return rows.some((row) => row.thin) && rows.some((row) => row.customer_id === customer.id);
    }, 'both events to be handled');
    expect(contractViolations(app.emulator.traffic)).toEqual([]);
  });
});

test('without Stripe there is no such route', async () => {
  const without = await startTestApp(database.url);
  const response = await fetch(new URL('/webhooks/stripe', without.url), { method: 'POST', body: '{}' });
  expect(response.status).toBe(404);
  await without.stop();
});

test('what cannot be put down is not acknowledged, and comes again', async () => {
  const { id, body } = snapshot();
  await admin.query('alter table stripe_event rename to elsewhere');
  expect(await deliver(body)).toBe(500);
  await admin.query('alter table elsewhere rename to stripe_event');
  await admin.query(
    `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()`,
  );
  expect(await deliver(body)).toBe(200);
  expect(await inbox(id)).toHaveLength(1);
});

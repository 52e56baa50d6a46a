import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { pino } from 'pino';
import type { DomainServices } from '../../src/services.ts';
import { CatalogIds } from '../../src/stripe/catalog/catalog-ids.ts';
import { Reconciler } from '../../src/stripe/reconciler.ts';
import { OverageBench, type Process } from '../support/overage.ts';
import { openTestServices } from '../support/services.ts';
import { stripeClientOf, stripeEnv, WEBHOOK_SECRET } from '../support/stripe.ts';

const DAY = 86_400;

let bench: OverageBench;
let services: DomainServices;
let own: Process;
let syncCustomer: (customerId: string) => Promise<void>;
let reconciler: Reconciler;

beforeEach(async () => {
  bench = await OverageBench.open();
  const { installation, emulator } = bench;
  const stripe = {
    secretKey: 'sk_test_of_the_tests',
    apiBase: new URL(emulator.url),
    webhookSecrets: [WEBHOOK_SECRET],
    returns: { origins: [], anyLoopback: true },
  };
  services = await openTestServices(installation.database.url, { clock: installation.clock, stripe });
  own = bench.process();
  syncCustomer = async () => undefined;
  const client = stripeClientOf(emulator);
  reconciler = new Reconciler({
    stripe: client,
    catalog: new CatalogIds(client),
    inbox: services.stripe?.inbox as NonNullable<DomainServices['stripe']>['inbox'],
    // It runs by hand here; the one of the services has the schedule.
    jobs: { define: () => undefined, schedule: () => undefined } as never,
    reports: installation.one.meterReports,
    reporter: own.reporter,
    subscriptions: installation.one.subscriptions,
    customers: {
      of: async (id) => bench.customers.get(id) ?? null,
      async *all() {
        for (const [billingEntityId, customerId] of bench.customers) yield { billingEntityId, customerId };
      },
    },
    sync: {
      sync: (customerId) => syncCustomer(customerId),
      syncCharge: async () => undefined,
      forgetDeleted: async () => undefined,
    },
    clock: installation.clock,
    log: pino({ level: 'silent' }),
  });
});

afterEach(async () => {
  await services.stop();
  await bench.close();
});

/** Takes the events that come of making a payer, so that what is asked for stands alone. */
async function settled(): Promise<void> {
  await bench.forward(3_600);
  await reconciler.run();
}

const NOTHING = { repaired: [], remaining: [] };

describe('events of which nobody told', () => {
  it('are taken once they are not on their way any more, each once', async () => {
    await bench.payer();
    await bench.forward(60);
    expect(await reconciler.run()).toEqual(NOTHING);
    await bench.forward(3_600);
    const { repaired, remaining } = await reconciler.run();
    expect(remaining).toEqual([]);
    expect(repaired).toContainEqual(expect.stringMatching(/^event evt_\S+ \(customer\.subscription\.created\)/));
    const { rows } = await bench.installation.admin.query<{ count: number }>(
      'select count(*)::int from stripe_event where processed_at is null',
    );
    expect(rows[0]?.count).toBe(repaired.length);
    expect(await reconciler.run()).toEqual(NOTHING);
  });

  it('are all found by the next one, where Stripe went away in the middle of the list', async () => {
    const make = (count: number): Promise<unknown> =>
      Promise.all(Array.from({ length: count }, () => bench.sdk.customers.create({ name: 'Lost' })));
    await make(30);
    await bench.forward(3 * 3_600);
    await make(110);
    await bench.forward(3_600);
    await bench.emulator.control.addFault({ path: '/v1/events', kind: 'error_before_commit', after: 1, times: 3 });
    await expect(reconciler.run()).rejects.toMatchObject({ code: 'PAYMENT_PROVIDER_ERROR' });
    const { repaired } = await reconciler.run();
    expect(repaired.filter((line) => line.includes('customer.created'))).toHaveLength(140);
  });

  it('are found behind newer ones that arrived', async () => {
    await bench.emulator.control.addEndpoint({ url: 'http://127.0.0.1:9/', secret: 'whsec_away', events: ['*'] });
    const { id } = await bench.sdk.customers.create({ name: 'Lost' });
    await bench.forward(2 * DAY);
    const { inbox } = services.stripe as NonNullable<DomainServices['stripe']>;
    const known = { id: 'evt_newer', type: 'invoice.paid', thin: false, objectId: null, customerId: null };
    await inbox.take({ ...known, createdAt: bench.installation.clock.now() });
    const { repaired } = await reconciler.run();
    expect(repaired).toContainEqual(expect.stringContaining('customer.created'));
    const { rows } = await bench.installation.admin.query(`select type from stripe_event where customer_id = $1`, [id]);
    expect(rows).toEqual([{ type: 'customer.created' }]);
  });
});

describe('overage beside the meter’s sums', () => {
  it('agrees, and what the meter lacks or has besides is told and left to people', async () => {
    const [short, long, right] = [await bench.payer(), await bench.payer(), await bench.payer()];
    for (const payer of [short, long, right]) await bench.use(payer, 40);
    await own.reporter.run();
    await settled();
    expect(await reconciler.run()).toEqual(NOTHING);
    const [report] = await bench.reportsOf(short);
    await bench.emulator.control.rejectMeterEvent(report?.id as string);
    await bench.sdk.billing.meterEvents.create({
      event_name: 'tollgate_overage_credits',
      payload: { stripe_customer_id: long.customer, value: '5' },
    });
    const { repaired, remaining } = await reconciler.run();
    expect(repaired).toEqual([]);
    expect(remaining).toHaveLength(2);
    expect(remaining).toContainEqual(
      expect.stringMatching(`^${short.customer}: .* the meter has 0 credits, and 40 were sent$`),
    );
    expect(remaining).toContainEqual(
      expect.stringMatching(`^${long.customer}: .* the meter has 45 credits, and 40 were sent$`),
    );
  });

  it('that was refused is delivered, and what still is not remains', async () => {
    const payer = await bench.payer();
    await settled();
    await bench.use(payer, 12);
    await bench.sdk.billing.meters.deactivate(bench.catalog.meter);
    const { remaining } = await reconciler.run();
    expect(remaining).toContainEqual(expect.stringMatching(/^report \S+ of 12 credits .* archived/));
    await bench.sdk.billing.meters.reactivate(bench.catalog.meter);
    const second = await reconciler.run();
    expect(second.remaining).toEqual([]);
    expect(second.repaired).toContain('1 reports of overage that had been refused are delivered');
    expect(await bench.counted(payer)).toBe(12);
  });
});

describe('customers', () => {
  it('who drifted are followed again, and told of; those who cannot be remain', async () => {
    const [drifted, broken] = [await bench.payer(), await bench.payer()];
    await settled();
    let isBroken = true;
    syncCustomer = async (customerId) => {
      if (customerId === broken.customer && isBroken) throw new Error('no such plan');
      if (customerId === drifted.customer) {
        await bench.installation.one.subscriptions.follow(drifted.id, { providerSubscription: null, paidUnits: 0 });
      }
    };
    expect(await reconciler.run()).toEqual({
      repaired: [`${drifted.customer}: the subscription was not as Stripe has it`],
      remaining: [`${broken.customer}: no such plan`],
    });
    isBroken = false;
    expect(await reconciler.run()).toEqual(NOTHING);
  });

  it('are looked at though something else cannot be, which remains', async () => {
    const drifted = await bench.payer();
    await settled();
    syncCustomer = async () => {
      await bench.installation.one.subscriptions.follow(drifted.id, { providerSubscription: null, paidUnits: 0 });
    };
    await bench.emulator.control.addFault({ kind: 'rejected', path: '/v1/events', code: 'unknown', times: 0 });
    expect(await reconciler.run()).toEqual({
      repaired: [`${drifted.customer}: the subscription was not as Stripe has it`],
      remaining: ['events: This is refused.'],
    });
  });

  it('nothing is said of them while Stripe is away', async () => {
    await bench.emulator.control.addFault({ path: '/v1/events', kind: 'foreign_500', times: 0 });
    await expect(reconciler.run()).rejects.toMatchObject({ code: 'PAYMENT_PROVIDER_ERROR' });
  });
});

describe('npm run stripe:reconcile', () => {
  async function reconcile(): Promise<{ code: number; output: string }> {
    const child = spawn(process.execPath, ['scripts/tollgate.mjs', 'stripe:reconcile'], {
      env: {
        PATH: process.env['PATH'],
        DATABASE_URL: bench.installation.database.url,
        LOG_LEVEL: 'error',
        ...stripeEnv(bench.emulator),
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
    }
    const [code] = (await once(child, 'close')) as [number];
    return { code, output };
  }

  it('ends with 0 while nothing differs, and with 1 and a line when something does', async () => {
    expect(await reconcile()).toEqual({ code: 0, output: 'Nothing remains.\n' });
    const payer = await bench.payer();
    await bench.use(payer, 3);
    await bench.installation.one.meterReports.freeze(payer.id);
    const { code, output } = await reconcile();
    expect({ code, output }).toMatchObject({
      code: 1,
      output: expect.stringMatching(/^ {2}remains: report \S+ of 3 credits .*\n1 differences remain\.\n$/),
    });
  });
});

describe('a server', () => {
  it('reports by itself, and counts what waits', async () => {
    const payer = await bench.payer();
    await bench.use(payer, 3);
    services.stripe?.meterReporter.tend();
    await services.stripe?.meterReporter.stop();
    expect(await services.meterReports.counts()).toEqual({ undelivered: 1, failed: 0 });
    expect(await services.stripe?.reconciler.run()).toMatchObject({ remaining: [] });
  });
});

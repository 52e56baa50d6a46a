import pg from 'pg';
import { type Emulator, startEmulator } from '@tollgate/stripe-emulator';
import { Bench, type StripeApp } from '../support/bench.ts';
import { clientOf } from '@tollgate/stripe-emulator/testing/bench';
import { LONGEST_RUN_MS, openStripeCommand, type StripeCommand } from '../support/stripe-cli.ts';
import { CONTRACT_TIMEOUT_MS, contractViolations } from '@tollgate/stripe-emulator/testing/contract';
import { waitFor } from '../support/wait-for.ts';

/** What the command can trigger of what is sent to us, and events that only come along with others. */
const EVENTS: readonly { readonly trigger: string; readonly brings?: readonly string[] }[] = [
  { trigger: 'customer.created' },
  { trigger: 'customer.updated' },
  { trigger: 'customer.deleted' },
  { trigger: 'checkout.session.completed' },
  { trigger: 'checkout.session.expired' },
  { trigger: 'customer.subscription.created' },
  { trigger: 'customer.subscription.updated' },
  { trigger: 'customer.subscription.deleted' },
  { trigger: 'customer.subscription.paused' },
  { trigger: 'customer.subscription.trial_will_end' },
  { trigger: 'subscription_schedule.created' },
  { trigger: 'subscription_schedule.updated' },
  { trigger: 'subscription_schedule.canceled' },
  { trigger: 'subscription_schedule.released' },
  { trigger: 'invoice.created' },
  { trigger: 'invoice.updated' },
  { trigger: 'invoice.deleted' },
  { trigger: 'invoice.finalized' },
  { trigger: 'invoice.sent' },
  { trigger: 'invoice.paid' },
  { trigger: 'invoice.payment_succeeded' },
  { trigger: 'invoice.payment_failed' },
  { trigger: 'invoice.payment_action_required' },
  { trigger: 'invoice.marked_uncollectible' },
  { trigger: 'invoice.voided' },
  { trigger: 'subscription.payment_succeeded', brings: ['invoice.payment_succeeded'] },
  { trigger: 'subscription.payment_failed', brings: ['invoice.payment_failed'] },
  { trigger: 'charge.refunded', brings: ['charge.refunded', 'refund.created'] },
  { trigger: 'charge.refund.updated', brings: ['charge.refund.updated', 'refund.updated'] },
  { trigger: 'charge.dispute.created' },
  { trigger: 'charge.dispute.updated' },
  { trigger: 'charge.dispute.closed' },
  { trigger: 'payment_method.attached' },
  { trigger: 'payment_method.detached' },
];

/** Every test runs the command, most of them once. */
const TEST_MS = LONGEST_RUN_MS + 30_000;

const METER_ERROR = 'v1.billing.meter.error_report_triggered';

let command: StripeCommand;

beforeAll(async () => {
  command = await openStripeCommand();
});

afterAll(async () => {
  await command.stop();
});

describe('stripe trigger', () => {
  const seen: Emulator['traffic'][number][] = [];

  /** An account of its own, so that an event can only be there because it was triggered. */
  async function withEmulator<T>(use: (emulator: Emulator) => Promise<T>): Promise<T> {
    const emulator = await startEmulator({ recordTraffic: true });
    try {
      return await use(emulator);
    } finally {
      seen.push(...emulator.traffic);
      await emulator.stop();
    }
  }

  test.each(EVENTS)(
    '$trigger',
    async ({ trigger, brings = [trigger] }) => {
      await withEmulator(async (emulator) => {
        expect(await command.trigger(trigger, emulator.url)).toMatchObject({
          code: 0,
          output: expect.stringContaining('Trigger succeeded!'),
        });
        const events = await clientOf(emulator).events.list({ types: [...brings], limit: 100 });
        expect(new Set(events.data.map(({ type }) => type))).toEqual(new Set(brings));
      });
    },
    TEST_MS,
  );

  test(
    `${METER_ERROR}, whose address has to be ours`,
    async () => {
      await withEmulator(async (emulator) => {
        await emulator.control.deliveryMode({ hold: true });
        await emulator.control.addEndpoint({
          url: `${emulator.url}/nowhere`,
          secret: 'whsec_x',
          thin: true,
          events: ['*'],
        });
        expect(await command.trigger(METER_ERROR, emulator.url, '--raw', meterError(emulator))).toMatchObject({
          code: 0,
        });
        const types = (await emulator.control.deliveries()).map(({ type }) => type);
        expect(types).toEqual([METER_ERROR]);
      });
    },
    TEST_MS,
  );

  test(
    'and all that it calls is as the SDK declares it, but for what only Stripe’s own programs call',
    () => {
      // What the tour of the SDK cannot go by: no method of it makes these calls.
      const own = seen.filter(({ path }) => !path.startsWith('/v1/payment_pages/'));
      expect(seen.length - own.length).toBe(2);
      expect(contractViolations(own).toSorted()).toEqual([
        'PaymentIntentResource.create takes PaymentIntentCreateParams.payment_method_types: unknown',
        'SubscriptionScheduleResource.create takes SubscriptionScheduleCreateParams.phases[].iterations: unknown',
      ]);
    },
    CONTRACT_TIMEOUT_MS,
  );

  test('is refused by the SDK’s version what only older ones have', async () => {
    await withEmulator(async (emulator) => {
      const stripe = clientOf(emulator);
      const customer = await stripe.customers.create({ source: 'tok_visa' });
      const schedule = { customer: customer.id, start_date: 'now' as const, phases: [] };
      await expect(stripe.subscriptionSchedules.create(schedule)).rejects.toMatchObject({ code: 'parameter_unknown' });
      await expect(stripe.rawRequest('GET', '/v1/payment_pages/cs_test_1')).rejects.toMatchObject({ statusCode: 404 });
    });
  });
});

describe('the whole application', () => {
  let bench: Bench;
  let admin: pg.Pool;
  let app: StripeApp;

  beforeAll(async () => {
    bench = await Bench.open();
    admin = new pg.Pool({ connectionString: bench.database.adminUrl, max: 1 });
    admin.on('error', () => undefined);
    app = await bench.serverWithStripe();
  });

  afterAll(async () => {
    await admin.end();
    await bench.close();
  });

  test(
    'takes all that is triggered, of customers that are nobody’s here, and fails at nothing',
    async () => {
      for (const { trigger } of EVENTS) {
        expect(await command.trigger(trigger, app.emulator.url)).toMatchObject({ code: 0 });
      }
      const raw = meterError(app.emulator);
      expect(await command.trigger(METER_ERROR, app.emulator.url, '--raw', raw)).toMatchObject({ code: 0 });

      await app.emulator.control.deliveriesSettled();
      const deliveries = await app.emulator.control.deliveries();
      expect(deliveries.filter(({ status }) => status !== 200)).toEqual([]);
      const types = new Set(deliveries.map(({ type }) => type));
      for (const { trigger, brings = [trigger] } of EVENTS) for (const type of brings) expect(types).toContain(type);
      expect(types).toContain(METER_ERROR);

      const sent = new Set(deliveries.map(({ event }) => event));
      await waitFor(async () => {
        const { rows } = await admin.query<{ waiting: string; failed: string }>(
          `select (select count(*) from stripe_event where processed_at is null) as waiting,
                  (select count(*) from graphile_worker.jobs where attempts > 0 and last_error is not null) as failed`,
        );
        expect(rows[0]?.failed).toBe('0');
        return rows[0]?.waiting === '0';
      }, 'all events to be handled');
      const { rows: kept } = await admin.query<{ id: string }>('select id from stripe_event');
      const ids = new Set(kept.map(({ id }) => id));
      expect([...sent].filter((id) => !ids.has(id))).toEqual([]);
    },
    (EVENTS.length + 1) * TEST_MS,
  );
});

test('nobody is asked for anything but whether there is a newer version, and that in vain', () => {
  expect(new Set(command.outward)).toEqual(new Set(['api.github.com:443']));
});

/**
 * The command's own steps for a meter that finds an error: a stream of use without a customer. It holds Stripe's own
 * address for the last of them, whatever `--api-base` says; here it is the emulator's.
 */
function meterError({ url }: Pick<Emulator, 'url'>): string {
  const meters = { path: '/v1/billing/meters', method: 'get', params: { status: 'active' } };
  const json = { 'Content-Type': 'application/json', 'Stripe-Version': '2024-09-30.acacia' };
  return JSON.stringify({
    _meta: { template_version: 0 },
    fixtures: [
      {
        name: 'meter',
        path: '/v1/billing/meters',
        method: 'post',
        params: {
          display_name: 'Stripe CLI Billing Meter',
          event_name: 'stripe_cli_billing_meter_for_fixture',
          default_aggregation: { formula: 'sum' },
        },
        expected_error_type: 'invalid_request_error',
      },
      { name: 'meters', ...meters },
      { name: 'session', path: '/v2/billing/meter_event_session', method: 'post', headers: json, params: {} },
      {
        name: 'stream',
        path: '/v2/billing/meter_event_stream',
        method: 'post',
        api_base: url,
        headers: { ...json, Authorization: 'Bearer ${session:authentication_token}' },
        params: {
          events: [
            {
              event_name: '${meters:data.0.event_name}',
              timestamp: '${time-now-RFC3339}',
              identifier: '${generate-uuid}',
              payload: { value: '1' },
            },
          ],
        },
      },
    ],
  });
}

import type { StripeEvent } from '../../../src/stripe/webhooks/stripe-event.entity.ts';
import { type Receiver, startReceiver } from '@tollgate/stripe-emulator/testing/bench';
import { OverageBench } from '../../support/overage.ts';
import { waitFor } from '../../support/wait-for.ts';

const DAY = 86_400;

let bench: OverageBench;

beforeAll(async () => {
  bench = await OverageBench.open();
});

afterEach(async () => {
  await bench.emulator.control.clearFaults();
  await bench.endProcesses();
});

afterAll(() => bench.close());

describe('a report that is refused', () => {
  it('is failed with its error, keeps nobody waiting, and is sent when that is repaired', async () => {
    const payer = await bench.payer();
    const { reporter } = bench.process();
    await bench.use(payer, 7);
    await bench.sdk.billing.meters.deactivate(bench.catalog.meter);
    await reporter.run();
    expect(await bench.onlyReportOf(payer)).toMatchObject({
      state: 'FAILED',
      error: expect.stringContaining('archived'),
      attempts: 1,
    });
    await reporter.run();
    await bench.forward(300);
    await reporter.run();
    expect(await bench.onlyReportOf(payer)).toMatchObject({ attempts: 1 });
    await bench.sdk.billing.meters.reactivate(bench.catalog.meter);
    await bench.forward(600);
    await reporter.run();
    expect(await bench.onlyReportOf(payer)).toMatchObject({ state: 'SENT', error: null });
    expect(await bench.counted(payer)).toBe(7);
  });

  describe('after it was taken', () => {
    let receiver: Receiver;

    beforeAll(async () => {
      receiver = await startReceiver();
      await bench.emulator.control.addEndpoint({ url: receiver.url, secret: 'whsec_thin', events: ['*'], thin: true });
    });

    afterAll(() => receiver.stop());

    async function rejection(identifier: string): Promise<StripeEvent> {
      const before = receiver.received.length;
      await bench.emulator.control.rejectMeterEvent(identifier);
      await waitFor(() => receiver.received.length > before, 'the rejection');
      const { id, type } = receiver.received.at(-1) as { id: string; type: string };
      return { id, type, thin: true, objectId: null, customerId: null, createdAt: bench.installation.clock.now() };
    }

    it('is failed with its error, told any number of times, and is sent anew under another identifier', async () => {
      const payer = await bench.payer();
      const { reporter, events } = bench.process();
      await bench.use(payer, 31);
      await reporter.run();
      const { id } = await bench.onlyReportOf(payer);
      const event = await rejection(id);
      expect(await bench.counted(payer)).toBe(0);
      await Promise.all([events.handle(event), events.handle(event), bench.process().events.handle(event)]);
      const error = expect.stringMatching(/^rejected 1: meter_event_customer_not_found/);
      expect(await bench.onlyReportOf(payer)).toMatchObject({ state: 'FAILED', error, sentAt: null });
      await reporter.run();
      expect(await bench.onlyReportOf(payer)).toMatchObject({ state: 'FAILED' });
      await reporter.run({ refusedToo: true });
      expect(await bench.onlyReportOf(payer)).toMatchObject({ state: 'SENT', error });
      // Told once more, of the sending before.
      await events.handle(event);
      expect(await bench.onlyReportOf(payer)).toMatchObject({ state: 'SENT' });
      expect(await bench.counted(payer)).toBe(31);
      await events.handle(await rejection(`${id}/1`));
      expect(await bench.onlyReportOf(payer)).toMatchObject({
        state: 'FAILED',
        error: expect.stringMatching(/^rejected 2: /),
      });
      await bench.process(bench.installation.two).reporter.run({ refusedToo: true });
      expect(await bench.counted(payer)).toBe(31);
      await bench.installation.expectProven(payer.id);
    });

    it('because no meter was found, which Stripe tells in another event', async () => {
      const payer = await bench.payer();
      const { reporter, events } = bench.process();
      await bench.use(payer, 9);
      await reporter.run();
      const event = await rejection((await bench.onlyReportOf(payer)).id);
      await events.handle({ ...event, type: 'v1.billing.meter.no_meter_found' });
      expect(await bench.onlyReportOf(payer)).toMatchObject({
        state: 'FAILED',
        error: expect.stringMatching(/^rejected 1: /),
      });
      await reporter.run({ refusedToo: true });
      expect(await bench.counted(payer)).toBe(9);
    });

    it('and whose period is over by then is billed by an item', async () => {
      const payer = await bench.payer();
      const { reporter, events } = bench.process();
      await bench.use(payer, 25_000);
      await reporter.run();
      await events.handle(await rejection((await bench.onlyReportOf(payer)).id));
      await bench.forward(33 * DAY);
      await reporter.run({ refusedToo: true });
      expect(await bench.onlyReportOf(payer)).toMatchObject({ state: 'BILLED' });
      expect(await bench.itemsOf(payer)).toMatchObject([{ amount: 100 }]);
    });

    it('and was no report of ours concerns nobody', async () => {
      const { events } = bench.process();
      const payer = await bench.payer();
      await bench.sdk.billing.meterEvents.create({
        event_name: 'tollgate_overage_credits',
        identifier: 'somebody else’s',
        payload: { stripe_customer_id: payer.customer, value: '5' },
      });
      await events.handle(await rejection('somebody else’s'));
    });
  });
});

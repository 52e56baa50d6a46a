import { setTimeout as delay } from 'node:timers/promises';
import type { DeliveredReport } from '../../src/subscriptions/meter-reports.ts';
import type { StripeEvent } from '../../src/stripe/webhooks/stripe-event.entity.ts';
import { type Receiver, startReceiver } from '@tollgate/stripe-emulator/testing/bench';
import { OverageBench, type Payer } from '../support/overage.ts';
import { waitFor } from '../support/wait-for.ts';

const DAY = 86_400;
const METER_EVENTS = { method: 'POST', path: '/v1/billing/meter_events' };

let bench: OverageBench;

beforeAll(async () => {
  bench = await OverageBench.open();
});

afterEach(async () => {
  await bench.emulator.control.clearFaults();
  await bench.endProcesses();
});

afterAll(() => bench.close());

async function only(payer: Payer): Promise<DeliveredReport> {
  const reports = await bench.reportsOf(payer);
  expect(reports).toHaveLength(1);
  return reports[0] as DeliveredReport;
}

const itemsOf = async ({ customer }: Payer) => (await bench.sdk.invoiceItems.list({ customer })).data;

/** A process that dies when it has done so much. */
const dying = (when: 'before sending' | 'after sending') => {
  let notes = 0;
  return bench.process(bench.installation.one, {
    async note(report, delivery) {
      notes += 1;
      if (when === 'after sending' && notes > 1) throw new Error('killed');
      const noted = await bench.installation.one.meterReports.note(report, delivery);
      if (when === 'before sending') throw new Error('killed');
      return noted;
    },
  });
};

describe('overage', () => {
  it('is reported in whole credits, stamped in its period, and once, however often somebody looks', async () => {
    const payer = await bench.payer();
    const { reporter } = bench.process();
    await bench.use(payer, 25);
    await reporter.run();
    await reporter.run();
    const report = await only(payer);
    expect(report).toMatchObject({ state: 'SENT', attempts: 1, credits: 25n, error: null });
    expect(await bench.counted(payer)).toBe(25);
    await bench.use(payer, 17);
    await reporter.run();
    expect(await bench.counted(payer)).toBe(42);
    const sent = await bench.sent(payer);
    expect(sent).toHaveLength(2);
    expect(sent[0]).toEqual({
      identifier: report.id,
      timestamp: Math.floor(report.stampedAt.getTime() / 1_000),
      status: 200,
    });
    await bench.installation.expectProven(payer.id);
  });

  it('of an account that cannot be read keeps nobody else’s waiting', async () => {
    const payers = [await bench.payer(), await bench.payer(), await bench.payer()];
    for (const payer of payers) await bench.use(payer, 7);
    const broken = payers.toSorted((a, b) => (a.id < b.id ? -1 : 1))[0] as Payer;
    const { rows } = await bench.installation.admin.query<{ subscription: object }>(
      'select subscription from credit_account where billing_entity_id = $1',
      [broken.id],
    );
    const write = 'update credit_account set subscription = $2 where billing_entity_id = $1';
    await bench.installation.admin.query(write, [broken.id, { id: 'sub_1', plan: 'NONE' }]);
    const { reporter } = bench.process();
    await reporter.run();
    const counted = (): Promise<number[]> => Promise.all(payers.map((payer) => bench.counted(payer)));
    expect(await counted()).toEqual(payers.map((payer) => (payer === broken ? 0 : 7)));
    await bench.installation.admin.query(write, [broken.id, rows[0]?.subscription]);
    await reporter.run();
    expect(await counted()).toEqual([7, 7, 7]);
    await bench.installation.expectProven(broken.id);
  });

  it('of who has no customer yet waits, and is reported when there is one', async () => {
    const payer = await bench.payer();
    bench.customers.delete(payer.id);
    const { reporter } = bench.process();
    await bench.use(payer, 5);
    await reporter.run();
    expect(await only(payer)).toMatchObject({ state: 'PENDING', attempts: 0 });
    bench.customers.set(payer.id, payer.customer);
    await reporter.run();
    expect(await bench.counted(payer)).toBe(5);
  });
});

describe('two processes', () => {
  it('have one call under way for a customer, and report each credit once', async () => {
    const payer = await bench.payer();
    const [one, two] = [bench.process(), bench.process(bench.installation.two)];
    await bench.use(payer, 8);
    await bench.emulator.control.addFault({ ...METER_EVENTS, kind: 'hold' });
    const first = one.reporter.run();
    await waitFor(async () => (await bench.emulator.control.heldCalls()) === 1, 'the call to be under way');
    await bench.use(payer, 9);
    await two.reporter.run();
    expect(await bench.counted(payer)).toBe(0);
    await bench.emulator.control.releaseCalls();
    await first;
    await Promise.all([1, 2, 3].flatMap(() => [one.reporter.run(), two.reporter.run()]));
    expect(await bench.counted(payer)).toBe(17);
    expect((await bench.sent(payer)).every(({ status }) => status === 200)).toBe(true);
  });

  it('stop without losing anything: what is under way ends, and nothing begins', async () => {
    const payer = await bench.payer();
    const { reporter } = bench.process();
    await bench.use(payer, 8);
    await bench.emulator.control.addFault({ ...METER_EVENTS, kind: 'hold' });
    reporter.tend();
    await waitFor(async () => (await bench.emulator.control.heldCalls()) === 1, 'the call to be under way');
    let hasStopped = false;
    const stopped = reporter.stop().then(() => (hasStopped = true));
    await delay(0);
    expect(hasStopped).toBe(false);
    await bench.emulator.control.releaseCalls();
    await stopped;
    expect(await only(payer)).toMatchObject({ state: 'SENT' });
    await bench.use(payer, 1);
    reporter.tend();
    await reporter.stop();
    expect(await bench.counted(payer)).toBe(8);
    await bench.process().reporter.run();
    expect(await bench.counted(payer)).toBe(9);
  });
});

describe('a process that dies', () => {
  it('after freezing: another one sends', async () => {
    const payer = await bench.payer();
    await bench.use(payer, 6);
    await bench.installation.one.meterReports.freeze(payer.id);
    await bench.process(bench.installation.two).reporter.run();
    expect(await bench.counted(payer)).toBe(6);
  });

  it.each(['before sending', 'after sending'] as const)('%s: another one sends, and it counts once', async (when) => {
    const payer = await bench.payer();
    await bench.use(payer, 6);
    await dying(when).reporter.run();
    expect(await only(payer)).toMatchObject({ state: 'PENDING', attempts: 1 });
    expect(await bench.counted(payer)).toBe(when === 'after sending' ? 6 : 0);
    await bench.process(bench.installation.two).reporter.run();
    expect(await only(payer)).toMatchObject({ state: 'SENT', attempts: 2 });
    expect(await bench.counted(payer)).toBe(6);
  });
});

describe('a call whose outcome is not known', () => {
  it.each([
    'timeout_after_commit',
    'error_after_commit',
    'timeout_before_commit',
    'rate_limit',
    'foreign_500',
  ] as const)('%s: is made again with the same identifier, and counts once', async (kind) => {
    const payer = await bench.payer();
    const { reporter } = bench.process();
    await bench.use(payer, 11);
    await bench.emulator.control.addFault({ ...METER_EVENTS, kind, times: kind === 'timeout_before_commit' ? 3 : 1 });
    await reporter.run();
    await reporter.run();
    const report = await only(payer);
    expect(report).toMatchObject({ state: 'SENT', error: null });
    expect(await bench.counted(payer)).toBe(11);
    expect(new Set((await bench.sent(payer)).map(({ identifier }) => identifier))).toEqual(new Set([report.id]));
  });

  it('keeps what is used meanwhile in one report, however long Stripe is away', async () => {
    const payer = await bench.payer();
    const { reporter } = bench.process();
    await bench.emulator.control.addFault({ ...METER_EVENTS, kind: 'error_before_commit', times: 0 });
    for (const credits of [5, 6, 7, 8]) {
      await bench.use(payer, credits);
      await reporter.run();
    }
    expect(await bench.reportsOf(payer)).toHaveLength(1);
    await bench.emulator.control.clearFaults();
    for (let pass = 0; pass < 3; pass += 1) await reporter.run();
    expect(await bench.reportsOf(payer)).toMatchObject([{ credits: 5n }, { credits: 21n }]);
    expect(await bench.counted(payer)).toBe(26);
  });

  it('does not keep other customers waiting', async () => {
    const [first, second] = [await bench.payer(), await bench.payer()];
    await bench.use(first, 1);
    await bench.installation.one.meterReports.freeze(first.id);
    await bench.use(second, 2);
    await bench.emulator.control.addFault({ ...METER_EVENTS, kind: 'error_before_commit', times: 3 });
    const { reporter } = bench.process();
    await reporter.run();
    await reporter.run();
    expect([await bench.counted(first), await bench.counted(second)]).toEqual([1, 2]);
  });

  it.each([
    ['has it: it is done', 'after sending'],
    ['does not have it: it is sent', 'before sending'],
  ] as const)('for over a day is compared first. The meter %s', async (_what, when) => {
    const payer = await bench.payer();
    await bench.use(payer, 30);
    await bench.process().reporter.run();
    await bench.use(payer, 12);
    await dying(when).reporter.run();
    await bench.forward(DAY + 1);
    const before = (await bench.sent(payer)).length;
    await bench.process(bench.installation.two).reporter.run();
    expect(await bench.reportsOf(payer)).toMatchObject([{ state: 'SENT' }, { state: 'SENT', credits: 12n }]);
    expect(await bench.counted(payer)).toBe(42);
    expect(await bench.sent(payer)).toHaveLength(before + (when === 'after sending' ? 0 : 1));
  });

  it('for over a day, where the meter has something else: is left for people, and never sent blind', async () => {
    const payer = await bench.payer();
    await bench.use(payer, 12);
    await dying('before sending').reporter.run();
    const { stampedAt } = await only(payer);
    await bench.sdk.billing.meterEvents.create({
      event_name: 'tollgate_overage_credits',
      payload: { stripe_customer_id: payer.customer, value: '5' },
      timestamp: Math.floor(stampedAt.getTime() / 1_000),
    });
    await bench.forward(DAY + 1);
    const { reporter } = bench.process();
    for (let pass = 0; pass < 3; pass += 1) await reporter.run({ refusedToo: true });
    expect(await only(payer)).toMatchObject({ state: 'FAILED', error: expect.stringMatching(/^undecided: /) });
    expect(await bench.counted(payer)).toBe(5);
    expect(await bench.installation.one.meterReports.counts()).toMatchObject({ failed: 1 });
  });
});

describe('around a period’s end', () => {
  /** Uses, stops reporting and moves to so many seconds after the period's end; the account turns when it is looked at. */
  async function stalled(credits: number, secondsAfter: number): Promise<{ payer: Payer; start: Date; end: Date }> {
    const payer = await bench.payer();
    const { subscription } = await bench.installation.one.subscriptions.of(payer.id);
    const [start, end] = [subscription?.currentPeriodStart as Date, subscription?.currentPeriodEnd as Date];
    const toEnd = (end.getTime() - bench.installation.clock.now().getTime()) / 1_000;
    await bench.forward(toEnd - 5);
    await bench.use(payer, credits);
    await bench.forward(5 + secondsAfter);
    await bench.installation.one.accounts.advance(payer.id);
    return { payer, start, end };
  }

  /** Overage lines of the payer's final invoices: units and the period that they are of. */
  async function billed({ customer }: Payer): Promise<{ quantity: number; end: number }[]> {
    const invoices = await bench.sdk.invoices.list({ customer, limit: 100 });
    return invoices.data
      .filter(({ status }) => status !== 'draft')
      .flatMap(({ lines }) => lines.data)
      .filter(({ pricing, description }) =>
        pricing?.price_details?.price === bench.catalog.overagePrice
          ? true
          : description?.startsWith('Overage credits used'),
      )
      .map(({ quantity, period }) => ({ quantity: quantity ?? 0, end: period.end }))
      .filter(({ quantity }) => quantity > 0);
  }

  it('what was used before it is on its own period’s invoice, and what comes after on the next', async () => {
    const { payer, end } = await stalled(70, 60);
    const { reporter } = bench.process();
    // The base credits of the new period first.
    await bench.use(payer, 500_000 + 9);
    await reporter.run();
    const [late, next] = await bench.reportsOf(payer);
    expect([late, next]).toMatchObject([
      { state: 'SENT', credits: 70n },
      { state: 'SENT', credits: 9n },
    ]);
    expect((late as DeliveredReport).stampedAt.getTime()).toBeLessThan(end.getTime());
    expect((next as DeliveredReport).stampedAt.getTime()).toBeGreaterThanOrEqual(end.getTime());
    await bench.forward(2 * 3_600);
    expect(await billed(payer)).toEqual([{ quantity: 70, end: end.getTime() / 1_000 }]);
    await bench.forward(32 * DAY);
    expect(await billed(payer)).toContainEqual({ quantity: 9, end: expect.any(Number) });
    expect(await itemsOf(payer)).toEqual([]);
  });

  it.each([
    ['its invoice is final', 2 * 3_600],
    ['35 days have passed', 36 * DAY],
  ])('what is not reported until %s is billed once, by an item that names its period', async (_what, seconds) => {
    const { payer, start, end } = await stalled(50_000, seconds);
    const [one, two] = [bench.process(), bench.process(bench.installation.two)];
    await Promise.all([one.reporter.run(), two.reporter.run()]);
    await two.reporter.run();
    expect(await only(payer)).toMatchObject({ state: 'BILLED', sentAt: expect.any(Date) });
    expect(await bench.counted(payer)).toBe(0);
    expect(await itemsOf(payer)).toMatchObject([
      {
        amount: 200,
        quantity: 50_000,
        period: { start: start.getTime() / 1_000, end: end.getTime() / 1_000 },
        invoice: null,
      },
    ]);
    await bench.forward(32 * DAY);
    expect(await billed(payer)).toEqual([{ quantity: 50_000, end: end.getTime() / 1_000 }]);
    await bench.installation.expectProven(payer.id);
  });

  it('what the meter may have when the invoice is final is not billed a second time', async () => {
    const payer = await bench.payer();
    await bench.use(payer, 300);
    await dying('after sending').reporter.run();
    await bench.forward(33 * DAY);
    await bench.process().reporter.run();
    expect(await only(payer)).toMatchObject({ state: 'SENT' });
    expect(await itemsOf(payer)).toEqual([]);
    expect(await billed(payer)).toMatchObject([{ quantity: 300 }]);
  });

  it.each(['timeout_after_commit', 'error_after_commit'] as const)('%s: an item is made once', async (kind) => {
    const { payer } = await stalled(25_000, 2 * 3_600);
    await bench.emulator.control.addFault({ method: 'POST', path: '/v1/invoiceitems', kind });
    const { reporter } = bench.process();
    await reporter.run();
    await bench.process().reporter.run();
    expect(await itemsOf(payer)).toHaveLength(1);
    expect(await only(payer)).toMatchObject({ state: 'BILLED' });
  });

  it('an item whose maker died is found again, also when its key has been forgotten', async () => {
    const { payer } = await stalled(25_000, 2 * 3_600);
    await dying('after sending').reporter.run();
    await bench.forward(2 * DAY);
    await bench.process().reporter.run();
    expect(await itemsOf(payer)).toHaveLength(1);
    expect(await only(payer)).toMatchObject({ state: 'BILLED' });
  });

  it('what a subscription leaves behind that has ended is billed by an invoice of its own', async () => {
    const payer = await bench.payer();
    await bench.use(payer, 25_000);
    await bench.sdk.subscriptions.cancel(payer.subscription, { invoice_now: true });
    await bench.forward(60);
    await bench.installation.one.subscriptions.follow(payer.id, { providerSubscription: null, paidUnits: 0 });
    await bench.process().reporter.run();
    await bench.process(bench.installation.two).reporter.run();
    expect(await only(payer)).toMatchObject({ state: 'BILLED' });
    expect(await itemsOf(payer)).toMatchObject([{ amount: 100, invoice: expect.any(String) }]);
    await bench.forward(2 * 3_600);
    expect(await billed(payer)).toMatchObject([{ quantity: 25_000 }]);
  });

  it('what turns out later to be left behind is billed besides what was billed already, though who did that died', async () => {
    const payer = await bench.payer();
    await bench.use(payer, 50_000);
    await bench.process().reporter.run();
    await bench.use(payer, 25_000);
    await dying('after sending').reporter.run();
    await bench.sdk.subscriptions.cancel(payer.subscription);
    await bench.forward(60);
    await bench.installation.one.subscriptions.follow(payer.id, { providerSubscription: null, paidUnits: 0 });
    const ended: StripeEvent = {
      id: 'evt_ended',
      type: 'customer.subscription.deleted',
      thin: false,
      objectId: payer.subscription,
      customerId: null,
      createdAt: bench.installation.clock.now(),
    };
    const dead = bench.process(bench.installation.one, {
      note: async () => {
        throw new Error('killed');
      },
    });
    await expect(dead.events.handle(ended)).rejects.toThrow('killed');
    expect((await itemsOf(payer)).map(({ quantity }) => quantity)).toEqual([50_000]);
    await bench.forward(DAY);
    await bench.process(bench.installation.two).reporter.run();
    await bench.process().events.handle(ended);
    expect((await itemsOf(payer)).map(({ quantity }) => quantity)).toEqual([25_000, 50_000]);
    await bench.forward(2 * 3_600);
    expect((await billed(payer)).map(({ quantity }) => quantity)).toEqual([25_000, 50_000]);
  });

  it('what was reported before the subscription is ended is on its last invoice', async () => {
    const payer = await bench.payer();
    await bench.use(payer, 25_000);
    await bench.forward(60);
    await bench.process().reporter.run();
    await bench.sdk.subscriptions.cancel(payer.subscription, { invoice_now: true });
    expect(await billed(payer)).toMatchObject([{ quantity: 25_000 }]);
    expect(await itemsOf(payer)).toEqual([]);
  });
});

describe('a report that is refused', () => {
  it('is failed with its error, keeps nobody waiting, and is sent when that is repaired', async () => {
    const payer = await bench.payer();
    const { reporter } = bench.process();
    await bench.use(payer, 7);
    await bench.sdk.billing.meters.deactivate(bench.catalog.meter);
    await reporter.run();
    expect(await only(payer)).toMatchObject({
      state: 'FAILED',
      error: expect.stringContaining('archived'),
      attempts: 1,
    });
    await reporter.run();
    await bench.forward(300);
    await reporter.run();
    expect(await only(payer)).toMatchObject({ attempts: 1 });
    await bench.sdk.billing.meters.reactivate(bench.catalog.meter);
    await bench.forward(600);
    await reporter.run();
    expect(await only(payer)).toMatchObject({ state: 'SENT', error: null });
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
      const { id } = await only(payer);
      const event = await rejection(id);
      expect(await bench.counted(payer)).toBe(0);
      await Promise.all([events.handle(event), events.handle(event), bench.process().events.handle(event)]);
      const error = expect.stringMatching(/^rejected 1: meter_event_customer_not_found/);
      expect(await only(payer)).toMatchObject({ state: 'FAILED', error, sentAt: null });
      await reporter.run();
      expect(await only(payer)).toMatchObject({ state: 'FAILED' });
      await reporter.run({ refusedToo: true });
      expect(await only(payer)).toMatchObject({ state: 'SENT', error });
      // Told once more, of the sending before.
      await events.handle(event);
      expect(await only(payer)).toMatchObject({ state: 'SENT' });
      expect(await bench.counted(payer)).toBe(31);
      await events.handle(await rejection(`${id}/1`));
      expect(await only(payer)).toMatchObject({ state: 'FAILED', error: expect.stringMatching(/^rejected 2: /) });
      await bench.process(bench.installation.two).reporter.run({ refusedToo: true });
      expect(await bench.counted(payer)).toBe(31);
      await bench.installation.expectProven(payer.id);
    });

    it('because no meter was found, which Stripe tells in another event', async () => {
      const payer = await bench.payer();
      const { reporter, events } = bench.process();
      await bench.use(payer, 9);
      await reporter.run();
      const event = await rejection((await only(payer)).id);
      await events.handle({ ...event, type: 'v1.billing.meter.no_meter_found' });
      expect(await only(payer)).toMatchObject({ state: 'FAILED', error: expect.stringMatching(/^rejected 1: /) });
      await reporter.run({ refusedToo: true });
      expect(await bench.counted(payer)).toBe(9);
    });

    it('and whose period is over by then is billed by an item', async () => {
      const payer = await bench.payer();
      const { reporter, events } = bench.process();
      await bench.use(payer, 25_000);
      await reporter.run();
      await events.handle(await rejection((await only(payer)).id));
      await bench.forward(33 * DAY);
      await reporter.run({ refusedToo: true });
      expect(await only(payer)).toMatchObject({ state: 'BILLED' });
      expect(await itemsOf(payer)).toMatchObject([{ amount: 100 }]);
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

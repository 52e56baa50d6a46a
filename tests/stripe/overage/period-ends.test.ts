import type { DeliveredReport } from '../../../src/ledger/rules/entries.ts';
import type { StripeEvent } from '../../../src/stripe/webhooks/stripe-event.entity.ts';
import { OverageBench, type Payer } from '../../support/overage.ts';

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
    expect(await bench.itemsOf(payer)).toEqual([]);
  });

  it.each([
    ['its invoice is final', 2 * 3_600],
    ['35 days have passed', 36 * DAY],
  ])('what is not reported until %s is billed once, by an item that names its period', async (_what, seconds) => {
    const { payer, start, end } = await stalled(50_000, seconds);
    const [one, two] = [bench.process(), bench.process(bench.installation.two)];
    await Promise.all([one.reporter.run(), two.reporter.run()]);
    await two.reporter.run();
    expect(await bench.onlyReportOf(payer)).toMatchObject({ state: 'BILLED', sentAt: expect.any(Date) });
    expect(await bench.counted(payer)).toBe(0);
    expect(await bench.itemsOf(payer)).toMatchObject([
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
    await bench.dyingProcess('after sending').reporter.run();
    await bench.forward(33 * DAY);
    await bench.process().reporter.run();
    expect(await bench.onlyReportOf(payer)).toMatchObject({ state: 'SENT' });
    expect(await bench.itemsOf(payer)).toEqual([]);
    expect(await billed(payer)).toMatchObject([{ quantity: 300 }]);
  });

  it.each(['timeout_after_commit', 'error_after_commit'] as const)('%s: an item is made once', async (kind) => {
    const { payer } = await stalled(25_000, 2 * 3_600);
    await bench.emulator.control.addFault({ method: 'POST', path: '/v1/invoiceitems', kind });
    const { reporter } = bench.process();
    await reporter.run();
    await bench.process().reporter.run();
    expect(await bench.itemsOf(payer)).toHaveLength(1);
    expect(await bench.onlyReportOf(payer)).toMatchObject({ state: 'BILLED' });
  });

  it('an item whose maker died is found again, also when its key has been forgotten', async () => {
    const { payer } = await stalled(25_000, 2 * 3_600);
    await bench.dyingProcess('after sending').reporter.run();
    await bench.forward(2 * DAY);
    await bench.process().reporter.run();
    expect(await bench.itemsOf(payer)).toHaveLength(1);
    expect(await bench.onlyReportOf(payer)).toMatchObject({ state: 'BILLED' });
  });

  it('what a subscription leaves behind that has ended is billed by an invoice of its own', async () => {
    const payer = await bench.payer();
    await bench.use(payer, 25_000);
    await bench.sdk.subscriptions.cancel(payer.subscription, { invoice_now: true });
    await bench.forward(60);
    await bench.installation.one.subscriptions.follow(payer.id, { providerSubscription: null, paidUnits: 0 });
    await bench.process().reporter.run();
    await bench.process(bench.installation.two).reporter.run();
    expect(await bench.onlyReportOf(payer)).toMatchObject({ state: 'BILLED' });
    expect(await bench.itemsOf(payer)).toMatchObject([{ amount: 100, invoice: expect.any(String) }]);
    await bench.forward(2 * 3_600);
    expect(await billed(payer)).toMatchObject([{ quantity: 25_000 }]);
  });

  it('what turns out later to be left behind is billed besides what was billed already, though who did that died', async () => {
    const payer = await bench.payer();
    await bench.use(payer, 50_000);
    await bench.process().reporter.run();
    await bench.use(payer, 25_000);
    await bench.dyingProcess('after sending').reporter.run();
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
    expect((await bench.itemsOf(payer)).map(({ quantity }) => quantity)).toEqual([50_000]);
    await bench.forward(DAY);
    await bench.process(bench.installation.two).reporter.run();
    await bench.process().events.handle(ended);
    expect((await bench.itemsOf(payer)).map(({ quantity }) => quantity)).toEqual([25_000, 50_000]);
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
    expect(await bench.itemsOf(payer)).toEqual([]);
  });
});

import { OverageBench, type Payer } from '../../support/overage.ts';
import { waitFor } from '../../support/wait-for.ts';

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

describe('overage', () => {
  it('is reported in whole credits, stamped in its period, and once, however often somebody looks', async () => {
    const payer = await bench.payer();
    const { reporter } = bench.process();
    await bench.use(payer, 25);
    await reporter.run();
    await reporter.run();
    const report = await bench.onlyReportOf(payer);
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
    expect(await bench.onlyReportOf(payer)).toMatchObject({ state: 'PENDING', attempts: 0 });
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
    expect(await bench.emulator.control.heldCalls()).toBe(1);
    expect(hasStopped).toBe(false);
    await bench.emulator.control.releaseCalls();
    await stopped;
    expect(await bench.onlyReportOf(payer)).toMatchObject({ state: 'SENT' });
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
    await bench.dyingProcess(when).reporter.run();
    expect(await bench.onlyReportOf(payer)).toMatchObject({ state: 'PENDING', attempts: 1 });
    expect(await bench.counted(payer)).toBe(when === 'after sending' ? 6 : 0);
    await bench.process(bench.installation.two).reporter.run();
    expect(await bench.onlyReportOf(payer)).toMatchObject({ state: 'SENT', attempts: 2 });
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
    const report = await bench.onlyReportOf(payer);
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
    await bench.dyingProcess(when).reporter.run();
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
    await bench.dyingProcess('before sending').reporter.run();
    const { stampedAt } = await bench.onlyReportOf(payer);
    await bench.sdk.billing.meterEvents.create({
      event_name: 'tollgate_overage_credits',
      payload: { stripe_customer_id: payer.customer, value: '5' },
      timestamp: Math.floor(stampedAt.getTime() / 1_000),
    });
    await bench.forward(DAY + 1);
    const { reporter } = bench.process();
    for (let pass = 0; pass < 3; pass += 1) await reporter.run({ refusedToo: true });
    expect(await bench.onlyReportOf(payer)).toMatchObject({
      state: 'FAILED',
      error: expect.stringMatching(/^undecided: /),
    });
    expect(await bench.counted(payer)).toBe(5);
    expect(await bench.installation.one.meterReports.counts()).toMatchObject({ failed: 1 });
  });
});

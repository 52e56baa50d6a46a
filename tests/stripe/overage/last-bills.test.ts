import type { Exchange } from '@tollgate/stripe-emulator';
import { contractViolations, CONTRACT_TIMEOUT_MS } from '@tollgate/stripe-emulator/testing/contract';
import { CANCEL, Till } from '../../support/till.ts';
import {
  AFTER_DRAFTS,
  elsewhere,
  expectTrial,
  inOverage,
  OVERAGE,
  OVERAGE_CENTS,
  overageLines,
  PERIOD_END,
} from '../purchases/ends.ts';

let till: Till;
const traffic: Exchange[] = [];

/** Moving the clock renews everybody: each test has a Till of its own. */
beforeEach(async () => {
  till = await Till.open();
});

afterEach(async () => {
  traffic.push(...till.app.emulator.traffic);
  await till.close();
});

describe('overage that was not billed yet', () => {
  test('of a subscription that was cancelled is on its last invoice, once', async () => {
    const ada = await inOverage(till);
    await till.reported();
    await till.of(ada, CANCEL);
    await till.moveTo('2027-02-27T23:00:00.000Z');
    await till.use(ada, 1_000_000);
    await till.moveTo(PERIOD_END);
    await till.reported();
    await till.moveTo(AFTER_DRAFTS);
    await expectTrial(till, ada, 0);
    expect(await till.metered(ada)).toBe(BigInt(OVERAGE + 1_000_000));
    expect(await overageLines(till, ada)).toMatchObject([{ amount: OVERAGE_CENTS + 4_000 }]);
    expect((await till.chargesOf(ada)).map(({ amount }) => amount)).toEqual([OVERAGE_CENTS + 4_000, 2_000]);
  });

  test('of a subscription that goes on is on the next invoice, beside the units that it then has', async () => {
    const ada = await inOverage(till);
    await till.change(ada, 3);
    await till.change(ada, 2);
    await till.reported();
    await till.moveTo(AFTER_DRAFTS);
    expect(await overageLines(till, ada)).toMatchObject([{ amount: OVERAGE_CENTS }]);
    expect((await till.chargesOf(ada)).map(({ amount }) => amount)).toEqual([OVERAGE_CENTS + 4_000, 2_000, 2_000]);
    expect(await till.metered(ada)).toBe(BigInt(OVERAGE));
    await till.expectProven(ada);
  });

  const billed = {
    amount: OVERAGE_CENTS,
    description: expect.stringMatching(/^Overage credits used from 2027-01-31 to 2027-02-/) as string,
  };

  test('is billed by an item of its own where somebody ends the subscription at once: what nobody had reported', async () => {
    await till.control.addFault({ kind: 'error_before_commit', path: '/v1/billing/meter_events', times: 0 });
    const ada = await inOverage(till, 1_000_000);
    // One part is frozen and waits, the other is not even that.
    await till.app.services.stripe?.meterReporter.run();
    await till.use(ada, OVERAGE - 1_000_000);
    await elsewhere(till).subscriptions.cancel((await till.stripeSubscriptionOf(ada)).id);
    await till.settled();
    await expectTrial(till, ada, 0);
    await till.control.clearFaults();
    await till.reported();
    await till.moveTo('2027-02-14T02:00:00.000Z');
    expect((await overageLines(till, ada)).reduce((sum, { amount }) => sum + amount, 0)).toBe(OVERAGE_CENTS);
    expect((await till.chargesOf(ada)).reduce((sum, { amount }) => sum + amount, 0)).toBe(OVERAGE_CENTS + 2_000);
    expect(await till.metered(ada)).toBe(0n);
    await till.expectProven(ada);
  });

  test('is billed, too, where the card of the subscription is gone by then', async () => {
    const ada = await inOverage(till);
    await till.reported();
    await till.control.addFault({ kind: 'rejected', method: 'POST', path: '/v1/invoices' });
    await elsewhere(till).subscriptions.cancel((await till.stripeSubscriptionOf(ada)).id);
    await till.settled();
    expect(await overageLines(till, ada)).toMatchObject([billed]);
  });

  test('is billed by an item of its own where somebody ends the subscription at once: what the meter had already', async () => {
    const ada = await inOverage(till, 1_000_000);
    await till.reported();
    await till.use(ada, OVERAGE - 1_000_000);
    await till.reported();
    const { id } = await till.stripeSubscriptionOf(ada);
    await elsewhere(till).subscriptions.cancel(id);
    await till.settled();
    await till.reported();
    await till.moveTo('2027-02-14T02:00:00.000Z');
    expect(await overageLines(till, ada)).toMatchObject([billed]);
    expect((await till.chargesOf(ada)).map(({ amount }) => amount)).toEqual([OVERAGE_CENTS, 2_000]);
    // However often it is told.
    const gone = (await till.control.deliveries()).find(({ type }) => type === 'customer.subscription.deleted');
    await till.control.resend(gone?.event as string, 3);
    await till.settled();
    await till.moveTo('2027-02-14T04:00:00.000Z');
    expect(await overageLines(till, ada)).toHaveLength(1);
    await expectTrial(till, ada, 0);
  });

  test('is on the invoice that Stripe makes where somebody ends the subscription with it, and on no other', async () => {
    const ada = await inOverage(till);
    await till.reported();
    await elsewhere(till).subscriptions.cancel((await till.stripeSubscriptionOf(ada)).id, { invoice_now: true });
    await till.settled();
    await till.reported();
    await till.moveTo('2027-02-14T02:00:00.000Z');
    expect((await overageLines(till, ada)).map(({ amount }) => amount)).toEqual([OVERAGE_CENTS]);
    expect((await till.chargesOf(ada)).map(({ amount }) => amount)).toEqual([OVERAGE_CENTS, 2_000]);
    await expectTrial(till, ada, 0);
  });
});

test(
  'every call and every answer is as the SDK declares it',
  () => {
    expect(contractViolations(traffic)).toEqual([]);
  },
  CONTRACT_TIMEOUT_MS,
);

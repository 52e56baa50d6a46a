import type { Exchange } from '@tollgate/stripe-emulator';
import { clientOf } from '@tollgate/stripe-emulator/testing/bench';
import { contractViolations, CONTRACT_TIMEOUT_MS } from '@tollgate/stripe-emulator/testing/contract';
import { CHANGE, Till } from '../../support/till.ts';
import {
  AUDIT,
  centsFor,
  changeCode,
  chargedCents,
  creditsFor,
  MIDDLE,
  preview,
  PREVIEW,
  SOMETIME,
  statusesOf,
  subscriptionOf,
} from './plan-changes.ts';

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

describe('a preview', () => {
  test('for who has no subscription says what Checkout would sell, and changePlan has nothing to charge', async () => {
    const ada = await till.buyer();
    expect(await preview(till, ada, 3)).toEqual({
      timing: 'WHEN_PAID',
      effectiveAt: '2027-01-31T00:00:00.000Z',
      dueNowCents: 6_000,
      creditsAdded: 1_500_000,
      nextInvoiceCents: 6_000,
      featuresLost: [],
      checkoutRequired: true,
    });
    expect(await preview(till, ada, 1, 'FREE_TRIAL')).toMatchObject({
      timing: 'NOW',
      dueNowCents: 0,
      creditsAdded: 0,
      nextInvoiceCents: 0,
      checkoutRequired: false,
    });
    expect(await changeCode(till, ada, 3)).toBe('CONFLICT');
    expect(await changeCode(till, ada, 1, 'FREE_TRIAL')).toBe('CONFLICT');
  });

  test('of more units says exactly what changePlan then charges and grants', async () => {
    const ada = await till.subscribed();
    await till.moveTo(SOMETIME);
    const said = await preview(till, ada, 4);
    expect(said).toEqual({
      timing: 'WHEN_PAID',
      effectiveAt: SOMETIME,
      dueNowCents: centsFor({ old: 1, new: 4 }, SOMETIME),
      creditsAdded: creditsFor(3, SOMETIME),
      nextInvoiceCents: 8_000,
      featuresLost: [],
      checkoutRequired: false,
    });
    await till.change(ada, 4);
    expect(await chargedCents(till, ada)).toEqual([said.dueNowCents, 2_000]);
    expect(await till.available(ada)).toBe(500_000 + said.creditsAdded);
  });

  test('of fewer units, of the free trial, and of what there is already', async () => {
    const ada = await till.subscribed(3);
    await till.moveTo(SOMETIME);
    const nothing = { dueNowCents: 0, creditsAdded: 0, featuresLost: [], checkoutRequired: false };
    const effectiveAt = '2027-02-28T00:00:00.000Z';
    const fewer = { ...nothing, timing: 'PERIOD_END', effectiveAt, nextInvoiceCents: 2_000 };
    expect(await preview(till, ada, 1)).toEqual(fewer);
    const none = { ...fewer, nextInvoiceCents: 0, featuresLost: ['all_chatflows'] };
    expect(await preview(till, ada, 1, 'FREE_TRIAL')).toEqual(none);
    const same = { ...nothing, timing: 'NOW', effectiveAt: SOMETIME, nextInvoiceCents: 6_000 };
    expect(await preview(till, ada, 3)).toEqual(same);
  });

  test('changes nothing', async () => {
    const ada = await till.subscribed(2);
    await till.moveTo(SOMETIME);
    const affairs = async () => ({
      subscription: await till.stripeSubscriptionOf(ada),
      invoices: await till.invoicesOf(ada),
      events: (await till.control.deliveries()).length,
      shown: await till.shown(ada),
    });
    const before = await affairs();
    for (const quantity of [1, 2, 5]) await preview(till, ada, quantity);
    await preview(till, ada, 1, 'FREE_TRIAL');
    expect(await affairs()).toEqual(before);
  });

  test('of no unit, or of too many, cannot be had, nor the change', async () => {
    const ada = await till.buyer();
    for (const quantity of [0, -1, 1_001]) {
      const input = { billingEntityId: ada.id, plan: 'PRO', quantity };
      expect(await till.codeOf(ada, PREVIEW, { input })).toBe('BAD_USER_INPUT');
      expect(await changeCode(till, ada, quantity)).toBe('BAD_USER_INPUT');
    }
  });
});

describe('fewer units', () => {
  test('come when the period ends, and change nothing before', async () => {
    const ada = await till.subscribed(3);
    await till.moveTo(MIDDLE);
    expect(await till.change(ada, 1)).toMatchObject({
      quantity: 3,
      cancelAtPeriodEnd: false,
      scheduledPlan: { code: 'PRO' },
      scheduledQuantity: 1,
    });
    await till.moveTo('2027-02-27T23:59:59.000Z');
    expect(await till.shown(ada)).toMatchObject({
      credits: { available: 1_500_000 },
      subscription: { quantity: 3, scheduledQuantity: 1 },
    });
    expect((await till.stripeSubscriptionOf(ada)).items.data[0]?.quantity).toBe(3);
    expect(await chargedCents(till, ada)).toEqual([6_000]);
    await till.moveTo('2027-02-28T02:00:00.000Z');
    expect(await till.shown(ada)).toMatchObject({
      credits: { available: 500_000 },
      subscription: {
        quantity: 1,
        status: 'ACTIVE',
        scheduledPlan: null,
        scheduledQuantity: null,
        currentPeriodEnd: '2027-03-31T00:00:00.000Z',
      },
    });
    expect((await till.stripeSubscriptionOf(ada)).items.data[0]?.quantity).toBe(1);
    expect(await chargedCents(till, ada)).toEqual([2_000, 6_000]);
    await till.expectProven(ada);
  });

  test('come by themselves while nobody tells of it, and Stripe finds us so', async () => {
    const ada = await till.subscribed(3);
    await till.change(ada, 1);
    await till.settled();
    till.clock.set('2027-02-28T00:00:01.000Z');
    expect(await till.shown(ada)).toMatchObject({ credits: { available: 500_000 }, subscription: { quantity: 1 } });
    await till.moveTo('2027-02-28T02:00:00.000Z');
    expect(await till.shown(ada)).toMatchObject({ credits: { available: 500_000 }, subscription: { quantity: 1 } });
    await till.expectProven(ada);
  });

  test('are taken back by asking for what there is', async () => {
    const ada = await till.subscribed(3);
    await till.moveTo(MIDDLE);
    await till.change(ada, 1);
    expect(await till.change(ada, 3)).toMatchObject({ quantity: 3, scheduledPlan: null, scheduledQuantity: null });
    expect((await till.stripeSubscriptionOf(ada)).schedule).toBeNull();
    await till.moveTo('2027-02-28T02:00:00.000Z');
    expect(await till.shown(ada)).toMatchObject({ credits: { available: 1_500_000 }, subscription: { quantity: 3 } });
    expect(await chargedCents(till, ada)).toEqual([6_000, 6_000]);
    await till.expectProven(ada);
  });

  test('are replaced by other fewer ones', async () => {
    const ada = await till.subscribed(5);
    await till.moveTo(MIDDLE);
    await till.change(ada, 1);
    expect(await till.change(ada, 4)).toMatchObject({ quantity: 5, scheduledQuantity: 4 });
    expect(await till.change(ada, 2)).toMatchObject({ quantity: 5, scheduledQuantity: 2 });
    await till.moveTo('2027-02-28T02:00:00.000Z');
    expect(await till.shown(ada)).toMatchObject({ credits: { available: 1_000_000 }, subscription: { quantity: 2 } });
    expect(await chargedCents(till, ada)).toEqual([4_000, 10_000]);
    await till.expectProven(ada);
  });

  test('are overtaken by more, and more can be had after fewer have come', async () => {
    const ada = await till.subscribed(2);
    await till.moveTo(MIDDLE);
    await till.change(ada, 1);
    expect(await till.change(ada, 3)).toMatchObject({ quantity: 3, scheduledPlan: null, scheduledQuantity: null });
    await till.settled();
    expect(await till.available(ada)).toBe(1_000_000 + creditsFor(1, MIDDLE));
    await till.change(ada, 1);
    await till.moveTo('2027-02-28T02:00:00.000Z');
    expect(await till.shown(ada)).toMatchObject({ credits: { available: 500_000 }, subscription: { quantity: 1 } });
    // From the first hours of the next period on, whose schedule is still there.
    expect(await till.change(ada, 2)).toMatchObject({ quantity: 2, scheduledQuantity: null });
    await till.settled();
    const [from, start, end] = ['2027-02-28T02:00:00.000Z', '2027-02-28T00:00:00.000Z', '2027-03-31T00:00:00.000Z'].map(
      (each) => BigInt(Date.parse(each)),
    ) as [bigint, bigint, bigint];
    expect(await till.available(ada)).toBe(500_000 + Number((500_000n * (end - from)) / (end - start)));
    await till.moveTo('2027-03-31T02:00:00.000Z');
    expect(await till.shown(ada)).toMatchObject({ credits: { available: 1_000_000 }, subscription: { quantity: 2 } });
    await till.expectProven(ada);
  });

  test('can be asked for in each period anew', async () => {
    const ada = await till.subscribed(4);
    await till.change(ada, 3);
    await till.moveTo('2027-02-28T02:00:00.000Z');
    expect(await till.change(ada, 1)).toMatchObject({ quantity: 3, scheduledQuantity: 1 });
    await till.moveTo('2027-03-30T12:00:00.000Z');
    expect(await till.shown(ada)).toMatchObject({
      credits: { available: 1_500_000 },
      subscription: { quantity: 3, scheduledQuantity: 1 },
    });
    await till.moveTo('2027-03-31T02:00:00.000Z');
    expect(await till.shown(ada)).toMatchObject({ credits: { available: 500_000 }, subscription: { quantity: 1 } });
    expect(await chargedCents(till, ada)).toEqual([2_000, 6_000, 8_000]);
    await till.expectProven(ada);
  });

  test('give up more that wait, and can be asked for while an invoice is not paid', async () => {
    const ada = await till.subscribed(2);
    await till.moveTo(MIDDLE);
    await till.setCard(ada, 'declined');
    await till.change(ada, 5);
    expect(await till.change(ada, 1)).toMatchObject({ quantity: 2, scheduledQuantity: 1, pendingPayment: null });
    await till.settled();
    expect(await statusesOf(till, ada)).toEqual(['void', 'paid']);
    expect((await till.stripeSubscriptionOf(ada)).pending_update).toBeNull();
    await till.change(ada, 2);
    await till.moveTo('2027-02-28T02:00:00.000Z');
    expect((await subscriptionOf(till, ada)).status).toBe('PAST_DUE');
    expect(await till.change(ada, 1)).toMatchObject({ quantity: 2, status: 'PAST_DUE', scheduledQuantity: 1 });
    await till.settled();
    await till.expectProven(ada);
  });

  test('of which an answer is lost after the commit are scheduled once', async () => {
    const ada = await till.subscribed(3);
    for (const path of ['/v1/subscription_schedules', '/v1/subscription_schedules/*']) {
      await till.control.addFault({ kind: 'timeout_after_commit', method: 'POST', path });
    }
    expect(await till.change(ada, 1)).toMatchObject({ quantity: 3, scheduledQuantity: 1 });
    const customer = await till.customerOf(ada);
    const { data } = await clientOf(till.app.emulator).subscriptionSchedules.list({ customer });
    expect(data.map(({ status }) => status)).toEqual(['active']);
    // Between the two calls everything may end: whoever asks again finds the schedule, and goes on from there.
    await till.change(ada, 3);
    await till.control.addFault({
      kind: 'foreign_500',
      method: 'POST',
      path: '/v1/subscription_schedules/*',
      times: 3,
    });
    expect(await changeCode(till, ada, 2)).toBe('PAYMENT_PROVIDER_ERROR');
    await till.settled();
    expect(await subscriptionOf(till, ada)).toMatchObject({ quantity: 3, scheduledQuantity: null });
    await till.control.clearFaults();
    expect(await till.change(ada, 2)).toMatchObject({ quantity: 3, scheduledQuantity: 2 });
    await till.settled();
  });
});

test('who changed a plan is in the audit log, with what it was and what it was to be', async () => {
  const ada = await till.subscribed();
  await till.change(ada, 2);
  await till.change(ada, 1);
  await till.ask(till.clients.operator, CHANGE, { input: { billingEntityId: ada.id, plan: 'FREE_TRIAL' } });
  const { auditLog } = await till.ask<{ auditLog: { edges: { node: { action: string } }[] } }>(ada.token, AUDIT, {
    id: ada.id,
  });
  const entries = auditLog.edges.map(({ node }) => node).filter(({ action }) => action === 'plan.change');
  const actor = `user:${ada.externalId}`;
  const units = (quantity: number) => ({ plan: 'PRO', quantity, cancelAtPeriodEnd: false });
  expect(entries).toEqual([
    { actor: 'operator:root', action: 'plan.change', before: units(2), after: { ...units(1), plan: 'FREE_TRIAL' } },
    { actor, action: 'plan.change', before: units(2), after: units(1) },
    { actor, action: 'plan.change', before: units(1), after: units(2) },
  ]);
});

test(
  'every call and every answer is as the SDK declares it',
  () => {
    expect(contractViolations(traffic)).toEqual([]);
  },
  CONTRACT_TIMEOUT_MS,
);

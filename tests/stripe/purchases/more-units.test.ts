import type { Exchange } from '@tollgate/stripe-emulator';
import { clientOf } from '@tollgate/stripe-emulator/testing/bench';
import { contractViolations, CONTRACT_TIMEOUT_MS } from '@tollgate/stripe-emulator/testing/contract';
import { Till } from '../../support/till.ts';
import { waitFor } from '../../support/wait-for.ts';
import {
  centsFor,
  changeCode,
  chargedCents,
  creditsFor,
  expectNewUnits,
  expectOldUnits,
  hostedUrlOf,
  MIDDLE,
  PREVIEW,
  SOMETIME,
  statusesOf,
  START,
  subscriptionGrants,
  subscriptionOf,
  waiting,
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

describe('more units', () => {
  test('are there at once when the card pays: prorated credits, one grant, which ends with the period', async () => {
    const ada = await till.subscribed();
    await till.moveTo(SOMETIME);
    const [added, cents] = [creditsFor(2, SOMETIME), centsFor({ old: 1, new: 3 }, SOMETIME)];
    expect(await till.change(ada, 3)).toMatchObject({ quantity: 3, status: 'ACTIVE', pendingPayment: null });
    expect(await till.available(ada)).toBe(500_000 + added);
    // What the webhooks tell afterwards is known already.
    await till.settled();
    expect(await till.available(ada)).toBe(500_000 + added);
    const expiresAt = '2027-02-28T00:00:00.000Z';
    expect(await subscriptionGrants(till, ada)).toEqual(
      expect.arrayContaining([
        { source: 'SUBSCRIPTION', amount: 500_000, remaining: 500_000, expiresAt },
        { source: 'SUBSCRIPTION', amount: added, remaining: added, expiresAt },
      ]),
    );
    expect(await subscriptionGrants(till, ada)).toHaveLength(2);
    expect((await till.stripeSubscriptionOf(ada)).items.data[0]?.quantity).toBe(3);
    expect(await chargedCents(till, ada)).toEqual([cents, 2_000]);
    await till.expectProven(ada);
  });

  test('again and again in one period: each with its own share, and all of them end with the period', async () => {
    const ada = await till.subscribed();
    await till.moveTo(SOMETIME);
    await till.change(ada, 2);
    await till.moveTo(MIDDLE);
    await till.change(ada, 5);
    const last = '2027-02-27T23:59:00.000Z';
    await till.moveTo(last);
    await till.change(ada, 6);
    await till.settled();
    const shares = [creditsFor(1, SOMETIME), creditsFor(3, MIDDLE), creditsFor(1, last)];
    const amounts = (await subscriptionGrants(till, ada)).map(({ amount }) => amount);
    expect(amounts.toSorted((a, b) => a - b)).toEqual([500_000, ...shares].toSorted((a, b) => a - b));
    expect(await till.available(ada)).toBe(shares.reduce((sum, each) => sum + each, 500_000));
    await till.moveTo('2027-02-28T02:00:00.000Z');
    expect(await till.shown(ada)).toMatchObject({ credits: { available: 3_000_000 }, subscription: { quantity: 6 } });
    expect((await chargedCents(till, ada))[0]).toBe(12_000);
    await till.expectProven(ada);
  });

  test('whose card is declined change nothing, and wait at an address until a good card pays', async () => {
    const ada = await waiting(till, 'declined');
    await expectOldUnits(till, ada);
    expect((await subscriptionOf(till, ada)).pendingPayment).toEqual({
      quantity: 3,
      hostedUrl: expect.stringContaining('/i/in_') as string,
      expiresAt: '2027-02-14T23:00:00.000Z',
    });
    expect(await statusesOf(till, ada)).toEqual(['open', 'paid']);
    // The same card once more.
    await till.submit(await hostedUrlOf(till, ada), { card: 'declined' });
    await expectOldUnits(till, ada);
    await till.submit(await hostedUrlOf(till, ada), { card: 'accepted' });
    await expectNewUnits(till, ada, 3);
  });

  test('that wait for 3-D Secure come when the payer confirms', async () => {
    const ada = await waiting(till, 'requires_action');
    await expectOldUnits(till, ada);
    await till.submit(await hostedUrlOf(till, ada), { step: 'confirm' });
    await expectNewUnits(till, ada, 3);
  });

  test('whose 3-D Secure fails go on waiting, and another card pays', async () => {
    const ada = await waiting(till, 'requires_action');
    await till.submit(await hostedUrlOf(till, ada), { step: 'refuse' });
    await expectOldUnits(till, ada);
    expect((await subscriptionOf(till, ada)).pendingPayment).toMatchObject({ quantity: 3 });
    await till.submit(await hostedUrlOf(till, ada), { card: 'accepted' });
    await expectNewUnits(till, ada, 3);
  });

  test('asked for again while they wait are not charged twice', async () => {
    const ada = await waiting(till, 'declined');
    const first = await subscriptionOf(till, ada);
    expect(await till.change(ada, 3)).toEqual(first);
    await till.setCard(ada, 'accepted');
    expect(await till.change(ada, 3)).toEqual(first);
    await till.settled();
    expect(await statusesOf(till, ada)).toEqual(['open', 'paid']);
    await till.submit(await hostedUrlOf(till, ada), { card: 'accepted' });
    await expectNewUnits(till, ada, 3);
    expect(await till.change(ada, 3)).toMatchObject({ quantity: 3, pendingPayment: null });
    await expectNewUnits(till, ada, 3);
  });

  test('of another number while some wait take their place', async () => {
    const ada = await waiting(till, 'declined');
    const former = await hostedUrlOf(till, ada);
    expect(await till.change(ada, 5)).toMatchObject({ quantity: 1, pendingPayment: { quantity: 5 } });
    await till.settled();
    expect(await statusesOf(till, ada)).toEqual(['open', 'void', 'paid']);
    // The page of the former one no longer takes money.
    await till.submit(former, { card: 'accepted' });
    await expectOldUnits(till, ada);
    await till.submit(await hostedUrlOf(till, ada), { card: 'accepted' });
    await expectNewUnits(till, ada, 5);
  });

  test('that wait are given up by asking for what there is, and can be asked for anew', async () => {
    const ada = await waiting(till, 'declined');
    expect(await till.change(ada, 1)).toMatchObject({ quantity: 1, pendingPayment: null });
    await till.settled();
    expect(await statusesOf(till, ada)).toEqual(['void', 'paid']);
    expect((await till.stripeSubscriptionOf(ada)).pending_update).toBeNull();
    await expectOldUnits(till, ada);
    expect(await till.change(ada, 3)).toMatchObject({ quantity: 1, pendingPayment: { quantity: 3 } });
    await till.submit(await hostedUrlOf(till, ada), { card: 'accepted' });
    await expectNewUnits(till, ada, 3);
    expect(await statusesOf(till, ada)).toEqual(['paid', 'void', 'paid']);
  });

  test('that are paid for in the moment in which they are given up are there, and who gave them up is told', async () => {
    const ada = await waiting(till, 'declined');
    await till.setCard(ada, 'accepted');
    const [open] = await till.invoicesOf(ada);
    await till.control.addFault({ kind: 'hold', method: 'POST', path: '/v1/invoices/*/void' });
    const code = changeCode(till, ada, 1);
    await waitFor(async () => (await till.control.heldCalls()) === 1, 'the invoice to be given up');
    await clientOf(till.app.emulator).invoices.pay(open?.id as string);
    await till.control.releaseCalls();
    expect(await code).toBe('CONFLICT');
    await till.settled();
    await expectNewUnits(till, ada, 3);
  });

  test('that nobody pays for are forgotten after 23 hours, and can be asked for anew', async () => {
    const ada = await waiting(till, 'declined');
    await till.moveTo('2027-02-14T22:59:59.000Z');
    expect((await subscriptionOf(till, ada)).pendingPayment).toMatchObject({ quantity: 3 });
    // Whether anybody has told of it or not.
    await till.control.deliveryMode({ hold: true });
    till.clock.set('2027-02-14T23:00:00.000Z');
    expect((await subscriptionOf(till, ada)).pendingPayment).toBeNull();
    await till.control.deliveryMode({ hold: false });
    await till.moveTo('2027-02-14T23:00:01.000Z');
    expect((await subscriptionOf(till, ada)).pendingPayment).toBeNull();
    await expectOldUnits(till, ada);
    expect(await statusesOf(till, ada)).toEqual(['void', 'paid']);
    await till.setCard(ada, 'accepted');
    expect(await till.change(ada, 3)).toMatchObject({ quantity: 3, pendingPayment: null });
    expect(await till.available(ada)).toBe(500_000 + creditsFor(2, '2027-02-14T23:00:01.000Z'));
    await till.expectProven(ada);
  });

  test('are refused while an invoice is not paid, and can be had when it is', async () => {
    const ada = await till.subscribed();
    await till.setCard(ada, 'declined');
    await till.moveTo('2027-02-28T02:00:00.000Z');
    expect((await subscriptionOf(till, ada)).status).toBe('PAST_DUE');
    expect(await changeCode(till, ada, 2)).toBe('CONFLICT');
    const input = { billingEntityId: ada.id, plan: 'PRO', quantity: 2 };
    expect(await till.codeOf(ada, PREVIEW, { input })).toBe('CONFLICT');
    expect((await subscriptionOf(till, ada)).pendingPayment).toBeNull();
    const [open] = await till.invoicesOf(ada);
    await till.submit(open?.hosted_invoice_url as string, { card: 'accepted' });
    expect(await subscriptionOf(till, ada)).toMatchObject({ status: 'ACTIVE', quantity: 1 });
    expect(await till.change(ada, 2)).toMatchObject({ status: 'ACTIVE', quantity: 2 });
    await till.settled();
    await till.expectProven(ada);
  });

  test('whose answer is lost after the commit are charged once', async () => {
    const ada = await till.subscribed();
    await till.moveTo(MIDDLE);
    await till.control.addFault({ kind: 'timeout_after_commit', method: 'POST', path: '/v1/subscriptions/*' });
    expect(await till.change(ada, 3)).toMatchObject({ quantity: 3, pendingPayment: null });
    await till.settled();
    await expectNewUnits(till, ada, 3);
    expect(await statusesOf(till, ada)).toEqual(['paid', 'paid']);
  });

  test('that Stripe does not sell to this subscription are refused in words of ours, and nothing has changed', async () => {
    const ada = await till.subscribed();
    await till.moveTo(MIDDLE);
    await till.control.addFault({ kind: 'rejected', method: 'POST', path: '/v1/subscriptions/*', code: 'unknown' });
    expect(await changeCode(till, ada, 3)).toBe('CONFLICT');
    await till.control.addFault({ kind: 'rejected', method: 'POST', path: '/v1/invoices/create_preview' });
    const input = { billingEntityId: ada.id, plan: 'PRO', quantity: 3 };
    expect(await till.codeOf(ada, PREVIEW, { input })).toBe('CONFLICT');
    await expectOldUnits(till, ada);
    await till.change(ada, 3);
    await expectNewUnits(till, ada, 3);
  });

  test('take back an end with the period, whoever set it, and leave one on a day that others chose', async () => {
    const chosen = Date.parse('2027-02-20T00:00:00.000Z') / 1_000;
    for (const { ending, left } of [
      { ending: { cancel_at_period_end: true }, left: null },
      { ending: { cancel_at: chosen }, left: chosen },
    ]) {
      const ada = await till.subscribed();
      const { id } = await till.stripeSubscriptionOf(ada);
      await till.stripe.call('subscription', (sdk) => sdk.subscriptions.update(id, ending));
      await till.settled();
      expect(await subscriptionOf(till, ada)).toMatchObject({ cancelAtPeriodEnd: true });
      expect(await till.change(ada, 2)).toMatchObject({ quantity: 2, cancelAtPeriodEnd: left !== null });
      expect(await till.stripeSubscriptionOf(ada)).toMatchObject({ cancel_at: left, cancel_at_period_end: false });
    }
  });

  test('that Stripe failed to make, and would fail under the same key for a day, are had an hour later', async () => {
    const ada = await till.subscribed();
    await till.control.addFault({ kind: 'error_midway', method: 'POST', path: '/v1/subscriptions/*' });
    expect(await changeCode(till, ada, 2)).toBe('PAYMENT_PROVIDER_ERROR');
    expect(await changeCode(till, ada, 2)).toBe('PAYMENT_PROVIDER_ERROR');
    await expectOldUnits(till, ada);
    await till.moveTo(new Date(START + 3_600_000));
    expect(await till.change(ada, 2)).toMatchObject({ quantity: 2 });
  });

  test('of which every answer is lost arrive by themselves, and asking again finds them', async () => {
    const ada = await till.subscribed();
    await till.moveTo(MIDDLE);
    await till.control.addFault({
      kind: 'timeout_after_commit',
      method: 'POST',
      path: '/v1/subscriptions/*',
      times: 0,
    });
    expect(await changeCode(till, ada, 3)).toBe('PAYMENT_PROVIDER_ERROR');
    await till.settled();
    await expectNewUnits(till, ada, 3);
    await till.control.clearFaults();
    expect(await till.change(ada, 3)).toMatchObject({ quantity: 3, pendingPayment: null });
    await till.settled();
    await expectNewUnits(till, ada, 3);
    expect(await statusesOf(till, ada)).toEqual(['paid', 'paid']);
  });

  test('asked for many times at once are charged once', async () => {
    const ada = await till.subscribed();
    await till.moveTo(MIDDLE);
    const answers = await Promise.all(Array.from({ length: 6 }, () => till.change(ada, 3)));
    for (const answer of answers) expect(answer).toMatchObject({ quantity: 3, pendingPayment: null });
    await till.settled();
    await expectNewUnits(till, ada, 3);
    expect(await statusesOf(till, ada)).toEqual(['paid', 'paid']);
  });

  test('of different numbers asked for at once by two who look after an organization’s money: both hold, one after the other', async () => {
    const club = await till.organization();
    const colleague = await till.buyer();
    await till.clients.setMember(club.token, club.id, colleague.externalId, { role: 'BILLING' });
    await till.subscribe(club);
    await till.moveTo(MIDDLE);
    await Promise.all([till.change(club, 2), till.change({ ...club, token: colleague.token }, 3)]);
    await till.settled();
    const { quantity, scheduledQuantity } = await subscriptionOf(till, club);
    // Three is more than two, and two is less than three.
    expect([null, 2]).toContain(scheduledQuantity);
    expect(quantity).toBe(3);
    expect((await till.stripeSubscriptionOf(club)).items.data[0]?.quantity).toBe(3);
    expect(await till.available(club)).toBe(500_000 + creditsFor(2, MIDDLE));
    const paid = (await chargedCents(till, club)).reduce((sum, each) => sum + each, 0);
    expect(paid).toBe(2_000 + centsFor({ old: 1, new: 3 }, MIDDLE));
    await till.expectProven(club);
  });
});

test(
  'every call and every answer is as the SDK declares it',
  () => {
    expect(contractViolations(traffic)).toEqual([]);
  },
  CONTRACT_TIMEOUT_MS,
);

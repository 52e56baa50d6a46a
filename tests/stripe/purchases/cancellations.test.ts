import type { Exchange } from '@tollgate/stripe-emulator';
import { contractViolations, CONTRACT_TIMEOUT_MS } from '@tollgate/stripe-emulator/testing/contract';
import { type Buyer, CANCEL, OPEN_PORTAL, RESUME, Till } from '../../support/till.ts';
import {
  AFTER_DRAFTS,
  AUDIT,
  elsewhere,
  expectTrial,
  HAS_FEATURE,
  MIDDLE,
  PERIOD_END,
  refusalOf,
  subscriptionOf,
} from './ends.ts';

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

describe('a subscription', () => {
  const ending = {
    quantity: 2,
    status: 'ACTIVE',
    cancelAtPeriodEnd: true,
    scheduledPlan: { code: 'FREE_TRIAL' },
    scheduledQuantity: null,
    currentPeriodEnd: PERIOD_END,
  };
  const goingOn = { ...ending, cancelAtPeriodEnd: false, scheduledPlan: null };

  test.each([
    ['is cancelled', (buyer: Buyer) => till.of(buyer, CANCEL)],
    ['is changed to the free trial', (buyer: Buyer) => till.change(buyer, 1, 'FREE_TRIAL')],
  ])('that %s goes on until its period ends, and does not end when it is resumed', async (_how, cancel) => {
    const ada = await till.subscribed(2);
    expect(await cancel(ada)).toMatchObject(ending);
    expect(await cancel(ada)).toMatchObject(ending);
    await till.settled();
    expect(await till.shown(ada)).toMatchObject({ credits: { available: 1_000_000 }, subscription: ending });
    expect((await till.stripeSubscriptionOf(ada)).cancel_at_period_end).toBe(true);
    expect(await till.of(ada, RESUME)).toMatchObject(goingOn);
    expect(await till.of(ada, RESUME)).toMatchObject(goingOn);
    await till.moveTo(AFTER_DRAFTS);
    expect(await till.shown(ada)).toMatchObject({ credits: { available: 1_000_000 }, subscription: { quantity: 2 } });
    expect((await till.chargesOf(ada)).map(({ amount }) => amount)).toEqual([4_000, 4_000]);
    await till.expectProven(ada);
  });

  test('goes on by asking for what there is, too', async () => {
    const ada = await till.subscribed(2);
    await till.of(ada, CANCEL);
    expect(await till.change(ada, 2)).toMatchObject(goingOn);
    await till.settled();
    expect((await till.stripeSubscriptionOf(ada)).cancel_at).toBeNull();
  });

  test('that was to have fewer units ends instead, and resumed has those that it has', async () => {
    const ada = await till.subscribed(2);
    await till.change(ada, 1);
    expect(await till.of(ada, CANCEL)).toMatchObject(ending);
    expect((await till.stripeSubscriptionOf(ada)).schedule).toBeNull();
    expect(await till.of(ada, RESUME)).toMatchObject(goingOn);
    await till.of(ada, CANCEL);
    // And fewer units instead of the end.
    expect(await till.change(ada, 1)).toMatchObject({
      ...goingOn,
      scheduledPlan: { code: 'PRO' },
      scheduledQuantity: 1,
    });
    await till.moveTo(AFTER_DRAFTS);
    expect(await till.shown(ada)).toMatchObject({ credits: { available: 500_000 }, subscription: { quantity: 1 } });
    await till.expectProven(ada);
  });

  test('that waits for more units to be paid gives them up when it is cancelled', async () => {
    const ada = await till.subscribed(2);
    await till.setCard(ada, 'declined');
    const { pendingPayment } = await till.change(ada, 3);
    expect(await till.of(ada, CANCEL)).toMatchObject({ ...ending, pendingPayment: null });
    await till.submit(pendingPayment?.hostedUrl as string, { card: 'accepted' });
    expect(await till.shown(ada)).toMatchObject({ credits: { available: 1_000_000 }, subscription: ending });
    expect(await till.stripeSubscriptionOf(ada)).toMatchObject({ pending_update: null, cancel_at_period_end: true });
    expect((await till.invoicesOf(ada)).map(({ status }) => status)).toEqual(['void', 'paid']);
  });

  test('that is to end goes on with more units, as soon as those are paid', async () => {
    const ada = await till.subscribed(1);
    await till.of(ada, CANCEL);
    await till.setCard(ada, 'requires_action');
    await till.moveTo(MIDDLE);
    const waiting = { ...ending, quantity: 1, pendingPayment: { quantity: 2 } };
    expect(await till.change(ada, 2)).toMatchObject(waiting);
    await till.submit((await subscriptionOf(till, ada)).pendingPayment?.hostedUrl as string, { step: 'confirm' });
    expect(await till.shown(ada)).toMatchObject({ credits: { available: 750_000 }, subscription: goingOn });
    await till.setCard(ada, 'accepted');
    await till.of(ada, CANCEL);
    expect(await till.change(ada, 3)).toMatchObject({ ...goingOn, quantity: 3 });
    await till.moveTo(AFTER_DRAFTS);
    expect(await till.shown(ada)).toMatchObject({ credits: { available: 1_500_000 }, subscription: { quantity: 3 } });
    await till.expectProven(ada);
  });

  test('that is not there, or has ended, can be neither cancelled nor resumed', async () => {
    const ada = await till.buyer();
    expect(await refusalOf(till, ada, CANCEL)).toBe('CONFLICT');
    expect(await refusalOf(till, ada, RESUME)).toBe('CONFLICT');
    // Nor one whose page was opened and nothing more.
    await till.checkout(ada, { plan: 'PRO' });
    expect(await refusalOf(till, ada, CANCEL)).toBe('CONFLICT');
    await till.subscribe(ada);
    await till.of(ada, CANCEL);
    await till.moveTo(AFTER_DRAFTS);
    expect(await refusalOf(till, ada, CANCEL)).toBe('CONFLICT');
    expect(await refusalOf(till, ada, RESUME)).toBe('CONFLICT');
  });

  test('cancelled while every answer is lost is cancelled, and asking again finds it so', async () => {
    const ada = await till.subscribed(2);
    await till.control.addFault({
      kind: 'timeout_after_commit',
      method: 'POST',
      path: '/v1/subscriptions/*',
      times: 0,
    });
    expect(await refusalOf(till, ada, CANCEL)).toBe('PAYMENT_PROVIDER_ERROR');
    await till.settled();
    expect(await subscriptionOf(till, ada)).toMatchObject(ending);
    await till.control.clearFaults();
    expect(await till.of(ada, CANCEL)).toMatchObject(ending);
  });

  test('that ends takes its own credits and the features along, leaves others, and PRO can be bought again', async () => {
    const ada = await till.subscribed();
    await till.control.payCheckout(await till.checkout(ada, { credits: 12_500 }));
    await till.ask(
      till.clients.operator,
      'mutation ($input: GrantCreditsInput!) { grantCredits(input: $input) { replayed } }',
      { input: { idempotencyKey: till.clients.next(), billingEntityId: ada.id, amount: 1_000, reason: 'a present' } },
    );
    await till.moveTo(MIDDLE);
    await till.change(ada, 2);
    await till.of(ada, CANCEL);
    await till.settled();
    expect(await till.available(ada)).toBe(750_000 + 13_500);
    await till.moveTo('2027-02-27T23:59:59.000Z');
    expect(await till.ask(ada.token, HAS_FEATURE, { id: ada.id })).toBe(true);
    // Before anybody has told of it, and afterwards.
    till.clock.set(PERIOD_END);
    await expectTrial(till, ada, 13_500);
    await till.moveTo(AFTER_DRAFTS);
    await expectTrial(till, ada, 13_500);
    expect((await till.stripeSubscriptionOf(ada)).status).toBe('canceled');
    await till.subscribe(ada);
    expect(await till.shown(ada)).toMatchObject({
      plan: { code: 'PRO' },
      credits: { available: 513_500 },
      subscription: { quantity: 1, status: 'ACTIVE', cancelAtPeriodEnd: false, currentPeriodStart: AFTER_DRAFTS },
    });
    expect(await till.ask(ada.token, HAS_FEATURE, { id: ada.id })).toBe(true);
    await till.expectProven(ada);
  });
});

describe('what is changed elsewhere is so here', () => {
  test('in the hosted portal: more units, fewer, the end, and not the end', async () => {
    const ada = await till.subscribed();
    await till.moveTo(MIDDLE);
    const { prices } = await till.catalog();
    const price = prices.get('PRO') as string;
    const input = { billingEntityId: ada.id, returnUrl: 'http://localhost:3000/plans' };
    const { url } = await till.ask<{ url: string }>(ada.token, OPEN_PORTAL, { input });
    await till.submit(url, { action: 'plan', price, quantity: '3' });
    expect(await till.shown(ada)).toMatchObject({ credits: { available: 1_000_000 }, subscription: { quantity: 3 } });
    await till.submit(url, { action: 'plan', price, quantity: '2' });
    expect(await subscriptionOf(till, ada)).toMatchObject({ quantity: 3, scheduledQuantity: 2 });
    await till.submit(url, { action: 'cancel' });
    expect(await subscriptionOf(till, ada)).toMatchObject({ cancelAtPeriodEnd: true, scheduledQuantity: null });
    await till.submit(url, { action: 'renew' });
    expect(await subscriptionOf(till, ada)).toMatchObject({ cancelAtPeriodEnd: false, scheduledPlan: null });
    // What was scheduled there can be taken back here.
    await till.submit(url, { action: 'plan', price, quantity: '1' });
    expect(await till.change(ada, 3)).toMatchObject({ quantity: 3, scheduledQuantity: null });
    await till.submit(url, { action: 'card', card: 'declined' });
    await till.submit(url, { action: 'plan', price, quantity: '4' });
    expect(await subscriptionOf(till, ada)).toMatchObject({ quantity: 3, pendingPayment: { quantity: 4 } });
    await till.submit(url, { action: 'card', card: 'accepted' });
    await till.submit((await subscriptionOf(till, ada)).pendingPayment?.hostedUrl as string, { card: 'accepted' });
    expect(await till.shown(ada)).toMatchObject({ credits: { available: 1_250_000 }, subscription: { quantity: 4 } });
    await till.expectProven(ada);
  });

  test('at Stripe itself: more units, paid at once or with the next invoice; the end, at a time or now', async () => {
    const ada = await till.subscribed();
    await till.moveTo(MIDDLE);
    const { id, items } = await till.stripeSubscriptionOf(ada);
    const units = (quantity: number) => [{ id: items.data[0]?.id as string, quantity }];
    const { subscriptions } = elsewhere(till);
    await subscriptions.update(id, { items: units(2), proration_behavior: 'always_invoice' });
    await till.settled();
    expect(await till.shown(ada)).toMatchObject({ credits: { available: 750_000 }, subscription: { quantity: 2 } });
    // Not paid before the period's end: its share comes when it is.
    await subscriptions.update(id, { items: units(3), proration_behavior: 'create_prorations' });
    await till.settled();
    expect(await till.shown(ada)).toMatchObject({ credits: { available: 750_000 }, subscription: { quantity: 3 } });
    await till.moveTo(AFTER_DRAFTS);
    expect(await till.shown(ada)).toMatchObject({ credits: { available: 1_750_000 }, subscription: { quantity: 3 } });
    await subscriptions.update(id, { cancel_at: Date.parse('2027-03-10T00:00:00.000Z') / 1_000 });
    await till.settled();
    expect(await subscriptionOf(till, ada)).toMatchObject({ cancelAtPeriodEnd: true });
    // Who arranged an end on that day takes it back there.
    await subscriptions.update(id, { cancel_at: '' });
    await till.settled();
    expect(await subscriptionOf(till, ada)).toMatchObject({ cancelAtPeriodEnd: false });
    await till.moveTo('2027-03-10T00:00:00.000Z');
    expect(await subscriptionOf(till, ada)).toMatchObject({ status: 'ACTIVE', quantity: 3 });
    await subscriptions.cancel(id);
    await till.settled();
    await expectTrial(till, ada, 0);
  });
});

test('who cancelled and who resumed is in the audit log', async () => {
  const ada = await till.subscribed();
  await till.of(ada, CANCEL);
  await till.ask(till.clients.operator, RESUME, { input: { billingEntityId: ada.id } });
  const { auditLog } = await till.ask<{ auditLog: { edges: { node: { action: string } }[] } }>(ada.token, AUDIT, {
    id: ada.id,
  });
  const ends = (cancelAtPeriodEnd: boolean) => ({ plan: 'PRO', quantity: 1, cancelAtPeriodEnd });
  const entries = auditLog.edges.map(({ node }) => node).filter(({ action }) => action.startsWith('subscription.'));
  expect(entries).toEqual([
    { actor: 'operator:root', action: 'subscription.resume', before: ends(true), after: ends(false) },
    { actor: `user:${ada.externalId}`, action: 'subscription.cancel', before: ends(false), after: ends(true) },
  ]);
});

test(
  'every call and every answer is as the SDK declares it',
  () => {
    expect(contractViolations(traffic)).toEqual([]);
  },
  CONTRACT_TIMEOUT_MS,
);

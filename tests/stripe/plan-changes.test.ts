import type { Exchange } from '@tollgate/stripe-emulator';
import { clientOf } from '@tollgate/stripe-emulator/testing/bench';
import { contractViolations, CONTRACT_TIMEOUT_MS } from '@tollgate/stripe-emulator/testing/contract';
import { type Buyer, CHANGE, type ShownSubscription, Till } from '../support/till.ts';
import { waitFor } from '../support/wait-for.ts';

/** The first period, of 28 days: a subscription of the 31st ends on the last of February. */
const START = Date.parse('2027-01-31T00:00:00.000Z');
const END = Date.parse('2027-02-28T00:00:00.000Z');
const MIDDLE = '2027-02-14T00:00:00.000Z';
/** Some instant at which nothing divides. */
const SOMETIME = '2027-02-09T05:17:23.000Z';

const PREVIEW = `query ($input: ChangePlanInput!) { previewPlanChange(input: $input) {
  timing effectiveAt dueNowCents creditsAdded nextInvoiceCents featuresLost checkoutRequired } }`;
const GRANTS = `query ($id: ID!) { billingEntity(id: $id) {
  grants(first: 100, activeOnly: false) { edges { node { source amount remaining expiresAt } } } } }`;
const AUDIT = `query ($id: ID!) { billingEntity(id: $id) {
  auditLog(first: 100) { edges { node { actor action before after } } } } }`;

interface Preview {
  readonly timing: string;
  readonly dueNowCents: number;
  readonly creditsAdded: number;
}

interface Grant {
  readonly source: string;
  readonly amount: number;
  readonly remaining: number;
  readonly expiresAt: string | null;
}

let till: Till;
const traffic: Exchange[] = [];

beforeEach(async () => {
  till = await Till.open();
});

afterEach(async () => {
  traffic.push(...till.app.emulator.traffic);
  await till.close();
});

async function subscribed(quantity = 1): Promise<Buyer> {
  const buyer = await till.buyer();
  await till.subscribe(buyer, quantity);
  return buyer;
}

const preview = ({ id, token }: Buyer, quantity: number, plan = 'PRO'): Promise<Preview> =>
  till.ask(token, PREVIEW, { input: { billingEntityId: id, plan, quantity } });

const changeCode = (buyer: Buyer, quantity: number, plan = 'PRO'): Promise<unknown> =>
  till.codeOf(buyer, CHANGE, { input: { billingEntityId: buyer.id, plan, quantity } });

/** Of the subscription's own credits, as they were given. */
async function subscriptionGrants({ id, token }: Buyer): Promise<Grant[]> {
  const { grants } = await till.ask<{ grants: { edges: { node: Grant }[] } }>(token, GRANTS, { id });
  return grants.edges.map(({ node }) => node).filter(({ source }) => source === 'SUBSCRIPTION');
}

const subscriptionOf = async (buyer: Buyer): Promise<ShownSubscription> =>
  (await till.shown(buyer)).subscription as ShownSubscription;

const statusesOf = async (buyer: Buyer): Promise<(string | null)[]> =>
  (await till.invoicesOf(buyer)).map(({ status }) => status);

/** What was taken for the newest invoice, and of what charges were tried for it. */
const chargedCents = async (buyer: Buyer): Promise<number[]> =>
  (await till.chargesOf(buyer)).filter(({ paid }) => paid).map(({ amount }) => amount);

/** Rule 26, for so many units more from an instant of the first period on. */
function creditsFor(units: number, from: string): number {
  const [left, full] = [BigInt(END - Date.parse(from)), BigInt(END - START)];
  return Number((500_000n * BigInt(units) * left) / full);
}

/** Stripe gives the old units back and charges the new ones, each rounded to cents. */
function centsFor(units: { readonly old: number; readonly new: number }, from: string): number {
  const share = (cents: number): number => Math.round((cents * (END - Date.parse(from))) / (END - START));
  return share(2_000 * units.new) - share(2_000 * units.old);
}

/** Asks for more units with a card that does not simply pay. */
async function waiting(card: 'declined' | 'requires_action', quantity = 3): Promise<Buyer> {
  const buyer = await subscribed();
  await till.moveTo(MIDDLE);
  await till.setCard(buyer, card);
  const { quantity: units, pendingPayment } = await till.change(buyer, quantity);
  expect({ units, waits: pendingPayment?.quantity }).toEqual({ units: 1, waits: quantity });
  await till.settled();
  return buyer;
}

const hostedUrlOf = async (buyer: Buyer): Promise<string> =>
  (await subscriptionOf(buyer)).pendingPayment?.hostedUrl as string;

/** One unit, as if nothing had ever been asked for. */
async function expectOldUnits(buyer: Buyer): Promise<void> {
  expect(await till.shown(buyer)).toMatchObject({
    credits: { available: 500_000, owed: 0 },
    subscription: { quantity: 1, status: 'ACTIVE' },
  });
  expect((await till.stripeSubscriptionOf(buyer)).items.data[0]?.quantity).toBe(1);
  expect(await chargedCents(buyer)).toEqual([2_000]);
  await till.expectProven(buyer);
}

/** Units that were asked for in the middle of the period are there, paid for and credited once. */
async function expectNewUnits(buyer: Buyer, quantity: number): Promise<void> {
  const added = creditsFor(quantity - 1, MIDDLE);
  expect(await till.shown(buyer)).toMatchObject({
    credits: { available: 500_000 + added, owed: 0 },
    subscription: { quantity, status: 'ACTIVE', pendingPayment: null },
  });
  const amounts = (await subscriptionGrants(buyer)).map(({ amount }) => amount);
  expect(amounts.toSorted((a, b) => b - a)).toEqual([500_000, added].toSorted((a, b) => b - a));
  expect(await till.stripeSubscriptionOf(buyer)).toMatchObject({
    items: { data: [{ quantity }, {}] },
    pending_update: null,
  });
  expect(await chargedCents(buyer)).toEqual([centsFor({ old: 1, new: quantity }, MIDDLE), 2_000]);
  await till.expectProven(buyer);
}

describe('a preview', () => {
  test('for who has no subscription says what Checkout would sell, and changePlan has nothing to charge', async () => {
    const ada = await till.buyer();
    expect(await preview(ada, 3)).toEqual({
      timing: 'WHEN_PAID',
      effectiveAt: '2027-01-31T00:00:00.000Z',
      dueNowCents: 6_000,
      creditsAdded: 1_500_000,
      nextInvoiceCents: 6_000,
      featuresLost: [],
      checkoutRequired: true,
    });
    expect(await preview(ada, 1, 'FREE_TRIAL')).toMatchObject({
      timing: 'NOW',
      dueNowCents: 0,
      creditsAdded: 0,
      nextInvoiceCents: 0,
      checkoutRequired: false,
    });
    expect(await changeCode(ada, 3)).toBe('CONFLICT');
    expect(await changeCode(ada, 1, 'FREE_TRIAL')).toBe('CONFLICT');
  });

  test('of more units says exactly what changePlan then charges and grants', async () => {
    const ada = await subscribed();
    await till.moveTo(SOMETIME);
    const said = await preview(ada, 4);
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
    expect(await chargedCents(ada)).toEqual([said.dueNowCents, 2_000]);
    expect(await till.available(ada)).toBe(500_000 + said.creditsAdded);
  });

  test('of fewer units, of the free trial, and of what there is already', async () => {
    const ada = await subscribed(3);
    await till.moveTo(SOMETIME);
    const nothing = { dueNowCents: 0, creditsAdded: 0, featuresLost: [], checkoutRequired: false };
    const effectiveAt = '2027-02-28T00:00:00.000Z';
    const fewer = { ...nothing, timing: 'PERIOD_END', effectiveAt, nextInvoiceCents: 2_000 };
    expect(await preview(ada, 1)).toEqual(fewer);
    const none = { ...fewer, nextInvoiceCents: 0, featuresLost: ['all_chatflows'] };
    expect(await preview(ada, 1, 'FREE_TRIAL')).toEqual(none);
    const same = { ...nothing, timing: 'NOW', effectiveAt: SOMETIME, nextInvoiceCents: 6_000 };
    expect(await preview(ada, 3)).toEqual(same);
  });

  test('changes nothing', async () => {
    const ada = await subscribed(2);
    await till.moveTo(SOMETIME);
    const affairs = async () => ({
      subscription: await till.stripeSubscriptionOf(ada),
      invoices: await till.invoicesOf(ada),
      events: (await till.control.deliveries()).length,
      shown: await till.shown(ada),
    });
    const before = await affairs();
    for (const quantity of [1, 2, 5]) await preview(ada, quantity);
    await preview(ada, 1, 'FREE_TRIAL');
    expect(await affairs()).toEqual(before);
  });

  test('of no unit, or of too many, cannot be had, nor the change', async () => {
    const ada = await till.buyer();
    for (const quantity of [0, -1, 1_001]) {
      const input = { billingEntityId: ada.id, plan: 'PRO', quantity };
      expect(await till.codeOf(ada, PREVIEW, { input })).toBe('BAD_USER_INPUT');
      expect(await changeCode(ada, quantity)).toBe('BAD_USER_INPUT');
    }
  });
});

describe('more units', () => {
  test('are there at once when the card pays: prorated credits, one grant, which ends with the period', async () => {
    const ada = await subscribed();
    await till.moveTo(SOMETIME);
    const [added, cents] = [creditsFor(2, SOMETIME), centsFor({ old: 1, new: 3 }, SOMETIME)];
    expect(await till.change(ada, 3)).toMatchObject({ quantity: 3, status: 'ACTIVE', pendingPayment: null });
    expect(await till.available(ada)).toBe(500_000 + added);
    // What the webhooks tell afterwards is known already.
    await till.settled();
    expect(await till.available(ada)).toBe(500_000 + added);
    const expiresAt = '2027-02-28T00:00:00.000Z';
    expect(await subscriptionGrants(ada)).toEqual(
      expect.arrayContaining([
        { source: 'SUBSCRIPTION', amount: 500_000, remaining: 500_000, expiresAt },
        { source: 'SUBSCRIPTION', amount: added, remaining: added, expiresAt },
      ]),
    );
    expect(await subscriptionGrants(ada)).toHaveLength(2);
    expect((await till.stripeSubscriptionOf(ada)).items.data[0]?.quantity).toBe(3);
    expect(await chargedCents(ada)).toEqual([cents, 2_000]);
    await till.expectProven(ada);
  });

  test('again and again in one period: each with its own share, and all of them end with the period', async () => {
    const ada = await subscribed();
    await till.moveTo(SOMETIME);
    await till.change(ada, 2);
    await till.moveTo(MIDDLE);
    await till.change(ada, 5);
    const last = '2027-02-27T23:59:00.000Z';
    await till.moveTo(last);
    await till.change(ada, 6);
    await till.settled();
    const shares = [creditsFor(1, SOMETIME), creditsFor(3, MIDDLE), creditsFor(1, last)];
    const amounts = (await subscriptionGrants(ada)).map(({ amount }) => amount);
    expect(amounts.toSorted((a, b) => a - b)).toEqual([500_000, ...shares].toSorted((a, b) => a - b));
    expect(await till.available(ada)).toBe(shares.reduce((sum, each) => sum + each, 500_000));
    await till.moveTo('2027-02-28T02:00:00.000Z');
    expect(await till.shown(ada)).toMatchObject({ credits: { available: 3_000_000 }, subscription: { quantity: 6 } });
    expect((await chargedCents(ada))[0]).toBe(12_000);
    await till.expectProven(ada);
  });

  test('whose card is declined change nothing, and wait at an address until a good card pays', async () => {
    const ada = await waiting('declined');
    await expectOldUnits(ada);
    expect((await subscriptionOf(ada)).pendingPayment).toEqual({
      quantity: 3,
      hostedUrl: expect.stringContaining('/i/in_') as string,
      expiresAt: '2027-02-14T23:00:00.000Z',
    });
    expect(await statusesOf(ada)).toEqual(['open', 'paid']);
    // The same card once more.
    await till.submit(await hostedUrlOf(ada), { card: 'declined' });
    await expectOldUnits(ada);
    await till.submit(await hostedUrlOf(ada), { card: 'accepted' });
    await expectNewUnits(ada, 3);
  });

  test('that wait for 3-D Secure come when the payer confirms', async () => {
    const ada = await waiting('requires_action');
    await expectOldUnits(ada);
    await till.submit(await hostedUrlOf(ada), { step: 'confirm' });
    await expectNewUnits(ada, 3);
  });

  test('whose 3-D Secure fails go on waiting, and another card pays', async () => {
    const ada = await waiting('requires_action');
    await till.submit(await hostedUrlOf(ada), { step: 'refuse' });
    await expectOldUnits(ada);
    expect((await subscriptionOf(ada)).pendingPayment).toMatchObject({ quantity: 3 });
    await till.submit(await hostedUrlOf(ada), { card: 'accepted' });
    await expectNewUnits(ada, 3);
  });

  test('asked for again while they wait are not charged twice', async () => {
    const ada = await waiting('declined');
    const first = await subscriptionOf(ada);
    expect(await till.change(ada, 3)).toEqual(first);
    await till.setCard(ada, 'accepted');
    expect(await till.change(ada, 3)).toEqual(first);
    await till.settled();
    expect(await statusesOf(ada)).toEqual(['open', 'paid']);
    await till.submit(await hostedUrlOf(ada), { card: 'accepted' });
    await expectNewUnits(ada, 3);
    expect(await till.change(ada, 3)).toMatchObject({ quantity: 3, pendingPayment: null });
    await expectNewUnits(ada, 3);
  });

  test('of another number while some wait take their place', async () => {
    const ada = await waiting('declined');
    const former = await hostedUrlOf(ada);
    expect(await till.change(ada, 5)).toMatchObject({ quantity: 1, pendingPayment: { quantity: 5 } });
    await till.settled();
    expect(await statusesOf(ada)).toEqual(['open', 'void', 'paid']);
    // The page of the former one no longer takes money.
    await till.submit(former, { card: 'accepted' });
    await expectOldUnits(ada);
    await till.submit(await hostedUrlOf(ada), { card: 'accepted' });
    await expectNewUnits(ada, 5);
  });

  test('that wait are given up by asking for what there is, and can be asked for anew', async () => {
    const ada = await waiting('declined');
    expect(await till.change(ada, 1)).toMatchObject({ quantity: 1, pendingPayment: null });
    await till.settled();
    expect(await statusesOf(ada)).toEqual(['void', 'paid']);
    expect((await till.stripeSubscriptionOf(ada)).pending_update).toBeNull();
    await expectOldUnits(ada);
    expect(await till.change(ada, 3)).toMatchObject({ quantity: 1, pendingPayment: { quantity: 3 } });
    await till.submit(await hostedUrlOf(ada), { card: 'accepted' });
    await expectNewUnits(ada, 3);
    expect(await statusesOf(ada)).toEqual(['paid', 'void', 'paid']);
  });

  test('that are paid for in the moment in which they are given up are there, and who gave them up is told', async () => {
    const ada = await waiting('declined');
    await till.setCard(ada, 'accepted');
    const [open] = await till.invoicesOf(ada);
    await till.control.addFault({ kind: 'hold', method: 'POST', path: '/v1/invoices/*/void' });
    const code = changeCode(ada, 1);
    await waitFor(async () => (await till.control.heldCalls()) === 1, 'the invoice to be given up');
    await clientOf(till.app.emulator).invoices.pay(open?.id as string);
    await till.control.releaseCalls();
    expect(await code).toBe('CONFLICT');
    await till.settled();
    await expectNewUnits(ada, 3);
  });

  test('that nobody pays for are forgotten after 23 hours, and can be asked for anew', async () => {
    const ada = await waiting('declined');
    await till.moveTo('2027-02-14T22:59:59.000Z');
    expect((await subscriptionOf(ada)).pendingPayment).toMatchObject({ quantity: 3 });
    // Whether anybody has told of it or not.
    await till.control.deliveryMode({ hold: true });
    till.clock.set('2027-02-14T23:00:00.000Z');
    expect((await subscriptionOf(ada)).pendingPayment).toBeNull();
    await till.control.deliveryMode({ hold: false });
    await till.moveTo('2027-02-14T23:00:01.000Z');
    expect((await subscriptionOf(ada)).pendingPayment).toBeNull();
    await expectOldUnits(ada);
    expect(await statusesOf(ada)).toEqual(['void', 'paid']);
    await till.setCard(ada, 'accepted');
    expect(await till.change(ada, 3)).toMatchObject({ quantity: 3, pendingPayment: null });
    expect(await till.available(ada)).toBe(500_000 + creditsFor(2, '2027-02-14T23:00:01.000Z'));
    await till.expectProven(ada);
  });

  test('are refused while an invoice is not paid, and can be had when it is', async () => {
    const ada = await subscribed();
    await till.setCard(ada, 'declined');
    await till.moveTo('2027-02-28T02:00:00.000Z');
    expect((await subscriptionOf(ada)).status).toBe('PAST_DUE');
    expect(await changeCode(ada, 2)).toBe('CONFLICT');
    const input = { billingEntityId: ada.id, plan: 'PRO', quantity: 2 };
    expect(await till.codeOf(ada, PREVIEW, { input })).toBe('CONFLICT');
    expect((await subscriptionOf(ada)).pendingPayment).toBeNull();
    const [open] = await till.invoicesOf(ada);
    await till.submit(open?.hosted_invoice_url as string, { card: 'accepted' });
    expect(await subscriptionOf(ada)).toMatchObject({ status: 'ACTIVE', quantity: 1 });
    expect(await till.change(ada, 2)).toMatchObject({ status: 'ACTIVE', quantity: 2 });
    await till.settled();
    await till.expectProven(ada);
  });

  test('whose answer is lost after the commit are charged once', async () => {
    const ada = await subscribed();
    await till.moveTo(MIDDLE);
    await till.control.addFault({ kind: 'timeout_after_commit', method: 'POST', path: '/v1/subscriptions/*' });
    expect(await till.change(ada, 3)).toMatchObject({ quantity: 3, pendingPayment: null });
    await till.settled();
    await expectNewUnits(ada, 3);
    expect(await statusesOf(ada)).toEqual(['paid', 'paid']);
  });

  test('that Stripe does not sell to this subscription are refused in words of ours, and nothing has changed', async () => {
    const ada = await subscribed();
    await till.moveTo(MIDDLE);
    await till.control.addFault({ kind: 'rejected', method: 'POST', path: '/v1/subscriptions/*', code: 'unknown' });
    expect(await changeCode(ada, 3)).toBe('CONFLICT');
    await till.control.addFault({ kind: 'rejected', method: 'POST', path: '/v1/invoices/create_preview' });
    const input = { billingEntityId: ada.id, plan: 'PRO', quantity: 3 };
    expect(await till.codeOf(ada, PREVIEW, { input })).toBe('CONFLICT');
    await expectOldUnits(ada);
    await till.change(ada, 3);
    await expectNewUnits(ada, 3);
  });

  test('take back an end that somebody set at Stripe, of whatever kind', async () => {
    for (const ending of [
      { cancel_at_period_end: true },
      { cancel_at: Date.parse('2027-02-20T00:00:00.000Z') / 1_000 },
    ]) {
      const ada = await subscribed();
      const { id } = await till.stripeSubscriptionOf(ada);
      await till.stripe.call('subscription', (sdk) => sdk.subscriptions.update(id, ending));
      await till.settled();
      expect(await subscriptionOf(ada)).toMatchObject({ cancelAtPeriodEnd: true });
      expect(await till.change(ada, 2)).toMatchObject({ quantity: 2, cancelAtPeriodEnd: false });
      expect(await till.stripeSubscriptionOf(ada)).toMatchObject({ cancel_at: null, cancel_at_period_end: false });
    }
  });

  test('that Stripe failed to make, and would fail under the same key for a day, are had an hour later', async () => {
    const ada = await subscribed();
    await till.control.addFault({ kind: 'error_midway', method: 'POST', path: '/v1/subscriptions/*' });
    expect(await changeCode(ada, 2)).toBe('PAYMENT_PROVIDER_ERROR');
    expect(await changeCode(ada, 2)).toBe('PAYMENT_PROVIDER_ERROR');
    await expectOldUnits(ada);
    await till.moveTo(new Date(START + 3_600_000));
    expect(await till.change(ada, 2)).toMatchObject({ quantity: 2 });
  });

  test('of which every answer is lost arrive by themselves, and asking again finds them', async () => {
    const ada = await subscribed();
    await till.moveTo(MIDDLE);
    await till.control.addFault({
      kind: 'timeout_after_commit',
      method: 'POST',
      path: '/v1/subscriptions/*',
      times: 0,
    });
    expect(await changeCode(ada, 3)).toBe('PAYMENT_PROVIDER_ERROR');
    await till.settled();
    await expectNewUnits(ada, 3);
    await till.control.clearFaults();
    expect(await till.change(ada, 3)).toMatchObject({ quantity: 3, pendingPayment: null });
    await till.settled();
    await expectNewUnits(ada, 3);
    expect(await statusesOf(ada)).toEqual(['paid', 'paid']);
  });

  test('asked for many times at once are charged once', async () => {
    const ada = await subscribed();
    await till.moveTo(MIDDLE);
    const answers = await Promise.all(Array.from({ length: 6 }, () => till.change(ada, 3)));
    for (const answer of answers) expect(answer).toMatchObject({ quantity: 3, pendingPayment: null });
    await till.settled();
    await expectNewUnits(ada, 3);
    expect(await statusesOf(ada)).toEqual(['paid', 'paid']);
  });

  test('of different numbers asked for at once by two who look after an organization’s money: both hold, one after the other', async () => {
    const club = await till.organization();
    const colleague = await till.buyer();
    await till.clients.setMember(club.token, club.id, colleague.externalId, { role: 'BILLING' });
    await till.subscribe(club);
    await till.moveTo(MIDDLE);
    await Promise.all([till.change(club, 2), till.change({ ...club, token: colleague.token }, 3)]);
    await till.settled();
    const { quantity, scheduledQuantity } = await subscriptionOf(club);
    // Three is more than two, and two is less than three.
    expect([null, 2]).toContain(scheduledQuantity);
    expect(quantity).toBe(3);
    expect((await till.stripeSubscriptionOf(club)).items.data[0]?.quantity).toBe(3);
    expect(await till.available(club)).toBe(500_000 + creditsFor(2, MIDDLE));
    const paid = (await chargedCents(club)).reduce((sum, each) => sum + each, 0);
    expect(paid).toBe(2_000 + centsFor({ old: 1, new: 3 }, MIDDLE));
    await till.expectProven(club);
  });
});

describe('fewer units', () => {
  test('come when the period ends, and change nothing before', async () => {
    const ada = await subscribed(3);
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
    expect(await chargedCents(ada)).toEqual([6_000]);
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
    expect(await chargedCents(ada)).toEqual([2_000, 6_000]);
    await till.expectProven(ada);
  });

  test('come by themselves while nobody tells of it, and Stripe finds us so', async () => {
    const ada = await subscribed(3);
    await till.change(ada, 1);
    await till.settled();
    till.clock.set('2027-02-28T00:00:01.000Z');
    expect(await till.shown(ada)).toMatchObject({ credits: { available: 500_000 }, subscription: { quantity: 1 } });
    await till.moveTo('2027-02-28T02:00:00.000Z');
    expect(await till.shown(ada)).toMatchObject({ credits: { available: 500_000 }, subscription: { quantity: 1 } });
    await till.expectProven(ada);
  });

  test('are taken back by asking for what there is', async () => {
    const ada = await subscribed(3);
    await till.moveTo(MIDDLE);
    await till.change(ada, 1);
    expect(await till.change(ada, 3)).toMatchObject({ quantity: 3, scheduledPlan: null, scheduledQuantity: null });
    expect((await till.stripeSubscriptionOf(ada)).schedule).toBeNull();
    await till.moveTo('2027-02-28T02:00:00.000Z');
    expect(await till.shown(ada)).toMatchObject({ credits: { available: 1_500_000 }, subscription: { quantity: 3 } });
    expect(await chargedCents(ada)).toEqual([6_000, 6_000]);
    await till.expectProven(ada);
  });

  test('are replaced by other fewer ones', async () => {
    const ada = await subscribed(5);
    await till.moveTo(MIDDLE);
    await till.change(ada, 1);
    expect(await till.change(ada, 4)).toMatchObject({ quantity: 5, scheduledQuantity: 4 });
    expect(await till.change(ada, 2)).toMatchObject({ quantity: 5, scheduledQuantity: 2 });
    await till.moveTo('2027-02-28T02:00:00.000Z');
    expect(await till.shown(ada)).toMatchObject({ credits: { available: 1_000_000 }, subscription: { quantity: 2 } });
    expect(await chargedCents(ada)).toEqual([4_000, 10_000]);
    await till.expectProven(ada);
  });

  test('are overtaken by more, and more can be had after fewer have come', async () => {
    const ada = await subscribed(2);
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
    const ada = await subscribed(4);
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
    expect(await chargedCents(ada)).toEqual([2_000, 6_000, 8_000]);
    await till.expectProven(ada);
  });

  test('give up more that wait, and can be asked for while an invoice is not paid', async () => {
    const ada = await subscribed(2);
    await till.moveTo(MIDDLE);
    await till.setCard(ada, 'declined');
    await till.change(ada, 5);
    expect(await till.change(ada, 1)).toMatchObject({ quantity: 2, scheduledQuantity: 1, pendingPayment: null });
    await till.settled();
    expect(await statusesOf(ada)).toEqual(['void', 'paid']);
    expect((await till.stripeSubscriptionOf(ada)).pending_update).toBeNull();
    await till.change(ada, 2);
    await till.moveTo('2027-02-28T02:00:00.000Z');
    expect((await subscriptionOf(ada)).status).toBe('PAST_DUE');
    expect(await till.change(ada, 1)).toMatchObject({ quantity: 2, status: 'PAST_DUE', scheduledQuantity: 1 });
    await till.settled();
    await till.expectProven(ada);
  });

  test('of which an answer is lost after the commit are scheduled once', async () => {
    const ada = await subscribed(3);
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
    expect(await changeCode(ada, 2)).toBe('PAYMENT_PROVIDER_ERROR');
    await till.settled();
    expect(await subscriptionOf(ada)).toMatchObject({ quantity: 3, scheduledQuantity: null });
    await till.control.clearFaults();
    expect(await till.change(ada, 2)).toMatchObject({ quantity: 3, scheduledQuantity: 2 });
    await till.settled();
  });
});

test('who changed a plan is in the audit log, with what it was and what it was to be', async () => {
  const ada = await subscribed();
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

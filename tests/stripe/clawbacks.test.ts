import type { StripeServices } from '../../src/stripe/stripe.ts';
import { stripeClientOf } from '../support/stripe.ts';
import { contractViolations, CONTRACT_TIMEOUT_MS } from '@tollgate/stripe-emulator/testing/contract';
import { type Buyer, Till } from '../support/till.ts';

let till: Till;

beforeAll(async () => {
  till = await Till.open();
});

afterEach(async () => {
  await till.control.clearFaults();
});

afterAll(async () => {
  await till.close();
});

const chargeOf = async (buyer: Buyer): Promise<string> => (await till.chargesOf(buyer))[0]?.id as string;

const creditsOf = async (buyer: Buyer) => (await till.shown(buyer)).credits;

const sync = (): StripeServices['sync'] => (till.app.services.stripe as StripeServices).sync;

async function subscribed(): Promise<Buyer> {
  const buyer = await till.buyer();
  await till.subscribe(buyer);
  return buyer;
}

async function purchased(credits: number): Promise<Buyer> {
  const buyer = await till.buyer();
  await till.control.payCheckout(await till.checkout(buyer, { credits }));
  await till.settled();
  return buyer;
}

async function refund(charge: string, cents?: number): Promise<void> {
  await till.control.refund(charge, cents);
  await till.settled();
}

/** Everything that is told from here on comes afterwards, each event twice and the newest first. */
async function toldLate(work: () => Promise<void>): Promise<void> {
  await till.control.deliveryMode({ hold: true, copies: 2 });
  await work();
  await till.control.deliveryMode({ hold: false });
  await till.control.releaseDeliveries('reversed');
  await till.settled();
  await till.control.deliveryMode({ copies: 1 });
}

describe('a refund', () => {
  test('takes its share of what the invoice had bought back, and no more, however often it is told', async () => {
    const ada = await subscribed();
    const charge = await chargeOf(ada);
    await toldLate(() => refund(charge, 501));
    // 500 000 × 501 ÷ 2 000, rounded down.
    expect(await creditsOf(ada)).toEqual({ available: 500_000 - 125_250, owed: 0 });
    await refund(charge, 1);
    // Of the sum that went back: not 250 for each cent.
    expect(await creditsOf(ada)).toEqual({ available: 500_000 - 125_500, owed: 0 });
    await toldLate(() => refund(charge));
    expect(await creditsOf(ada)).toEqual({ available: 0, owed: 0 });
    expect((await till.shown(ada)).plan.code).toBe('PRO');
    await till.expectProven(ada);
  });

  test('of bought credits takes those, and leaves others', async () => {
    const ada = await subscribed();
    await till.control.payCheckout(await till.checkout(ada, { credits: 12_750 }));
    await till.settled();
    await refund(await chargeOf(ada), 17);
    expect(await creditsOf(ada)).toEqual({ available: 500_000 + 12_750 - 4_250, owed: 0 });
    await till.expectProven(ada);
  });

  test('of what is used becomes owed', async () => {
    const ada = await purchased(20_000);
    await till.use(ada, 15_000);
    await refund(await chargeOf(ada));
    expect(await creditsOf(ada)).toEqual({ available: 0, owed: 15_000 });
    expect(await till.use(ada, 1)).toMatchObject({ reason: 'INSUFFICIENT_CREDITS', required: 15_001 });
    await till.expectProven(ada);
  });

  test('that is told before the payment was: what was paid is granted first', async () => {
    const ada = await till.buyer();
    const session = await till.checkout(ada, { credits: 20_000 });
    await toldLate(async () => {
      await till.control.payCheckout(session);
      await till.control.refund(await chargeOf(ada), 100 / 4);
    });
    expect(await creditsOf(ada)).toEqual({ available: 13_750, owed: 0 });
    await till.expectProven(ada);
  });

  test('of somebody who is nobody here, or not even there, takes nothing and troubles nobody', async () => {
    const ada = await purchased(20_000);
    const stranger = await stripeClientOf(till.app.emulator).call('customer', (sdk) => sdk.customers.create({}));
    for (const [id, customer] of [
      [await chargeOf(ada), stranger.id],
      ['ch_nobody', 'cus_nobody'],
    ]) {
      await till.control.emit('charge.refunded', { object: 'charge', id, customer });
      await till.control.emit('refund.created', { object: 'refund', id: 're_nobody', charge: id });
      await till.control.emit('charge.dispute.closed', { object: 'dispute', id: 'dp_nobody', charge: id });
    }
    await till.settled();
    expect(await creditsOf(ada)).toEqual({ available: 20_000, owed: 0 });
  });

  test('waits while Stripe is away', async () => {
    const ada = await purchased(20_000);
    const charge = await chargeOf(ada);
    await till.control.deliveryMode({ hold: true });
    await till.control.refund(charge, 40);
    await till.control.addFault({ method: 'GET', path: '/v1/invoice_payments', kind: 'foreign_500', times: 0 });
    await expect(sync().syncCharge(charge)).rejects.toMatchObject({ code: 'PAYMENT_PROVIDER_ERROR' });
    expect(await creditsOf(ada)).toEqual({ available: 20_000, owed: 0 });
    await till.control.clearFaults();
    await till.control.deliveryMode({ hold: false });
    await till.control.releaseDeliveries();
    await till.settled();
    expect(await creditsOf(ada)).toEqual({ available: 10_000, owed: 0 });
  });
});

test('a refund that fails at the bank gives back what it had taken, once, and leaves other refunds alone', async () => {
  const ada = await purchased(20_000);
  const charge = await chargeOf(ada);
  await refund(charge, 20);
  const { id } = await till.control.refund(charge, 40);
  await till.settled();
  expect(await creditsOf(ada)).toEqual({ available: 5_000, owed: 0 });
  await toldLate(async () => void (await till.control.failRefund(id)));
  expect(await creditsOf(ada)).toEqual({ available: 15_000, owed: 0 });
  await till.sync(ada);
  expect(await creditsOf(ada)).toEqual({ available: 15_000, owed: 0 });
  await till.expectProven(ada);
});

describe('a dispute', () => {
  test('takes nothing while it is open, and all when it is lost', async () => {
    const ada = await subscribed();
    const dispute = await till.control.openDispute(await chargeOf(ada));
    await till.settled();
    expect(await creditsOf(ada)).toEqual({ available: 500_000, owed: 0 });
    await toldLate(async () => void (await till.control.closeDispute(dispute.id, 'lost')));
    expect(await creditsOf(ada)).toEqual({ available: 0, owed: 0 });
    await till.expectProven(ada);
  });

  test('that is won leaves everything as it is, and gives back exactly what was taken', async () => {
    const ada = await purchased(20_000);
    const charge = await chargeOf(ada);
    await refund(charge, 20);
    expect(await creditsOf(ada)).toEqual({ available: 15_000, owed: 0 });
    const dispute = await till.control.openDispute(charge, 60);
    // Taken for another reason meanwhile: as if it had been lost.
    const { history, transfers } = till.app.services;
    const grants = await history.grants(ada.id, { first: 10, after: null }, { activeOnly: false });
    const bought = grants.edges.find(({ node }) => node.source === 'PURCHASE')?.node.id as string;
    const back = { billingEntityId: ada.id, grantId: bought, actor: 'system', reason: 'lost' };
    await transfers.clawBack({ ...back, target: 20_000n });
    expect(await creditsOf(ada)).toEqual({ available: 0, owed: 0 });
    await toldLate(async () => void (await till.control.closeDispute(dispute.id, 'won')));
    expect(await creditsOf(ada)).toEqual({ available: 15_000, owed: 0 });
    await till.expectProven(ada);
  });
});

test('a renewal that is refunded takes nothing of the period before, whose overage it billed, too', async () => {
  const ada = await subscribed();
  await till.allowOverage(ada);
  await till.use(ada, 525_000);
  await till.app.services.stripe?.meterReporter.run();
  await till.moveTo('2027-02-28T00:00:00.000Z');
  await till.moveTo('2027-02-28T02:00:00.000Z');
  const [renewal] = await till.chargesOf(ada);
  expect(renewal?.amount).toBe(2_100);
  expect(await creditsOf(ada)).toEqual({ available: 500_000, owed: 0 });
  await toldLate(() => refund(renewal?.id as string));
  expect(await creditsOf(ada)).toEqual({ available: 0, owed: 0 });
  await till.expectProven(ada);
});

test(
  'every call and every answer is as the SDK declares it',
  () => {
    expect(contractViolations(till.app.emulator.traffic)).toEqual([]);
  },
  CONTRACT_TIMEOUT_MS,
);

import type { Stripe } from 'stripe';
import { stripeClientOf } from '../support/stripe.ts';
import { contractViolations, CONTRACT_TIMEOUT_MS } from '@tollgate/stripe-emulator/testing/contract';
import { type Buyer, OPEN_CHECKOUT, OPEN_PORTAL, COMPLETE, RETURNS, Till } from '../support/till.ts';

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

const subscriptionsOf = (customer: string) =>
  stripeClientOf(till.app.emulator).list('subscription', (sdk, page) =>
    sdk.subscriptions.list({ customer, status: 'all', ...page }),
  );

describe('PRO', () => {
  test('is bought on the hosted page, and 500 000 credits arrive', async () => {
    const ada = await till.buyer();
    expect((await till.shown(ada)).plan.code).toBe('FREE_TRIAL');
    await till.subscribe(ada);
    const shown = await till.shown(ada);
    expect(shown).toMatchObject({
      plan: { code: 'PRO' },
      credits: { available: 500_000 },
      subscription: {
        plan: { code: 'PRO' },
        quantity: 1,
        status: 'ACTIVE',
        currentPeriodStart: '2027-01-31T00:00:00.000Z',
        currentPeriodEnd: '2027-02-28T00:00:00.000Z',
        cancelAtPeriodEnd: false,
        scheduledPlan: null,
        pendingPayment: null,
      },
    });
    expect(await till.codeOf(ada, OPEN_CHECKOUT, { input: { billingEntityId: ada.id, plan: 'PRO', ...RETURNS } })).toBe(
      'CONFLICT',
    );
    await till.expectProven(ada);
  });

  test('is there on the success page before the webhook, and the webhook adds nothing', async () => {
    const ada = await till.buyer();
    const session = await till.checkout(ada, { plan: 'PRO', quantity: 2 });
    expect(await till.codeOf(ada, COMPLETE, { billingEntityId: ada.id, sessionId: session })).toBe('CONFLICT');
    await till.control.deliveryMode({ hold: true });
    const { redirect } = await till.control.payCheckout(session);
    expect(redirect).toBe(`http://localhost:3000/done?session=${session}`);
    const first = await till.complete(ada, session);
    expect(first).toMatchObject({ plan: { code: 'PRO' }, quantity: 2, status: 'ACTIVE' });
    expect(await till.available(ada)).toBe(1_000_000);
    expect(await till.complete(ada, session)).toEqual(first);
    await till.release('reversed');
    expect(await till.available(ada)).toBe(1_000_000);
    expect(await till.complete(ada, session)).toEqual(first);
  });

  test('paid for twice at once: the older subscription stays, the other’s money is given back and it grants nothing', async () => {
    const ada = await till.buyer();
    const [one, two] = [
      await till.checkout(ada, { plan: 'PRO', quantity: 1 }),
      await till.checkout(ada, { plan: 'PRO', quantity: 3 }),
    ];
    await till.control.deliveryMode({ hold: true });
    await till.control.payCheckout(one);
    await till.moveTo(new Date(till.clock.now().getTime() + 1_000));
    await till.control.payCheckout(two);
    await till.release('reversed');
    expect(await till.shown(ada)).toMatchObject({ credits: { available: 500_000 }, subscription: { quantity: 1 } });
    const customer = await till.customerOf(ada);
    const all = await subscriptionsOf(customer);
    expect(all.map(({ status }) => status).toSorted()).toEqual(['active', 'canceled']);
    const refunds = await stripeClientOf(till.app.emulator).list('refund', (sdk, page) => sdk.refunds.list(page));
    expect(refunds.map(({ amount }) => amount)).toEqual([6_000]);
    await till.expectProven(ada);
  });

  describe('paid for twice at once', () => {
    const refundsOf = async (buyer: Buyer): Promise<number[]> => {
      const charges = await till.chargesOf(buyer);
      return charges.map(({ amount_refunded: refunded }) => refunded).filter((refunded) => refunded > 0);
    };
    const second = async (buyer: Buyer): Promise<Stripe.Subscription | undefined> =>
      (await till.subscriptionsOf(buyer)).find(({ items }) => items.data.some(({ quantity }) => quantity === 3));

    /** Has paid for one unit and for three; nobody was told yet. */
    async function twice(): Promise<Buyer> {
      const ada = await till.buyer();
      const sessions = [
        await till.checkout(ada, { plan: 'PRO', quantity: 1 }),
        await till.checkout(ada, { plan: 'PRO', quantity: 3 }),
      ];
      await till.control.deliveryMode({ hold: true });
      for (const session of sessions) {
        await till.moveTo(new Date(till.clock.now().getTime() + 1_000));
        await till.control.payCheckout(session);
      }
      return ada;
    }

    const tell = async (): Promise<void> => {
      await till.release('reversed');
    };

    test('where the refund is refused: it is ended, everything else follows, and whoever tries later refunds it', async () => {
      const ada = await twice();
      await till.control.payCheckout(await till.checkout(ada, { credits: 20_000 }));
      await till.control.addFault({ kind: 'rejected', method: 'POST', path: '/v1/refunds', times: 2 });
      for (const _ of [1, 2]) {
        await expect(till.sync(ada)).rejects.toThrow('This is refused.');
        expect(await second(ada)).toMatchObject({ status: 'canceled' });
        expect(await till.shown(ada)).toMatchObject({ credits: { available: 520_000 }, subscription: { quantity: 1 } });
      }
      await tell();
      expect(await refundsOf(ada)).toEqual([6_000]);
      expect(await till.available(ada)).toBe(520_000);
      // A refund that the bank sends back is made again.
      const [made] = await till.stripe.list('refund', (sdk, page) => sdk.refunds.list(page));
      await till.control.failRefund(made?.id as string);
      await till.settled();
      expect(await refundsOf(ada)).toEqual([6_000]);
      await till.expectProven(ada);
    });

    test('where whoever undoes it dies, and the older one is ended then: it is undone all the same', async () => {
      const ada = await twice();
      await till.control.addFault({ kind: 'foreign_500', method: 'DELETE', path: '/v1/subscriptions/*', times: 3 });
      await expect(till.sync(ada)).rejects.toMatchObject({ code: 'PAYMENT_PROVIDER_ERROR' });
      expect(await second(ada)).toMatchObject({ status: 'active' });
      const kept = (await till.subscriptionsOf(ada)).find(({ items }) => items.data[0]?.quantity === 1);
      await till.control.clearFaults();
      await till.stripe.call('subscription', (sdk) => sdk.subscriptions.cancel(kept?.id as string));
      await tell();
      expect(await second(ada)).toMatchObject({ status: 'canceled' });
      expect(await refundsOf(ada)).toEqual([6_000]);
      expect(await till.shown(ada)).toMatchObject({ plan: { code: 'FREE_TRIAL' }, subscription: null });
      await till.expectProven(ada);
    });

    test('and disputed at the bank: it is ended, and nothing is given back twice', async () => {
      const ada = await twice();
      const charge = (await till.chargesOf(ada)).find(({ amount }) => amount === 6_000);
      await till.control.openDispute(charge?.id as string);
      await tell();
      expect(await second(ada)).toMatchObject({ status: 'canceled' });
      expect(await refundsOf(ada)).toEqual([]);
      expect(await till.shown(ada)).toMatchObject({ credits: { available: 500_000 }, subscription: { quantity: 1 } });
      await till.expectProven(ada);
    });
  });

  test('and ended with whatever comment is not refunded: only what we mark is a second one', async () => {
    const ada = await till.buyer();
    await till.subscribe(ada);
    const { id } = await till.stripeSubscriptionOf(ada);
    await till.stripe.call('subscription', (sdk) =>
      sdk.subscriptions.cancel(id, { cancellation_details: { comment: 'double of sub_1; tollgate_double_of' } }),
    );
    await till.settled();
    expect((await till.chargesOf(ada)).map(({ amount_refunded: cents }) => cents)).toEqual([0]);
  });

  test('begun a second time and not paid for: it is ended, and cannot be paid any more', async () => {
    const ada = await till.buyer();
    await till.subscribe(ada);
    const customer = await till.customerOf(ada);
    const { prices } = await till.catalog();
    const second = await till.stripe.call('subscription', (sdk) =>
      sdk.subscriptions.create({
        customer,
        items: [{ price: prices.get('PRO') as string, quantity: 5 }],
        payment_behavior: 'default_incomplete',
      }),
    );
    await till.settled();
    const { status, latest_invoice: invoice } = (await till.subscriptionsOf(ada)).find(
      ({ id }) => id === second.id,
    ) as Stripe.Subscription;
    expect(status).toMatch(/^canceled|incomplete_expired$/);
    expect((await till.invoicesOf(ada)).find(({ id }) => id === invoice)?.status).toBe('void');
    expect(await till.shown(ada)).toMatchObject({ credits: { available: 500_000 }, subscription: { quantity: 1 } });
  });

  test('asked for while every answer of Stripe’s is lost after the commit is one customer', async () => {
    const ada = await till.buyer();
    await till.control.addFault({ kind: 'timeout_after_commit', method: 'POST', path: '/v1/customers', times: 2 });
    const session = await till.checkout(ada, { plan: 'PRO' });
    const all = await stripeClientOf(till.app.emulator).list('customer', (sdk, page) => sdk.customers.list(page));
    expect(all.filter(({ description }) => description === ada.externalId)).toHaveLength(1);
    await till.control.payCheckout(session);
    await till.settled();
    expect(await till.available(ada)).toBe(500_000);
  });

  test('is sold to a customer of the name that the buyer has now', async () => {
    const pool = await till.organization();
    const nameAtStripe = async (): Promise<string | null | undefined> => {
      const customer = await till.customerOf(pool);
      const found = await till.stripe.call('customer', (sdk) => sdk.customers.retrieve(customer));
      return 'name' in found ? found.name : null;
    };
    await till.subscribe(pool);
    const rename = 'mutation ($input: UpdateOrganizationInput!) { updateOrganization(input: $input) { id } }';
    await till.ask(pool.token, rename, { input: { billingEntityId: pool.id, name: 'Somebody Else Ltd' } });
    expect(await nameAtStripe()).not.toBe('Somebody Else Ltd');
    await till.ask(pool.token, OPEN_PORTAL, { input: { billingEntityId: pool.id, returnUrl: RETURNS.cancelUrl } });
    expect(await nameAtStripe()).toBe('Somebody Else Ltd');
  });

  test('asked for ten times at once is one customer', async () => {
    const ada = await till.buyer();
    await Promise.all(Array.from({ length: 10 }, () => till.checkout(ada, { plan: 'PRO' })));
    const all = await stripeClientOf(till.app.emulator).list('customer', (sdk, page) => sdk.customers.list(page));
    expect(all.filter(({ description }) => description === ada.externalId)).toHaveLength(1);
  });
});

describe('credits', () => {
  test('are bought once: a grant that never expires, for whom no subscription is needed', async () => {
    const ada = await till.buyer();
    const session = await till.checkout(ada, { credits: 12_500 });
    await till.control.payCheckout(session);
    expect(await till.complete(ada, session)).toMatchObject({ plan: { code: 'FREE_TRIAL' }, status: 'ACTIVE' });
    await till.settled();
    const { credits, grants, subscription } = await till.shown(ada);
    expect(credits.available).toBe(12_500);
    expect(subscription).toBeNull();
    expect(grants.edges.filter(({ node }) => node.source === 'PURCHASE')).toEqual([
      { node: { source: 'PURCHASE', amount: 12_500 } },
    ]);
    await till.control.payCheckout(await till.checkout(ada, { credits: 25_000 }));
    await till.settled();
    expect(await till.available(ada)).toBe(37_500);
    await till.expectProven(ada);
  });

  test.each([12_499, 12_250, 12_501, 0])('%i at a time are not sold', async (credits) => {
    const ada = await till.buyer();
    const input = { billingEntityId: ada.id, credits, ...RETURNS };
    expect(await till.codeOf(ada, OPEN_CHECKOUT, { input })).toBe('BAD_USER_INPUT');
  });
});

describe('what cannot be asked for', () => {
  test.each([
    ['both a plan and credits', { plan: 'PRO', credits: 12_500 }],
    ['neither', {}],
    ['the free trial', { plan: 'FREE_TRIAL' }],
    ['no unit', { plan: 'PRO', quantity: 0 }],
    ['too many units', { plan: 'PRO', quantity: 1_001 }],
  ])('%s', async (_what, what) => {
    const ada = await till.buyer();
    const input = { billingEntityId: ada.id, ...RETURNS, ...what };
    expect(await till.codeOf(ada, OPEN_CHECKOUT, { input })).toBe('BAD_USER_INPUT');
  });

  test.each([
    'https://evil.example/',
    'http://localhost.evil.example/',
    'http://localhost:3000@evil.example/',
    'javascript:alert(1)',
    '/relative',
    String.raw`http://localhost:3000\@evil.example/`,
    'http://localhost:3000/\r\nSet-Cookie: a=b',
  ])('a return to %j', async (address) => {
    const ada = await till.buyer();
    const input = { billingEntityId: ada.id, plan: 'PRO', ...RETURNS };
    expect(await till.codeOf(ada, OPEN_CHECKOUT, { input: { ...input, successUrl: address } })).toBe('BAD_USER_INPUT');
    expect(await till.codeOf(ada, OPEN_CHECKOUT, { input: { ...input, cancelUrl: address } })).toBe('BAD_USER_INPUT');
    const portal = { billingEntityId: ada.id, returnUrl: address };
    expect(await till.codeOf(ada, OPEN_PORTAL, { input: portal })).toBe('BAD_USER_INPUT');
  });

  test('to complete another’s session, or one that is not there', async () => {
    const [ada, eve] = [await till.buyer(), await till.buyer()];
    const session = await till.checkout(ada, { plan: 'PRO' });
    await till.checkout(eve, { plan: 'PRO' });
    for (const sessionId of [session, 'cs_test_nobody', '']) {
      expect(await till.codeOf(eve, COMPLETE, { billingEntityId: eve.id, sessionId })).toBe('NOT_FOUND');
    }
  });
});

test('the portal leads back to where it was asked for', async () => {
  const ada = await till.buyer();
  const input = { billingEntityId: ada.id, returnUrl: 'http://127.0.0.1:3000/plans' };
  const { url } = await till.ask<{ url: string }>(ada.token, OPEN_PORTAL, { input });
  expect(url).toMatch(/\/p\/session\/bps_/);
});

test(
  'every call and every answer is as the SDK declares it',
  () => {
    expect(contractViolations(till.app.emulator.traffic)).toEqual([]);
  },
  CONTRACT_TIMEOUT_MS,
);

/** What happens while nobody tells us, or while Stripe refuses: nobody stays where they were, and who asks is answered. */
import {
  type Buyer,
  CANCEL,
  CHANGE,
  COMPLETE,
  OPEN_CHECKOUT,
  OPEN_PORTAL,
  RESUME,
  RETURNS,
  PRO_ELSEWHERE,
  Till,
} from '../../support/till.ts';
import { DAY_MS, FIRST_END, HOUR_MS, START } from './periods.ts';
import { away, creditsOf, NO_REFUNDS, reconcile, stripeOf } from '../overage/outages.ts';

let till: Till;

/** Moving the clock renews everybody: each test has a Till of its own. */
beforeEach(async () => {
  till = await Till.open();
});

afterEach(() => till.close());

describe('nobody stays', () => {
  test('without a plan whose customer is deleted at Stripe while we are away', async () => {
    const ada = await till.subscribed();
    await away(till, ada, async (customer) => {
      await till.stripe.call('customer', (sdk) => sdk.customers.del(customer));
    });
    await reconcile(till);
    expect((await till.shown(ada)).subscription).toBeNull();
    const input = { billingEntityId: ada.id, plan: 'PRO', ...RETURNS };
    expect(await till.codeOf(ada, OPEN_CHECKOUT, { input })).toBeUndefined();
  });

  test('without credits whose refund comes back from the bank while we are away', async () => {
    const ada = await till.buyer();
    await till.control.payCheckout(await till.checkout(ada, { credits: 20_000 }));
    await till.settled();
    const [charge] = await till.chargesOf(ada);
    const { id } = await till.control.refund(charge?.id as string);
    await till.settled();
    expect(await creditsOf(till, ada)).toEqual({ available: 0, owed: 0 });
    await away(till, ada, async () => {
      await till.control.failRefund(id);
    });
    await reconcile(till);
    expect(await creditsOf(till, ada)).toEqual({ available: 20_000, owed: 0 });
  });

  test.each([false, true])(
    'unreconciled because of another one with whom Stripe fails (%s)',
    async (fails) => {
      const [one, two] = [await till.subscribed(2), await till.subscribed(2)].toSorted((a, b) =>
        a.id < b.id ? -1 : 1,
      ) as [Buyer, Buyer];
      await till.change(one, 1);
      await till.settled();
      await till.control.deliveryMode({ drop: ['*'] });
      await till.endAtStripe(two);
      await till.moveTo(START + 41 * DAY_MS);
      await till.control.deliveryMode({ drop: [] });
      const path = '/v1/subscription_schedules/*';
      if (fails) await till.control.addFault({ method: 'GET', path, kind: 'error_before_commit', times: 0 });
      await reconcile(till);
      expect((await till.shown(two)).subscription).toBeNull();
    },
    60_000,
  );

  test('on a plan whose customer is deleted while the reconciler is at it', async () => {
    const ada = await till.subscribed();
    const customer = await till.customerOf(ada);
    const { sync } = stripeOf(till);
    const original = sync.sync.bind(sync);
    sync.sync = async (id) => {
      await original(id);
      // Somebody at Stripe, a moment after we looked.
      if (id === customer) {
        sync.sync = original;
        await till.stripe.call('customer', (sdk) => sdk.customers.del(customer));
      }
    };
    await till.control.deliveryMode({ hold: true });
    await reconcile(till);
    await till.release();
    await till.moveTo(FIRST_END);
    await reconcile(till);
    await till.moveTo(FIRST_END + 2 * HOUR_MS);
    const { plan, credits: balance } = await till.shown(ada);
    const input = { billingEntityId: ada.id, plan: 'PRO', ...RETURNS };
    const checkout = await till.codeOf(ada, OPEN_CHECKOUT, { input });
    expect({ plan: plan.code, balance, checkout }).toEqual({
      plan: 'FREE_TRIAL',
      balance: { available: 0, owed: 0 },
      checkout: undefined,
    });
  });

  test('before a closed till whose customer was deleted at Stripe, of which nobody has told', async () => {
    const ada = await till.buyer();
    await till.purchase(ada, 20_000);
    await till.control.deliveryMode({ drop: ['*'] });
    const customer = await till.customerOf(ada);
    await till.stripe.call('customer', (sdk) => sdk.customers.del(customer));
    const input = { billingEntityId: ada.id, plan: 'PRO', ...RETURNS };
    expect({
      checkout: await till.codeOf(ada, OPEN_CHECKOUT, { input }),
      portal: await till.codeOf(ada, OPEN_PORTAL, {
        input: { billingEntityId: ada.id, returnUrl: 'http://localhost:3000/plans' },
      }),
    }).toEqual({ checkout: undefined, portal: undefined });
  });

  test('without credits whose refund comes back, because of a subscription with which Stripe fails', async () => {
    const ada = await till.subscribed();
    await till.allowOverage(ada);
    await till.moveTo(START + DAY_MS);
    expect(await till.use(ada, 1_500_000)).toMatchObject({ credits: 1_500_000 });
    await till.reported();
    const { id } = await till.stripeSubscriptionOf(ada);
    const bob = await till.buyer();
    await till.purchase(bob, 20_000);
    const [charge] = await till.chargesOf(bob);
    const refund = await till.control.refund(charge?.id as string);
    await till.settled();
    expect(await creditsOf(till, bob)).toEqual({ available: 0, owed: 0 });
    await till.control.deliveryMode({ drop: ['*'] });
    await till.stripe.call('subscription', (sdk) => sdk.subscriptions.cancel(id));
    await till.control.failRefund(refund.id);
    // Longer than Stripe lists events.
    till.clock.set(new Date(START + 40 * DAY_MS));
    await till.control.moveClock({ to: till.clock.now() });
    await till.control.deliveryMode({ drop: [] });
    const path = `/v1/subscriptions/${id}`;
    await till.control.addFault({ method: 'GET', path, kind: 'error_before_commit', times: 0 });
    await reconcile(till);
    expect(await creditsOf(till, bob)).toEqual({ available: 20_000, owed: 0 });
  });

  test.each(['refund', 'dispute'])(
    'with credits whose money goes back (%s) after the customer was deleted',
    async (how) => {
      const ada = await till.buyer();
      await till.purchase(ada, 20_000);
      const [charge] = await till.chargesOf(ada);
      const customer = await till.customerOf(ada);
      await till.stripe.call('customer', (sdk) => sdk.customers.del(customer));
      await till.settled();
      if (how === 'refund') await till.control.refund(charge?.id as string);
      else {
        const { id } = await till.control.openDispute(charge?.id as string);
        await till.control.closeDispute(id, 'lost');
      }
      await till.settled();
      await reconcile(till);
      expect(await creditsOf(till, ada)).toEqual({ available: 0, owed: 0 });
    },
  );
});

describe('who asks beside a second subscription that cannot be refunded is answered', () => {
  const both = async (): Promise<{ ada: Buyer; two: string }> => {
    const ada = await till.buyer();
    const [one, two] = [await till.checkout(ada, { plan: 'PRO' }), await till.checkout(ada, PRO_ELSEWHERE)];
    await till.control.addFault(NO_REFUNDS);
    await till.control.deliveryMode({ hold: true });
    await till.control.payCheckout(one);
    await till.moveTo(START + 60_000);
    await till.control.payCheckout(two);
    return { ada, two };
  };

  test('what completes a Checkout', async () => {
    const { ada, two } = await both();
    expect(await till.codeOf(ada, COMPLETE, { billingEntityId: ada.id, sessionId: two })).toBeUndefined();
  });

  test.each([
    ['cancel', CANCEL, {}],
    ['resume', RESUME, {}],
    ['change', CHANGE, { plan: 'PRO', quantity: 2 }],
  ] as const)('%s', async (_name, document, more) => {
    const { ada } = await both();
    await expect(till.sync(ada)).rejects.toBeDefined();
    const code = await till.codeOf(ada, document, { input: { billingEntityId: ada.id, ...more } });
    expect(code).toBeUndefined();
  });
});

/** Whoever detaches the only payment method takes no overage that nobody could be charged for (rule 14). */
import { Till } from '../../support/till.ts';
import { idOf } from '../../../src/stripe/account/values.ts';
import { reconcile } from './outages.ts';

const BEYOND = 1_500_000;
const REFUSED = { __typename: 'UsageRefused', reason: 'OVERAGE_CAP_REACHED', available: 500_000 };

let till: Till;

beforeAll(async () => {
  till = await Till.open();
});

afterAll(() => till.close());

/** Detaches the card that the subscription names, as the portal and the dashboard do. */
async function detach(id: string): Promise<void> {
  await till.stripe.call('payment_method', (sdk) => sdk.paymentMethods.detach(id));
  await till.settled();
}

test.each([
  ['the subscription forgets it', true],
  ['the subscription goes on naming it', false],
])('a card that is detached is on file no more (%s)', async (_what, detachingClearsSubscriptions) => {
  await till.control.behave({ detachingClearsSubscriptions });
  const ada = await till.subscribed();
  await till.allowOverage(ada);
  const { default_payment_method: card } = await till.stripeSubscriptionOf(ada);
  await detach(idOf(card as string));
  expect((await till.stripeSubscriptionOf(ada)).default_payment_method === null).toBe(detachingClearsSubscriptions);
  expect(await till.use(ada, BEYOND)).toMatchObject(REFUSED);
  expect((await till.shown(ada)).subscription?.waiting).toMatchObject([{ kind: 'PAYMENT_METHOD_MISSING' }]);
  await till.setCard(ada, 'accepted');
  await till.settled();
  expect(await till.use(ada, BEYOND)).toMatchObject({ __typename: 'ConsumeCreditsSuccess' });
  await till.expectProven(ada);
});

test('a default card of the customer’s that is detached is on file no more, though only its own event tells', async () => {
  const ada = await till.subscribed();
  await till.allowOverage(ada);
  await till.setCard(ada, 'accepted');
  await till.settled();
  await till.control.behave({ detachingClearsSubscriptions: false });
  await till.control.deliveryMode({ drop: ['customer.updated', 'customer.subscription.updated'] });
  const { default_payment_method: card } = await till.stripeSubscriptionOf(ada);
  await detach(idOf(card as string));
  await till.control.deliveryMode({ drop: [] });
  expect(await till.use(ada, BEYOND)).toMatchObject(REFUSED);
});

test('an event of it that was lost is made up for by the reconciler', async () => {
  const ada = await till.subscribed();
  await till.allowOverage(ada);
  const { default_payment_method: card } = await till.stripeSubscriptionOf(ada);
  await till.control.deliveryMode({ drop: ['*'] });
  await detach(idOf(card as string));
  await till.control.deliveryMode({ drop: [] });
  await reconcile(till);
  expect(await till.use(ada, BEYOND)).toMatchObject(REFUSED);
});

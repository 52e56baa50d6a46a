/** Schedules that others made are followed phase by phase, by what their prices are of (rules 13, 25 and 26). */
import type { Stripe } from 'stripe';
import { clientOf } from '@tollgate/stripe-emulator/testing/bench';
import { type Buyer, Till } from '../../support/till.ts';
import { FIRST_END, FREE, HOUR_MS, stands } from './periods.ts';

const UNIT = 500_000;
const SECOND_END = Date.parse('2027-03-31T00:00:00.000Z');
/** Phases end with periods. A month that is counted from the last of February would end on 28 March. */
const ENDS = [SECOND_END, Date.parse('2027-04-30T00:00:00.000Z')].map((instant) => instant / 1_000);

let till: Till;
let sdk: Stripe;

/** Moving the clock renews everybody: each test has a Till of its own. */
beforeEach(async () => {
  till = await Till.open();
  sdk = clientOf(till.app.emulator);
});

afterEach(() => till.close());

type Items = { readonly price: string; readonly quantity?: number }[];

/** Two units, and then by a schedule these items, a month each. */
async function scheduled(
  coming: (prices: { readonly plan: string; readonly overage: string; readonly other: string }) => Items[],
  terms: Stripe.SubscriptionScheduleUpdateParams = {},
): Promise<Buyer> {
  const buyer = await till.subscribed(2);
  const { prices, overagePrice: overage } = await till.catalog();
  const { id: product } = await sdk.products.create({ name: 'Somebody else’s' });
  const recurring = { interval: 'month' } as const;
  const other = await sdk.prices.create({ currency: 'usd', product, unit_amount: 700, recurring });
  const plan = prices.get('PRO') as string;
  const { id, default_payment_method: card } = await till.stripeSubscriptionOf(buyer);
  const made = await sdk.subscriptionSchedules.create({ from_subscription: id });
  const [running] = made.phases as [Stripe.SubscriptionSchedule.Phase];
  const now = { items: [{ price: plan, quantity: 2 }, { price: overage }] };
  const paying = { default_payment_method: card as string };
  await sdk.subscriptionSchedules.update(made.id, {
    phases: [
      { ...now, ...paying, start_date: running.start_date, end_date: running.end_date },
      ...coming({ plan, overage, other: other.id }).map((items, index) => ({
        items,
        ...paying,
        end_date: ENDS[index] as number,
      })),
    ],
    ...terms,
  });
  await till.settled();
  return buyer;
}

test('as many units of another product are none: the plan ends then, by our clock and by Stripe’s', async () => {
  const ada = await scheduled(({ other, overage }) => [[{ price: other, quantity: 2 }, { price: overage }]]);
  const end = new Date(FIRST_END).toISOString();
  expect((await till.shown(ada)).subscription).toMatchObject({ cancelAtPeriodEnd: true, endsAt: end });
  till.clock.set(new Date(FIRST_END));
  expect(await till.shown(ada)).toMatchObject({ ...FREE, credits: { available: 0, owed: 0 } });
  await till.moveTo(FIRST_END + 2 * HOUR_MS);
  expect(await till.shown(ada)).toMatchObject({ ...FREE, credits: { available: 0, owed: 0 } });
  await till.expectProven(ada);
});

test('units that come, and the plan that goes a month later, are known beforehand', async () => {
  const ada = await scheduled(({ plan, other, overage }) => [
    [{ price: plan, quantity: 3 }, { price: overage }],
    [{ price: other, quantity: 3 }, { price: overage }],
  ]);
  const [first, second] = [FIRST_END, SECOND_END].map((instant) => new Date(instant).toISOString());
  expect((await till.shown(ada)).subscription).toMatchObject({
    quantity: 2,
    scheduledQuantity: 3,
    scheduledAt: first,
    cancelAtPeriodEnd: false,
    endsAt: second,
  });
  await till.moveTo(FIRST_END + 2 * HOUR_MS);
  expect(await till.shown(ada)).toMatchObject({
    ...stands('ACTIVE', 3 * UNIT),
    subscription: { quantity: 3, scheduledQuantity: null, cancelAtPeriodEnd: true, endsAt: second },
  });
  till.clock.set(new Date(SECOND_END));
  expect(await till.shown(ada)).toMatchObject({ ...FREE, credits: { available: 0, owed: 0 } });
  await till.expectProven(ada);
});

test('a schedule that ends the subscription is its end; one that releases it leaves what its last phase made', async () => {
  const ending = await scheduled(() => [], { end_behavior: 'cancel' });
  const going = await scheduled(({ plan, overage }) => [[{ price: plan, quantity: 1 }, { price: overage }]]);
  expect((await till.shown(ending)).subscription).toMatchObject({ cancelAtPeriodEnd: true });
  await till.moveTo(FIRST_END + 2 * HOUR_MS);
  expect(await till.shown(ending)).toMatchObject({ ...FREE, credits: { available: 0, owed: 0 } });
  expect((await till.shown(going)).subscription).toMatchObject({ quantity: 1, scheduledQuantity: null, endsAt: null });
  await till.moveTo(SECOND_END + 2 * HOUR_MS);
  expect(await till.shown(going)).toMatchObject({ ...stands('ACTIVE', UNIT), subscription: { quantity: 1 } });
  await till.expectProven(ending, going);
});

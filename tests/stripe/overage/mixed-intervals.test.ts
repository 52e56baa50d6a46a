/** Overage by the month beside a plan by the year, in one subscription: the period of the meter's item decides (rules 13, 28). */
import type { Stripe } from 'stripe';
import { type Buyer, CANCEL, RESUME, Till } from '../../support/till.ts';
import { DAY_MS, FIRST_END, HOUR_MS, START, subscribeAtStripe } from '../sync/periods.ts';
import { NO_METER, reconcile } from './outages.ts';

const SECOND_END = Date.parse('2027-03-31T00:00:00.000Z');
const YEAR_END = Date.parse('2028-01-31T00:00:00.000Z');

let till: Till;

/** Moving the clock renews everybody: each test has a Till of its own. */
beforeEach(async () => {
  till = await Till.open();
});

afterEach(() => till.close());

/** Somebody who pays $240 a year, and for overage by the interval of this price. */
async function yearly(overage?: Stripe.PriceCreateParams.Recurring['interval']): Promise<Buyer> {
  const ada = await till.buyer();
  await till.purchase(ada, 20_000);
  await till.setCard(ada, 'accepted');
  const { meter, overagePrice } = await till.catalog();
  const plan = await till.stripe.call('price', (sdk) =>
    sdk.prices.create({
      currency: 'usd',
      product: 'tollgate_pro',
      unit_amount: 24_000,
      recurring: { interval: 'year' },
    }),
  );
  const metered =
    overage === undefined
      ? overagePrice
      : (
          await till.stripe.call('price', (sdk) =>
            sdk.prices.create({
              currency: 'usd',
              product: 'tollgate_overage',
              unit_amount_decimal: '0.004' as never,
              recurring: { interval: overage, usage_type: 'metered', meter },
            }),
          )
        ).id;
  await subscribeAtStripe(till, ada, { items: [{ price: plan.id }, { price: metered }] });
  await till.allowOverage(ada);
  return ada;
}

const chargedCents = async (buyer: Buyer): Promise<number[]> =>
  (await till.chargesOf(buyer)).filter(({ paid }) => paid).map(({ amount }) => amount);

const aboutOverage = (lines: readonly string[]): string[] => lines.filter((line) => line.includes('overage'));

test('is on the invoice of its month, and the next month’s on the next', async () => {
  const ada = await yearly();
  await till.moveTo(START + DAY_MS);
  expect(await till.use(ada, 1_520_000)).toMatchObject({ __typename: 'ConsumeCreditsSuccess' });
  await till.reported();
  await till.moveTo(FIRST_END);
  await till.moveTo(FIRST_END + 2 * HOUR_MS);
  expect(await chargedCents(ada)).toEqual([4_000, 24_000, 80]);
  expect(await till.use(ada, 750_000)).toMatchObject({ __typename: 'ConsumeCreditsSuccess' });
  await till.reported();
  await till.moveTo(SECOND_END);
  await till.moveTo(SECOND_END + 3 * HOUR_MS);
  const { repaired, remaining } = await reconcile(till);
  expect(aboutOverage([...repaired, ...remaining])).toEqual([]);
  expect(await chargedCents(ada)).toEqual([1_000, 4_000, 24_000, 80]);
  await till.expectProven(ada);
});

test('that the meter hears of only when its month is invoiced is billed in the next month, and not at the year’s end', async () => {
  const ada = await yearly();
  await till.moveTo(START + DAY_MS);
  await till.control.addFault(NO_METER);
  await till.use(ada, 1_520_000);
  await till.app.services.meterReports.freeze(ada.id);
  await till.moveTo(FIRST_END);
  await till.moveTo(FIRST_END + 2 * HOUR_MS);
  await till.control.clearFaults();
  await till.reported();
  expect(await till.metered(ada)).toBe(0n);
  await till.moveTo(SECOND_END);
  await till.moveTo(SECOND_END + 3 * HOUR_MS);
  await reconcile(till);
  expect(await chargedCents(ada)).toEqual([4_000, 24_000, 80]);
  await till.expectProven(ada);
});

test('whose item is deleted in the middle of a month is billed after that month, and not at the year’s end', async () => {
  const ada = await yearly();
  await till.moveTo(START + DAY_MS);
  await till.use(ada, 1_520_000);
  await till.reported();
  await till.moveTo(START + 3 * DAY_MS);
  const { id, items } = await till.stripeSubscriptionOf(ada);
  const metered = items.data.find(({ price }) => price.recurring?.meter != null)?.id as string;
  await till.stripe.call('subscription', (sdk) =>
    sdk.subscriptions.update(id, { items: [{ id: metered, deleted: true }], proration_behavior: 'none' }),
  );
  await till.settled();
  await till.moveTo(FIRST_END);
  await till.moveTo(FIRST_END + 3 * HOUR_MS);
  await reconcile(till);
  await till.moveTo(FIRST_END + 6 * HOUR_MS);
  expect(await chargedCents(ada)).toEqual([4_000, 24_000, 80]);
  expect(aboutOverage((await reconcile(till)).repaired)).toEqual([]);
  await till.expectProven(ada);
});

test('by the year is on the year’s invoice', async () => {
  const ada = await yearly('year');
  for (const at of [START + DAY_MS, FIRST_END + DAY_MS]) {
    await till.moveTo(at);
    await till.use(ada, at === FIRST_END + DAY_MS ? 750_000 : 770_000);
    await till.reported();
    const { repaired, remaining } = await reconcile(till);
    expect(aboutOverage([...repaired, ...remaining])).toEqual([]);
  }
  await till.moveTo(YEAR_END);
  await till.moveTo(YEAR_END + 3 * HOUR_MS);
  expect(await chargedCents(ada)).toEqual([26_000, 24_000, 80]);
});

test.each(['latest', 'earliest'] as const)(
  'does not end a year that is paid, when its payer cancels (Stripe’s period’s end: the %s)',
  async (mixedPeriodEnd) => {
    await till.control.behave({ mixedPeriodEnd });
    const ada = await yearly();
    await till.of(ada, CANCEL);
    expect((await till.stripeSubscriptionOf(ada)).cancel_at).toBe(YEAR_END / 1_000);
    await till.moveTo(FIRST_END);
    await till.moveTo(FIRST_END + 2 * HOUR_MS);
    expect(await till.shown(ada)).toMatchObject({
      subscription: { status: 'ACTIVE' },
      credits: { available: 520_000 },
    });
    await till.of(ada, RESUME);
    expect((await till.stripeSubscriptionOf(ada)).cancel_at).toBeNull();
  },
);

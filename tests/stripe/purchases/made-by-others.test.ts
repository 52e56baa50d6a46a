import type { Stripe } from 'stripe';
import type { Exchange } from '@tollgate/stripe-emulator';
import { clientOf } from '@tollgate/stripe-emulator/testing/bench';
import { type Buyer, CANCEL, RESUME, type Till } from '../../support/till.ts';
import { Till as Tills } from '../../support/till.ts';
import { changeCode, preview, subscriptionOf } from './plan-changes.ts';

/** Support and finance arrange things at Stripe that no payer's change may undo without a word. */
let till: Till;
const traffic: Exchange[] = [];

beforeAll(async () => {
  till = await Tills.open();
});

afterAll(async () => {
  traffic.push(...till.app.emulator.traffic);
  await till.close();
});

const dashboard = (): Stripe => clientOf(till.app.emulator);

const codeOf = (buyer: Buyer, document: string): Promise<unknown> =>
  till.codeOf(buyer, document, { input: { billingEntityId: buyer.id } });

/** Two units at half price in this month, and the whole price from the next on. */
async function promoted(): Promise<{ buyer: Buyer; id: string; discount: unknown; schedule: string }> {
  const buyer = await till.subscribed(2);
  const { id, items } = await till.stripeSubscriptionOf(buyer);
  const half = await dashboard().coupons.create({ percent_off: 50, duration: 'forever' });
  await dashboard().subscriptions.update(id, { discounts: [{ coupon: half.id }] });
  const { id: schedule, phases } = await dashboard().subscriptionSchedules.create({ from_subscription: id });
  const discount = phases[0]?.discounts[0]?.discount as string;
  const same = items.data.map(({ price, quantity }) => ({
    price: price.id,
    ...(quantity !== undefined && { quantity }),
  }));
  await dashboard().subscriptionSchedules.update(schedule, {
    phases: [
      {
        items: same,
        start_date: phases[0]?.start_date as number,
        end_date: phases[0]?.end_date as number,
        discounts: [{ discount }],
      },
      { items: same },
    ],
  });
  await till.settled();
  return { buyer, id, discount, schedule };
}

/** What the dashboard made is there: the discount now, and the schedule that ends it. */
async function expectPromotion({ id, discount, schedule }: Awaited<ReturnType<typeof promoted>>): Promise<void> {
  expect(await dashboard().subscriptions.retrieve(id)).toMatchObject({ discounts: [discount], schedule });
  const { phases } = await dashboard().subscriptionSchedules.retrieve(schedule);
  expect(phases.map(({ discounts }) => discounts.length)).toEqual([1, 0]);
}

test('the units that there are, and a resumption of what does not end, leave a schedule as it is', async () => {
  const promotion = await promoted();
  expect(await till.change(promotion.buyer, 2)).toMatchObject({ quantity: 2, scheduledQuantity: null });
  expect(await till.of(promotion.buyer, RESUME)).toMatchObject({ cancelAtPeriodEnd: false });
  await expectPromotion(promotion);
});

test.each([
  { name: 'more units', ask: (buyer: Buyer) => changeCode(till, buyer, 3) },
  { name: 'fewer units', ask: (buyer: Buyer) => changeCode(till, buyer, 1) },
  { name: 'the free trial', ask: (buyer: Buyer) => changeCode(till, buyer, 1, 'FREE_TRIAL') },
  { name: 'the end', ask: (buyer: Buyer) => codeOf(buyer, CANCEL) },
])('$name would undo a schedule: CONFLICT, whom to ask is said, and nothing is changed', async ({ ask }) => {
  const promotion = await promoted();
  expect(await ask(promotion.buyer)).toBe('CONFLICT');
  await expectPromotion(promotion);
});

test('a preview is refused as the change would be, and names whom to ask', async () => {
  const { buyer } = await promoted();
  await expect(preview(till, buyer, 3)).rejects.toThrow(/ask support/);
});

test('fewer units are scheduled from what Stripe has: discount, taxes, metadata and words stay', async () => {
  const buyer = await till.subscribed(3);
  const { id, items } = await till.stripeSubscriptionOf(buyer);
  const half = await dashboard().coupons.create({ percent_off: 50, duration: 'forever' });
  const rate = await dashboard().taxRates.create({ display_name: 'VAT', inclusive: false, percentage: 20 });
  const own = await dashboard().taxRates.create({ display_name: 'GST', inclusive: true, percentage: 5 });
  const before = await dashboard().subscriptions.update(id, {
    description: 'As agreed with Ada',
    metadata: { deal: '7' },
    discounts: [{ coupon: half.id }],
    default_tax_rates: [rate.id],
    items: [
      { id: items.data[0]?.id as string, discounts: [{ coupon: half.id }], tax_rates: [own.id], metadata: { a: '1' } },
    ],
  });
  const expectTerms = async (): Promise<void> => {
    const now = await dashboard().subscriptions.retrieve(id);
    expect(now).toMatchObject({
      description: 'As agreed with Ada',
      metadata: before.metadata,
      discounts: before.discounts,
    });
    expect(now.default_tax_rates?.map((each) => each.id)).toEqual([rate.id]);
    expect(now.items.data[0]).toMatchObject({ discounts: before.items.data[0]?.discounts, metadata: { a: '1' } });
    expect(now.items.data[0]?.tax_rates?.map((each) => each.id)).toEqual([own.id]);
  };
  expect(await till.change(buyer, 1)).toMatchObject({ quantity: 3, scheduledQuantity: 1 });
  await expectTerms();
  // Another number takes the place of the first, and is withdrawn in its turn.
  expect(await till.change(buyer, 2)).toMatchObject({ scheduledQuantity: 2 });
  await expectTerms();
  const { schedule } = await dashboard().subscriptions.retrieve(id);
  const { phases } = await dashboard().subscriptionSchedules.retrieve(schedule as string);
  expect(phases.at(-1)?.discounts).toEqual([{ coupon: null, discount: before.discounts[0], promotion_code: null }]);
  expect(phases.at(-1)?.items[0]).toMatchObject({ quantity: 2, metadata: { a: '1' } });
  expect(await till.change(buyer, 3)).toMatchObject({ quantity: 3, scheduledQuantity: null });
  await expectTerms();
  expect(await till.of(buyer, CANCEL)).toMatchObject({ cancelAtPeriodEnd: true });
  expect(await till.of(buyer, RESUME)).toMatchObject({ cancelAtPeriodEnd: false });
  await expectTerms();
});

test('an end on a day to come is left where it is: more units leave it, all else would undo it', async () => {
  const buyer = await till.subscribed(2);
  const { id } = await till.stripeSubscriptionOf(buyer);
  const at = Date.parse('2027-05-15T00:00:00.000Z') / 1_000;
  await dashboard().subscriptions.update(id, { cancel_at: at });
  await till.settled();
  expect(await changeCode(till, buyer, 1)).toBe('CONFLICT');
  expect(await codeOf(buyer, CANCEL)).toBe('CONFLICT');
  expect(await codeOf(buyer, RESUME)).toBe('CONFLICT');
  expect(await till.change(buyer, 3)).toMatchObject({ quantity: 3 });
  expect((await dashboard().subscriptions.retrieve(id)).cancel_at).toBe(at);
});

test('an end in the running period is the end already: a payer who cancels changes nothing', async () => {
  const buyer = await till.subscribed();
  const { id } = await till.stripeSubscriptionOf(buyer);
  const at = Date.parse('2027-02-10T00:00:00.000Z') / 1_000;
  await dashboard().subscriptions.update(id, { cancel_at: at });
  await till.settled();
  expect(await till.of(buyer, CANCEL)).toMatchObject({ cancelAtPeriodEnd: true });
  expect((await dashboard().subscriptions.retrieve(id)).cancel_at).toBe(at);
  expect(await codeOf(buyer, RESUME)).toBe('CONFLICT');
  expect(await subscriptionOf(till, buyer)).toMatchObject({ cancelAtPeriodEnd: true });
});

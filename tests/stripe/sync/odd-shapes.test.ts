/** Subscriptions in shapes that are not followed whole are named: to the seller by the reconciler, to the payer on their page. */
import type { Stripe } from 'stripe';
import { clientOf } from '@tollgate/stripe-emulator/testing/bench';
import { findingsOf } from '../../../src/stripe/sync/findings.ts';
import type { Facts } from '../../../src/stripe/sync/facts.ts';
import { type Buyer, Till } from '../../support/till.ts';
import { reconcile } from '../overage/outages.ts';
import { START, subscribeAtStripe } from './periods.ts';

let till: Till;
let sdk: Stripe;
/** A price of somebody else's product, and its meter's. */
let other: string;
let counted: string;

beforeAll(async () => {
  till = await Till.open();
  sdk = clientOf(till.app.emulator);
  const { id: product } = await sdk.products.create({ name: 'Somebody else’s' });
  const monthly = { currency: 'usd', product } as const;
  other = (await sdk.prices.create({ ...monthly, unit_amount: 700, recurring: { interval: 'month' } })).id;
  const { id: meter } = await sdk.billing.meters.create({
    display_name: 'Pages',
    event_name: 'pages',
    default_aggregation: { formula: 'sum' },
  });
  const recurring = { interval: 'month', usage_type: 'metered', meter } as const;
  counted = (await sdk.prices.create({ ...monthly, unit_amount: 1, recurring })).id;
});

afterEach(() => till.control.clearFaults());

afterAll(() => till.close());

type Shape = (at: { readonly id: string; readonly customer: string; readonly buyer: Buyer }) => Promise<unknown>;

/** Each shape with words of its reason: what is not followed, and what is to be done. */
const SHAPES: readonly { kind: string; name: string; says: RegExp; make: Shape }[] = [
  {
    kind: 'SCHEDULED_AWAY',
    name: 'a schedule of another product',
    says: /no price of a plan from 2027-02-28 on.*put a price of a plan into that phase/,
    async make({ id }) {
      const { id: schedule, phases } = await sdk.subscriptionSchedules.create({ from_subscription: id });
      const { start_date: start, end_date: end, items } = phases[0] as Stripe.SubscriptionSchedule.Phase;
      const now = items.map(({ price, quantity }) => ({
        price: price as string,
        ...(quantity !== undefined && { quantity }),
      }));
      const running = { items: now, start_date: start, end_date: end };
      await sdk.subscriptionSchedules.update(schedule, {
        phases: [running, { items: [{ price: other, quantity: 1 }] }],
      });
    },
  },
  {
    kind: 'PENDING_CHANGE',
    name: 'a change of more than units that waits for its payment',
    says: /waits for its payment.*void its invoice/,
    async make({ id, customer }) {
      await till.control.setCard(customer, 'declined');
      const { items, default_payment_method: card } = await sdk.subscriptions.retrieve(id);
      const declined = await sdk.paymentMethods.attach('pm_card_chargeCustomerFail', { customer });
      if (card !== null) await sdk.subscriptions.update(id, { default_payment_method: declined.id });
      const [item] = items.data;
      await sdk.subscriptions.update(id, {
        items: [
          { id: item?.id as string, quantity: 3 },
          { price: other, quantity: 2 },
        ],
        proration_behavior: 'always_invoice',
        payment_behavior: 'pending_if_incomplete',
      });
    },
  },
  {
    kind: 'OTHER_ITEMS',
    name: 'an item of another product',
    says: /sells something besides its plan: price_.*take it away/,
    make: ({ id }) => sdk.subscriptions.update(id, { items: [{ price: other, quantity: 2 }] }),
  },
  {
    kind: 'OTHER_ITEMS',
    name: 'an item of another meter',
    says: /nothing is reported to its meters/,
    make: ({ id }) => sdk.subscriptions.update(id, { items: [{ price: counted }] }),
  },
  {
    kind: 'OTHER_SUBSCRIPTION',
    name: 'a subscription beside it that is no plan’s',
    says: /no unit of a plan.*or cancel it/,
    make: ({ customer }) => sdk.subscriptions.create({ customer, items: [{ price: other }] }),
  },
  {
    kind: 'OVERAGE_TWICE',
    name: 'a second item of the meter',
    says: /each charges all of it: si_.*, si_.*leave one of them/i,
    async make({ id }) {
      const { overagePrice } = await till.catalog();
      const { recurring } = await sdk.prices.retrieve(overagePrice);
      const twice = await sdk.prices.create({
        currency: 'usd',
        product: 'tollgate_overage',
        unit_amount: 1,
        recurring: { interval: 'month', usage_type: 'metered', meter: recurring?.meter as string },
      });
      await sdk.subscriptions.update(id, { items: [{ price: twice.id }] });
    },
  },
  {
    kind: 'OVERAGE_TWICE',
    name: 'an item of the meter in another subscription',
    says: /each charges all of it/,
    async make({ customer }) {
      const { overagePrice } = await till.catalog();
      await sdk.subscriptions.create({ customer, items: [{ price: other }, { price: overagePrice }] });
    },
  },
  {
    kind: 'SEVERAL_PRICES',
    name: 'two prices of the plan',
    says: /several prices of PRO.*change them at Stripe/,
    async make({ id }) {
      const recurring = { interval: 'month' } as const;
      const price = await sdk.prices.create({ currency: 'usd', product: 'tollgate_pro', unit_amount: 900, recurring });
      await sdk.subscriptions.update(id, { items: [{ price: price.id }] });
    },
  },
  {
    kind: 'COLLECTION_PAUSED',
    name: 'collection that is paused',
    says: /resume collection/,
    make: ({ id }) => sdk.subscriptions.update(id, { pause_collection: { behavior: 'void' } }),
  },
  {
    kind: 'OVERAGE_UNBILLED',
    name: 'no item of the meter',
    says: /add the price tollgate_overage_monthly/,
    async make({ id }) {
      const { items } = await sdk.subscriptions.retrieve(id);
      const metered = items.data.find(({ quantity }) => quantity === undefined);
      await sdk.subscriptions.update(id, { items: [{ id: metered?.id as string, deleted: true }] });
    },
  },
];

const findingsOfBuyer = ({ id }: Buyer) => till.app.services.subscriptions.sellersFindings(id);

describe('a subscription with', () => {
  const named: { customer: string; says: RegExp }[] = [];

  test.each(SHAPES)('$name is named, and shown to its payer', async ({ kind, says, make }) => {
    const buyer = await till.subscribed();
    const customer = await till.customerOf(buyer);
    const { id } = await till.stripeSubscriptionOf(buyer);
    expect(await findingsOfBuyer(buyer)).toEqual([]);
    await make({ id, customer, buyer });
    await till.settled();
    const found = await findingsOfBuyer(buyer);
    expect(found.find((each) => each.kind === kind)?.reason).toMatch(says);
    const { subscription } = await till.shown(buyer);
    expect(subscription?.waiting?.map((each) => each.kind)).toContain(kind);
    named.push({ customer, says });
  });

  test('such a shape is a line of the reconciler, as long as it lasts', async () => {
    const { remaining } = await reconcile(till);
    for (const { customer, says } of named) {
      const lines = remaining.filter((line) => line.startsWith(customer));
      expect(lines.some((line) => says.test(line))).toBe(true);
    }
    expect(named).toHaveLength(SHAPES.length);
  });
});

test('a price in another currency is followed by its units, and named', async () => {
  const eur = await sdk.prices.create({
    currency: 'eur',
    product: 'tollgate_pro',
    unit_amount: 1_900,
    recurring: { interval: 'month' },
  });
  const ada = await till.buyer();
  const { customers } = till.app.services.stripe as NonNullable<typeof till.app.services.stripe>;
  await customers.ensure({ billingEntityId: ada.id, externalId: ada.externalId, name: 'Ada' });
  await till.setCard(ada, 'accepted');
  await subscribeAtStripe(till, ada, { items: [{ price: eur.id, quantity: 2 }] });
  expect(await till.available(ada)).toBe(1_000_000);
  const reasons = (await findingsOfBuyer(ada)).map(({ kind, reason }) => `${kind} ${reason}`);
  expect(reasons).toContainEqual(expect.stringMatching(/^OTHER_CURRENCY .*billed in EUR, and USD is sold here/));
});

test('a second subscription that Stripe does not let go is named until it has ended', async () => {
  const ada = await till.subscribed();
  const customer = await till.customerOf(ada);
  await till.control.addFault({ kind: 'rejected', method: 'DELETE', path: '/v1/subscriptions/*', times: 0 });
  const { prices } = await till.catalog();
  const second = await sdk.subscriptions.create({ customer, items: [{ price: prices.get('PRO') as string }] });
  await till.control.deliveriesSettled();
  await till.sync(ada).catch(() => undefined);
  await till.sync(ada).catch(() => undefined);
  const [found] = await findingsOfBuyer(ada);
  expect(found).toMatchObject({ kind: 'SECOND_SUBSCRIPTION', subject: second.id });
  expect(found?.reason).toMatch(/cancel it, and refund/);
  await till.control.clearFaults();
  await till.sync(ada);
  await till.sync(ada);
  expect(await findingsOfBuyer(ada)).toEqual([]);
});

describe('shapes that only an account of Stripe’s own has', () => {
  /** The findings of a subscription as it is, changed so. */
  async function kindsOf(change: (whole: Stripe.Subscription) => Stripe.Subscription): Promise<string[]> {
    const ada = await till.subscribed();
    const kept = change(structuredClone(await till.stripeSubscriptionOf(ada)));
    const facts: Facts = {
      affairs: { subscriptions: [kept], invoices: [], charges: [] },
      kept,
      schedule: null,
      overageTerms: { isBilled: true, cap: null },
      overageItems: kept.items.data.filter(({ quantity }) => quantity === undefined),
      bases: [],
      untold: [],
      now: new Date(START),
    };
    return findingsOf(facts)
      .map(({ kind }) => kind)
      .filter((kind) => kind !== 'PERIOD_UNPAID');
  }

  test('are named', async () => {
    expect(await kindsOf((whole) => whole)).toEqual([]);
    expect(await kindsOf((whole) => ({ ...whole, items: { ...whole.items, has_more: true } }))).toEqual(['MANY_ITEMS']);
    expect(await kindsOf((whole) => ({ ...whole, status: 'on_holiday' }))).toEqual(['UNKNOWN_STATUS']);
    const withPlan = (whole: Stripe.Subscription, price: Partial<Stripe.Price>, more = false): Stripe.Subscription => {
      const [item, ...rest] = whole.items.data as [Stripe.SubscriptionItem, ...Stripe.SubscriptionItem[]];
      const other: Stripe.SubscriptionItem = { ...item, id: 'si_other', price: { ...item.price, ...price } };
      return { ...whole, items: { ...whole.items, data: more ? [item, other, ...rest] : [other, ...rest] } };
    };
    const packages = { transform_quantity: { divide_by: 10, round: 'up' as const } };
    expect(await kindsOf((whole) => withPlan(whole, packages))).toEqual(['UNITS_IN_PACKAGES']);
    const recurring = { interval: 'year', interval_count: 1, usage_type: 'licensed' } as Stripe.Price.Recurring;
    expect(await kindsOf((whole) => withPlan(whole, { id: 'price_y', recurring }, true))).toEqual([
      'SEVERAL_PRICES',
      'MIXED_INTERVALS',
    ]);
  });
});

/** Cards of schedules: whose card a phase is charged with. */
import type { Stripe } from 'stripe';
import { type Bench, type Catalog, createCatalog, idOf, itemOf, startBench, subscribe } from './support/bench.ts';
import { cardActions } from './support/cards.ts';
import { CONTRACT_TIMEOUT_MS, contractViolations } from './support/contract.ts';

const GOOD = 'pm_card_visa';
const BAD = 'pm_card_chargeCustomerFail';

let bench: Bench;
let catalog: Catalog;
let stripe: Stripe;

beforeAll(async () => {
  bench = await startBench();
  ({ stripe } = bench);
  catalog = await createCatalog(stripe);
});

afterAll(() => bench.emulator.stop());

const { customerWith, cardOf, defaultOf, reload, payment, renew, subscribed } = cardActions(() => ({ bench, catalog }));

describe('a schedule', () => {
  interface Planned {
    readonly customer: Stripe.Customer;
    readonly subscription: Stripe.Subscription;
    readonly schedule: Stripe.SubscriptionSchedule;
    /** Two phases more than there is, each of a month. */
    readonly plan: (more: Partial<Stripe.SubscriptionScheduleUpdateParams>, cards: readonly PhaseCard[]) => unknown;
  }
  type PhaseCard = Pick<Stripe.SubscriptionScheduleUpdateParams.Phase, 'default_payment_method'>;

  async function scheduled(cards: { own: string; usual: string | null }): Promise<Planned> {
    const { customer, subscription } = await subscribed(cards);
    const schedule = await stripe.subscriptionSchedules.create({ from_subscription: subscription.id });
    const { current_period_start: start, current_period_end: end } = itemOf(subscription, catalog.pro);
    const items = [{ price: catalog.pro.id, quantity: 1 }];
    const month = { interval: 'month' } as const;
    return {
      customer,
      subscription,
      schedule,
      plan: (more, phases) =>
        stripe.subscriptionSchedules.update(schedule.id, {
          ...more,
          phases: [
            { items, start_date: start, end_date: end },
            ...phases.map((phase) => ({ items, duration: month, ...phase })),
          ],
        }),
    };
  }

  test('made of a subscription has its card', async () => {
    const { schedule, subscription } = await scheduled({ own: GOOD, usual: BAD });
    const { default_payment_method: card } = subscription;
    expect(schedule.default_settings.default_payment_method).toBe(card);
    expect(schedule.phases.map((phase) => phase.default_payment_method)).toEqual([card]);
  });

  test('gives the subscription the card of the phase that begins, or else its own', async () => {
    const { customer, subscription, plan } = await scheduled({ own: GOOD, usual: BAD });
    const [first, settings] = [await cardOf(customer, GOOD), await cardOf(customer, GOOD)];
    await plan({ default_settings: { default_payment_method: settings } }, [{ default_payment_method: first }, {}]);
    const kept = await stripe.subscriptionSchedules.retrieve(idOf((await reload(subscription)).schedule));
    expect(kept.default_settings.default_payment_method).toBe(settings);
    expect(kept.phases.map((phase) => phase.default_payment_method)).toEqual([null, first, null]);
    expect(await payment(await renew(subscription))).toEqual({ status: 'paid', card: first });
    expect((await reload(subscription)).default_payment_method).toBe(first);
    expect(await payment(await renew(subscription))).toEqual({ status: 'paid', card: settings });
  });

  test('whose phase has no card falls back to what the subscription had when it was made', async () => {
    const { customer, subscription, plan } = await scheduled({ own: GOOD, usual: BAD });
    await stripe.subscriptions.update(subscription.id, { default_payment_method: await cardOf(customer, BAD) });
    await plan({}, [{}]);
    const { default_payment_method: card } = subscription;
    expect(await payment(await renew(subscription))).toEqual({ status: 'paid', card });
  });

  test('without any card leaves the subscription without, and the customer’s is charged', async () => {
    const { customer, subscription } = await subscribe(bench, catalog);
    const schedule = await stripe.subscriptionSchedules.create({ from_subscription: subscription.id });
    expect(schedule.default_settings.default_payment_method).toBeNull();
    const { current_period_start: start, current_period_end: end } = itemOf(subscription, catalog.pro);
    const items = [{ price: catalog.pro.id, quantity: 1 }, { price: catalog.overage.id }];
    await stripe.subscriptionSchedules.update(schedule.id, {
      phases: [
        { items, start_date: start, end_date: end },
        { items, duration: { interval: 'month' } },
      ],
    });
    await stripe.subscriptions.update(subscription.id, { default_payment_method: await cardOf(customer, BAD) });
    const renewed = await renew(subscription);
    expect((await reload(subscription)).default_payment_method).toBeNull();
    expect(await payment(renewed)).toEqual({ status: 'paid', card: await defaultOf(customer) });
  });

  test('takes no card but its customer’s', async () => {
    const { plan } = await scheduled({ own: GOOD, usual: null });
    const card = idOf((await defaultOf(await customerWith(GOOD))) as string);
    await expect(plan({}, [{ default_payment_method: card }])).rejects.toMatchObject({ code: 'resource_missing' });
    await expect(plan({ default_settings: { default_payment_method: card } }, [{}])).rejects.toMatchObject({
      code: 'resource_missing',
    });
  });
});

test(
  'every call and every answer is as the SDK declares it',
  () => {
    expect(contractViolations(bench.emulator.traffic)).toEqual([]);
  },
  CONTRACT_TIMEOUT_MS,
);

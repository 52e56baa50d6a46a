/** The item of the meter is deleted in the middle of a period: what was counted before is billed all the same, once (rule 28). */
import { contractViolations, CONTRACT_TIMEOUT_MS } from '@tollgate/stripe-emulator/testing/contract';
import type { Exchange } from '@tollgate/stripe-emulator';
import { type Buyer, Till } from '../../support/till.ts';
import { DAY_MS, FIRST_END, HOUR_MS, START } from '../sync/periods.ts';
import { NO_METER, reconcile } from './outages.ts';

const SECOND_END = Date.parse('2027-03-31T00:00:00.000Z');

let till: Till;
const traffic: Exchange[] = [];

/** Moving the clock renews everybody: each test has a Till of its own. */
beforeEach(async () => {
  till = await Till.open();
});

afterEach(async () => {
  traffic.push(...till.app.emulator.traffic);
  await till.close();
});

/** Somebody who uses $40 beyond the credits on the first day. */
async function beyond(): Promise<Buyer> {
  const ada = await till.subscribed();
  await till.allowOverage(ada);
  expect(await till.use(ada, 1_500_000)).toMatchObject({ __typename: 'ConsumeCreditsSuccess' });
  return ada;
}

const meteredItemOf = async (buyer: Buyer): Promise<string> =>
  (await till.stripeSubscriptionOf(buyer)).items.data.find(({ price }) => price.recurring?.meter != null)?.id as string;

type Deletion = (buyer: Buyer) => Promise<void>;

/** As the dashboard does, in a change of the subscription. */
const byChange =
  (clearUsage: boolean): Deletion =>
  async (buyer) => {
    const { id } = await till.stripeSubscriptionOf(buyer);
    const items = [{ id: await meteredItemOf(buyer), deleted: true, ...(clearUsage && { clear_usage: true }) }];
    await till.stripe.call('subscription', (sdk) =>
      sdk.subscriptions.update(id, { items, proration_behavior: 'none' }),
    );
  };

/** By the call that deletes an item. */
const byItself =
  (clearUsage: boolean): Deletion =>
  async (buyer) => {
    const id = await meteredItemOf(buyer);
    await till.stripe.call('subscription_item', async (sdk) => ({
      ...(await sdk.subscriptionItems.del(id, clearUsage ? { clear_usage: true } : {})),
    }));
  };

const WAYS: readonly Deletion[] = [byChange(false), byChange(true), byItself(false), byItself(true)];

const paidCents = async (buyer: Buyer): Promise<number> =>
  (await till.chargesOf(buyer)).filter(({ paid }) => paid).reduce((sum, { amount }) => sum + amount, 0);

async function expectPaid(buyers: readonly Buyer[], cents: number): Promise<void> {
  const paid: number[] = [];
  for (const buyer of buyers) paid.push(await paidCents(buyer));
  expect(paid).toEqual(buyers.map(() => cents));
  await till.expectProven(...buyers);
}

const aboutOverage = (lines: readonly string[]): string[] =>
  lines.filter((line) => line.includes('credits of overage'));

test.each([false, true])(
  'what the meter had is billed once, however the item was deleted (by Stripe: %s)',
  async (deletedItemBills) => {
    await till.control.behave({ deletedItemBills });
    const buyers: Buyer[] = [];
    for (const _ of WAYS) buyers.push(await beyond());
    await till.reported();
    await till.moveTo(START + 2 * DAY_MS);
    for (const [index, way] of WAYS.entries()) await way(buyers[index] as Buyer);
    await till.settled();
    // The period still runs: Stripe may bill it at its end.
    expect(aboutOverage((await reconcile(till)).repaired)).toEqual([]);
    await till.moveTo(FIRST_END);
    await till.moveTo(FIRST_END + 3 * HOUR_MS);
    const { repaired } = await reconcile(till);
    expect(aboutOverage(repaired)).toEqual(
      deletedItemBills
        ? []
        : buyers.map((): unknown => expect.stringMatching(/^sub_\S+: 1000000 credits of overage .* on no invoice/)),
    );
    const again = await reconcile(till);
    expect(again.repaired).toEqual([]);
    expect(aboutOverage(again.remaining)).toEqual([]);
    await till.moveTo(SECOND_END);
    await till.moveTo(SECOND_END + 3 * HOUR_MS);
    await reconcile(till);
    await expectPaid(buyers, 3 * 2_000 + 4_000);
  },
);

test.each([
  ['goes on', SECOND_END, 3],
  ['is ended at once', FIRST_END + DAY_MS, 2],
])('what the meter had not heard of is billed once, where the subscription %s', async (how, until, periods) => {
  const ada = await till.subscribed();
  await till.allowOverage(ada);
  await till.control.addFault(NO_METER);
  await till.use(ada, 1_500_000);
  await till.app.services.meterReports.freeze(ada.id);
  await till.moveTo(START + 2 * DAY_MS);
  await byChange(false)(ada);
  await till.settled();
  await till.control.clearFaults();
  await till.reported();
  expect(await till.metered(ada)).toBe(0n);
  await till.moveTo(FIRST_END);
  await till.moveTo(FIRST_END + 3 * HOUR_MS);
  if (how === 'is ended at once') await till.endAtStripe(ada);
  await till.moveTo(until);
  await till.moveTo(until + 3 * HOUR_MS);
  await reconcile(till);
  await expectPaid([ada], periods * 2_000 + 4_000);
});

test.each([
  ['in the same period', START + 5 * DAY_MS],
  ['in the next one', FIRST_END + DAY_MS],
])('what the meter had is billed once, where the subscription is ended at once %s', async (_when, end) => {
  const buyers = [await beyond(), await beyond()];
  await till.reported();
  await till.moveTo(START + 2 * DAY_MS);
  for (const buyer of buyers) await byChange(false)(buyer);
  await till.settled();
  const isNext = end > FIRST_END;
  if (isNext) {
    await till.moveTo(FIRST_END);
    await till.moveTo(FIRST_END + 3 * HOUR_MS);
  }
  await till.moveTo(end);
  for (const buyer of buyers) await till.endAtStripe(buyer);
  await till.settled();
  await till.moveTo(end + 3 * HOUR_MS);
  await reconcile(till);
  await till.moveTo(end + 2 * DAY_MS);
  await reconcile(till);
  await expectPaid(buyers, (isNext ? 2 : 1) * 2_000 + 4_000);
});

const CALLS = [
  ['POST', '/v1/invoiceitems'],
  ['POST', '/v1/invoices'],
  ['GET', '/v1/invoices/*'],
  ['POST', '/v1/invoices/*/add_lines'],
] as const;

test('what the meter had is billed once, though whoever bills it dies before and after every call', async () => {
  const ada = await beyond();
  await till.reported();
  await till.moveTo(START + 2 * DAY_MS);
  await byChange(false)(ada);
  await till.settled();
  await till.control.deliveryMode({ drop: ['*'] });
  await till.endAtStripe(ada);
  await till.sync(ada);
  const bill = async (): Promise<boolean> => {
    const work = till.app.services.stripe?.meterReporter.settle(ada.id);
    return (await work?.catch(() => null)) != null;
  };
  for (const [method, path] of CALLS) {
    for (const kind of ['timeout_before_commit', 'timeout_after_commit'] as const) {
      // The SDK tries three times.
      await till.control.addFault({ kind, method, path, times: 3 });
      expect({ path, kind, isDone: await bill() }).toEqual({ path, kind, isDone: false });
    }
  }
  await till.control.clearFaults();
  expect(await bill()).toBe(true);
  await till.moveTo(START + 2 * DAY_MS + 3 * HOUR_MS);
  await expectPaid([ada], 2_000 + 4_000);
});

test('an item in its place bills the whole period, once', async () => {
  const ada = await beyond();
  await till.reported();
  await till.moveTo(START + 2 * DAY_MS);
  const { overagePrice } = await till.catalog();
  await byChange(false)(ada);
  const { id } = await till.stripeSubscriptionOf(ada);
  await till.moveTo(START + 4 * DAY_MS);
  await till.stripe.call('subscription', (sdk) =>
    sdk.subscriptions.update(id, { items: [{ price: overagePrice }], proration_behavior: 'none' }),
  );
  await till.settled();
  await till.moveTo(FIRST_END);
  await till.moveTo(FIRST_END + 3 * HOUR_MS);
  const { repaired, remaining } = await reconcile(till);
  expect(aboutOverage([...repaired, ...remaining])).toEqual([]);
  await expectPaid([ada], 2 * 2_000 + 4_000);
});

test(
  'every call and every answer is as the SDK declares it',
  () => {
    expect(contractViolations(traffic.filter(({ path }) => path !== '/v1/events'))).toEqual([]);
  },
  CONTRACT_TIMEOUT_MS,
);

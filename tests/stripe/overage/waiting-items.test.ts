/** What waits for a subscription's next invoice when there will be none is invoiced then, once, or said (rule 28). */
import { type Buyer, CANCEL, RESUME, Till } from '../../support/till.ts';
import { waitFor } from '../../support/wait-for.ts';
import { DAY_MS, FIRST_END, HOUR_MS } from '../sync/periods.ts';
import { NO_METER, reconcile } from './outages.ts';

const SECOND_END = Date.parse('2027-03-31T00:00:00.000Z');

let till: Till;

/** Moving the clock renews everybody: each test has a Till of its own. */
beforeEach(async () => {
  till = await Till.open();
});

afterEach(() => till.close());

/** People for whom $40 of overage wait, because the meter was away until their period was invoiced. */
async function withWaiting(count: number): Promise<Buyer[]> {
  const buyers: Buyer[] = [];
  for (let each = 0; each < count; each += 1) {
    const buyer = await till.subscribed();
    await till.allowOverage(buyer);
    buyers.push(buyer);
  }
  await till.moveTo(FIRST_END - HOUR_MS);
  await till.control.addFault(NO_METER);
  for (const buyer of buyers) await till.use(buyer, 1_500_000);
  await till.moveTo(FIRST_END);
  await till.moveTo(FIRST_END + 2 * HOUR_MS);
  await till.control.clearFaults();
  await till.reported();
  for (const buyer of buyers) expect(await waitingOf(buyer)).toHaveLength(1);
  await till.moveTo(FIRST_END + DAY_MS);
  return buyers;
}

async function waitingOf(buyer: Buyer): Promise<unknown[]> {
  const customer = await till.customerOf(buyer);
  return till.stripe.list('invoiceitem', (sdk, page) => sdk.invoiceItems.list({ customer, pending: true, ...page }));
}

const paidCents = async (buyer: Buyer): Promise<number[]> =>
  (await till.chargesOf(buyer)).filter(({ paid }) => paid).map(({ amount }) => amount);

const CHARGED = [4_000, 2_000, 2_000];

test.each([
  ['by Stripe’s rules it may come on any invoice', true],
  ['by Stripe’s rules it may not', false],
])('is invoiced when somebody ends the subscription at once (%s)', async (_rules, subscriptionItemsMove) => {
  await till.control.behave({ subscriptionItemsMove });
  const [ada, bob, cem] = (await withWaiting(3)) as [Buyer, Buyer, Buyer];
  const { id } = await till.stripeSubscriptionOf(cem);
  await till.stripe.call('subscription', (sdk) =>
    sdk.subscriptions.update(id, { collection_method: 'send_invoice', days_until_due: 14 }),
  );
  await till.endAtStripe(ada);
  await till.endAtStripe(cem);
  await till.control.deliveryMode({ drop: ['*'] });
  await till.endAtStripe(bob);
  await till.control.deliveryMode({ drop: [] });
  await till.settled();
  expect(await waitingOf(ada)).toEqual([]);
  await till.moveTo(FIRST_END + DAY_MS + 3 * HOUR_MS);
  expect(await paidCents(ada)).toEqual(CHARGED);
  // Whoever is invoiced is sent it.
  const [invoice] = await till.invoicesOf(cem);
  expect(invoice).toMatchObject({ collection_method: 'send_invoice', status: 'open', total: 4_000 });
  expect(await paidCents(cem)).toEqual([2_000, 2_000]);
  // The other one was not heard of: the reconciler comes to it.
  await reconcile(till);
  await till.settled();
  await till.moveTo(FIRST_END + 3 * DAY_MS);
  await reconcile(till);
  await till.moveTo(FIRST_END + 5 * DAY_MS);
  for (const buyer of [ada, bob]) {
    expect({ paid: await paidCents(buyer), left: await waitingOf(buyer) }).toEqual({ paid: CHARGED, left: [] });
  }
  await till.expectProven(ada, bob);
});

const CALLS = [
  ['POST', '/v1/invoices'],
  ['GET', '/v1/invoices/*'],
  ['POST', '/v1/invoices/*/add_lines'],
  ['POST', '/v1/invoiceitems'],
  ['DELETE', '/v1/invoiceitems/*'],
] as const;

test('is invoiced once, though every call is cut before and after Stripe has done it', async () => {
  await till.control.behave({ subscriptionItemsMove: false });
  const [ada] = (await withWaiting(1)) as [Buyer];
  for (const [method, path] of CALLS) {
    await till.control.addFault({ kind: 'timeout_before_commit', method, path, times: 3 });
    await till.control.addFault({ kind: 'timeout_after_commit', method, path, after: 3, times: 3 });
  }
  await till.endAtStripe(ada);
  const isDone = async (): Promise<boolean> => {
    await till.sql(`update graphile_worker._private_jobs set run_at = now() where locked_at is null`);
    const id = await till.app.services.meterReports.accountOf((await till.stripeSubscriptionOf(ada)).id);
    await till.app.services.stripe?.meterReporter.settle(id as string).catch(() => undefined);
    return (await till.app.services.stripe?.inbox.unprocessed()) === 0;
  };
  await waitFor(isDone, 'the event to be handled');
  await till.control.clearFaults();
  await till.settled();
  await reconcile(till);
  await till.moveTo(FIRST_END + DAY_MS + 3 * HOUR_MS);
  await reconcile(till);
  await till.moveTo(FIRST_END + 3 * DAY_MS);
  expect({ paid: await paidCents(ada), left: await waitingOf(ada) }).toEqual({ paid: CHARGED, left: [] });
});

test('is on the last invoice of whoever cancels, and invoiced when a subscription that stands still is ended by its payer', async () => {
  const [ada, bob] = (await withWaiting(2)) as [Buyer, Buyer];
  await till.of(ada, CANCEL);
  const { id } = await till.stripeSubscriptionOf(bob);
  await till.stripe.call('subscription', (sdk) =>
    sdk.subscriptions.pause(id, { bill_for: { unused_time_from: { type: 'none' } } }),
  );
  await till.settled();
  await till.moveTo(SECOND_END);
  await till.moveTo(SECOND_END + 3 * HOUR_MS);
  expect((await reconcile(till)).remaining).toContain(
    `${id}: 4000 cents of overage wait for its next invoice, and it is paused beyond its period: resume or end it.`,
  );
  expect(await paidCents(ada)).toEqual(CHARGED);
  await till.of(bob, CANCEL);
  await till.settled();
  await till.moveTo(SECOND_END + DAY_MS);
  expect((await till.stripeSubscriptionOf(bob)).status).toBe('canceled');
  expect(await paidCents(bob)).toEqual(CHARGED);
  await till.expectProven(ada, bob);
});

test('is said when the customer was deleted, as is what the meter had: Stripe can invoice nobody', async () => {
  const [ada] = (await withWaiting(1)) as [Buyer];
  expect(await till.use(ada, 750_000)).toMatchObject({ __typename: 'ConsumeCreditsSuccess' });
  await till.reported();
  const customer = await till.customerOf(ada);
  await till.stripe.call<{ object: 'customer' }>('customer', (sdk) => sdk.customers.del(customer));
  await till.settled();
  for (const _ of [1, 2]) {
    const { remaining } = await reconcile(till);
    expect(remaining).toContainEqual(
      expect.stringMatching(
        `^4000 cents of overage waited for the next invoice of sub_\\S+ when ${customer} was deleted`,
      ),
    );
    expect(remaining).toContainEqual(
      expect.stringMatching(`^sub_\\S+: 250000 credits of overage .* on no invoice, and ${customer} was deleted`),
    );
    expect(remaining).toHaveLength(2);
  }
});

test('what the meter has of a subscription that stands still is said, and billed once when it goes on', async () => {
  const ada = await till.subscribed();
  await till.allowOverage(ada);
  expect(await till.use(ada, 1_500_000)).toMatchObject({ __typename: 'ConsumeCreditsSuccess' });
  await till.reported();
  await till.moveTo(FIRST_END - DAY_MS);
  const { id } = await till.stripeSubscriptionOf(ada);
  await till.stripe.call('subscription', (sdk) =>
    sdk.subscriptions.pause(id, {
      bill_for: { outstanding_usage_through: { type: 'none' }, unused_time_from: { type: 'none' } },
    }),
  );
  await till.settled();
  const saidOf = async (): Promise<string[]> =>
    (await reconcile(till)).remaining.filter((line) => line.includes('credits of overage'));
  expect(await saidOf()).toEqual([]);
  await till.moveTo(FIRST_END + DAY_MS);
  expect(await saidOf()).toEqual([
    `${id}: 1000000 credits of overage wait, because the subscription is paused beyond its period: resume or end it, and they are invoiced.`,
  ]);
  await till.stripe.call('subscription', (sdk) => sdk.subscriptions.resume(id));
  await till.settled();
  await till.moveTo(FIRST_END + 2 * DAY_MS);
  expect(await saidOf()).toEqual([]);
  await till.moveTo(FIRST_END + 30 * DAY_MS);
  await till.moveTo(FIRST_END + 33 * DAY_MS);
  expect(await paidCents(ada)).toEqual([6_000, 2_000, 2_000]);
  await till.expectProven(ada);
});

test('what was used before a pause that its payer ends is billed once', async () => {
  const ada = await till.subscribed();
  await till.allowOverage(ada);
  expect(await till.use(ada, 1_500_000)).toMatchObject({ __typename: 'ConsumeCreditsSuccess' });
  await till.reported();
  await till.moveTo(FIRST_END - 5 * DAY_MS);
  const { id } = await till.stripeSubscriptionOf(ada);
  await till.stripe.call('subscription', (sdk) =>
    sdk.subscriptions.pause(id, { bill_for: { unused_time_from: { type: 'none' } } }),
  );
  await till.settled();
  await till.moveTo(FIRST_END - 4 * DAY_MS);
  await till.of(ada, RESUME);
  await till.moveTo(FIRST_END);
  await till.moveTo(FIRST_END + 3 * HOUR_MS);
  const { repaired, remaining } = await reconcile(till);
  expect([...repaired, ...remaining].filter((line) => line.includes('overage'))).toEqual([]);
  expect(await paidCents(ada)).toEqual([6_000, 2_000]);
});

test('what the meter had of a customer who was deleted is billed to the one that its payer becomes, once', async () => {
  const ada = await till.subscribed();
  await till.allowOverage(ada);
  expect(await till.use(ada, 1_500_000)).toMatchObject({ __typename: 'ConsumeCreditsSuccess' });
  await till.reported();
  await till.moveTo(FIRST_END - 20 * DAY_MS);
  const customer = await till.customerOf(ada);
  await till.stripe.call<{ object: 'customer' }>('customer', (sdk) => sdk.customers.del(customer));
  await till.settled();
  await till.moveTo(FIRST_END - 10 * DAY_MS);
  await till.subscribe(ada);
  expect(await till.customerOf(ada)).not.toBe(customer);
  for (const _ of [1, 2]) {
    expect((await reconcile(till)).remaining).toEqual([]);
  }
  await till.moveTo(FIRST_END - 9 * DAY_MS);
  expect(await paidCents(ada)).toEqual([4_000, 2_000]);
  await till.expectProven(ada);
});

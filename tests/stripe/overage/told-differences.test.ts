/** Where invoices and the meter differ, people are told in words, and neither side's money is guessed (rule 28). */
import { type Buyer, Till } from '../../support/till.ts';
import { DAY_MS, FIRST_END, HOUR_MS } from '../sync/periods.ts';
import { NO_METER, reconcile } from './outages.ts';

const METER_EVENTS = '/v1/billing/meter_events';

let till: Till;

/** Moving the clock renews everybody: each test has a Till of its own. */
beforeEach(async () => {
  till = await Till.open();
});

afterEach(() => till.close());

async function payer(): Promise<Buyer> {
  const ada = await till.subscribed();
  await till.allowOverage(ada);
  return ada;
}

async function renewed(): Promise<void> {
  await till.moveTo(FIRST_END);
  await till.moveTo(FIRST_END + 3 * HOUR_MS);
}

const saidOf = async (): Promise<{ readonly billed: string[]; readonly said: string[] }> => {
  const { repaired, remaining } = await reconcile(till);
  const isAboutOverage = (line: string): boolean => /credits of overage|the same overage/.test(line);
  return { billed: repaired.filter(isAboutOverage), said: remaining.filter(isAboutOverage) };
};

const paidCents = async (buyer: Buyer): Promise<number[]> =>
  (await till.chargesOf(buyer)).filter(({ paid }) => paid).map(({ amount }) => amount);

test('a report whose answer was lost is on its invoice, though that is found out only afterwards', async () => {
  const ada = await payer();
  await till.control.addFault({ kind: 'timeout_after_commit', path: METER_EVENTS, times: 1 });
  await till.control.addFault(NO_METER);
  await till.use(ada, 1_500_000);
  await till.app.services.stripe?.meterReporter.run();
  expect(await till.metered(ada)).toBe(1_000_000n);
  await renewed();
  await till.control.clearFaults();
  await till.reported();
  expect(await saidOf()).toEqual({ billed: [], said: [] });
  await till.moveTo(FIRST_END + DAY_MS);
  expect(await saidOf()).toEqual({ billed: [], said: [] });
  expect(await paidCents(ada)).toEqual([6_000, 2_000]);
});

test('an invoice that has more than we told the meter of is named', async () => {
  const ada = await payer();
  await till.use(ada, 1_500_000);
  await till.reported();
  const customer = await till.customerOf(ada);
  await till.stripe.call('billing.meter_event', (sdk) =>
    sdk.billing.meterEvents.create({
      event_name: 'tollgate_overage_credits',
      payload: { stripe_customer_id: customer, value: '250' },
    }),
  );
  await renewed();
  const [invoice] = await till.invoicesOf(ada);
  const said = `invoice ${invoice?.id} has 1000250 credits of overage for 2027-01-31 to 2027-02-28, and the meter was told of 1000000: compare them by hand.`;
  expect(await saidOf()).toEqual({ billed: [], said: [said] });
  expect(await saidOf()).toEqual({ billed: [], said: [said] });
});

test('two items of the meter that bill the same use are named', async () => {
  const ada = await payer();
  const { meter } = await till.catalog();
  const second = await till.stripe.call('price', (sdk) =>
    sdk.prices.create({
      product: 'tollgate_overage',
      currency: 'usd',
      unit_amount_decimal: '0.002' as never,
      recurring: { interval: 'month', usage_type: 'metered', meter },
    }),
  );
  const { id } = await till.stripeSubscriptionOf(ada);
  await till.stripe.call('subscription', (sdk) =>
    sdk.subscriptions.update(id, { items: [{ price: second.id }], proration_behavior: 'none' }),
  );
  await till.use(ada, 1_500_000);
  await till.reported();
  await renewed();
  const [invoice] = await till.invoicesOf(ada);
  const name = `invoice ${invoice?.id}`;
  expect(await saidOf()).toEqual({
    billed: [],
    said: [`${name} and ${name} bill the same overage of 2027-01-31 to 2027-02-28: give back what was charged twice.`],
  });
});

test('an item of ours that somebody deleted is named, and not made again', async () => {
  const ada = await payer();
  await till.control.addFault(NO_METER);
  await till.use(ada, 1_500_000);
  await renewed();
  await till.control.clearFaults();
  await till.reported();
  const customer = await till.customerOf(ada);
  const [item] = await till.stripe.list('invoiceitem', (sdk, page) =>
    sdk.invoiceItems.list({ customer, pending: true, ...page }),
  );
  expect(await saidOf()).toEqual({ billed: [], said: [] });
  await till.stripe.call<{ object: 'invoiceitem' }>('invoiceitem', (sdk) => sdk.invoiceItems.del(item?.id as string));
  const said = expect.stringMatching(
    `^${customer}: of 1000000 credits of overage of sub_\\S+ in the period since \\S+, items bill 0: somebody deleted`,
  ) as unknown;
  for (const _ of [1, 2]) expect(await saidOf()).toEqual({ billed: [], said: [said] });
});

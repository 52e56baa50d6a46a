/**
 * Each kind of arrangement, with everything that a payer may do: nothing that others set is lost, or the answer says whom to
 * ask. Rows of arrangements × actions are generated; objects at Stripe are compared whole, but for what the payer asked for.
 */
import type { Stripe } from 'stripe';
import { clientOf } from '@tollgate/stripe-emulator/testing/bench';
import { contractViolations, CONTRACT_TIMEOUT_MS } from '@tollgate/stripe-emulator/testing/contract';
import { type Buyer, CANCEL, CHANGE, RESUME, Till } from '../../support/till.ts';
import { FIRST_END, HOUR_MS } from '../sync/periods.ts';
import { type Action, ACTIONS, type Arrangement, ARRANGEMENTS, type Scene } from './arrangements.ts';
import { PREVIEW } from './plan-changes.ts';

let till: Till;
let sdk: Stripe;
let things: Pick<Scene, 'prices' | 'half' | 'tax'>;
/** Subscriptions that have fewer units from the period's end on, as they were arranged. */
const downgraded: { readonly name: string; readonly before: Snapshot }[] = [];

beforeAll(async () => {
  till = await Till.open();
  sdk = clientOf(till.app.emulator);
  // Each change follows Stripe by itself; nothing else is to be heard.
  await till.control.deliveryMode({ drop: ['*'] });
  const monthly = { currency: 'usd', recurring: { interval: 'month' } } as const;
  const other = await sdk.products.create({ name: 'Somebody else’s' });
  const [otherOfPlan, ofOther] = await Promise.all([
    sdk.prices.create({ ...monthly, product: 'tollgate_pro', unit_amount: 1_500 }),
    sdk.prices.create({ ...monthly, product: other.id, unit_amount: 700 }),
  ]);
  const half = await sdk.coupons.create({ percent_off: 50, duration: 'forever' });
  const tax = await sdk.taxRates.create({ display_name: 'VAT', inclusive: false, percentage: 20 });
  things = { prices: { otherOfPlan: otherOfPlan.id, ofOther: ofOther.id }, half: half.id, tax: tax.id };
});

afterAll(() => till.close());

interface Snapshot {
  readonly subscription: Stripe.Subscription;
  readonly schedule: Stripe.SubscriptionSchedule | null;
}

async function snapshotOf(id: string): Promise<Snapshot> {
  const subscription = await sdk.subscriptions.retrieve(id);
  const { schedule } = subscription;
  if (schedule === null) return { subscription, schedule };
  return { subscription, schedule: await sdk.subscriptionSchedules.retrieve(schedule as string) };
}

/** Two units with a card, arranged for. */
async function arranged({ arrange, waits = false }: Arrangement): Promise<{ buyer: Buyer; before: Snapshot }> {
  const buyer = await till.buyer();
  const { customers } = till.app.services.stripe as NonNullable<typeof till.app.services.stripe>;
  const customer = await customers.ensure({ billingEntityId: buyer.id, externalId: buyer.externalId, name: 'Ada' });
  await till.control.setCard(customer, 'accepted');
  const { prices, overagePrice } = await till.catalog();
  const items = [{ price: prices.get('PRO') as string, quantity: 2 }, { price: overagePrice }];
  const subscription = await sdk.subscriptions.create({ customer, items });
  if (waits) await till.control.setCard(customer, 'declined');
  await arrange({ sdk, subscription, customer, ...things });
  return { buyer, before: await snapshotOf(subscription.id) };
}

/** Everything that no payer's action changes. */
function termsOf({ subscription }: Snapshot): object {
  const {
    schedule: _schedule,
    pending_update: _update,
    latest_invoice: _invoice,
    cancel_at: _at,
    cancel_at_period_end: _atEnd,
    canceled_at: _canceledAt,
    cancellation_details: _details,
    items,
    ...terms
  } = subscription;
  const units = ({ quantity, ...item }: Stripe.SubscriptionItem): object =>
    item.price.product === 'tollgate_pro' ? item : { ...item, quantity };
  return { ...terms, items: items.data.map(units) };
}

const targetOf = (buyer: Buyer, action: Action): object => ({
  billingEntityId: buyer.id,
  plan: action === 'FREE' ? 'FREE_TRIAL' : 'PRO',
  quantity: action === 'DOWN' || action === 'FREE' ? 1 : action === 'UP' ? 3 : 2,
});

/** The code of the answer; undefined: it was carried out. A refusal tells whom to ask. */
async function codeOf(work: Promise<unknown>): Promise<string | undefined> {
  try {
    await work;
    return undefined;
  } catch (error) {
    const [refusal] = JSON.parse((error as Error).message) as { message: string; extensions: { code: string } }[];
    expect(refusal?.message).toMatch(/ask support/);
    return refusal?.extensions.code;
  }
}

function act(buyer: Buyer, action: Action): Promise<unknown> {
  const { id: billingEntityId, token } = buyer;
  if (action === 'CANCEL' || action === 'RESUME') {
    return till.ask(token, action === 'CANCEL' ? CANCEL : RESUME, { input: { billingEntityId } });
  }
  return till.ask(token, CHANGE, { input: targetOf(buyer, action) });
}

const isPreviewed = (action: Action): boolean => action !== 'CANCEL' && action !== 'RESUME';

/** What others arranged is where it was. */
function expectKept({ name, refuses }: Arrangement, before: Snapshot, now: Snapshot): void {
  expect({ name, terms: termsOf(now) }).toEqual({ name, terms: termsOf(before) });
  // What no action of a payer's may undo is the seller's: it is there as it was.
  if (refuses.includes('DOWN') && before.schedule !== null) expect(now.schedule).toEqual(before.schedule);
  if (refuses.includes('SAME') && before.subscription.pending_update !== null) {
    expect(now.subscription.pending_update).toEqual(before.subscription.pending_update);
  }
  if (refuses.includes('RESUME')) expect(now.subscription.cancel_at).toBe(before.subscription.cancel_at);
}

test.each(ARRANGEMENTS)('$name: nothing of it is lost, or whom to ask is said', async (arrangement) => {
  const { buyer, before } = await arranged(arrangement);
  const { id } = before.subscription;
  const refused: Action[] = [];
  let last = before;
  for (const action of ACTIONS) {
    const foreseen = isPreviewed(action)
      ? await codeOf(till.ask(buyer.token, PREVIEW, { input: targetOf(buyer, action) }))
      : null;
    if (foreseen !== null) expect(await snapshotOf(id)).toEqual(last);
    const code = await codeOf(act(buyer, action));
    if (foreseen !== null) expect({ action, foreseen }).toEqual({ action, foreseen: code });
    const now = await snapshotOf(id);
    if (code === undefined) expectKept(arrangement, before, now);
    else {
      expect({ action, code, now }).toEqual({ action, code: 'CONFLICT', now: last });
      refused.push(action);
    }
    last = now;
  }
  expect(refused.toSorted()).toEqual([...arrangement.refuses].toSorted());
  if (!arrangement.refuses.includes('DOWN')) {
    await act(buyer, 'DOWN');
    downgraded.push({ name: arrangement.name, before });
  }
});

test('what was arranged is there when fewer units have come', async () => {
  expect(downgraded.length).toBeGreaterThan(10);
  await till.moveTo(FIRST_END + 2 * HOUR_MS);
  for (const { name, before } of downgraded) {
    const now = await snapshotOf(before.subscription.id);
    const [item] = now.subscription.items.data;
    expect({ name, units: item?.quantity }).toEqual({ name, units: 1 });
    expect({ name, terms: lastingOf(now) }).toEqual({ name, terms: lastingOf(before) });
  }
});

test(
  'every call and every answer is as the SDK declares it',
  () => {
    const { traffic } = till.app.emulator;
    expect(contractViolations(traffic.filter(({ path }) => path !== '/v1/events'))).toEqual([]);
  },
  CONTRACT_TIMEOUT_MS,
);

/** What a new period leaves as it is. */
function lastingOf({ subscription }: Snapshot): object {
  const { discounts, default_tax_rates: rates, default_payment_method: card, description, metadata } = subscription;
  const { collection_method: method, days_until_due: days, pause_collection: paused, items } = subscription;
  const itemOf = ({ price, quantity, ...item }: Stripe.SubscriptionItem): object => ({
    price: price.id,
    ...(price.product !== 'tollgate_pro' && { quantity }),
    discounts: item.discounts,
    metadata: item.metadata,
    rates: item.tax_rates?.map((rate) => rate.id),
  });
  return {
    discounts,
    rates: rates?.map((rate) => rate.id),
    card,
    description,
    metadata,
    method,
    days,
    paused,
    items: items.data.map(itemOf),
  };
}

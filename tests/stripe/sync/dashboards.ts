/** What people do with subscriptions for months, here and in Stripe's dashboard, chosen by fast-check. */
import fc from 'fast-check';
import type { Stripe } from 'stripe';
import { elsewhere } from '../purchases/ends.ts';
import { type Buyer, CANCEL, CHANGE, RESUME, type Till } from '../../support/till.ts';
import { subscribeAtStripe } from './periods.ts';

const DAY_S = 86_400;
const PRORATIONS = ['always_invoice', 'create_prorations', 'none'] as const;
type Proration = (typeof PRORATIONS)[number];

/** The ways in which somebody becomes a subscriber. */
const BEGINNINGS = ['checkout', 'plain', 'trial', 'anchored', 'sent', 'discounted', 'taxed'] as const;

export type Action =
  | AtDashboard
  | { readonly kind: 'nothing' | 'cancel' | 'resume' | 'pay' }
  | { readonly kind: 'ask'; readonly units: number }
  | { readonly kind: 'note' | 'refund'; readonly part: number }
  | { readonly kind: 'begin'; readonly how: (typeof BEGINNINGS)[number]; readonly units: number }
  | { readonly kind: 'card'; readonly card: 'accepted' | 'declined' }
  | { readonly kind: 'use'; readonly credits: number };

/** Changes of a subscription that lives, where we are not asked. */
type AtDashboard =
  | { readonly kind: 'rest' | 'goOn' | 'method' | 'meter' }
  | { readonly kind: 'schedule'; readonly units: number }
  | {
      readonly kind: 'units' | 'price' | 'item' | 'anchor' | 'trial';
      readonly units: number;
      readonly proration: Proration;
    }
  | { readonly kind: 'coupon'; readonly percent: number; readonly duration: 'forever' | 'once' | 'repeating' }
  | { readonly kind: 'pause'; readonly behavior: 'keep_as_draft' | 'mark_uncollectible' | 'void' }
  | { readonly kind: 'tax'; readonly inclusive: boolean }
  | { readonly kind: 'end'; readonly prorates: boolean; readonly invoices: boolean };

const units = fc.integer({ min: 1, max: 4 });
const proration = fc.constantFrom(...PRORATIONS);
const kinds = <K extends string>(...names: readonly K[]): fc.Arbitrary<K> => fc.constantFrom(...names);

const action = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: kinds('nothing', 'cancel', 'resume', 'pay', 'rest', 'goOn') }) },
  { weight: 1, arbitrary: fc.record({ kind: kinds('begin'), how: kinds(...BEGINNINGS), units }) },
  { weight: 1, arbitrary: fc.record({ kind: kinds('card'), card: kinds('accepted', 'declined') }) },
  { weight: 3, arbitrary: fc.record({ kind: kinds('use'), credits: fc.integer({ min: 1, max: 900_000 }) }) },
  { weight: 2, arbitrary: fc.record({ kind: kinds('ask', 'schedule'), units }) },
  {
    weight: 5,
    arbitrary: fc.record({ kind: kinds('units', 'units', 'price', 'item', 'anchor', 'trial'), units, proration }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: kinds('coupon'),
      percent: fc.constantFrom(25, 50),
      duration: kinds('forever', 'once', 'repeating'),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: kinds('pause'), behavior: kinds('keep_as_draft', 'mark_uncollectible', 'void') }),
  },
  { weight: 1, arbitrary: fc.record({ kind: kinds('tax'), inclusive: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ kind: kinds('method', 'meter') }) },
  { weight: 2, arbitrary: fc.record({ kind: kinds('note', 'refund'), part: fc.constantFrom(0.25, 0.5, 1) }) },
  { weight: 1, arbitrary: fc.record({ kind: kinds('end'), prorates: fc.boolean(), invoices: fc.boolean() }) },
) as fc.Arbitrary<Action>;

/** A day's actions of each of some people, and the hours until the next. */
export interface Step {
  readonly hours: number;
  /** What Stripe tells of it is told afterwards, twice and in reverse. */
  readonly isToldLate: boolean;
  readonly actions: readonly Action[];
}

export const stepsOf = (people: number, days: number): fc.Arbitrary<Step[]> =>
  fc.array(
    fc.record({
      hours: fc.constantFrom(1, 1, 24, 50, 72, 120),
      isToldLate: fc.boolean(),
      actions: fc.array(action, { minLength: people, maxLength: people }),
    }),
    { minLength: days, maxLength: days },
  );

/** Refusals that a payer may get. Anything else is a fault. */
const REFUSALS = new Set<unknown>([undefined, 'CONFLICT', 'BAD_USER_INPUT', 'NOT_FOUND', 'PAYMENT_DECLINED']);

/** Does what a person does, here or in the dashboard. We and Stripe may refuse: then nothing has happened. */
export async function act(till: Till, buyer: Buyer, what: Action): Promise<void> {
  const input = { billingEntityId: buyer.id };
  const ask = async (document: string, more: object = {}): Promise<void> => {
    const code = await till.codeOf(buyer, document, { input: { ...input, ...more } });
    if (!REFUSALS.has(code)) throw new Error(`${what.kind} was answered ${String(code)}`);
  };
  switch (what.kind) {
    case 'nothing':
      return;
    case 'cancel':
      return ask(CANCEL);
    case 'resume':
      return ask(RESUME);
    case 'ask':
      return ask(CHANGE, { plan: 'PRO', quantity: what.units });
    case 'card':
      return till.setCard(buyer, what.card);
    case 'use':
      await till.use(buyer, what.credits);
      // Of the rest the meter hears later, when other things have happened.
      return what.credits % 2 === 0 ? till.reported() : undefined;
    case 'pay':
      return payOpen(till, buyer);
    case 'begin':
      return begin(till, buyer, what);
    case 'note':
      return refusable(() => note(till, buyer, what.part));
    case 'refund':
      return refund(till, buyer, what.part);
    case 'anchor':
    case 'coupon':
    case 'end':
    case 'goOn':
    case 'item':
    case 'meter':
    case 'method':
    case 'pause':
    case 'price':
    case 'rest':
    case 'schedule':
    case 'tax':
    case 'trial':
    case 'units':
      return refusable(() => atDashboard(till, buyer, what));
  }
}

/** Pays what is open, on its pages, with a card that pays. */
export async function payOpen(till: Till, buyer: Buyer): Promise<void> {
  for (const { status, hosted_invoice_url: page } of await till.invoicesOf(buyer)) {
    if (status === 'open') await till.submit(page as string, { card: 'accepted' });
  }
}

/** The seller bills what was kept as a draft while its collection was paused. */
export async function finalizeKept(till: Till, buyer: Buyer): Promise<void> {
  for (const { id, status, automatically_finalizes_at: at } of await till.invoicesOf(buyer)) {
    if (status === 'draft' && at === null) await elsewhere(till).invoices.finalizeInvoice(id);
  }
}

/** True while a subscription lives. */
export async function isLive(till: Till, buyer: Buyer): Promise<boolean> {
  const isKnown = (await till.customerOf(buyer)) !== null;
  return isKnown && (await till.subscriptionsOf(buyer)).some(({ ended_at: endedAt }) => endedAt === null);
}

/** Somebody without a subscription gets one. */
export async function begin(
  till: Till,
  buyer: Buyer,
  { how, units: quantity }: Extract<Action, { kind: 'begin' }>,
): Promise<void> {
  if (await isLive(till, buyer)) return;
  if (how === 'checkout') {
    if ((await till.shown(buyer)).subscription === null) await till.subscribe(buyer, quantity);
    return;
  }
  const now = Math.floor(till.clock.now().getTime() / 1_000);
  const terms = async (): Promise<Partial<Stripe.SubscriptionCreateParams>> => {
    switch (how) {
      case 'plain':
        return {};
      case 'trial':
        return { trial_end: now + 9 * DAY_S };
      case 'anchored':
        return { billing_cycle_anchor: now + 11 * DAY_S };
      case 'sent':
        return { collection_method: 'send_invoice', days_until_due: 14 };
      case 'discounted':
        return { discounts: [{ coupon: await couponOf(till, { percent: 50, duration: 'repeating' }) }] };
      case 'taxed':
        return { default_tax_rates: [await rateOf(till, false)] };
    }
  };
  await refusable(async () => {
    const { customers } = till.app.services.stripe as NonNullable<typeof till.app.services.stripe>;
    await customers.ensure({ billingEntityId: buyer.id, externalId: buyer.externalId, name: 'Ada' });
    await till.setCard(buyer, 'accepted');
    await subscribeAtStripe(till, buyer, await terms(), quantity);
  });
}

async function refusable(work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } catch (error) {
    const { rawType, type } = error as { rawType?: string; type?: string };
    if (!['invalid_request_error', 'card_error'].includes(rawType ?? type ?? '')) throw error;
  }
}

async function atDashboard(till: Till, buyer: Buyer, what: AtDashboard): Promise<unknown> {
  const sdk = elsewhere(till);
  const subscription = await till.stripeSubscriptionOf(buyer);
  const { id, ended_at: endedAt } = subscription;
  if (endedAt !== null) return undefined;
  const sold = subscription.items.data.filter((each) => each.quantity !== undefined);
  const [item, second] = sold as [Stripe.SubscriptionItem, Stripe.SubscriptionItem | undefined];
  const change = (params: Stripe.SubscriptionUpdateParams): Promise<unknown> => sdk.subscriptions.update(id, params);
  switch (what.kind) {
    case 'rest':
      return sdk.subscriptions.pause(id);
    case 'goOn':
      return sdk.subscriptions.resume(id, { billing_cycle_anchor: { type: 'unchanged' } });
    case 'units':
      return change({ items: [{ id: item.id, quantity: what.units }], proration_behavior: what.proration });
    case 'price':
      return change({ items: [{ id: item.id, price: await priceOf(till) }], proration_behavior: what.proration });
    case 'item': {
      const added = second === undefined ? { price: await priceOf(till), quantity: what.units } : null;
      const items = [added ?? { id: second?.id as string, deleted: true }];
      return change({ items, proration_behavior: what.proration });
    }
    case 'anchor':
      return change({ billing_cycle_anchor: { type: 'now' }, proration_behavior: what.proration });
    case 'trial': {
      const trial_end = Math.floor(till.clock.now().getTime() / 1_000) + 7 * DAY_S;
      return change({ trial_end, proration_behavior: what.proration });
    }
    case 'schedule':
      return scheduleUnits(sdk, subscription, { item, units: what.units });
    case 'coupon':
      return change({ discounts: [{ coupon: await couponOf(till, what) }] });
    case 'tax':
      return change({ default_tax_rates: [await rateOf(till, what.inclusive)] });
    case 'pause':
      return change({ pause_collection: subscription.pause_collection === null ? { behavior: what.behavior } : '' });
    case 'method':
      return change(
        subscription.collection_method === 'send_invoice'
          ? { collection_method: 'charge_automatically' }
          : { collection_method: 'send_invoice', days_until_due: 14 },
      );
    case 'meter': {
      const metered = subscription.items.data.find((each) => each.quantity === undefined);
      const { overagePrice } = await till.catalog();
      const items = [metered === undefined ? { price: overagePrice } : { id: metered.id, deleted: true }];
      return change({ items, proration_behavior: 'none' });
    }
    case 'end':
      return sdk.subscriptions.cancel(id, { invoice_now: what.invoices, prorate: what.prorates });
  }
}

/** A price of the plan at the plan's price, that is none of the catalog's. */
async function priceOf(till: Till): Promise<string> {
  const recurring = { interval: 'month' } as const;
  const terms = { currency: 'usd', product: 'tollgate_pro', unit_amount: 2_000, recurring };
  return (await elsewhere(till).prices.create(terms)).id;
}

async function couponOf(
  till: Till,
  { percent, duration }: Pick<Extract<Action, { kind: 'coupon' }>, 'percent' | 'duration'>,
): Promise<string> {
  const months = duration === 'repeating' ? { duration_in_months: 2 } : {};
  return (await elsewhere(till).coupons.create({ percent_off: percent, duration, ...months })).id;
}

async function rateOf(till: Till, inclusive: boolean): Promise<string> {
  return (await elsewhere(till).taxRates.create({ display_name: 'VAT', inclusive, percentage: 20 })).id;
}

/** Gives a part of the newest charge that has any of it left back to the card. */
async function refund(till: Till, buyer: Buyer, part: number): Promise<void> {
  const charge = (await till.chargesOf(buyer)).find(({ paid, refunded }) => paid && !refunded);
  if (charge === undefined) return;
  const left = charge.amount - charge.amount_refunded;
  await till.control.refund(charge.id, Math.max(Math.floor(left * part), 1));
}

/** Credits a part of what a whole period cost to the customer's balance. */
async function note(till: Till, buyer: Buyer, part: number): Promise<unknown> {
  for (const invoice of await till.invoicesOf(buyer)) {
    const line = invoice.lines.data.find(
      ({ amount, parent, pricing }) =>
        amount > 0 &&
        pricing?.price_details?.product === 'tollgate_pro' &&
        parent?.subscription_item_details?.proration === false,
    );
    if (invoice.status !== 'paid' || line === undefined) continue;
    const net = line.amount - (line.discount_amounts ?? []).reduce((sum, { amount }) => sum + amount, 0);
    const amount = Math.floor(net * part);
    return elsewhere(till).creditNotes.create({
      invoice: invoice.id,
      lines: [{ type: 'invoice_line_item', invoice_line_item: line.id, amount }],
      credit_amount: amount,
    });
  }
  return undefined;
}

async function scheduleUnits(
  sdk: Stripe,
  subscription: Stripe.Subscription,
  { item, units: quantity }: { item: Stripe.SubscriptionItem; units: number },
): Promise<unknown> {
  const { id, phases } = await sdk.subscriptionSchedules.create({ from_subscription: subscription.id });
  const itemsWith = (count: number): { price: string; quantity?: number }[] =>
    subscription.items.data.map(({ id: each, price, quantity: own }) => ({
      price: price.id,
      ...(own !== undefined && { quantity: each === item.id ? count : own }),
    }));
  const { start_date, end_date } = phases[0] as Stripe.SubscriptionSchedule.Phase;
  return sdk.subscriptionSchedules.update(id, {
    end_behavior: 'release',
    phases: [
      { items: itemsWith(item.quantity ?? 1), start_date, end_date },
      { items: itemsWith(quantity), proration_behavior: 'none' },
    ],
  });
}

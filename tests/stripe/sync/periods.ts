/** Periods of who subscribes when a Till opens, and what happens to them at Stripe. */
import type { Stripe } from 'stripe';
import { type Buyer, type Till } from '../../support/till.ts';

export const HOUR_MS = 3_600_000;
export const DAY_MS = 24 * HOUR_MS;

export const START = Date.parse('2027-01-31T00:00:00.000Z');
/** When the first period of who bought at the start ends. */
export const FIRST_END = Date.parse('2027-02-28T00:00:00.000Z');

/** The card says no from now on, and the renewal's first charge fails with it, an hour after the period began. */
export async function failRenewal(till: Till, buyer: Buyer): Promise<void> {
  await till.setCard(buyer, 'declined');
  await till.moveTo(FIRST_END);
  await till.moveTo(FIRST_END + HOUR_MS);
}

/** Pays the newest invoice on its hosted page, with another card. */
export async function payOnPage(till: Till, buyer: Buyer): Promise<void> {
  const [invoice] = await till.invoicesOf(buyer);
  const answer = await fetch(invoice?.hosted_invoice_url as string, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: 'card=accepted',
  });
  expect(answer.status).toBe(200);
  await till.settled();
}

/** A subscription that nobody bought by us. */
export async function subscribeAtStripe(
  till: Till,
  buyer: Buyer,
  terms: Partial<Stripe.SubscriptionCreateParams> = {},
  quantity = 1,
): Promise<Stripe.Subscription> {
  const { customers, catalog } = till.app.services.stripe as NonNullable<typeof till.app.services.stripe>;
  const customer = await customers.ensure({ billingEntityId: buyer.id, externalId: buyer.externalId, name: 'Ada' });
  const { prices, overagePrice } = await catalog.get();
  const items = [{ price: prices.get('PRO') as string, quantity }, { price: overagePrice }];
  const made = await till.stripe.call('subscription', (sdk) => sdk.subscriptions.create({ customer, items, ...terms }));
  await till.settled();
  return made;
}

export const stands = (status: string, available: number, owed = 0) => ({
  plan: { code: 'PRO' },
  credits: { available, owed },
  subscription: { status },
});
export const FREE = { plan: { code: 'FREE_TRIAL' }, subscription: null };

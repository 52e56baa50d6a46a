/** Ends of a subscription, with what was used beyond its credits. */
import type { Stripe } from 'stripe';
import { clientOf } from '@tollgate/stripe-emulator/testing/bench';
import { CHECK } from '../../support/organizations.ts';
import { type Buyer, type ShownSubscription, type Till } from '../../support/till.ts';

export const MIDDLE = '2027-02-14T00:00:00.000Z';
export const PERIOD_END = '2027-02-28T00:00:00.000Z';
/** Final invoices are drafts for an hour. */
export const AFTER_DRAFTS = '2027-02-28T02:00:00.000Z';
/** $0.00004 each: $49.38268, of which cents are asked for. */
export const OVERAGE = 1_234_567;
export const OVERAGE_CENTS = 4_938;

export const HAS_FEATURE = 'query ($id: ID!) { hasFeature(billingEntityId: $id, feature: "all_chatflows") }';
export const AUDIT = `query ($id: ID!) { billingEntity(id: $id) {
  auditLog(first: 100) { edges { node { actor action before after } } } } }`;

/** At Stripe, as somebody with another key of the account's. */
export const elsewhere = (till: Till): Stripe => clientOf(till.app.emulator);

/** Who has used all credits and so much more. */
export async function inOverage(till: Till, credits = OVERAGE): Promise<Buyer> {
  const buyer = await till.subscribed();
  await till.allowOverage(buyer);
  await till.moveTo(MIDDLE);
  await till.use(buyer, 500_000 + credits);
  return buyer;
}

export const subscriptionOf = async (till: Till, buyer: Buyer): Promise<ShownSubscription> =>
  (await till.shown(buyer)).subscription as ShownSubscription;

export const refusalOf = (till: Till, buyer: Buyer, document: string): Promise<unknown> =>
  till.codeOf(buyer, document, { input: { billingEntityId: buyer.id } });

/** Of all invoices, in the order in which they were made: what it asks for overage, in cents. */
export async function overageLines(
  till: Till,
  buyer: Buyer,
): Promise<{ amount: number; description: string | null; period: unknown }[]> {
  const { overagePrice } = await till.catalog();
  const invoices = (await till.invoicesOf(buyer)).toReversed();
  return invoices
    .flatMap(({ lines }) => lines.data)
    .filter(
      ({ pricing, description, amount }) =>
        amount > 0 &&
        (pricing?.price_details?.price === overagePrice || description?.startsWith('Overage credits used') === true),
    )
    .map(({ amount, description, period }) => ({ amount, description, period }));
}

export async function expectTrial(till: Till, buyer: Buyer, available: number): Promise<void> {
  const { plan, credits, subscription } = await till.shown(buyer);
  expect({ plan: plan.code, credits, subscription }).toEqual({
    plan: 'FREE_TRIAL',
    credits: { available, owed: 0 },
    subscription: null,
  });
  expect(await till.ask(buyer.token, HAS_FEATURE, { id: buyer.id })).toBe(false);
  const asked = { userExternalId: buyer.externalId, feature: 'all_chatflows' };
  expect(await till.ask(till.clients.service, CHECK, { input: asked })).toMatchObject({
    allowed: false,
    refusal: { reason: 'FEATURE_NOT_IN_PLAN' },
  });
  await till.expectProven(buyer);
}

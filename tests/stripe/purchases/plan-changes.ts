/** Changes of a plan’s units in the first period of a Till: what they cost, what they bring, and what is left when they fail. */
import { type Buyer, CHANGE, type ShownSubscription, type Till } from '../../support/till.ts';

/** The first period, of 28 days: a subscription of the 31st ends on the last of February. */
export const START = Date.parse('2027-01-31T00:00:00.000Z');
const END = Date.parse('2027-02-28T00:00:00.000Z');
export const MIDDLE = '2027-02-14T00:00:00.000Z';
/** Some instant at which nothing divides. */
export const SOMETIME = '2027-02-09T05:17:23.000Z';

export const PREVIEW = `query ($input: ChangePlanInput!) { previewPlanChange(input: $input) {
  timing effectiveAt dueNowCents creditsAdded nextInvoiceCents featuresLost checkoutRequired } }`;
const GRANTS = `query ($id: ID!) { billingEntity(id: $id) {
  grants(first: 100, activeOnly: false) { edges { node { source amount remaining expiresAt } } } } }`;
export const AUDIT = `query ($id: ID!) { billingEntity(id: $id) {
  auditLog(first: 100) { edges { node { actor action before after } } } } }`;

interface Preview {
  readonly timing: string;
  readonly dueNowCents: number;
  readonly creditsAdded: number;
}

interface Grant {
  readonly source: string;
  readonly amount: number;
  readonly remaining: number;
  readonly expiresAt: string | null;
}

export const preview = (till: Till, { id, token }: Buyer, quantity: number, plan = 'PRO'): Promise<Preview> =>
  till.ask(token, PREVIEW, { input: { billingEntityId: id, plan, quantity } });

export const changeCode = (till: Till, buyer: Buyer, quantity: number, plan = 'PRO'): Promise<unknown> =>
  till.codeOf(buyer, CHANGE, { input: { billingEntityId: buyer.id, plan, quantity } });

/** Of the subscription's own credits, as they were given. */
export async function subscriptionGrants(till: Till, { id, token }: Buyer): Promise<Grant[]> {
  const { grants } = await till.ask<{ grants: { edges: { node: Grant }[] } }>(token, GRANTS, { id });
  return grants.edges.map(({ node }) => node).filter(({ source }) => source === 'SUBSCRIPTION');
}

export const subscriptionOf = async (till: Till, buyer: Buyer): Promise<ShownSubscription> =>
  (await till.shown(buyer)).subscription as ShownSubscription;

export const statusesOf = async (till: Till, buyer: Buyer): Promise<(string | null)[]> =>
  (await till.invoicesOf(buyer)).map(({ status }) => status);

/** What was taken for the newest invoice, and of what charges were tried for it. */
export const chargedCents = async (till: Till, buyer: Buyer): Promise<number[]> =>
  (await till.chargesOf(buyer)).filter(({ paid }) => paid).map(({ amount }) => amount);

/** Rule 26, for so many units more from an instant of the first period on. */
export function creditsFor(units: number, from: string): number {
  const [left, full] = [BigInt(END - Date.parse(from)), BigInt(END - START)];
  return Number((500_000n * BigInt(units) * left) / full);
}

/** Stripe gives the old units back and charges the new ones, each rounded to cents. */
export function centsFor(units: { readonly old: number; readonly new: number }, from: string): number {
  const share = (cents: number): number => Math.round((cents * (END - Date.parse(from))) / (END - START));
  return share(2_000 * units.new) - share(2_000 * units.old);
}

/** Asks for more units with a card that does not simply pay. */
export async function waiting(till: Till, card: 'declined' | 'requires_action', quantity = 3): Promise<Buyer> {
  const buyer = await till.subscribed();
  await till.moveTo(MIDDLE);
  await till.setCard(buyer, card);
  const { quantity: units, pendingPayment } = await till.change(buyer, quantity);
  expect({ units, waits: pendingPayment?.quantity }).toEqual({ units: 1, waits: quantity });
  await till.settled();
  return buyer;
}

export const hostedUrlOf = async (till: Till, buyer: Buyer): Promise<string> =>
  (await subscriptionOf(till, buyer)).pendingPayment?.hostedUrl as string;

/** One unit, as if nothing had ever been asked for. */
export async function expectOldUnits(till: Till, buyer: Buyer): Promise<void> {
  expect(await till.shown(buyer)).toMatchObject({
    credits: { available: 500_000, owed: 0 },
    subscription: { quantity: 1, status: 'ACTIVE' },
  });
  expect((await till.stripeSubscriptionOf(buyer)).items.data[0]?.quantity).toBe(1);
  expect(await chargedCents(till, buyer)).toEqual([2_000]);
  await till.expectProven(buyer);
}

/** Units that were asked for in the middle of the period are there, paid for and credited once. */
export async function expectNewUnits(till: Till, buyer: Buyer, quantity: number): Promise<void> {
  const added = creditsFor(quantity - 1, MIDDLE);
  expect(await till.shown(buyer)).toMatchObject({
    credits: { available: 500_000 + added, owed: 0 },
    subscription: { quantity, status: 'ACTIVE', pendingPayment: null },
  });
  const amounts = (await subscriptionGrants(till, buyer)).map(({ amount }) => amount);
  expect(amounts.toSorted((a, b) => b - a)).toEqual([500_000, added].toSorted((a, b) => b - a));
  expect(await till.stripeSubscriptionOf(buyer)).toMatchObject({
    items: { data: [{ quantity }, {}] },
    pending_update: null,
  });
  expect(await chargedCents(till, buyer)).toEqual([centsFor({ old: 1, new: quantity }, MIDDLE), 2_000]);
  await till.expectProven(buyer);
}

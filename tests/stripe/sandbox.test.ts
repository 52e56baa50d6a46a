/**
 * What we believe of Stripe, from outside: of the emulator and, with STRIPE_SANDBOX_KEY, of Stripe itself. A claim that
 * holds here and not there is a mistake of the emulator's. Webhooks cannot reach a test, so syncs are asked for.
 */
import { type Catalog, surveyCatalog } from '../../src/stripe/catalog/survey.ts';
import type { StripeServices } from '../../src/stripe/stripe.ts';
import { type TestApp } from '../support/app.ts';
import { Bench } from '../support/bench.ts';
import { type Ask, asker, Clients } from '../support/organizations.ts';
import { openStripeAccount, type StripeAccount } from '../support/stripe-account.ts';
import {
  CANCEL,
  CHANGE,
  OPEN_CHECKOUT,
  OPEN_PORTAL,
  RESUME,
  RETURNS,
  type ShownSubscription,
} from '../support/till.ts';

/** Stripe takes its time, above all over test clocks. */
const PATIENCE_MS = 180_000;
const DAY = 86_400;

interface Buyer {
  readonly id: string;
  readonly token: string;
  readonly customer: string;
}

let account: StripeAccount;
let catalog: Catalog;
let bench: Bench;
let app: TestApp;
let ask: Ask;
let clients: Clients;
let stripe: StripeServices;

beforeAll(async () => {
  account = await openStripeAccount();
  ({ catalog } = (await surveyCatalog(account.client, { repair: true })) as { catalog: Catalog });
  bench = await Bench.open();
  app = await bench.server({ env: account.env });
  ask = asker(() => app.url);
  clients = await Clients.open(ask);
  stripe = app.services.stripe as StripeServices;
}, PATIENCE_MS);

afterAll(async () => {
  await bench.close();
  await account.close();
}, PATIENCE_MS);
/** Somebody with a card, without credits. */
async function buyer(): Promise<Buyer> {
  const { id, token } = await clients.user(0);
  const customer = await account.customer(id);
  await account.setCard(customer, 'accepted');
  await stripe.sync.sync(customer);
  return { id, token, customer };
}
/** As Checkout would leave it. */
async function subscribed(): Promise<Buyer> {
  const somebody = await buyer();
  const { customer } = somebody;
  await account.sdk.subscriptions.create({
    customer,
    items: [{ price: catalog.prices.get('PRO') as string, quantity: 1 }, { price: catalog.overagePrice }],
  });
  await stripe.sync.sync(customer);
  return somebody;
}

interface Shown {
  readonly plan: { readonly code: string };
  readonly credits: { readonly available: number; readonly owed: number };
  readonly subscription: ShownSubscription | null;
  readonly upcomingInvoice: { readonly totalCents: number; readonly overageCents: number } | null;
  readonly invoices: { readonly edges: readonly { readonly node: { status: string; totalCents: number } }[] };
}

const SHOW = `query ($id: ID!) { billingEntity(id: $id) { plan { code } credits { available owed }
  subscription { quantity status cancelAtPeriodEnd scheduledQuantity pendingPayment { quantity hostedUrl } }
  upcomingInvoice { totalCents overageCents } invoices { edges { node { status totalCents } } } } }`;

const shown = ({ id, token }: Buyer): Promise<Shown> => ask(token, SHOW, { id });

const change = ({ id, token }: Buyer, quantity: number): Promise<ShownSubscription> =>
  ask(token, CHANGE, { input: { billingEntityId: id, plan: 'PRO', quantity } });

test(
  'the catalog is made once: a second look finds nothing to do',
  async () => {
    expect(await surveyCatalog(account.client, { repair: false })).toMatchObject({ differences: [] });
  },
  PATIENCE_MS,
);

test(
  'hosted pages are made for plans, for credits and for what there is',
  async () => {
    const ada = await buyer();
    for (const what of [{ plan: 'PRO', quantity: 2 }, { credits: 12_500 }]) {
      const input = { billingEntityId: ada.id, ...RETURNS, ...what };
      expect(await ask(ada.token, OPEN_CHECKOUT, { input })).toMatchObject({ url: expect.stringMatching(/^https?:/) });
    }
    const input = { billingEntityId: ada.id, returnUrl: RETURNS.cancelUrl };
    expect(await ask(ada.token, OPEN_PORTAL, { input })).toMatchObject({ url: expect.stringMatching(/^https?:/) });
  },
  PATIENCE_MS,
);

test(
  'a paid subscription grants its credits; more units grant their share, and fewer come at the period’s end',
  async () => {
    const ada = await subscribed();
    expect(await shown(ada)).toMatchObject({
      plan: { code: 'PRO' },
      credits: { available: 500_000 },
      subscription: { quantity: 1, status: 'ACTIVE' },
      invoices: { edges: [{ node: { status: 'paid', totalCents: 2_000 } }] },
      upcomingInvoice: { totalCents: 2_000, overageCents: 0 },
    });
    const preview = await ask<{ dueNowCents: number; creditsAdded: number }>(
      ada.token,
      `query ($input: ChangePlanInput!) { previewPlanChange(input: $input) { timing dueNowCents creditsAdded } }`,
      { input: { billingEntityId: ada.id, plan: 'PRO', quantity: 3 } },
    );
    expect(preview).toMatchObject({ timing: 'WHEN_PAID' });
    expect(preview.dueNowCents).toBeGreaterThan(3_900);
    expect(await change(ada, 3)).toMatchObject({ quantity: 3, pendingPayment: null });
    const { available } = (await shown(ada)).credits;
    // All but the seconds that have gone by.
    expect(available).toBeGreaterThan(1_490_000);
    expect(available).toBeLessThanOrEqual(1_500_000);
    expect(await change(ada, 2)).toMatchObject({ quantity: 3, scheduledQuantity: 2 });
    expect(await change(ada, 3)).toMatchObject({ quantity: 3, scheduledQuantity: null });
    const input = { billingEntityId: ada.id };
    expect(await ask(ada.token, CANCEL, { input })).toMatchObject({ cancelAtPeriodEnd: true });
    expect(await ask(ada.token, RESUME, { input })).toMatchObject({ cancelAtPeriodEnd: false });
  },
  PATIENCE_MS,
);

test(
  'more units that the card does not pay for wait, with an address where they are paid',
  async () => {
    const ada = await subscribed();
    await account.setCard(ada.customer, 'declined');
    expect(await change(ada, 2)).toMatchObject({
      quantity: 1,
      pendingPayment: { quantity: 2, hostedUrl: expect.stringMatching(/^https?:/) },
    });
    expect((await shown(ada)).credits.available).toBe(500_000);
    // Taken back, and its invoice with it.
    expect(await change(ada, 1)).toMatchObject({ quantity: 1, pendingPayment: null });
    const { invoices } = await shown(ada);
    expect(invoices.edges.map(({ node }) => node.status)).toEqual(['void', 'paid']);
  },
  PATIENCE_MS,
);

test(
  'a renewal brings the next period’s credits, and its invoice the overage of the last',
  async () => {
    const ada = await subscribed();
    const overage = 50_000;
    const event = {
      event_name: 'tollgate_overage_credits',
      identifier: `sandbox-${ada.customer}`,
      timestamp: Math.floor(Date.now() / 1_000),
      payload: { stripe_customer_id: ada.customer, value: String(overage) },
    };
    await account.sdk.billing.meterEvents.create(event);
    // Known already: what the reporter takes for delivered.
    await expect(account.sdk.billing.meterEvents.create(event)).rejects.toThrow(
      /An event already exists with identifier/,
    );
    await account.advance(ada.customer, 32 * DAY);
    await stripe.sync.sync(ada.customer);
    const { credits, subscription, invoices } = await shown(ada);
    expect(credits.available).toBe(500_000);
    expect(subscription?.status).toBe('ACTIVE');
    // 50 000 × 0.004 cents.
    expect(invoices.edges[0]?.node).toEqual({ status: 'paid', totalCents: 2_200 });
  },
  PATIENCE_MS,
);

test(
  'a renewal that nobody pays is past due, without its credits',
  async () => {
    const ada = await subscribed();
    await account.setCard(ada.customer, 'declined');
    await account.advance(ada.customer, 32 * DAY);
    await stripe.sync.sync(ada.customer);
    const { credits, subscription } = await shown(ada);
    expect(credits.available).toBe(0);
    expect(subscription?.status).toBe('PAST_DUE');
  },
  PATIENCE_MS,
);

test(
  'money that is given back takes its credits along',
  async () => {
    const ada = await subscribed();
    const { data } = await account.sdk.charges.list({ customer: ada.customer });
    await account.sdk.refunds.create({ charge: data[0]?.id as string, amount: 500 });
    await stripe.sync.sync(ada.customer);
    expect((await shown(ada)).credits).toEqual({ available: 375_000, owed: 0 });
  },
  PATIENCE_MS,
);

test(
  'who has ended it at once is on the free trial',
  async () => {
    const ada = await subscribed();
    const { data } = await account.sdk.subscriptions.list({ customer: ada.customer });
    await account.sdk.subscriptions.cancel(data[0]?.id as string);
    await stripe.sync.sync(ada.customer);
    expect(await shown(ada)).toMatchObject({
      plan: { code: 'FREE_TRIAL' },
      credits: { available: 0 },
      subscription: null,
    });
  },
  PATIENCE_MS,
);

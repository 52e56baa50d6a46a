/** The whole application with an account of Stripe's, both on one clock that stands, and people who buy in it. */
import pg from 'pg';
import type { Stripe } from 'stripe';
import type { Catalog } from '../../src/stripe/catalog/survey.ts';
import type { StripeClient } from '../../src/stripe/account/client.ts';
import type { EmulatorControl } from '@tollgate/stripe-emulator';
import type { CardOutcome } from '@tollgate/stripe-emulator';
import type { ReleaseOrder } from '@tollgate/stripe-emulator';
import { countedBy } from '../../src/stripe/overage/meter-sums.ts';
import type { StripeServices } from '../../src/stripe/stripe.ts';
import type { TestApp } from './app.ts';
import { Bench, type StripeApp } from './bench.ts';
import { TestClock } from './clock.ts';
import { type Answer, type Ask, asker, Clients, codeOf, computeFor, CONSUME, RESERVE } from './organizations.ts';
import { stripeClientOf, stripeEnv } from './stripe.ts';
import { waitFor } from './wait-for.ts';

export interface Buyer {
  readonly id: string;
  readonly externalId: string;
  readonly token: string;
}

export interface Shown {
  readonly plan: { readonly code: string };
  readonly credits: { readonly available: number; readonly owed: number };
  readonly subscription: ShownSubscription | null;
  readonly grants: { readonly edges: readonly { readonly node: { source: string; amount: number } }[] };
}

export interface ShownSubscription {
  readonly id: string;
  readonly plan: { readonly code: string };
  readonly quantity: number;
  readonly status: string;
  readonly currentPeriodStart: string;
  readonly currentPeriodEnd: string | null;
  readonly cancelAtPeriodEnd: boolean;
  readonly endsAt: string | null;
  readonly scheduledAt: string | null;
  readonly scheduledPlan: { readonly code: string } | null;
  readonly scheduledQuantity: number | null;
  readonly pendingPayment: {
    readonly quantity: number;
    readonly hostedUrl: string;
    readonly expiresAt: string | null;
  } | null;
  readonly graceEndsAt: string | null;
  readonly waiting: readonly { readonly kind: string; readonly reason: string }[] | null;
}

const SUBSCRIPTION = `id plan { code } quantity status currentPeriodStart currentPeriodEnd cancelAtPeriodEnd endsAt scheduledAt
  scheduledPlan { code } scheduledQuantity pendingPayment { quantity hostedUrl expiresAt } graceEndsAt
  waiting { kind reason }`;

export const RETURNS = {
  successUrl: 'http://localhost:3000/done?session={CHECKOUT_SESSION_ID}',
  cancelUrl: 'http://localhost:3000/plans',
};

/** A second purchase of PRO, from another page: from the same one it would lead to the same Checkout. */
export const PRO_ELSEWHERE = { plan: 'PRO', cancelUrl: 'http://localhost:3000/elsewhere' } as const;

const mutation = (name: string, input: string, fields: string): string =>
  `mutation ($input: ${input}!) { ${name}(input: $input) { ${fields} } }`;
export const OPEN_CHECKOUT = mutation('createCheckoutSession', 'CreateCheckoutSessionInput', 'url expiresAt');
export const OPEN_PORTAL = mutation('createBillingPortalSession', 'CreateBillingPortalSessionInput', 'url');
export const CHANGE = mutation('changePlan', 'ChangePlanInput', SUBSCRIPTION);
export const CANCEL = mutation('cancelSubscription', 'BillingEntityInput', SUBSCRIPTION);
export const RESUME = mutation('resumeSubscription', 'BillingEntityInput', SUBSCRIPTION);
export const SET_OVERAGE = mutation('setOveragePolicy', 'SetOveragePolicyInput', 'enabled cap');
export const COMPLETE = `mutation ($billingEntityId: ID!, $sessionId: ID!) {
  completeCheckout(billingEntityId: $billingEntityId, sessionId: $sessionId) { ${SUBSCRIPTION} } }`;
const SHOW = `query ($id: ID!) { billingEntity(id: $id) { plan { code } credits { available owed }
  subscription { ${SUBSCRIPTION} } grants(first: 100) { edges { node { source amount } } } } }`;

export class Till {
  #app: StripeApp;
  readonly clock: TestClock;
  readonly clients: Clients;
  readonly ask: Ask;
  readonly #bench: Bench;

  private constructor(app: StripeApp, clock: TestClock, clients: Clients, ask: Ask, bench: Bench) {
    this.#app = app;
    this.clock = clock;
    this.clients = clients;
    this.ask = ask;
    this.#bench = bench;
  }

  /** Opens at midnight of 31 January 2027, the hardest day for months. */
  static async open(at = '2027-01-31T00:00:00.000Z', env: Record<string, string> = {}): Promise<Till> {
    const bench = await Bench.open();
    const clock = new TestClock(new Date(at));
    const frozenAt = clock.now().getTime() / 1_000;
    const app = await bench.serverWithStripe({
      clock,
      env,
      emulator: { frozenAt, deliveries: { retryBaseMs: 20 } },
    });
    const ask = asker(() => till.app.url);
    const till: Till = new Till(app, clock, await Clients.open(ask), ask, bench);
    return till;
  }

  close(): Promise<void> {
    return this.#bench.close();
  }

  get app(): StripeApp {
    return this.#app;
  }

  get control(): EmulatorControl {
    return this.app.emulator.control;
  }

  /** Both clocks, ours first: what Stripe tells of is of its time. */
  async moveTo(instant: string | number | Date): Promise<void> {
    this.clock.set(new Date(instant));
    await this.control.moveClock({ to: this.clock.now() });
    await this.settled();
  }

  /** Everything that was delivered has been handled. */
  async settled(): Promise<void> {
    await this.control.deliveriesSettled();
    await waitFor(async () => (await this.app.services.stripe?.inbox.unprocessed()) === 0, 'events to be handled');
  }

  /** Somebody without credits. */
  buyer(): Promise<Buyer> {
    return this.clients.user(0);
  }

  /** A page where this is sold; its session. */
  async checkout({ id, token }: Buyer, what: object): Promise<string> {
    const input = { billingEntityId: id, ...RETURNS, ...what };
    const { url } = await this.ask<{ url: string }>(token, OPEN_CHECKOUT, { input });
    return new URL(url).pathname.split('/').at(-1) as string;
  }

  /** Pays for PRO by the hosted page, and everybody has heard of it. */
  async subscribe(buyer: Buyer, quantity = 1): Promise<void> {
    await this.control.payCheckout(await this.checkout(buyer, { plan: 'PRO', quantity }));
    await this.settled();
  }

  /** Somebody without credits who has bought PRO. */
  async subscribed(quantity = 1): Promise<Buyer> {
    const buyer = await this.buyer();
    await this.subscribe(buyer, quantity);
    return buyer;
  }

  /** Buys so many credits by the hosted page, and everybody has heard of it. */
  async purchase(buyer: Buyer, credits: number): Promise<void> {
    await this.control.payCheckout(await this.checkout(buyer, { credits }));
    await this.settled();
  }

  complete({ id, token }: Buyer, sessionId: string): Promise<ShownSubscription> {
    return this.ask(token, COMPLETE, { billingEntityId: id, sessionId });
  }

  change({ id, token }: Buyer, quantity: number, plan = 'PRO'): Promise<ShownSubscription> {
    return this.ask(token, CHANGE, { input: { billingEntityId: id, plan, quantity } });
  }

  of({ id, token }: Buyer, document: string): Promise<ShownSubscription> {
    return this.ask(token, document, { input: { billingEntityId: id } });
  }

  codeOf({ token }: Buyer, document: string, variables: Record<string, unknown>): Promise<unknown> {
    return codeOf(this.app.url, token, document, variables);
  }

  shown({ id, token }: Buyer): Promise<Shown> {
    return this.ask(token, SHOW, { id });
  }

  async available(buyer: Buyer): Promise<number> {
    return (await this.shown(buyer)).credits.available;
  }

  async customerOf({ id }: Buyer): Promise<string> {
    return (await this.app.services.stripe?.customers.of(id)) as string;
  }

  /** Uses so many credits of COMPUTE, settling what was reserved for it if it was. */
  use({ externalId }: Buyer, credits: number, reservationId: string | null = null): Promise<Answer> {
    const input = {
      idempotencyKey: this.clients.next(),
      userExternalId: externalId,
      reservationId,
      lines: computeFor(credits),
    };
    return this.ask(this.clients.service, CONSUME, { input });
  }

  async allowOverage({ id, token }: Buyer, cap: number | null = null): Promise<void> {
    await this.ask(token, SET_OVERAGE, { input: { billingEntityId: id, enabled: true, cap } });
  }

  /** Newest first. */
  async invoicesOf(buyer: Buyer): Promise<Stripe.Invoice[]> {
    const customer = await this.customerOf(buyer);
    return stripeClientOf(this.app.emulator).list('invoice', (sdk, page) => sdk.invoices.list({ customer, ...page }));
  }

  /** Newest first. */
  async chargesOf(buyer: Buyer): Promise<Stripe.Charge[]> {
    const customer = await this.customerOf(buyer);
    return stripeClientOf(this.app.emulator).list('charge', (sdk, page) => sdk.charges.list({ customer, ...page }));
  }

  async setCard(buyer: Buyer, card: CardOutcome | null): Promise<void> {
    await this.control.setCard(await this.customerOf(buyer), card);
  }

  /** The ledgers prove what the accounts say. */
  async expectProven(...buyers: readonly Buyer[]): Promise<void> {
    for (const { id } of buyers) {
      expect((await this.app.services.verification.verify(id)).problems).toEqual([]);
    }
  }

  /** An organization without credits, as its owner acts for it. */
  async organization(): Promise<Buyer> {
    const { id, externalId, owner } = await this.clients.organization('PRIVATE');
    return { id, externalId, token: owner };
  }

  /** The newest subscription that Stripe has of the customer, of whatever status. */
  async stripeSubscriptionOf(buyer: Buyer): Promise<Stripe.Subscription> {
    return (await this.subscriptionsOf(buyer))[0] as Stripe.Subscription;
  }

  catalog(): Promise<Catalog> {
    return (this.app.services.stripe as StripeServices).catalog.get();
  }

  /** Fills in the form of a hosted page, and everybody has heard of what came of it. */
  async submit(page: string, form: Record<string, string>): Promise<void> {
    const answer = await fetch(page, {
      method: 'POST',
      headers: { connection: 'close' },
      body: new URLSearchParams(form),
      redirect: 'manual',
    });
    await answer.text();
    expect([200, 303]).toContain(answer.status);
    await this.settled();
  }

  /** All overage that was used is reported, or billed where it is too late for that. */
  async reported(): Promise<void> {
    const { stripe, meterReports } = this.app.services;
    const isDone = async (): Promise<boolean> => {
      await stripe?.meterReporter.run({ refusedToo: true });
      const unreported = await meterReports.unreported({ after: null, limit: 1 });
      return unreported.length === 0 && (await meterReports.counts()).undelivered === 0;
    };
    await waitFor(isDone, 'overage to be reported');
  }

  /** What the meter has of the customer, whenever it was used. */
  async metered(buyer: Buyer): Promise<bigint> {
    const { meter } = await this.catalog();
    const to = Math.ceil(this.clock.now().getTime() / 60_000 + 1) * 60;
    const customer = await this.customerOf(buyer);
    return countedBy(this.stripe, { meter, customer, from: to - 300 * 86_400, to });
  }

  /** Stripe, as our own client sees it. */
  get stripe(): StripeClient {
    return stripeClientOf(this.app.emulator);
  }

  /** Of whatever status, newest first. */
  async subscriptionsOf(buyer: Buyer): Promise<Stripe.Subscription[]> {
    const customer = await this.customerOf(buyer);
    return this.stripe.list('subscription', (sdk, page) =>
      sdk.subscriptions.list({ customer, status: 'all', ...page }),
    );
  }

  /** What Stripe tells of meanwhile is told afterwards, each event so many times and in this order. */
  async toldLate(
    work: () => Promise<void>,
    { order = 'reversed', copies = 2 }: { order?: ReleaseOrder; copies?: number } = {},
  ): Promise<void> {
    await this.control.deliveryMode({ hold: true, copies });
    await work();
    await this.release(order);
  }

  /** What was held is told, and from now on everything as it comes. */
  async release(order: ReleaseOrder = 'as_created'): Promise<void> {
    await this.control.deliveryMode({ hold: false, copies: 1 });
    await this.control.releaseDeliveries(order);
    await this.settled();
  }

  /** Ends the subscription at once, where we are not asked. */
  async endAtStripe(buyer: Buyer): Promise<void> {
    const { id } = await this.stripeSubscriptionOf(buyer);
    await this.stripe.call('subscription', (sdk) => sdk.subscriptions.cancel(id));
  }

  /** Another process of this installation: it hears nothing from Stripe by itself, and does its share of the jobs. */
  beside(env: Record<string, string> = {}): Promise<TestApp> {
    return this.#bench.server({ clock: this.clock, env: { ...stripeEnv(this.app.emulator), ...env } });
  }

  /** The application is away while `meanwhile` happens, and what Stripe could not deliver is tried again afterwards. */
  async restart(meanwhile: () => Promise<void> = async () => undefined): Promise<void> {
    this.#app = await this.#app.restarted(meanwhile);
    await this.control.retryDeliveries();
    await this.settled();
  }

  /** Reserves so many credits for a day. @returns the reservation */
  async reserve(buyer: Buyer, credits: number): Promise<string> {
    const { reservation } = (await this.tryReserve(buyer, credits)) as { reservation: { id: string } };
    return reservation.id;
  }

  /** Asks to reserve so many credits for a day. */
  tryReserve({ externalId }: Buyer, credits: number): Promise<object> {
    const lines = computeFor(credits);
    const input = { idempotencyKey: this.clients.next(), userExternalId: externalId, lines, ttlSeconds: 86_400 };
    return this.ask(this.clients.service, RESERVE, { input });
  }

  /** Asks the database behind everybody's back. */
  async sql<Row extends object>(text: string, values: readonly unknown[] = []): Promise<Row[]> {
    const client = new pg.Client({ connectionString: this.#bench.database.adminUrl });
    await client.connect();
    try {
      return (await client.query<Row>(text, [...values])).rows;
    } finally {
      await client.end();
    }
  }

  /** What Stripe told of each of these buyers, or would have, oldest first. */
  async eventsOf(...buyers: readonly Buyer[]): Promise<Stripe.Event[][]> {
    const customers = await Promise.all(buyers.map((buyer) => this.customerOf(buyer)));
    const all = (await this.stripe.list('event', (sdk, page) => sdk.events.list(page))).toReversed();
    const byCustomer = Map.groupBy(all, ({ data }) => {
      const object = data.object as { object: string; id?: string; customer?: string };
      return object.object === 'customer' ? object.id : object.customer;
    });
    return customers.map((customer) => byCustomer.get(customer) ?? []);
  }

  /** Units of a subscription, changed where we are not asked: as the portal does. */
  async changeAtStripe(buyer: Buyer, quantity: number): Promise<void> {
    const [subscription] = await this.subscriptionsOf(buyer);
    const item = subscription?.items.data.find((each) => each.quantity !== undefined);
    const items = [{ id: item?.id as string, quantity }];
    await this.stripe.call('subscription', (sdk) =>
      sdk.subscriptions.update(subscription?.id as string, { items, proration_behavior: 'always_invoice' }),
    );
  }

  /** Makes our state what Stripe's is, now. */
  async sync(buyer: Buyer, app: TestApp = this.app): Promise<void> {
    await app.services.stripe?.sync.sync(await this.customerOf(buyer));
  }
}

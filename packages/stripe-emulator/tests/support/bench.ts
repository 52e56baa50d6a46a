import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Stripe } from 'stripe';
import { type Emulator, type EmulatorOptions, startEmulator } from '../../src/emulator.ts';
import type { EmulatorControl } from '../../src/control.ts';

/** Midnight of 31 January 2027: the hardest day for months. */
export const START = Date.UTC(2027, 0, 31) / 1000;

export const DAY = 86_400;

export interface Bench {
  readonly emulator: Emulator;
  readonly control: EmulatorControl;
  readonly stripe: Stripe;
}

/** An emulator whose clock stands still, and the SDK in front of it. */
export async function startBench(options: EmulatorOptions = {}): Promise<Bench> {
  const emulator = await startEmulator({
    frozenAt: START,
    recordTraffic: true,
    deliveries: { retryBaseMs: 1 },
    ...options,
  });
  return { emulator, control: emulator.control, stripe: clientOf(emulator) };
}

/** The official SDK, pointed at the emulator. */
export function clientOf(emulator: Emulator, config: Stripe.StripeConfig = {}): Stripe {
  return new Stripe('sk_test_bench', {
    host: '127.0.0.1',
    port: emulator.port,
    protocol: 'http',
    maxNetworkRetries: 0,
    telemetry: false,
    ...config,
  });
}

export interface Catalog {
  readonly product: Stripe.Product;
  readonly pro: Stripe.Price;
  readonly overage: Stripe.Price;
  readonly meter: Stripe.Billing.Meter;
}

/** Prices for the tests: $20 a month and unit, and $0.00004 a metered credit beyond. */
export async function createCatalog(stripe: Stripe): Promise<Catalog> {
  const product = await stripe.products.create({ name: 'Pro' });
  const meter = await stripe.billing.meters.create({
    display_name: 'Overage',
    event_name: 'tollgate_overage_credits',
    default_aggregation: { formula: 'sum' },
  });
  const pro = await stripe.prices.create({
    currency: 'usd',
    product: product.id,
    unit_amount: 2000,
    recurring: { interval: 'month' },
    lookup_key: 'pro_monthly',
  });
  const credits = await stripe.products.create({ name: 'Overage credits' });
  const overage = await stripe.prices.create({
    currency: 'usd',
    product: credits.id,
    unit_amount_decimal: Stripe.Decimal.from('0.004'),
    recurring: { interval: 'month', usage_type: 'metered', meter: meter.id },
    lookup_key: 'overage',
  });
  return { product, pro, overage, meter };
}

/** A customer with a card that pays, subscribed to so many units. */
export async function subscribe(
  { stripe, control }: Bench,
  catalog: Catalog,
  quantity = 1,
): Promise<{ customer: Stripe.Customer; subscription: Stripe.Subscription; item: Stripe.SubscriptionItem }> {
  const customer = await stripe.customers.create({ email: 'ada@example.com', name: 'Ada' });
  await control.setCard(customer.id, 'accepted');
  const subscription = await stripe.subscriptions.create({
    customer: customer.id,
    items: [{ price: catalog.pro.id, quantity }, { price: catalog.overage.id }],
  });
  return { customer, subscription, item: itemOf(subscription, catalog.pro) };
}

/** The subscription's item with this price. */
export function itemOf(subscription: Stripe.Subscription, price: Stripe.Price): Stripe.SubscriptionItem {
  const item = subscription.items.data.find((each) => each.price.id === price.id);
  if (item === undefined) throw new Error(`${subscription.id} has no item with ${price.id}`);
  return item;
}

/** The id of what may be expanded. */
export function idOf(reference: string | { readonly id: string } | null | undefined): string {
  const id = typeof reference === 'string' ? reference : reference?.id;
  if (id === undefined) throw new Error('it refers to nothing');
  return id;
}

export interface Received {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly type: string;
  readonly id: string;
}

export interface Receiver {
  readonly url: string;
  readonly received: Received[];
  /** Gives the status of each answer. */
  answer: (received: Received) => number;
  stop(): Promise<void>;
}

/** Somebody who listens to webhooks. */
export async function startReceiver(): Promise<Receiver> {
  const received: Received[] = [];
  const server = createServer((request, response) => {
    void (async () => {
      const parts: Buffer[] = [];
      for await (const part of request) parts.push(part as Buffer);
      const body = Buffer.concat(parts).toString('utf8');
      const { id, type } = JSON.parse(body) as { id: string; type: string };
      const one = { headers: request.headers, body, type, id };
      received.push(one);
      response.writeHead(receiver.answer(one)).end();
    })();
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const receiver: Receiver = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    received,
    answer: () => 200,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return receiver;
}

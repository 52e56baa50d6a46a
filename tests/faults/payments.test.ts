/** The server killed at each step of what moves money, and the same end each time. */
import pg from 'pg';
import { type Catalog, surveyCatalog } from '../../src/stripe/catalog/survey.ts';
import { type Emulator, startEmulator } from '@tollgate/stripe-emulator';
import { send } from '../support/app.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { freePort } from '../support/free-port.ts';
import { Clients, CONSUME } from '../support/organizations.ts';
import { ServerProcess } from '../support/server-process.ts';
import { stripeClientOf, WEBHOOK_SECRET } from '../support/stripe.ts';
import { type Call, type Lost, StripeRoad } from '../support/stripe-road.ts';
import { CANCEL, CHANGE, COMPLETE, OPEN_CHECKOUT, RETURNS, SET_OVERAGE } from '../support/till.ts';
import { waitFor } from '../support/wait-for.ts';

interface Buyer {
  readonly id: string;
  readonly externalId: string;
  readonly token: string;
  /** Where they pay; known once they have been told. */
  session: string;
  customer: string;
}

/** What somebody asks for, who asks again when no answer comes. */
type Step = (buyer: Buyer) => Promise<unknown>;

/** A call of the server's that gets lost, and the server with it. */
interface Kill {
  /** Of the calls that a step makes; 0 is the first. */
  readonly call: number;
  readonly lost: Lost;
}

const OVERAGE = 1_234;
/** Enough for every call of any step, there and back. */
const BUYERS = 12;

const STATE = `query ($id: ID!) { billingEntity(id: $id) {
  plan { code } features credits { available held used overage owed }
  subscription { quantity status cancelAtPeriodEnd scheduledPlan { code } scheduledQuantity pendingPayment { quantity } }
  grants(first: 100) { edges { node { source amount remaining } } }
  ledger(first: 100) { edges { node { kind amount overageChange owedChange } } }
} }`;
const VERIFY = 'query ($id: ID!) { verifyLedger(billingEntityId: $id) { consistent problems } }';

let database: TestDatabase;
let pool: pg.Pool;
let emulator: Emulator;
let road: StripeRoad;
let server: ServerProcess;
let clients: Clients;
let port: number;
let catalog: Catalog;
let buyers: Buyer[];

const start = async (): Promise<ServerProcess> =>
  ServerProcess.start(port, { DATABASE_URL: database.url, STRIPE_API_BASE: road.url, STRIPE_SECRET_KEY: 'sk_test_1' });

const url = (): string => `http://127.0.0.1:${port}/graphql`;

async function ask<T>(token: string, document: string, variables: Record<string, unknown> = {}): Promise<T> {
  const { data, errors } = await send(url(), token, document, variables);
  if (errors.length > 0) throw new Error(JSON.stringify(errors));
  return Object.values(data ?? {})[0] as T;
}

beforeAll(async () => {
  database = await createTestDatabase();
  pool = new pg.Pool({ connectionString: database.url, max: 2 });
  pool.on('error', () => undefined);
  // Its time stands, so that prorations are the same however long this takes.
  emulator = await startEmulator({ frozenAt: Math.floor(Date.now() / 1_000), deliveries: { retryBaseMs: 20 } });
  ({ catalog } = (await surveyCatalog(stripeClientOf(emulator), { repair: true })) as { catalog: Catalog });
  road = await StripeRoad.open(emulator);
  port = await freePort();
  await emulator.control.addEndpoint({
    url: `http://127.0.0.1:${port}/webhooks/stripe`,
    secret: WEBHOOK_SECRET,
    events: ['*'],
  });
  server = await start();
  clients = await Clients.open(ask);
});

afterAll(async () => {
  await server.stop();
  await road.close();
  await emulator.stop();
  await pool.end();
  await database.drop();
});

const opening: Step = async (buyer) => {
  const input = { billingEntityId: buyer.id, plan: 'PRO', ...RETURNS };
  const page = await ask<{ url: string }>(buyer.token, OPEN_CHECKOUT, { input });
  buyer.session = new URL(page.url).pathname.split('/').at(-1) as string;
};

const completing: Step = ({ id, token, session }) => ask(token, COMPLETE, { billingEntityId: id, sessionId: session });

const upgrading: Step = ({ id, token }) =>
  ask(token, CHANGE, { input: { billingEntityId: id, plan: 'PRO', quantity: 2 } });

const canceling: Step = ({ id, token }) => ask(token, CANCEL, { input: { billingEntityId: id } });

/** All that Stripe and we know of a buyer, without what differs between any two: ids and instants. */
async function stateOf({ id, externalId, token }: Buyer): Promise<unknown> {
  const stripe = stripeClientOf(emulator);
  const customers = await stripe.list('customer', (sdk, page) => sdk.customers.list(page));
  const own = customers.filter(({ description }) => description === externalId);
  const [customer = ''] = own.map((each) => each.id);
  const subscriptions = await stripe.list('subscription', (sdk, page) =>
    sdk.subscriptions.list({ customer, status: 'all', ...page }),
  );
  const invoices = await stripe.list('invoice', (sdk, page) => sdk.invoices.list({ customer, ...page }));
  const charges = await stripe.list('charge', (sdk, page) => sdk.charges.list({ customer, ...page }));
  const reports = await pool.query('select credits, state from meter_report where billing_entity_id = $1', [id]);
  return {
    ours: await ask(token, STATE, { id }),
    reports: reports.rows,
    proof: await ask(token, VERIFY, { id }),
    customers: own.map(({ name }) => name === externalId),
    subscriptions: subscriptions.map(({ status, cancel_at_period_end: ends, items }) => ({
      status,
      ends,
      units: items.data.map(({ quantity }) => quantity),
    })),
    invoices: invoices.map(({ status, total, billing_reason: reason }) => ({ status, total, reason })),
    charges: charges.map(({ status, amount, amount_refunded: refunded }) => ({ status, amount, refunded })),
    metered: await meteredOf(customer),
  };
}

async function meteredOf(customer: string): Promise<number> {
  const end = Math.ceil(Date.now() / 60_000 + 10) * 60;
  const window = { customer, start_time: end - 86_400, end_time: end };
  const sums = await stripeClientOf(emulator).list('billing.meter_event_summary', (sdk, page) =>
    sdk.billing.meters.listEventSummaries(catalog.meter, { ...window, ...page }),
  );
  return sums.reduce((sum, each) => sum + each.aggregated_value, 0);
}

/** What the server has been told is handled, and what it has to tell is told. */
async function settled(): Promise<void> {
  await emulator.control.retryDeliveries();
  await emulator.control.deliveriesSettled();
  await waitFor(async () => {
    const { rows } = await pool.query<{ open: number }>(
      `select (select count(*) from stripe_event where processed_at is null)::int
        + (select count(*) from meter_report where state in ('PENDING', 'FAILED'))::int
        + (select count(*) from credit_account where overage_reported < overage_total)::int as open`,
    );
    return rows[0]?.open === 0;
  }, 'everything to be handled and told');
}

async function restart(): Promise<void> {
  await server.kill();
  server = await start();
}

/** The calls of a step, in all ways in which they can be lost: what only asks changes nothing by being heard. */
function killsOf(calls: readonly Call[]): Kill[] {
  return calls.flatMap(({ method }, call) =>
    method === 'GET'
      ? [{ call, lost: 'there' }]
      : [
          { call, lost: 'there' },
          { call, lost: 'back' },
        ],
  ) as Kill[];
}

/**
 * Two buyers go through the step undisturbed, the others each as far as one call; then the server dies for all of them
 * together, and they ask again. What Stripe tells of it all comes when it is over, or not before the next step.
 */
async function killedAtEachCallOf(step: Step): Promise<Kill[]> {
  const [first, second, ...rest] = buyers as [Buyer, Buyer, ...Buyer[]];
  await emulator.control.deliveryMode({ hold: true });
  // What the server asks but once, such as for prices, is known then.
  await step(first);
  const before = road.calls.length;
  await step(second);
  const kills = killsOf(road.calls.slice(before));
  expect(kills.length).toBeLessThanOrEqual(rest.length);
  const asked: Promise<unknown>[] = [];
  for (const [index, { call, lost }] of kills.entries()) {
    let count = 0;
    const stopped = road.stop(lost, () => count++ === call);
    asked.push(step(rest[index] as Buyer).catch(() => undefined));
    await stopped;
  }
  await restart();
  await Promise.all(asked);
  await Promise.all(rest.map(step));
  return kills;
}

/** What was held back is told, and the server dies while it looks into it. */
async function killedWhileListening(): Promise<void> {
  const [, , third, fourth] = buyers as [Buyer, Buyer, Buyer, Buyer];
  const asking =
    (path: string, { customer }: Buyer) =>
    (call: Call) =>
      call.path === path && call.form.includes(customer);
  const stops = [
    road.stop('there', asking('/v1/subscriptions', third)),
    road.stop('there', asking('/v1/charges', fourth)),
  ];
  await emulator.control.deliveryMode({ hold: false });
  await emulator.control.releaseDeliveries('reversed');
  await Promise.all(stops);
  await restart();
  await settled();
}

async function expectAllAlike(): Promise<unknown> {
  const [reference, ...others] = await Promise.all(buyers.map(stateOf));
  for (const [index, other] of others.entries()) {
    expect({ index, ...(other as object) }).toEqual({ index, ...(reference as object) });
  }
  return reference;
}

test('Checkout, an upgrade, the meter and a cancellation end as if nothing had happened', async () => {
  buyers = await Promise.all(
    Array.from({ length: BUYERS }, async () => ({ ...(await clients.user(0)), session: '', customer: '' })),
  );
  // Bought on Stripe's own page.
  const opened = await killedAtEachCallOf(opening);
  expect(opened).toContainEqual({ call: 2, lost: 'back' });
  for (const buyer of buyers) {
    await emulator.control.payCheckout(buyer.session);
    const { rows } = await pool.query<{ customer_id: string }>(
      'select customer_id from stripe_customer where billing_entity_id = $1',
      [buyer.id],
    );
    buyer.customer = rows[0]?.customer_id as string;
  }
  await killedAtEachCallOf(completing);
  await killedWhileListening();
  expect(await expectAllAlike()).toMatchObject({
    ours: { plan: { code: 'PRO' }, credits: { available: 500_000 }, subscription: { quantity: 1 } },
    customers: [true],
    subscriptions: [{ status: 'active' }],
    charges: [{ amount: 2_000 }],
  });

  const upgraded = await killedAtEachCallOf(upgrading);
  expect(upgraded).toContainEqual({ call: 1, lost: 'back' });
  await killedWhileListening();
  expect(await expectAllAlike()).toMatchObject({
    ours: { credits: { available: 1_000_000 }, subscription: { quantity: 2 } },
    charges: [{ amount: 2_000 }, { amount: 2_000 }],
  });

  // One of whom the meter never heard, and one of whom it did without our knowing.
  const reported = (lost: Lost, { customer }: Buyer): Promise<void> =>
    road.stop(lost, ({ path, form }) => path === '/v1/billing/meter_events' && form.includes(customer));
  const [, , third, fourth] = buyers as [Buyer, Buyer, Buyer, Buyer];
  const reporting = [reported('there', third), reported('back', fourth)];
  for (const { id, token, externalId } of buyers) {
    await ask(token, SET_OVERAGE, { input: { billingEntityId: id, enabled: true } });
    const lines = [{ resource: 'COMPUTE', quantity: (1_000_000 + OVERAGE) * 1_200 }];
    const input = { idempotencyKey: externalId, userExternalId: externalId, lines };
    expect(await ask(clients.service, CONSUME, { input })).toMatchObject({ __typename: 'ConsumeCreditsSuccess' });
  }
  await Promise.all(reporting);
  await restart();
  await settled();
  expect(await expectAllAlike()).toMatchObject({
    ours: { credits: { available: 0, overage: OVERAGE } },
    reports: [{ state: 'SENT' }],
    metered: OVERAGE,
  });

  const canceled = await killedAtEachCallOf(canceling);
  expect(canceled).toContainEqual({ call: 1, lost: 'back' });
  await killedWhileListening();
  expect(await expectAllAlike()).toMatchObject({
    ours: {
      subscription: { cancelAtPeriodEnd: true, scheduledPlan: { code: 'FREE_TRIAL' } },
      credits: { overage: OVERAGE },
    },
    subscriptions: [{ status: 'active', ends: true }],
    proof: { consistent: true, problems: [] },
  });
}, 300_000);

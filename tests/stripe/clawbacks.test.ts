import { pino } from 'pino';
import { Clawbacks } from '../../src/stripe/clawbacks.ts';
import { StripeEvents } from '../../src/stripe/events.ts';
import { idOf } from '../support/emulator.ts';
import { SERVICE } from '../support/installation.ts';
import { OverageBench, type Payer } from '../support/overage.ts';
import { stripeClientOf } from '../support/stripe.ts';

let bench: OverageBench;

beforeAll(async () => {
  bench = await OverageBench.open();
});

afterEach(() => bench.emulator.control.clearFaults());

afterAll(() => bench.close());

/** One process that hears of refunds and disputes. */
function listen(syncCustomer: (customerId: string) => Promise<void> = async () => undefined): StripeEvents {
  const events = new StripeEvents();
  const { subscriptions, transfers } = bench.installation.one;
  void new Clawbacks({
    stripe: stripeClientOf(bench.emulator),
    events,
    subscriptions,
    transfers,
    exclusive: bench.exclusive(),
    billingEntityOf: async (customerId) =>
      [...bench.customers].find(([, customer]) => customer === customerId)?.[0] ?? null,
    syncCustomer,
    log: pino({ level: 'silent' }),
  });
  return events;
}

interface Paid {
  readonly charge: string;
  readonly invoice: string;
  readonly line: string;
}

/** The first invoice of a payer, and its line that cost something. */
async function paidBy({ customer }: Payer): Promise<Paid> {
  const [charge] = (await bench.sdk.charges.list({ customer })).data;
  const [invoice] = (await bench.sdk.invoices.list({ customer })).data;
  const line = invoice?.lines.data.find(({ amount }) => amount === 2_000);
  return { charge: idOf(charge), invoice: idOf(invoice), line: idOf(line) };
}

/** All events that there are by now about refunds and disputes of a charge, handed over in any order and twice. */
async function tell(events: StripeEvents, charge: string, order: 'forwards' | 'backwards' = 'forwards'): Promise<void> {
  const { data } = await bench.sdk.events.list({ limit: 100 });
  const own = data.filter(({ data: { object } }) => {
    const { id, charge: of } = object as { id?: string; charge?: string };
    return id === charge || of === charge;
  });
  if (order === 'forwards') own.reverse();
  for (const { id, type, data: about } of [...own, ...own]) {
    const objectId = (about.object as { id: string }).id;
    await events.handle({ id, type, thin: false, objectId, customerId: null, createdAt: new Date() });
  }
}

const balance = async ({ id }: Payer) => bench.installation.two.accounts.balance(id);

/** Credits besides the base, for the same line: as a purchase. */
async function purchase(payer: Payer, { invoice, line }: Paid): Promise<void> {
  const paid = { billingEntityId: payer.id, source: 'PURCHASE', amount: 1_001n, reason: null } as const;
  await bench.installation.one.subscriptions.credit({ ...paid, invoiceId: invoice, lineId: line });
}

describe('a refund', () => {
  it('takes its share of what the invoice had bought back, and no more, however often it is told', async () => {
    const payer = await bench.payer({ isFresh: true });
    const paid = await paidBy(payer);
    await purchase(payer, paid);
    const events = listen();
    await tell(events, paid.charge);
    expect(await balance(payer)).toMatchObject({ available: 501_001n });
    await bench.emulator.control.refund(paid.charge, 501);
    await tell(events, paid.charge);
    // A half and a bit of each, rounded down.
    const half = (amount: bigint): bigint => (amount * 501n) / 2_000n;
    const left = 501_001n - half(500_000n) - half(1_001n);
    expect(await balance(payer)).toMatchObject({ available: left, owed: 0n });
    await bench.emulator.control.refund(paid.charge);
    await tell(events, paid.charge, 'backwards');
    expect(await balance(payer)).toMatchObject({ available: 0n, owed: 0n });
    await bench.installation.expectProven(payer.id);
  });

  it('of what is used becomes owed', async () => {
    const payer = await bench.payer({ isFresh: true });
    const { consumption } = bench.installation.one;
    await consumption.consume(SERVICE, bench.installation.use(payer, 1_000_000));
    const { charge } = await paidBy(payer);
    await bench.emulator.control.refund(charge);
    await tell(listen(), charge);
    expect(await balance(payer)).toMatchObject({ available: 0n, owed: 100_000n });
    await bench.installation.expectProven(payer.id);
  });

  it('of somebody else’s invoice, or of none of ours, takes nothing', async () => {
    const [payer, other] = [await bench.payer({ isFresh: true }), await bench.payer({ isFresh: true })];
    const { charge } = await paidBy(other);
    bench.customers.delete(other.id);
    await bench.emulator.control.refund(charge);
    await tell(listen(), charge);
    expect(await balance(payer)).toMatchObject({ available: 500_000n });
    expect(await balance(other)).toMatchObject({ available: 500_000n });
  });

  it('waits while Stripe is away, and is settled when it is told again', async () => {
    const payer = await bench.payer({ isFresh: true });
    const { charge } = await paidBy(payer);
    await bench.emulator.control.refund(charge, 1_000);
    await bench.emulator.control.addFault({ method: 'GET', path: '/v1/invoices/*', kind: 'foreign_500', times: 0 });
    await expect(tell(listen(), charge)).rejects.toMatchObject({ code: 'PAYMENT_PROVIDER_ERROR' });
    expect(await balance(payer)).toMatchObject({ available: 500_000n });
    await bench.emulator.control.clearFaults();
    await tell(listen(), charge);
    expect(await balance(payer)).toMatchObject({ available: 250_000n });
  });

  it('that is told before the payment was: what was paid is granted first', async () => {
    const payer = await bench.payer({ isFresh: true });
    const paid = await paidBy(payer);
    await bench.emulator.control.refund(paid.charge);
    const synced: string[] = [];
    const events = listen(async (customer) => {
      synced.push(customer);
      await purchase(payer, paid);
    });
    await tell(events, paid.charge);
    expect(synced).toContain(payer.customer);
    expect(await balance(payer)).toMatchObject({ available: 0n, owed: 0n });
  });
});

describe('a dispute', () => {
  it('takes nothing while it is open, and all when it is lost', async () => {
    const payer = await bench.payer({ isFresh: true });
    const { charge } = await paidBy(payer);
    const events = listen();
    const dispute = await bench.emulator.control.openDispute(charge);
    await tell(events, charge);
    expect(await balance(payer)).toMatchObject({ available: 500_000n });
    await bench.emulator.control.closeDispute(dispute.id, 'lost');
    await Promise.all([tell(events, charge), tell(listen(), charge, 'backwards')]);
    expect(await balance(payer)).toMatchObject({ available: 0n, owed: 0n });
    await bench.installation.expectProven(payer.id);
  });

  it('that is won leaves everything as it is, and gives back exactly what was taken', async () => {
    const payer = await bench.payer({ isFresh: true });
    const paid = await paidBy(payer);
    await purchase(payer, paid);
    const events = listen();
    await bench.emulator.control.refund(paid.charge, 500);
    await tell(events, paid.charge);
    const kept = (await balance(payer))?.available ?? 0n;
    const dispute = await bench.emulator.control.openDispute(paid.charge, 1_500);
    // Taken for another reason meanwhile: as if it had been lost.
    const [grant] = await bench.installation.one.subscriptions.grantsFor({
      billingEntityId: payer.id,
      invoiceId: paid.invoice,
      lineId: paid.line,
      base: null,
    });
    const back = { billingEntityId: payer.id, grantId: grant?.grantId as string, actor: 'system', reason: 'lost' };
    await bench.installation.one.transfers.clawBack({ ...back, target: 1_001n });
    expect((await balance(payer))?.available ?? 0n).toBe(kept - 751n);
    await bench.emulator.control.closeDispute(dispute.id, 'won');
    await tell(events, paid.charge);
    await tell(listen(), paid.charge, 'backwards');
    expect(await balance(payer)).toMatchObject({ available: kept, owed: 0n });
    await bench.installation.expectProven(payer.id);
  });
});

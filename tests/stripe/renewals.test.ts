/** A year of a payer's life, by the movable clock: on both sides of the line every credit is of one period. */
import { addMonths } from '../../src/ledger/rules/periods.ts';
import { newId } from '../../src/ledger/store/new-id.ts';
import { nameOfBase } from '../../src/ledger/rules/period-close.ts';
import type { ReleaseOrder } from '@tollgate/stripe-emulator';
import { countedBy } from '../../src/stripe/overage/meter-sums.ts';
import type { StripeServices } from '../../src/stripe/stripe.ts';
import { contractViolations, CONTRACT_TIMEOUT_MS } from '@tollgate/stripe-emulator/testing/contract';
import { type Buyer, Till } from '../support/till.ts';
import { waitFor } from '../support/wait-for.ts';

const LONG_MS = 180_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

const MONTHS = 12;
/** The 31st, so that periods are of 28, 30 and 31 days. */
const ANCHOR = new Date('2027-01-31T00:00:00.000Z');

/** The beginning of a period, and the end of the one before. */
const turn = (month: number): number => addMonths(ANCHOR, month).getTime();

/** What becomes of the events of each month's end. What is not named arrives at once. */
const TOLD: Readonly<Record<number, { order: ReleaseOrder; copies: number; daysLate: number }>> = {
  1: { order: 'reversed', copies: 2, daysLate: 2 },
  4: { order: 'as_created', copies: 3, daysLate: 0 },
  6: { order: 'shuffled', copies: 2, daysLate: 9 },
  9: { order: 'reversed', copies: 1, daysLate: 25 },
};
/** The application is away when the month ends, for so long: longer than Stripe waits for what was used, or shorter. */
const AWAY_MS: Readonly<Record<number, number>> = { 2: 3 * HOUR_MS, 8: HOUR_MS / 6 };
const UPGRADE = 3;
const FAILED = 6;
const DOWNGRADE = 7;
/** Units that a month begins with. */
const unitsOf = (month: number): number => (month > UPGRADE && month <= DOWNGRADE ? 2 : 1);
/** When the second unit is bought. */
const UPGRADED_AT = turn(UPGRADE) + 10 * DAY_MS;

let till: Till;
let ada: Buyer;
/** What was reserved as the last thing of a month. */
let straddling: string;
/** Credits that were used in each month, by what the answers said. */
const used = Array.from({ length: MONTHS }, () => 0);

beforeAll(async () => {
  till = await Till.open(ANCHOR.toISOString());
});

afterAll(async () => {
  await till.close();
});

const stripe = (): StripeServices => till.app.services.stripe as StripeServices;

const at = (ms: number): Promise<void> => till.moveTo(new Date(ms));

async function use(month: number, credits: number, reservation: string | null = null): Promise<void> {
  expect(await till.use(ada, credits, reservation)).toMatchObject({ credits });
  used[month] = (used[month] as number) + credits;
}

/** All that was used beyond the credits has been told, by us or by a pass that was under way. */
async function reported(): Promise<void> {
  await stripe().meterReporter.run();
  const { meterReports } = till.app.services;
  await waitFor(async () => (await meterReports.counts()).undelivered === 0, 'reports to be delivered');
}

/** What the credits of a month come to: its base, and for the rest of its month the unit that was bought in the middle. */
function allowanceOf(month: number): number {
  return creditsOf(month).reduce((sum, credits) => sum + credits, 0);
}

function creditsOf(month: number): number[] {
  const base = unitsOf(month) * 500_000;
  if (month !== UPGRADE) return [base];
  const [start, end] = [turn(month), turn(month + 1)];
  return [base, Math.floor((500_000 * (end - UPGRADED_AT)) / (end - start))];
}

/** From just after its beginning to the last millisecond before its end. */
async function live(month: number): Promise<void> {
  const [start, end] = [turn(month), turn(month + 1)];
  const { daysLate = 0, order = 'as_created' } = TOLD[month - 1] ?? {};
  if (month === FAILED) {
    await at(start + HOUR_MS);
    expect(await till.shown(ada)).toMatchObject({ subscription: { status: 'PAST_DUE' }, credits: { available: 0 } });
    await till.setCard(ada, 'accepted');
    await at(start + HOUR_MS + 3 * DAY_MS);
    expect(await till.shown(ada)).toMatchObject({ subscription: { status: 'ACTIVE' }, credits: { owed: 0 } });
  }
  await at(start + (daysLate === 0 ? 5 : daysLate) * DAY_MS);
  await till.control.deliveryMode({ hold: false, copies: 1 });
  await till.control.releaseDeliveries(order, month);
  await till.settled();
  if (month === UPGRADE) {
    await at(UPGRADED_AT);
    await till.change(ada, 2);
  }
  if (month === DOWNGRADE) await till.change(ada, 1);
  // All that is there but 50 000, then across the end of it.
  await use(month, allowanceOf(month) - (used[month] as number) - 50_000);
  await at(end - DAY_MS);
  await use(month, 60_000 + 10 * month);
  await reported();
  if (month + 1 === FAILED) await till.setCard(ada, 'declined');
  const told = TOLD[month];
  if (told) await till.control.deliveryMode({ hold: true, copies: told.copies });
  if (month in AWAY_MS) {
    const meterEvents = { method: 'POST', path: '/v1/billing/meter_events' };
    await till.control.addFault({ kind: 'error_before_commit', ...meterEvents, times: 0 });
  }
  till.clock.set(new Date(end - 1));
  await use(month, 77);
  straddling = await till.reserve(ada, 500);
}

/** The month ends: by our own clock first. What was used until then is reported before its invoice is final. */
async function pass(month: number): Promise<void> {
  const end = turn(month + 1);
  const awayMs = AWAY_MS[month];
  if (awayMs !== undefined) {
    await till.restart(async () => {
      till.clock.set(new Date(end + awayMs));
      await till.control.clearFaults();
      await till.control.moveClock({ to: till.clock.now() });
    });
  } else till.clock.set(new Date(end));
  if (month + 1 < MONTHS) await use(month + 1, 1_000);
  // What was admitted in one month and is done in the next one is charged to that.
  if (month + 1 < MONTHS) await use(month + 1, 500, straddling);
  await at(end + (awayMs ?? 1_000));
  await reported();
}

test(
  'a year of renewals: one base for each period, no credit that survives it, and all overage on its own invoice',
  async () => {
    ada = await till.buyer();
    await till.subscribe(ada);
    await till.allowOverage(ada);
    for (let month = 0; month < MONTHS; month += 1) {
      await live(month);
      await pass(month);
    }
    await at(turn(MONTHS) + 2 * HOUR_MS);
    await reported();
    await at(turn(MONTHS) + 3 * HOUR_MS);

    const overage = used.map((credits, month) => credits - allowanceOf(month));
    expect(overage).toEqual(used.map((_, month) => 10_000 + 10 * month + 77));
    await expectGrants();
    expect(await overageByLedger()).toEqual(overage);
    expect(await overageByInvoices()).toEqual(overage);
    const total = overage.reduce((sum, credits) => sum + credits, 0);
    expect((await countedByMeter()) + (await billedLate())).toBe(total);
    // Whatever was not reported in time: 77 credits of the month at whose end nobody was there.
    expect(await billedLate()).toBe(77);
    expect(await till.shown(ada)).toMatchObject({
      credits: { available: 500_000, owed: 0 },
      subscription: { quantity: 1, status: 'ACTIVE', scheduledQuantity: null },
    });
    expect((await till.invoicesOf(ada)).map(({ status }) => status)).toEqual(
      Array.from({ length: MONTHS + 2 }, () => 'paid'),
    );
    await till.expectProven(ada);
  },
  LONG_MS,
);

/** Of each period one grant of base credits, what came besides, and nothing that is left of it when it is over. */
async function expectGrants(): Promise<void> {
  const { edges } = await till.app.services.history.grants(ada.id, { first: 100, after: null }, { activeOnly: false });
  const grants = edges.map(({ node }) => node).filter(({ source }) => source === 'SUBSCRIPTION');
  const id = (await till.shown(ada)).subscription?.id as string;
  for (let month = 0; month <= MONTHS; month += 1) {
    const [start, end] = [turn(month), turn(month + 1)];
    const own = grants.filter(({ createdAt: when }) => when.getTime() >= start && when.getTime() < end);
    const base = newId(nameOfBase(ada.id, { id, periodStart: new Date(start) }));
    expect(own.filter((each) => each.id === base)).toMatchObject([{ amount: BigInt(unitsOf(month) * 500_000) }]);
    // Taken back when the renewal failed, and given again when it was paid.
    const expected = month === FAILED ? [...creditsOf(month), ...creditsOf(month)] : creditsOf(month);
    expect(own.map(({ amount }) => Number(amount)).toSorted((a, b) => a - b)).toEqual(
      expected.toSorted((a, b) => a - b),
    );
    for (const { remaining, expiresAt } of own) {
      expect(expiresAt?.getTime()).toBe(end);
      if (month < MONTHS) expect(remaining).toBe(0n);
    }
  }
  expect(grants).toHaveLength(MONTHS + 1 + 2);
}

/** In the order of months; what is of none is an error. */
function byMonth(parts: readonly { readonly start: number; readonly credits: number }[]): number[] {
  const months = Array.from({ length: MONTHS }, () => 0);
  for (const { start, credits } of parts) {
    const month = months.findIndex((_, each) => Math.floor(start / 1_000) * 1_000 === turn(each));
    if (credits !== 0) months[month] = (months[month] as number) + credits;
  }
  return months;
}

async function overageByLedger(): Promise<number[]> {
  const rows = await till.sql<{ start: Date; credits: string }>(
    `select period_start as start, sum(overage_change) as credits from ledger_entry
     where billing_entity_id = $1 group by period_start`,
    [ada.id],
  );
  return byMonth(rows.map(({ start, credits }) => ({ start: start.getTime(), credits: Number(credits) })));
}

/** What the invoices charge for, and of which period they say that it is. */
async function overageByInvoices(): Promise<number[]> {
  const { overagePrice } = await stripe().catalog.get();
  const lines = (await till.invoicesOf(ada)).flatMap((invoice) =>
    invoice.lines.data.flatMap((line) => {
      const isCounted = line.pricing?.price_details?.price === overagePrice;
      if (!isCounted && !isLate(line)) return [];
      // The invoice of what the meter counted is the one at the period's end, and no other.
      if (isCounted) expect([line.period.start, line.period.end]).toEqual([invoice.period_start, invoice.period_end]);
      return [{ start: line.period.start * 1_000, credits: line.quantity ?? 0 }];
    }),
  );
  return byMonth(lines);
}

const isLate = ({ description }: { readonly description: string | null }): boolean =>
  description?.startsWith('Overage credits used from') ?? false;

async function billedLate(): Promise<number> {
  const lines = (await till.invoicesOf(ada)).flatMap((invoice) => invoice.lines.data);
  return lines.filter(isLate).reduce((sum, { quantity }) => sum + (quantity ?? 0), 0);
}

async function countedByMeter(): Promise<number> {
  const { meter } = await stripe().catalog.get();
  const [from, to] = [turn(0) / 1_000, turn(MONTHS + 1) / 1_000];
  return Number(await countedBy(stripe().client, { meter, customer: await till.customerOf(ada), from, to }));
}

test(
  'every call and every answer is as the SDK declares it',
  () => {
    expect(contractViolations(till.app.emulator.traffic)).toEqual([]);
  },
  CONTRACT_TIMEOUT_MS,
);

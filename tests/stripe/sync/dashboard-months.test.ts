/**
 * Whatever dashboards do with subscriptions for months: what Stripe says was paid for, less what went back, is what was given,
 * and what was used beyond it is billed, once.
 */
import fc from 'fast-check';
import type { StripeServices } from '../../../src/stripe/stripe.ts';
import { type Buyer, SET_OVERAGE, Till } from '../../support/till.ts';
import { act, begin, finalizeKept, isLive, payOpen, type Step, stepsOf } from './dashboards.ts';
import { paidTimeOf } from './paid-time.ts';
import { HOUR_MS, START } from './periods.ts';

/** Scripts that are tried. Set MONTHS_RUNS for more of them, and MONTHS_SEED for others. */
const RUNS = Number(process.env['MONTHS_RUNS'] ?? 1);
const PEOPLE = Number(process.env['MONTHS_PEOPLE'] ?? 6);
const DAYS = 16;
const LONG_MS = 120_000 + RUNS * 60_000;
/** Overage, in cents for a credit. */
const OVERAGE = 0.004;

let till: Till;
let now = START;

beforeAll(async () => {
  till = await Till.open();
});

afterAll(async () => {
  await till.close();
});

/** Credits of subscriptions that were given, less what was taken back and not given again. */
async function given({ id }: Buyer): Promise<number> {
  const [row] = await till.sql<{ sum: string }>(
    `select coalesce(sum(amount - clawed), 0)::text as sum from credit_grant
     where billing_entity_id = $1 and source = 'SUBSCRIPTION' and root_grant_id = id`,
    [id],
  );
  return Number(row?.sum ?? 0);
}

/** Overage that was ever taken, in credits. */
async function overageOf({ id }: Buyer): Promise<number> {
  const [row] = await till.sql<{ total: string }>(
    'select overage_total::text as total from credit_account where billing_entity_id = $1',
    [id],
  );
  return Number(row?.total ?? 0);
}

/** Overage on invoices of any kind that are final, in cents, and how many lines it took. */
async function overageBilled(buyer: Buyer): Promise<{ cents: number; lines: number }> {
  const lines = (await till.invoicesOf(buyer))
    .filter(({ status }) => status !== 'draft')
    .flatMap((invoice) => invoice.lines.data)
    .filter(
      ({ pricing, description }) =>
        pricing?.price_details?.product === 'tollgate_overage' || description?.startsWith('Overage credits used'),
    );
  return { cents: lines.reduce((sum, { amount }) => sum + amount, 0), lines: lines.length };
}

async function advance(ms: number): Promise<void> {
  now += ms;
  await till.moveTo(now);
}

async function live(buyers: readonly Buyer[], { hours, isToldLate, actions }: Step): Promise<void> {
  const doAll = async (): Promise<void> => {
    for (const [index, what] of actions.entries()) await act(till, buyers[index] as Buyer, what);
    // The meter hears of what was used before, perhaps when that is invoiced already, and before we hear of the invoice.
    if (isToldLate) await till.reported();
  };
  await (isToldLate ? till.toldLate(doAll) : doAll());
  await till.settled();
  await advance(hours * HOUR_MS);
}

/** All but two pay what is open in the end. The cards of these say no from early on. */
const paysInTheEnd = (_: Buyer, index: number): boolean => index !== 1 && index !== 2;

/** Whoever pays in the end pays what is open, and what ends has its last invoices. */
async function comeToRest(buyers: readonly Buyer[]): Promise<void> {
  const payers = buyers.filter(paysInTheEnd);
  for (const buyer of payers) await till.setCard(buyer, 'accepted');
  for (const buyer of payers) await payOpen(till, buyer);
  for (const buyer of buyers) if (await isLive(till, buyer)) await till.endAtStripe(buyer);
  await till.settled();
  await till.reported();
  await advance(3 * HOUR_MS);
  await till.reported();
  for (const buyer of buyers) await finalizeKept(till, buyer);
  await till.settled();
  // As the reconciler does daily.
  const { meterReporter } = till.app.services.stripe as StripeServices;
  for (const { id } of buyers) await meterReporter.settle(id);
  await advance(3 * HOUR_MS);
  for (const buyer of payers) await payOpen(till, buyer);
  await till.settled();
}

/** 0 where it is as near as rounding allows. */
function beyond(difference: number, tolerance: number): number {
  return Math.abs(difference) <= tolerance ? 0 : difference;
}

async function expectRight(buyer: Buyer, lived: readonly string[]): Promise<void> {
  const { credits, tolerance } = await paidTimeOf(till, buyer);
  const { cents, lines } = await overageBilled(buyer);
  expect({
    lived,
    givenBeyondPaid: beyond((await given(buyer)) - credits, tolerance),
    billedBeyondUsed: beyond(cents - (await overageOf(buyer)) * OVERAGE, lines),
  }).toEqual({ lived, givenBeyondPaid: 0, billedBeyondUsed: 0 });
}

test(
  'credits are given for what is paid, and overage is billed, for six people whatever dashboards do',
  async () => {
    const seed = Number(process.env['MONTHS_SEED'] ?? 1);
    await fc.assert(
      fc.asyncProperty(stepsOf(PEOPLE, DAYS), async (steps) => {
        const buyers = await Promise.all(Array.from({ length: PEOPLE }, () => till.buyer()));
        const hows = ['checkout', 'plain', 'anchored', 'discounted', 'trial', 'sent', 'taxed'] as const;
        for (const [index, buyer] of buyers.entries()) {
          await begin(till, buyer, { kind: 'begin', how: hows[index % hows.length] as 'plain', units: 2 });
          const input = { billingEntityId: buyer.id, enabled: index % 2 === 0 };
          await till.codeOf(buyer, SET_OVERAGE, { input });
        }
        await advance(HOUR_MS);
        const others = buyers.filter((each, index) => !paysInTheEnd(each, index));
        for (const [day, step] of steps.entries()) {
          if (day === DAYS / 4) for (const buyer of others) await till.setCard(buyer, 'declined');
          await live(buyers, step);
        }
        await comeToRest(buyers);
        for (const [index, buyer] of buyers.entries()) {
          const lived = steps.map(({ actions, hours }) => `${JSON.stringify(actions[index])} +${hours} h`);
          await expectRight(buyer, lived);
        }
        await till.expectProven(...buyers);
      }),
      { numRuns: RUNS, seed, endOnFailure: process.env['MONTHS_SHRINK'] === undefined },
    );
  },
  LONG_MS,
);

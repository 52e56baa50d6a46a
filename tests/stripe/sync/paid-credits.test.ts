/** Whatever people and cards do for months: every credit that was paid for is given once, and none that was not. */
import fc from 'fast-check';
import type { Stripe } from 'stripe';
import { givenBackOf, type SaleGivenBack } from '../../../src/stripe/sync/given-back.ts';
import { subscriptionOfLine } from '../../../src/stripe/sync/lines.ts';
import { prorationsOf } from '../../../src/stripe/sync/paid-lines.ts';
import { type Buyer, CANCEL, CHANGE, RESUME, Till } from '../../support/till.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const START = Date.parse('2027-01-31T00:00:00.000Z');
/** Days from one look at things to the next; some fall into the hour between a turn and its charge. */
const STEPS = 50;
const LONG_MS = 300_000;

let till: Till;

beforeAll(async () => {
  till = await Till.open();
});

afterAll(async () => {
  await till.close();
});

type Action =
  | { readonly kind: 'nothing' | 'cancel' | 'resume' | 'pay' | 'buy' | 'refund' }
  | { readonly kind: 'card'; readonly card: 'accepted' | 'declined' | 'requires_action' }
  | { readonly kind: 'use'; readonly credits: number }
  | { readonly kind: 'ask' | 'portal'; readonly units: number };

const action: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constantFrom('nothing', 'cancel', 'resume', 'pay', 'buy', 'refund') }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('card'),
      card: fc.constantFrom('accepted', 'declined', 'declined', 'requires_action'),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('use'), credits: fc.integer({ min: 1, max: 700_000 }) }) },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constantFrom('ask', 'portal'), units: fc.integer({ min: 1, max: 4 }) }),
  },
) as fc.Arbitrary<Action>;

async function act(buyer: Buyer, what: Action): Promise<void> {
  const input = { billingEntityId: buyer.id };
  switch (what.kind) {
    case 'nothing':
      return;
    case 'cancel':
    case 'resume':
      return void (await till.codeOf(buyer, what.kind === 'cancel' ? CANCEL : RESUME, { input }));
    case 'ask':
      return void (await till.codeOf(buyer, CHANGE, { input: { ...input, plan: 'PRO', quantity: what.units } }));
    case 'card':
      return till.setCard(buyer, what.card);
    case 'use':
      return void (await till.use(buyer, what.credits));
    case 'pay':
      return payOpen(buyer);
    case 'buy':
      if ((await till.shown(buyer)).subscription === null) await till.subscribe(buyer, 2);
      return;
    case 'refund':
      return refund(buyer);
    case 'portal':
      if (await isLive(buyer)) await till.changeAtStripe(buyer, what.units);
  }
}

/** Whether Stripe would let it be changed: it lives, and neither a schedule nor a payment that waits stands in the way. */
async function isLive(buyer: Buyer): Promise<boolean> {
  const { ended_at: endedAt, schedule, pending_update: pending } = await till.stripeSubscriptionOf(buyer);
  return endedAt === null && schedule === null && pending === null;
}

/** On their pages, with a card that pays. */
async function payOpen(buyer: Buyer): Promise<void> {
  for (const { status, hosted_invoice_url: page } of await till.invoicesOf(buyer)) {
    if (status === 'open') await till.submit(page as string, { card: 'accepted' });
  }
}

/** Gives back all that was paid by the newest invoice that has any of it left. */
async function refund(buyer: Buyer): Promise<void> {
  const charge = (await till.chargesOf(buyer)).find(({ paid, refunded }) => paid && !refunded);
  if (charge !== undefined) await till.control.refund(charge.id);
}

/** Of an invoice's price, in cents: all of it, and what went back. */
async function moneyOf(invoice: Stripe.Invoice, charges: readonly Stripe.Charge[]): Promise<[bigint, bigint]> {
  const payments = await till.stripe.list('invoice_payment', (sdk, page) =>
    sdk.invoicePayments.list({ invoice: invoice.id, status: 'paid', ...page }),
  );
  const intents = payments.map(({ payment }) => payment.payment_intent);
  const own = charges.filter(({ paid, payment_intent: intent }) => paid && intents.includes(intent as string));
  const gone = own.reduce((sum, { amount_refunded: cents }) => sum + cents, 0);
  return [BigInt(Math.max(invoice.total, 1)), BigInt(gone)];
}

/** What Stripe says that was paid for and not given back, to the card or as credit. */
async function paidFor(buyer: Buyer): Promise<bigint> {
  const [subscriptions, invoices] = [await till.subscriptionsOf(buyer), await till.invoicesOf(buyer)];
  const charges = await till.chargesOf(buyer);
  let sum = 0n;
  for (const sale of givenBackOf({ invoices, subscriptions }, []).sales) {
    const [total, gone] = await moneyOf(invoices.find(({ id }) => id === sale.invoiceId) as Stripe.Invoice, charges);
    const extent = sale.extent > 0n ? sale.extent : 1n;
    const back = sale.taken * total + gone * extent;
    const credits = creditsOf(sale, subscriptions);
    sum += back < extent * total ? credits - (credits * back) / (extent * total) : 0n;
  }
  return sum;
}

function creditsOf({ bases, lines, replaced }: SaleGivenBack, subscriptions: readonly Stripe.Subscription[]): bigint {
  const owner = lines[0] && subscriptionOfLine(lines[0]);
  const anchor = subscriptions.find(({ id }) => id === owner)?.billing_cycle_anchor ?? 0;
  const prorated = prorationsOf([...replaced, ...lines], new Date(anchor * 1_000)).map(({ amount }) => amount);
  return [...bases.map(({ credits }) => credits), ...prorated].reduce((sum, each) => sum + each, 0n);
}

/** What came of it here: grants, without what was taken back of them and not given again. */
async function given(buyer: Buyer): Promise<bigint> {
  const [row] = await till.sql<{ sum: string }>(
    `select coalesce(sum(amount - clawed), 0)::text as sum from credit_grant
     where billing_entity_id = $1 and source = 'SUBSCRIPTION' and root_grant_id = id`,
    [buyer.id],
  );
  return BigInt(row?.sum ?? 0);
}

test(
  'for five people in half a year, with all that Stripe may do with who does not pay',
  async () => {
    const buyers = await Promise.all(Array.from({ length: 5 }, () => till.buyer()));
    for (const buyer of buyers) await till.subscribe(buyer);
    const script = fc.sample(
      fc.record({
        hours: fc.constantFrom(1, 1, 24, 72, 120, 200),
        isToldLate: fc.boolean(),
        afterRetries: fc.constantFrom('unpaid', 'past_due', 'past_due', 'past_due', 'cancel'),
        actions: fc.array(action, { minLength: buyers.length, maxLength: buyers.length }),
      }),
      { numRuns: STEPS, seed: Number(process.env['SEED'] ?? 1) },
    );
    let now = START;
    for (const { hours, isToldLate, afterRetries, actions } of script) {
      await till.control.behave({ afterRetries });
      const doAll = async (): Promise<void> => {
        for (const [index, what] of actions.entries()) await act(buyers[index] as Buyer, what);
      };
      await (isToldLate ? till.toldLate(doAll) : doAll());
      await till.settled();
      now += hours * HOUR_MS;
      await till.moveTo(new Date(now));
    }
    for (const buyer of buyers) await till.setCard(buyer, 'accepted');
    for (const buyer of buyers) await payOpen(buyer);
    await till.moveTo(new Date(now + 2 * HOUR_MS));
    await till.moveTo(new Date(now + 8 * DAY_MS));
    for (const buyer of buyers) await payOpen(buyer);
    await till.settled();
    for (const buyer of buyers) expect(await given(buyer)).toBe(await paidFor(buyer));
    await till.expectProven(...buyers);
  },
  LONG_MS,
);

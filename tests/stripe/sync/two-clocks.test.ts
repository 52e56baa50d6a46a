/** Our clock and Stripe's are two: what one has passed, the other may not have reached yet (rules 13, 14). */
import { contractViolations, CONTRACT_TIMEOUT_MS } from '@tollgate/stripe-emulator/testing/contract';
import { type Buyer, CANCEL, RESUME, Till } from '../../support/till.ts';
import type { Exchange } from '@tollgate/stripe-emulator';
import { DAY_MS, FIRST_END, FREE, HOUR_MS, stands } from './periods.ts';

const MINUTE_MS = 60_000;

let till: Till;
const traffic: Exchange[] = [];

/** Moving the clock renews everybody: each test has a Till of its own. */
beforeEach(async () => {
  till = await Till.open();
});

afterEach(async () => {
  traffic.push(...till.app.emulator.traffic);
  await till.close();
});

/** Our clock alone goes on; Stripe's stays where it is. */
function ourClockAt(instant: number): void {
  till.clock.set(new Date(instant));
}

describe('a subscription that ends, when our clock has passed its end and Stripe’s has not', () => {
  async function ending(): Promise<Buyer> {
    const ada = await till.subscribed();
    await till.allowOverage(ada);
    await till.of(ada, CANCEL);
    await till.moveTo(FIRST_END - MINUTE_MS);
    ourClockAt(FIRST_END + 5 * MINUTE_MS);
    return ada;
  }

  test('stays ended however often our state follows Stripe’s, and takes no overage', async () => {
    const ada = await ending();
    await till.purchase(ada, 20_000);
    expect(await till.shown(ada)).toMatchObject({ ...FREE, credits: { available: 20_000 } });
    await till.sync(ada);
    expect(await till.shown(ada)).toMatchObject({ ...FREE, credits: { available: 20_000 } });
    expect(await till.use(ada, 20_001)).toMatchObject({ reason: 'INSUFFICIENT_CREDITS', available: 20_000 });
    await till.moveTo(FIRST_END + 2 * HOUR_MS);
    expect(await till.shown(ada)).toMatchObject({ ...FREE, credits: { available: 20_000, owed: 0 } });
    expect((await till.invoicesOf(ada)).map(({ total }) => total).filter((cents) => cents > 0)).toEqual([80, 2_000]);
    await till.expectProven(ada);
  });

  test('goes on where its payer resumes it in time', async () => {
    const ada = await ending();
    await till.sync(ada);
    await till.of(ada, RESUME);
    expect(await till.shown(ada)).toMatchObject(stands('ACTIVE', 0));
    await till.moveTo(FIRST_END + 2 * HOUR_MS);
    expect(await till.shown(ada)).toMatchObject(stands('ACTIVE', 500_000));
    await till.expectProven(ada);
  });
});

test('a subscription that our clock renewed and its payer cancels before Stripe’s did owes what it took since', async () => {
  const ada = await till.subscribed();
  await till.moveTo(FIRST_END - MINUTE_MS);
  ourClockAt(FIRST_END + 5 * MINUTE_MS);
  expect(await till.use(ada, 100_000)).toMatchObject({ credits: 100_000 });
  await till.of(ada, CANCEL);
  expect(await till.shown(ada)).toMatchObject({ ...FREE, credits: { available: 0, owed: 100_000 } });
  await till.moveTo(FIRST_END + 2 * HOUR_MS);
  expect(await till.shown(ada)).toMatchObject({ ...FREE, credits: { available: 0, owed: 100_000 } });
  await till.expectProven(ada);
});

describe('grace', () => {
  test('is that of the payment that failed, whatever was left open long before', async () => {
    await till.control.behave({ afterRetries: 'past_due' });
    const ada = await till.subscribed();
    await till.setCard(ada, 'declined');
    await till.changeAtStripe(ada, 2);
    await till.settled();
    await till.setCard(ada, 'accepted');
    await till.moveTo(FIRST_END);
    await till.moveTo(FIRST_END + 2 * HOUR_MS);
    expect(await till.shown(ada)).toMatchObject(stands('ACTIVE', 1_000_000));
    expect((await till.invoicesOf(ada)).map(({ status }) => status)).toEqual(['paid', 'open', 'paid']);
    await till.setCard(ada, 'declined');
    const secondEnd = Date.parse('2027-03-31T00:00:00.000Z');
    await till.moveTo(secondEnd);
    await till.purchase(ada, 20_000);
    await till.moveTo(secondEnd + 2 * HOUR_MS);
    expect(await till.shown(ada)).toMatchObject({
      ...stands('PAST_DUE', 20_000),
      subscription: { graceEndsAt: new Date(secondEnd + 7 * DAY_MS).toISOString() },
    });
    expect(await till.use(ada, 1_000)).toMatchObject({ credits: 1_000 });
    await till.expectProven(ada);
  });

  test('is not made longer by later payments that fail', async () => {
    await till.control.behave({ afterRetries: 'past_due' });
    const ada = await till.subscribed();
    await till.setCard(ada, 'declined');
    await till.moveTo(FIRST_END);
    await till.moveTo(FIRST_END + 2 * HOUR_MS);
    await till.changeAtStripe(ada, 2);
    await till.settled();
    expect((await till.shown(ada)).subscription).toMatchObject({
      status: 'PAST_DUE',
      graceEndsAt: new Date(FIRST_END + 7 * DAY_MS).toISOString(),
    });
  });
});

test(
  'every call and every answer is as the SDK declares it',
  () => {
    expect(contractViolations(traffic.filter(({ path }) => path !== '/v1/events'))).toEqual([]);
  },
  CONTRACT_TIMEOUT_MS,
);

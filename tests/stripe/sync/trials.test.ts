/** Trials of the plan, and first payments that are not made at once (rules 25, 26). */
import type { Stripe } from 'stripe';
import { contractViolations, CONTRACT_TIMEOUT_MS } from '@tollgate/stripe-emulator/testing/contract';
import { type Buyer, CANCEL, CHANGE, OPEN_CHECKOUT, RESUME, RETURNS, Till } from '../../support/till.ts';
import type { Exchange } from '@tollgate/stripe-emulator';
import { DAY_MS, FREE, HOUR_MS, payOnPage, stands, START, subscribeAtStripe } from './periods.ts';

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

describe('a trial of the plan', () => {
  const TRIAL_END = START + 14 * DAY_MS;
  const trial = (missing: 'cancel' | 'pause' | 'create_invoice'): Partial<Stripe.SubscriptionCreateParams> => ({
    trial_period_days: 14,
    trial_settings: { end_behavior: { missing_payment_method: missing } },
  });

  test('that was paused and is cancelled leaves who had it free to subscribe', async () => {
    const ada = await till.buyer();
    await subscribeAtStripe(till, ada, trial('pause'));
    await till.moveTo(TRIAL_END);
    await till.moveTo(TRIAL_END + DAY_MS);
    await till.setCard(ada, 'accepted');
    await till.of(ada, CANCEL);
    await till.moveTo(START + 90 * DAY_MS);
    const input = { billingEntityId: ada.id, plan: 'PRO', ...RETURNS };
    expect(await till.codeOf(ada, OPEN_CHECKOUT, { input })).toBeUndefined();
  });

  test('that was paused goes where another subscription is paid', async () => {
    const ada = await till.buyer();
    const paused = await subscribeAtStripe(till, ada, trial('pause'));
    await till.moveTo(TRIAL_END);
    await till.moveTo(TRIAL_END + DAY_MS);
    expect((await till.shown(ada)).subscription).toMatchObject({ id: paused.id, status: 'PAUSED' });
    await till.setCard(ada, 'accepted');
    const paid = await subscribeAtStripe(till, ada);
    expect((await till.chargesOf(ada)).map(({ amount, refunded }) => ({ amount, refunded }))).toEqual([
      { amount: 2_000, refunded: false },
    ]);
    expect(await till.shown(ada)).toMatchObject({
      credits: { available: 500_000, owed: 0 },
      subscription: { id: paid.id, status: 'ACTIVE' },
    });
  });

  test('takes no overage, which nobody would be billed for', async () => {
    const ada = await till.buyer();
    await subscribeAtStripe(till, ada, trial('cancel'));
    await till.allowOverage(ada);
    expect(await till.use(ada, 500_001)).toMatchObject({ reason: 'INSUFFICIENT_CREDITS', available: 500_000 });
    await till.setCard(ada, 'accepted');
    await till.moveTo(TRIAL_END);
    await till.moveTo(TRIAL_END + 2 * HOUR_MS);
    expect(await till.use(ada, 500_001)).toMatchObject({ credits: 500_001 });
    await till.expectProven(ada);
  });

  test('that was paused goes on when somebody resumes it with a card', async () => {
    const ada = await till.buyer();
    await subscribeAtStripe(till, ada, trial('pause'));
    await till.moveTo(TRIAL_END);
    await till.moveTo(TRIAL_END + DAY_MS);
    await till.setCard(ada, 'accepted');
    expect(await till.of(ada, RESUME)).toMatchObject({ status: 'ACTIVE' });
    expect(await till.shown(ada)).toMatchObject(stands('ACTIVE', 500_000));
    await till.expectProven(ada);
  });

  test('that was paused has no fewer units, and no preview of them', async () => {
    const ada = await till.buyer();
    await subscribeAtStripe(till, ada, trial('pause'), 2);
    await till.moveTo(TRIAL_END);
    await till.moveTo(TRIAL_END + DAY_MS);
    const input = { billingEntityId: ada.id, plan: 'PRO', quantity: 1 };
    const preview = 'query ($input: ChangePlanInput!) { previewPlanChange(input: $input) { timing } }';
    expect(await till.codeOf(ada, preview, { input })).toBe('CONFLICT');
    expect(await till.codeOf(ada, CHANGE, { input })).toBe('CONFLICT');
    expect((await till.stripeSubscriptionOf(ada)).schedule).toBeNull();
  });

  test('goes on with fewer units, which come at its end', async () => {
    const ada = await till.buyer();
    await subscribeAtStripe(till, ada, trial('cancel'), 2);
    expect(await till.change(ada, 1)).toMatchObject({ status: 'TRIALING', quantity: 2, scheduledQuantity: 1 });
    expect((await till.stripeSubscriptionOf(ada)).trial_end).toBe(TRIAL_END / 1_000);
    await till.setCard(ada, 'accepted');
    await till.moveTo(TRIAL_END);
    await till.moveTo(TRIAL_END + 2 * HOUR_MS);
    expect((await till.chargesOf(ada)).map(({ amount }) => amount)).toEqual([2_000]);
    expect(await till.shown(ada)).toMatchObject(stands('ACTIVE', 500_000));
  });

  test('gives the plan’s credits, and at its end with a card the next ones as soon as they are paid', async () => {
    const ada = await till.buyer();
    await subscribeAtStripe(till, ada, trial('cancel'));
    expect(await till.shown(ada)).toMatchObject(stands('TRIALING', 500_000));
    expect(await till.use(ada, 499_000)).toMatchObject({ credits: 499_000 });
    await till.setCard(ada, 'accepted');
    await till.moveTo(TRIAL_END);
    expect(await till.shown(ada)).toMatchObject(stands('ACTIVE', 0));
    await till.moveTo(TRIAL_END + HOUR_MS);
    expect(await till.shown(ada)).toMatchObject({
      ...stands('ACTIVE', 500_000),
      subscription: { currentPeriodStart: new Date(TRIAL_END).toISOString() },
    });
    await till.expectProven(ada);
  });

  test('that ends without a card is over, where it was to be canceled', async () => {
    const ada = await till.buyer();
    await till.purchase(ada, 20_000);
    await subscribeAtStripe(till, ada, trial('cancel'));
    await till.setCard(ada, null);
    await till.moveTo(TRIAL_END);
    expect(await till.shown(ada)).toMatchObject({ ...FREE, credits: { available: 20_000, owed: 0 } });
    await till.expectProven(ada);
  });

  test('that ends without a card is paused, where it was to be: nothing is used until it goes on', async () => {
    const ada = await till.buyer();
    const { id } = await subscribeAtStripe(till, ada, trial('pause'));
    // Turned by our clock, before Stripe told.
    await till.control.deliveryMode({ hold: true });
    await till.moveTo(TRIAL_END);
    expect(await till.use(ada, 1_000)).toMatchObject({ reason: 'INSUFFICIENT_CREDITS', available: 0 });
    await till.release();
    expect(await till.shown(ada)).toMatchObject(stands('PAUSED', 0));
    expect(await till.use(ada, 1)).toMatchObject({ reason: 'PAYMENT_PAST_DUE' });
    await till.moveTo(TRIAL_END + 3 * DAY_MS);
    await till.setCard(ada, 'accepted');
    await till.stripe.call('subscription', (sdk) => sdk.subscriptions.resume(id));
    await till.settled();
    expect(await till.shown(ada)).toMatchObject({
      ...stands('ACTIVE', 500_000),
      subscription: { currentPeriodStart: new Date(TRIAL_END + 3 * DAY_MS).toISOString() },
    });
    await till.expectProven(ada);
  });

  test('that ends without a card is in arrears, where an invoice was to be made', async () => {
    const ada = await till.buyer();
    await subscribeAtStripe(till, ada, trial('create_invoice'));
    await till.moveTo(TRIAL_END);
    await till.moveTo(TRIAL_END + HOUR_MS);
    expect(await till.shown(ada)).toMatchObject(stands('PAST_DUE', 0));
    await payOnPage(till, ada);
    expect(await till.shown(ada)).toMatchObject(stands('ACTIVE', 500_000));
    await till.expectProven(ada);
  });
});

describe('a trial in the midst of a period that nobody has paid for', () => {
  const PAUSE = START + 10 * DAY_MS;
  const TRIAL_END = PAUSE + 7 * DAY_MS;
  /** Whoever never paid has not come to the plan yet. */
  const UNPAID = { plan: { code: 'FREE_TRIAL' }, credits: { available: 0, owed: 0 } };

  /** Somebody who was sent the first invoice, and whose trial begins before it is paid. */
  async function onTrial(): Promise<Buyer> {
    const ada = await till.buyer();
    const { id } = await subscribeAtStripe(till, ada, { collection_method: 'send_invoice', days_until_due: 30 }, 2);
    await till.moveTo(PAUSE);
    await till.stripe.call('subscription', (sdk) =>
      sdk.subscriptions.update(id, { trial_end: TRIAL_END / 1_000, proration_behavior: 'none' }),
    );
    await till.settled();
    return ada;
  }

  /** Pays the newest invoice that is open, or the oldest. */
  async function pay(ada: Buyer, which: 'newest' | 'oldest' = 'newest'): Promise<void> {
    const open = (await till.invoicesOf(ada)).filter(({ status }) => status === 'open');
    await till.submit(open.at(which === 'newest' ? 0 : -1)?.hosted_invoice_url as string, { card: 'accepted' });
  }

  test('brings nothing, and the period’s credits when that is paid', async () => {
    const ada = await onTrial();
    expect(await till.shown(ada)).toMatchObject({ ...UNPAID, subscription: { status: 'TRIALING' } });
    await pay(ada);
    expect(await till.shown(ada)).toMatchObject(stands('TRIALING', 1_000_000));
    await till.use(ada, 100_000);
    await till.sync(ada);
    expect(await till.shown(ada)).toMatchObject(stands('TRIALING', 900_000));
    await till.moveTo(TRIAL_END);
    await till.moveTo(TRIAL_END + 2 * HOUR_MS);
    expect(await till.shown(ada)).toMatchObject(stands('ACTIVE', 0));
    await pay(ada);
    expect(await till.shown(ada)).toMatchObject(stands('ACTIVE', 1_000_000));
    await till.expectProven(ada);
  });

  test('brings nothing, and later what is paid, once', async () => {
    const ada = await onTrial();
    await till.moveTo(TRIAL_END);
    await till.moveTo(TRIAL_END + 2 * HOUR_MS);
    expect(await till.shown(ada)).toMatchObject({ ...UNPAID, subscription: { status: 'ACTIVE' } });
    await pay(ada);
    expect(await till.shown(ada)).toMatchObject(stands('ACTIVE', 1_000_000));
    await pay(ada);
    expect(await till.shown(ada)).toMatchObject(stands('ACTIVE', 2_000_000));
    await till.sync(ada);
    expect(await till.shown(ada)).toMatchObject(stands('ACTIVE', 2_000_000));
    await till.expectProven(ada);
  });

  test('brings what is paid in the order of the invoices, too: nothing of it lapses when the subscription starts', async () => {
    const ada = await onTrial();
    await till.moveTo(TRIAL_END);
    await till.moveTo(TRIAL_END + 2 * HOUR_MS);
    await pay(ada, 'oldest');
    expect(await till.shown(ada)).toMatchObject({ credits: { available: 1_000_000, owed: 0 } });
    await till.use(ada, 300_000);
    await pay(ada, 'oldest');
    expect(await till.shown(ada)).toMatchObject(stands('ACTIVE', 1_700_000));
    await till.sync(ada);
    expect(await till.shown(ada)).toMatchObject(stands('ACTIVE', 1_700_000));
    await till.expectProven(ada);
  });
});

describe('a first payment that the bank asks about', () => {
  test('on the Checkout page buys nothing until it is confirmed', async () => {
    const ada = await till.buyer();
    const session = await till.checkout(ada, { plan: 'PRO' });
    const { outcome } = await till.control.payCheckout(session, { card: 'requires_action', authenticate: false });
    await till.settled();
    expect(outcome).toBe('requires_action');
    expect(await till.shown(ada)).toMatchObject({ ...FREE, credits: { available: 0 } });
    await till.control.payCheckout(session, { card: 'requires_action' });
    await till.settled();
    expect(await till.shown(ada)).toMatchObject(stands('ACTIVE', 500_000));
    await till.expectProven(ada);
  });

  test('of a subscription grants nothing until it is paid, and says where', async () => {
    const ada = await till.buyer();
    await subscribeAtStripe(till, ada);
    expect(await till.shown(ada)).toMatchObject({
      plan: { code: 'FREE_TRIAL' },
      credits: { available: 0 },
      subscription: { status: 'INCOMPLETE', currentPeriodEnd: null, pendingPayment: { quantity: 1 } },
    });
    await payOnPage(till, ada);
    expect(await till.shown(ada)).toMatchObject({
      ...stands('ACTIVE', 500_000),
      subscription: { pendingPayment: null },
    });
    await till.expectProven(ada);
  });

  test('that never comes is forgotten after 23 hours, as if it had not been', async () => {
    const ada = await till.buyer();
    await subscribeAtStripe(till, ada);
    await till.moveTo(START + 23 * HOUR_MS);
    expect(await till.shown(ada)).toMatchObject({ ...FREE, credits: { available: 0 } });
    await till.subscribe(ada);
    expect(await till.shown(ada)).toMatchObject(stands('ACTIVE', 500_000));
    await till.expectProven(ada);
  });

  test('stands in nobody’s way who pays for another subscription meanwhile', async () => {
    const ada = await till.buyer();
    const { id } = await subscribeAtStripe(till, ada);
    await till.subscribe(ada);
    expect(await till.shown(ada)).toMatchObject(stands('ACTIVE', 500_000));
    const all = await till.subscriptionsOf(ada);
    expect(all.find((each) => each.id === id)?.ended_at).not.toBeNull();
    await till.expectProven(ada);
  });
});

test(
  'every call and every answer is as the SDK declares it',
  () => {
    expect(contractViolations(traffic.filter(({ path }) => path !== '/v1/events'))).toEqual([]);
  },
  CONTRACT_TIMEOUT_MS,
);

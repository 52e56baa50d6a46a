import { creditsIn, PACKS, problemWith } from '../src/pages/subscription/amount.ts';
import { costOf, leftAt, priceOf } from '../src/pages/subscription/money.ts';
import { overageForm, toPolicy } from '../src/pages/subscription/overage-form.ts';
import { hasUnits, type Plan, runningOf, targetOf, unitsIn } from '../src/pages/subscription/plan-state.ts';
import { readSubscriptionSearch, returnAddresses } from '../src/pages/subscription/search.ts';

const PER_CREDIT = '0.00004';
const plan = (code: string, priceCents: number): Plan => ({
  code,
  name: code,
  priceCents,
  credits: 1_000,
  features: [],
  overageAllowed: priceCents > 0,
  overageCostPerCredit: null,
});
const FREE = plan('FREE_TRIAL', 0);
const PRO = plan('PRO', 2_000);
const subscription = {
  id: 'sub_1',
  status: 'ACTIVE',
  quantity: 1,
  currentPeriodStart: '2026-03-01T00:00:00Z',
  currentPeriodEnd: '2026-04-01T00:00:00Z',
  cancelAtPeriodEnd: false,
  endsAt: null,
  scheduledQuantity: null,
  scheduledAt: null,
  graceEndsAt: null,
  plan: PRO,
  scheduledPlan: null,
  pendingPayment: null,
  waiting: null,
} as const;

describe('money', () => {
  test('cents and credits are shown in dollars', () => {
    expect(priceOf(2_000)).toBe('$20.00');
    expect(costOf(12_500, PER_CREDIT)).toBe('$0.50');
    expect(costOf(1, PER_CREDIT)).toBe('$0.00004');
    expect(costOf(2_500_000, PER_CREDIT)).toBe('$100.00');
  });

  test('credits lapse with their period, also those of its very end; others and endless ones stay', () => {
    const end = '2026-04-01T00:00:00.000Z';
    const grants = [
      { remaining: 400, expiresAt: '2026-04-01T00:00:00Z' },
      { remaining: 50, expiresAt: '2026-03-15T00:00:00Z' },
      { remaining: 7, expiresAt: '2026-04-01T00:00:01Z' },
      { remaining: 100, expiresAt: null },
    ];
    expect(leftAt(grants, end)).toEqual({ lapsing: 450, staying: 107 });
  });
});

describe('an amount of credits to buy', () => {
  test.each([...PACKS, 12_750, 24_999_999_750])('%d can be bought', (credits) => {
    expect(problemWith(` ${credits} `)).toBeNull();
  });

  test.each([
    ['', 'Give a whole number'],
    ['12,500', 'Give a whole number'],
    ['-12500', 'Give a whole number'],
    ['1e6', 'Give a whole number'],
    ['12500.0', 'Give a whole number'],
    ['12250', 'The least amount'],
    ['0', 'The least amount'],
    ['12501', '12,500 or 12,750'],
    ['24999999999', 'more than can be bought'],
    ['25000000000', 'more than can be bought'],
    ['9999999999999999', 'Give a whole number'],
  ])('%s cannot: %s', (typed, problem) => {
    expect(problemWith(typed)).toContain(problem);
  });

  test('is read as it was typed, without spaces', () => {
    expect([creditsIn(' 100000 '), creditsIn('1 000'), creditsIn('٣')]).toEqual([100_000, null, null]);
  });
});

describe('plans', () => {
  test('a dialog is about the plan that is named, else the cheapest that costs more', () => {
    const TEAM = plan('TEAM', 9_000);
    expect(targetOf([FREE, PRO, TEAM], FREE, undefined)).toBe(PRO);
    expect(targetOf([FREE, PRO, TEAM], PRO, undefined)).toBe(TEAM);
    expect(targetOf([FREE, PRO], PRO, undefined)).toBeUndefined();
    expect(targetOf([FREE, PRO, TEAM], FREE, 'TEAM')).toBe(TEAM);
    expect(targetOf([FREE, PRO], FREE, 'NONE')).toBeUndefined();
  });

  test('a subscription whose first payment is missing, or that has ended, is bought anew', () => {
    expect(runningOf(subscription)).toBe(subscription);
    expect(runningOf({ ...subscription, status: 'PAST_DUE' })).not.toBeNull();
    expect(runningOf({ ...subscription, status: 'INCOMPLETE' })).toBeNull();
    expect(runningOf({ ...subscription, status: 'CANCELED' })).toBeNull();
    expect(runningOf(null)).toBeNull();
  });

  test('units are of organizations, and of whoever has more than one', () => {
    expect(hasUnits('ORGANIZATION', null)).toBe(true);
    expect(hasUnits('USER', subscription)).toBe(false);
    expect(hasUnits('USER', { ...subscription, quantity: 2 })).toBe(true);
  });

  test('units are whole numbers from 1 to 1000', () => {
    expect(['1', ' 1000 ', '07'].map(unitsIn)).toEqual([1, 1_000, 7]);
    expect(['0', '1001', '', '1.5', '-1', 'two', '1e2'].map(unitsIn)).toEqual(Array.from({ length: 7 }, () => null));
  });
});

describe('the cap on overage', () => {
  test('is a whole number above 0, or none', () => {
    const fits = (cap: string): boolean => overageForm.safeParse({ enabled: true, cap }).success;
    expect(['', '  ', '1', ' 200000 '].map(fits)).toEqual([true, true, true, true]);
    expect(['0', '-5', '1.5', '1,000', 'all', '99999999999999999999'].map(fits)).not.toContain(true);
  });

  test('that is left empty is said to be none', () => {
    expect(toPolicy({ enabled: true, cap: ' ' })).toEqual({ enabled: true, cap: null });
    expect(toPolicy({ enabled: false, cap: ' 200000' })).toEqual({ enabled: false, cap: 200_000 });
  });
});

describe('addresses', () => {
  test('what is not understood is left out', () => {
    expect(readSubscriptionSearch({ open: 'credits', plan: 'PRO', checkout: 'plan', session: 'cs_1' })).toEqual({
      open: 'credits',
      plan: 'PRO',
      checkout: 'plan',
      session: 'cs_1',
    });
    expect(readSubscriptionSearch({ open: 'all', plan: {}, checkout: true, session: null })).toEqual({});
  });

  test('Checkout leads back to the account, and Stripe can fill in its session', () => {
    const { successUrl, cancelUrl } = returnAddresses('https://x.example', { accountId: 'a&b', bought: 'credits' });
    expect(successUrl).toBe(
      'https://x.example/subscription?account=a%26b&checkout=credits&session={CHECKOUT_SESSION_ID}',
    );
    expect(cancelUrl).toBe('https://x.example/subscription?account=a%26b&checkout=cancelled');
  });
});

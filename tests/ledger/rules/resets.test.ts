import { newAccount, type Account } from '../../../src/ledger/rules/account.ts';
import type { RefusalReason } from '../../../src/ledger/rules/refusals.ts';
import { resetsAt } from '../../../src/ledger/rules/resets.ts';
import type { SubscriptionState } from '../../../src/ledger/rules/subscription.ts';

const NOW = new Date('2026-03-10T12:00:00.000Z');
const MONTH_END = new Date('2026-04-01T00:00:00.000Z');
const PERIOD = { start: new Date('2026-03-05T00:00:00.000Z'), end: new Date('2026-04-05T00:00:00.000Z') };

const RENEWING: SubscriptionState = {
  id: 'sub_1',
  plan: 'PRO',
  quantity: 1,
  paymentStanding: 'GOOD',
  status: 'ACTIVE',
  graceEndsAt: null,
  anchor: PERIOD.start,
  periodStart: PERIOD.start,
  next: { plan: 'PRO', quantity: 1 },
  paidUntil: PERIOD.end,
  base: null,
};

const trial = newAccount('payer', NOW);
const subscriber = (changes: Partial<SubscriptionState>): Account => ({
  ...trial,
  period: PERIOD,
  subscription: { ...RENEWING, ...changes },
});

const PAYERS: Record<string, { readonly account: Account; readonly renews: boolean }> = {
  'on the trial': { account: trial, renews: false },
  'whose subscription renews': { account: subscriber({}), renews: true },
  'whose subscription ends': { account: subscriber({ next: null }), renews: false },
  'whose subscription becomes the trial': {
    account: subscriber({ next: { plan: 'FREE_TRIAL', quantity: 1 } }),
    renews: false,
  },
  'whom nobody has seen paying for longer than a period': {
    account: subscriber({ paidUntil: new Date('2026-02-05T00:00:00.000Z') }),
    renews: false,
  },
  'on a trial of the plan': { account: subscriber({ status: 'TRIALING' }), renews: false },
  'who is past due': { account: subscriber({ paymentStanding: 'PAST_DUE', status: 'PAST_DUE' }), renews: false },
  'whose first payment is missing': {
    account: { ...trial, subscription: { ...RENEWING, paymentStanding: 'INCOMPLETE', status: 'INCOMPLETE' } },
    renews: false,
  },
};

/** What counts by periods begins anew with any period; credits and overage with one that brings the plan's own. */
const BEGINS_ANEW: Record<RefusalReason, 'always' | 'when renewed' | 'never'> = {
  MEMBER_LIMIT_REACHED: 'always',
  API_KEY_LIMIT_REACHED: 'always',
  INSUFFICIENT_CREDITS: 'when renewed',
  OVERAGE_CAP_REACHED: 'when renewed',
  FEATURE_NOT_IN_PLAN: 'never',
  ENTITY_SUSPENDED: 'never',
  MEMBER_SUSPENDED: 'never',
  PAYMENT_PAST_DUE: 'never',
};

describe.each(Object.entries(PAYERS))('a payer %s', (_, { account, renews }) => {
  it.each(Object.entries(BEGINS_ANEW) as [RefusalReason, string][])(
    'is told of %s: it begins anew %s',
    (reason, when) => {
      const helps = when === 'always' || (when === 'when renewed' && renews);
      expect(resetsAt(account, reason)).toEqual(helps ? account.period.end : null);
    },
  );
});

test('a payer on the trial has calendar months', () => {
  expect(resetsAt(trial, 'MEMBER_LIMIT_REACHED')).toEqual(MONTH_END);
});

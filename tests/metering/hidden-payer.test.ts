/** What an organization's key is told where a member pays: nothing of what the member has, in whatever way it was refused. */
import type { Balance } from '../../src/ledger/rules/balance.ts';
import type { LimitScope, RefusalReason } from '../../src/ledger/rules/refusals.ts';
import { balanceShown, refusalShown } from '../../src/metering/usage-input.ts';

const BALANCE: Balance = {
  billingEntityId: 'member',
  available: 1n,
  held: 2n,
  used: 3n,
  allowance: 4n,
  overage: 5n,
  owed: 6n,
  usedRatio: 0.75,
  version: 7n,
  sequence: 8n,
  asOf: new Date(0),
};
const FIGURES = ['available', 'held', 'used', 'allowance', 'overage', 'owed', 'usedRatio', 'version'] as const;
const resetsAt = new Date(1);

const REFUSALS: readonly (readonly [RefusalReason, LimitScope, { required: bigint; available: bigint }])[] = [
  // What is owed stands in what is required, as it would have to be paid first.
  ['INSUFFICIENT_CREDITS', 'BALANCE', { required: 94n, available: 0n }],
  ['OVERAGE_CAP_REACHED', 'OVERAGE_CAP', { required: 100n, available: 0n }],
  ['FEATURE_NOT_IN_PLAN', 'PLAN', { required: 100n, available: 0n }],
  ['PAYMENT_PAST_DUE', 'PLAN', { required: 100n, available: 0n }],
  ['ENTITY_SUSPENDED', 'BALANCE', { required: 100n, available: 0n }],
  ['MEMBER_SUSPENDED', 'MEMBER', { required: 100n, available: 0n }],
  ['API_KEY_LIMIT_REACHED', 'API_KEY', { required: 100n, available: 50n }],
];

describe('a payer that is hidden', () => {
  it('has a balance of zeros, which names the payer and the instant alone', () => {
    const shown = balanceShown(BALANCE, 'hidden');
    expect(FIGURES.map((name) => Number(shown[name]))).toEqual(FIGURES.map(() => 0));
    expect(shown).toMatchObject({ billingEntityId: 'member', asOf: BALANCE.asOf });
    expect(balanceShown(BALANCE, 'shown')).toBe(BALANCE);
  });

  it.each(REFUSALS)('tells of %s nothing but the limit, and when it begins anew', (reason, scope, told) => {
    const refused = { kind: 'refused', reason, scope, message: 'm', required: 100n, available: 50n } as const;
    const refusal = { ...refused, balance: BALANCE, resetsAt };
    const expected = { ...refusal, ...told, balance: balanceShown(BALANCE, 'hidden') };
    expect(refusalShown(refusal, 'hidden')).toEqual(expected);
    expect(refusalShown(refusal, 'shown')).toBe(refusal);
  });
});

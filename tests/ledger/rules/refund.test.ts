import { balanceOf } from '../../../src/ledger/rules/account.ts';
import type { Command } from '../../../src/ledger/rules/commands.ts';
import { RATES } from '../../../src/plans/rates.ts';
import { PRO } from './commands.ts';
import { at, ENTITY, grantOf, HOLD, ProvenAccount, reserveOf, settleOf, useOf } from './proven-account.ts';

describe('refunds (rule 22)', () => {
  const refundOf = (sequence: bigint, line = 0): Command => ({
    kind: 'refund',
    billingEntityId: ENTITY,
    actor: 'test',
    idempotency: null,
    record: { sequence, line },
    reason: 'it failed',
  });

  it('go back to the grants that were drawn, once, line by line', () => {
    const payer = new ProvenAccount();
    payer.done(grantOf(10n, { priority: 10 }));
    payer.done(grantOf(100n));
    const lines = [
      { quantity: 150n, rate: RATES.AI_TOKENS },
      { quantity: 60_000n, rate: RATES.COMPUTE },
    ];
    payer.done({ ...useOf(0n), lines } as Command);
    expect(payer.done(refundOf(3n, 0))).toEqual([
      ['REFUND', 10n],
      ['REFUND', 5n],
    ]);
    expect(payer.account).toMatchObject({ available: 60n, used: 50n });
    expect(payer.try(refundOf(3n, 0))).toMatchObject({ code: 'CONFLICT' });
    expect(payer.try(refundOf(3n, 2))).toMatchObject({ code: 'NOT_FOUND' });
    payer.done(refundOf(3n, 1));
    expect(payer.account).toMatchObject({ available: 110n, used: 0n });
    expect([...payer.ledger.grants.values()].map((grant) => [grant.amount, grant.remaining])).toEqual([
      [10n, 10n],
      [100n, 100n],
    ]);
  });

  it('replace a grant that has lapsed by one like it, until the period ends', () => {
    const payer = new ProvenAccount();
    payer.done(grantOf(100n, { expiresAt: at('2026-03-10T13:00:00Z'), priority: 20, source: 'PROMOTION' }));
    payer.done(useOf(300n));
    payer.at('2026-03-10T14:00:00Z').done(refundOf(2n));
    const [, replaced] = [...payer.ledger.grants.values()];
    expect(replaced).toMatchObject({
      source: 'PROMOTION',
      amount: 30n,
      remaining: 30n,
      priority: 20,
      expiresAt: at('2026-04-01T00:00:00Z'),
    });
    expect(payer.account).toMatchObject({ available: 30n, used: 0n });
  });

  it('leave the counters of a later period alone', () => {
    const payer = new ProvenAccount({ overagePolicy: { enabled: true, cap: null }, subscription: PRO });
    payer.done(grantOf(10n));
    payer.done(useOf(300n));
    payer.at('2026-04-02T00:00:00Z').done(refundOf(2n));
    // Ten went back to their grant; twenty of overage are on a bill already, and come as an ADJUSTMENT.
    expect(payer.account).toMatchObject({ available: 30n, used: 0n, overage: 0n });
    expect([...payer.ledger.grants.values()].map((grant) => [grant.source, grant.remaining])).toEqual([
      ['PURCHASE', 10n],
      ['ADJUSTMENT', 20n],
    ]);
  });

  it('take overage of this period off, and pay back what was owed', () => {
    const payer = new ProvenAccount({ overagePolicy: { enabled: true, cap: 5n }, subscription: PRO });
    payer.done(reserveOf(0n, HOLD));
    payer.done(settleOf(200n, HOLD));
    expect(payer.account).toMatchObject({ overage: 5n, owed: 15n, used: 20n });
    expect(payer.done(refundOf(3n))).toEqual([
      ['REFUND', 0n],
      ['REFUND', 15n],
      ['REPAYMENT', -15n],
    ]);
    expect(payer.account).toMatchObject({ available: 0n, overage: 0n, owed: 0n, used: 0n });
  });

  it('of what is owed leave no debt in the allowance, also beside an older one (rule 9)', () => {
    const payer = new ProvenAccount();
    payer.done(reserveOf(0n, '01900000-0000-7000-8000-00000000a004'));
    payer.done(settleOf(1_000n, '01900000-0000-7000-8000-00000000a004'));
    payer.at('2026-04-02T00:00:00Z').done(reserveOf(0n, HOLD));
    payer.done(settleOf(600n, HOLD));
    expect(payer.account).toMatchObject({ owed: 160n, owedThisPeriod: 60n, used: 60n });
    payer.done(refundOf(payer.account.sequence));
    expect(payer.account).toMatchObject({ owed: 100n, owedThisPeriod: 0n, used: 0n });
    expect(balanceOf(payer.account, payer.now)).toMatchObject({ allowance: 0n, usedRatio: 0 });
  });

  it('of a record that charged nothing happen once, too', () => {
    const payer = new ProvenAccount();
    payer.done(useOf(5n));
    expect(payer.done(refundOf(1n))).toEqual([['REFUND', 0n]]);
    expect(payer.try(refundOf(1n))).toMatchObject({ code: 'CONFLICT' });
    // The fraction stays carried: it belongs to use, not to money (rule 2).
    expect(payer.account.carries.AI_TOKENS).toEqual({ numerator: 1n, denominator: 2n });
  });
});

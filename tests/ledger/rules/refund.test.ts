import fc from 'fast-check';
import { balanceOf } from '../../../src/ledger/rules/account.ts';
import type { Command } from '../../../src/ledger/rules/commands.ts';
import { partOfCharge } from '../../../src/ledger/rules/refund.ts';
import { RATES } from '../../../src/plans/rates.ts';
import { PRO } from './commands.ts';
import { at, ENTITY, grantOf, HOLD, ProvenAccount, reserveOf, settleOf, useOf } from './proven-account.ts';

describe('refunds (rule 22)', () => {
  const refundOf = (sequence: bigint, line = 0, credits: bigint | null = null): Command => ({
    kind: 'refund',
    billingEntityId: ENTITY,
    actor: 'test',
    idempotency: null,
    record: { sequence, line },
    credits,
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

  const partOf = (sequence: bigint, credits: bigint): Command => refundOf(sequence, 0, credits);
  const leftIn = (payer: ProvenAccount): (readonly [string, bigint])[] =>
    [...payer.ledger.grants.values()].map((grant) => [grant.source, grant.remaining] as const);

  it('in parts go back in the reverse of how the charge was taken, from where the part before stopped', () => {
    const payer = new ProvenAccount({ overagePolicy: { enabled: true, cap: 5n }, subscription: PRO });
    payer.done(grantOf(10n, { priority: 10 }));
    payer.done(grantOf(20n, { source: 'PROMOTION' }));
    payer.done(reserveOf(0n, HOLD));
    payer.done(settleOf(420n, HOLD));
    const record = payer.account.sequence - 1n;
    expect(payer.account).toMatchObject({ used: 42n, overage: 5n, owed: 7n, available: 0n });
    // Two of what is owed; then the other five, and three of the overage.
    expect(payer.done(partOf(record, 2n))).toEqual([
      ['REFUND', 2n],
      ['REPAYMENT', -2n],
    ]);
    expect(payer.account).toMatchObject({ used: 40n, overage: 5n, owed: 5n, owedThisPeriod: 5n });
    payer.done(partOf(record, 8n));
    expect(payer.account).toMatchObject({ used: 32n, overage: 2n, owed: 0n, available: 0n });
    // The rest of the overage, and one of the grant that was drawn last.
    payer.done(partOf(record, 3n));
    expect(payer.account).toMatchObject({ used: 29n, overage: 0n, available: 1n });
    payer.done(partOf(record, 25n));
    expect(payer.account).toMatchObject({ used: 4n, available: 26n });
    expect(leftIn(payer).slice(0, 2)).toEqual([
      ['PURCHASE', 6n],
      ['PROMOTION', 20n],
    ]);
    expect(payer.try(partOf(record, 5n))).toMatchObject({
      code: 'CONFLICT',
      message: expect.stringContaining('only 4'),
    });
    payer.done(refundOf(record));
    expect(payer.account).toMatchObject({ used: 0n, available: 30n });
    expect(payer.try(partOf(record, 1n))).toMatchObject({ code: 'CONFLICT' });
    expect(payer.try(refundOf(record))).toMatchObject({ code: 'CONFLICT' });
  });

  it('in parts take off of the overage what no report has when they come', () => {
    const payer = new ProvenAccount({ overagePolicy: { enabled: true, cap: null }, subscription: PRO });
    payer.done(useOf(200n));
    const report: Command = {
      kind: 'reportOverage',
      billingEntityId: ENTITY,
      actor: 'system',
      idempotency: null,
      reportId: '01900000-0000-7000-8000-00000000b001',
    };
    payer.done(partOf(1n, 5n));
    expect(payer.account).toMatchObject({ overage: 15n, used: 15n, available: 0n });
    payer.done(report);
    payer.done(useOf(30n));
    // What the report has is billed: three of another use can still be taken off, two come as credits.
    payer.done(partOf(1n, 5n));
    expect(payer.account).toMatchObject({ overage: 15n, used: 13n, available: 2n, overageReported: 15n });
    payer.done(refundOf(1n));
    expect(payer.account).toMatchObject({ overage: 15n, used: 3n, available: 12n });
    expect(leftIn(payer)).toEqual([
      ['ADJUSTMENT', 2n],
      ['ADJUSTMENT', 10n],
    ]);
  });

  it('in parts leave the counts of a period that began between them', () => {
    const payer = new ProvenAccount({ overagePolicy: { enabled: true, cap: null }, subscription: PRO });
    payer.done(grantOf(10n));
    payer.done(useOf(300n));
    payer.done(partOf(2n, 8n));
    expect(payer.account).toMatchObject({ used: 22n, overage: 12n, overageReported: 0n });
    payer.at('2026-04-02T00:00:00Z').done(partOf(2n, 15n));
    // Twelve of overage are on the bill of March by now, and three come back to their grant.
    expect(payer.account).toMatchObject({ used: 0n, overage: 0n, available: 15n });
    expect(leftIn(payer)).toEqual([
      ['PURCHASE', 3n],
      ['ADJUSTMENT', 12n],
    ]);
    expect(payer.try(partOf(2n, 8n))).toMatchObject({ code: 'CONFLICT' });
    payer.done(partOf(2n, 7n));
    expect(payer.account.available).toBe(22n);
  });

  it('in parts replace a grant that lapsed between them, and go to the grant itself before', () => {
    const payer = new ProvenAccount();
    payer.done(grantOf(100n, { expiresAt: at('2026-03-10T13:00:00Z'), priority: 20 }));
    payer.done(useOf(500n));
    payer.done(partOf(2n, 10n));
    expect(leftIn(payer)).toEqual([['PURCHASE', 60n]]);
    payer.at('2026-03-10T14:00:00Z').done(partOf(2n, 15n));
    payer.done(refundOf(2n));
    expect(leftIn(payer)).toEqual([
      ['PURCHASE', 0n],
      ['PURCHASE', 15n],
      ['PURCHASE', 25n],
    ]);
    const [, ...replaced] = [...payer.ledger.grants.values()];
    for (const grant of replaced) expect(grant).toMatchObject({ priority: 20, expiresAt: at('2026-04-01T00:00:00Z') });
    expect(payer.account).toMatchObject({ available: 40n, used: 0n });
  });

  it('in parts come back to a grant that was clawed back between them, and pay what that left owed', () => {
    const payer = new ProvenAccount();
    const bought = grantOf(100n);
    payer.done(bought);
    payer.done(useOf(600n));
    payer.done(partOf(2n, 10n));
    const grantId = (bought as { grantId: string }).grantId;
    const clawback: Command = {
      kind: 'clawback',
      billingEntityId: ENTITY,
      actor: 'system',
      idempotency: null,
      grantId,
      target: 100n,
      elsewhere: [],
      reason: 'charge refunded',
    };
    payer.done(clawback);
    expect(payer.account).toMatchObject({ available: 0n, owed: 50n });
    expect(payer.ledger.grants.get(grantId)).toMatchObject({ clawed: 100n, voidedAt: payer.now, remaining: 0n });
    payer.done(partOf(2n, 20n));
    expect(payer.account).toMatchObject({ available: 0n, owed: 30n, used: 30n });
    payer.done(grantOf(40n));
    payer.done(refundOf(2n));
    // Nothing was owed any more, and thirty are the payer's own again.
    expect(payer.account).toMatchObject({ available: 40n, owed: 0n, used: 0n });
  });

  it('take any part of any charge apart so that all parts together are the charge', () => {
    const amount = fc.bigInt(0n, 50n);
    const draws = fc.array(fc.bigInt(1n, 50n), { maxLength: 4 });
    fc.assert(
      fc.property(amount, amount, draws, fc.array(fc.bigInt(1n, 30n)), (owed, overage, drawn, cuts) => {
        const charge = { owed, overage, draws: drawn.map((credits, index) => ({ grantId: `${index}`, credits })) };
        const total = drawn.reduce((all, credits) => all + credits, owed + overage);
        const given = new Map<string, bigint>();
        const give = (to: string, credits: bigint): void => void given.set(to, (given.get(to) ?? 0n) + credits);
        let [after, reached] = [0n, 0];
        for (const cut of [...cuts, total]) {
          const credits = cut < total - after ? cut : total - after;
          const part = partOfCharge(charge, { after, credits });
          after += credits;
          give('owed', part.owed);
          give('overage', part.overage);
          for (const draw of part.draws) give(draw.grantId, draw.credits);
          const sum = part.draws.reduce((all, draw) => all + draw.credits, part.owed + part.overage);
          expect(sum).toBe(credits);
          // Nothing of what was taken earlier goes back before what was taken later.
          const order = ['owed', 'overage', ...drawn.map((_, index) => `${index}`).toReversed()];
          const full = (name: string): bigint =>
            name === 'owed' ? owed : name === 'overage' ? overage : (drawn[Number(name)] ?? 0n);
          while (
            reached < order.length &&
            (given.get(order[reached] as string) ?? 0n) === full(order[reached] as string)
          ) {
            reached += 1;
          }
          for (const later of order.slice(reached + 1)) expect(given.get(later) ?? 0n).toBe(0n);
        }
        expect(after).toBe(total);
      }),
    );
  });
});

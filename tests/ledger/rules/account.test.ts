import fc from 'fast-check';
import { accountTime, balanceOf, nextEventAt } from '../../../src/ledger/rules/account.ts';
import type { Command } from '../../../src/ledger/rules/commands.ts';
import { sumRemaining } from '../../../src/ledger/rules/grants.ts';
import { draft, pauseHours, PRO } from './commands.ts';
import { Model } from './model.ts';
import { PureLedger } from './pure-ledger.ts';
import { at, ENTITY, grantOf, HOLD, ProvenAccount, reserveOf, START, useOf } from './proven-account.ts';

const HOUR_MS = 3_600_000;

/** How the model answers. */
const ANSWERS = { applied: 'done', refused: 'refused', rejected: 'rejected', wrongPayer: 'wrongPayer' } as const;

describe('an account', () => {
  it.each([
    { enabled: false, cap: null },
    { enabled: true, cap: 700n },
    { enabled: true, cap: null },
  ])(
    'agrees with a naive model on any history, and its ledger rebuilds the account (overage $enabled, cap $cap)',
    (policy) => {
      fc.assert(
        fc.property(fc.array(fc.tuple(pauseHours, draft), { maxLength: 80 }), (history) => {
          const model = new Model(policy);
          const ledger = new PureLedger().open(ENTITY, START, { overagePolicy: policy, subscription: PRO });
          const reservations: string[] = [];
          let clock = START;
          for (const [index, [hours, make]] of history.entries()) {
            clock = new Date(clock.getTime() + hours * HOUR_MS);
            // The account's time, which the model must share, never runs backwards.
            const now = accountTime(ledger.account(ENTITY), clock);
            const { records } = ledger;
            const command = make({ billingEntityId: ENTITY, now, key: `key-${index}`, reservations, records });
            const named = command.kind === 'refund' ? command.record : null;
            const decision = ledger.execute(command, clock);
            const recordIndex = records.findIndex((r) => r.sequence === named?.sequence && r.line === named.line);
            const answer = model.at(now).execute(command, recordIndex);
            if (command.kind === 'reserve' && decision.kind === 'applied') reservations.push(command.reservationId);

            // Releasing what is out of time already, or released, is no mistake.
            if (command.kind !== 'release') {
              expect(ANSWERS[decision.kind]).toBe(answer);
            }
            const account = ledger.account(ENTITY);
            const { available, held, used, overage, owed } = account;
            expect({ available, held, used, overage, owed }).toEqual({
              available: model.available,
              held: model.held,
              used: model.used,
              overage: model.overage,
              owed: model.owed,
            });
            expect(owed === 0n || available === 0n).toBe(true);
            expect(account.owedThisPeriod <= owed).toBe(true);
            expect(sumRemaining(account.grants, 'ACTIVE') + sumRemaining(account.grants, 'EXPIRING')).toBe(
              available + held,
            );
            expect(sumRemaining(account.grants, 'EXPIRING') <= held).toBe(true);
            expect(balanceOf(account, now).allowance >= 0n).toBe(true);
            // What is kept for an answer that is given again is what was answered.
            const kept = decision.kind === 'applied' ? (decision.entries[0]?.afterCommand ?? null) : null;
            if (kept !== null) {
              const { allowance, version, sequence } = balanceOf(account, now);
              expect(kept).toEqual({ sequence, used, allowance, version });
            }
            const isKeyed = command.idempotency !== null && decision.kind === 'applied';
            expect(kept !== null).toBe(isKeyed);
          }

          expect(ledger.verify(ENTITY).problems).toEqual([]);
          const known = model.grants.filter(({ id }) => id !== null);
          for (const { id, left } of known) expect(ledger.grants.get(id as string)?.remaining).toBe(left);
        }),
        { numRuns: 300 },
      );
    },
  );

  it('draws by priority, then sooner expiry, then promotional before paid, then older (rule 5)', () => {
    const payer = new ProvenAccount();
    const expiresAt = at('2026-04-01T00:00:00Z');
    for (const grant of [
      grantOf(1n),
      grantOf(2n, { source: 'PROMOTION' }),
      grantOf(3n, { expiresAt }),
      grantOf(4n, { priority: 10 }),
    ]) {
      payer.done(grant);
    }
    payer.done(useOf(100n));
    expect(payer.ledger.records[0]?.draws.map((draw) => draw.credits)).toEqual([4n, 3n, 2n, 1n]);
  });

  it('lets a grant of later count from its instant, with an entry of its own', () => {
    const payer = new ProvenAccount();
    const later = at('2026-03-11T00:00:00Z');
    expect(payer.done(grantOf(70n, { effectiveAt: later }))).toEqual([['GRANT', 0n]]);
    expect(payer.account.available).toBe(0n);
    expect(nextEventAt(payer.account)).toEqual(later);
    payer.at('2026-03-11T00:00:00Z');
    expect(payer.account.available).toBe(70n);
    expect(payer.ledger.entries.map((entry) => [entry.kind, entry.amount])).toEqual([
      ['GRANT', 0n],
      ['GRANT', 70n],
    ]);
  });

  it('turns the period once, however late, and never back (rule 13)', () => {
    const payer = new ProvenAccount();
    payer.done(grantOf(1_000n));
    payer.done(useOf(1_000n));
    const before = payer.account;
    expect(before.used).toBe(100n);
    const late = payer.at('2026-07-20T00:00:00Z').account;
    expect(late.used).toBe(0n);
    expect(late.period).toEqual({ start: at('2026-07-01T00:00:00Z'), end: at('2026-08-01T00:00:00Z') });
    expect(late.version).toBe(before.version + 1n);
    expect(payer.at('2026-06-30T23:59:59Z').account).toMatchObject({ version: late.version, period: late.period });
  });

  it('carries fractions over periods and keeps them through refusals (rule 2)', () => {
    const payer = new ProvenAccount();
    payer.done(grantOf(1n));
    payer.done(useOf(9n));
    expect(payer.try(useOf(1_000n))).toMatchObject({ kind: 'refused' });
    expect(payer.account.carries.AI_TOKENS).toEqual({ numerator: 9n, denominator: 10n });
    payer.at('2026-05-01T00:00:00Z').done(useOf(1n));
    expect(payer.ledger.records.at(-1)?.credits).toBe(1n);
  });

  it('measures use against the allowance (rule 9)', () => {
    const payer = new ProvenAccount();
    expect(balanceOf(payer.account, START).usedRatio).toBe(0);
    payer.done(grantOf(100n));
    payer.done(useOf(250n));
    expect(balanceOf(payer.account, START)).toMatchObject({
      available: 75n,
      used: 25n,
      allowance: 100n,
      usedRatio: 0.25,
    });
  });

  it('refuses suspended accounts even what costs nothing (rule 18)', () => {
    const payer = new ProvenAccount({ suspended: true });
    expect(payer.try(useOf(0n))).toMatchObject({ kind: 'refused', reason: 'ENTITY_SUSPENDED' });
    expect(payer.try(reserveOf(0n, HOLD))).toMatchObject({ kind: 'refused', reason: 'ENTITY_SUSPENDED' });
  });

  it('refuses features that the plan does not grant, before it looks at the balance (rule 18)', () => {
    const payer = new ProvenAccount();
    const use = { ...useOf(1_000n), feature: 'all_chatflows' } as Command;
    expect(payer.try(use)).toMatchObject({ reason: 'FEATURE_NOT_IN_PLAN', scope: 'PLAN' });
    expect(payer.try({ ...use, feature: 'basic_chatflows' } as Command)).toMatchObject({
      reason: 'INSUFFICIENT_CREDITS',
    });
  });

  it('keeps every amount within what a JSON integer carries', () => {
    const payer = new ProvenAccount();
    payer.done(grantOf(2n ** 53n - 1n));
    expect(payer.try(grantOf(1n))).toMatchObject({ kind: 'rejected', code: 'BAD_USER_INPUT' });
  });
});

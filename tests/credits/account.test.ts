import fc from 'fast-check';
import { type Account, accountTime, balanceOf, nextEventAt } from '../../src/ledger/rules/account.ts';
import type { Command, Decision } from '../../src/ledger/rules/commands.ts';
import { sumRemaining } from '../../src/ledger/rules/grants.ts';
import { RATES } from '../../src/plans/rates.ts';
import { draft, pauseHours, PRO } from './commands.ts';
import { Model } from './model.ts';
import { PureLedger } from './pure-ledger.ts';

const ENTITY = '01900000-0000-7000-8000-000000000001';
const START = new Date('2026-03-10T12:00:00.000Z');
const HOUR_MS = 3_600_000;

const at = (text: string): Date => new Date(text);

function grantOf(amount: bigint, terms: Partial<Extract<Command, { kind: 'grant' }>> = {}): Command {
  return {
    kind: 'grant',
    billingEntityId: ENTITY,
    actor: 'test',
    idempotency: null,
    grantId: `01900000-0000-7000-8000-${amount.toString().padStart(12, '0')}`,
    source: 'PURCHASE',
    amount,
    priority: 50,
    effectiveAt: null,
    expiresAt: null,
    reason: null,
    ...terms,
  };
}

function useOf(tokens: bigint): Command {
  return {
    kind: 'consume',
    billingEntityId: ENTITY,
    actor: 'test',
    idempotency: null,
    lines: [{ quantity: tokens, rate: RATES.AI_TOKENS }],
    userId: ENTITY,
    organizationId: null,
    apiKey: null,
    otherPayers: [],
    billingMode: 'FULL',
    feature: null,
    metadata: null,
    occurredAt: null,
  };
}

function reserveOf(tokens: bigint, id: string, ttlSeconds = 600): Command {
  return {
    kind: 'reserve',
    billingEntityId: ENTITY,
    actor: 'test',
    idempotency: null,
    reservationId: id,
    lines: [{ quantity: tokens, rate: RATES.AI_TOKENS }],
    userId: ENTITY,
    organizationId: null,
    apiKey: null,
    otherPayers: [],
    billingMode: 'FULL',
    feature: null,
    ttlMs: ttlSeconds * 1_000,
  };
}

/** As a service settles: never refused (rule 16). */
function settleOf(tokens: bigint, id: string, terms: Partial<Extract<Command, { kind: 'settle' }>> = {}): Command {
  return {
    kind: 'settle',
    billingEntityId: ENTITY,
    actor: 'test',
    anyReservation: true,
    idempotency: null,
    reservationId: id,
    lines: [{ quantity: tokens, rate: RATES.AI_TOKENS }],
    userId: undefined,
    organizationId: undefined,
    apiKeyId: undefined,
    feature: undefined,
    metadata: null,
    occurredAt: null,
    ...terms,
  };
}

function onHold(kind: 'release', id: string): Command;
function onHold(kind: 'extend', id: string, ttlSeconds: number): Command;
function onHold(kind: 'release' | 'extend', id: string, ttlSeconds = 600): Command {
  const hold = {
    billingEntityId: ENTITY,
    actor: 'test',
    anyReservation: false,
    idempotency: null,
    reservationId: id,
  } as const;
  return kind === 'release' ? { ...hold, kind } : { ...hold, kind, ttlMs: ttlSeconds * 1_000 };
}

const HOLD = '01900000-0000-7000-8000-00000000a001';

/** An account on which everything is expected to be applied, and to be provable, at every step. */
class Till {
  readonly ledger: PureLedger;
  now = START;

  constructor(changes: Partial<Account> = {}) {
    this.ledger = new PureLedger().open(ENTITY, START, changes);
  }

  /** Executes and expects success; gives the entries' kinds with what they changed. */
  done(command: Command): (readonly [string, bigint])[] {
    const decision = this.ledger.execute(command, this.now);
    expect(decision).toMatchObject({ kind: 'applied' });
    expect(this.ledger.verify(ENTITY).problems).toEqual([]);
    return decision.kind === 'applied' ? decision.entries.map((entry) => [entry.kind, entry.amount] as const) : [];
  }

  try(command: Command): Decision {
    const decision = this.ledger.execute(command, this.now);
    expect(this.ledger.verify(ENTITY).problems).toEqual([]);
    return decision;
  }

  at(text: string): this {
    this.now = at(text);
    this.ledger.advance(ENTITY, this.now);
    expect(this.ledger.verify(ENTITY).problems).toEqual([]);
    return this;
  }

  get account(): Account {
    return this.ledger.account(ENTITY);
  }
}

/** How the model answers. */
const ANSWERS = { applied: 'done', refused: 'refused', rejected: 'rejected', wrongPayer: 'wrongPayer' } as const;

describe('the pure core', () => {
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
            const command = make({ billingEntityId: ENTITY, now, key: `key-${index}`, reservations });
            const decision = ledger.execute(command, clock);
            const answer = model.at(now).execute(command);
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
          for (const grant of model.grants) expect(ledger.grants.get(grant.id)?.remaining).toBe(grant.left);
        }),
        { numRuns: 300 },
      );
    },
  );

  it('draws by priority, then sooner expiry, then promotional before paid, then older (rule 5)', () => {
    const till = new Till();
    const expiresAt = at('2026-04-01T00:00:00Z');
    for (const grant of [
      grantOf(1n),
      grantOf(2n, { source: 'PROMOTION' }),
      grantOf(3n, { expiresAt }),
      grantOf(4n, { priority: 10 }),
    ]) {
      till.done(grant);
    }
    till.done(useOf(100n));
    expect(till.ledger.records[0]?.draws.map((draw) => draw.credits)).toEqual([4n, 3n, 2n, 1n]);
  });

  it('lets a grant of later count from its instant, with an entry of its own', () => {
    const till = new Till();
    const later = at('2026-03-11T00:00:00Z');
    expect(till.done(grantOf(70n, { effectiveAt: later }))).toEqual([['GRANT', 0n]]);
    expect(till.account.available).toBe(0n);
    expect(nextEventAt(till.account)).toEqual(later);
    till.at('2026-03-11T00:00:00Z');
    expect(till.account.available).toBe(70n);
    expect(till.ledger.entries.map((entry) => [entry.kind, entry.amount])).toEqual([
      ['GRANT', 0n],
      ['GRANT', 70n],
    ]);
  });

  it('turns the period once, however late, and never back (rule 13)', () => {
    const till = new Till();
    till.done(grantOf(1_000n));
    till.done(useOf(1_000n));
    const before = till.account;
    expect(before.used).toBe(100n);
    const late = till.at('2026-07-20T00:00:00Z').account;
    expect(late.used).toBe(0n);
    expect(late.period).toEqual({ start: at('2026-07-01T00:00:00Z'), end: at('2026-08-01T00:00:00Z') });
    expect(late.version).toBe(before.version + 1n);
    expect(till.at('2026-06-30T23:59:59Z').account).toMatchObject({ version: late.version, period: late.period });
  });

  it('carries fractions over periods and keeps them through refusals (rule 2)', () => {
    const till = new Till();
    till.done(grantOf(1n));
    till.done(useOf(9n));
    expect(till.try(useOf(1_000n))).toMatchObject({ kind: 'refused' });
    expect(till.account.carries.AI_TOKENS).toEqual({ numerator: 9n, denominator: 10n });
    till.at('2026-05-01T00:00:00Z').done(useOf(1n));
    expect(till.ledger.records.at(-1)?.credits).toBe(1n);
  });

  it('measures use against the allowance (rule 9)', () => {
    const till = new Till();
    expect(balanceOf(till.account, START).usedRatio).toBe(0);
    till.done(grantOf(100n));
    till.done(useOf(250n));
    expect(balanceOf(till.account, START)).toMatchObject({
      available: 75n,
      used: 25n,
      allowance: 100n,
      usedRatio: 0.25,
    });
  });

  it('refuses suspended accounts even what costs nothing (rule 18)', () => {
    const till = new Till({ suspended: true });
    expect(till.try(useOf(0n))).toMatchObject({ kind: 'refused', reason: 'ENTITY_SUSPENDED' });
    expect(till.try(reserveOf(0n, HOLD))).toMatchObject({ kind: 'refused', reason: 'ENTITY_SUSPENDED' });
  });

  it('refuses features that the plan does not grant, before it looks at the balance (rule 18)', () => {
    const till = new Till();
    const use = { ...useOf(1_000n), feature: 'all_chatflows' } as Command;
    expect(till.try(use)).toMatchObject({ reason: 'FEATURE_NOT_IN_PLAN', scope: 'PLAN' });
    expect(till.try({ ...use, feature: 'basic_chatflows' } as Command)).toMatchObject({
      reason: 'INSUFFICIENT_CREDITS',
    });
  });

  it('keeps every amount within what a JSON integer carries', () => {
    const till = new Till();
    till.done(grantOf(2n ** 53n - 1n));
    expect(till.try(grantOf(1n))).toMatchObject({ kind: 'rejected', code: 'BAD_USER_INPUT' });
  });

  describe('holds', () => {
    it('keep credits out of reach, and give back at settlement what was not used', () => {
      const till = new Till();
      till.done(grantOf(100n));
      expect(till.done(reserveOf(999n, HOLD))).toEqual([['HOLD', -100n]]);
      expect(till.account).toMatchObject({ available: 0n, held: 100n });
      expect(till.try(useOf(10n))).toMatchObject({ reason: 'INSUFFICIENT_CREDITS', available: 0n });
      expect(till.done(settleOf(300n, HOLD))).toEqual([
        ['RELEASE', 100n],
        ['CONSUMPTION', -30n],
      ]);
      expect(till.account).toMatchObject({ available: 70n, held: 0n, used: 30n });
      expect(till.ledger.reservations.get(HOLD)?.status).toBe('SETTLED');
    });

    it('take what is available, then overage, then owe: a service’s settlement is never refused (rule 16)', () => {
      const till = new Till({ overagePolicy: { enabled: true, cap: 50n }, subscription: PRO });
      till.done(grantOf(100n));
      till.done(reserveOf(100n, HOLD));
      expect(till.done(settleOf(2_000n, HOLD))).toEqual([
        ['RELEASE', 10n],
        ['CONSUMPTION', -100n],
        ['OVERAGE', 0n],
      ]);
      expect(till.account).toMatchObject({ available: 0n, used: 200n, overage: 50n, owed: 50n, owedThisPeriod: 50n });
      expect(balanceOf(till.account, START).allowance).toBe(100n);
      expect(till.ledger.records[0]).toMatchObject({ credits: 200n, overage: 50n, owed: 50n });
    });

    it('leave a debt that refuses new use and that the next grant pays first (rule 8)', () => {
      const till = new Till();
      till.done(grantOf(10n));
      till.done(reserveOf(100n, HOLD));
      till.done(settleOf(400n, HOLD));
      expect(till.account).toMatchObject({ available: 0n, owed: 30n });
      expect(till.try(useOf(50n))).toMatchObject({ reason: 'INSUFFICIENT_CREDITS', required: 35n, available: 0n });
      expect(till.done(useOf(0n))).toEqual([['CONSUMPTION', -0n]]);
      expect(till.done(grantOf(20n))).toEqual([
        ['GRANT', 20n],
        ['REPAYMENT', -20n],
      ]);
      expect(till.account).toMatchObject({ available: 0n, owed: 10n });
      till.done(grantOf(15n));
      expect(till.account).toMatchObject({ available: 5n, owed: 0n, used: 40n });
      expect(balanceOf(till.account, START).allowance).toBe(45n);
    });

    it('keep the debt over the turn of the period, where it is nobody’s allowance any more (rule 9)', () => {
      const till = new Till();
      till.done(reserveOf(0n, HOLD));
      till.done(settleOf(400n, HOLD));
      expect(till.account).toMatchObject({ owed: 40n, owedThisPeriod: 40n });
      till.at('2026-04-02T00:00:00Z');
      expect(till.account).toMatchObject({ used: 0n, owed: 40n, owedThisPeriod: 0n });
      till.done(grantOf(100n));
      expect(balanceOf(till.account, till.now)).toMatchObject({ available: 60n, allowance: 60n, used: 0n, owed: 0n });
    });

    it('reserve overage headroom, which the cap counts at once (rule 14)', () => {
      const till = new Till({ overagePolicy: { enabled: true, cap: 50n }, subscription: PRO });
      till.done(grantOf(10n));
      till.done(reserveOf(500n, HOLD));
      expect(till.account).toMatchObject({ available: 0n, held: 10n, heldOverage: 40n });
      expect(till.try(useOf(110n))).toMatchObject({
        reason: 'OVERAGE_CAP_REACHED',
        scope: 'OVERAGE_CAP',
        available: 10n,
      });
      till.done(useOf(100n));
      till.done(settleOf(500n, HOLD));
      expect(till.account).toMatchObject({
        available: 0n,
        held: 0n,
        heldOverage: 0n,
        overage: 50n,
        owed: 0n,
        used: 60n,
      });
    });

    it('keep their own headroom even when overage is switched off meanwhile (rule 16)', () => {
      const till = new Till({ overagePolicy: { enabled: true, cap: null }, subscription: PRO });
      till.done(reserveOf(500n, HOLD));
      const policy = { enabled: false, cap: null };
      till.done({ kind: 'policy', billingEntityId: ENTITY, actor: 'test', idempotency: null, overagePolicy: policy });
      till.done(settleOf(700n, HOLD));
      expect(till.account).toMatchObject({ overage: 50n, owed: 20n });
    });

    it('lapse by themselves, and then protect no more', () => {
      const till = new Till();
      till.done(grantOf(10n));
      till.done(reserveOf(100n, HOLD, 60));
      expect(nextEventAt(till.account)).toEqual(at('2026-03-10T12:01:00Z'));
      till.at('2026-03-10T12:01:00Z');
      expect(till.account).toMatchObject({ available: 10n, held: 0n, nextReservationAt: null });
      expect(till.try(settleOf(1n, HOLD))).toMatchObject({ kind: 'rejected', code: 'CONFLICT' });
      expect(till.try(onHold('extend', HOLD, 60))).toMatchObject({ kind: 'rejected', code: 'CONFLICT' });
      expect(till.done(onHold('release', HOLD))).toEqual([]);
      expect(till.ledger.reservations.get(HOLD)?.status).toBe('EXPIRED');
    });

    it('are decided by the clock to the millisecond: at its end a hold is over, before it is not', () => {
      const before = new Till();
      before.done(reserveOf(0n, HOLD, 60));
      before.now = at('2026-03-10T12:00:59.999Z');
      expect(before.try(settleOf(0n, HOLD)).kind).toBe('applied');
      const after = new Till();
      after.done(reserveOf(0n, HOLD, 60));
      after.now = at('2026-03-10T12:01:00.000Z');
      expect(after.try(settleOf(0n, HOLD))).toMatchObject({ code: 'CONFLICT' });
    });

    it('are extended from now on, and released once and again', () => {
      const till = new Till();
      till.done(grantOf(10n));
      till.done(reserveOf(100n, HOLD, 60));
      till.now = at('2026-03-10T12:00:30Z');
      till.done(onHold('extend', HOLD, 120));
      till.at('2026-03-10T12:02:29Z');
      expect(till.account.held).toBe(10n);
      expect(till.done(onHold('release', HOLD))).toEqual([['RELEASE', 10n]]);
      expect(till.done(onHold('release', HOLD))).toEqual([]);
      expect(till.try(settleOf(1n, HOLD))).toMatchObject({ code: 'CONFLICT' });
    });

    it('belong to who reserved; their user and feature cannot be exchanged (rule 16)', () => {
      const till = new Till();
      till.done(reserveOf(0n, HOLD));
      expect(till.try(settleOf(0n, HOLD, { actor: 'other', anyReservation: false }))).toMatchObject({
        code: 'NOT_FOUND',
      });
      expect(till.try({ ...onHold('release', HOLD), actor: 'other' })).toMatchObject({ code: 'NOT_FOUND' });
      const seen = { ...onHold('release', HOLD), actor: 'other', seesAll: true };
      expect(till.try(seen)).toMatchObject({ code: 'FORBIDDEN' });
      expect(till.try(settleOf(0n, HOLD, { userId: 'another' }))).toMatchObject({ code: 'CONFLICT' });
      expect(till.try(settleOf(0n, HOLD, { feature: 'basic_chatflows' }))).toMatchObject({ code: 'CONFLICT' });
      expect(
        till.done(settleOf(0n, HOLD, { actor: 'service:other', anyReservation: true, userId: ENTITY })),
      ).toHaveLength(2);
      expect(till.try(settleOf(0n, HOLD))).toMatchObject({ code: 'CONFLICT' });
      expect(till.try(settleOf(0n, '01900000-0000-7000-8000-00000000a009'))).toMatchObject({ code: 'NOT_FOUND' });
    });

    it('are settled even for an account that was suspended meanwhile', () => {
      const ledger = new PureLedger().open(ENTITY, START);
      ledger.execute(reserveOf(0n, HOLD), START);
      ledger.open(ENTITY, START, { ...ledger.account(ENTITY), suspended: true });
      expect(ledger.execute(settleOf(10n, HOLD), START)).toMatchObject({ kind: 'applied' });
    });

    it('keep what they hold of a grant that lapses, and it lapses with them (rule 12)', () => {
      const till = new Till();
      till.done(grantOf(100n, { expiresAt: at('2026-03-10T13:00:00Z') }));
      till.done(grantOf(50n));
      till.done(reserveOf(400n, HOLD, 86_400));
      till.at('2026-03-10T13:00:00Z');
      expect(till.account).toMatchObject({ available: 50n, held: 40n });
      // What is held is nobody else's: unrelated use draws from what has not lapsed.
      till.done(useOf(300n));
      expect(till.account).toMatchObject({ available: 20n, held: 40n });
      expect(till.done(settleOf(100n, HOLD))).toEqual([
        ['RELEASE', 40n],
        ['CONSUMPTION', -10n],
        ['EXPIRY', -30n],
      ]);
      expect(till.account).toMatchObject({ available: 20n, held: 0n });
    });

    it('that are made later keep nothing of what had lapsed before (rule 12)', () => {
      const till = new Till();
      till.done(grantOf(100n, { expiresAt: at('2026-03-10T13:00:00Z') }));
      till.done(grantOf(50n));
      till.done(reserveOf(400n, HOLD, 7_200));
      till.at('2026-03-10T13:00:00Z');
      till.done(reserveOf(300n, '01900000-0000-7000-8000-00000000a003', 7_200));
      expect(till.account).toMatchObject({ available: 20n, held: 70n });
      expect(till.done(onHold('release', HOLD))).toEqual([
        ['RELEASE', 40n],
        ['EXPIRY', -40n],
      ]);
      expect(till.account).toMatchObject({ available: 20n, held: 30n });
    });

    it('are extended for a day at most after a grant that they rest on has lapsed (rule 12)', () => {
      const till = new Till();
      till.done(grantOf(100n, { expiresAt: at('2026-03-10T13:00:00Z') }));
      till.done(reserveOf(400n, HOLD, 7_200));
      till.at('2026-03-10T13:30:00Z').done(onHold('extend', HOLD, 86_400));
      expect(till.ledger.reservations.get(HOLD)?.expiresAt).toEqual(at('2026-03-11T13:00:00Z'));
      till.at('2026-03-11T13:00:00Z');
      expect(till.account).toMatchObject({ available: 0n, held: 0n });
      expect(till.ledger.entries.map((entry) => entry.kind)).toEqual(['GRANT', 'HOLD', 'EXPIRY', 'RELEASE', 'EXPIRY']);
    });
  });

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
      const till = new Till();
      till.done(grantOf(10n, { priority: 10 }));
      till.done(grantOf(100n));
      const lines = [
        { quantity: 150n, rate: RATES.AI_TOKENS },
        { quantity: 60_000n, rate: RATES.COMPUTE },
      ];
      till.done({ ...useOf(0n), lines } as Command);
      expect(till.done(refundOf(3n, 0))).toEqual([
        ['REFUND', 10n],
        ['REFUND', 5n],
      ]);
      expect(till.account).toMatchObject({ available: 60n, used: 50n });
      expect(till.try(refundOf(3n, 0))).toMatchObject({ code: 'CONFLICT' });
      expect(till.try(refundOf(3n, 2))).toMatchObject({ code: 'NOT_FOUND' });
      till.done(refundOf(3n, 1));
      expect(till.account).toMatchObject({ available: 110n, used: 0n });
      expect([...till.ledger.grants.values()].map((grant) => [grant.amount, grant.remaining])).toEqual([
        [10n, 10n],
        [100n, 100n],
      ]);
    });

    it('replace a grant that has lapsed by one like it, until the period ends', () => {
      const till = new Till();
      till.done(grantOf(100n, { expiresAt: at('2026-03-10T13:00:00Z'), priority: 20, source: 'PROMOTION' }));
      till.done(useOf(300n));
      till.at('2026-03-10T14:00:00Z').done(refundOf(2n));
      const [, replaced] = [...till.ledger.grants.values()];
      expect(replaced).toMatchObject({
        source: 'PROMOTION',
        amount: 30n,
        remaining: 30n,
        priority: 20,
        expiresAt: at('2026-04-01T00:00:00Z'),
      });
      expect(till.account).toMatchObject({ available: 30n, used: 0n });
    });

    it('leave the counters of a later period alone', () => {
      const till = new Till({ overagePolicy: { enabled: true, cap: null }, subscription: PRO });
      till.done(grantOf(10n));
      till.done(useOf(300n));
      till.at('2026-04-02T00:00:00Z').done(refundOf(2n));
      // Ten went back to their grant; twenty of overage are on a bill already, and come as an ADJUSTMENT.
      expect(till.account).toMatchObject({ available: 30n, used: 0n, overage: 0n });
      expect([...till.ledger.grants.values()].map((grant) => [grant.source, grant.remaining])).toEqual([
        ['PURCHASE', 10n],
        ['ADJUSTMENT', 20n],
      ]);
    });

    it('take overage of this period off, and pay back what was owed', () => {
      const till = new Till({ overagePolicy: { enabled: true, cap: 5n }, subscription: PRO });
      till.done(reserveOf(0n, HOLD));
      till.done(settleOf(200n, HOLD));
      expect(till.account).toMatchObject({ overage: 5n, owed: 15n, used: 20n });
      expect(till.done(refundOf(3n))).toEqual([
        ['REFUND', 0n],
        ['REFUND', 15n],
        ['REPAYMENT', -15n],
      ]);
      expect(till.account).toMatchObject({ available: 0n, overage: 0n, owed: 0n, used: 0n });
    });

    it('of what is owed leave no debt in the allowance, also beside an older one (rule 9)', () => {
      const till = new Till();
      till.done(reserveOf(0n, '01900000-0000-7000-8000-00000000a004'));
      till.done(settleOf(1_000n, '01900000-0000-7000-8000-00000000a004'));
      till.at('2026-04-02T00:00:00Z').done(reserveOf(0n, HOLD));
      till.done(settleOf(600n, HOLD));
      expect(till.account).toMatchObject({ owed: 160n, owedThisPeriod: 60n, used: 60n });
      till.done(refundOf(till.account.sequence));
      expect(till.account).toMatchObject({ owed: 100n, owedThisPeriod: 0n, used: 0n });
      expect(balanceOf(till.account, till.now)).toMatchObject({ allowance: 0n, usedRatio: 0 });
    });

    it('of a record that charged nothing happen once, too', () => {
      const till = new Till();
      till.done(useOf(5n));
      expect(till.done(refundOf(1n))).toEqual([['REFUND', 0n]]);
      expect(till.try(refundOf(1n))).toMatchObject({ code: 'CONFLICT' });
      // The fraction stays carried: it belongs to use, not to money (rule 2).
      expect(till.account.carries.AI_TOKENS).toEqual({ numerator: 1n, denominator: 2n });
    });
  });

  describe('credits in several accounts', () => {
    const OTHER = '01900000-0000-7000-8000-000000000002';
    const THIRD = '01900000-0000-7000-8000-000000000003';
    const start = (): PureLedger => new PureLedger().open(ENTITY, START).open(OTHER, START).open(THIRD, START);
    const transferOf = (from: string, to: string, amount: bigint): Command => ({
      kind: 'transfer',
      onlyOfRootIn: null,
      billingEntityId: from,
      toBillingEntityId: to,
      actor: 'test',
      idempotency: null,
      amount,
      reason: null,
    });
    const clawbackOf = (grantId: string, target: bigint, elsewhere: readonly string[] = []): Command => ({
      kind: 'clawback',
      billingEntityId: ENTITY,
      actor: 'test',
      idempotency: null,
      grantId,
      target,
      elsewhere,
      reason: 'charge refunded',
    });
    const proven = (ledger: PureLedger): void => {
      expect([ENTITY, OTHER, THIRD].flatMap((id) => ledger.verify(id).problems)).toEqual([]);
    };

    it('keep their root, priority, class and expiry where they are transferred to (rule 23)', () => {
      const ledger = start();
      const expiresAt = at('2026-05-01T00:00:00Z');
      ledger.execute(grantOf(100n, { expiresAt, priority: 20 }), START);
      ledger.execute(grantOf(7n, { source: 'PROMOTION' }), START);
      expect(ledger.execute(transferOf(ENTITY, OTHER, 30n), START)).toMatchObject({ kind: 'applied' });
      expect(ledger.execute(transferOf(ENTITY, OTHER, 5n), START)).toMatchObject({ kind: 'applied' });
      const [root] = [...ledger.grants.values()];
      expect(ledger.account(OTHER).grants).toMatchObject([
        {
          source: 'TRANSFER',
          amount: 35n,
          remaining: 35n,
          priority: 20,
          expiresAt,
          root: { grantId: root?.id, source: 'PURCHASE' },
        },
      ]);
      expect(ledger.entriesOf(OTHER).map((entry) => [entry.kind, entry.amount, entry.counterpartyId])).toEqual([
        ['TRANSFER_IN', 30n, ENTITY],
        ['TRANSFER_IN', 5n, ENTITY],
      ]);
      // The promotion stays, so 65 may leave and not 72.
      expect(ledger.execute(transferOf(ENTITY, OTHER, 66n), START)).toMatchObject({ kind: 'refused', available: 65n });
      proven(ledger);
      const may = at('2026-05-01T00:00:00Z');
      expect([ENTITY, OTHER].map((id) => ledger.advance(id, may).available)).toEqual([7n, 0n]);
      proven(ledger);
    });

    it('cannot leave while they are held or owed, and pay first what is owed where they come', () => {
      const ledger = start();
      ledger.execute(grantOf(100n), START);
      ledger.execute(reserveOf(600n, HOLD), START);
      expect(ledger.execute(transferOf(ENTITY, OTHER, 41n), START)).toMatchObject({ kind: 'refused', available: 40n });
      ledger.execute({ ...reserveOf(0n, '01900000-0000-7000-8000-00000000a002'), billingEntityId: OTHER }, START);
      ledger.execute(settleOf(250n, '01900000-0000-7000-8000-00000000a002', { billingEntityId: OTHER }), START);
      expect(ledger.account(OTHER)).toMatchObject({ owed: 25n });
      ledger.execute(transferOf(ENTITY, OTHER, 40n), START);
      expect(ledger.account(OTHER)).toMatchObject({ owed: 0n, available: 15n });
      proven(ledger);
    });

    it('are clawed back from what is left, then from what lapsed, then wherever they are; the rest is owed (rule 24)', () => {
      const ledger = start();
      const grant = grantOf(100n, { expiresAt: at('2026-05-01T00:00:00Z') });
      ledger.execute(grant, START);
      const { grantId } = grant as Extract<Command, { kind: 'grant' }>;
      ledger.execute(useOf(300n), START);
      ledger.execute(transferOf(ENTITY, OTHER, 30n), START);
      ledger.execute(transferOf(OTHER, THIRD, 10n), START);
      // 40 are left here, 20 with the second, 10 with the third; 30 were used.
      expect(ledger.execute(clawbackOf(grantId, 50n, [OTHER]), START)).toMatchObject({ code: 'CONFLICT' });
      expect(ledger.execute(clawbackOf(grantId, 50n, [OTHER, THIRD]), START)).toMatchObject({ kind: 'applied' });
      expect([ENTITY, OTHER, THIRD].map((id) => ledger.account(id).available)).toEqual([0n, 10n, 10n]);
      // Again with the same target: nothing. With all of it: the rest wherever it is, and what was used becomes owed.
      expect(ledger.execute(clawbackOf(grantId, 50n, [OTHER, THIRD]), START)).toMatchObject({ entries: [] });
      ledger.execute(clawbackOf(grantId, 100n, [OTHER, THIRD]), START);
      expect([ENTITY, OTHER, THIRD].map((id) => ledger.account(id).available)).toEqual([0n, 0n, 0n]);
      expect(ledger.account(ENTITY)).toMatchObject({ owed: 30n, owedThisPeriod: 0n });
      expect(ledger.grants.get(grantId)).toMatchObject({ clawed: 100n, voidedAt: START, remaining: 0n });
      expect(ledger.execute(clawbackOf(grantId, 101n, [OTHER, THIRD]), START)).toMatchObject({
        code: 'BAD_USER_INPUT',
      });
      proven(ledger);
    });

    it('that lapsed unused cost nothing when they are clawed back', () => {
      const ledger = start();
      const grant = grantOf(100n, { expiresAt: at('2026-03-11T00:00:00Z') });
      ledger.execute(grant, START);
      ledger.execute(useOf(300n), START);
      const later = at('2026-03-12T00:00:00Z');
      ledger.advance(ENTITY, later);
      ledger.execute(clawbackOf((grant as Extract<Command, { kind: 'grant' }>).grantId, 80n), later);
      expect(ledger.account(ENTITY)).toMatchObject({ available: 0n, owed: 10n });
      proven(ledger);
    });

    it('are paid back at once from other credits when a clawback leaves a debt (rule 8)', () => {
      const ledger = start();
      const grant = grantOf(100n, { priority: 10 });
      ledger.execute(grant, START);
      ledger.execute(useOf(1_000n), START);
      ledger.execute(grantOf(70n), START);
      const decision = ledger.execute(clawbackOf((grant as Extract<Command, { kind: 'grant' }>).grantId, 100n), START);
      expect(decision.kind === 'applied' && decision.entries.map((entry) => [entry.kind, entry.amount])).toEqual([
        ['CLAWBACK', -0n],
        ['REPAYMENT', -70n],
      ]);
      expect(ledger.account(ENTITY)).toMatchObject({ available: 0n, owed: 30n });
      proven(ledger);
    });
  });
});

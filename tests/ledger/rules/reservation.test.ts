import { balanceOf, nextEventAt } from '../../../src/ledger/rules/account.ts';
import { PRO } from './commands.ts';
import { PureLedger } from './pure-ledger.ts';
import {
  at,
  ENTITY,
  grantOf,
  HOLD,
  onHold,
  ProvenAccount,
  reserveOf,
  settleOf,
  START,
  useOf,
} from './proven-account.ts';

describe('holds', () => {
  it('keep credits out of reach, and give back at settlement what was not used', () => {
    const payer = new ProvenAccount();
    payer.done(grantOf(100n));
    expect(payer.done(reserveOf(999n, HOLD))).toEqual([['HOLD', -100n]]);
    expect(payer.account).toMatchObject({ available: 0n, held: 100n });
    expect(payer.try(useOf(10n))).toMatchObject({ reason: 'INSUFFICIENT_CREDITS', available: 0n });
    expect(payer.done(settleOf(300n, HOLD))).toEqual([
      ['RELEASE', 100n],
      ['CONSUMPTION', -30n],
    ]);
    expect(payer.account).toMatchObject({ available: 70n, held: 0n, used: 30n });
    expect(payer.ledger.reservations.get(HOLD)?.status).toBe('SETTLED');
  });

  it('take what is available, then overage, then owe: a service’s settlement is never refused (rule 16)', () => {
    const payer = new ProvenAccount({ overagePolicy: { enabled: true, cap: 50n }, subscription: PRO });
    payer.done(grantOf(100n));
    payer.done(reserveOf(100n, HOLD));
    expect(payer.done(settleOf(2_000n, HOLD))).toEqual([
      ['RELEASE', 10n],
      ['CONSUMPTION', -100n],
      ['OVERAGE', 0n],
    ]);
    expect(payer.account).toMatchObject({ available: 0n, used: 200n, overage: 50n, owed: 50n, owedThisPeriod: 50n });
    expect(balanceOf(payer.account, START).allowance).toBe(100n);
    expect(payer.ledger.records[0]).toMatchObject({ credits: 200n, overage: 50n, owed: 50n });
  });

  it('leave a debt that refuses new use and that the next grant pays first (rule 8)', () => {
    const payer = new ProvenAccount();
    payer.done(grantOf(10n));
    payer.done(reserveOf(100n, HOLD));
    payer.done(settleOf(400n, HOLD));
    expect(payer.account).toMatchObject({ available: 0n, owed: 30n });
    expect(payer.try(useOf(50n))).toMatchObject({ reason: 'INSUFFICIENT_CREDITS', required: 35n, available: 0n });
    expect(payer.done(useOf(0n))).toEqual([['CONSUMPTION', -0n]]);
    expect(payer.done(grantOf(20n))).toEqual([
      ['GRANT', 20n],
      ['REPAYMENT', -20n],
    ]);
    expect(payer.account).toMatchObject({ available: 0n, owed: 10n });
    payer.done(grantOf(15n));
    expect(payer.account).toMatchObject({ available: 5n, owed: 0n, used: 40n });
    expect(balanceOf(payer.account, START).allowance).toBe(45n);
  });

  it('keep the debt over the turn of the period, where it is nobody’s allowance any more (rule 9)', () => {
    const payer = new ProvenAccount();
    payer.done(reserveOf(0n, HOLD));
    payer.done(settleOf(400n, HOLD));
    expect(payer.account).toMatchObject({ owed: 40n, owedThisPeriod: 40n });
    payer.at('2026-04-02T00:00:00Z');
    expect(payer.account).toMatchObject({ used: 0n, owed: 40n, owedThisPeriod: 0n });
    payer.done(grantOf(100n));
    expect(balanceOf(payer.account, payer.now)).toMatchObject({ available: 60n, allowance: 60n, used: 0n, owed: 0n });
  });

  it('reserve overage headroom, which the cap counts at once (rule 14)', () => {
    const payer = new ProvenAccount({ overagePolicy: { enabled: true, cap: 50n }, subscription: PRO });
    payer.done(grantOf(10n));
    payer.done(reserveOf(500n, HOLD));
    expect(payer.account).toMatchObject({ available: 0n, held: 10n, heldOverage: 40n });
    expect(payer.try(useOf(110n))).toMatchObject({
      reason: 'OVERAGE_CAP_REACHED',
      scope: 'OVERAGE_CAP',
      available: 10n,
    });
    payer.done(useOf(100n));
    payer.done(settleOf(500n, HOLD));
    expect(payer.account).toMatchObject({
      available: 0n,
      held: 0n,
      heldOverage: 0n,
      overage: 50n,
      owed: 0n,
      used: 60n,
    });
  });

  it('keep their own headroom even when overage is switched off meanwhile (rule 16)', () => {
    const payer = new ProvenAccount({ overagePolicy: { enabled: true, cap: null }, subscription: PRO });
    payer.done(reserveOf(500n, HOLD));
    const policy = { enabled: false, cap: null };
    payer.done({ kind: 'policy', billingEntityId: ENTITY, actor: 'test', idempotency: null, overagePolicy: policy });
    payer.done(settleOf(700n, HOLD));
    expect(payer.account).toMatchObject({ overage: 50n, owed: 20n });
  });

  it('lapse by themselves, and then protect no more', () => {
    const payer = new ProvenAccount();
    payer.done(grantOf(10n));
    payer.done(reserveOf(100n, HOLD, 60));
    expect(nextEventAt(payer.account)).toEqual(at('2026-03-10T12:01:00Z'));
    payer.at('2026-03-10T12:01:00Z');
    expect(payer.account).toMatchObject({ available: 10n, held: 0n, nextReservationAt: null });
    expect(payer.try(settleOf(1n, HOLD))).toMatchObject({ kind: 'rejected', code: 'CONFLICT' });
    expect(payer.try(onHold('extend', HOLD, 60))).toMatchObject({ kind: 'rejected', code: 'CONFLICT' });
    expect(payer.done(onHold('release', HOLD))).toEqual([]);
    expect(payer.ledger.reservations.get(HOLD)?.status).toBe('EXPIRED');
  });

  it('are decided by the clock to the millisecond: at its end a hold is over, before it is not', () => {
    const before = new ProvenAccount();
    before.done(reserveOf(0n, HOLD, 60));
    before.now = at('2026-03-10T12:00:59.999Z');
    expect(before.try(settleOf(0n, HOLD)).kind).toBe('applied');
    const after = new ProvenAccount();
    after.done(reserveOf(0n, HOLD, 60));
    after.now = at('2026-03-10T12:01:00.000Z');
    expect(after.try(settleOf(0n, HOLD))).toMatchObject({ code: 'CONFLICT' });
  });

  it('are extended from now on, and released once and again', () => {
    const payer = new ProvenAccount();
    payer.done(grantOf(10n));
    payer.done(reserveOf(100n, HOLD, 60));
    payer.now = at('2026-03-10T12:00:30Z');
    payer.done(onHold('extend', HOLD, 120));
    payer.at('2026-03-10T12:02:29Z');
    expect(payer.account.held).toBe(10n);
    expect(payer.done(onHold('release', HOLD))).toEqual([['RELEASE', 10n]]);
    expect(payer.done(onHold('release', HOLD))).toEqual([]);
    expect(payer.try(settleOf(1n, HOLD))).toMatchObject({ code: 'CONFLICT' });
  });

  it('belong to who reserved; their user and feature cannot be exchanged (rule 16)', () => {
    const payer = new ProvenAccount();
    payer.done(reserveOf(0n, HOLD));
    expect(payer.try(settleOf(0n, HOLD, { actor: 'other', anyReservation: false }))).toMatchObject({
      code: 'NOT_FOUND',
    });
    expect(payer.try({ ...onHold('release', HOLD), actor: 'other' })).toMatchObject({ code: 'NOT_FOUND' });
    const seen = { ...onHold('release', HOLD), actor: 'other', seesAll: true };
    expect(payer.try(seen)).toMatchObject({ code: 'FORBIDDEN' });
    expect(payer.try(settleOf(0n, HOLD, { userId: 'another' }))).toMatchObject({ code: 'CONFLICT' });
    expect(payer.try(settleOf(0n, HOLD, { feature: 'basic_chatflows' }))).toMatchObject({ code: 'CONFLICT' });
    expect(
      payer.done(settleOf(0n, HOLD, { actor: 'service:other', anyReservation: true, userId: ENTITY })),
    ).toHaveLength(2);
    expect(payer.try(settleOf(0n, HOLD))).toMatchObject({ code: 'CONFLICT' });
    expect(payer.try(settleOf(0n, '01900000-0000-7000-8000-00000000a009'))).toMatchObject({ code: 'NOT_FOUND' });
  });

  it('are settled even for an account that was suspended meanwhile', () => {
    const ledger = new PureLedger().open(ENTITY, START);
    ledger.execute(reserveOf(0n, HOLD), START);
    ledger.open(ENTITY, START, { ...ledger.account(ENTITY), suspended: true });
    expect(ledger.execute(settleOf(10n, HOLD), START)).toMatchObject({ kind: 'applied' });
  });

  it('keep what they hold of a grant that lapses, and it lapses with them (rule 12)', () => {
    const payer = new ProvenAccount();
    payer.done(grantOf(100n, { expiresAt: at('2026-03-10T13:00:00Z') }));
    payer.done(grantOf(50n));
    payer.done(reserveOf(400n, HOLD, 86_400));
    payer.at('2026-03-10T13:00:00Z');
    expect(payer.account).toMatchObject({ available: 50n, held: 40n });
    // What is held is nobody else's: unrelated use draws from what has not lapsed.
    payer.done(useOf(300n));
    expect(payer.account).toMatchObject({ available: 20n, held: 40n });
    expect(payer.done(settleOf(100n, HOLD))).toEqual([
      ['RELEASE', 40n],
      ['CONSUMPTION', -10n],
      ['EXPIRY', -30n],
    ]);
    expect(payer.account).toMatchObject({ available: 20n, held: 0n });
  });

  it('that are made later keep nothing of what had lapsed before (rule 12)', () => {
    const payer = new ProvenAccount();
    payer.done(grantOf(100n, { expiresAt: at('2026-03-10T13:00:00Z') }));
    payer.done(grantOf(50n));
    payer.done(reserveOf(400n, HOLD, 7_200));
    payer.at('2026-03-10T13:00:00Z');
    payer.done(reserveOf(300n, '01900000-0000-7000-8000-00000000a003', 7_200));
    expect(payer.account).toMatchObject({ available: 20n, held: 70n });
    expect(payer.done(onHold('release', HOLD))).toEqual([
      ['RELEASE', 40n],
      ['EXPIRY', -40n],
    ]);
    expect(payer.account).toMatchObject({ available: 20n, held: 30n });
  });

  it('are extended for a day at most after a grant that they rest on has lapsed (rule 12)', () => {
    const payer = new ProvenAccount();
    payer.done(grantOf(100n, { expiresAt: at('2026-03-10T13:00:00Z') }));
    payer.done(reserveOf(400n, HOLD, 7_200));
    payer.at('2026-03-10T13:30:00Z').done(onHold('extend', HOLD, 86_400));
    expect(payer.ledger.reservations.get(HOLD)?.expiresAt).toEqual(at('2026-03-11T13:00:00Z'));
    payer.at('2026-03-11T13:00:00Z');
    expect(payer.account).toMatchObject({ available: 0n, held: 0n });
    expect(payer.ledger.entries.map((entry) => entry.kind)).toEqual(['GRANT', 'HOLD', 'EXPIRY', 'RELEASE', 'EXPIRY']);
  });
});

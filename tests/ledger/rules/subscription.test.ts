import { v7 as uuidv7 } from 'uuid';
import { balanceOf } from '../../../src/ledger/rules/account.ts';
import type { Command } from '../../../src/ledger/rules/commands.ts';
import { monthFrom } from '../../../src/ledger/rules/periods.ts';
import { planOf } from '../../../src/ledger/rules/subscription.ts';
import { at, base, HOLD, START, subscriber, Subscriber, UNIT } from './subscriber.ts';

describe('FREE_TRIAL → PRO (rule 26)', () => {
  it('starts a period with full credits once paid, and nothing before', () => {
    const payer = new Subscriber();
    payer.use(0n);
    payer.sync({ paymentStanding: 'INCOMPLETE', status: 'INCOMPLETE' });
    expect(payer.account).toMatchObject({ available: 0n, period: { start: at('2026-03-01T00:00:00Z') } });
    expect(planOf(payer.account).code).toBe('FREE_TRIAL');
    expect(payer.use(0n, 'all_chatflows')).toMatchObject({ reason: 'FEATURE_NOT_IN_PLAN', scope: 'PLAN' });
    // Active, but nobody has seen the money yet.
    payer.sync({ paymentStanding: 'GOOD', status: 'ACTIVE' });
    expect(payer.account).toMatchObject({ available: 0n, subscription: { paymentStanding: 'INCOMPLETE' } });

    payer.now = at('2026-03-10T12:00:07.250Z');
    expect(payer.sync({}, 1)).toEqual([['GRANT', UNIT]]);
    expect(payer.account).toMatchObject({
      available: UNIT,
      used: 0n,
      period: { start: payer.now, end: at('2026-04-10T12:00:00Z') },
      subscription: { periodStart: START, base: { periodStart: START } },
    });
    expect(payer.use(0n, 'all_chatflows')).toMatchObject({ kind: 'applied' });
  });

  it('counts use from nothing, and keeps what the trial left', () => {
    const payer = new Subscriber();
    payer.done({ ...base, kind: 'adjust', grantId: uuidv7(), amount: 100n, reason: 'test' });
    payer.use(60n);
    payer.sync({}, 2);
    expect(balanceOf(payer.account, payer.now)).toMatchObject({ used: 0n, available: 2n * UNIT + 40n });
  });

  it('is said twice and happens once', () => {
    const payer = subscriber();
    const before = payer.account;
    expect(payer.sync({}, 1)).toEqual([]);
    payer.now = at('2026-03-20T00:00:00Z');
    expect(payer.sync({}, 1)).toEqual([]);
    expect(payer.account.version).toBe(before.version);
  });

  it('also where the calendar month turned between the payment and our hearing of it', () => {
    const payer = new Subscriber();
    payer.at('2026-04-02T00:00:00Z').use(0n);
    payer.done({ ...base, kind: 'adjust', grantId: uuidv7(), amount: 100n, reason: 'test' });
    payer.use(60n);
    payer.now = at('2026-04-02T00:00:01Z');
    payer.sync({}, 1);
    expect(payer.account).toMatchObject({
      used: 0n,
      period: { start: payer.now, end: at('2026-04-10T12:00:00Z') },
      subscription: { periodStart: START },
    });
  });

  it('refuses what is no subscription', () => {
    const payer = new Subscriber();
    const providerSubscription = { ...payer.providerSubscription, period: monthFrom(START, START) };
    for (const changes of [
      { plan: 'FREE_TRIAL' as const },
      { quantity: 0 },
      { quantity: 1.5 },
      { id: '' },
      { period: { start: START, end: START } },
      { quantity: 1_000_000_000 },
      { next: { plan: 'PRO' as const, quantity: 0 } },
    ]) {
      const decision = payer.try({
        ...base,
        kind: 'subscription',
        providerSubscription: { ...providerSubscription, ...changes },
        paidUnits: 1,
      });
      expect(decision).toMatchObject({ kind: 'rejected', code: 'BAD_USER_INPUT' });
    }
    expect(payer.try({ ...base, kind: 'subscription', providerSubscription, paidUnits: -1 })).toMatchObject({
      kind: 'rejected',
    });
  });
});

describe('what the provider says', () => {
  it('of a period that the account has left changes how the payer stands, and nothing else', () => {
    const payer = subscriber(3);
    payer.sync({ next: { plan: 'PRO', quantity: 1 } });
    const before = { ...payer.providerSubscription, period: monthFrom(START, payer.now) };
    payer.at('2026-04-10T12:00:00Z');
    const late = { ...before, paymentStanding: 'PAST_DUE', status: 'PAST_DUE' } as const;
    payer.done({ ...base, kind: 'subscription', providerSubscription: late, paidUnits: 3 });
    expect(payer.account).toMatchObject({
      available: UNIT,
      subscription: { quantity: 1, paymentStanding: 'PAST_DUE', periodStart: at('2026-04-10T12:00:00Z') },
    });
  });

  it('of a newer period turns at once: its own credits lapse early, and the new ones come', () => {
    const payer = subscriber();
    payer.use(10n);
    payer.now = at('2026-03-20T08:00:03Z');
    const anchor = at('2026-03-20T08:00:00Z');
    expect(payer.sync({ anchor }, 1)).toEqual([
      ['EXPIRY', -(UNIT - 10n)],
      ['GRANT', UNIT],
    ]);
    expect(payer.account).toMatchObject({
      used: 0n,
      period: { start: payer.now, end: at('2026-04-20T08:00:00Z') },
      subscription: { periodStart: anchor },
    });
    expect(payer.sync({}, 1)).toEqual([]);
  });

  it('of the period’s end moves the credits’ with it, both ways', () => {
    const payer = subscriber();
    payer.use(1n);
    const later = { start: START, end: at('2026-04-15T00:00:00Z') };
    payer.sync({ period: later });
    payer.at('2026-04-14T23:59:59.999Z');
    expect(payer.account.available).toBe(UNIT - 1n);
    payer.sync({ period: { start: START, end: at('2026-04-14T23:59:59.999Z') } });
    // An end that is past counts from the anchor.
    expect(payer.account.period.end).toEqual(at('2026-05-10T12:00:00Z'));
    payer.sync({ period: { start: START, end: at('2026-04-20T00:00:00Z') } });
    payer.at('2026-04-20T00:00:00Z');
    expect([...payer.ledger.grants.values()][0]).toMatchObject({
      state: 'EXPIRED',
      expiresAt: at('2026-04-20T00:00:00Z'),
    });
  });

  it('that what has begun was never paid is that it is unpaid', () => {
    const payer = subscriber();
    payer.sync({ paymentStanding: 'INCOMPLETE', status: 'INCOMPLETE' });
    expect(payer.use(1n)).toMatchObject({ reason: 'PAYMENT_PAST_DUE' });
  });

  it('of another subscription ends the first and begins the second, at one instant', () => {
    const payer = subscriber();
    payer.use(10n);
    expect(payer.sync({ id: 'sub_2' }, 3)).toEqual([
      ['EXPIRY', -(UNIT - 10n)],
      ['GRANT', 3n * UNIT],
    ]);
    expect(payer.account).toMatchObject({ used: 0n, available: 3n * UNIT, subscription: { id: 'sub_2' } });
    payer.sync({ id: 'sub_3', paymentStanding: 'INCOMPLETE', status: 'INCOMPLETE' });
    expect(payer.account).toMatchObject({
      available: 0n,
      subscription: { id: 'sub_3', paymentStanding: 'INCOMPLETE' },
    });
    payer.ended();
    expect(payer.account.subscription).toBe(null);
  });
});

describe('a subscription that is ended early (rule 13)', () => {
  it('ends its period and lapses its credits then, but for what is held and what was bought', () => {
    const payer = subscriber();
    payer.done({
      ...base,
      kind: 'credit',
      grantId: uuidv7(),
      source: 'PURCHASE',
      amount: 12_500n,
      reason: null,
      idempotency: { key: 'p', fingerprint: Buffer.alloc(16) },
    });
    payer.reserve(100n, HOLD, 3_600_000);
    payer.now = at('2026-03-20T00:00:00Z');
    payer.reserve(100n, HOLD.replace('a001', 'a002'), 86_400_000 * 3);
    payer.now = at('2026-03-20T12:00:00Z');
    expect(payer.ended()).toEqual([['EXPIRY', -(UNIT - 100n)]]);
    expect(payer.account).toMatchObject({
      available: 12_500n,
      held: 100n,
      subscription: null,
      period: { start: payer.now, end: at('2026-04-01T00:00:00Z') },
    });
    expect(payer.ended()).toEqual([]);
    // What is held of it lapses with its hold.
    payer.at('2026-03-24T00:00:00Z');
    expect(payer.account).toMatchObject({ available: 12_500n, held: 0n });
  });

  it('does not get its credits back by a refund: they would be of a period that is over (rule 22)', () => {
    const payer = subscriber();
    payer.use(UNIT);
    payer.now = at('2026-03-20T12:00:00Z');
    payer.ended();
    expect(payer.refund(-1)).toEqual([['REFUND', UNIT]]);
    const [spent, given] = [...payer.ledger.grants.values()];
    expect(spent).toMatchObject({ state: 'SPENT', remaining: 0n });
    expect(given).toMatchObject({ source: 'SUBSCRIPTION', expiresAt: at('2026-04-01T00:00:00Z'), remaining: UNIT });
  });

  it('can be followed by a new one within the same millisecond', () => {
    const payer = subscriber();
    payer.ended();
    payer.sync({ id: 'sub_2' }, 1);
    payer.ended();
    expect(payer.account).toMatchObject({ available: 0n, subscription: null });
    const starts = payer.ledger.entries.map((entry) => entry.periodStart.getTime());
    expect(starts).toEqual([...starts].sort((a, b) => a - b));
  });
});

describe('credits that were paid for besides (rules 24 and 26)', () => {
  const creditOf = (source: 'PURCHASE' | 'SUBSCRIPTION', amount: bigint): Command => ({
    ...base,
    kind: 'credit',
    grantId: uuidv7(),
    source,
    amount,
    reason: null,
    idempotency: { key: 'k', fingerprint: Buffer.alloc(16) },
  });

  it('by more units are for the current period, by a purchase for ever', () => {
    const payer = subscriber();
    payer.sync({ quantity: 2, next: { plan: 'PRO', quantity: 2 } });
    expect(payer.account.available).toBe(UNIT);
    payer.done(creditOf('SUBSCRIPTION', 250_000n));
    payer.done(creditOf('PURCHASE', 12_500n));
    expect(payer.account.available).toBe(762_500n);
    payer.at('2026-04-10T12:00:00Z');
    expect(payer.account.available).toBe(2n * UNIT + 12_500n);
    payer.ended();
    expect(payer.account.available).toBe(12_500n);
  });
});

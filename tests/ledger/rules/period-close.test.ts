import { nextEventAt } from '../../../src/ledger/rules/account.ts';
import { at, ENTITY, HOLD, subscriber, Subscriber, UNIT } from './subscriber.ts';

describe('the turn of a subscription (rules 13 and 25)', () => {
  it('lapses what is left and grants anew within one transaction, to the millisecond', () => {
    const payer = subscriber(2);
    payer.use(30n);
    expect(payer.at('2026-04-10T11:59:59.999Z').account.available).toBe(2n * UNIT - 30n);
    payer.now = at('2026-04-10T12:00:00.000Z');
    const before = payer.ledger.entries.length;
    payer.ledger.advance(ENTITY, payer.now);
    expect(payer.ledger.entries.slice(before).map(({ kind, amount }) => [kind, amount])).toEqual([
      ['EXPIRY', -(2n * UNIT - 30n)],
      ['GRANT', 2n * UNIT],
    ]);
    expect(payer.account).toMatchObject({
      used: 0n,
      available: 2n * UNIT,
      period: { start: at('2026-04-10T12:00:00Z'), end: at('2026-05-10T12:00:00Z') },
    });
    // The invoice of the renewal is paid an hour later, and grants nothing more.
    payer.now = at('2026-04-10T13:00:00Z');
    expect(payer.sync({}, 2)).toEqual([]);
  });

  it('happens once however late the server is, and skips what it slept through: that credits come when it is confirmed', () => {
    const payer = subscriber();
    payer.at('2026-08-20T00:00:00Z');
    expect(payer.account).toMatchObject({
      available: 0n,
      period: { start: at('2026-08-10T12:00:00Z'), end: at('2026-09-10T12:00:00Z') },
    });
    expect(payer.sync({}, 1)).toEqual([['GRANT', UNIT]]);
    expect([...payer.ledger.grants.values()].map((grant) => [grant.amount, grant.state])).toEqual([
      [UNIT, 'EXPIRED'],
      [UNIT, 'ACTIVE'],
    ]);
    expect(payer.sync({}, 1)).toEqual([]);
    payer.at('2026-04-20T00:00:00Z');
    expect(payer.account.period.start).toEqual(at('2026-08-10T12:00:00Z'));
  });

  it.each([
    ['paid until now', '2026-04-10T12:00:00Z', 1],
    ['last paid a period ago', '2026-03-10T12:00:00Z', 1],
    ['last paid longer ago than a period and its grace', '2026-03-03T11:59:59Z', 0],
    ['never paid', null, 0],
  ])('of a subscription that is %s brings credits, or waits for them to be paid', (_, paidUntil, units) => {
    const payer = subscriber();
    payer.sync({ paidUntil: paidUntil === null ? null : at(paidUntil) });
    payer.at('2026-04-10T12:00:00Z');
    expect(payer.account).toMatchObject({ available: BigInt(units) * UNIT, subscription: { status: 'ACTIVE' } });
    payer.policy(true);
    expect(payer.use(2n * UNIT)).toMatchObject(units === 1 ? { kind: 'applied' } : { reason: 'INSUFFICIENT_CREDITS' });
  });

  it('wakes the sweeper, though nothing was used', () => {
    expect(nextEventAt(subscriber().account)).toEqual(at('2026-04-10T12:00:00Z'));
    expect(nextEventAt(new Subscriber().account)).toBe(null);
  });

  it('makes a scheduled downgrade current: fewer units then, and credits of fewer (rule 26)', () => {
    const payer = subscriber(5);
    payer.sync({ next: { plan: 'PRO', quantity: 2 } });
    expect(payer.account).toMatchObject({ available: 5n * UNIT, subscription: { quantity: 5 } });
    payer.at('2026-04-10T12:00:00Z');
    expect(payer.account).toMatchObject({
      available: 2n * UNIT,
      subscription: { quantity: 2, next: { plan: 'PRO', quantity: 2 } },
    });
  });

  it.each([null, { plan: 'FREE_TRIAL' as const, quantity: 1 }])(
    'to no plan (%p) is the free trial until the month ends',
    (next) => {
      const payer = subscriber();
      payer.use(10n);
      payer.sync({ next });
      expect(payer.use(0n, 'all_chatflows')).toMatchObject({ kind: 'applied' });
      payer.at('2026-04-10T12:00:00Z');
      expect(payer.account).toMatchObject({
        available: 0n,
        used: 0n,
        subscription: null,
        period: { start: at('2026-04-10T12:00:00Z'), end: at('2026-05-01T00:00:00Z') },
      });
      expect(payer.use(0n, 'all_chatflows')).toMatchObject({ reason: 'FEATURE_NOT_IN_PLAN' });
      expect(payer.use(0n, 'basic_chatflows')).toMatchObject({ kind: 'applied' });
      expect(nextEventAt(payer.account)).toBe(null);
      payer.at('2026-05-01T00:00:00Z');
      expect(payer.account.period.start).toEqual(at('2026-05-01T00:00:00Z'));
    },
  );

  it.each([
    { paymentStanding: 'PAST_DUE', status: 'PAST_DUE' },
    { paymentStanding: 'UNPAID', status: 'UNPAID' },
    { paymentStanding: 'GOOD', status: 'PAUSED' },
  ] as const)('of one that is $status waits for the payment, then grants once', ({ paymentStanding, status }) => {
    const payer = subscriber();
    payer.sync({ paymentStanding, status });
    payer.at('2026-04-10T12:00:00Z');
    expect(payer.account).toMatchObject({ available: 0n, period: { start: at('2026-04-10T12:00:00Z') } });
    payer.now = at('2026-04-12T00:00:00Z');
    // The payer stands well again, and this period is still not paid.
    payer.sync({ paymentStanding: 'GOOD', status: 'ACTIVE' });
    expect(payer.account.available).toBe(0n);
    expect(payer.sync({}, 1)).toEqual([['GRANT', UNIT]]);
    expect(payer.sync({}, 1)).toEqual([]);
  });

  it('leaves what is held to its work, and it lapses with it (rule 12)', () => {
    const payer = subscriber();
    payer.now = at('2026-04-10T11:00:00Z');
    payer.reserve(UNIT, HOLD, 7_200_000);
    payer.at('2026-04-10T12:00:00Z');
    expect(payer.account).toMatchObject({ held: UNIT, available: UNIT });
    payer.settle(100n, HOLD);
    expect(payer.account).toMatchObject({ held: 0n, available: UNIT, used: 100n });
  });

  it('pays what is owed out of the new credits at once (rule 8)', () => {
    const payer = subscriber();
    payer.reserve(0n, HOLD, 7_200_000);
    payer.settle(UNIT + 70n, HOLD);
    expect(payer.account).toMatchObject({ available: 0n, owed: 70n });
    payer.at('2026-04-10T12:00:00Z');
    expect(payer.account).toMatchObject({ available: UNIT - 70n, owed: 0n, used: 0n });
  });
});

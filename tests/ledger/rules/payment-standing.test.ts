import { at, base, ENTITY, HOLD, OTHER, START, subscriber, Subscriber, UNIT } from './subscriber.ts';

describe('payment (rules 14 and 18)', () => {
  it('that is past due leaves what is there until the grace ends, then refuses even what costs nothing', () => {
    const payer = subscriber();
    const graceEndsAt = at('2026-03-17T00:00:00Z');
    payer.sync({ paymentStanding: 'PAST_DUE', status: 'PAST_DUE', graceEndsAt });
    payer.now = at('2026-03-16T23:59:59.999Z');
    expect(payer.use(1n)).toMatchObject({ kind: 'applied' });
    payer.now = graceEndsAt;
    const refused = { kind: 'refused', reason: 'PAYMENT_PAST_DUE', scope: 'PLAN', available: UNIT - 1n };
    expect(payer.use(1n)).toMatchObject(refused);
    expect(payer.use(0n)).toMatchObject(refused);
    expect(payer.reserve(0n, HOLD, 60_000)).toMatchObject(refused);
    payer.sync({ paymentStanding: 'GOOD', status: 'ACTIVE', graceEndsAt: null });
    expect(payer.use(1n)).toMatchObject({ kind: 'applied' });
  });

  it('that is past due counts as a disabled overage policy (rule 14)', () => {
    const payer = subscriber();
    payer.policy(true);
    payer.sync({ paymentStanding: 'PAST_DUE', status: 'PAST_DUE' });
    expect(payer.use(UNIT + 1n)).toMatchObject({ reason: 'INSUFFICIENT_CREDITS', scope: 'BALANCE' });
    payer.sync({ paymentStanding: 'GOOD', status: 'ACTIVE' });
    expect(payer.use(UNIT + 1n)).toMatchObject({ kind: 'applied' });
  });

  it('never refuses a settlement (rule 16)', () => {
    const payer = subscriber();
    payer.policy(true);
    payer.reserve(UNIT + 50n, HOLD, 3_600_000);
    payer.sync({ paymentStanding: 'UNPAID', status: 'UNPAID' });
    expect(payer.settle(UNIT + 80n, HOLD)).toMatchObject({ kind: 'applied' });
    expect(payer.account).toMatchObject({ overage: 50n, owed: 30n });
  });

  it('unpaid comes after suspension and before features in the order of refusals (rule 18)', () => {
    const payer = subscriber();
    payer.sync({ paymentStanding: 'UNPAID', status: 'UNPAID' });
    expect(payer.use(1n, 'no_such_feature')).toMatchObject({ reason: 'PAYMENT_PAST_DUE' });
    payer.ledger.open(ENTITY, START, { ...payer.account, suspended: true });
    expect(payer.use(1n)).toMatchObject({ reason: 'ENTITY_SUSPENDED' });
  });

  it('overage is for plans that allow it: a policy alone enables nothing', () => {
    const payer = new Subscriber();
    payer.policy(true);
    expect(payer.use(1n)).toMatchObject({ reason: 'INSUFFICIENT_CREDITS', available: 0n });
  });
});

describe('a first charge that fails (rules 24 and 25)', () => {
  it('takes the base credits back, and gives them again when it is paid, once', () => {
    const payer = subscriber();
    payer.at('2026-04-10T12:00:00Z').use(100n);
    const { grantId } = payer.base;
    const clawback = { ...base, kind: 'clawback', grantId, target: UNIT, elsewhere: [], reason: 'not paid' } as const;
    const reinstate = { ...base, kind: 'reinstate', grantId, reason: 'paid' } as const;
    expect(payer.done(reinstate)).toEqual([]);
    payer.done(clawback);
    expect(payer.account).toMatchObject({ available: 0n, owed: 100n });
    // Its base is given already, in whatever state it is.
    payer.sync({ paymentStanding: 'PAST_DUE', status: 'PAST_DUE' }, 1);
    expect(payer.account).toMatchObject({ available: 0n, owed: 100n });
    expect(payer.done(reinstate)).toEqual([
      ['GRANT', UNIT],
      ['REPAYMENT', -100n],
    ]);
    expect(payer.done(reinstate)).toEqual([]);
    expect(payer.account).toMatchObject({ available: UNIT - 100n, owed: 0n });
    expect(payer.ledger.grants.get(grantId)).toMatchObject({ clawed: 0n, voidedAt: null });
    // And again, from what was given back.
    payer.done(clawback);
    expect(payer.account).toMatchObject({ available: 0n, owed: 100n });
    payer.done(reinstate);
    // What was given back is of this period, too.
    payer.sync({ next: null });
    payer.at('2026-05-10T12:00:00Z');
    expect(payer.account).toMatchObject({ available: 0n, owed: 0n });
  });

  it('is given again until the current period’s end where its own is past', () => {
    const payer = subscriber();
    const { grantId } = payer.base;
    payer.use(100n);
    payer.done({ ...base, kind: 'clawback', grantId, target: UNIT, elsewhere: [], reason: 'disputed' });
    payer.sync({ next: null });
    payer.at('2026-04-12T00:00:00Z');
    payer.done({ ...base, kind: 'reinstate', grantId, reason: 'won' });
    expect(payer.account.available).toBe(UNIT - 100n);
    expect([...payer.ledger.grants.values()].at(-1)).toMatchObject({ expiresAt: at('2026-05-01T00:00:00Z') });
    expect(payer.try({ ...base, kind: 'reinstate', grantId: OTHER, reason: 'won' })).toMatchObject({
      code: 'NOT_FOUND',
    });
  });
});

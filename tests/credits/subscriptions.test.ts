import { v7 as uuidv7 } from 'uuid';
import { type Account, balanceOf, nextEventAt } from '../../src/ledger/rules/account.ts';
import type { Command, Decision } from '../../src/ledger/rules/commands.ts';
import { monthFrom } from '../../src/ledger/rules/periods.ts';
import { type BaseGrant, planOf, type ProviderSubscription } from '../../src/ledger/rules/subscription.ts';
import { RATES } from '../../src/plans/rates.ts';
import { PureLedger } from './pure-ledger.ts';

const ENTITY = '01900000-0000-7000-8000-000000000001';
const OTHER = '01900000-0000-7000-8000-000000000002';
const START = new Date('2026-03-10T12:00:00.000Z');
const UNIT = 500_000n;

const at = (text: string): Date => new Date(text);
const base = { billingEntityId: ENTITY, actor: 'system', idempotency: null } as const;

/** An account with its provider, expected to be provable at every step. */
class Subscriber {
  readonly ledger = new PureLedger().open(ENTITY, at('2026-03-05T00:00:00Z'));
  now = START;
  /** As the provider would say it now. */
  providerSubscription: Omit<ProviderSubscription, 'period'> = {
    id: 'sub_1',
    plan: 'PRO',
    quantity: 1,
    paymentStanding: 'GOOD',
    status: 'ACTIVE',
    graceEndsAt: null,
    anchor: START,
    next: { plan: 'PRO', quantity: 1 },
  };

  get account(): Account {
    return this.ledger.account(ENTITY);
  }

  /** The grant of the base credits of its period. */
  get base(): BaseGrant {
    const base = this.account.subscription?.base;
    if (!base) throw new Error('there is none');
    return base;
  }

  try(command: Command): Decision {
    const decision = this.ledger.execute(command, this.now);
    expect(this.ledger.verify(ENTITY).problems).toEqual([]);
    return decision;
  }

  /** Kinds and amounts of what was written. */
  done(command: Command): (readonly [string, bigint])[] {
    const decision = this.try(command);
    expect(decision).toMatchObject({ kind: 'applied' });
    return decision.kind === 'applied' ? decision.entries.map(({ kind, amount }) => [kind, amount] as const) : [];
  }

  at(text: string): this {
    this.now = at(text);
    this.ledger.advance(ENTITY, this.now);
    expect(this.ledger.verify(ENTITY).problems).toEqual([]);
    return this;
  }

  /** What the provider says now. */
  sync(changes: Partial<ProviderSubscription> = {}, paidUnits = 0): (readonly [string, bigint])[] {
    const { period, ...rest } = changes;
    this.providerSubscription = { ...this.providerSubscription, ...rest };
    const providerSubscription = {
      ...this.providerSubscription,
      period: period ?? monthFrom(this.providerSubscription.anchor, this.now),
    };
    return this.done({ ...base, kind: 'subscription', providerSubscription, paidUnits });
  }

  ended(): (readonly [string, bigint])[] {
    return this.done({ ...base, kind: 'subscription', providerSubscription: null, paidUnits: 0 });
  }

  policy(enabled: boolean, cap: bigint | null = null): void {
    this.done({ ...base, kind: 'policy', overagePolicy: { enabled, cap } });
  }

  use(credits: bigint, feature: string | null = null): Decision {
    return this.try({
      ...base,
      kind: 'consume',
      lines: [{ quantity: credits * 10n, rate: RATES.AI_TOKENS }],
      userId: ENTITY,
      organizationId: null,
      apiKey: null,
      otherPayers: [],
      billingMode: 'FULL',
      feature,
      metadata: null,
      occurredAt: null,
    });
  }

  reserve(credits: bigint, reservationId: string, ttlMs: number): Decision {
    return this.try({
      ...base,
      kind: 'reserve',
      reservationId,
      ttlMs,
      lines: [{ quantity: credits * 10n, rate: RATES.AI_TOKENS }],
      userId: ENTITY,
      organizationId: null,
      apiKey: null,
      otherPayers: [],
      billingMode: 'FULL',
      feature: null,
    });
  }

  settle(credits: bigint, reservationId: string): Decision {
    return this.try({
      ...base,
      kind: 'settle',
      reservationId,
      anyReservation: true,
      lines: [{ quantity: credits * 10n, rate: RATES.AI_TOKENS }],
      userId: undefined,
      organizationId: undefined,
      apiKeyId: undefined,
      feature: undefined,
      metadata: null,
      occurredAt: null,
    });
  }

  report(): void {
    this.done({ ...base, kind: 'reportOverage', reportId: uuidv7() });
  }

  /** Refunds the record that stands there; the last one at −1. */
  refund(index: number): (readonly [string, bigint])[] {
    const { sequence, line } = this.ledger.records.at(index) as { sequence: bigint; line: number };
    return this.done({ ...base, kind: 'refund', record: { sequence, line }, reason: 'test' });
  }
}

function subscriber(units = 1): Subscriber {
  const it = new Subscriber();
  it.sync({ quantity: units, next: { plan: 'PRO', quantity: units } }, units);
  return it;
}

const HOLD = '01900000-0000-7000-8000-00000000a001';

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

  it('happens once however late the server is, and skips what it slept through', () => {
    const payer = subscriber();
    payer.at('2026-08-20T00:00:00Z');
    expect(payer.account).toMatchObject({
      available: UNIT,
      period: { start: at('2026-08-10T12:00:00Z'), end: at('2026-09-10T12:00:00Z') },
    });
    expect([...payer.ledger.grants.values()].map((grant) => [grant.amount, grant.state])).toEqual([
      [UNIT, 'EXPIRED'],
      [UNIT, 'ACTIVE'],
    ]);
    expect(payer.sync({}, 1)).toEqual([]);
    payer.at('2026-04-20T00:00:00Z');
    expect(payer.account.period.start).toEqual(at('2026-08-10T12:00:00Z'));
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

describe('reports of overage (rule 28)', () => {
  it('freeze what no report has yet, once, stamped with the instant', () => {
    const payer = subscriber();
    payer.policy(true);
    payer.use(UNIT + 40n);
    payer.now = at('2026-03-11T00:00:00Z');
    payer.report();
    payer.report();
    payer.use(5n);
    payer.report();
    expect(payer.ledger.reports.map(({ credits, stampedAt }) => [credits, stampedAt])).toEqual([
      [40n, at('2026-03-10T23:59:59.999Z')],
      [5n, at('2026-03-10T23:59:59.999Z')],
    ]);
    expect(payer.ledger.reports[0]).toMatchObject({
      subscriptionId: 'sub_1',
      period: { start: START, end: at('2026-04-10T12:00:00Z') },
    });
    expect(payer.account).toMatchObject({ overageTotal: 45n, overageReported: 45n });
  });

  it('are made by the turn, stamped inside the period that ends, however late', () => {
    const payer = subscriber();
    payer.policy(true);
    payer.use(UNIT + 40n);
    payer.at('2026-06-01T00:00:00Z');
    expect(payer.ledger.reports).toMatchObject([{ credits: 40n, stampedAt: at('2026-04-10T11:59:59.999Z') }]);
    payer.use(UNIT + 7n);
    payer.now = at('2026-06-02T00:00:00Z');
    payer.ended();
    expect(payer.ledger.reports[1]).toMatchObject({ credits: 7n, stampedAt: at('2026-06-01T23:59:59.999Z') });
    expect(payer.account).toMatchObject({ overageTotal: 47n, overageReported: 47n, overage: 0n });
  });

  it('of a subscription that the provider turned before us are stamped before it did', () => {
    const payer = subscriber();
    payer.policy(true);
    payer.use(UNIT + 40n);
    payer.now = at('2026-03-20T08:00:09Z');
    payer.sync({ anchor: at('2026-03-20T08:00:00Z') });
    expect(payer.ledger.reports).toMatchObject([{ credits: 40n, stampedAt: at('2026-03-20T07:59:59.999Z') }]);
  });

  it('of work that outlived its subscription name none', () => {
    const payer = subscriber();
    payer.policy(true);
    payer.use(UNIT);
    payer.reserve(30n, HOLD, 3_600_000);
    payer.now = at('2026-03-10T12:10:00Z');
    payer.ended();
    payer.settle(50n, HOLD);
    expect(payer.account).toMatchObject({ overage: 30n, owed: 20n });
    payer.at('2026-04-01T00:00:00Z');
    expect(payer.ledger.reports).toMatchObject([{ subscriptionId: null, credits: 30n }]);
  });

  it('are not taken back by a refund: what is reported becomes credits, what is not is taken off (rule 22)', () => {
    const payer = subscriber();
    payer.policy(true);
    payer.use(UNIT);
    payer.use(25n);
    payer.report();
    payer.use(10n);
    payer.use(20n);
    // Thirty are unreported: this record's twenty are taken off whole.
    expect(payer.refund(-1)).toEqual([['REFUND', 0n]]);
    expect(payer.account).toMatchObject({ overage: 35n, overageTotal: 35n, used: UNIT + 35n, available: 0n });
    // Of these twenty-five, as much as is still unreported; the rest is on a bill, and comes as credits.
    expect(payer.refund(1)).toEqual([
      ['REFUND', 0n],
      ['REFUND', 15n],
    ]);
    expect(payer.account).toMatchObject({ overage: 25n, overageTotal: 25n, overageReported: 25n, available: 15n });
    expect(balanceOf(payer.account, payer.now).allowance >= 0n).toBe(true);
  });

  it('of an earlier period are on its bill: their refund is credits', () => {
    const payer = subscriber();
    payer.policy(true);
    payer.use(UNIT + 40n);
    payer.sync({ paymentStanding: 'GOOD', status: 'PAUSED' });
    payer.at('2026-04-10T12:00:00Z').use(9n);
    payer.refund(0);
    expect(payer.account).toMatchObject({ overage: 9n, overageTotal: 49n, overageReported: 40n });
    expect(
      [...payer.ledger.grants.values()].map(({ source, amount, expiresAt }) => [source, amount, expiresAt]),
    ).toEqual([
      ['SUBSCRIPTION', UNIT, at('2026-04-10T12:00:00Z')],
      ['SUBSCRIPTION', UNIT, at('2026-05-10T12:00:00Z')],
      ['ADJUSTMENT', 40n, null],
    ]);
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

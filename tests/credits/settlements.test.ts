import { v7 as uuidv7 } from 'uuid';
import { type Account, balanceOf } from '../../src/ledger/rules/account.ts';
import type { ChargedUse, UsageContext } from '../../src/ledger/rules/usage-context.ts';
import type { Command, Decision } from '../../src/ledger/rules/commands.ts';
import { counterName, type CounterScope } from '../../src/ledger/rules/spend-limits.ts';
import { RATES } from '../../src/plans/rates.ts';
import { PRO } from './commands.ts';
import { PureLedger } from './pure-ledger.ts';

const POOL = '01900000-0000-7000-8000-000000000001';
const ANN = '01900000-0000-7000-8000-000000000002';
const KEY = { billingEntityId: POOL, id: '01900000-0000-7000-8000-000000000004' };
const HOLD = '01900000-0000-7000-8000-00000000a001';
const START = new Date('2026-03-10T12:00:00.000Z');

/** A pool, what may be changed of it and of Ann's rights in it, and her reservation. */
class Pool {
  readonly ledger: PureLedger;
  /** What is different from a member without limits, on a key without limits. */
  terms: Partial<UsageContext> = {};
  limits: { readonly member: bigint | null; readonly key: bigint | null } = { member: null, key: null };

  constructor(credits: bigint, changes: Partial<Account> = {}) {
    this.ledger = new PureLedger().open(POOL, START, changes);
    this.ledger.usageContext = (use) => this.#termsOf(use);
    if (credits > 0n) this.grant(credits);
  }

  grant(amount: bigint): void {
    this.ledger.execute(
      {
        kind: 'grant',
        billingEntityId: POOL,
        actor: 'test',
        idempotency: null,
        grantId: uuidv7(),
        source: 'PURCHASE',
        amount,
        priority: 50,
        effectiveAt: null,
        expiresAt: null,
        reason: null,
      },
      START,
    );
  }

  /** Ann reserves. */
  reserve(credits: bigint, { id = HOLD, onKey = true, feature = null as string | null } = {}): this {
    const decision = this.ledger.execute(
      {
        kind: 'reserve',
        billingEntityId: POOL,
        actor: 'user:ann',
        idempotency: null,
        lines: [{ quantity: credits * 10n, rate: RATES.AI_TOKENS }],
        userId: ANN,
        organizationId: POOL,
        apiKey: onKey ? KEY : null,
        otherPayers: [],
        billingMode: 'FULL',
        feature,
        reservationId: id,
        ttlMs: 600_000,
      },
      START,
    );
    expect(decision.kind).toBe('applied');
    return this;
  }

  settle(credits: bigint, changes: Partial<Extract<Command, { kind: 'settle' }>> = {}): Decision {
    const decision = this.ledger.execute(
      {
        kind: 'settle',
        billingEntityId: POOL,
        actor: 'user:ann',
        idempotency: null,
        reservationId: HOLD,
        anyReservation: false,
        lines: [{ quantity: credits * 10n, rate: RATES.AI_TOKENS }],
        userId: undefined,
        organizationId: undefined,
        apiKeyId: undefined,
        feature: undefined,
        metadata: null,
        occurredAt: null,
        ...changes,
      },
      START,
    );
    expect(this.ledger.verify(POOL).problems).toEqual([]);
    return decision;
  }

  get account(): Account {
    return this.ledger.account(POOL);
  }

  change(changes: Partial<Account>): this {
    this.ledger.open(POOL, START, { ...this.account, ...changes });
    return this;
  }

  #termsOf({ userId, apiKey }: ChargedUse): UsageContext {
    const counter = (scope: CounterScope, subjectId: string) =>
      this.ledger.counters.get(counterName({ billingEntityId: POOL, scope, subjectId }));
    return {
      suspended: false,
      visibility: 'PRIVATE',
      membership:
        userId === null ? null : { ...ACTIVE, creditLimit: this.limits.member, counter: counter('MEMBER', userId) },
      apiKey:
        apiKey === null
          ? null
          : { ...ACTIVE, billingMode: 'FULL', creditLimit: this.limits.key, counter: counter('API_KEY', apiKey.id) },
      ...this.terms,
    };
  }
}

const ACTIVE = { status: 'ACTIVE', creditLimit: null } as const;
const SUSPENDED = { status: 'SUSPENDED', creditLimit: null, counter: undefined } as const;
const overage = (cap: bigint | null): Partial<Account> => ({
  overagePolicy: { enabled: true, cap },
  subscription: PRO,
});

/** What a settlement by who reserved was refused with; the hold stays. */
function expectRefused(pool: Pool, credits: bigint, refusal: Record<string, unknown>): void {
  const before = [balanceOf(pool.account, START), pool.ledger.entries.length];
  expect(pool.settle(credits)).toMatchObject(refusal);
  expect([balanceOf(pool.account, START), pool.ledger.entries.length]).toEqual(before);
  expect(pool.ledger.reservations.get(HOLD)?.status).toBe('HELD');
}

describe('a settlement by who reserved, for more than the hold (rule 16)', () => {
  it('is refused where the rest does not fit beside the hold as new use; a service’s is charged all the same', () => {
    const pool = new Pool(1_000n);
    pool.limits = { member: 10n, key: null };
    pool.reserve(1n);
    const refusal = { kind: 'refused', reason: 'MEMBER_LIMIT_REACHED', scope: 'MEMBER', available: 10n };
    expectRefused(pool, 100_000_000_000n, { ...refusal, required: 100_000_000_000n });
    expectRefused(pool, 11n, { ...refusal, required: 11n });
    // What fits may be settled after all.
    expect(pool.settle(10n)).toMatchObject({ kind: 'applied' });
    expect(pool.account).toMatchObject({ used: 10n, owed: 0n, held: 0n });

    const byService = new Pool(1_000n);
    byService.limits = { member: 10n, key: null };
    byService.reserve(1n);
    expect(byService.settle(2_000n, { actor: 'service:platform', anyReservation: true })).toMatchObject({
      kind: 'applied',
    });
    expect(byService.account).toMatchObject({ used: 2_000n, owed: 1_000n });
  });

  it('takes overage like new use where nothing caps it', () => {
    const pool = new Pool(50n, overage(null)).reserve(20n);
    const entries = [{ kind: 'RELEASE' }, { kind: 'CONSUMPTION', owedChange: 0n }, { kind: 'OVERAGE' }];
    expect(pool.settle(100n)).toMatchObject({ kind: 'applied', entries });
    expect(pool.account).toMatchObject({ available: 0n, overage: 50n, owed: 0n, used: 100n });
  });

  it.each<readonly [what: string, pool: () => Pool, charge: bigint, refusal: Record<string, unknown>]>([
    [
      'what is available',
      () => new Pool(50n).reserve(20n),
      51n,
      { reason: 'INSUFFICIENT_CREDITS', required: 51n, available: 50n },
    ],
    [
      'the cap on overage, of which the hold has its part',
      () => new Pool(10n, overage(30n)).reserve(25n),
      41n,
      { reason: 'OVERAGE_CAP_REACHED', scope: 'OVERAGE_CAP', required: 41n, available: 40n },
    ],
    [
      'the limit of the key',
      () => {
        const pool = new Pool(500n);
        pool.limits = { member: 60n, key: 50n };
        return pool.reserve(20n);
      },
      51n,
      { reason: 'API_KEY_LIMIT_REACHED', scope: 'API_KEY', required: 51n, available: 50n },
    ],
    [
      'what is owed, of which all must be paid first',
      () => {
        const pool = new Pool(10n).reserve(10n);
        pool.reserve(0n, { id: OTHER });
        pool.settle(7n, { reservationId: OTHER, actor: 'service:platform', anyReservation: true });
        return pool;
      },
      11n,
      { reason: 'INSUFFICIENT_CREDITS', required: 18n, available: 10n },
    ],
    [
      'a suspended account',
      () => new Pool(50n).reserve(20n).change({ suspended: true }),
      21n,
      { reason: 'ENTITY_SUSPENDED', required: 21n },
    ],
    [
      'a suspended user',
      () => lost(new Pool(50n).reserve(20n), { suspended: true }),
      21n,
      { reason: 'ENTITY_SUSPENDED' },
    ],
    [
      'a suspended membership',
      () => lost(new Pool(50n).reserve(20n), { membership: SUSPENDED }),
      21n,
      { reason: 'MEMBER_SUSPENDED', scope: 'MEMBER' },
    ],
    [
      'a subscription that nobody pays',
      () => new Pool(50n).reserve(20n).change({ subscription: { ...PRO, paymentStanding: 'UNPAID' } }),
      21n,
      { reason: 'PAYMENT_PAST_DUE' },
    ],
    [
      'a feature that the plan has no more',
      () => new Pool(50n, overage(null)).reserve(20n, { feature: 'all_chatflows' }).change({ subscription: null }),
      21n,
      { reason: 'FEATURE_NOT_IN_PLAN' },
    ],
    [
      'a hold of nothing, which admits nothing more',
      () => new Pool(0n).reserve(0n),
      1n,
      { reason: 'INSUFFICIENT_CREDITS', required: 1n, available: 0n },
    ],
    [
      'the limit of a member that admits nothing but what costs nothing',
      () => {
        const pool = new Pool(50n);
        pool.limits = { member: 0n, key: null };
        return pool.reserve(0n, { onKey: false });
      },
      1n,
      { reason: 'MEMBER_LIMIT_REACHED', required: 1n, available: 0n },
    ],
  ])('is refused by %s, and up to the hold by nothing', (_what, open, charge, refusal) => {
    const pool = open();
    expectRefused(pool, charge, { kind: 'refused', ...refusal });
    const hold = pool.ledger.reservations.get(HOLD);
    const held = (hold?.covered ?? 0n) + (hold?.overage ?? 0n);
    expect(pool.settle(held)).toMatchObject({ kind: 'applied' });
    expect(pool.ledger.reservations.get(HOLD)?.status).toBe('SETTLED');
  });

  it.each<readonly [what: string, terms: Partial<UsageContext>]>([
    ['membership', { membership: null }],
    ['key, revoked', { apiKey: { ...ACTIVE, status: 'REVOKED', billingMode: 'FULL', counter: undefined } }],
    ['key, expired', { apiKey: { ...ACTIVE, status: 'EXPIRED', billingMode: 'FULL', counter: undefined } }],
    ['key, gone', { apiKey: null }],
    ['organization’s purse, since each pays alone now', { visibility: 'PUBLIC' }],
  ])('is a CONFLICT that tells no balance for who lost their %s', (_what, terms) => {
    // Alike for the rich, the poor, the indebted and the suspended, and for any amount.
    const answers = [new Pool(1_000n), new Pool(20n), new Pool(30n, { suspended: true })].flatMap((pool) => {
      const { suspended } = pool.account;
      lost(pool.change({ suspended: false }).reserve(20n), terms).change({ suspended });
      return [21n, 1_000n, 10n ** 11n].map((charge) => {
        const decision = pool.settle(charge);
        expect(pool.ledger.reservations.get(HOLD)?.status).toBe('HELD');
        return decision;
      });
    });
    expect(answers[0]).toMatchObject({ kind: 'rejected', code: 'CONFLICT' });
    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);

    const pool = lost(new Pool(1_000n).reserve(20n), terms);
    expect(pool.settle(20n)).toMatchObject({ kind: 'applied' });
    const byService = lost(new Pool(1_000n).reserve(20n), terms);
    expect(byService.settle(21n, { actor: 'service:platform', anyReservation: true })).toMatchObject({
      kind: 'applied',
    });
  });
});

const OTHER = '01900000-0000-7000-8000-00000000a002';

function lost(pool: Pool, terms: Partial<UsageContext>): Pool {
  pool.terms = terms;
  return pool;
}

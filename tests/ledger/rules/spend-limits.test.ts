import fc from 'fast-check';
import { v7 as uuidv7 } from 'uuid';
import type { ChargedUse, UsageContext } from '../../../src/ledger/rules/usage-context.ts';
import type { Command, Decision } from '../../../src/ledger/rules/commands.ts';
import { reservedBy } from '../../../src/ledger/rules/reservations.ts';
import { counterName, type CounterScope } from '../../../src/ledger/rules/spend-limits.ts';
import { RATES } from '../../../src/plans/rates.ts';
import { PureLedger } from './pure-ledger.ts';
import type { Entry, RecordKey } from '../../../src/ledger/rules/entries.ts';

const POOL = '01900000-0000-7000-8000-000000000001';
const ANN = '01900000-0000-7000-8000-000000000002';
const BEN = '01900000-0000-7000-8000-000000000003';
const KEY = { billingEntityId: POOL, id: '01900000-0000-7000-8000-000000000004' };
const START = new Date('2026-03-10T12:00:00.000Z');
const HOUR_MS = 3_600_000;
const LONG_AGO = new Date(0);

const ACTIVE = { status: 'ACTIVE', creditLimit: null } as const;
const NO_LIMITS = { member: null, key: null };

interface Limits {
  readonly member: bigint | null;
  readonly key: bigint | null;
}

/** A private organization with Ann and Ben in it, each with the same limits. */
function pool(credits: bigint, limits: Limits = NO_LIMITS): PureLedger {
  const ledger = new PureLedger().open(POOL, START);
  ledger.usageContext = (use) => termsIn(ledger, use, limits);
  ledger.execute(
    {
      kind: 'grant',
      billingEntityId: POOL,
      actor: 'test',
      idempotency: null,
      grantId: uuidv7(),
      source: 'PURCHASE',
      amount: credits,
      priority: 50,
      effectiveAt: null,
      expiresAt: null,
      reason: null,
    },
    START,
  );
  return ledger;
}

function termsIn({ counters }: PureLedger, { userId, apiKey }: ChargedUse, limits: Limits): UsageContext {
  const counter = (scope: CounterScope, subjectId: string) =>
    counters.get(counterName({ billingEntityId: POOL, scope, subjectId }));
  return {
    suspended: false,
    visibility: 'PRIVATE',
    membership: userId === null ? null : { ...ACTIVE, creditLimit: limits.member, counter: counter('MEMBER', userId) },
    apiKey:
      apiKey === null
        ? null
        : { ...ACTIVE, billingMode: 'FULL', creditLimit: limits.key, counter: counter('API_KEY', apiKey.id) },
  };
}

interface Who {
  readonly userId: string | null;
  readonly onKey: boolean;
}

const useOf = (credits: bigint, { userId, onKey }: Who) => ({
  billingEntityId: POOL,
  actor: 'test',
  idempotency: null,
  lines: [{ quantity: credits * 10n, rate: RATES.AI_TOKENS }],
  userId,
  organizationId: POOL,
  apiKey: onKey ? KEY : null,
  otherPayers: [],
  billingMode: 'FULL' as const,
  feature: null,
});

const consumeOf = (credits: bigint, who: Who): Command => ({
  kind: 'consume',
  ...useOf(credits, who),
  metadata: null,
  occurredAt: null,
});

const reserveOf = (credits: bigint, who: Who, id = uuidv7()): Command => ({
  kind: 'reserve',
  ...useOf(credits, who),
  reservationId: id,
  ttlMs: HOUR_MS,
});

/** By a service, or by who reserved. */
const settleOf = (credits: bigint, reservationId: string, anyReservation = true): Command => ({
  kind: 'settle',
  billingEntityId: POOL,
  actor: 'test',
  idempotency: null,
  reservationId,
  anyReservation,
  lines: [{ quantity: credits * 10n, rate: RATES.AI_TOKENS }],
  userId: undefined,
  organizationId: undefined,
  apiKeyId: undefined,
  feature: undefined,
  metadata: null,
  occurredAt: null,
});

const ann: Who = { userId: ANN, onKey: false };

function expectProven(ledger: PureLedger): void {
  expect(ledger.verify(POOL).problems).toEqual([]);
}

/** What counts against a limit, from records and holds alone. */
function drawn(ledger: PureLedger, isCounted: (use: { userId: string | null; apiKey: unknown }) => boolean): bigint {
  const period = ledger.account(POOL).period.start.getTime();
  const inPeriod = new Map<bigint, Entry>(ledger.entriesOf(POOL).map((entry) => [entry.sequence, entry]));
  const refunded = (record: RecordKey): bigint =>
    ledger.refunds
      .filter(({ sequence, line }) => sequence === record.sequence && line === record.line)
      .reduce((credits, part) => credits + (part.credits ?? 0n), 0n);
  let sum = 0n;
  for (const record of ledger.records) {
    const isNow = inPeriod.get(record.sequence)?.periodStart.getTime() === period;
    if (isNow && isCounted(record)) sum += record.credits - refunded(record);
  }
  for (const hold of ledger.reservations.values()) {
    if (hold.status === 'HELD' && isCounted(hold)) sum += reservedBy(hold);
  }
  return sum;
}

interface Step {
  readonly kind: string;
  readonly by: Who;
  readonly providerSubscription: bigint;
  /** Which of those that are there. */
  readonly pick: number;
  readonly clock: Date;
}

/** null: there is nothing to do it to. */
function execute(ledger: PureLedger, { kind, by, providerSubscription, pick, clock }: Step): Decision | null {
  const common = { billingEntityId: POOL, actor: 'test', idempotency: null };
  if (kind === 'consume') return ledger.execute(consumeOf(providerSubscription, by), clock);
  if (kind === 'reserve') return ledger.execute(reserveOf(providerSubscription, by), clock);
  if (kind === 'refund') {
    const record = ledger.records[pick % Math.max(ledger.records.length, 1)];
    if (record === undefined) return null;
    const { sequence, line } = record;
    const credits = pick % 2 === 0 ? null : record.credits / 2n + 1n;
    return ledger.execute({ kind: 'refund', ...common, record: { sequence, line }, credits, reason: 'test' }, clock);
  }
  const holds = [...ledger.reservations.keys()];
  const reservationId = holds[pick % Math.max(holds.length, 1)];
  if (reservationId === undefined) return null;
  return ledger.execute(
    kind === 'settle' || kind === 'settle own'
      ? settleOf(providerSubscription, reservationId, kind === 'settle')
      : { kind: 'release', ...common, idempotency: null, reservationId, anyReservation: true },
    clock,
  );
}

describe('limits of members and keys (rules 17 and 18)', () => {
  it('count held and used credits, and the refusal names the limit with what it leaves', () => {
    const ledger = pool(1_000n, { member: 100n, key: null });
    expect(ledger.execute(consumeOf(60n, ann), START)).toMatchObject({ kind: 'applied' });
    expect(ledger.execute(reserveOf(30n, ann), START)).toMatchObject({ kind: 'applied' });
    expect(ledger.execute(consumeOf(11n, ann), START)).toEqual({
      kind: 'refused',
      reason: 'MEMBER_LIMIT_REACHED',
      scope: 'MEMBER',
      required: 11n,
      available: 10n,
    });
    expect(ledger.execute(consumeOf(10n, ann), START)).toMatchObject({ kind: 'applied' });
    expect(ledger.execute(consumeOf(11n, { userId: BEN, onKey: false }), START)).toMatchObject({ kind: 'applied' });
    expectProven(ledger);
  });

  it('refuse by the one with the least headroom; of equals by the key, then the member, then the balance', () => {
    const refusalOf = (credits: bigint, limits: Limits): unknown =>
      pool(credits, limits).execute(consumeOf(50n, { userId: ANN, onKey: true }), START);
    expect(refusalOf(20n, { member: 30n, key: 40n })).toMatchObject({ scope: 'BALANCE', available: 20n });
    expect(refusalOf(30n, { member: 20n, key: 40n })).toMatchObject({ scope: 'MEMBER', available: 20n });
    expect(refusalOf(30n, { member: 25n, key: 20n })).toMatchObject({ scope: 'API_KEY', available: 20n });
    expect(refusalOf(20n, { member: 20n, key: 20n })).toMatchObject({ scope: 'API_KEY' });
    expect(refusalOf(20n, { member: 20n, key: 60n })).toMatchObject({ scope: 'MEMBER' });
  });

  it('never refuse a service’s settlement, which counts all the same', () => {
    const ledger = pool(1_000n, { member: 100n, key: 100n });
    const id = uuidv7();
    ledger.execute(reserveOf(90n, { userId: ANN, onKey: true }, id), START);
    expect(ledger.execute(settleOf(150n, id), START)).toMatchObject({ kind: 'applied' });
    expect(ledger.execute(consumeOf(1n, ann), START)).toMatchObject({ scope: 'MEMBER', available: 0n });
    expectProven(ledger);
  });

  it('begin anew with the period, but for what is still held', () => {
    const ledger = pool(1_000n, { member: 100n, key: null });
    ledger.execute(consumeOf(40n, ann), new Date('2026-03-31T23:00:00Z'));
    ledger.execute(reserveOf(60n, ann), new Date('2026-03-31T23:30:00Z'));
    const april = new Date('2026-04-01T00:10:00Z');
    expect(ledger.execute(consumeOf(41n, ann), april)).toMatchObject({ scope: 'MEMBER', available: 40n });
    expect(ledger.execute(consumeOf(40n, ann), april)).toMatchObject({ kind: 'applied' });
    // The hold lapses at half past; then what it kept is free again.
    expect(ledger.execute(consumeOf(60n, ann), new Date('2026-04-01T00:30:00Z'))).toMatchObject({ kind: 'applied' });
    expectProven(ledger);
  });

  it('let use that comes to nothing pass', () => {
    const ledger = pool(10n, { member: 0n, key: 0n });
    expect(ledger.execute(consumeOf(0n, { userId: ANN, onKey: true }), START)).toMatchObject({ kind: 'applied' });
    expectProven(ledger);
  });

  it('hold in any history: nothing is admitted beyond one, nothing is refused that fits, and the counters are proven', () => {
    const who = fc.record({ userId: fc.constantFrom(ANN, BEN, null), onKey: fc.boolean() });
    const step = fc.record({
      kind: fc.constantFrom('consume', 'consume', 'reserve', 'settle', 'settle own', 'settle own', 'release', 'refund'),
      who,
      credits: fc.bigInt(0n, 60n),
      pick: fc.nat(),
      hours: fc.constantFrom(0, 0, 0, 1, 30, 400),
    });
    const limit = fc.option(fc.bigInt(0n, 200n));
    fc.assert(
      fc.property(
        fc.record({ member: limit, key: limit }),
        fc.bigInt(0n, 2_000n),
        fc.array(step, { maxLength: 40 }),
        (limits, credits, steps) => {
          const ledger = pool(credits + 1n, limits);
          let clock = START;
          for (const { kind, who: by, credits: providerSubscription, pick, hours } of steps) {
            clock = new Date(clock.getTime() + hours * HOUR_MS);
            ledger.advance(POOL, clock);
            const all = [...ledger.reservations.values()];
            const settled = kind === 'settle own' ? all[pick % Math.max(all.length, 1)] : undefined;
            // A settlement is its reservation's: what it holds is there already, the rest must fit beside it.
            const { userId, onKey } = settled ? { userId: settled.userId, onKey: settled.apiKey !== null } : by;
            const held = settled ? reservedBy(settled) : 0n;
            const before = {
              member: drawn(ledger, (use) => use.userId === userId),
              key: drawn(ledger, ({ apiKey }) => apiKey !== null),
              available: ledger.account(POOL).available,
            };
            const decision = execute(ledger, { kind, by, providerSubscription, pick, clock });
            if (decision === null || !['consume', 'reserve', 'settle own'].includes(kind)) continue;
            if (settled !== undefined && settled.status !== 'HELD') {
              expect(decision).toMatchObject({ code: 'CONFLICT' });
              continue;
            }
            const { owed } = ledger.account(POOL);
            const beyond = providerSubscription - held;
            const leaves = (most: bigint | null, used: bigint): bigint | null =>
              most === null ? null : most > used ? most - used : 0n;
            const headrooms = [
              onKey ? leaves(limits.key, before.key) : null,
              userId === null ? null : leaves(limits.member, before.member),
              before.available,
            ].filter((each) => each !== null);
            const least = headrooms.reduce((a, b) => (b < a ? b : a));
            if (beyond <= 0n || (owed === 0n && beyond <= least)) expect(decision.kind).toBe('applied');
            else expect(decision).toMatchObject({ kind: 'refused', available: held + least });
            if (settled !== undefined) {
              const status = decision.kind === 'applied' ? 'SETTLED' : 'HELD';
              expect(ledger.reservations.get(settled.id)?.status).toBe(status);
            }
          }
          expectProven(ledger);
          expect([...ledger.counters.values()].every(({ held, used }) => held >= 0n && used >= 0n)).toBe(true);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('would notice a counter that was altered', () => {
    const ledger = pool(100n, { member: 100n, key: null });
    ledger.execute(consumeOf(10n, ann), START);
    const [[name, counter]] = [...ledger.counters] as [
      [string, NonNullable<UsageContext['membership']>['counter'] & object],
    ];
    for (const altered of [{ used: 9n }, { held: 1n }, { periodStart: LONG_AGO }, { subjectId: BEN }]) {
      ledger.counters.set(name, { ...counter, ...altered });
      expect(ledger.verify(POOL).problems.join()).toContain('counter MEMBER');
    }
  });
});

describe('who may use what where', () => {
  const terms: UsageContext = {
    suspended: false,
    visibility: 'PRIVATE',
    membership: { ...ACTIVE, counter: undefined },
    apiKey: { ...ACTIVE, billingMode: 'FULL', counter: undefined },
  };
  const decisionOf = (changes: Partial<UsageContext>, who: Who = { userId: ANN, onKey: true }): Decision => {
    const ledger = pool(1_000n);
    ledger.usageContext = () => ({ ...terms, ...changes });
    return ledger.execute(consumeOf(10n, who), START);
  };

  it('is refused in the order of rule 18', () => {
    expect(decisionOf({})).toMatchObject({ kind: 'applied' });
    expect(decisionOf({ suspended: true })).toMatchObject({ reason: 'ENTITY_SUSPENDED' });
    const suspended = { membership: { ...ACTIVE, status: 'SUSPENDED', counter: undefined } } as const;
    expect(decisionOf(suspended)).toMatchObject({ reason: 'MEMBER_SUSPENDED', scope: 'MEMBER' });
    expect(decisionOf({ ...suspended, suspended: true })).toMatchObject({ reason: 'ENTITY_SUSPENDED' });
  });

  it('does not exist for who is no member, and is sent on where somebody else pays', () => {
    expect(decisionOf({ membership: null })).toMatchObject({ code: 'NOT_FOUND' });
    expect(decisionOf({ visibility: null })).toMatchObject({ code: 'NOT_FOUND' });
    expect(decisionOf({ visibility: 'PUBLIC' })).toEqual({ kind: 'wrongPayer' });
    expect(decisionOf({ visibility: 'PUBLIC' }, { userId: null, onKey: true })).toMatchObject({
      code: 'BAD_USER_INPUT',
    });
  });

  it('wants a key that is there and active', () => {
    expect(decisionOf({ apiKey: null })).toMatchObject({ code: 'NOT_FOUND' });
    for (const status of ['REVOKED', 'EXPIRED'] as const) {
      const apiKey = { ...ACTIVE, status, billingMode: 'FULL', counter: undefined } as const;
      expect(decisionOf({ apiKey })).toMatchObject({ code: 'CONFLICT' });
    }
  });

  it('charges compute alone on a COMPUTE_ONLY key, and holds as little', () => {
    const apiKey = { ...ACTIVE, billingMode: 'COMPUTE_ONLY', counter: undefined } as const;
    expect(decisionOf({ apiKey })).toMatchObject({
      records: [{ credits: 0n, billingMode: 'COMPUTE_ONLY', quantity: 100n }],
      entries: [{ kind: 'CONSUMPTION', amount: 0n }],
    });
    const ledger = pool(1_000n);
    ledger.usageContext = () => ({ ...terms, apiKey });
    const reserved = ledger.execute(reserveOf(10n, { userId: ANN, onKey: true }), START);
    expect(reserved).toMatchObject({ reservations: [{ covered: 0n, billingMode: 'COMPUTE_ONLY' }] });
  });
});

/** Random commands: small amounts and near instants, so that limits are met often. */
import fc from 'fast-check';
import { v7 as uuidv7 } from 'uuid';
import type { Command } from '../../../src/ledger/rules/commands.ts';
import type { UsageRecord } from '../../../src/ledger/rules/entries.ts';
import type { SubscriptionState } from '../../../src/ledger/rules/subscription.ts';
import { RATES, type Resource } from '../../../src/plans/rates.ts';

const HOUR_MS = 3_600_000;

/** A plan with overage whose periods are calendar months, and that gets no credits when they turn. */
export const PRO: SubscriptionState = {
  id: 'sub_1',
  plan: 'PRO',
  quantity: 1,
  paymentStanding: 'GOOD',
  status: 'PAUSED',
  graceEndsAt: null,
  anchor: new Date('2026-03-01T00:00:00.000Z'),
  periodStart: new Date('2026-03-01T00:00:00.000Z'),
  next: { plan: 'PRO', quantity: 1 },
  paidUntil: new Date('2100-01-01T00:00:00.000Z'),
  base: null,
};

/** What a draft needs to become a command; `reservations` and `records` are those made before, oldest first. */
interface Context {
  readonly billingEntityId: string;
  readonly now: Date;
  readonly key: string | null;
  readonly reservations?: readonly string[];
  readonly records?: readonly UsageRecord[];
}

/** A command that waits for its account, its instant and its ids. */
export type Draft = (context: Context) => Command;

const soon = (now: Date, hours: number | null): Date | null =>
  hours === null ? null : new Date(now.getTime() + hours * HOUR_MS);

const idempotencyOf = (key: string | null): { key: string; fingerprint: Buffer } | null =>
  key === null ? null : { key, fingerprint: Buffer.alloc(16, key) };

const model = fc.option(fc.constantFrom('small-1', 'large-2', 'other', 'six'));
const lines = fc
  .array(
    fc.record({ resource: fc.constantFrom<Resource>('AI_TOKENS', 'COMPUTE'), quantity: fc.bigInt(0n, 40_000n), model }),
    {
      minLength: 1,
      maxLength: 4,
    },
  )
  .map((all) => all.map(({ resource, quantity, model }) => ({ quantity, rate: RATES[resource], model })));

const consume: fc.Arbitrary<Draft> = lines.map((used) => ({ billingEntityId, key }) => ({
  kind: 'consume',
  billingEntityId,
  actor: 'test',
  idempotency: idempotencyOf(key),
  lines: used,
  userId: billingEntityId,
  organizationId: null,
  apiKey: null,
  otherPayers: [],
  billingMode: 'FULL',
  feature: null,
  metadata: null,
  occurredAt: null,
}));

const grant: fc.Arbitrary<Draft> = fc
  .record({
    amount: fc.bigInt(1n, 5_000n),
    source: fc.constantFrom('PURCHASE' as const, 'PROMOTION' as const),
    priority: fc.constantFrom(10, 50, 50, 90),
    startsIn: fc.option(fc.integer({ min: -5, max: 60 }), { freq: 2 }),
    endsIn: fc.option(fc.integer({ min: -2, max: 120 })),
  })
  .map(({ startsIn, endsIn, ...terms }) => ({ billingEntityId, now, key }) => ({
    kind: 'grant',
    billingEntityId,
    actor: 'test',
    idempotency: idempotencyOf(key),
    grantId: uuidv7(),
    ...terms,
    effectiveAt: soon(now, startsIn),
    expiresAt: soon(now, endsIn),
    reason: 'test',
  }));

const adjust: fc.Arbitrary<Draft> = fc
  .bigInt(-3_000n, 1_000n)
  .filter((amount) => amount !== 0n)
  .map((amount) => ({ billingEntityId, key }) => ({
    kind: 'adjust',
    billingEntityId,
    actor: 'test',
    idempotency: idempotencyOf(key),
    grantId: uuidv7(),
    amount,
    reason: 'test',
  }));

const trial: fc.Arbitrary<Draft> = fc.constant(({ billingEntityId }) => ({
  kind: 'trial',
  billingEntityId,
  actor: 'test',
  idempotency: null,
  grantId: uuidv7(),
  source: 'TRIAL',
  amount: 2_000n,
  priority: 50,
  effectiveAt: null,
  expiresAt: null,
  reason: null,
}));

/** Ten seconds to two days. */
const ttlMs = fc.integer({ min: 10, max: 172_800 }).map((seconds) => seconds * 1_000);

const reserve: fc.Arbitrary<Draft> = fc.tuple(lines, ttlMs).map(([used, ttl]) => ({ billingEntityId, key }) => ({
  kind: 'reserve',
  billingEntityId,
  actor: 'test',
  idempotency: idempotencyOf(key),
  reservationId: uuidv7(),
  lines: used,
  userId: billingEntityId,
  organizationId: null,
  apiKey: null,
  otherPayers: [],
  billingMode: 'FULL',
  feature: null,
  ttlMs: ttl,
}));

/** Names a reservation that was made, or that nobody made; by who made it, or by a service. */
const onHold = (
  make: fc.Arbitrary<(hold: { reservationId: string; actor: string; anyReservation: boolean }) => Draft>,
): fc.Arbitrary<Draft> =>
  fc.tuple(make, fc.nat(), fc.boolean()).map(([finish, index, anyReservation]) => (context) => {
    const reservations = context.reservations ?? [];
    const reservationId = reservations[index % Math.max(1, reservations.length)] ?? uuidv7();
    return finish({ reservationId, actor: 'test', anyReservation })(context);
  });

const settle = onHold(
  lines.map((used) => (hold) => ({ billingEntityId, key }) => ({
    ...hold,
    kind: 'settle',
    billingEntityId,
    idempotency: idempotencyOf(key),
    lines: used,
    userId: undefined,
    organizationId: undefined,
    apiKeyId: undefined,
    feature: undefined,
    metadata: null,
    occurredAt: null,
  })),
);

const extend = onHold(
  ttlMs.map((ttl) => (hold) => ({ billingEntityId }) => ({
    ...hold,
    kind: 'extend',
    billingEntityId,
    idempotency: null,
    ttlMs: ttl,
  })),
);

const release = onHold(
  fc.constant((hold) => ({ billingEntityId }) => ({ ...hold, kind: 'release', billingEntityId, idempotency: null })),
);

/** Names a record that was made, or that nobody made: all that is left of it, or a part that may be more. */
const refund: fc.Arbitrary<Draft> = fc
  .tuple(fc.nat(), fc.option(fc.bigInt(1n, 100n), { freq: 3 }))
  .map(([index, percent]) => ({ billingEntityId, key, records = [] }) => {
    const record = records[index % Math.max(1, records.length)] ?? { sequence: 1_000n, line: 0, credits: 0n };
    return {
      kind: 'refund',
      billingEntityId,
      actor: 'test',
      idempotency: idempotencyOf(key),
      record: { sequence: record.sequence, line: record.line },
      credits: percent === null ? null : (record.credits * percent) / 100n + 1n,
      reason: 'test',
    };
  });

const reportOverage: fc.Arbitrary<Draft> = fc.constant(({ billingEntityId }) => ({
  kind: 'reportOverage',
  billingEntityId,
  actor: 'system',
  idempotency: null,
  reportId: uuidv7(),
}));

export const draft: fc.Arbitrary<Draft> = fc.oneof(
  { weight: 6, arbitrary: consume },
  { weight: 3, arbitrary: grant },
  { weight: 2, arbitrary: adjust },
  { weight: 1, arbitrary: trial },
  { weight: 4, arbitrary: reserve },
  { weight: 3, arbitrary: settle },
  { weight: 1, arbitrary: extend },
  { weight: 1, arbitrary: release },
  { weight: 4, arbitrary: refund },
  { weight: 1, arbitrary: reportOverage },
);

/** Time that passes before a command, in hours: mostly little, at times months, at times backwards. */
export const pauseHours = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: 0, max: 8 }) },
  { weight: 1, arbitrary: fc.integer({ min: 200, max: 2_500 }) },
  { weight: 1, arbitrary: fc.integer({ min: -50, max: -1 }) },
);

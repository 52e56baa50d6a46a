/** Random commands: small amounts and near instants, so that limits are met often. */
import fc from 'fast-check';
import { v7 as uuidv7 } from 'uuid';
import type { Command } from '../../src/credits/account.ts';
import { RATES, type Resource } from '../../src/plans/rates.ts';

const HOUR_MS = 3_600_000;

/** A command that waits for its account, its instant and its ids. */
export type Draft = (context: { billingEntityId: string; now: Date; key: string | null }) => Command;

const soon = (now: Date, hours: number | null): Date | null =>
  hours === null ? null : new Date(now.getTime() + hours * HOUR_MS);

const idempotencyOf = (key: string | null): { key: string; fingerprint: Buffer } | null =>
  key === null ? null : { key, fingerprint: Buffer.alloc(16, key) };

const consume: fc.Arbitrary<Draft> = fc
  .array(fc.record({ resource: fc.constantFrom<Resource>('AI_TOKENS', 'COMPUTE'), quantity: fc.bigInt(0n, 40_000n) }), {
    minLength: 1,
    maxLength: 4,
  })
  .map((lines) => ({ billingEntityId, key }) => ({
    kind: 'consume',
    billingEntityId,
    actor: 'test',
    idempotency: idempotencyOf(key),
    lines: lines.map(({ resource, quantity }) => ({ quantity, rate: RATES[resource] })),
    userId: billingEntityId,
    billingMode: 'FULL',
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

export const draft: fc.Arbitrary<Draft> = fc.oneof(
  { weight: 6, arbitrary: consume },
  { weight: 3, arbitrary: grant },
  { weight: 2, arbitrary: adjust },
  { weight: 1, arbitrary: trial },
);

/** Time that passes before a command, in hours: mostly little, at times months, at times backwards. */
export const pauseHours = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: 0, max: 8 }) },
  { weight: 1, arbitrary: fc.integer({ min: 200, max: 2_500 }) },
  { weight: 1, arbitrary: fc.integer({ min: -50, max: -1 }) },
);

/** An account with its provider of payments, as the pure core has it. */
import { v7 as uuidv7 } from 'uuid';
import { type Account } from '../../../src/ledger/rules/account.ts';
import type { Command, Decision } from '../../../src/ledger/rules/commands.ts';
import { monthFrom } from '../../../src/ledger/rules/periods.ts';
import { type BaseGrant, type ProviderSubscription } from '../../../src/ledger/rules/subscription.ts';
import { RATES } from '../../../src/plans/rates.ts';
import { PureLedger } from './pure-ledger.ts';

export const ENTITY = '01900000-0000-7000-8000-000000000001';
export const OTHER = '01900000-0000-7000-8000-000000000002';
export const START = new Date('2026-03-10T12:00:00.000Z');
export const UNIT = 500_000n;

export const at = (text: string): Date => new Date(text);
export const base = { billingEntityId: ENTITY, actor: 'system', idempotency: null } as const;

/** An account with its provider, expected to be provable at every step. */
export class Subscriber {
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

export function subscriber(units = 1): Subscriber {
  const it = new Subscriber();
  it.sync({ quantity: units, next: { plan: 'PRO', quantity: units } }, units);
  return it;
}

export const HOLD = '01900000-0000-7000-8000-00000000a001';

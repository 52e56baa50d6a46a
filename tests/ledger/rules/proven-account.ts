/** An account of the pure core, the commands that tests send it, and the proof after every step. */
import { type Account } from '../../../src/ledger/rules/account.ts';
import type { Command, Decision } from '../../../src/ledger/rules/commands.ts';
import { RATES } from '../../../src/plans/rates.ts';
import { PureLedger } from './pure-ledger.ts';

export const ENTITY = '01900000-0000-7000-8000-000000000001';
export const START = new Date('2026-03-10T12:00:00.000Z');

export const at = (text: string): Date => new Date(text);

export function grantOf(amount: bigint, terms: Partial<Extract<Command, { kind: 'grant' }>> = {}): Command {
  return {
    kind: 'grant',
    billingEntityId: ENTITY,
    actor: 'test',
    idempotency: null,
    grantId: `01900000-0000-7000-8000-${amount.toString().padStart(12, '0')}`,
    source: 'PURCHASE',
    amount,
    priority: 50,
    effectiveAt: null,
    expiresAt: null,
    reason: null,
    ...terms,
  };
}

export function useOf(tokens: bigint): Command {
  return {
    kind: 'consume',
    billingEntityId: ENTITY,
    actor: 'test',
    idempotency: null,
    lines: [{ quantity: tokens, rate: RATES.AI_TOKENS }],
    userId: ENTITY,
    organizationId: null,
    apiKey: null,
    otherPayers: [],
    billingMode: 'FULL',
    feature: null,
    metadata: null,
    occurredAt: null,
  };
}

export function reserveOf(tokens: bigint, id: string, ttlSeconds = 600): Command {
  return {
    kind: 'reserve',
    billingEntityId: ENTITY,
    actor: 'test',
    idempotency: null,
    reservationId: id,
    lines: [{ quantity: tokens, rate: RATES.AI_TOKENS }],
    userId: ENTITY,
    organizationId: null,
    apiKey: null,
    otherPayers: [],
    billingMode: 'FULL',
    feature: null,
    ttlMs: ttlSeconds * 1_000,
  };
}

/** As a service settles: never refused (rule 16). */
export function settleOf(
  tokens: bigint,
  id: string,
  terms: Partial<Extract<Command, { kind: 'settle' }>> = {},
): Command {
  return {
    kind: 'settle',
    billingEntityId: ENTITY,
    actor: 'test',
    anyReservation: true,
    idempotency: null,
    reservationId: id,
    lines: [{ quantity: tokens, rate: RATES.AI_TOKENS }],
    userId: undefined,
    organizationId: undefined,
    apiKeyId: undefined,
    feature: undefined,
    metadata: null,
    occurredAt: null,
    ...terms,
  };
}

export function onHold(kind: 'release', id: string): Command;
export function onHold(kind: 'extend', id: string, ttlSeconds: number): Command;
export function onHold(kind: 'release' | 'extend', id: string, ttlSeconds = 600): Command {
  const hold = {
    billingEntityId: ENTITY,
    actor: 'test',
    anyReservation: false,
    idempotency: null,
    reservationId: id,
  } as const;
  return kind === 'release' ? { ...hold, kind } : { ...hold, kind, ttlMs: ttlSeconds * 1_000 };
}

export const HOLD = '01900000-0000-7000-8000-00000000a001';

/** An account on which everything is expected to be applied, and to be provable, at every step. */
export class ProvenAccount {
  readonly ledger: PureLedger;
  now = START;

  constructor(changes: Partial<Account> = {}) {
    this.ledger = new PureLedger().open(ENTITY, START, changes);
  }

  /** Executes and expects success; gives the entries' kinds with what they changed. */
  done(command: Command): (readonly [string, bigint])[] {
    const decision = this.ledger.execute(command, this.now);
    expect(decision).toMatchObject({ kind: 'applied' });
    expect(this.ledger.verify(ENTITY).problems).toEqual([]);
    return decision.kind === 'applied' ? decision.entries.map((entry) => [entry.kind, entry.amount] as const) : [];
  }

  try(command: Command): Decision {
    const decision = this.ledger.execute(command, this.now);
    expect(this.ledger.verify(ENTITY).problems).toEqual([]);
    return decision;
  }

  at(text: string): this {
    this.now = at(text);
    this.ledger.advance(ENTITY, this.now);
    expect(this.ledger.verify(ENTITY).problems).toEqual([]);
    return this;
  }

  get account(): Account {
    return this.ledger.account(ENTITY);
  }
}

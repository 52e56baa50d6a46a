/**
 * The tables of the ledger as the ORM knows them, so that migrations are checked against them. They are written by
 * `ledger.ts` alone, in SQL of its own, and read by whole statements beside it.
 */
import { defineEntity, p } from '@mikro-orm/core';

const NON_NEGATIVE = ['available', 'held', 'used', 'overage', 'owed', 'version', 'sequence'] as const;

export const CreditAccountRow = defineEntity({
  name: 'CreditAccount',
  tableName: 'credit_account',
  properties: {
    billingEntityId: p.uuid().primary(),
    available: p.bigint(),
    held: p.bigint(),
    used: p.bigint(),
    overage: p.bigint(),
    owed: p.bigint(),
    version: p.bigint(),
    sequence: p.bigint(),
    periodStart: p.datetime(3),
    periodEnd: p.datetime(3),
    carries: p.json(),
    trialGiven: p.boolean(),
    touchedAt: p.datetime(3),
    dueAt: p.datetime(3).strictNullable(),
  },
  indexes: [
    {
      name: 'credit_account_due',
      expression: 'create index credit_account_due on credit_account (due_at) where due_at is not null',
    },
  ],
  checks: [
    ...NON_NEGATIVE.map((column) => ({ name: `credit_account_${column}_not_negative`, expression: `${column} >= 0` })),
    { name: 'credit_account_owed_only_when_empty', expression: 'owed = 0 or available = 0' },
    { name: 'credit_account_period_runs_forward', expression: 'period_start < period_end' },
  ],
});

export const CreditGrantRow = defineEntity({
  name: 'CreditGrant',
  tableName: 'credit_grant',
  properties: {
    billingEntityId: p.uuid().primary(),
    id: p.uuid().primary(),
    source: p.text(),
    amount: p.bigint(),
    remaining: p.bigint(),
    priority: p.integer(),
    state: p.text(),
    open: p.boolean(),
    effectiveAt: p.datetime(3),
    expiresAt: p.datetime(3).strictNullable(),
    reason: p.text().strictNullable(),
    createdAt: p.datetime(3),
  },
  indexes: [
    {
      name: 'credit_grant_open',
      expression: 'create index credit_grant_open on credit_grant (billing_entity_id) where open',
    },
  ],
  checks: [
    { name: 'credit_grant_remaining_in_range', expression: 'remaining >= 0 and remaining <= amount' },
    { name: 'credit_grant_open_until_closed', expression: "open or state in ('SPENT', 'LAPSED')" },
    { name: 'credit_grant_closed_for_good', expression: "not open or state in ('PENDING', 'ACTIVE')" },
    { name: 'credit_grant_closed_is_empty', expression: 'open or remaining = 0' },
    { name: 'credit_grant_expires_after_effect', expression: 'expires_at > effective_at' },
  ],
});

export const LedgerEntryRow = defineEntity({
  name: 'LedgerEntry',
  tableName: 'ledger_entry',
  properties: {
    billingEntityId: p.uuid().primary(),
    sequence: p.bigint().primary(),
    kind: p.text(),
    amount: p.bigint(),
    availableAfter: p.bigint(),
    heldChange: p.bigint(),
    heldAfter: p.bigint(),
    overageChange: p.bigint(),
    overageAfter: p.bigint(),
    owedChange: p.bigint(),
    owedAfter: p.bigint(),
    grantId: p.uuid().strictNullable(),
    drawGrantIds: p.type('uuid[]').columnType('uuid[]').$type<string[] | null>().strictNullable(),
    drawCredits: p.type('bigint[]').columnType('bigint[]').$type<bigint[] | null>().strictNullable(),
    actor: p.text(),
    reason: p.text().strictNullable(),
    idempotencyKey: p.text().strictNullable(),
    fingerprint: p.blob().strictNullable(),
    createdAt: p.datetime(3),
  },
  indexes: [
    {
      name: 'ledger_entry_idempotency_key',
      expression:
        'create unique index ledger_entry_idempotency_key on ledger_entry (billing_entity_id, idempotency_key) where idempotency_key is not null',
    },
  ],
  checks: [
    { name: 'ledger_entry_sequence_positive', expression: 'sequence > 0' },
    {
      name: 'ledger_entry_after_not_negative',
      expression: 'available_after >= 0 and held_after >= 0 and overage_after >= 0 and owed_after >= 0',
    },
    { name: 'ledger_entry_key_with_fingerprint', expression: '(idempotency_key is null) = (fingerprint is null)' },
  ],
});

export const UsageRecordRow = defineEntity({
  name: 'UsageRecord',
  tableName: 'usage_record',
  properties: {
    billingEntityId: p.uuid().primary(),
    sequence: p.bigint().primary(),
    line: p.smallint().primary(),
    userId: p.uuid().strictNullable(),
    billingMode: p.text(),
    resource: p.text(),
    quantity: p.bigint(),
    credits: p.bigint(),
    overage: p.bigint(),
    rateUnits: p.bigint(),
    rateCredits: p.bigint(),
    carriedBefore: p.text(),
    carriedAfter: p.text(),
    drawGrantIds: p.type('uuid[]').columnType('uuid[]').$type<string[]>(),
    drawCredits: p.type('bigint[]').columnType('bigint[]').$type<bigint[]>(),
    metadata: p.json().strictNullable(),
    occurredAt: p.datetime(3),
    recordedAt: p.datetime(3),
  },
  indexes: [{ name: 'usage_record_history', properties: ['billingEntityId', 'occurredAt', 'sequence', 'line'] }],
  checks: [
    {
      name: 'usage_record_amounts',
      expression: 'quantity >= 0 and credits >= 0 and overage >= 0 and overage <= credits',
    },
    { name: 'usage_record_draws_pair', expression: 'cardinality(draw_grant_ids) = cardinality(draw_credits)' },
  ],
});

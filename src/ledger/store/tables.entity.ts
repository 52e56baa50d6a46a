/**
 * The one description of each table of the ledger. Statements, row types and checksums follow from it (`tables.ts`), and so does
 * the ORM's schema, which `npm run check` holds against the migrations. The ledger alone writes these tables, in whole SQL.
 *
 * The order of the properties is the order of the columns under a row's checksum: a new column goes to the end and is named
 * among its table's `later` columns.
 */
import { NIL_UUID } from '../../kernel/nil-uuid.ts';
import { defineEntity, p } from '@mikro-orm/core';
import type { Resource } from '../../plans/rates.ts';
import type { AlertPreference } from '../rules/alert-preferences.ts';
import type { AlertState } from '../rules/alert-state.ts';
import type { BillingMode } from '../rules/attribution.ts';
import type { Delivery, EntryKind } from '../rules/entries.ts';
import type { GrantSource } from '../rules/grants.ts';
import type { ReservationStatus } from '../rules/reservations.ts';
import type { CounterKey } from '../rules/spend-limits.ts';
import type { BaseGrant, LaterChange, SubscriptionState } from '../rules/subscription.ts';

/** A subscription as JSON carries it. Its checksums call the payment standing `standing`. */
export type SubscriptionJson = Omit<
  SubscriptionState,
  'paymentStanding' | 'graceEndsAt' | 'anchor' | 'periodStart' | 'later' | 'paidUntil' | 'base' | 'overageTerms'
> & {
  readonly standing: SubscriptionState['paymentStanding'];
  readonly graceEndsAt: string | null;
  readonly anchor: string;
  readonly periodStart: string;
  readonly later?: Omit<LaterChange, 'at'> & { readonly at: string };
  readonly overageTerms?: { readonly isBilled: boolean; readonly cap: number | null };
  /** Absent: the end of the month from the anchor that `periodStart` lies in, as for rows from before it was kept. */
  readonly paidUntil?: string | null;
  readonly base: (Omit<BaseGrant, 'periodStart'> & { readonly periodStart: string }) | null;
};

/** What an account remembers of its alerts, as JSON carries it. Amounts stay below 2^53. */
export type AlertStateJson = Omit<AlertState, 'raised' | 'changes' | 'overageStartedIn' | 'capReachedIn'> & {
  readonly raised: number;
  readonly changes: number;
  readonly overageStartedIn: string | null;
  readonly capReachedIn: string | null;
};

/** An alert preference, as JSON carries it. Amounts stay below 2^53. */
export type AlertPreferenceJson = Omit<AlertPreference, 'remaining'> & { readonly remaining: number | null };

const NIL = `'${NIL_UUID}'`;

const NON_NEGATIVE = ['available', 'held', 'held_overage', 'used', 'overage', 'owed', 'version', 'sequence'] as const;

export const CreditAccountRow = defineEntity({
  name: 'CreditAccount',
  tableName: 'credit_account',
  properties: {
    billingEntityId: p.uuid().primary(),
    available: p.bigint(),
    held: p.bigint(),
    heldOverage: p.bigint().defaultRaw(`0`),
    used: p.bigint(),
    overage: p.bigint(),
    owed: p.bigint(),
    owedThisPeriod: p.bigint().defaultRaw(`0`),
    version: p.bigint(),
    sequence: p.bigint(),
    periodStart: p.datetime(3),
    periodEnd: p.datetime(3),
    carries: p.json().$type<Partial<Record<Resource, string>>>(),
    trialGiven: p.boolean(),
    overageEnabled: p.boolean().default(false),
    overageCap: p.bigint().strictNullable(),
    lapseSequence: p.bigint().defaultRaw(`0`),
    lapseHeld: p.bigint().defaultRaw(`0`),
    sealedFrom: p.bigint().defaultRaw(`1`),
    nextHoldAt: p.datetime(3).strictNullable(),
    touchedAt: p.datetime(3),
    dueAt: p.datetime(3).strictNullable(),
    subscription: p.json().$type<SubscriptionJson | null>().strictNullable(),
    overageTotal: p.bigint().defaultRaw(`0`),
    overageReported: p.bigint().defaultRaw(`0`),
    alertState: p.json().$type<AlertStateJson | null>().strictNullable(),
    alertPreferences: p.json().$type<readonly AlertPreferenceJson[] | null>().strictNullable(),
    /** Another after every change of the row, and of what else belongs to the payer; null: nothing has changed since there are stamps. */
    stamp: p.uuid().defaultRaw(`gen_random_uuid()`).strictNullable(),
    checksum: p.blob().strictNullable(),
  },
  indexes: [
    {
      name: 'credit_account_unreported',
      expression:
        'create index credit_account_unreported on credit_account (billing_entity_id) where overage_reported < overage_total',
    },
    {
      name: 'credit_account_due',
      expression: 'create index credit_account_due on credit_account (due_at) where due_at is not null',
    },
  ],
  checks: [
    ...NON_NEGATIVE.map((column) => ({ name: `credit_account_${column}_not_negative`, expression: `${column} >= 0` })),
    { name: 'credit_account_owed_only_when_empty', expression: 'owed = 0 or available = 0' },
    { name: 'credit_account_lapse_held_in_range', expression: 'lapse_held >= 0 and lapse_held <= held' },
    {
      name: 'credit_account_owed_this_period_in_range',
      expression: 'owed_this_period >= 0 and owed_this_period <= owed',
    },
    {
      name: 'credit_account_overage_reported_in_range',
      expression: 'overage_reported >= 0 and overage_reported <= overage_total',
    },
    { name: 'credit_account_period_runs_forward', expression: 'period_start < period_end' },
  ],
});

export const CreditGrantRow = defineEntity({
  name: 'CreditGrant',
  tableName: 'credit_grant',
  properties: {
    billingEntityId: p.uuid().primary(),
    id: p.uuid().primary(),
    amount: p.bigint(),
    remaining: p.bigint(),
    state: p.text(),
    open: p.boolean(),
    lapsed: p.bigint().defaultRaw(`0`),
    clawed: p.bigint().defaultRaw(`0`),
    voidedAt: p.datetime(3).strictNullable(),
    source: p.text().$type<GrantSource>(),
    priority: p.integer(),
    effectiveAt: p.datetime(3),
    expiresAt: p.datetime(3).strictNullable(),
    reason: p.text().strictNullable(),
    createdAt: p.datetime(3),
    rootBillingEntityId: p.uuid(),
    rootGrantId: p.uuid(),
    rootSource: p.text().$type<GrantSource>(),
    transferredBy: p.uuid().strictNullable(),
    checksum: p.blob().strictNullable(),
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
    { name: 'credit_grant_closed_for_good', expression: "not open or state in ('PENDING', 'ACTIVE', 'LAPSING')" },
    { name: 'credit_grant_back_in_range', expression: 'lapsed >= 0 and clawed >= 0 and clawed <= amount' },
    { name: 'credit_grant_closed_is_empty', expression: 'open or remaining = 0' },
    { name: 'credit_grant_expires_after_effect', expression: 'expires_at > effective_at' },
    {
      name: 'credit_grant_transferred_by_only_of_transfer',
      expression: "transferred_by is null or source = 'TRANSFER'",
    },
  ],
});

export const LedgerEntryRow = defineEntity({
  name: 'LedgerEntry',
  tableName: 'ledger_entry',
  properties: {
    billingEntityId: p.uuid().primary(),
    sequence: p.bigint().primary(),
    kind: p.text().$type<EntryKind>(),
    amount: p.bigint(),
    availableAfter: p.bigint(),
    heldChange: p.bigint(),
    heldAfter: p.bigint(),
    overageChange: p.bigint(),
    overageAfter: p.bigint(),
    owedChange: p.bigint(),
    owedAfter: p.bigint(),
    grantId: p.uuid().strictNullable(),
    reservationId: p.uuid().strictNullable(),
    counterpartyId: p.uuid().strictNullable(),
    refundedSequence: p.bigint().strictNullable(),
    refundedLine: p.smallint().strictNullable(),
    drawGrantIds: p.type('uuid[]').columnType('uuid[]').$type<string[] | null>().strictNullable(),
    drawCredits: p.type('bigint[]').columnType('bigint[]').$type<string[] | null>().strictNullable(),
    actor: p.text(),
    reason: p.text().strictNullable(),
    idempotencyKey: p.text().strictNullable(),
    fingerprint: p.blob().$type<Buffer | null>().strictNullable(),
    periodStart: p.datetime(3),
    createdAt: p.datetime(3),
    lastSequence: p.bigint().strictNullable(),
    usedAfter: p.bigint().strictNullable(),
    allowanceAfter: p.bigint().strictNullable(),
    versionAfter: p.bigint().strictNullable(),
    step: p.smallint().strictNullable(),
    checksum: p.blob().strictNullable(),
  },
  indexes: [
    {
      name: 'ledger_entry_idempotency_key',
      expression:
        'create unique index ledger_entry_idempotency_key on ledger_entry (billing_entity_id, idempotency_key) where idempotency_key is not null',
    },
    {
      name: 'ledger_entry_by_kind',
      expression:
        "create index ledger_entry_by_kind on ledger_entry (billing_entity_id, kind, sequence) where kind <> 'CONSUMPTION'",
    },
    {
      name: 'ledger_entry_transfers',
      expression:
        'create index ledger_entry_transfers on ledger_entry (billing_entity_id, grant_id) where counterparty_id is not null',
    },
  ],
  checks: [
    { name: 'ledger_entry_sequence_positive', expression: 'sequence > 0' },
    {
      name: 'ledger_entry_after_not_negative',
      expression: 'available_after >= 0 and held_after >= 0 and overage_after >= 0 and owed_after >= 0',
    },
    {
      name: 'ledger_entry_draws_pair',
      expression:
        '(draw_grant_ids is null) = (draw_credits is null) and cardinality(draw_grant_ids) = cardinality(draw_credits)',
    },
    {
      name: 'ledger_entry_refunded_pair',
      expression: '(refunded_sequence is null) = (refunded_line is null)',
    },
    { name: 'ledger_entry_key_with_fingerprint', expression: '(idempotency_key is null) = (fingerprint is null)' },
    { name: 'ledger_entry_step_known', expression: 'step >= 0 and step <= 2' },
    {
      name: 'ledger_entry_after_command_whole',
      expression: 'num_nulls(last_sequence, used_after, allowance_after, version_after) in (0, 4)',
    },
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
    billingMode: p.text().$type<BillingMode>(),
    feature: p.text().strictNullable(),
    resource: p.text().$type<Resource>(),
    quantity: p.bigint(),
    credits: p.bigint(),
    overage: p.bigint(),
    owed: p.bigint().defaultRaw(`0`),
    rateUnits: p.bigint(),
    rateCredits: p.bigint(),
    carriedBefore: p.text(),
    carriedAfter: p.text(),
    drawGrantIds: p.type('uuid[]').columnType('uuid[]').$type<string[]>(),
    drawCredits: p.type('bigint[]').columnType('bigint[]').$type<string[]>(),
    metadata: p.json().$type<Record<string, unknown> | null>().strictNullable(),
    occurredAt: p.datetime(3),
    recordedAt: p.datetime(3),
    organizationId: p.uuid().strictNullable(),
    apiKeyEntityId: p.uuid().strictNullable(),
    apiKeyId: p.uuid().strictNullable(),
    model: p.text().strictNullable(),
    modelFolded: p.boolean().default(false),
    checksum: p.blob().strictNullable(),
  },
  indexes: [
    {
      name: 'usage_record_by_model',
      expression:
        'create index usage_record_by_model on usage_record (billing_entity_id, model, occurred_at, sequence, line) where model is not null',
    },
    { name: 'usage_record_history', properties: ['billingEntityId', 'occurredAt', 'sequence', 'line'] },
    {
      name: 'usage_record_by_user',
      expression:
        'create index usage_record_by_user on usage_record (billing_entity_id, user_id, occurred_at, sequence, line) where user_id <> billing_entity_id',
    },
    {
      name: 'usage_record_by_feature',
      expression:
        'create index usage_record_by_feature on usage_record (billing_entity_id, feature, occurred_at, sequence, line) where feature is not null',
    },
    {
      name: 'usage_record_by_organization',
      expression:
        'create index usage_record_by_organization on usage_record (organization_id, occurred_at, billing_entity_id, sequence, line) where organization_id <> billing_entity_id',
    },
    {
      name: 'usage_record_by_recording',
      expression:
        'create index usage_record_by_recording on usage_record (organization_id, recorded_at) where organization_id <> billing_entity_id',
    },
    {
      name: 'usage_record_by_api_key',
      expression:
        'create index usage_record_by_api_key on usage_record (billing_entity_id, api_key_id, occurred_at, sequence, line) where api_key_id is not null',
    },
  ],
  checks: [
    {
      name: 'usage_record_amounts',
      expression: 'quantity >= 0 and credits >= 0 and overage >= 0 and owed >= 0 and overage + owed <= credits',
    },
    { name: 'usage_record_draws_pair', expression: 'cardinality(draw_grant_ids) = cardinality(draw_credits)' },
    { name: 'usage_record_api_key_pair', expression: '(api_key_entity_id is null) = (api_key_id is null)' },
    { name: 'usage_record_folded_by_name', expression: 'model is not null or not model_folded' },
  ],
});

export const ReservationRow = defineEntity({
  name: 'Reservation',
  tableName: 'reservation',
  properties: {
    billingEntityId: p.uuid().primary(),
    id: p.uuid().primary(),
    status: p.text().$type<ReservationStatus>(),
    open: p.boolean(),
    expiresAt: p.datetime(3),
    closedSequence: p.bigint().strictNullable(),
    covered: p.bigint(),
    overage: p.bigint(),
    userId: p.uuid().strictNullable(),
    billingMode: p.text().$type<BillingMode>(),
    feature: p.text().strictNullable(),
    actor: p.text(),
    createdAt: p.datetime(3),
    openedSequence: p.bigint(),
    organizationId: p.uuid().strictNullable(),
    apiKeyEntityId: p.uuid().strictNullable(),
    apiKeyId: p.uuid().strictNullable(),
    checksum: p.blob(),
  },
  indexes: [
    {
      name: 'reservation_open',
      expression: 'create index reservation_open on reservation (billing_entity_id, expires_at) where open',
    },
  ],
  checks: [
    { name: 'reservation_amounts', expression: 'covered >= 0 and overage >= 0' },
    {
      name: 'reservation_open_while_held',
      expression: "open or status in ('SETTLED', 'RELEASED', 'EXPIRED')",
    },
    { name: 'reservation_closed_for_good', expression: "not open or status = 'HELD'" },
    { name: 'reservation_closed_by_an_entry', expression: 'open or closed_sequence > opened_sequence' },
    { name: 'reservation_api_key_pair', expression: '(api_key_entity_id is null) = (api_key_id is null)' },
  ],
});

export const UsageRefundRow = defineEntity({
  name: 'UsageRefund',
  tableName: 'usage_refund',
  properties: {
    billingEntityId: p.uuid().primary(),
    sequence: p.bigint().primary(),
    line: p.smallint().primary(),
    refundedAt: p.datetime(3),
    refundSequence: p.bigint(),
    credits: p.bigint().strictNullable(),
    creditsBefore: p.bigint().primary().defaultRaw(`0`),
    checksum: p.blob(),
  },
  indexes: [
    {
      name: 'usage_refund_by_entry',
      expression: 'create index usage_refund_by_entry on usage_refund (billing_entity_id, refund_sequence)',
    },
  ],
  checks: [
    { name: 'usage_refund_credits_not_negative', expression: 'credits >= 0 and credits_before >= 0' },
    {
      name: 'usage_refund_part_of_something',
      expression: 'credits_before = 0 or (credits is not null and credits > 0)',
    },
  ],
});

/** Whole, and of whatever size. */
const SUM = p.type('numeric').columnType('numeric').$type<string>();

/** What is summed up. */
export const SUMS = ['quantity', 'credits', 'overage', 'records'] as const;
/** Minutes of an hour at which a day of some time zone begins. */
export const MARKS_OF_HOUR = [15, 30, 45] as const;
/** Hours of a day (UTC): wherever a day of some time zone begins, one of them is at most an hour and a half away. */
export const MARKS_OF_DAY = [3, 6, 9, 12, 15, 18, 21] as const;

/** The property of what of a sum came before a mark within the row's hour or day. */
export function propertyBefore(sum: string, mark: number): string {
  return `${sum}Before${mark}`;
}

/** Their names are computed, so the types know nothing of them: only whole statements read and write them. */
function marked(marks: readonly number[]): object {
  return Object.fromEntries(
    marks.flatMap((mark) =>
      SUMS.map((sum) => [propertyBefore(sum, mark), sum === 'records' ? p.bigint() : SUM] as const),
    ),
  );
}

/** The columns of both tables of sums: those that name a sum besides its time, and the sums. */
const ROLLUP = {
  userId: p.uuid().primary(),
  model: p.text().primary(),
  apiKeyEntityId: p.uuid().primary().defaultRaw(NIL),
  apiKeyId: p.uuid().primary().defaultRaw(NIL),
  resource: p.text().$type<Resource>().primary(),
  billingMode: p.text().$type<BillingMode>().primary(),
  feature: p.text().primary(),
  organizationId: p.uuid().primary().defaultRaw(NIL),
  quantity: SUM,
  credits: SUM,
  overage: SUM,
  records: p.bigint(),
};

export const UsageRollupRow = defineEntity({
  name: 'UsageRollup',
  tableName: 'usage_rollup',
  properties: {
    billingEntityId: p.uuid().primary(),
    hour: p.datetime(3).primary(),
    ...ROLLUP,
    ...marked(MARKS_OF_HOUR),
  },
  indexes: [
    {
      name: 'usage_rollup_by_organization',
      expression: `create index usage_rollup_by_organization on usage_rollup (organization_id, hour) where organization_id not in (billing_entity_id, ${NIL})`,
    },
    {
      name: 'usage_rollup_folded',
      expression: `create index usage_rollup_folded on usage_rollup (billing_entity_id, hour) where model = E'\\x01'`,
    },
  ],
  checks: [
    {
      name: 'usage_rollup_amounts',
      expression: 'quantity >= 0 and credits >= 0 and overage >= 0 and records > 0',
    },
  ],
});

export const UsageRollupDayRow = defineEntity({
  name: 'UsageRollupDay',
  tableName: 'usage_rollup_day',
  properties: {
    billingEntityId: p.uuid().primary(),
    day: p.datetime(3).primary(),
    ...ROLLUP,
    ...marked(MARKS_OF_DAY),
  },
  indexes: [
    {
      name: 'usage_rollup_day_by_organization',
      expression: `create index usage_rollup_day_by_organization on usage_rollup_day (organization_id, day) where organization_id not in (billing_entity_id, ${NIL})`,
    },
  ],
  checks: [
    {
      name: 'usage_rollup_day_amounts',
      expression: 'quantity >= 0 and credits >= 0 and overage >= 0 and records > 0',
    },
  ],
});

export const UseCounterRow = defineEntity({
  name: 'UseCounter',
  tableName: 'use_counter',
  properties: {
    billingEntityId: p.uuid().primary(),
    scope: p.text().$type<CounterKey['scope']>().primary(),
    subjectId: p.uuid().primary(),
    periodStart: p.datetime(3),
    used: p.bigint(),
    held: p.bigint(),
    alerted: p.smallint().default(0),
  },
  indexes: [
    {
      name: 'use_counter_by_api_key',
      expression: "create index use_counter_by_api_key on use_counter (subject_id) where scope = 'API_KEY'",
    },
  ],
  checks: [
    { name: 'use_counter_scope_known', expression: "scope in ('MEMBER', 'API_KEY', 'ORGANIZATION')" },
    { name: 'use_counter_not_negative', expression: 'used >= 0 and held >= 0' },
    { name: 'use_counter_alerted_in_range', expression: 'alerted >= 0 and alerted <= 3' },
  ],
});

export const MeterReportRow = defineEntity({
  name: 'MeterReport',
  tableName: 'meter_report',
  properties: {
    billingEntityId: p.uuid().primary(),
    id: p.uuid().primary(),
    subscriptionId: p.text().strictNullable(),
    credits: p.bigint(),
    periodStart: p.datetime(3),
    periodEnd: p.datetime(3),
    stampedAt: p.datetime(3),
    createdAt: p.datetime(3),
    state: p.text().$type<Delivery['state']>(),
    attempts: p.integer(),
    error: p.text().strictNullable(),
    sentAt: p.datetime(3).strictNullable(),
    checksum: p.blob(),
  },
  indexes: [
    {
      name: 'meter_report_undelivered',
      expression:
        "create index meter_report_undelivered on meter_report (created_at) where state in ('PENDING', 'FAILED')",
    },
  ],
  checks: [
    { name: 'meter_report_credits_positive', expression: 'credits > 0' },
    {
      name: 'meter_report_stamped_in_its_period',
      expression: 'stamped_at >= period_start and stamped_at < period_end',
    },
    { name: 'meter_report_state_known', expression: "state in ('PENDING', 'SENT', 'FAILED', 'BILLED')" },
    {
      name: 'meter_report_sent_when_delivered',
      expression: "(sent_at is not null) = (state in ('SENT', 'BILLED'))",
    },
    { name: 'meter_report_attempts_not_negative', expression: 'attempts >= 0' },
  ],
});

/** The ledger's tables as it writes them: for each column its name, its type, and where a row has its value. */
import { formatCarry } from '../rules/pricing.ts';
import { type Account, nextEventAt } from '../rules/account.ts';
import { RATES, type Resource } from '../../plans/rates.ts';
import type { Rollup } from '../rules/rollup.ts';
import { type ColumnValue, checksum } from './checksum.ts';
import { canonicalJson } from '../../kernel/canonical-json.ts';
import { type Draw, type Grant, type GrantState, isOpen } from '../rules/grants.ts';
import type { Reservation } from '../rules/reservations.ts';
import type { SubscriptionState } from '../rules/subscription.ts';
import type { UseCounter } from '../rules/spend-limits.ts';
import type { UsedBy } from '../rules/attribution.ts';
import type { DeliveredReport, Entry, UsageRecord, UsageRefund } from '../rules/entries.ts';

export type Column<Row> = readonly [name: string, type: string, value: (row: Row) => ColumnValue];

/** The same columns and behind them `checksum`, which covers all of them. */
function checked<Row>(columns: readonly Column<Row>[], later: readonly Column<Row>[] = []): readonly Column<Row>[] {
  return [...columns, ...later, ['checksum', 'bytea', (row) => checksumOf(columns, row, later)]];
}

function checksumOf<Row>(columns: readonly Column<Row>[], row: Row, later: readonly Column<Row>[] = []): string {
  const values = columns.map(([, , value]) => value(row));
  const added = later.map(([, , value]) => value(row));
  return checksum(added.every((value) => value === null || value === 0n) ? values : [...values, ...added]);
}

const ENTRY: readonly Column<Entry>[] = [
  ['billing_entity_id', 'uuid', (entry) => entry.billingEntityId],
  ['sequence', 'bigint', (entry) => entry.sequence],
  ['kind', 'text', (entry) => entry.kind],
  ['amount', 'bigint', (entry) => entry.amount],
  ['available_after', 'bigint', (entry) => entry.availableAfter],
  ['held_change', 'bigint', (entry) => entry.heldChange],
  ['held_after', 'bigint', (entry) => entry.heldAfter],
  ['overage_change', 'bigint', (entry) => entry.overageChange],
  ['overage_after', 'bigint', (entry) => entry.overageAfter],
  ['owed_change', 'bigint', (entry) => entry.owedChange],
  ['owed_after', 'bigint', (entry) => entry.owedAfter],
  ['grant_id', 'uuid', (entry) => entry.grantId],
  ['reservation_id', 'uuid', (entry) => entry.reservationId],
  ['counterparty_id', 'uuid', (entry) => entry.counterpartyId],
  ['refunded_sequence', 'bigint', (entry) => entry.refunded?.sequence ?? null],
  ['refunded_line', 'smallint', (entry) => entry.refunded?.line ?? null],
  ['draw_grant_ids', 'uuid[]', (entry) => entry.draws && drawGrantIds(entry.draws)],
  ['draw_credits', 'bigint[]', (entry) => entry.draws && drawCredits(entry.draws)],
  ['actor', 'text', (entry) => entry.actor],
  ['reason', 'text', (entry) => entry.reason],
  ['idempotency_key', 'text', (entry) => entry.idempotency?.key ?? null],
  ['fingerprint', 'bytea', (entry) => entry.idempotency?.fingerprint ?? null],
  ['period_start', 'timestamptz', (entry) => entry.periodStart],
  ['created_at', 'timestamptz', (entry) => entry.createdAt],
];
/** Without a key, and before these were kept, an entry has the checksum that it had without them. */
const AFTER_COMMAND: readonly Column<Entry>[] = [
  ['last_sequence', 'bigint', (entry) => entry.afterCommand?.sequence ?? null],
  ['used_after', 'bigint', (entry) => entry.afterCommand?.used ?? null],
  ['allowance_after', 'bigint', (entry) => entry.afterCommand?.allowance ?? null],
  ['version_after', 'bigint', (entry) => entry.afterCommand?.version ?? null],
];
export const ENTRY_WRITTEN = checked(ENTRY, AFTER_COMMAND);
export const entryChecksum = (entry: Entry): string => checksumOf(ENTRY, entry, AFTER_COMMAND);

const RECORD: readonly Column<UsageRecord>[] = [
  ['billing_entity_id', 'uuid', (record) => record.billingEntityId],
  ['sequence', 'bigint', (record) => record.sequence],
  ['line', 'smallint', (record) => record.line],
  ['user_id', 'uuid', (record) => record.userId],
  ['billing_mode', 'text', (record) => record.billingMode],
  ['feature', 'text', (record) => record.feature],
  ['resource', 'text', (record) => record.resource],
  ['quantity', 'bigint', (record) => record.quantity],
  ['credits', 'bigint', (record) => record.credits],
  ['overage', 'bigint', (record) => record.overage],
  ['owed', 'bigint', (record) => record.owed],
  ['rate_units', 'bigint', (record) => record.rate.units],
  ['rate_credits', 'bigint', (record) => record.rate.credits],
  ['carried_before', 'text', (record) => formatCarry(record.carriedBefore)],
  ['carried_after', 'text', (record) => formatCarry(record.carriedAfter)],
  ['draw_grant_ids', 'uuid[]', (record) => drawGrantIds(record.draws)],
  ['draw_credits', 'bigint[]', (record) => drawCredits(record.draws)],
  ['metadata', 'jsonb', (record) => record.metadata && canonicalJson(record.metadata)],
  ['occurred_at', 'timestamptz', (record) => record.occurredAt],
  ['recorded_at', 'timestamptz', (record) => record.recordedAt],
];
/** What came later: where it says nothing, a row has the checksum that it had without it. */
const ATTRIBUTION: readonly Column<UsedBy>[] = [
  ['organization_id', 'uuid', ({ organizationId }) => organizationId],
  ['api_key_entity_id', 'uuid', ({ apiKey }) => apiKey?.billingEntityId ?? null],
  ['api_key_id', 'uuid', ({ apiKey }) => apiKey?.id ?? null],
];
export const RECORD_WRITTEN = checked(RECORD, ATTRIBUTION);
export const recordChecksum = (record: UsageRecord): string => checksumOf(RECORD, record, ATTRIBUTION);

const REFUND: readonly Column<UsageRefund>[] = [
  ['billing_entity_id', 'uuid', (refund) => refund.billingEntityId],
  ['sequence', 'bigint', (refund) => refund.sequence],
  ['line', 'smallint', (refund) => refund.line],
  ['refunded_at', 'timestamptz', (refund) => refund.refundedAt],
  ['refund_sequence', 'bigint', (refund) => refund.refundSequence],
];
export const REFUND_WRITTEN = checked(REFUND);
export const refundChecksum = (refund: UsageRefund): string => checksumOf(REFUND, refund);

/** The database and its checksums spell the states as they were first called. */
export const STORED_STATES = {
  PENDING: 'PENDING',
  ACTIVE: 'ACTIVE',
  EXPIRING: 'LAPSING',
  SPENT: 'SPENT',
  EXPIRED: 'LAPSED',
} as const satisfies Record<GrantState, string>;

const GRANT: readonly Column<Grant>[] = [
  ['billing_entity_id', 'uuid', (grant) => grant.billingEntityId],
  ['id', 'uuid', (grant) => grant.id],
  ['amount', 'bigint', (grant) => grant.amount],
  ['remaining', 'bigint', (grant) => grant.remaining],
  ['state', 'text', (grant) => STORED_STATES[grant.state]],
  ['open', 'boolean', isOpen],
  ['lapsed', 'bigint', (grant) => grant.expired],
  ['clawed', 'bigint', (grant) => grant.clawed],
  ['voided_at', 'timestamptz', (grant) => grant.voidedAt],
  ['source', 'text', (grant) => grant.source],
  ['priority', 'int', (grant) => grant.priority],
  ['effective_at', 'timestamptz', (grant) => grant.effectiveAt],
  ['expires_at', 'timestamptz', (grant) => grant.expiresAt],
  ['reason', 'text', (grant) => grant.reason],
  ['created_at', 'timestamptz', (grant) => grant.createdAt],
  ['root_billing_entity_id', 'uuid', (grant) => grant.root.billingEntityId],
  ['root_grant_id', 'uuid', (grant) => grant.root.grantId],
  ['root_source', 'text', (grant) => grant.root.source],
];
const GRANT_STATE = ['expires_at', 'amount', 'remaining', 'state', 'open', 'lapsed', 'clawed', 'voided_at', 'checksum'];
export const GRANT_WRITTEN = checked(GRANT);
/** What changes in a grant's life, and what names it. */
export const GRANT_UPDATED = only(GRANT_WRITTEN, ['billing_entity_id', 'id', ...GRANT_STATE]);
export const grantChecksum = (grant: Grant): string => checksumOf(GRANT, grant);

const HOLD: readonly Column<Reservation>[] = [
  ['billing_entity_id', 'uuid', (reservation) => reservation.billingEntityId],
  ['id', 'uuid', (reservation) => reservation.id],
  ['status', 'text', (reservation) => reservation.status],
  ['open', 'boolean', (reservation) => reservation.status === 'HELD'],
  ['expires_at', 'timestamptz', (reservation) => reservation.expiresAt],
  ['closed_sequence', 'bigint', (reservation) => reservation.closedSequence],
  ['covered', 'bigint', (reservation) => reservation.covered],
  ['overage', 'bigint', (reservation) => reservation.overage],
  ['user_id', 'uuid', (reservation) => reservation.userId],
  ['billing_mode', 'text', (reservation) => reservation.billingMode],
  ['feature', 'text', (reservation) => reservation.feature],
  ['actor', 'text', (reservation) => reservation.actor],
  ['created_at', 'timestamptz', (reservation) => reservation.createdAt],
  ['opened_sequence', 'bigint', (reservation) => reservation.openedSequence],
];
export const RESERVATION_WRITTEN = checked(HOLD, ATTRIBUTION);
export const RESERVATION_UPDATED = only(RESERVATION_WRITTEN, [
  'billing_entity_id',
  'id',
  'status',
  'open',
  'expires_at',
  'closed_sequence',
  'checksum',
]);
export const reservationChecksum = (reservation: Reservation): string => checksumOf(HOLD, reservation, ATTRIBUTION);

const ACCOUNT: readonly Column<Account>[] = [
  ['billing_entity_id', 'uuid', (account) => account.billingEntityId],
  ['available', 'bigint', (account) => account.available],
  ['held', 'bigint', (account) => account.held],
  ['held_overage', 'bigint', (account) => account.heldOverage],
  ['used', 'bigint', (account) => account.used],
  ['overage', 'bigint', (account) => account.overage],
  ['owed', 'bigint', (account) => account.owed],
  ['owed_this_period', 'bigint', (account) => account.owedThisPeriod],
  ['version', 'bigint', (account) => account.version],
  ['sequence', 'bigint', (account) => account.sequence],
  ['period_start', 'timestamptz', (account) => account.period.start],
  ['period_end', 'timestamptz', (account) => account.period.end],
  ['carries', 'jsonb', (account) => JSON.stringify(carriesToRow(account.carries))],
  ['trial_given', 'boolean', (account) => account.trialGiven],
  ['overage_enabled', 'boolean', (account) => account.overagePolicy.enabled],
  ['overage_cap', 'bigint', (account) => account.overagePolicy.cap],
  ['lapse_sequence', 'bigint', (account) => account.expiryHold.sequence],
  ['lapse_held', 'bigint', (account) => account.expiryHold.held],
  ['sealed_from', 'bigint', (account) => account.checksummedFrom],
  ['next_hold_at', 'timestamptz', (account) => account.nextReservationAt],
  ['touched_at', 'timestamptz', (account) => account.touchedAt],
  ['due_at', 'timestamptz', nextEventAt],
];
/** Of no subscription and no overage, an account has the checksum that it had before there were any. */
const PLAN: readonly Column<Account>[] = [
  [
    'subscription',
    'jsonb',
    (account) => account.subscription && canonicalJson(storedSubscription(account.subscription)),
  ],
  ['overage_total', 'bigint', (account) => account.overageTotal],
  ['overage_reported', 'bigint', (account) => account.overageReported],
];
export const ACCOUNT_WRITTEN = checked(ACCOUNT, PLAN);
/** An account has no checksum until something happens to it. */
export const ACCOUNT_OPENED: readonly Column<Account>[] = [...ACCOUNT, ...PLAN];
export const accountChecksum = (account: Account): string => checksumOf(ACCOUNT, account, PLAN);

const REPORT: readonly Column<DeliveredReport>[] = [
  ['billing_entity_id', 'uuid', (report) => report.billingEntityId],
  ['id', 'uuid', (report) => report.id],
  ['subscription_id', 'text', (report) => report.subscriptionId],
  ['credits', 'bigint', (report) => report.credits],
  ['period_start', 'timestamptz', (report) => report.period.start],
  ['period_end', 'timestamptz', (report) => report.period.end],
  ['stamped_at', 'timestamptz', (report) => report.stampedAt],
  ['created_at', 'timestamptz', (report) => report.createdAt],
  ['state', 'text', (report) => report.state],
  ['attempts', 'int', (report) => report.attempts],
  ['error', 'text', (report) => report.error],
  ['sent_at', 'timestamptz', (report) => report.sentAt],
];
export const REPORT_WRITTEN = checked(REPORT);
export const REPORT_UPDATED = only(REPORT_WRITTEN, [
  'billing_entity_id',
  'id',
  'state',
  'attempts',
  'error',
  'sent_at',
  'checksum',
]);
export const reportChecksum = (report: DeliveredReport): string => checksumOf(REPORT, report);

export const COUNTER_WRITTEN: readonly Column<UseCounter>[] = [
  ['billing_entity_id', 'uuid', (counter) => counter.billingEntityId],
  ['scope', 'text', (counter) => counter.scope],
  ['subject_id', 'uuid', (counter) => counter.subjectId],
  ['period_start', 'timestamptz', (counter) => counter.periodStart],
  ['used', 'bigint', (counter) => counter.used],
  ['held', 'bigint', (counter) => counter.held],
];

/** Nobody and nothing, where a summary's key needs a value. */
export const NIL_UUID = '00000000-0000-0000-0000-000000000000';

/** What names a row of the sums, but for when it begins. */
const ROLLUP_NAMES: readonly Column<Rollup>[] = [
  ['user_id', 'uuid', (rollup) => rollup.userId ?? NIL_UUID],
  ['api_key_entity_id', 'uuid', (rollup) => rollup.apiKey?.billingEntityId ?? NIL_UUID],
  ['api_key_id', 'uuid', (rollup) => rollup.apiKey?.id ?? NIL_UUID],
  ['resource', 'text', (rollup) => rollup.resource],
  ['billing_mode', 'text', (rollup) => rollup.billingMode],
  ['feature', 'text', (rollup) => rollup.feature ?? ''],
  ['organization_id', 'uuid', (rollup) => rollup.organizationId ?? NIL_UUID],
];
/** No number of lines overflows them. */
const ROLLUP_SUMS: readonly Column<Rollup>[] = [
  ['quantity', 'numeric', (rollup) => rollup.quantity],
  ['credits', 'numeric', (rollup) => rollup.credits],
  ['overage', 'numeric', (rollup) => rollup.overage],
  ['records', 'bigint', (rollup) => rollup.records],
];

/** A table of sums: what names a row of it, and what is added up. */
export interface RollupTable {
  readonly table: string;
  readonly key: readonly Column<Rollup>[];
  readonly sums: readonly Column<Rollup>[];
}

function rollupTable(table: string, start: string): RollupTable {
  const key: readonly Column<Rollup>[] = [
    ['billing_entity_id', 'uuid', (rollup) => rollup.billingEntityId],
    [start, 'timestamptz', (rollup) => rollup.start],
    ...ROLLUP_NAMES,
  ];
  return { table, key, sums: ROLLUP_SUMS };
}

export const HOURS = rollupTable('usage_rollup', 'hour');
export const DAYS = rollupTable('usage_rollup_day', 'day');

function only<Row>(columns: readonly Column<Row>[], names: readonly string[]): readonly Column<Row>[] {
  return columns.filter(([name]) => names.includes(name));
}

/** The database and its checksums call the payment standing `standing`. */
function storedSubscription({ paymentStanding, ...subscription }: SubscriptionState): Record<string, unknown> {
  return { ...subscription, standing: paymentStanding };
}

function carriesToRow(carries: Account['carries']): Partial<Record<Resource, string>> {
  const row: Partial<Record<Resource, string>> = {};
  for (const resource of Object.keys(RATES) as Resource[]) {
    const carry = carries[resource];
    if (carry !== undefined) row[resource] = formatCarry(carry);
  }
  return row;
}

function drawGrantIds(draws: readonly Draw[]): string {
  return `{${draws.map((draw) => draw.grantId).join(',')}}`;
}

function drawCredits(draws: readonly Draw[]): string {
  return `{${draws.map((draw) => draw.credits).join(',')}}`;
}

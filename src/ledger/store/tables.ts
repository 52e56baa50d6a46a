/** The ledger's tables, as its SQL writes and reads them: their descriptions, with a codec where the database spells otherwise. */
import { NIL_UUID } from '../../kernel/nil-uuid.ts';
import { canonicalJson } from '../../kernel/canonical-json.ts';
import { PLAN_BY_CODE } from '../../plans/plans.ts';
import { RATES, type Resource } from '../../plans/rates.ts';
import { type Account, type AccountState, type AfterCommand, nextEventAt } from '../rules/account.ts';
import type { ApiKeyRef, UsedBy } from '../rules/attribution.ts';
import { spellAlertState, spellPreferences, toAlertPreferences, toAlertState } from './alert-tables.ts';
import type { DeliveredReport, Entry, Idempotency, StepMark, UsageRecord, UsageRefund } from '../rules/entries.ts';
import { byDrawdownOrder, type Draw, type Grant, type GrantState, isOpen } from '../rules/grants.ts';
import { monthFrom } from '../rules/periods.ts';
import { type Carry, formatCarry, parseCarry } from '../rules/pricing.ts';
import type { Reservation } from '../rules/reservations.ts';
import type { Rollup } from '../rules/rollup.ts';
import type { UseCounter } from '../rules/spend-limits.ts';
import type { SubscriptionState } from '../rules/subscription.ts';
import type { ColumnValue } from './checksum.ts';
import { type Column, only, type StoredRow, tableOf } from './table.ts';
import { columnName } from '../../db/columns.ts';
import {
  CreditAccountRow,
  CreditGrantRow,
  LedgerEntryRow,
  MARKS_OF_DAY,
  MARKS_OF_HOUR,
  MeterReportRow,
  propertyBefore,
  ReservationRow as ReservationDescription,
  type SubscriptionJson,
  SUMS,
  UsageRecordRow,
  UsageRefundRow,
  UsageRollupDayRow,
  UsageRollupRow,
  UseCounterRow,
} from './tables.entity.ts';

const ACCOUNT = tableOf<AccountState, Account>()(CreditAccountRow, {
  alias: 'a',
  write: {
    periodStart: ({ period }) => period.start,
    periodEnd: ({ period }) => period.end,
    carries: ({ carries }) => JSON.stringify(fromCarries(carries)),
    overageEnabled: ({ overagePolicy }) => overagePolicy.enabled,
    overageCap: ({ overagePolicy }) => overagePolicy.cap,
    lapseSequence: ({ expiryHold }) => expiryHold.sequence,
    lapseHeld: ({ expiryHold }) => expiryHold.held,
    sealedFrom: ({ checksummedFrom }) => checksummedFrom,
    nextHoldAt: ({ nextReservationAt }) => nextReservationAt,
    dueAt: nextEventAt,
    subscription: ({ subscription }) => subscription && canonicalJson(fromSubscription(subscription)),
    alertState: ({ alerts }) => spellAlertState(alerts),
    alertPreferences: ({ alertPreferences }) => alertPreferences && spellPreferences(alertPreferences),
  },
  read: (row) => ({
    period: { start: row.period_start, end: row.period_end },
    carries: toCarries(row.carries),
    overagePolicy: { enabled: row.overage_enabled, cap: row.overage_cap },
    expiryHold: { sequence: row.lapse_sequence, held: row.lapse_held },
    checksummedFrom: row.sealed_from,
    nextReservationAt: row.next_hold_at,
    subscription: row.subscription && toSubscription(row.subscription),
    alerts: toAlertState(row.alert_state),
    alertPreferences: row.alert_preferences && toAlertPreferences(row.alert_preferences),
  }),
  unread: ['dueAt'],
  later: [
    ['subscription', 'overageTotal', 'overageReported'],
    ['alertState', 'alertPreferences'],
  ],
});
export type AccountRow = StoredRow<typeof CreditAccountRow, 'dueAt'>;
export const ACCOUNT_COLUMNS = ACCOUNT.columns;
export const ACCOUNT_WRITTEN = ACCOUNT.written;
/** An account has no checksum until something happens to it. */
export const ACCOUNT_OPENED = ACCOUNT.unchecked;
export const accountChecksum = ACCOUNT.checksumOf;
/** Gives an account's own row, without what other tables have of it. @throws Error for what is no subscription */
export const toAccountState = ACCOUNT.toRow;

/** Gives an account with its grants. Reservations are loaded apart, where they have ended or a command names them. */
export function toAccount(
  row: AccountRow & { readonly suspended: boolean },
  grants: readonly Grant[],
  reservations: readonly Reservation[] = [],
): Account {
  return {
    ...toAccountState(row),
    suspended: row.suspended,
    grants: grants.length > 1 ? [...grants].sort(byDrawdownOrder) : grants,
    reservations: new Map(reservations.map((reservation) => [reservation.id, reservation])),
    otherReservationsEndAt: row.next_hold_at,
  };
}

/** The database and its checksums spell the states as they were first called. */
const STORED_STATES = {
  PENDING: 'PENDING',
  ACTIVE: 'ACTIVE',
  EXPIRING: 'LAPSING',
  SPENT: 'SPENT',
  EXPIRED: 'LAPSED',
} as const satisfies Record<GrantState, string>;

const GRANT = tableOf<Grant>()(CreditGrantRow, {
  alias: 'g',
  write: {
    state: ({ state }) => STORED_STATES[state],
    open: isOpen,
    lapsed: ({ expired }) => expired,
    rootBillingEntityId: ({ root }) => root.billingEntityId,
    rootGrantId: ({ root }) => root.grantId,
    rootSource: ({ root }) => root.source,
  },
  read: (row) => ({
    state: grantStateOf(row.state),
    expired: row.lapsed,
    root: {
      billingEntityId: row.root_billing_entity_id,
      grantId: row.root_grant_id,
      source: row.root_source,
    },
  }),
  unread: ['open'],
  later: [['transferredBy']],
});
export type GrantRow = StoredRow<typeof CreditGrantRow, 'open'>;
export const GRANT_COLUMNS = GRANT.columns;
export const GRANT_WRITTEN = GRANT.written;
/** The columns that change in a grant's life, and those that name it. */
export const GRANT_UPDATED = only(GRANT_WRITTEN, [
  ...['billing_entity_id', 'id', 'expires_at', 'amount', 'remaining', 'state', 'open', 'lapsed', 'clawed', 'voided_at'],
  'checksum',
]);
export const grantChecksum = GRANT.checksumOf;
/** @throws Error for a state that the ledger never writes */
export const toGrant = GRANT.toRow;

const ATTRIBUTION = {
  apiKeyEntityId: ({ apiKey }: UsedBy): ColumnValue => apiKey?.billingEntityId ?? null,
  apiKeyId: ({ apiKey }: UsedBy): ColumnValue => apiKey?.id ?? null,
};

const RESERVATION = tableOf<Reservation>()(ReservationDescription, {
  alias: 'h',
  write: { open: ({ status }) => status === 'HELD', ...ATTRIBUTION },
  read: (row) => ({ apiKey: toApiKeyRef(row) }),
  unread: ['open'],
  later: [['organizationId', 'apiKeyEntityId', 'apiKeyId']],
});
export type ReservationRow = StoredRow<typeof ReservationDescription, 'open'>;
export const RESERVATION_COLUMNS = RESERVATION.columns;
export const RESERVATION_WRITTEN = RESERVATION.written;
/** The columns that change in a reservation's life, and those that name it. */
export const RESERVATION_UPDATED = only(RESERVATION_WRITTEN, [
  ...['billing_entity_id', 'id', 'status', 'open', 'expires_at', 'closed_sequence', 'checksum'],
]);
export const reservationChecksum = RESERVATION.checksumOf;
export const toReservation = RESERVATION.toRow;

/** The database has the index of each mark. */
const STEP_MARKS: readonly StepMark[] = ['GOES_ON', 'ENDS', 'TURNS'];

const ENTRY = tableOf<Entry>()(LedgerEntryRow, {
  alias: 'e',
  write: {
    refundedSequence: ({ refunded }) => refunded?.sequence ?? null,
    refundedLine: ({ refunded }) => refunded?.line ?? null,
    drawGrantIds: ({ draws }) => draws && drawGrantIds(draws),
    drawCredits: ({ draws }) => draws && drawCredits(draws),
    idempotencyKey: ({ idempotency }) => idempotency?.key ?? null,
    fingerprint: ({ idempotency }) => idempotency?.fingerprint ?? null,
    lastSequence: ({ afterCommand }) => afterCommand?.sequence ?? null,
    usedAfter: ({ afterCommand }) => afterCommand?.used ?? null,
    allowanceAfter: ({ afterCommand }) => afterCommand?.allowance ?? null,
    versionAfter: ({ afterCommand }) => afterCommand?.version ?? null,
    step: ({ step }) => step && STEP_MARKS.indexOf(step),
  },
  read: (row) => {
    const { refunded_sequence: sequence, refunded_line: line } = row;
    return {
      refunded: sequence === null || line === null ? null : { sequence, line },
      draws: row.draw_grant_ids && toDraws(row.draw_grant_ids, row.draw_credits ?? []),
      idempotency: toIdempotency(row),
      afterCommand: toAfterCommand(row),
      step: row.step === null ? null : (STEP_MARKS[row.step] ?? null),
    };
  },
  later: [['lastSequence', 'usedAfter', 'allowanceAfter', 'versionAfter'], ['step']],
});
export type EntryRow = StoredRow<typeof LedgerEntryRow>;
export const ENTRY_COLUMNS = ENTRY.columns;
export const ENTRY_WRITTEN = ENTRY.written;
export const entryChecksum = ENTRY.checksumOf;
export const toEntry = ENTRY.toRow;

const RECORD = tableOf<UsageRecord>()(UsageRecordRow, {
  alias: 'u',
  write: {
    rateUnits: ({ rate }) => rate.units,
    rateCredits: ({ rate }) => rate.credits,
    carriedBefore: ({ carriedBefore }) => formatCarry(carriedBefore),
    carriedAfter: ({ carriedAfter }) => formatCarry(carriedAfter),
    drawGrantIds: ({ draws }) => drawGrantIds(draws),
    drawCredits: ({ draws }) => drawCredits(draws),
    metadata: ({ metadata }) => metadata && canonicalJson(metadata),
    ...ATTRIBUTION,
  },
  read: (row) => ({
    rate: { resource: row.resource, units: row.rate_units, credits: row.rate_credits },
    carriedBefore: parseCarry(row.carried_before),
    carriedAfter: parseCarry(row.carried_after),
    draws: toDraws(row.draw_grant_ids, row.draw_credits),
    metadata: row.metadata,
    apiKey: toApiKeyRef(row),
  }),
  later: [
    ['organizationId', 'apiKeyEntityId', 'apiKeyId'],
    ['model', 'modelFolded'],
  ],
});
export type RecordRow = StoredRow<typeof UsageRecordRow>;
export const RECORD_COLUMNS = RECORD.columns;
export const RECORD_WRITTEN = RECORD.written;
export const recordChecksum = RECORD.checksumOf;
/** @throws SyntaxError for a carry that is no fraction */
export const toRecord = RECORD.toRow;

const REFUND = tableOf<UsageRefund>()(UsageRefundRow, {
  alias: 'f',
  write: {},
  read: () => ({}),
  later: [['credits', 'creditsBefore']],
});
export const REFUND_WRITTEN = REFUND.written;
export const refundChecksum = REFUND.checksumOf;

const REPORT = tableOf<DeliveredReport>()(MeterReportRow, {
  alias: 'm',
  write: { periodStart: ({ period }) => period.start, periodEnd: ({ period }) => period.end },
  read: (row) => ({ period: { start: row.period_start, end: row.period_end } }),
});
export type ReportRow = StoredRow<typeof MeterReportRow>;
export const REPORT_COLUMNS = REPORT.columns;
export const REPORT_WRITTEN = REPORT.written;
/** The columns that a delivery changes, and those that name the report. */
export const REPORT_UPDATED = only(REPORT_WRITTEN, [
  ...['billing_entity_id', 'id', 'state', 'attempts', 'error', 'sent_at', 'checksum'],
]);
export const reportChecksum = REPORT.checksumOf;
export const toReport = REPORT.toRow;

const COUNTER = tableOf<UseCounter>()(UseCounterRow, { alias: 'c', write: {}, read: () => ({}) });
export type CounterRow = StoredRow<typeof UseCounterRow>;
export const COUNTER_COLUMNS = COUNTER.columns;
export const COUNTER_WRITTEN = COUNTER.written;
export const toCounter = COUNTER.toRow;

/**
 * A table of sums. A row names a span of time, and has beside each sum what of it came before each of some marks within the
 * span: so a part of the span is read from the same row, and finer sums need no rows of their own.
 */
export interface RollupTable {
  readonly table: string;
  /** The column of the span's beginning. */
  readonly start: string;
  readonly lengthMs: number;
  /** Columns that name a row besides account and time. */
  readonly names: readonly Column<Rollup>[];
  readonly sums: readonly Column<Rollup>[];
  /** Marks, in order: they part the span into parts of one length. */
  readonly marks: readonly number[];
}

/** The name of further models in the sums, as a literal of SQL that the planner holds against the partial index. */
export const FOLDED_IN_SQL = "E'\\x01'";

/** The column of what of a sum came before a mark. */
export function beforeMark(sum: string, mark: number): string {
  return columnName(propertyBefore(sum, mark));
}

const ROLLUP = {
  userId: ({ userId }: Rollup): ColumnValue => userId ?? NIL_UUID,
  apiKeyEntityId: ({ apiKey }: Rollup): ColumnValue => apiKey?.billingEntityId ?? NIL_UUID,
  apiKeyId: ({ apiKey }: Rollup): ColumnValue => apiKey?.id ?? NIL_UUID,
  feature: ({ feature }: Rollup): ColumnValue => feature ?? '',
  organizationId: ({ organizationId }: Rollup): ColumnValue => organizationId ?? NIL_UUID,
  model: ({ model }: Rollup): ColumnValue => model ?? '',
  quantity: ({ quantity }: Rollup): ColumnValue => quantity,
  credits: ({ credits }: Rollup): ColumnValue => credits,
  overage: ({ overage }: Rollup): ColumnValue => overage,
};
// Sums are read by whole statements that add them up further: no row of them is ever loaded.
const read = (): never => {
  throw new Error('rollups are not loaded');
};
const start = (rollup: Rollup): ColumnValue => rollup.start;

export const HOURS = rollupTable(
  { table: 'usage_rollup', start: 'hour', lengthMs: 3_600_000, marks: MARKS_OF_HOUR },
  tableOf<Rollup>()(UsageRollupRow, { alias: 'r', write: { hour: start, ...ROLLUP }, read }).written,
);
export const DAYS = rollupTable(
  { table: 'usage_rollup_day', start: 'day', lengthMs: 86_400_000, marks: MARKS_OF_DAY },
  tableOf<Rollup>()(UsageRollupDayRow, { alias: 'r', write: { day: start, ...ROLLUP }, read }).written,
);

function rollupTable(
  table: Pick<RollupTable, 'table' | 'start' | 'lengthMs' | 'marks'>,
  columns: readonly Column<Rollup>[],
): RollupTable {
  const names = ['user_id', 'model', 'api_key_entity_id', 'api_key_id', 'resource', 'billing_mode', 'feature'];
  return { ...table, names: only(columns, [...names, 'organization_id']), sums: only(columns, SUMS) };
}

const GRANT_STATES = new Map<string, GrantState>(
  (Object.keys(STORED_STATES) as GrantState[]).map((state) => [STORED_STATES[state], state]),
);

function grantStateOf(stored: string): GrantState {
  const state = GRANT_STATES.get(stored);
  if (state === undefined) throw new Error(`a grant is never ${stored}`);
  return state;
}

function toSubscription({ standing, later, overageTerms, paidUntil, ...json }: SubscriptionJson): SubscriptionState {
  if (PLAN_BY_CODE[json.plan] === undefined) throw new Error('a subscription without a plan');
  const [anchor, periodStart] = [new Date(json.anchor), new Date(json.periodStart)];
  return {
    ...json,
    paymentStanding: standing,
    graceEndsAt: json.graceEndsAt === null ? null : new Date(json.graceEndsAt),
    anchor,
    periodStart,
    ...(later && { later: { ...later, at: new Date(later.at) } }),
    paidUntil:
      paidUntil === undefined ? monthFrom(anchor, periodStart).end : paidUntil === null ? null : new Date(paidUntil),
    ...(overageTerms && {
      overageTerms: { ...overageTerms, cap: overageTerms.cap === null ? null : BigInt(overageTerms.cap) },
    }),
    base: json.base && { ...json.base, periodStart: new Date(json.base.periodStart) },
  };
}

function fromSubscription({
  paymentStanding,
  paidUntil,
  overageTerms,
  ...subscription
}: SubscriptionState): Record<string, unknown> {
  const { end } = monthFrom(subscription.anchor, subscription.periodStart);
  const isPaid = paidUntil?.getTime() === end.getTime();
  return {
    ...subscription,
    standing: paymentStanding,
    ...(!isPaid && { paidUntil }),
    ...(overageTerms && {
      overageTerms: { ...overageTerms, cap: overageTerms.cap === null ? null : Number(overageTerms.cap) },
    }),
  };
}

function toCarries(row: Partial<Record<Resource, string>>): Partial<Record<Resource, Carry>> {
  const carries: Partial<Record<Resource, Carry>> = {};
  for (const resource of Object.keys(RATES) as Resource[]) {
    const text = row[resource];
    if (text !== undefined) carries[resource] = parseCarry(text);
  }
  return carries;
}

function fromCarries(carries: Account['carries']): Partial<Record<Resource, string>> {
  const row: Partial<Record<Resource, string>> = {};
  for (const resource of Object.keys(RATES) as Resource[]) {
    const carry = carries[resource];
    if (carry !== undefined) row[resource] = formatCarry(carry);
  }
  return row;
}

function toDraws(grantIds: readonly string[], credits: readonly string[]): Draw[] {
  return grantIds.map((grantId, index) => ({ grantId, credits: BigInt(credits[index] ?? 0) }));
}

function drawGrantIds(draws: readonly Draw[]): string {
  return `{${draws.map((draw) => draw.grantId).join(',')}}`;
}

function drawCredits(draws: readonly Draw[]): string {
  return `{${draws.map((draw) => draw.credits).join(',')}}`;
}

function toIdempotency({ idempotency_key: key, fingerprint }: EntryRow): Idempotency | null {
  return key === null || fingerprint === null ? null : { key, fingerprint };
}

function toAfterCommand(row: EntryRow): AfterCommand | null {
  const { last_sequence: sequence, used_after: used, allowance_after: allowance, version_after: version } = row;
  if (sequence === null || used === null || allowance === null || version === null) return null;
  return { sequence, used, allowance, version };
}

function toApiKeyRef({
  api_key_entity_id: billingEntityId,
  api_key_id: id,
}: {
  readonly api_key_entity_id: string | null;
  readonly api_key_id: string | null;
}): ApiKeyRef | null {
  return billingEntityId === null || id === null ? null : { billingEntityId, id };
}

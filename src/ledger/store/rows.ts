/** Rows of the ledger's tables as they are read, and what they mean. */
import { PLAN_BY_CODE } from '../../plans/plans.ts';
import { RATES, type Resource } from '../../plans/rates.ts';
import { type ApiKeyColumns, toApiKeyRef } from './usage-record-row.ts';
import type { Account, AccountState, AfterCommand } from '../rules/account.ts';
import { type Carry, parseCarry } from '../rules/pricing.ts';
import { byDrawdownOrder, type Grant, type GrantSource, type GrantState } from '../rules/grants.ts';
import type { Reservation, ReservationStatus } from '../rules/reservations.ts';
import { STORED_STATES } from './columns.ts';
import type { BaseGrant, SubscriptionState } from '../rules/subscription.ts';
import type { DeliveredReport, Delivery, Entry, EntryKind, Idempotency } from '../rules/entries.ts';

export const ACCOUNT_COLUMNS = `a.billing_entity_id, a.available, a.held, a.held_overage, a.used, a.overage, a.owed,
  a.owed_this_period, a.version, a.sequence, a.period_start, a.period_end, a.carries, a.trial_given, a.overage_enabled,
  a.overage_cap, a.lapse_sequence, a.lapse_held, a.sealed_from, a.next_hold_at, a.touched_at,
  a.subscription, a.overage_total, a.overage_reported`;

export interface AccountRow {
  billing_entity_id: string;
  available: bigint;
  held: bigint;
  held_overage: bigint;
  used: bigint;
  overage: bigint;
  owed: bigint;
  owed_this_period: bigint;
  version: bigint;
  sequence: bigint;
  period_start: Date;
  period_end: Date;
  carries: Partial<Record<Resource, string>>;
  trial_given: boolean;
  overage_enabled: boolean;
  overage_cap: bigint | null;
  lapse_sequence: bigint;
  lapse_held: bigint;
  sealed_from: bigint;
  next_hold_at: Date | null;
  touched_at: Date;
  subscription: SubscriptionJson | null;
  overage_total: bigint;
  overage_reported: bigint;
}

/** As JSON carries it. */
type SubscriptionJson = Omit<
  SubscriptionState,
  'paymentStanding' | 'graceEndsAt' | 'anchor' | 'periodStart' | 'base'
> & {
  readonly standing: SubscriptionState['paymentStanding'];
  readonly graceEndsAt: string | null;
  readonly anchor: string;
  readonly periodStart: string;
  readonly base: (Omit<BaseGrant, 'periodStart'> & { readonly periodStart: string }) | null;
};

/** The account's own row, without what other tables hold. */
export function toAccountState(row: AccountRow): AccountState {
  return {
    billingEntityId: row.billing_entity_id,
    available: row.available,
    held: row.held,
    heldOverage: row.held_overage,
    used: row.used,
    overage: row.overage,
    owed: row.owed,
    owedThisPeriod: row.owed_this_period,
    version: row.version,
    sequence: row.sequence,
    period: { start: row.period_start, end: row.period_end },
    carries: toCarries(row.carries),
    trialGiven: row.trial_given,
    subscription: row.subscription && toSubscription(row.subscription),
    overagePolicy: { enabled: row.overage_enabled, cap: row.overage_cap },
    overageTotal: row.overage_total,
    overageReported: row.overage_reported,
    expiryHold: { sequence: row.lapse_sequence, held: row.lapse_held },
    nextReservationAt: row.next_hold_at,
    checksummedFrom: row.sealed_from,
    touchedAt: row.touched_at,
  };
}

/** An account with its grants; holds are loaded apart, where they are due or named. */
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

/** @throws Error for what is no subscription */
function toSubscription({ standing, ...json }: SubscriptionJson): SubscriptionState {
  if (PLAN_BY_CODE[json.plan] === undefined) throw new Error('a subscription without a plan');
  return {
    ...json,
    paymentStanding: standing,
    graceEndsAt: json.graceEndsAt === null ? null : new Date(json.graceEndsAt),
    anchor: new Date(json.anchor),
    periodStart: new Date(json.periodStart),
    base: json.base && { ...json.base, periodStart: new Date(json.base.periodStart) },
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

export const GRANT_COLUMNS = `g.billing_entity_id, g.id, g.source, g.amount, g.remaining, g.priority, g.state, g.effective_at,
  g.expires_at, g.reason, g.created_at, g.lapsed, g.clawed, g.voided_at, g.root_billing_entity_id,
  g.root_grant_id, g.root_source`;

const GRANT_STATES = new Map<string, GrantState>(
  (Object.keys(STORED_STATES) as GrantState[]).map((state) => [STORED_STATES[state], state]),
);

/** @throws Error for a state that the ledger never writes */
function grantStateOf(stored: string): GrantState {
  const state = GRANT_STATES.get(stored);
  if (state === undefined) throw new Error(`a grant is never ${stored}`);
  return state;
}

export interface GrantRow {
  billing_entity_id: string;
  id: string;
  source: GrantSource;
  amount: bigint;
  remaining: bigint;
  priority: number;
  state: string;
  effective_at: Date;
  expires_at: Date | null;
  reason: string | null;
  created_at: Date;
  lapsed: bigint;
  clawed: bigint;
  voided_at: Date | null;
  root_billing_entity_id: string;
  root_grant_id: string;
  root_source: GrantSource;
}

export function toGrant(row: GrantRow): Grant {
  return {
    billingEntityId: row.billing_entity_id,
    id: row.id,
    source: row.source,
    amount: row.amount,
    remaining: row.remaining,
    priority: row.priority,
    state: grantStateOf(row.state),
    effectiveAt: row.effective_at,
    expiresAt: row.expires_at,
    reason: row.reason,
    createdAt: row.created_at,
    root: {
      billingEntityId: row.root_billing_entity_id,
      grantId: row.root_grant_id,
      source: row.root_source,
    },
    expired: row.lapsed,
    clawed: row.clawed,
    voidedAt: row.voided_at,
  };
}

export const RESERVATION_COLUMNS = `h.billing_entity_id, h.id, h.status, h.covered, h.overage, h.user_id, h.billing_mode, h.feature,
  h.actor, h.expires_at, h.created_at, h.opened_sequence, h.closed_sequence, h.organization_id, h.api_key_entity_id, h.api_key_id`;

export interface ReservationRow extends ApiKeyColumns {
  billing_entity_id: string;
  id: string;
  status: ReservationStatus;
  covered: bigint;
  overage: bigint;
  user_id: string | null;
  billing_mode: Reservation['billingMode'];
  feature: string | null;
  actor: string;
  expires_at: Date;
  created_at: Date;
  opened_sequence: bigint;
  closed_sequence: bigint | null;
  organization_id: string | null;
}

export function toReservation(row: ReservationRow): Reservation {
  return {
    billingEntityId: row.billing_entity_id,
    id: row.id,
    status: row.status,
    covered: row.covered,
    overage: row.overage,
    userId: row.user_id,
    organizationId: row.organization_id,
    apiKey: toApiKeyRef(row),
    billingMode: row.billing_mode,
    feature: row.feature,
    actor: row.actor,
    expiresAt: row.expires_at,
    createdAt: row.created_at,
    openedSequence: row.opened_sequence,
    closedSequence: row.closed_sequence,
  };
}

export const ENTRY_COLUMNS = `e.billing_entity_id, e.sequence, e.kind, e.amount, e.available_after, e.held_change, e.held_after,
  e.overage_change, e.overage_after, e.owed_change, e.owed_after, e.grant_id, e.reservation_id, e.counterparty_id,
  e.refunded_sequence, e.refunded_line, e.draw_grant_ids, e.draw_credits, e.actor, e.reason, e.idempotency_key, e.fingerprint,
  e.period_start, e.created_at, e.last_sequence, e.used_after, e.allowance_after, e.version_after`;

export interface EntryRow {
  billing_entity_id: string;
  sequence: bigint;
  kind: EntryKind;
  amount: bigint;
  available_after: bigint;
  held_change: bigint;
  held_after: bigint;
  overage_change: bigint;
  overage_after: bigint;
  owed_change: bigint;
  owed_after: bigint;
  grant_id: string | null;
  reservation_id: string | null;
  counterparty_id: string | null;
  refunded_sequence: bigint | null;
  refunded_line: number | null;
  draw_grant_ids: string[] | null;
  draw_credits: string[] | null;
  actor: string;
  reason: string | null;
  idempotency_key: string | null;
  fingerprint: Buffer | null;
  period_start: Date;
  created_at: Date;
  last_sequence: bigint | null;
  used_after: bigint | null;
  allowance_after: bigint | null;
  version_after: bigint | null;
}

export function toEntry(row: EntryRow): Entry {
  const credits = row.draw_credits;
  const { refunded_sequence: sequence, refunded_line: line } = row;
  return {
    billingEntityId: row.billing_entity_id,
    sequence: row.sequence,
    kind: row.kind,
    amount: row.amount,
    availableAfter: row.available_after,
    heldChange: row.held_change,
    heldAfter: row.held_after,
    overageChange: row.overage_change,
    overageAfter: row.overage_after,
    owedChange: row.owed_change,
    owedAfter: row.owed_after,
    grantId: row.grant_id,
    reservationId: row.reservation_id,
    counterpartyId: row.counterparty_id,
    refunded: sequence === null || line === null ? null : { sequence, line },
    draws: row.draw_grant_ids?.map((grantId, index) => ({ grantId, credits: BigInt(credits?.[index] ?? 0) })) ?? null,
    actor: row.actor,
    reason: row.reason,
    idempotency: toIdempotency(row),
    afterCommand: toAfterCommand(row),
    periodStart: row.period_start,
    createdAt: row.created_at,
  };
}

function toIdempotency({ idempotency_key: key, fingerprint }: EntryRow): Idempotency | null {
  return key === null || fingerprint === null ? null : { key, fingerprint };
}

function toAfterCommand(row: EntryRow): AfterCommand | null {
  const { last_sequence: sequence, used_after: used, allowance_after: allowance, version_after: version } = row;
  if (sequence === null || used === null || allowance === null || version === null) return null;
  return { sequence, used, allowance, version };
}

export const REPORT_COLUMNS = `m.billing_entity_id, m.id, m.subscription_id, m.credits, m.period_start, m.period_end,
  m.stamped_at, m.created_at, m.state, m.attempts, m.error, m.sent_at`;

export interface ReportRow {
  billing_entity_id: string;
  id: string;
  subscription_id: string | null;
  credits: bigint;
  period_start: Date;
  period_end: Date;
  stamped_at: Date;
  created_at: Date;
  state: Delivery['state'];
  attempts: number;
  error: string | null;
  sent_at: Date | null;
}

export function toReport(row: ReportRow): DeliveredReport {
  return {
    billingEntityId: row.billing_entity_id,
    id: row.id,
    subscriptionId: row.subscription_id,
    credits: row.credits,
    period: { start: row.period_start, end: row.period_end },
    stampedAt: row.stamped_at,
    createdAt: row.created_at,
    state: row.state,
    attempts: row.attempts,
    error: row.error,
    sentAt: row.sent_at,
  };
}

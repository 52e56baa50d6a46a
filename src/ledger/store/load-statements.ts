/** The statements that lock the accounts of a transaction and load what deciding needs. */
import { isIn, prepared, type Scope } from './statements.ts';
import {
  ACCOUNT_COLUMNS,
  FOLDED_IN_SQL,
  GRANT_COLUMNS,
  RECORD_COLUMNS,
  REPORT_COLUMNS,
  RESERVATION_COLUMNS,
} from './tables.ts';

/**
 * In id order, so that two batches over the same accounts cannot deadlock. Whether the entity is suspended is as of the
 * statement's beginning, which is after the command came: a suspension that was answered before is seen.
 */
export const LOCK = prepared(
  'lock',
  (scope) => `select ${ACCOUNT_COLUMNS}, a.stamp, exists (
      select from billing_entity b
      where b.billing_entity_id ${isIn(scope)} and b.billing_entity_id = a.billing_entity_id and b.suspended_at is not null
    ) as suspended
    from credit_account a where a.billing_entity_id ${isIn(scope)}
    order by a.billing_entity_id for no key update of a`,
);

// The loads are statements of their own and come after the lock: a statement sees what was committed when it began, and
// one that began before the lock was granted would see grants and keys as they were before the other batch.
export const GRANTS = prepared(
  'grants',
  (scope) => `select ${GRANT_COLUMNS} from credit_grant g where g.billing_entity_id ${isIn(scope)} and g.open`,
);

/**
 * One probe of the unique index per key. `= any($keys)` would at times flip to reading the whole account; and a plan kept
 * from the time when the table was small probes the primary key instead and reads the account for every key, so this
 * one statement is not prepared by name: it is planned for the table as it is.
 */
export const KEYS = prepared(
  'keys',
  (scope) => `select k.billing_entity_id, k.key, e.sequence, e.fingerprint, e.actor
    from unnest($2::uuid[], $3::text[]) as k(billing_entity_id, key)
    cross join lateral (
      select sequence, fingerprint, actor from ledger_entry
      where billing_entity_id = k.billing_entity_id and idempotency_key = k.key and billing_entity_id ${isIn(scope)}
      limit 1
    ) e`,
);

/**
 * Reservations that commands name, in whatever state: one probe each, so that no kept plan can read all of the account's.
 * With each comes the limit of the member who uses the pool by it, and the counter that counts against it: a settlement of
 * admitted work is never refused for that limit, but comes to it (rule 29).
 */
export const NAMED_RESERVATIONS = prepared(
  'named-holds',
  (
    scope,
  ) => `select h.*, m.status as member_status, m.credit_limit, c.counted_from, c.counted_used, c.counted_held, c.alerted
    from unnest($2::uuid[], $3::uuid[]) as k(billing_entity_id, id)
    cross join lateral (
      select ${RESERVATION_COLUMNS} from reservation h
      where h.billing_entity_id = k.billing_entity_id and h.id = k.id and h.billing_entity_id ${isIn(scope)}
      limit 1
    ) h
    left join lateral (
      select m.status, m.credit_limit from membership m
      where m.billing_entity_id = h.billing_entity_id and m.user_id = h.user_id and m.billing_entity_id ${isIn(scope)}
        and h.organization_id = h.billing_entity_id and m.status <> 'INVITED' and m.credit_limit is not null
      limit 1
    ) m on true
    left join lateral (
      select c.period_start as counted_from, c.used as counted_used, c.held as counted_held, c.alerted from use_counter c
      where c.billing_entity_id = h.billing_entity_id and c.scope = 'MEMBER' and c.subject_id = h.user_id
        and c.billing_entity_id ${isIn(scope)} and m.credit_limit is not null
      limit 1
    ) c on true`,
);

/** The record that `k` names, by one probe. */
const NAMED_RECORD = (scope: Scope): string => `cross join lateral (
      select * from usage_record u where u.billing_entity_id = k.billing_entity_id and u.sequence = k.sequence
        and u.line = k.line and u.billing_entity_id ${isIn(scope)} limit 1
    ) u`;

/**
 * Records that are to be refunded, with the period that they were recorded in and what parts of them gave back. A refund
 * without credits is one of before parts: it gave back everything.
 */
export const REFUND_RECORDS = prepared(
  'refund-records',
  (scope) => `select ${RECORD_COLUMNS}, e.period_start, (
      select sum(coalesce(r.credits, u.credits))::bigint from usage_refund r
      where r.billing_entity_id ${isIn(scope)} and r.billing_entity_id = u.billing_entity_id
        and r.sequence = u.sequence and r.line = u.line
    ) as refunded_credits
    from unnest($2::uuid[], $3::bigint[], $4::smallint[]) as k(billing_entity_id, sequence, line)
    ${NAMED_RECORD(scope)}
    join ledger_entry e on e.billing_entity_id = u.billing_entity_id and e.sequence = u.sequence
    where e.billing_entity_id ${isIn(scope)}`,
);

/** Closed grants that these records were drawn from. */
export const REFUND_GRANTS = prepared(
  'refund-grants',
  (scope) => `select distinct on (g.billing_entity_id, g.id) ${GRANT_COLUMNS}
    from unnest($2::uuid[], $3::bigint[], $4::smallint[]) as k(billing_entity_id, sequence, line)
    ${NAMED_RECORD(scope)}
    cross join unnest(u.draw_grant_ids) as d(grant_id)
    join credit_grant g on g.billing_entity_id = u.billing_entity_id and g.id = d.grant_id
    where g.billing_entity_id ${isIn(scope)} and not g.open`,
);

/** Where credits of these roots were transferred to. */
export const RECIPIENTS = prepared(
  'recipients',
  (scope) => `select distinct e.billing_entity_id, g.root_grant_id, e.counterparty_id
    from credit_grant g join ledger_entry e on e.billing_entity_id = g.billing_entity_id and e.grant_id = g.id
    where g.billing_entity_id ${isIn(scope)} and g.root_grant_id = any($2::uuid[])
      and e.billing_entity_id ${isIn(scope)} and e.kind = 'TRANSFER_OUT' and e.counterparty_id is not null`,
);

/** Closed grants of these roots. */
export const CLOSED_BRANCHES = prepared(
  'closed-branches',
  (scope) => `select ${GRANT_COLUMNS} from credit_grant g
    where g.billing_entity_id ${isIn(scope)} and g.root_grant_id = any($2::uuid[]) and not g.open`,
);

/** Grants by their ids, in whatever state. */
export const NAMED_GRANTS = prepared(
  'named-grants',
  (scope) => `select ${GRANT_COLUMNS} from credit_grant g
    where g.billing_entity_id ${isIn(scope)} and g.id = any($2::uuid[])`,
);

/**
 * Reports by their ids, in id order. Their rows are locked, too: a process of the release before this one notes what became of
 * a report without the lock of its account.
 */
export const NAMED_REPORTS = prepared(
  'named-reports',
  (scope) => `select ${REPORT_COLUMNS}, m.checksum from meter_report m
    where m.billing_entity_id ${isIn(scope)} and m.id = any($2::uuid[])
    order by m.billing_entity_id, m.id for no key update`,
);

/** The models that sums have by name: those of one person's day are adjacent in the primary key of the days. */
export const NAMED_MODELS = prepared(
  'named-models',
  (scope) => `select k.number, m.model
    from unnest($2::uuid[], $3::uuid[], $4::timestamptz[], $5::int[]) as k(billing_entity_id, user_id, at, number)
    cross join lateral (
      select distinct r.model from usage_rollup_day r
      where r.billing_entity_id = k.billing_entity_id and r.day = date_trunc('day', k.at, 'UTC') and r.user_id = k.user_id
        and r.model not in ('', ${FOLDED_IN_SQL}) and r.billing_entity_id ${isIn(scope)}
    ) m`,
);

/** Crossings that were raised, of those that commands name. */
export const RAISED = prepared(
  'raised-crossings',
  (scope) => `select n.billing_entity_id, n.crossing from alert n
    where n.billing_entity_id ${isIn(scope)} and n.crossing = any($2::text[])`,
);

/** Most ended holds of one account that a transaction takes; the rest is for the next one. */
export const MOST_DUE_RESERVATIONS = 500;

/** The first of them, and one more that tells whether there are others. */
export const DUE_RESERVATIONS = prepared(
  'due-holds',
  (scope) => `select h.* from ${eachOf(scope)} cross join lateral (
      select ${RESERVATION_COLUMNS} from reservation h
      where h.billing_entity_id = k.billing_entity_id and h.billing_entity_id ${isIn(scope)}
        and h.open and h.expires_at <= $2::timestamptz
      order by h.expires_at limit ${MOST_DUE_RESERVATIONS + 1}
    ) h`,
);

export const LATER_RESERVATIONS = prepared(
  'later-holds',
  (scope) => `select h.* from ${eachOf(scope)} cross join lateral (
      select h.billing_entity_id, h.expires_at as ends_at from reservation h
      where h.billing_entity_id = k.billing_entity_id and h.billing_entity_id ${isIn(scope)}
        and h.open and h.expires_at > $2::timestamptz
      order by h.expires_at limit 1
    ) h`,
);

/** The accounts themselves, as `k`. */
function eachOf(scope: Scope): string {
  return scope === 'one' ? '(select $1::uuid as billing_entity_id) k' : 'unnest($1::uuid[]) as k(billing_entity_id)';
}

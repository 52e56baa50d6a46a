/**
 * The ledger's statements, whole. Two scopes of each: `one` account by `= $1` (scalar, 6–26 % faster), `many` by
 * `= ANY($1)`. In both, every table has its own filter on `billing_entity_id`, so that a distributed database
 * runs the statement whole on one shard.
 */
import type { ClientBase, QueryResult } from 'pg';
import { arrayLiteral } from '../db/array-literal.ts';
import { RATES, type Resource } from '../plans/rates.ts';
import type { Account, Entry, UsageRecord } from './account.ts';
import { dueAt } from './account.ts';
import { type Carry, formatCarry, parseCarry } from './conversion.ts';
import { byDrawdownOrder, type Draw, type Grant, type GrantSource, type GrantState } from './grants.ts';

export type Scope = 'one' | 'many';

/** Which accounts a statement touches: `$1` of each. */
function scopeOf(ids: readonly string[]): { scope: Scope; entities: string } {
  return ids.length === 1
    ? { scope: 'one', entities: ids[0] as string }
    : { scope: 'many', entities: arrayLiteral(ids) };
}

const isIn = (scope: Scope): string => (scope === 'one' ? '= $1::uuid' : '= any($1::uuid[])');

/** A statement that each connection prepares once, by name. */
function prepared(name: string, text: (scope: Scope) => string): Record<Scope, { name: string; text: string }> {
  return {
    one: { name: `${name}-one`, text: text('one') },
    many: { name: `${name}-many`, text: text('many') },
  };
}

// ─────────────────────────────── lock and load ───────────────────────────────

export const ACCOUNT_COLUMNS = `a.billing_entity_id, a.available, a.held, a.used, a.overage, a.owed, a.version, a.sequence,
  a.period_start, a.period_end, a.carries, a.trial_given, a.touched_at`;

export const GRANT_COLUMNS = `g.billing_entity_id, g.id, g.source, g.amount, g.remaining, g.priority, g.state, g.effective_at,
  g.expires_at, g.reason, g.created_at`;

/** In id order, so that two batches over the same accounts cannot deadlock. */
const LOCK = prepared(
  'lock',
  (scope) => `select ${ACCOUNT_COLUMNS} from credit_account a where a.billing_entity_id ${isIn(scope)}
    order by a.billing_entity_id for no key update`,
);

// The loads are statements of their own and come after the lock: a statement sees what was committed when it began, and
// one that began before the lock was granted would see grants and keys as they were before the other batch.
const GRANTS = prepared(
  'grants',
  (scope) => `select ${GRANT_COLUMNS} from credit_grant g where g.billing_entity_id ${isIn(scope)} and g.open`,
);

const SUSPENDED = prepared(
  'suspended',
  (scope) => `select b.billing_entity_id from billing_entity b
    where b.billing_entity_id ${isIn(scope)} and b.suspended_at is not null`,
);

/**
 * One probe of the unique index per key. `= any($keys)` would at times flip to reading the whole account; and a plan kept
 * from the time when the table was small probes the primary key instead and reads the account for every key, so this
 * one statement is not prepared by name: it is planned for the table as it is.
 */
const KEYS = prepared(
  'keys',
  (scope) => `select k.billing_entity_id, k.key, e.sequence, e.fingerprint
    from unnest($2::uuid[], $3::text[]) as k(billing_entity_id, key)
    cross join lateral (
      select sequence, fingerprint from ledger_entry
      where billing_entity_id = k.billing_entity_id and idempotency_key = k.key and billing_entity_id ${isIn(scope)}
      limit 1
    ) e`,
);

/** An effect that a key already had. */
export interface KnownKey {
  readonly billingEntityId: string;
  readonly key: string;
  readonly sequence: bigint;
  readonly fingerprint: Buffer;
}

export interface KeyQuestion {
  readonly billingEntityId: string;
  readonly key: string;
}

/** Begins a transaction, locks the accounts, and loads everything that deciding needs: one round trip (the connection pipelines). */
export async function lockAndLoad(
  client: ClientBase,
  ids: readonly string[],
  keys: readonly KeyQuestion[],
): Promise<{ accounts: Map<string, Account>; known: KnownKey[] }> {
  const { scope, entities } = scopeOf(ids);
  const [, locked, grants, suspended, known] = await all([
    client.query('begin'),
    client.query<AccountRow>({ ...LOCK[scope], values: [entities] }),
    client.query<GrantRow>({ ...GRANTS[scope], values: [entities] }),
    client.query<{ billing_entity_id: string }>({ ...SUSPENDED[scope], values: [entities] }),
    client.query<{ billing_entity_id: string; key: string; sequence: bigint; fingerprint: Buffer }>({
      text: KEYS[scope].text,
      values: [
        entities,
        arrayLiteral(keys.map(({ billingEntityId }) => billingEntityId)),
        arrayLiteral(keys.map(({ key }) => key)),
      ],
    }),
  ]);
  return {
    accounts: toAccounts(locked.rows, grants.rows, new Set(suspended.rows.map((row) => row.billing_entity_id))),
    known: known.rows.map((row) => ({
      billingEntityId: row.billing_entity_id,
      key: row.key,
      sequence: row.sequence,
      fingerprint: row.fingerprint,
    })),
  };
}

// ─────────────────────────────── append and commit ───────────────────────────────

/** Rows to append, in order, and the states to leave behind. */
export interface Changes {
  readonly accounts: readonly Account[];
  readonly newGrants: readonly Grant[];
  readonly changedGrants: readonly Grant[];
  readonly entries: readonly Entry[];
  readonly records: readonly UsageRecord[];
}

/** A column of a set-based statement: its name, its type, and how a row gives its value. */
type Column<Row> = readonly [
  name: string,
  type: string,
  value: (row: Row) => Parameters<typeof arrayLiteral>[0][number],
];

/** `$2, $3 …` as the columns of `r`. Arrays inside a row travel as text, since unnest would flatten them. */
function unnested<Row>(columns: readonly Column<Row>[]): string {
  const parameters = columns.map(([, type], index) => `$${index + 2}::${type.endsWith('[]') ? 'text' : type}[]`);
  return `unnest(${parameters.join(', ')}) as r(${columns.map(([name]) => name).join(', ')})`;
}

function selected<Row>(columns: readonly Column<Row>[]): string {
  return columns.map(([name, type]) => (type.endsWith('[]') ? `r.${name}::${type}` : `r.${name}`)).join(', ');
}

/** Insertion joins the account (which is locked, so it is there): each table of the statement has its own filter. */
function insertion<Row>(table: string, columns: readonly Column<Row>[]): Record<Scope, { name: string; text: string }> {
  return prepared(
    `insert-${table}`,
    (scope) => `insert into ${table} (${columns.map(([name]) => name).join(', ')})
      select ${selected(columns)} from credit_account a
      join ${unnested(columns)} on r.billing_entity_id = a.billing_entity_id
      where a.billing_entity_id ${isIn(scope)}`,
  );
}

const ENTRY_COLUMNS: readonly Column<Entry>[] = [
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
  ['draw_grant_ids', 'uuid[]', (entry) => entry.draws && drawGrantIds(entry.draws)],
  ['draw_credits', 'bigint[]', (entry) => entry.draws && drawCredits(entry.draws)],
  ['actor', 'text', (entry) => entry.actor],
  ['reason', 'text', (entry) => entry.reason],
  ['idempotency_key', 'text', (entry) => entry.idempotency?.key ?? null],
  ['fingerprint', 'bytea', (entry) => entry.idempotency?.fingerprint ?? null],
  ['created_at', 'timestamptz', (entry) => entry.createdAt],
];
const INSERT_ENTRIES = insertion('ledger_entry', ENTRY_COLUMNS);

const RECORD_COLUMNS: readonly Column<UsageRecord>[] = [
  ['billing_entity_id', 'uuid', (record) => record.billingEntityId],
  ['sequence', 'bigint', (record) => record.sequence],
  ['line', 'smallint', (record) => record.line],
  ['user_id', 'uuid', (record) => record.userId],
  ['billing_mode', 'text', (record) => record.billingMode],
  ['resource', 'text', (record) => record.resource],
  ['quantity', 'bigint', (record) => record.quantity],
  ['credits', 'bigint', (record) => record.credits],
  ['overage', 'bigint', (record) => record.overage],
  ['rate_units', 'bigint', (record) => record.rate.units],
  ['rate_credits', 'bigint', (record) => record.rate.credits],
  ['carried_before', 'text', (record) => formatCarry(record.carriedBefore)],
  ['carried_after', 'text', (record) => formatCarry(record.carriedAfter)],
  ['draw_grant_ids', 'uuid[]', (record) => drawGrantIds(record.draws)],
  ['draw_credits', 'bigint[]', (record) => drawCredits(record.draws)],
  ['metadata', 'jsonb', (record) => record.metadata && JSON.stringify(record.metadata)],
  ['occurred_at', 'timestamptz', (record) => record.occurredAt],
  ['recorded_at', 'timestamptz', (record) => record.recordedAt],
];
const INSERT_RECORDS = insertion('usage_record', RECORD_COLUMNS);

const GRANT_STATE_COLUMNS: readonly Column<Grant>[] = [
  ['billing_entity_id', 'uuid', (grant) => grant.billingEntityId],
  ['id', 'uuid', (grant) => grant.id],
  ['remaining', 'bigint', (grant) => grant.remaining],
  ['state', 'text', (grant) => grant.state],
  ['open', 'boolean', (grant) => grant.state === 'ACTIVE' || grant.state === 'PENDING'],
];
const INSERT_GRANT_COLUMNS: readonly Column<Grant>[] = [
  ...GRANT_STATE_COLUMNS,
  ['source', 'text', (grant) => grant.source],
  ['amount', 'bigint', (grant) => grant.amount],
  ['priority', 'int', (grant) => grant.priority],
  ['effective_at', 'timestamptz', (grant) => grant.effectiveAt],
  ['expires_at', 'timestamptz', (grant) => grant.expiresAt],
  ['reason', 'text', (grant) => grant.reason],
  ['created_at', 'timestamptz', (grant) => grant.createdAt],
];
const INSERT_GRANTS = insertion('credit_grant', INSERT_GRANT_COLUMNS);

const UPDATE_GRANTS = prepared(
  'update-grants',
  (scope) => `update credit_grant g set remaining = r.remaining, state = r.state, open = r.open
    from ${unnested(GRANT_STATE_COLUMNS)}
    where g.billing_entity_id ${isIn(scope)} and g.billing_entity_id = r.billing_entity_id and g.id = r.id`,
);

const ACCOUNT_STATE_COLUMNS: readonly Column<Account>[] = [
  ['billing_entity_id', 'uuid', (account) => account.billingEntityId],
  ['available', 'bigint', (account) => account.available],
  ['held', 'bigint', (account) => account.held],
  ['used', 'bigint', (account) => account.used],
  ['overage', 'bigint', (account) => account.overage],
  ['owed', 'bigint', (account) => account.owed],
  ['version', 'bigint', (account) => account.version],
  ['sequence', 'bigint', (account) => account.sequence],
  ['period_start', 'timestamptz', (account) => account.period.start],
  ['period_end', 'timestamptz', (account) => account.period.end],
  ['carries', 'jsonb', (account) => JSON.stringify(carriesToRow(account.carries))],
  ['trial_given', 'boolean', (account) => account.trialGiven],
  ['touched_at', 'timestamptz', (account) => account.touchedAt],
  ['due_at', 'timestamptz', dueAt],
];
const UPDATE_ACCOUNTS = prepared('update-accounts', (scope) => {
  const assignments = ACCOUNT_STATE_COLUMNS.slice(1).map(([name]) => `${name} = r.${name}`);
  return `update credit_account a set ${assignments.join(', ')}
    from ${unnested(ACCOUNT_STATE_COLUMNS)}
    where a.billing_entity_id ${isIn(scope)} and a.billing_entity_id = r.billing_entity_id`;
});

/**
 * Writes the changes and commits: one round trip. When a statement fails, those behind it fail too and the commit becomes
 * a rollback; the first failure is thrown.
 */
export async function appendAndCommit(client: ClientBase, changes: Changes): Promise<void> {
  const { scope, entities } = scopeOf(changes.accounts.map((account) => account.billingEntityId));
  function write<Row>(statement: ReturnType<typeof prepared>, columns: readonly Column<Row>[], rows: readonly Row[]) {
    if (rows.length === 0) return [];
    return [
      client.query({
        ...statement[scope],
        values: [entities, ...columns.map(([, , value]) => arrayLiteral(rows.map(value)))],
      }),
    ];
  }
  await all([
    ...write(UPDATE_ACCOUNTS, ACCOUNT_STATE_COLUMNS, changes.accounts),
    ...write(INSERT_GRANTS, INSERT_GRANT_COLUMNS, changes.newGrants),
    ...write(UPDATE_GRANTS, GRANT_STATE_COLUMNS, changes.changedGrants),
    ...write(INSERT_ENTRIES, ENTRY_COLUMNS, changes.entries),
    ...write(INSERT_RECORDS, RECORD_COLUMNS, changes.records),
    client.query('commit'),
  ]);
}

// ─────────────────────────────── rows ───────────────────────────────

export interface AccountRow {
  billing_entity_id: string;
  available: bigint;
  held: bigint;
  used: bigint;
  overage: bigint;
  owed: bigint;
  version: bigint;
  sequence: bigint;
  period_start: Date;
  period_end: Date;
  carries: Partial<Record<Resource, string>>;
  trial_given: boolean;
  touched_at: Date;
}

export interface GrantRow {
  billing_entity_id: string;
  id: string;
  source: GrantSource;
  amount: bigint;
  remaining: bigint;
  priority: number;
  state: GrantState;
  effective_at: Date;
  expires_at: Date | null;
  reason: string | null;
  created_at: Date;
}

/** Accounts by id, each with its open grants in drawdown order. */
export function toAccounts(
  accounts: readonly AccountRow[],
  grants: readonly GrantRow[],
  suspended: ReadonlySet<string>,
): Map<string, Account> {
  const grantsOf = Map.groupBy(grants.map(toGrant), (grant) => grant.billingEntityId);
  return new Map(
    accounts.map((row) => {
      const own = grantsOf.get(row.billing_entity_id) ?? [];
      return [
        row.billing_entity_id,
        {
          ...toAccountState(row),
          suspended: suspended.has(row.billing_entity_id),
          grants: own.length > 1 ? own.sort(byDrawdownOrder) : own,
        },
      ];
    }),
  );
}

/** The account's own row, without what other tables hold. */
export function toAccountState(row: AccountRow): Omit<Account, 'grants' | 'suspended'> {
  return {
    billingEntityId: row.billing_entity_id,
    available: row.available,
    held: row.held,
    used: row.used,
    overage: row.overage,
    owed: row.owed,
    version: row.version,
    sequence: row.sequence,
    period: { start: row.period_start, end: row.period_end },
    carries: carriesFromRow(row.carries),
    trialGiven: row.trial_given,
    touchedAt: row.touched_at,
  };
}

export function toGrant(row: GrantRow): Grant {
  return {
    billingEntityId: row.billing_entity_id,
    id: row.id,
    source: row.source,
    amount: row.amount,
    remaining: row.remaining,
    priority: row.priority,
    state: row.state,
    effectiveAt: row.effective_at,
    expiresAt: row.expires_at,
    reason: row.reason,
    createdAt: row.created_at,
  };
}

function carriesToRow(carries: Account['carries']): Partial<Record<Resource, string>> {
  return Object.fromEntries(Object.entries(carries).map(([resource, carry]) => [resource, formatCarry(carry)]));
}

function carriesFromRow(row: Partial<Record<Resource, string>>): Partial<Record<Resource, Carry>> {
  const carries: Partial<Record<Resource, Carry>> = {};
  for (const resource of Object.keys(RATES) as Resource[]) {
    const text = row[resource];
    if (text !== undefined) carries[resource] = parseCarry(text);
  }
  return carries;
}

function drawGrantIds(draws: readonly Draw[]): string {
  return `{${draws.map((draw) => draw.grantId).join(',')}}`;
}

function drawCredits(draws: readonly Draw[]): string {
  return `{${draws.map((draw) => draw.credits).join(',')}}`;
}

/** Waits for every query of a pipeline, then throws the first failure: the ones behind it fail only because it did. */
async function all<const Queries extends readonly Promise<QueryResult>[]>(
  queries: Queries,
): Promise<{ -readonly [Index in keyof Queries]: Awaited<Queries[Index]> }> {
  const settled = await Promise.allSettled(queries);
  for (const result of settled) if (result.status === 'rejected') throw result.reason;
  return settled.map((result) => (result as PromiseFulfilledResult<unknown>).value) as never;
}

/**
 * The ledger's statements, whole. Two scopes of each: `one` account by `= $1` (scalar, 6–26 % faster), `many` by
 * `= ANY($1)`. In both, every table has its own filter on `billing_entity_id`, so that a distributed database
 * runs the statement whole on one shard.
 */
import { hash } from 'node:crypto';
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

/**
 * In id order, so that two batches over the same accounts cannot deadlock. Whether the entity is suspended is as of the
 * statement's beginning, which is after the command came: a suspension that was answered before is seen.
 */
const LOCK = prepared(
  'lock',
  (scope) => `select ${ACCOUNT_COLUMNS}, exists (
      select from billing_entity b
      where b.billing_entity_id ${isIn(scope)} and b.billing_entity_id = a.billing_entity_id and b.suspended_at is not null
    ) as suspended
    from credit_account a where a.billing_entity_id ${isIn(scope)}
    order by a.billing_entity_id for no key update of a`,
);

// The loads are statements of their own and come after the lock: a statement sees what was committed when it began, and
// one that began before the lock was granted would see grants and keys as they were before the other batch.
const GRANTS = prepared(
  'grants',
  (scope) => `select ${GRANT_COLUMNS} from credit_grant g where g.billing_entity_id ${isIn(scope)} and g.open`,
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
  const [, locked, grants, known] = await all([
    client.query('begin'),
    client.query<AccountRow & { suspended: boolean }>({ ...LOCK[scope], values: [entities] }),
    client.query<GrantRow>({ ...GRANTS[scope], values: [entities] }),
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
    accounts: toAccounts(locked.rows, grants.rows),
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

/** Parameters from `$first` on as the columns of `r`. Arrays inside a row travel as text, since unnest would flatten them. */
function unnested<Row>(columns: readonly Column<Row>[], first: number): string {
  const parameters = columns.map(([, type], index) => `$${index + first}::${type.endsWith('[]') ? 'text' : type}[]`);
  return `unnest(${parameters.join(', ')}) as r(${columns.map(([name]) => name).join(', ')})`;
}

function selected<Row>(columns: readonly Column<Row>[]): string {
  return columns.map(([name, type]) => (type.endsWith('[]') ? `r.${name}::${type}` : `r.${name}`)).join(', ');
}

/** One table's share of a write: its rows as parameters, and its clause once it knows where they begin. */
interface Part {
  readonly name: string;
  readonly parameters: readonly string[];
  readonly clause: (scope: Scope, first: number) => string;
}

/** Nothing where there are no rows. */
function part<Row>(
  name: string,
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  clause: (scope: Scope, first: number) => string,
): Part[] {
  if (rows.length === 0) return [];
  return [{ name, parameters: columns.map(([, , value]) => arrayLiteral(rows.map(value))), clause }];
}

/** Insertion joins the account (which is locked, so it is there): each table of the statement has its own filter. */
function insertion<Row>(table: string, columns: readonly Column<Row>[], rows: readonly Row[]): Part[] {
  return part(
    table,
    columns,
    rows,
    (scope, first) => `insert into ${table} (${columns.map(([name]) => name).join(', ')})
      select ${selected(columns)} from credit_account a
      join ${unnested(columns, first)} on r.billing_entity_id = a.billing_entity_id
      where a.billing_entity_id ${isIn(scope)}`,
  );
}

/** Update of rows that are there; `key` names what tells an account's rows apart. */
function update<Row>(table: string, columns: readonly Column<Row>[], rows: readonly Row[], ...key: string[]): Part[] {
  const keys = ['billing_entity_id', ...key];
  const assignments = columns.filter(([name]) => !keys.includes(name)).map(([name]) => `${name} = r.${name}`);
  return part(
    `update-${table}`,
    columns,
    rows,
    (scope, first) => `update ${table} t set ${assignments.join(', ')}
      from ${unnested(columns, first)}
      where t.billing_entity_id ${isIn(scope)} and ${keys.map((name) => `t.${name} = r.${name}`).join(' and ')}`,
  );
}

const statements = new Map<string, string>();

/** One statement out of all parts, prepared by the name of its combination, of which there are few. */
function combined(scope: Scope, parts: readonly Part[]): { name: string; text: string } {
  const name = ['write', scope, ...parts.map((each) => each.name)].join(' ');
  let text = statements.get(name);
  if (text === undefined) {
    let first = 2;
    const clauses = parts.map(({ parameters, clause }) => {
      const sql = clause(scope, first);
      first += parameters.length;
      return sql;
    });
    const ctes = clauses.slice(0, -1).map((sql, index) => `part_${index} as (${sql})`);
    text = `${ctes.length > 0 ? `with ${ctes.join(', ')} ` : ''}${clauses.at(-1)}`;
    statements.set(name, text);
  }
  return { name: hash('md5', name), text };
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
/**
 * Writes the changes and commits: one statement for all tables, since a statement costs a lone command more than its
 * rows do, and one round trip. When it fails the commit behind it becomes a rollback, and the failure is thrown.
 */
export async function appendAndCommit(client: ClientBase, changes: Changes): Promise<void> {
  const { scope, entities } = scopeOf(changes.accounts.map((account) => account.billingEntityId));
  const parts = [
    ...update('credit_account', ACCOUNT_STATE_COLUMNS, changes.accounts),
    ...insertion('credit_grant', INSERT_GRANT_COLUMNS, changes.newGrants),
    ...update('credit_grant', GRANT_STATE_COLUMNS, changes.changedGrants, 'id'),
    ...insertion('ledger_entry', ENTRY_COLUMNS, changes.entries),
    ...insertion('usage_record', RECORD_COLUMNS, changes.records),
  ];
  const values = [entities, ...parts.flatMap((each) => each.parameters)];
  await all([client.query({ ...combined(scope, parts), values }), client.query('commit')]);
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
  accounts: readonly (AccountRow & { readonly suspended: boolean })[],
  grants: readonly GrantRow[],
): Map<string, Account> {
  const grantsOf = Map.groupBy(grants.map(toGrant), (grant) => grant.billingEntityId);
  return new Map(
    accounts.map((row) => {
      const own = grantsOf.get(row.billing_entity_id) ?? [];
      return [
        row.billing_entity_id,
        {
          ...toAccountState(row),
          suspended: row.suspended,
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

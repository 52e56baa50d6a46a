/** The end of a ledger transaction: one statement writes everything that was decided, then it is committed. */
import { hash } from 'node:crypto';
import type { ClientBase } from 'pg';
import { arrayLiteral } from '../../db/array-literal.ts';
import { type Rollup, type RollupPart, rollUpParts } from '../rules/rollup.ts';
import type { Account } from '../rules/account.ts';
import type { Alert, AlertPreferenceChange } from '../rules/alerts.ts';
import { ALERT_WRITTEN, PREFERENCE_CHANGE_WRITTEN, UNDELIVERED_WRITTEN } from './alert-tables.ts';
import { AUDIT_WRITTEN, type AuditRow } from './audit-rows.ts';
import type { Grant } from '../rules/grants.ts';
import type { Reservation } from '../rules/reservations.ts';
import type { CounterChange } from '../rules/spend-limits.ts';
import type { Column } from './table.ts';
import {
  ACCOUNT_WRITTEN,
  COUNTER_WRITTEN,
  DAYS,
  ENTRY_WRITTEN,
  GRANT_UPDATED,
  GRANT_WRITTEN,
  HOURS,
  RECORD_WRITTEN,
  REFUND_WRITTEN,
  REPORT_UPDATED,
  REPORT_WRITTEN,
  RESERVATION_UPDATED,
  RESERVATION_WRITTEN,
  type RollupTable,
  beforeMark,
} from './tables.ts';
import { all, isIn, type Scope, scopeOf } from './statements.ts';
import { UNDELIVERED } from '../rules/delivery.ts';
import type { DeliveredReport, Entry, MeterReport, UsageRecord, UsageRefund } from '../rules/entries.ts';

/** Rows to append, in order, and the states to leave behind. */
export interface Changes {
  readonly accounts: readonly Account[];
  readonly newGrants: readonly Grant[];
  readonly changedGrants: readonly Grant[];
  readonly newReservations: readonly Reservation[];
  readonly changedReservations: readonly Reservation[];
  readonly entries: readonly Entry[];
  readonly records: readonly UsageRecord[];
  readonly refunds: readonly UsageRefund[];
  /** Use of quarter hours, to be added to the sums of hours and to those of days. */
  readonly rollups: readonly Rollup[];
  /** Use to be added to the counters of members and keys. */
  readonly counters: readonly CounterChange[];
  readonly reports: readonly MeterReport[];
  /** Reports of which something new is known. */
  readonly deliveries: readonly DeliveredReport[];
  readonly audited: readonly AuditRow[];
  readonly alerts: readonly Alert[];
  readonly preferenceChanges: readonly AlertPreferenceChange[];
}

/**
 * Writes the changes and commits: one statement for all tables, since a statement costs a lone command more than its
 * rows do, and one round trip. When it fails the commit behind it becomes a rollback, and the failure is thrown.
 */
export async function appendAndCommit(client: ClientBase, changes: Changes): Promise<void> {
  const { accounts, deliveries } = changes;
  const { scope, entities } = scopeOf([...new Set([...accounts, ...deliveries].map((each) => each.billingEntityId))]);
  const parts = [
    ...update('credit_account', ACCOUNT_WRITTEN, accounts),
    ...insertion('credit_grant', GRANT_WRITTEN, changes.newGrants),
    ...update('credit_grant', GRANT_UPDATED, changes.changedGrants, 'id'),
    ...insertion('reservation', RESERVATION_WRITTEN, changes.newReservations),
    ...update('reservation', RESERVATION_UPDATED, changes.changedReservations, 'id'),
    ...insertion('ledger_entry', ENTRY_WRITTEN, changes.entries),
    ...insertion('usage_record', RECORD_WRITTEN, changes.records),
    ...insertion('usage_refund', REFUND_WRITTEN, changes.refunds),
    ...addition(HOURS, changes.rollups),
    ...addition(DAYS, changes.rollups),
    ...counting(changes.counters),
    ...insertion(
      'meter_report',
      REPORT_WRITTEN,
      changes.reports.map((report) => ({ ...report, ...UNDELIVERED })),
    ),
    ...update('meter_report', REPORT_UPDATED, deliveries, 'id'),
    ...insertion('audit_log_entry', AUDIT_WRITTEN, changes.audited),
    ...insertion('alert', ALERT_WRITTEN, changes.alerts),
    ...insertion('undelivered_alert', UNDELIVERED_WRITTEN, changes.alerts),
    ...insertion('alert_preference_change', PREFERENCE_CHANGE_WRITTEN, changes.preferenceChanges),
  ];
  const values = [entities, ...parts.flatMap((each) => each.parameters)];
  await all([client.query({ ...combined(scope, parts), values }), client.query('commit')]);
}

/** One table's share of a write: its rows as parameters, and its clause once it knows where they begin. */
interface Part {
  readonly name: string;
  readonly parameters: readonly string[];
  readonly clause: (scope: Scope, first: number) => string;
}

/** Gives no part of the statement where there are no rows. */
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
function insertion<Row>(
  table: string,
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  onConflict: string = '',
): Part[] {
  return part(
    table,
    columns,
    rows,
    (scope, first) => `insert into ${table} (${columns.map(([name]) => name).join(', ')})
      select ${selected(columns)} from credit_account a
      join ${unnested(columns, first)} on r.billing_entity_id = a.billing_entity_id
      where a.billing_entity_id ${isIn(scope)} ${onConflict}`,
  );
}

/** Adds to sums: a row that is not there begins, one that is there grows, or shrinks by what was refunded. */
function addition(sums: RollupTable, quarters: readonly Rollup[]): Part[] {
  const { table, start, lengthMs, marks } = sums;
  const parts = rollUpParts(quarters, { lengthMs, parts: marks.length + 1 });
  const columns = columnsOfParts(sums);
  const keys = ['billing_entity_id', start, ...sums.names.map(([name]) => name)];
  const added = addedColumns(sums);
  const plus = (change: string): string => added.map(([sum]) => `${sum} = t.${sum} + ${change}.${sum}`).join(', ');
  const selected = `${keys.map((name) => `r.${name}`).join(', ')}, ${added.map(([, value]) => value).join(', ')}`;
  const grouped = `group by ${keys.map((name) => `r.${name}`).join(', ')}`;
  const names = [...keys, ...added.map(([sum]) => sum)];
  return [
    ...part(
      table,
      columns,
      parts.filter(canBegin),
      (scope, first) => `insert into ${table} as t (${names.join(', ')})
        select ${selected} from credit_account a
        join ${unnested(columns, first)} on r.billing_entity_id = a.billing_entity_id
        where a.billing_entity_id ${isIn(scope)} ${grouped}
        on conflict (${keys.join(', ')}) do update set ${plus('excluded')}`,
    ),
    // A table's checks hold for every row that is offered, also where it would only be added: so this is no insertion.
    ...part(
      `subtract-${table}`,
      columns,
      parts.filter((each) => !canBegin(each)),
      (scope, first) => `update ${table} t set ${plus('r')}
        from (select ${keys.map((name) => `r.${name}`).join(', ')}, ${added.map(([sum, value]) => `${value} as ${sum}`).join(', ')}
          from ${unnested(columns, first)} ${grouped}) r
        where t.billing_entity_id ${isIn(scope)} and ${keys.map((name) => `t.${name} = r.${name}`).join(' and ')}`,
    ),
  ];
}

/** The columns in which parts of spans travel: those of the sums, and which part it is. */
function columnsOfParts({ start, names, sums }: RollupTable): Column<RollupPart>[] {
  return [
    ['billing_entity_id', 'uuid', ({ whole }) => whole.billingEntityId],
    [start, 'timestamptz', ({ whole }) => whole.start],
    ['part', 'smallint', ({ index }) => index],
    ...[...names, ...sums].map(([name, type, value]): Column<RollupPart> => [
      name,
      type,
      ({ rollup }) => value(rollup),
    ]),
  ];
}

/** Each sum of a row, and how it comes of the parts: all of them, and those before each mark. */
function addedColumns({ sums, marks }: RollupTable): (readonly [sum: string, value: string])[] {
  const names = sums.map(([name]) => name);
  return [
    ...names.map((sum) => [sum, `sum(r.${sum})`] as const),
    ...marks.flatMap((mark, index) =>
      names.map((sum) => {
        const value = `coalesce(sum(r.${sum}) filter (where r.part <= ${index}), 0)`;
        return [beforeMark(sum, mark), value] as const;
      }),
    ),
  ];
}

/** Counts on: what was used begins again with a new period, what is held goes on. What is let go of was counted before. */
function counting(changes: readonly CounterChange[]): Part[] {
  const plus = (
    change: string,
  ): string => `used = case when t.period_start = ${change}.period_start then t.used else 0 end
      + ${change}.used, held = t.held + ${change}.held, period_start = ${change}.period_start,
      alerted = case when t.period_start = ${change}.period_start then t.alerted else 0 end | ${change}.alerted`;
  const growing = changes.filter(({ used, held }) => used >= 0n && held >= 0n);
  const onConflict = `on conflict (billing_entity_id, scope, subject_id) do update set ${plus('excluded')}`;
  return [
    ...insertion('use_counter as t', COUNTER_WRITTEN, growing, onConflict),
    ...part(
      'subtract-use_counter',
      COUNTER_WRITTEN,
      changes.filter((change) => !growing.includes(change)),
      (scope, first) => `update use_counter t set ${plus('r')}
        from ${unnested(COUNTER_WRITTEN, first)}
        where t.billing_entity_id ${isIn(scope)} and t.billing_entity_id = r.billing_entity_id
          and t.scope = r.scope and t.subject_id = r.subject_id`,
    ),
  ];
}

/** True for sums that may make a row. Sums that refunds lower may not: the row is there that they were added to. */
function canBegin({ whole: { credits, overage, records } }: RollupPart): boolean {
  return credits >= 0n && overage >= 0n && records > 0n;
}

/** Update of rows that are there; `key` names what tells an account's rows apart. */
function update<Row>(table: string, columns: readonly Column<Row>[], rows: readonly Row[], ...key: string[]): Part[] {
  const keys = ['billing_entity_id', ...key];
  const assignments = columns
    .filter(([name]) => !keys.includes(name))
    .map(([name, type]) => `${name} = ${typed(name, type)}`);
  return part(
    `update-${table}`,
    columns,
    rows,
    (scope, first) => `update ${table} t set ${assignments.join(', ')}
      from ${unnested(columns, first)}
      where t.billing_entity_id ${isIn(scope)} and ${keys.map((name) => `t.${name} = r.${name}`).join(' and ')}`,
  );
}

/** Parameters from `$first` on as the columns of `r`. Arrays inside a row travel as text, since unnest would flatten them. */
function unnested<Row>(columns: readonly Column<Row>[], first: number): string {
  const parameters = columns.map(([, type], index) => `$${index + first}::${type.endsWith('[]') ? 'text' : type}[]`);
  return `unnest(${parameters.join(', ')}) as r(${columns.map(([name]) => name).join(', ')})`;
}

function selected<Row>(columns: readonly Column<Row>[]): string {
  return columns.map(([name, type]) => typed(name, type)).join(', ');
}

function typed(name: string, type: string): string {
  return type.endsWith('[]') ? `r.${name}::${type}` : `r.${name}`;
}

const statements = new Map<string, { name: string; text: string }>();

/** One statement out of all parts, prepared by the name of its combination, of which there are few. */
function combined(scope: Scope, parts: readonly Part[]): { name: string; text: string } {
  const name = ['write', scope, ...parts.map((each) => each.name)].join(' ');
  let statement = statements.get(name);
  if (statement === undefined) {
    let first = 2;
    const clauses = parts.map(({ parameters, clause }) => {
      const sql = clause(scope, first);
      first += parameters.length;
      return sql;
    });
    const ctes = clauses.slice(0, -1).map((sql, index) => `part_${index} as (${sql})`);
    const text = `${ctes.length > 0 ? `with ${ctes.join(', ')} ` : ''}${clauses.at(-1)}`;
    statement = { name: hash('md5', name), text };
    statements.set(name, statement);
  }
  return statement;
}

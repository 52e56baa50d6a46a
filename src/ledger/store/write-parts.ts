/**
 * The one statement in which a ledger transaction writes everything: each table has its part, where there are rows for it. A part either
 * writes to all accounts, which are locked, or to those for which a guard held (`append-if-unchanged.ts`).
 */
import { hash } from 'node:crypto';
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
import { isIn, type Scope } from './statements.ts';
import { UNDELIVERED } from '../rules/delivery.ts';
import type { DeliveredReport, Entry, MeterReport, UsageRecord, UsageRefund } from '../rules/entries.ts';

/** Rows to append, in order, and the states to leave behind. */
export interface Changes {
  readonly accounts: readonly Account[];
  /** The stamp that each of these accounts has from now on. */
  readonly stamps: ReadonlyMap<string, string>;
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

/** An account with the stamp that it is written with. */
export interface Stamped {
  readonly account: Account;
  readonly stamp: string;
}

export function stamped({ accounts, stamps }: Changes): Stamped[] {
  return accounts.map((account) => ({ account, stamp: stamps.get(account.billingEntityId) as string }));
}

export const ACCOUNT_STAMPED: readonly Column<Stamped>[] = [
  ...ACCOUNT_WRITTEN.map(([name, type, value]): Column<Stamped> => [name, type, ({ account }) => value(account)]),
  ['stamp', 'uuid', ({ stamp }) => stamp],
];
/** The rows of all tables but the accounts'. */
export function rowsOf(changes: Changes): Part[] {
  return [
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
    ...update('meter_report', REPORT_UPDATED, changes.deliveries, 'id'),
    ...insertion('audit_log_entry', AUDIT_WRITTEN, changes.audited),
    ...insertion('alert', ALERT_WRITTEN, changes.alerts),
    ...insertion('undelivered_alert', UNDELIVERED_WRITTEN, changes.alerts),
    ...insertion('alert_preference_change', PREFERENCE_CHANGE_WRITTEN, changes.preferenceChanges),
  ];
}

/** Where a part stands. */
export interface Place {
  readonly scope: Scope;
  /** true: only accounts for which the guard held are written. */
  readonly isGuarded: boolean;
}

/** One table's share of a write: its rows as parameters, and its clause once it knows where they begin. */
export interface Part {
  readonly name: string;
  readonly parameters: readonly string[];
  readonly clause: (place: Place, first: number) => string;
}

/** Gives no part of the statement where there are no rows. */
export function part<Row>(
  name: string,
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  clause: (place: Place, first: number) => string,
): Part[] {
  if (rows.length === 0) return [];
  return [{ name, parameters: columns.map(([, , value]) => arrayLiteral(rows.map(value))), clause }];
}

/** The accounts that are written, as `a`: they are locked, so they are there. Each table of a statement has its own filter. */
function accountsAt({ scope, isGuarded }: Place): { readonly from: string; readonly where: string } {
  return isGuarded
    ? { from: 'part_guard a', where: 'true' }
    : { from: 'credit_account a', where: `a.billing_entity_id ${isIn(scope)}` };
}

/** Narrows the update of a table `t`. */
function ofWritten({ scope, isGuarded }: Place): string {
  const isWritten = isGuarded
    ? ' and exists (select from part_guard a where a.billing_entity_id = t.billing_entity_id)'
    : '';
  return `t.billing_entity_id ${isIn(scope)}${isWritten}`;
}

function insertion<Row>(
  table: string,
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  onConflict: string = '',
): Part[] {
  return part(table, columns, rows, (place, first) => {
    const { from, where } = accountsAt(place);
    return `insert into ${table} (${columns.map(([name]) => name).join(', ')})
      select ${selected(columns)} from ${from}
      join ${unnested(columns, first)} on r.billing_entity_id = a.billing_entity_id
      where ${where} ${onConflict}`;
  });
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
    ...part(table, columns, parts.filter(canBegin), (place, first) => {
      const { from, where } = accountsAt(place);
      return `insert into ${table} as t (${names.join(', ')})
        select ${selected} from ${from}
        join ${unnested(columns, first)} on r.billing_entity_id = a.billing_entity_id
        where ${where} ${grouped}
        on conflict (${keys.join(', ')}) do update set ${plus('excluded')}`;
    }),
    // A table's checks hold for every row that is offered, also where it would only be added: so this is no insertion.
    ...part(
      `subtract-${table}`,
      columns,
      parts.filter((each) => !canBegin(each)),
      (place, first) => `update ${table} t set ${plus('r')}
        from (select ${keys.map((name) => `r.${name}`).join(', ')}, ${added.map(([sum, value]) => `${value} as ${sum}`).join(', ')}
          from ${unnested(columns, first)} ${grouped}) r
        where ${ofWritten(place)} and ${keys.map((name) => `t.${name} = r.${name}`).join(' and ')}`,
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
      (place, first) => `update use_counter t set ${plus('r')}
        from ${unnested(COUNTER_WRITTEN, first)}
        where ${ofWritten(place)} and t.billing_entity_id = r.billing_entity_id
          and t.scope = r.scope and t.subject_id = r.subject_id`,
    ),
  ];
}

/** True for sums that may make a row. Sums that refunds lower may not: the row is there that they were added to. */
function canBegin({ whole: { credits, overage, records } }: RollupPart): boolean {
  return credits >= 0n && overage >= 0n && records > 0n;
}

/** Update of rows that are there; `key` names what tells an account's rows apart. */
export function update<Row>(
  table: string,
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  ...key: string[]
): Part[] {
  const keys = ['billing_entity_id', ...key];
  const assignments = columns
    .filter(([name]) => !keys.includes(name))
    .map(([name, type]) => `${name} = ${typed(name, type)}`);
  return part(
    `update-${table}`,
    columns,
    rows,
    (place, first) => `update ${table} t set ${assignments.join(', ')}
      from ${unnested(columns, first)}
      where ${ofWritten(place)} and ${keys.map((name) => `t.${name} = r.${name}`).join(' and ')}`,
  );
}

/** Parameters from `$first` on as the columns of `r`. Arrays inside a row travel as text, since unnest would flatten them. */
export function unnested<Row>(columns: readonly Column<Row>[], first: number): string {
  const parameters = columns.map(([, type], index) => `$${index + first}::${type.endsWith('[]') ? 'text' : type}[]`);
  return `unnest(${parameters.join(', ')}) as r(${columns.map(([name]) => name).join(', ')})`;
}

function selected<Row>(columns: readonly Column<Row>[]): string {
  return columns.map(([name, type]) => typed(name, type)).join(', ');
}

export function typed(name: string, type: string): string {
  return type.endsWith('[]') ? `r.${name}::${type}` : `r.${name}`;
}

const statements = new Map<string, { name: string; text: string }>();

/** One statement out of all parts, prepared by the name of its combination, of which there are few. */
export function combined(place: Place, parts: readonly Part[]): { name: string; text: string } {
  const names = parts.map((each) => each.name);
  const name = ['write', place.scope, place.isGuarded ? 'guarded' : 'locked', ...names].join(' ');
  let statement = statements.get(name);
  if (statement === undefined) {
    let first = 2;
    const clauses = parts.map(({ parameters, clause }) => {
      const sql = clause(place, first);
      first += parameters.length;
      return sql;
    });
    const ctes = clauses.slice(0, -1).map((sql, index) => `${nameOfPart(names[index] ?? '', index)} (${sql})`);
    const text = `${ctes.length > 0 ? `with ${ctes.join(', ')} ` : ''}${clauses.at(-1)}`;
    statement = { name: hash('md5', name), text };
    statements.set(name, statement);
  }
  return statement;
}

/** Parts that only read are named by others, and made once. */
function nameOfPart(name: string, index: number): string {
  if (name === 'guard') return 'part_guard as';
  return name === 'keys' || name === 'users' || name === 'locked' ? `part_${name} as materialized` : `part_${index} as`;
}

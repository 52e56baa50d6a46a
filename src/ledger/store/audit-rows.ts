/**
 * Rows of the audit log, which say who changed what by hand. Each is written in the transaction of its change, so that
 * neither is without the other: by the ledger's own transaction for credits, by `writeAuditRow` for everything else.
 * Append-only; a trigger sees to it.
 */
import { v7 as uuidv7 } from 'uuid';
import type { SqlClient } from '../../db/sql-client.ts';
import { entryId, grantId, recordId } from '../../kernel/public-ids.ts';
import type { Account } from '../rules/account.ts';
import { DEFAULT_PREFERENCES, WHOLE } from '../rules/alert-preferences.ts';
import type { AlertPreferencesCommand, Command, PolicyCommand } from '../rules/commands.ts';
import type { Effects } from '../rules/effects.ts';
import type { Entry, UsageRefund } from '../rules/entries.ts';
import { type StoredRow, tableOf } from './table.ts';
import { AuditLogEntryRow } from './audit-log.entity.ts';
import { insertOne } from './insert-one.ts';

/** A change, as the log of the entity that it concerns tells it. */
export interface AuditedChange {
  readonly billingEntityId: string;
  /** The actor: `user:…`, `service:…`, `operator:…` or `system`. */
  readonly actor: string;
  /** `noun.verb`. */
  readonly action: string;
  /** The target: a person as `user:…`, an organization as `organization:…`, or an id. */
  readonly subject: string;
  /** In words of the API, never a secret. null: it was not there. */
  readonly before: Readonly<Record<string, unknown>> | null;
  /** null: it is gone. */
  readonly after: Readonly<Record<string, unknown>> | null;
  readonly reason: string | null;
  readonly createdAt: Date;
}

/** A row of the log. */
export interface AuditRow extends AuditedChange {
  /** Made in order of time. */
  readonly id: string;
}

const AUDIT = tableOf<AuditRow>()(AuditLogEntryRow, {
  alias: 'a',
  write: {
    before: ({ before }) => before && JSON.stringify(before),
    after: ({ after }) => after && JSON.stringify(after),
  },
  read: ({ before, after }) => ({ before, after }),
});
export type StoredAuditRow = StoredRow<typeof AuditLogEntryRow>;
export const AUDIT_COLUMNS = AUDIT.columns;
export const AUDIT_WRITTEN = AUDIT.written;
export const toAuditRow = AUDIT.toRow;

const INSERT = insertOne('audit_log_entry', AUDIT_WRITTEN, ['billing_entity_id', 'id']);

/** The row that tells of a change. */
export function auditRow(change: AuditedChange): AuditRow {
  return { ...change, id: uuidv7() };
}

/** Writes a change down where `client` writes. A statement that runs again, since its answer was lost, finds its own row. */
export async function writeAuditRow(client: SqlClient, change: AuditedChange): Promise<void> {
  await INSERT(client, auditRow(change));
}

/** Makes a row for each account that the command changed. `before` are the accounts as it found them. */
export function auditedOf(
  command: Command,
  { accounts, entries, refunds }: Effects,
  before: ReadonlyMap<string, Account>,
): AuditRow[] {
  return accounts.flatMap((account) => {
    const { billingEntityId } = account;
    if (command.kind === 'policy') return policyChange(command, account, before.get(billingEntityId));
    if (command.kind === 'alertPreferences') return preferencesChange(command, account, before.get(billingEntityId));
    const entry = entries.find((each) => each.billingEntityId === billingEntityId);
    if (entry === undefined) return [];
    return auditRow({
      billingEntityId,
      actor: command.actor,
      action: `credits.${command.kind}`,
      subject: subjectOf(command, entry),
      before: { available: Number(before.get(billingEntityId)?.available ?? 0n) },
      after: { available: Number(account.available), ...detailsOf(command, refunds) },
      reason: entry.reason,
      createdAt: entry.createdAt,
    });
  });
}

/** A change of the overage policy, of which no entry tells. */
function policyChange({ actor }: PolicyCommand, after: Account, before: Account | undefined): AuditRow {
  const { billingEntityId, touchedAt } = after;
  const stateOf = (account: Account | undefined): Record<string, unknown> => {
    const { enabled = false, cap = null } = account?.overagePolicy ?? {};
    return { enabled, cap: cap === null ? null : Number(cap) };
  };
  return auditRow({
    billingEntityId,
    actor,
    action: 'overage.set',
    subject: billingEntityId,
    before: stateOf(before),
    after: stateOf(after),
    reason: null,
    createdAt: touchedAt,
  });
}

/** A change of the alert preferences, of which no entry tells. */
function preferencesChange({ actor }: AlertPreferencesCommand, after: Account, before: Account | undefined): AuditRow {
  const { billingEntityId, touchedAt } = after;
  const stateOf = (account: Account | undefined): Record<string, unknown> => ({
    preferences: (account?.alertPreferences ?? DEFAULT_PREFERENCES).map(({ perMille, remaining, ...preference }) => ({
      ...preference,
      level: perMille === null ? null : perMille / WHOLE,
      remaining: remaining === null ? null : Number(remaining),
    })),
  });
  return auditRow({
    billingEntityId,
    actor,
    action: 'alerts.set',
    subject: billingEntityId,
    before: stateOf(before),
    after: stateOf(after),
    reason: null,
    createdAt: touchedAt,
  });
}

/** The target of a command: a grant, a record, the account on the other side; else the entry of the ledger. */
function subjectOf(command: Command, entry: Entry): string {
  const { billingEntityId } = command;
  if (command.kind === 'grant') return grantId(billingEntityId, command.grantId);
  if (command.kind === 'refund') return recordId(billingEntityId, command.record.sequence, command.record.line);
  if (command.kind === 'transfer' && entry.counterpartyId !== null) return entry.counterpartyId;
  return entryId(entry.billingEntityId, entry.sequence);
}

/** The parts of a command that the log keeps besides the balance. */
function detailsOf(command: Command, refunds: readonly UsageRefund[]): Record<string, unknown> {
  if (command.kind === 'grant') {
    const { amount, source, priority, effectiveAt, expiresAt } = command;
    return { amount: Number(amount), source, priority, effectiveAt, expiresAt };
  }
  const [refund] = refunds;
  if (refund !== undefined) return { credits: Number(refund.credits) };
  return command.kind === 'adjust' || command.kind === 'transfer' ? { amount: Number(command.amount) } : {};
}

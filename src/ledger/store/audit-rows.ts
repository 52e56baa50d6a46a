/** What the audit log says of credits that somebody moved by hand: written by the ledger transaction itself, so that neither is without the other. */
import type { Effects } from '../rules/effects.ts';
import { v7 as uuidv7 } from 'uuid';
import { entryId, grantId, recordId } from '../../kernel/public-ids.ts';
import type { Account } from '../rules/account.ts';
import type { Command, PolicyCommand } from '../rules/commands.ts';
import type { Column } from './columns.ts';
import type { Entry } from '../rules/entries.ts';

/** One row of an account's audit log. */
export interface AuditedChange {
  readonly billingEntityId: string;
  readonly id: string;
  readonly actor: string;
  readonly action: string;
  readonly subject: string;
  readonly before: Readonly<Record<string, unknown>>;
  readonly after: Readonly<Record<string, unknown>>;
  readonly reason: string | null;
  readonly createdAt: Date;
}

export const AUDIT_WRITTEN: readonly Column<AuditedChange>[] = [
  ['billing_entity_id', 'uuid', (change) => change.billingEntityId],
  ['id', 'uuid', (change) => change.id],
  ['actor', 'text', (change) => change.actor],
  ['action', 'text', (change) => change.action],
  ['subject', 'text', (change) => change.subject],
  ['before', 'json', (change) => JSON.stringify(change.before)],
  ['after', 'json', (change) => JSON.stringify(change.after)],
  ['reason', 'text', (change) => change.reason],
  ['created_at', 'timestamptz', (change) => change.createdAt],
];

/** A row for each account that the command changed. `before` are the accounts as it found them. */
export function auditedOf(
  command: Command,
  { accounts, entries }: Effects,
  before: ReadonlyMap<string, Account>,
): AuditedChange[] {
  return accounts.flatMap((account) => {
    const { billingEntityId } = account;
    if (command.kind === 'policy') return policyChange(command, account, before.get(billingEntityId));
    const entry = entries.find((each) => each.billingEntityId === billingEntityId);
    if (entry === undefined) return [];
    return {
      billingEntityId,
      id: uuidv7(),
      actor: command.actor,
      action: `credits.${command.kind}`,
      subject: subjectOf(command, entry),
      before: { available: Number(before.get(billingEntityId)?.available ?? 0n) },
      after: { available: Number(account.available), ...termsOf(command) },
      reason: entry.reason,
      createdAt: entry.createdAt,
    };
  });
}

/** Terms of which no entry tells. */
function policyChange({ actor }: PolicyCommand, after: Account, before: Account | undefined): AuditedChange {
  const { billingEntityId, touchedAt } = after;
  const stateOf = (account: Account | undefined): Record<string, unknown> => {
    const { enabled = false, cap = null } = account?.overagePolicy ?? {};
    return { enabled, cap: cap === null ? null : Number(cap) };
  };
  return {
    billingEntityId,
    id: uuidv7(),
    actor,
    action: 'overage.set',
    subject: billingEntityId,
    before: stateOf(before),
    after: stateOf(after),
    reason: null,
    createdAt: touchedAt,
  };
}

/** The grant, the record, the account on the other side; else the entry of the ledger. */
function subjectOf(command: Command, entry: Entry): string {
  const { billingEntityId } = command;
  if (command.kind === 'grant') return grantId(billingEntityId, command.grantId);
  if (command.kind === 'refund') return recordId(billingEntityId, command.record.sequence, command.record.line);
  if (command.kind === 'transfer' && entry.counterpartyId !== null) return entry.counterpartyId;
  return entryId(entry.billingEntityId, entry.sequence);
}

function termsOf(command: Command): Record<string, unknown> {
  if (command.kind === 'grant') {
    const { amount, source, priority, effectiveAt, expiresAt } = command;
    return { amount: Number(amount), source, priority, effectiveAt, expiresAt };
  }
  return command.kind === 'adjust' || command.kind === 'transfer' ? { amount: Number(command.amount) } : {};
}

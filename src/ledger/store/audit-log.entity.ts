import { defineEntity, p } from '@mikro-orm/core';

/** The one description of the audit log. */
export const AuditLogEntryRow = defineEntity({
  name: 'AuditLogEntry',
  tableName: 'audit_log_entry',
  properties: {
    billingEntityId: p.uuid().primary(),
    id: p.uuid().primary(),
    actor: p.text(),
    action: p.text(),
    subject: p.text(),
    before: p.json().$type<Record<string, unknown> | null>().columnType('json').strictNullable(),
    after: p.json().$type<Record<string, unknown> | null>().columnType('json').strictNullable(),
    reason: p.text().strictNullable(),
    createdAt: p.datetime(3),
  },
});

import { defineEntity, p } from '@mikro-orm/core';

/** What administrators did to an entity. Append-only. */
export const AuditLogEntryRow = defineEntity({
  name: 'AuditLogEntry',
  tableName: 'audit_log_entry',
  properties: {
    billingEntityId: p.uuid().primary(),
    id: p.uuid().primary(),
    actor: p.text(),
    action: p.text(),
    subject: p.text(),
    before: p.json().columnType('json').strictNullable(),
    after: p.json().columnType('json').strictNullable(),
    reason: p.text().strictNullable(),
    createdAt: p.datetime(3),
  },
});

import { defineEntity, p } from '@mikro-orm/core';

/** Links to files that were made and not yet swept away, so that migrations are checked against them. Written by `export-links.ts`. */
export const ExportLinkRow = defineEntity({
  name: 'ExportLink',
  tableName: 'export_link',
  properties: {
    billingEntityId: p.uuid().primary(),
    id: p.uuid().primary(),
    secretHash: p.blob(),
    kind: p.text(),
    filter: p.json().columnType('json'),
    principalKind: p.text(),
    principalSubject: p.text(),
    principalEntityId: p.uuid().strictNullable(),
    createdAt: p.datetime(3),
    expiresAt: p.datetime(3),
    usedAt: p.datetime(3).strictNullable(),
  },
  checks: [
    { name: 'export_link_kind_known', expression: "kind in ('USAGE', 'LEDGER')" },
    {
      name: 'export_link_users_are_entities',
      expression: "(principal_kind = 'USER') = (principal_entity_id is not null)",
    },
    { name: 'export_link_expires_after_creation', expression: 'expires_at > created_at' },
  ],
});

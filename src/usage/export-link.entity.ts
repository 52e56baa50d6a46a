import { defineEntity, type InferEntity, p } from '@mikro-orm/core';

/** A filter as JSON keeps it: its instants are text. */
export interface StoredFilter {
  readonly from: string | null;
  readonly to: string | null;
  /** Absent from filters of the ledger, and from those of an earlier release. */
  readonly recordedFrom?: string | null;
  readonly recordedTo?: string | null;
}

/** Links to files that were made and not yet swept away. */
export const ExportLinkRow = defineEntity({
  name: 'ExportLink',
  tableName: 'export_link',
  properties: {
    billingEntityId: p.uuid().primary(),
    id: p.uuid().primary(),
    secretHash: p.blob().$type<Buffer>().lazy(),
    kind: p.text().$type<'USAGE' | 'LEDGER'>(),
    filter: p.json().$type<StoredFilter>().columnType('json'),
    principalKind: p.text().$type<'USER' | 'SERVICE' | 'OPERATOR' | 'API_KEY'>(),
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

export type StoredExportLink = Omit<InferEntity<typeof ExportLinkRow>, 'secretHash'>;

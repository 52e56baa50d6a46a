import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import type { FindingKind } from './findings.ts';

/** A finding about an entity's subscription, as it was last looked at. */
export const SubscriptionFindingRow = defineEntity({
  name: 'SubscriptionFinding',
  tableName: 'subscription_finding',
  properties: {
    billingEntityId: p.uuid().primary(),
    kind: p.text().$type<FindingKind>().primary(),
    subject: p.text().primary(),
    reason: p.text(),
    since: p.datetime(3),
  },
});

export type SubscriptionFinding = InferEntity<typeof SubscriptionFindingRow>;

/** Usage records, as far as a caller may read them. */
import type { BillingEntity } from '../../billing-entities/billing-entity.entity.ts';
import type { UsageRecord } from '../../ledger/rules/entries.ts';
import { isReadable, readableUse } from '../request/authorization.ts';
import type { RequestContext } from '../request/context.ts';

/**
 * True when the caller, who sees the entity, finds this record in its history. A record is found in its payer, and in the
 * organization where its user paid themselves.
 */
export async function isReadableRecord(
  context: RequestContext,
  entity: BillingEntity,
  record: UsageRecord,
): Promise<boolean> {
  const { billingEntityId } = entity;
  if (record.billingEntityId !== billingEntityId && record.organizationId !== billingEntityId) return false;
  return isReadable(record, await readableUse(context, entity));
}

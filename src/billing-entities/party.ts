import type { BillingEntity } from './billing-entity.entity.ts';

/** The public view of a billing entity, which anybody may see who sees its id. */
export interface Party extends Pick<BillingEntity, 'type' | 'externalId' | 'name'> {
  readonly id: string;
}

export function toParty({ billingEntityId: id, type, externalId, name }: BillingEntity): Party {
  return { id, type, externalId, name };
}

import type { RequestContext } from './context.ts';
import type { Party } from './billing-entity.type.ts';

/** A billing entity by id, as others may name it. */
export async function partyOf(billingEntityId: string, { loaders }: RequestContext): Promise<Party> {
  const entity = await loaders.entity.load(billingEntityId);
  if (entity === null) throw new Error(`billing entity ${billingEntityId} is missing`);
  return { id: entity.billingEntityId, type: entity.type, externalId: entity.externalId, name: entity.name };
}

import type { RequestContext } from '../request/context.ts';
import type { Party } from './party.type.ts';

/** A billing entity by id, as others may name it. */
export async function partyOf(billingEntityId: string, { loaders }: RequestContext): Promise<Party> {
  const entity = await loaders.entity.load(billingEntityId);
  if (entity === null) throw new Error(`billing entity ${billingEntityId} is missing`);
  return { id: entity.billingEntityId, type: entity.type, externalId: entity.externalId, name: entity.name };
}

/** Those of these billing entities that are somebody, each once. */
export async function partiesOf(
  ids: readonly (string | null)[],
  context: RequestContext,
): Promise<ReadonlyMap<string, Party>> {
  const somebody = [...new Set(ids)].filter((id) => id !== null);
  return new Map(await Promise.all(somebody.map(async (id) => [id, await partyOf(id, context)] as const)));
}

import { toParty } from '../../billing-entities/party.ts';
import type { RequestContext } from '../request/context.ts';
import type { Party } from './party.type.ts';

/** The public view of the billing entity with this id. */
export async function partyOf(billingEntityId: string, { loaders }: RequestContext): Promise<Party> {
  const entity = await loaders.entity.load(billingEntityId);
  if (entity === null) throw new Error(`billing entity ${billingEntityId} is missing`);
  return toParty(entity);
}

/** The parties of these ids, each loaded once; null ids are left out. */
export async function partiesOf(
  ids: readonly (string | null)[],
  context: RequestContext,
): Promise<ReadonlyMap<string, Party>> {
  const somebody = [...new Set(ids)].filter((id) => id !== null);
  return new Map(await Promise.all(somebody.map(async (id) => [id, await partyOf(id, context)] as const)));
}

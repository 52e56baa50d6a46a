/** Who may see and administer keys: whoever the billing entity is, and operators. */
import { readsAll } from '../billing-entities/access.ts';
import type { BillingEntity } from '../billing-entities/billing-entity.entity.ts';
import type { Principal } from '../billing-entities/principal.ts';
import type { ApiKey } from '../api-keys/api-key.ts';
import type { ApiKeyRef } from '../credits/account.ts';
import type { RequestContext } from './context.ts';

export function mayManageKeys(principal: Principal, entity: BillingEntity): boolean {
  return readsAll(principal, entity);
}

export function mayReadKeys(principal: Principal, entity: BillingEntity): boolean {
  return readsAll(principal, entity);
}

/**
 * The key that use ran on, as far as the caller may know it: services name keys with use, and a key knows itself; of
 * everybody else's keys only that there was one would be news.
 */
export async function keyOfUse(ref: ApiKeyRef | null, { principal, loaders }: RequestContext): Promise<ApiKey | null> {
  if (ref === null || principal === null) return null;
  const mayKnow =
    principal.kind === 'SERVICE' ||
    (principal.kind === 'API_KEY' && principal.apiKeyId === ref.id) ||
    (await ownsKey(principal, ref, loaders));
  return mayKnow ? loaders.apiKey.load(ref) : null;
}

/** Those of these keys that the caller may know, each asked for once; by their ids. */
export async function keysOfUse(
  refs: readonly (ApiKeyRef | null)[],
  context: RequestContext,
): Promise<ReadonlyMap<string, ApiKey | null>> {
  const named = new Map(refs.flatMap((ref) => (ref === null ? [] : [[ref.id, ref] as const])));
  const keys = [...named.values()].map(async (ref) => [ref.id, await keyOfUse(ref, context)] as const);
  return new Map(await Promise.all(keys));
}

async function ownsKey(
  principal: Principal,
  { billingEntityId }: ApiKeyRef,
  loaders: RequestContext['loaders'],
): Promise<boolean> {
  const owner = await loaders.entity.load(billingEntityId);
  return owner !== null && mayReadKeys(principal, owner);
}

/** Which keys of use a caller may know. */
import type { ApiKey } from '../../api-keys/api-key.ts';
import type { ApiKeyRef } from '../../ledger/rules/attribution.ts';
import { mayOf } from '../request/authorization.ts';
import type { RequestContext } from '../request/context.ts';

/**
 * The key that use ran on, as far as the caller may know it: services name keys with use, and a key knows itself; of
 * everybody else's keys only that there was one would be news.
 */
export async function keyOfUse(ref: ApiKeyRef | null, context: RequestContext): Promise<ApiKey | null> {
  const { principal, loaders } = context;
  if (ref === null || principal === null) return null;
  const mayKnow =
    principal.kind === 'SERVICE' ||
    (principal.kind === 'API_KEY' && principal.apiKeyId === ref.id) ||
    (await mayOf(context, ref, 'apiKeys.read'));
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

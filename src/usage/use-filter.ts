import { NIL_UUID } from '../kernel/nil-uuid.ts';
import type { Conditions } from '../db/where.ts';
import type { Database } from '../db/database.ts';
import { parseApiKeyId } from '../kernel/public-ids.ts';
import type { Resource } from '../plans/rates.ts';
import { isStorableText } from '../kernel/text.ts';
import type { BillingMode } from '../ledger/rules/attribution.ts';
import { isModelName } from '../ledger/rules/model-names.ts';

/** Conditions that must all hold; null: no condition. One item of a list is enough. */
export interface UseFilter {
  readonly resources: readonly Resource[] | null;
  readonly userExternalIds: readonly string[] | null;
  readonly billingModes: readonly BillingMode[] | null;
  readonly features: readonly string[] | null;
  /** Public ids of keys. */
  readonly apiKeyIds: readonly string[] | null;
  readonly organizationExternalIds: readonly string[] | null;
  /** Names of models. Use without a model fits none. */
  readonly models: readonly string[] | null;
  /** The only use that the caller may read, whatever the filter asks for; absent or null: all of it. */
  readonly own?: OwnUse | null;
}

/** The use that is a caller's own: a person's what they used, a key's what ran on it. Ids are the tables' own. */
export type OwnUse = { readonly userId: string } | { readonly apiKeyId: string };

/** The owner of the use: what they paid for, and for an organization also what its people paid for there themselves. */
export interface UseOf {
  readonly billingEntityId: string;
  readonly type: 'USER' | 'ORGANIZATION';
}

/** A filter in the tables' own ids. No list is empty. */
export interface Selection {
  readonly resources: readonly Resource[] | null;
  readonly userIds: readonly string[] | null;
  readonly billingModes: readonly BillingMode[] | null;
  readonly features: readonly string[] | null;
  readonly apiKeyIds: readonly string[] | null;
  readonly organizationIds: readonly string[] | null;
  readonly models: readonly string[] | null;
}

/** The selection of a filter; null when nothing can fit it, because its names do not exist. */
export async function selectionOf(filter: UseFilter, database: Database): Promise<Selection | null> {
  const { resources, userExternalIds, billingModes, own = null } = filter;
  // Sums store «no feature» as an empty text, which is the name of none.
  const features = filter.features?.filter((name) => name !== '' && isStorableText(name)) ?? null;
  const named = userExternalIds && (await findIds('USER', userExternalIds, database));
  const userIds = own !== null && 'userId' in own ? onlyOf(named, own.userId) : named;
  const organizationIds =
    filter.organizationExternalIds && (await findIds('ORGANIZATION', filter.organizationExternalIds, database));
  const namedKeys = filter.apiKeyIds && filter.apiKeyIds.flatMap(toKeyId);
  const apiKeyIds = own !== null && 'apiKeyId' in own ? onlyOf(namedKeys, own.apiKeyId) : namedKeys;
  // Sums store «no model» and «further models» as texts that are no names.
  const models = filter.models?.filter(isModelName) ?? null;
  const selection = { resources, userIds, billingModes, features, apiKeyIds, organizationIds, models };
  return Object.values(selection).some((list) => list?.length === 0) ? null : selection;
}

/** The one id that may be read, if it is among those that are named; null names all. */
function onlyOf(named: readonly string[] | null, id: string): readonly string[] {
  return named === null || named.includes(id) ? [id] : [];
}

/** Adds what was selected to the conditions on a table or its alias. */
export function addSelection(where: Conditions, table: string, selection: Selection): void {
  const { resources, userIds, billingModes, features, apiKeyIds, organizationIds, models } = selection;
  if (resources) where.isOneOf(`${table}.resource`, resources);
  if (userIds) where.isOneOf(`${table}.user_id`, userIds);
  if (billingModes) where.isOneOf(`${table}.billing_mode`, billingModes);
  if (features) where.isOneOf(`${table}.feature`, features);
  if (apiKeyIds) where.isOneOf(`${table}.api_key_id`, apiKeyIds);
  if (organizationIds) where.isOneOf(`${table}.organization_id`, organizationIds);
  if (models) where.isOneOf(`${table}.model`, models);
}

/** Sums of what an organization's people paid there themselves, in the words of the index that finds them. */
export function othersIn(table: string, organizationId: string): string {
  return `${table}.organization_id = ${organizationId}
    and ${table}.organization_id not in (${table}.billing_entity_id, '${NIL_UUID}')`;
}

/** The key that a public id names; a malformed id names none. */
function toKeyId(publicId: string): string[] {
  try {
    return [parseApiKeyId(publicId).id];
  } catch {
    return [];
  }
}

/** The entities with these external ids, resolved in the directory by a statement of its own. */
async function findIds(
  namespace: UseOf['type'],
  externalIds: readonly string[],
  database: Database,
): Promise<string[]> {
  const { rows } = await database.query<{ billing_entity_id: string }>(
    `select billing_entity_id from entity_key where namespace = $1 and key = any($2::text[])`,
    [namespace, externalIds.filter(isStorableText)],
  );
  return rows.map((row) => row.billing_entity_id);
}

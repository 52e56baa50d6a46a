/** Whose use, and of what: the conditions that records and their sums have in common. */
import type { BillingMode } from '../credits/account.ts';
import type { Conditions } from '../db/conditions.ts';
import type { Database } from '../db/database.ts';
import type { Resource } from '../plans/rates.ts';
import { isStorableText } from '../storable-text.ts';

/** Conditions that hold together; null: any. Of a list, each may hold. */
export interface UseFilter {
  readonly resources: readonly Resource[] | null;
  readonly userExternalIds: readonly string[] | null;
  readonly billingModes: readonly BillingMode[] | null;
  readonly features: readonly string[] | null;
  /** Only this person's, whoever else is asked for: what the caller may read. */
  readonly onlyUserId?: string | null;
}

/** A filter in the tables' own words. No list is empty. */
export interface Selection {
  readonly resources: readonly Resource[] | null;
  readonly userIds: readonly string[] | null;
  readonly billingModes: readonly BillingMode[] | null;
  readonly features: readonly string[] | null;
}

/** What the filter selects; null when nothing can fit it: names that nobody has fit nothing. */
export async function selectionOf(filter: UseFilter, database: Database): Promise<Selection | null> {
  const { resources, userExternalIds, billingModes, onlyUserId = null } = filter;
  // An empty text is how sums say «no feature»; nothing is named so.
  const features = filter.features?.filter((name) => name !== '' && isStorableText(name)) ?? null;
  const named = userExternalIds && (await findUserIds(userExternalIds, database));
  const userIds = onlyUserId === null ? named : named === null || named.includes(onlyUserId) ? [onlyUserId] : [];
  const lists = [resources, userIds, billingModes, features];
  return lists.some((list) => list?.length === 0) ? null : { resources, userIds, billingModes, features };
}

/** Adds what was selected to the conditions on a table or its alias. */
export function addSelection(where: Conditions, table: string, selection: Selection): void {
  const { resources, userIds, billingModes, features } = selection;
  if (resources) where.isOneOf(`${table}.resource`, resources);
  if (userIds) where.isOneOf(`${table}.user_id`, userIds);
  if (billingModes) where.isOneOf(`${table}.billing_mode`, billingModes);
  if (features) where.isOneOf(`${table}.feature`, features);
}

/** Persons by their external ids, resolved in the directory first and by itself. */
async function findUserIds(externalIds: readonly string[], database: Database): Promise<string[]> {
  const { rows } = await database.query<{ billing_entity_id: string }>(
    `select billing_entity_id from entity_key where namespace = 'USER' and key = any($1::text[])`,
    [externalIds.filter(isStorableText)],
  );
  return rows.map((row) => row.billing_entity_id);
}

import type { UsageDimension, UsageSummaryFilter } from '../../gql/graphql.ts';
import type { UsageSearch } from './search.ts';

/** The filters of the address, by the API's own names. */
export const FILTERS = [
  ...(['models', 'userExternalIds', 'apiKeyIds', 'features', 'resources', 'billingModes'] as const),
  'organizationExternalIds',
] as const;

export type FilterName = (typeof FILTERS)[number];

/** The filter that narrows to one group of a dimension. */
export const FILTER_OF: Record<UsageDimension, FilterName> = {
  MODEL: 'models',
  USER: 'userExternalIds',
  API_KEY: 'apiKeyIds',
  FEATURE: 'features',
  RESOURCE: 'resources',
  BILLING_MODE: 'billingModes',
  ORGANIZATION: 'organizationExternalIds',
};

/** What summary, list and export are all filtered by, so that their figures agree. */
export function filterOf(search: UsageSearch): UsageSummaryFilter {
  const set = FILTERS.filter((name) => search[name] !== undefined).map((name) => [name, search[name]] as const);
  return Object.fromEntries(set);
}

/** The search with one more value in a filter; nothing twice. */
export function withFilter(search: UsageSearch, name: FilterName, value: string): UsageSearch {
  const values = [...new Set([...(search[name] ?? []), value])];
  return { ...search, [name]: values };
}

/** The search without one value of a filter. */
export function withoutFilter(search: UsageSearch, name: FilterName, value: string): UsageSearch {
  const values = (search[name] ?? []).filter((other) => other !== value);
  return { ...search, [name]: values.length === 0 ? undefined : values };
}

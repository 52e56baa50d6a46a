import { day, flag, list, oneOf, word } from '../../ui/address.ts';

const RESOURCES = ['AI_TOKENS', 'COMPUTE'] as const;
/** What use is grouped by. By organization only on a person’s own account: all use of an organization is its own. */
export const GROUPS = ['MODEL', 'USER', 'API_KEY', 'FEATURE', 'RESOURCE', 'BILLING_MODE', 'ORGANIZATION'] as const;
const MODES = ['FULL', 'COMPUTE_ONLY'] as const;

/** The search parameters of the page of usage. */
export type UsageSearch = Partial<ReturnType<typeof readAll>>;

/** Reads them; what is absent is left out of the object as well, so that addresses stay short. */
export function readUsageSearch(search: Record<string, unknown>): UsageSearch {
  return Object.fromEntries(Object.entries(readAll(search)).filter(([, value]) => value !== undefined));
}

function readAll(search: Record<string, unknown>) {
  return {
    range: oneOf(search['range'], ['7d', '30d', '90d', 'period', 'custom']),
    from: day(search['from']),
    to: day(search['to']),
    interval: oneOf(search['interval'], ['DAY', 'HOUR']),
    group: oneOf(search['group'], GROUPS),
    sort: oneOf(search['sort'], ['start', 'credits', 'records']),
    down: flag(search['down']),
    models: list(search['models'], word),
    features: list(search['features'], word),
    resources: list(search['resources'], (value) => oneOf(value, RESOURCES)),
    billingModes: list(search['billingModes'], (value) => oneOf(value, MODES)),
    apiKeyIds: list(search['apiKeyIds'], word),
    userExternalIds: list(search['userExternalIds'], word),
    organizationExternalIds: list(search['organizationExternalIds'], word),
    /** The record whose receipt is open. */
    record: word(search['record']),
  };
}

/** Use in a public organization, which its user paid for. The organization's own account never says that there was any. */
import type { UsageRecord } from './entries.ts';

/** The public organizations in which these records are use: those that did not pay for it themselves. */
export function publicOrganizationsOf(records: readonly UsageRecord[]): string[] {
  const found = new Set<string>();
  for (const { organizationId, billingEntityId } of records) {
    if (organizationId !== null && organizationId !== billingEntityId) found.add(organizationId);
  }
  return [...found];
}

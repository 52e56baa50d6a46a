/** Use in a public organization, which its user paid for. The organization's own account never says that there was any. */
import type { UsageRecord } from './entries.ts';

/** New records of one user, in one organization, on one key or on none: what one transaction added to the user's account. */
export interface PublicUse {
  readonly organizationId: string;
  /** The user, who paid. */
  readonly billingEntityId: string;
  /** null: on no key. */
  readonly apiKeyId: string | null;
  /** Their entries come after this sequence. */
  readonly after: bigint;
  /** The sequence of the last of their entries. */
  readonly through: bigint;
  readonly records: bigint;
}

/** The use to hear of: in one public organization, on one key or on any and none. */
export interface PublicUseOf {
  readonly organizationId: string;
  /** null: all use, whatever key it ran on. */
  readonly apiKeyId: string | null;
}

/** The use in public organizations among the records of a transaction. */
export function publicUseAmong(records: readonly UsageRecord[]): PublicUse[] {
  const found = new Map<string, PublicUse>();
  for (const { organizationId, billingEntityId, apiKey, sequence } of records) {
    if (organizationId === null || organizationId === billingEntityId) continue;
    const apiKeyId = apiKey?.id ?? null;
    const name = `${organizationId} ${billingEntityId} ${apiKeyId ?? ''}`;
    // An account's records come in the order of its entries.
    const { after, records: before } = found.get(name) ?? { after: sequence - 1n, records: 0n };
    found.set(name, { organizationId, billingEntityId, apiKeyId, after, through: sequence, records: before + 1n });
  }
  return [...found.values()];
}

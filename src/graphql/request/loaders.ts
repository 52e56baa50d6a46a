import DataLoader from 'dataloader';
import type { WebhookEndpoint } from '../../alerts/webhooks/endpoints.ts';
import type { ApiKey } from '../../api-keys/api-key.ts';
import type { AuditLogEntry } from '../../billing-entities/audit-log.ts';
import type { BillingEntity } from '../../billing-entities/billing-entity.entity.ts';
import type { MembershipKey, MemberUse, PublicMembershipKey } from '../../billing-entities/member-use.ts';
import type { Membership } from '../../billing-entities/membership.entity.ts';
import type { ApiKeyRef } from '../../ledger/rules/attribution.ts';
import type { AlertPreference } from '../../ledger/rules/alert-preferences.ts';
import type { Balance } from '../../ledger/rules/balance.ts';
import type { Entry, UsageRecord } from '../../ledger/rules/entries.ts';
import type { Grant } from '../../ledger/rules/grants.ts';
import type { Reservation } from '../../ledger/rules/reservations.ts';
import type { DomainServices } from '../../services.ts';
import type { PlanState } from '../../subscriptions/plan-state.ts';
import type { RecordRefund } from '../../usage/usage-history.ts';
import { PageLoaders } from './page-loaders.ts';

/**
 * Loaders that live for one operation, each made when first used. A list of any length costs one statement for each kind
 * of thing that it leads to.
 */
export class Loaders {
  /** Its reads wait for the caller's turn. */
  readonly #services: DomainServices;
  /** Reads that are folded with those of all other callers take no turns: however many ask, there are few statements. */
  readonly #folded: DomainServices;
  #pages: PageLoaders | undefined;
  #entity: DataLoader<string, BillingEntity | null> | undefined;
  #alertEmails: DataLoader<string, string[]> | undefined;
  #alertPreferences: DataLoader<string, readonly AlertPreference[]> | undefined;
  #apiKey: DataLoader<ApiKeyRef, ApiKey | null, string> | undefined;
  #usedByApiKey: DataLoader<ApiKeyRef, bigint, string> | undefined;
  #balance: DataLoader<string, Balance | null> | undefined;
  #planState: DataLoader<string, PlanState | null> | undefined;
  #membership: DataLoader<MembershipKey, Membership | null, string> | undefined;
  #memberUse: DataLoader<MembershipKey, MemberUse, string> | undefined;
  #namedMembership: DataLoader<PublicMembershipKey, Membership | null, string> | undefined;
  #auditLogEntry: DataLoader<AuditLogEntryKey, AuditLogEntry | null, string> | undefined;
  #grant: DataLoader<GrantKey, Grant | null, string> | undefined;
  #entry: DataLoader<EntryKey, Entry | null, string> | undefined;
  #reservation: DataLoader<ReservationKey, Reservation | null, string> | undefined;
  #refund: DataLoader<UsageRecordKey, RecordRefund | null, string> | undefined;
  #recordsOfEntry: DataLoader<EntryKey, UsageRecord[], string> | undefined;
  #webhookEndpoint: DataLoader<string, WebhookEndpoint | null> | undefined;

  constructor(services: DomainServices, folded = services) {
    this.#services = services;
    this.#folded = folded;
  }

  /** Loaders of pages: the same page of several entities is read together. */
  get pages(): PageLoaders {
    return (this.#pages ??= new PageLoaders(this.#services));
  }

  /** The domain, for reads that need no loader; each call waits for the caller's turn. */
  get reads(): DomainServices {
    return this.#services;
  }

  get entity(): DataLoader<string, BillingEntity | null> {
    return (this.#entity ??= new DataLoader(async (ids) => {
      const found = await this.#folded.entities.byIds(ids);
      return ids.map((id) => found.get(id) ?? null);
    }));
  }

  get alertEmails(): DataLoader<string, string[]> {
    return (this.#alertEmails ??= new DataLoader(async (ids) => {
      const lists = await this.#services.alertAddresses.lists(ids);
      return lists.map((list) => list.map(({ address }) => address));
    }));
  }

  get alertPreferences(): DataLoader<string, readonly AlertPreference[]> {
    return (this.#alertPreferences ??= new DataLoader((ids) => this.#services.alertPreferences.lists(ids)));
  }

  get apiKey(): DataLoader<ApiKeyRef, ApiKey | null, string> {
    return (this.#apiKey ??= new DataLoader((refs) => this.#services.apiKeys.byRefs(refs), {
      cacheKeyFn: ({ billingEntityId, id }) => `${billingEntityId} ${id}`,
    }));
  }

  get usedByApiKey(): DataLoader<ApiKeyRef, bigint, string> {
    return (this.#usedByApiKey ??= new DataLoader((refs) => this.#services.apiKeys.usedThisPeriod(refs), {
      cacheKeyFn: ({ billingEntityId, id }) => `${billingEntityId} ${id}`,
    }));
  }

  get balance(): DataLoader<string, Balance | null> {
    return (this.#balance ??= new DataLoader(async (ids) => {
      const found = await this.#folded.accounts.balances(ids);
      return ids.map((id) => found.get(id) ?? null);
    }));
  }

  get planState(): DataLoader<string, PlanState | null> {
    return (this.#planState ??= new DataLoader(async (ids) => {
      const found = await this.#services.subscriptions.byIds(ids);
      return ids.map((id) => found.get(id) ?? null);
    }));
  }

  get membership(): DataLoader<MembershipKey, Membership | null, string> {
    return (this.#membership ??= new DataLoader((keys) => this.#folded.members.byKeys(keys), {
      cacheKeyFn: membershipKey,
    }));
  }

  get memberUse(): DataLoader<MembershipKey, MemberUse, string> {
    return (this.#memberUse ??= new DataLoader((keys) => this.#services.members.usedThisPeriod(keys), {
      cacheKeyFn: membershipKey,
    }));
  }

  /** Memberships and invitations by their public ids. */
  get namedMembership(): DataLoader<PublicMembershipKey, Membership | null, string> {
    return (this.#namedMembership ??= new DataLoader((keys) => this.#services.members.byPublicIds(keys), {
      cacheKeyFn: ({ organizationId, personId }) => `${organizationId} ${personId}`,
    }));
  }

  get auditLogEntry(): DataLoader<AuditLogEntryKey, AuditLogEntry | null, string> {
    return (this.#auditLogEntry ??= new DataLoader((keys) => this.#services.auditLog.byIds(keys), {
      cacheKeyFn: ({ billingEntityId, id }) => `${billingEntityId} ${id}`,
    }));
  }

  get grant(): DataLoader<GrantKey, Grant | null, string> {
    return (this.#grant ??= new DataLoader((keys) => this.#services.history.grantsByIds(keys), {
      cacheKeyFn: ({ billingEntityId, id }) => `${billingEntityId} ${id}`,
    }));
  }

  get entry(): DataLoader<EntryKey, Entry | null, string> {
    return (this.#entry ??= new DataLoader((keys) => this.#services.history.entriesBySequence(keys), {
      cacheKeyFn: entryKey,
    }));
  }

  get reservation(): DataLoader<ReservationKey, Reservation | null, string> {
    return (this.#reservation ??= new DataLoader((keys) => this.#services.reservations.byIds(keys), {
      cacheKeyFn: ({ billingEntityId, id }) => `${billingEntityId} ${id}`,
    }));
  }

  get refund(): DataLoader<UsageRecordKey, RecordRefund | null, string> {
    return (this.#refund ??= new DataLoader((keys) => this.#services.usage.refunds(keys), {
      cacheKeyFn: (key) => `${entryKey(key)} ${key.line}`,
    }));
  }

  get recordsOfEntry(): DataLoader<EntryKey, UsageRecord[], string> {
    return (this.#recordsOfEntry ??= new DataLoader((keys) => this.#services.usage.recordsByEntry(keys), {
      cacheKeyFn: entryKey,
    }));
  }

  get webhookEndpoint(): DataLoader<string, WebhookEndpoint | null> {
    return (this.#webhookEndpoint ??= new DataLoader((ids) => this.#services.webhookEndpoints.byIds(ids)));
  }
}

interface EntryKey {
  readonly billingEntityId: string;
  readonly sequence: bigint;
}

interface GrantKey {
  readonly billingEntityId: string;
  readonly id: string;
}

interface UsageRecordKey extends EntryKey {
  readonly line: number;
}

type ReservationKey = GrantKey;
type AuditLogEntryKey = GrantKey;

function entryKey({ billingEntityId, sequence }: EntryKey): string {
  return `${billingEntityId} ${sequence}`;
}

function membershipKey({ organizationId, userId }: MembershipKey): string {
  return `${organizationId} ${userId}`;
}

/** Pages of several billing entities in one answer: the same page of each is read in one statement. */
import DataLoader from 'dataloader';
import type { AlertTerms } from '../../alerts/alerts.ts';
import type { RaisedAlert } from '../../alerts/raised-alert.ts';
import type { WebhookDelivery } from '../../alerts/webhooks/webhook.entity.ts';
import type { ApiKey } from '../../api-keys/api-key.ts';
import type { AuditLogEntry, AuditLogFilter } from '../../billing-entities/audit-log.ts';
import type { Membership } from '../../billing-entities/membership.entity.ts';
import type { Page, PageRequest } from '../../kernel/pagination.ts';
import type { Entry } from '../../ledger/rules/entries.ts';
import type { Grant } from '../../ledger/rules/grants.ts';
import type { Reservation, ReservationStatus } from '../../ledger/rules/reservations.ts';
import type { LedgerFilter } from '../../ledger/statements.ts';
import type { DomainServices } from '../../services.ts';

/** Names one page of one billing entity. `terms` must differ in JSON when they differ. */
interface PageKey<Terms> {
  readonly billingEntityId: string;
  readonly page: PageRequest;
  readonly terms: Terms;
}

type PageLoader<Terms, Node> = DataLoader<PageKey<Terms>, Page<Node>, string>;

/** Loaders of pages, each made when first used. */
export class PageLoaders {
  readonly #services: DomainServices;
  #alerts: PageLoader<AlertTerms, RaisedAlert> | undefined;
  #apiKeys: PageLoader<{ readonly includeRevoked: boolean }, ApiKey> | undefined;
  #auditLog: PageLoader<AuditLogFilter, AuditLogEntry> | undefined;
  #grants: PageLoader<{ readonly activeOnly: boolean }, Grant> | undefined;
  #ledger: PageLoader<LedgerFilter, Entry> | undefined;
  #members: PageLoader<{ readonly onlyUserId: string | null }, Membership> | undefined;
  #reservations: PageLoader<readonly ReservationStatus[], Reservation> | undefined;
  #webhookDeliveries: PageLoader<object, WebhookDelivery> | undefined;

  constructor(services: DomainServices) {
    this.#services = services;
  }

  get alerts(): PageLoader<AlertTerms, RaisedAlert> {
    const { alerts } = this.#services;
    return (this.#alerts ??= loaderOf({
      one: (id, page, terms) => alerts.list(id, page, terms),
      several: (ids, page, terms) => alerts.lists(ids, page, terms),
    }));
  }

  get apiKeys(): PageLoader<{ readonly includeRevoked: boolean }, ApiKey> {
    const { apiKeys } = this.#services;
    return (this.#apiKeys ??= loaderOf({
      one: (id, page, terms) => apiKeys.list(id, page, terms),
      several: (ids, page, terms) => apiKeys.lists(ids, page, terms),
    }));
  }

  get auditLog(): PageLoader<AuditLogFilter, AuditLogEntry> {
    const { auditLog } = this.#services;
    return (this.#auditLog ??= loaderOf({
      one: (id, page, terms) => auditLog.list(id, page, terms),
      several: (ids, page, terms) => auditLog.lists(ids, page, terms),
    }));
  }

  get grants(): PageLoader<{ readonly activeOnly: boolean }, Grant> {
    const { history } = this.#services;
    return (this.#grants ??= loaderOf({
      one: (id, page, terms) => history.grants(id, page, terms),
      several: (ids, page, terms) => history.grantsOfEach(ids, page, terms),
    }));
  }

  get ledger(): PageLoader<LedgerFilter, Entry> {
    const { history } = this.#services;
    return (this.#ledger ??= loaderOf({
      one: (id, page, terms) => history.ledger(id, page, terms),
      several: (ids, page, terms) => history.ledgers(ids, page, terms),
    }));
  }

  get members(): PageLoader<{ readonly onlyUserId: string | null }, Membership> {
    const { members } = this.#services;
    return (this.#members ??= loaderOf({
      one: (id, page, terms) => members.list(id, page, { search: null, ...terms }),
      several: (ids, page, terms) => members.lists(ids, page, terms),
    }));
  }

  get reservations(): PageLoader<readonly ReservationStatus[], Reservation> {
    const { reservations } = this.#services;
    return (this.#reservations ??= loaderOf({
      one: (id, page, terms) => reservations.list(id, page, terms),
      several: (ids, page, terms) => reservations.lists(ids, page, terms),
    }));
  }

  get webhookDeliveries(): PageLoader<object, WebhookDelivery> {
    const { webhookDeliveries } = this.#services;
    return (this.#webhookDeliveries ??= loaderOf({
      one: (id, page) => webhookDeliveries.list(id, page),
      several: (ids, page) => webhookDeliveries.lists(ids, page),
    }));
  }
}

interface Reads<Terms, Node> {
  readonly one: (id: string, page: PageRequest, terms: Terms) => Promise<Page<Node>>;
  /** The pages in the order of the ids. */
  readonly several: (ids: readonly string[], page: PageRequest, terms: Terms) => Promise<Page<Node>[]>;
}

/** Reads equal pages together. A page that cannot be read fails alone. */
function loaderOf<Terms, Node>({ one, several }: Reads<Terms, Node>): PageLoader<Terms, Node> {
  return new DataLoader(
    async (keys) => {
      const pages = new Map<PageKey<Terms>, Page<Node> | Error>();
      const alike = Map.groupBy(keys, ({ page, terms }) => JSON.stringify([page, terms]));
      const reading = [...alike.values()].map(async (group) => {
        const [{ billingEntityId, page, terms }] = group as [PageKey<Terms>];
        try {
          const ids = group.map((each) => each.billingEntityId);
          const read = ids.length === 1 ? [await one(billingEntityId, page, terms)] : await several(ids, page, terms);
          for (const [at, each] of group.entries()) pages.set(each, read[at] as Page<Node>);
        } catch (error) {
          for (const each of group) pages.set(each, error instanceof Error ? error : new Error(String(error)));
        }
      });
      await Promise.all(reading);
      return keys.map((each) => pages.get(each) as Page<Node> | Error);
    },
    { cacheKeyFn: ({ billingEntityId, page, terms }) => JSON.stringify([billingEntityId, page, terms]) },
  );
}

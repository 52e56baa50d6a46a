/**
 * Usage and ledger as files of any length. A caller who may read them makes a single-use link, which streams one file. The
 * right is checked when the link is made, and again when it is used, because it can be lost in between.
 */
import { may, requireMay } from '../billing-entities/authorization.ts';
import type { BillingEntities } from '../billing-entities/billing-entities.ts';
import type { BillingEntity } from '../billing-entities/billing-entity.entity.ts';
import type { Members } from '../billing-entities/members.ts';
import type { Principal } from '../billing-entities/principal.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Statements } from '../ledger/statements.ts';
import type { Database } from '../db/database.ts';
import type { Rows } from '../db/rows.ts';
import { Refusal } from '../kernel/refusal.ts';
import { csvOf } from './csv.ts';
import { LEDGER_COLUMNS, type LedgerRow, USAGE_COLUMNS, type UsageRow } from './export-columns.ts';
import { type Export, type ExportKind, type ExportLink, ExportLinks } from './export-links.ts';
import type { UsageHistory } from './usage-history.ts';
import type { Entry, UsageRecord } from '../ledger/rules/entries.ts';

/** A file on its way. */
export interface ExportFile {
  /** ASCII, fit for a header and for any file system. */
  readonly name: string;
  /** CSV, piece by piece, each made when it is asked for; may fail midway. */
  readonly text: AsyncGenerator<string, void, undefined>;
}

interface Options {
  readonly rows: Rows;
  readonly entities: BillingEntities;
  readonly members: Members;
  readonly usage: UsageHistory;
  readonly history: Statements;
  readonly database: Database;
  readonly clock: Clock;
  /** The public address of this installation. */
  readonly publicUrl: () => URL;
  /** The files that this process may send at one time: in all, and for the links of one principal. */
  readonly streams: { readonly all: number; readonly principal: number };
}

/** Rows read by one statement. Larger pages were no faster, and kept others of this process waiting for longer. */
const PAGE = 500;
/** The files of one billing entity at one time, so that one customer cannot block all others. */
const STREAMS_PER_ENTITY = 2;

/** The right that each kind of file needs. */
const PERMISSIONS = { USAGE: 'usage.export', LEDGER: 'ledger.read' } as const;

/** The path of this kind of file under the public address. */
export function exportPath(kind: ExportKind): string {
  return `exports/${kind.toLowerCase()}.csv`;
}

export class Exports {
  readonly #options: Options;
  readonly #links: ExportLinks;
  readonly #streams = new Set<ExportLink>();

  constructor(options: Options) {
    this.#options = options;
    this.#links = new ExportLinks(options);
  }

  /** Files that are being sent now. */
  get openStreams(): number {
    return this.#streams.size;
  }

  /**
   * A link to the file. Anybody who has it can use it once, within five minutes.
   * @throws Refusal FORBIDDEN, BAD_USER_INPUT, RATE_LIMITED
   */
  async createLink(
    principal: Principal,
    entity: BillingEntity,
    content: Export,
  ): Promise<{ url: string; expiresAt: Date }> {
    requireMay(await this.#options.members.relation(principal, entity), PERMISSIONS[content.kind]);
    const { token, expiresAt } = await this.#links.make(principal, entity.billingEntityId, content);
    const url = new URL(exportPath(content.kind), this.#options.publicUrl());
    url.searchParams.set('token', token);
    return { url: url.href, expiresAt };
  }

  /** The file that a link leads to, without using the link up. @throws Refusal NOT_FOUND, UNAVAILABLE */
  async peek(token: string, kind: ExportKind): Promise<Pick<ExportFile, 'name'>> {
    const { entity } = await this.#find(token, kind);
    return { name: this.#nameOf(entity, kind) };
  }

  /**
   * Uses a link up and hands its file to `send`; resolves when that does. A link that cannot be served now stays unused.
   * @throws Refusal NOT_FOUND for a link that is used, expired or unknown, or whose maker has lost the right to it;
   *   UNAVAILABLE while too many files are being sent: in all, of the entity, or for the link's maker
   */
  async deliver(token: string, kind: ExportKind, send: (file: ExportFile) => Promise<void>): Promise<void> {
    const { link, entity } = await this.#find(token, kind);
    this.#makeRoom(link);
    this.#streams.add(link);
    try {
      await this.#links.redeem(link);
      await send({ name: this.#nameOf(entity, kind), text: this.#write(entity, link) });
    } finally {
      this.#streams.delete(link);
    }
  }

  /** The link, if its maker still has the right to it. @throws Refusal NOT_FOUND */
  async #find(token: string, kind: ExportKind): Promise<{ link: ExportLink; entity: BillingEntity }> {
    const link = await this.#links.find(token, kind);
    const entity = (await this.#options.entities.byIds([link.billingEntityId])).get(link.billingEntityId) ?? null;
    const relation = entity && (await this.#options.members.relation(link.principal, entity));
    if (relation === null || !may(relation, PERMISSIONS[kind])) {
      throw new Refusal('NOT_FOUND', 'there is no such link');
    }
    const { content, principal } = link;
    if (content.kind !== 'USAGE' || may(relation, 'usage.readAll')) return { link, entity: entity as BillingEntity };
    const own = principal.kind === 'USER' ? { userId: principal.billingEntityId } : null;
    const narrowed: Export = { ...content, filter: { ...content.filter, own } };
    return { link: { ...link, content: narrowed }, entity: entity as BillingEntity };
  }

  /** @throws Refusal NOT_FOUND, UNAVAILABLE */
  #makeRoom({ billingEntityId, id, principal }: ExportLink): void {
    const streams = [...this.#streams];
    // Somebody else is using the link up at this moment, so it must not be promised to stay valid, nor take a place.
    if (streams.some((link) => link.id === id)) throw new Refusal('NOT_FOUND', 'there is no such link');
    const ofEntity = streams.filter((link) => link.billingEntityId === billingEntityId).length;
    const ofPrincipal = streams.filter(
      (link) => link.principal.kind === principal.kind && link.principal.subject === principal.subject,
    ).length;
    const { all, principal: most } = this.#options.streams;
    if (streams.length >= all || ofEntity >= STREAMS_PER_ENTITY || ofPrincipal >= most) {
      throw new Refusal('UNAVAILABLE', 'too many exports are running: the link stays valid', { retryAfterMs: 10_000 });
    }
  }

  #nameOf({ externalId }: BillingEntity, kind: ExportKind): string {
    const date = this.#options.clock.now().toISOString().slice(0, 10);
    return `${kind.toLowerCase()}-${externalId.replace(/[^\w.-]+/g, '_').slice(0, 64)}-${date}.csv`;
  }

  #write(entity: BillingEntity, { principal, content: { kind, filter } }: ExportLink): ExportFile['text'] {
    const { usage, history } = this.#options;
    return kind === 'USAGE'
      ? csvOf(USAGE_COLUMNS, this.#usageRows(usage.everyRecord(entity, filter, PAGE), principal))
      : csvOf(LEDGER_COLUMNS, this.#ledgerRows(history.everyEntry(entity.billingEntityId, filter, PAGE)));
  }

  async *#usageRows(
    pages: AsyncIterable<readonly UsageRecord[]>,
    principal: ExportLink['principal'],
  ): AsyncGenerator<UsageRow[], void, undefined> {
    for await (const records of pages) {
      const [refunds, externalIds, showsKeysOf] = await Promise.all([
        this.#options.usage.refunds(records),
        this.#externalIds(records.flatMap((each) => [each.billingEntityId, each.userId, each.organizationId])),
        this.#keyOwners(principal, records),
      ]);
      yield records.map((record, index) => ({
        record,
        payerExternalId: externalIds(record.billingEntityId),
        userExternalId: externalIds(record.userId),
        organizationExternalId: externalIds(record.organizationId),
        apiKey: record.apiKey !== null && showsKeysOf.has(record.apiKey.billingEntityId) ? record.apiKey : null,
        refund: refunds[index] ?? null,
      }));
    }
  }

  /** The owners whose keys the caller may know, among those of these records' keys. Services know every key that use names. */
  async #keyOwners(principal: ExportLink['principal'], records: readonly UsageRecord[]): Promise<ReadonlySet<string>> {
    const owners = [...new Set(records.flatMap(({ apiKey }) => apiKey?.billingEntityId ?? []))];
    if (owners.length === 0 || principal.kind === 'SERVICE') return new Set(owners);
    const found = await this.#options.entities.byIds(owners);
    const known = owners.map(async (id) => {
      const owner = found.get(id);
      return owner && may(await this.#options.members.relation(principal, owner), 'apiKeys.read') ? id : [];
    });
    return new Set((await Promise.all(known)).flat());
  }

  async *#ledgerRows(pages: AsyncIterable<readonly Entry[]>): AsyncGenerator<LedgerRow[], void, undefined> {
    for await (const entries of pages) {
      const externalIds = await this.#externalIds(entries.map(({ counterpartyId }) => counterpartyId));
      yield entries.map((entry) => ({ entry, counterpartyExternalId: externalIds(entry.counterpartyId) }));
    }
  }

  /** The external ids of a page's billing entities, found by one statement of their own. */
  async #externalIds(ids: readonly (string | null)[]): Promise<(id: string | null) => string | null> {
    const named = [...new Set(ids.filter((id) => id !== null))];
    const found = named.length === 0 ? new Map<string, BillingEntity>() : await this.#options.entities.byIds(named);
    return (id) => (id === null ? null : (found.get(id)?.externalId ?? null));
  }
}

/** Single-use links to files. What a link stands for is a row of its billing entity; of its secret only a hash is kept. */
import { createHash, randomBytes } from 'node:crypto';
import { v7 as uuidv7 } from 'uuid';
import type { Principal } from '../billing-entities/principal.ts';
import type { Clock } from '../kernel/clock.ts';
import type { LedgerFilter } from '../ledger/statements.ts';
import type { Database } from '../db/database.ts';
import { EXPORT_SECRET_BYTES, exportToken, parseExportToken } from '../kernel/public-ids.ts';
import { Refusal } from '../kernel/refusal.ts';
import type { UsageFilter } from './usage-history.ts';

/** What can be had as a file, and which part of it. */
export type Export =
  | { readonly kind: 'USAGE'; readonly filter: UsageFilter }
  | { readonly kind: 'LEDGER'; readonly filter: LedgerFilter };

export type ExportKind = Export['kind'];

export interface ExportLink {
  readonly billingEntityId: string;
  readonly id: string;
  readonly content: Export;
  /** Who made it: theirs are the rights that its use needs. The link stands for their token until it expires. */
  readonly principal: Principal;
}

interface LinkRow {
  billing_entity_id: string;
  id: string;
  kind: ExportKind;
  filter: { from: string | null; to: string | null };
  principal_kind: Principal['kind'];
  principal_subject: string;
  principal_entity_id: string | null;
  expires_at: Date;
}

const VALID_MS = 300_000;
const MAX_LINKS = 100;
const MAX_FILTER_BYTES = 65_536;

export class ExportLinks {
  readonly #database: Database;
  readonly #clock: Clock;

  constructor({ database, clock }: { database: Database; clock: Clock }) {
    this.#database = database;
    this.#clock = clock;
  }

  /**
   * A new link's token, which is nowhere else from then on.
   * @throws Refusal BAD_USER_INPUT for a filter of over 64 KiB; RATE_LIMITED while a hundred links of the entity are valid
   */
  async make(
    principal: Principal,
    billingEntityId: string,
    { kind, filter }: Export,
  ): Promise<{ token: string; expiresAt: Date }> {
    const filterText = JSON.stringify(filter);
    if (Buffer.byteLength(filterText) > MAX_FILTER_BYTES) {
      throw new Refusal('BAD_USER_INPUT', `the filter is longer than ${MAX_FILTER_BYTES} bytes`);
    }
    const now = this.#clock.now();
    await this.#makeRoom(billingEntityId, now);
    const id = uuidv7();
    const secret = randomBytes(EXPORT_SECRET_BYTES);
    const expiresAt = new Date(now.getTime() + VALID_MS);
    // Run again after its answer was lost, it finds its own row: the id is this call's alone.
    await this.#database.query(
      `insert into export_link (billing_entity_id, id, secret_hash, kind, filter, principal_kind, principal_subject,
         principal_entity_id, created_at, expires_at)
       values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) on conflict (billing_entity_id, id) do nothing`,
      [
        billingEntityId,
        id,
        hashOf(secret),
        kind,
        filterText,
        principal.kind,
        principal.subject,
        principal.kind === 'USER' ? principal.billingEntityId : null,
        now,
        expiresAt,
      ],
    );
    return { token: exportToken({ billingEntityId, id, secret }), expiresAt };
  }

  /** The unused, unexpired link with this token. Leaves it so. @throws Refusal NOT_FOUND */
  async find(token: string, kind: ExportKind): Promise<ExportLink> {
    const { billingEntityId, id, secret } = parseExportToken(token);
    const { rows } = await this.#database.query<LinkRow>(
      `select billing_entity_id, id, kind, filter, principal_kind, principal_subject, principal_entity_id, expires_at
       from export_link
       where billing_entity_id = $1 and id = $2 and secret_hash = $3 and kind = $4 and used_at is null and expires_at > $5`,
      [billingEntityId, id, hashOf(secret), kind, this.#clock.now()],
    );
    const [row] = rows;
    if (row === undefined) throw new Refusal('NOT_FOUND', 'there is no such link');
    return toLink(row);
  }

  /**
   * Uses the link up: of all who race for it, on any replica, one succeeds. When the answer to the statement is lost and it
   * runs again, nobody does, and the link is spent without a file: better than two files.
   * @throws Refusal NOT_FOUND for all others
   */
  async redeem({ billingEntityId, id }: ExportLink): Promise<void> {
    const { rowCount } = await this.#database.query(
      `update export_link set used_at = $3
       where billing_entity_id = $1 and id = $2 and used_at is null and expires_at > $3 returning id`,
      [billingEntityId, id, this.#clock.now()],
    );
    if (rowCount !== 1) throw new Refusal('NOT_FOUND', 'there is no such link');
  }

  /** Sweeps what has expired. Requests that race may pass the bound by as many as they are: it need not be exact. */
  async #makeRoom(billingEntityId: string, now: Date): Promise<void> {
    await this.#database.query(`delete from export_link where billing_entity_id = $1 and expires_at <= $2`, [
      billingEntityId,
      now,
    ]);
    const { rows } = await this.#database.query<{ links: bigint; next: Date | null }>(
      `select count(*) as links, min(expires_at) as next from export_link where billing_entity_id = $1`,
      [billingEntityId],
    );
    const [{ links, next } = { links: 0n, next: null }] = rows;
    if (links >= MAX_LINKS && next !== null) {
      throw new Refusal('RATE_LIMITED', `at most ${MAX_LINKS} links of one billing entity are valid at a time`, {
        retryAfterMs: next.getTime() - now.getTime(),
      });
    }
  }
}

function hashOf(secret: Uint8Array): Buffer {
  return createHash('sha256').update(secret).digest();
}

function toLink(row: LinkRow): ExportLink {
  const { from, to } = row.filter;
  const filter = { ...row.filter, from: from && new Date(from), to: to && new Date(to) };
  return {
    billingEntityId: row.billing_entity_id,
    id: row.id,
    content: { kind: row.kind, filter } as Export,
    principal: {
      kind: row.principal_kind,
      subject: row.principal_subject,
      expiresAt: row.expires_at,
      ...(row.principal_entity_id !== null && { billingEntityId: row.principal_entity_id }),
    } as Principal,
  };
}

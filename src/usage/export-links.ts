/** Single-use links to files. What a link stands for is a row of its billing entity; of its secret only a hash is kept. */
import { createHash, randomBytes } from 'node:crypto';
import { v7 as uuidv7 } from 'uuid';
import type { Principal } from '../billing-entities/principal.ts';
import type { Clock } from '../kernel/clock.ts';
import type { LedgerFilter } from '../ledger/statements.ts';
import { insertUnlessThere, type Rows } from '../db/rows.ts';
import { EXPORT_SECRET_BYTES, exportToken, parseExportToken } from '../kernel/public-ids.ts';
import { Refusal } from '../kernel/refusal.ts';
import { ExportLinkRow, type StoredExportLink, type StoredFilter } from './export-link.entity.ts';
import type { UsageFilter } from './usage-history.ts';

/** The contents of a file: which export, and which part of it. */
export type Export =
  | { readonly kind: 'USAGE'; readonly filter: UsageFilter }
  | { readonly kind: 'LEDGER'; readonly filter: LedgerFilter };

export type ExportKind = Export['kind'];

export interface ExportLink {
  readonly billingEntityId: string;
  readonly id: string;
  readonly content: Export;
  /** The maker, whose rights its use needs. The link stands for their token until it expires. */
  readonly principal: Principal;
}

const VALID_MS = 300_000;
const MAX_LINKS = 100;
const MAX_FILTER_BYTES = 65_536;

export class ExportLinks {
  readonly #rows: Rows;
  readonly #clock: Clock;

  constructor({ rows, clock }: { rows: Rows; clock: Clock }) {
    this.#rows = rows;
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
    const stored = JSON.stringify(filter);
    if (Buffer.byteLength(stored) > MAX_FILTER_BYTES) {
      throw new Refusal('BAD_USER_INPUT', `the filter is longer than ${MAX_FILTER_BYTES} bytes`);
    }
    const now = this.#clock.now();
    await this.#makeRoom(billingEntityId, now);
    const id = uuidv7();
    const secret = randomBytes(EXPORT_SECRET_BYTES);
    const expiresAt = new Date(now.getTime() + VALID_MS);
    const link = {
      ...{ billingEntityId, id, secretHash: hashOf(secret), kind, filter: JSON.parse(stored) as StoredFilter },
      ...{ principalKind: principal.kind, principalSubject: principal.subject },
      principalEntityId: principal.kind === 'USER' ? principal.billingEntityId : null,
      ...{ createdAt: now, expiresAt, usedAt: null },
    };
    // Run again after its answer was lost, it finds its own row: the id is this call's alone.
    await this.#rows.read((em) => insertUnlessThere(em, ExportLinkRow, link));
    return { token: exportToken({ billingEntityId, id, secret }), expiresAt };
  }

  /** The unused, unexpired link with this token. Leaves it so. @throws Refusal NOT_FOUND */
  async find(token: string, kind: ExportKind): Promise<ExportLink> {
    const { billingEntityId, id, secret } = parseExportToken(token);
    const where = {
      ...{ billingEntityId, id, secretHash: hashOf(secret), kind },
      ...{ usedAt: null, expiresAt: { $gt: this.#clock.now() } },
    };
    const row = await this.#rows.read((em) => em.findOne(ExportLinkRow, where));
    if (row === null) throw new Refusal('NOT_FOUND', 'there is no such link');
    return toLink(row);
  }

  /**
   * Uses the link up: of all who race for it, on any replica, one succeeds. When the answer to the statement is lost and it
   * runs again, nobody does, and the link is spent without a file: better than two files.
   * @throws Refusal NOT_FOUND for all others
   */
  async redeem({ billingEntityId, id }: ExportLink): Promise<void> {
    const now = this.#clock.now();
    const where = { billingEntityId, id, usedAt: null, expiresAt: { $gt: now } };
    const used = await this.#rows.read((em) => em.nativeUpdate(ExportLinkRow, where, { usedAt: now }));
    if (used !== 1) throw new Refusal('NOT_FOUND', 'there is no such link');
  }

  /** Sweeps what has expired. Requests that race may pass the bound by as many as they are: it need not be exact. */
  async #makeRoom(billingEntityId: string, now: Date): Promise<void> {
    const next = await this.#rows.read(async (em) => {
      await em.nativeDelete(ExportLinkRow, { billingEntityId, expiresAt: { $lte: now } });
      const links = await em.count(ExportLinkRow, { billingEntityId });
      if (links < MAX_LINKS) return null;
      return em.findOne(ExportLinkRow, { billingEntityId }, { orderBy: { expiresAt: 'asc' } });
    });
    if (next === null) return;
    throw new Refusal('RATE_LIMITED', `at most ${MAX_LINKS} links of one billing entity are valid at a time`, {
      retryAfterMs: next.expiresAt.getTime() - now.getTime(),
    });
  }
}

function hashOf(secret: Uint8Array): Buffer {
  return createHash('sha256').update(secret).digest();
}

function toLink(row: StoredExportLink): ExportLink {
  const instant = (text: string | null | undefined): Date | null => (text == null ? null : new Date(text));
  const { from, to, recordedFrom, recordedTo } = row.filter;
  const filter = {
    ...row.filter,
    ...{ from: instant(from), to: instant(to) },
    ...(row.kind === 'USAGE' && { recordedFrom: instant(recordedFrom), recordedTo: instant(recordedTo) }),
  };
  return {
    billingEntityId: row.billingEntityId,
    id: row.id,
    content: { kind: row.kind, filter } as Export,
    principal: {
      kind: row.principalKind,
      subject: row.principalSubject,
      expiresAt: row.expiresAt,
      ...(row.principalEntityId !== null && { billingEntityId: row.principalEntityId }),
    } as Principal,
  };
}

/** Rebuilds which account transferred the credits of each grant, and names the grants that say something else (rule 23). */
import type { Entry, UsageRecord } from '../rules/entries.ts';
import type { Grant } from '../rules/grants.ts';
import type { Findings } from './findings.ts';

/** Credits of several accounts joined in one grant until grants noted whose they are. */
const SEVERAL = 'several accounts';

export class TransferReplay {
  readonly #findings: Findings;
  /** By grant: the account that its credits were transferred by. */
  readonly #senders = new Map<string, string>();
  /** By grant that replaces one which had expired: the grants that the refunded record was drawn from. */
  readonly #replaced = new Map<string, readonly string[]>();
  /** The record of the refund whose entries come. */
  #refunded: UsageRecord | undefined;

  constructor(findings: Findings) {
    this.#findings = findings;
  }

  /** Takes an entry. `refunded`: the record of a refund, with the first of its entries. */
  entry(
    { kind, grantId, counterpartyId }: Entry,
    { refunded, isNewGrant }: { readonly refunded: UsageRecord | undefined; readonly isNewGrant: boolean },
  ): void {
    if (refunded !== undefined) this.#refunded = refunded;
    if (grantId === null) return;
    if (kind === 'REFUND' && isNewGrant) {
      this.#replaced.set(grantId, this.#refunded?.draws.map((draw) => draw.grantId) ?? []);
    }
    if (kind !== 'TRANSFER_IN' || counterpartyId === null) return;
    const before = this.#senders.get(grantId) ?? counterpartyId;
    this.#senders.set(grantId, before === counterpartyId ? before : SEVERAL);
  }

  /** Holds what was rebuilt against the grants as they are stored. */
  finish(grants: readonly Grant[]): void {
    const named = new Map(grants.map(({ id, transferredBy }) => [id, transferredBy]));
    for (const { id, source, transferredBy } of grants) {
      const replaced = this.#replaced.get(id);
      // A replacement names whom the replaced grant named. Every other transferred grant names who transferred it, or nobody.
      const isRight =
        source !== 'TRANSFER' || replaced === undefined
          ? transferredBy === null || transferredBy === this.#senders.get(id)
          : replaced.some((each) => (named.get(each) ?? null) === transferredBy);
      if (isRight) continue;
      const sender = replaced === undefined ? this.#senders.get(id) : undefined;
      this.#findings.expect(`grant ${id}: transferred by`, `${transferredBy}`, sender ?? 'nobody');
    }
  }
}

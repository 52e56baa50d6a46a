import { v7 as uuidv7 } from 'uuid';
import { checkReason } from '../billing-entities/audit-reason.ts';
import type { Database } from '../db/database.ts';
import { Refusal } from '../kernel/refusal.ts';
import { systemKey } from '../ledger/idempotency.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { unlessRejected } from '../ledger/outcome.ts';
import { nameOfBase } from '../ledger/rules/period-close.ts';
import type { Statements } from '../ledger/statements.ts';
import { newId } from '../ledger/store/new-id.ts';
import { BY_ITSELF } from './by-itself.ts';

/** Credits that an invoice's line paid for, other than a period's base credits (rule 26). */
export interface PaidCredits {
  readonly billingEntityId: string;
  readonly source: 'PURCHASE' | 'SUBSCRIPTION';
  readonly amount: bigint;
  /** Invoice and line name the grant: they are credited once, whatever else is said. */
  readonly invoiceId: string;
  readonly lineId: string;
  readonly reason: string | null;
}

/** A period of a subscription. Its base credits are granted once. */
export interface BasePeriod {
  readonly subscriptionId: string;
  readonly periodStart: Date;
}

/** Lines of an invoice that sold one thing. */
export interface SoldLines {
  readonly billingEntityId: string;
  readonly invoiceId: string;
  readonly lineIds: readonly string[];
  /** The periods whose base credits they are the price of; none: they pay for something else. */
  readonly bases: readonly BasePeriod[];
}

/** A grant that lines paid for. */
export interface GrantOfSale {
  readonly grantId: string;
  readonly amount: bigint;
  readonly remaining: bigint;
  /** Credits that expired unused. */
  readonly expired: bigint;
  /** Credits that are clawed back at present. */
  readonly clawed: bigint;
}

interface Options {
  readonly database: Database;
  readonly ledger: Ledger;
  readonly history: Pick<Statements, 'entriesBySequence'>;
}

/** Credits that lines of invoices paid for: each is granted once, and told again from the line. */
export class InvoiceCredits {
  readonly #options: Options;

  constructor(options: Options) {
    this.#options = options;
  }

  /**
   * Grants the credits that a line paid for, once.
   * @returns the grant, whichever call made it
   * @throws Refusal BAD_USER_INPUT, NOT_FOUND, UNAVAILABLE
   */
  async credit(paid: PaidCredits): Promise<{ grantId: string; replayed: boolean }> {
    const { billingEntityId, source, amount, invoiceId, lineId, reason } = paid;
    if (amount <= 0n) throw new Refusal('BAD_USER_INPUT', 'amount must be above 0');
    const outcome = unlessRejected(
      await this.#options.ledger.submit({
        kind: 'credit',
        billingEntityId,
        actor: BY_ITSELF.actor,
        idempotency: systemKey('invoice', invoiceId, lineId),
        grantId: uuidv7(),
        source,
        amount,
        reason: reason === null ? null : checkReason(reason),
      }),
    );
    const replayed = outcome.kind === 'replayed';
    const entry = replayed
      ? (await this.#options.history.entriesBySequence([{ billingEntityId, sequence: outcome.sequence }]))[0]
      : outcome.entries[0];
    if (!entry || entry.grantId === null) throw new Error(`the grant of ${invoiceId} is missing`);
    return { grantId: entry.grantId, replayed };
  }

  /** The lines that nothing was granted for yet. */
  async uncredited<Line extends Pick<PaidCredits, 'invoiceId' | 'lineId'>>(
    billingEntityId: string,
    lines: readonly Line[],
  ): Promise<Line[]> {
    const keyOf = ({ invoiceId, lineId }: Line): string => systemKey('invoice', invoiceId, lineId).key;
    if (lines.length === 0) return [];
    const { rows } = await this.#options.database.query<{ key: string }>({
      name: 'lines-credited',
      text: `select k.key from unnest($2::text[]) k(key)
        cross join lateral (
          select from ledger_entry e where e.billing_entity_id = $1 and e.idempotency_key = k.key limit 1) e`,
      values: [billingEntityId, lines.map(keyOf)],
    });
    const credited = new Set(rows.map(({ key }) => key));
    return lines.filter((line) => !credited.has(keyOf(line)));
  }

  /**
   * True if credits were ever granted to the entity for money. Grants that operators make have a reason; those that follow from
   * payments have none.
   */
  async wasEverPaid(billingEntityId: string): Promise<boolean> {
    const { rowCount } = await this.#options.database.query(
      `select from credit_grant g
       where g.billing_entity_id = $1 and g.root_billing_entity_id = $1 and g.reason is null
         and g.root_source in ('SUBSCRIPTION', 'PURCHASE') limit 1`,
      [billingEntityId],
    );
    return rowCount !== 0;
  }

  /** The grants that these lines paid for, the oldest first. */
  async grantsFor({ billingEntityId, invoiceId, lineIds, bases }: SoldLines): Promise<GrantOfSale[]> {
    const keys = lineIds.map((lineId) => systemKey('invoice', invoiceId, lineId).key);
    const { rows } = await this.#options.database.query<Omit<GrantOfSale, 'grantId'> & { id: string }>(
      `select g.id, g.amount, g.remaining, g.lapsed as expired, g.clawed from credit_grant g
       where g.billing_entity_id = $1 and (g.id = any($2::uuid[]) or g.id in (
         select e.grant_id from ledger_entry e where e.billing_entity_id = $1 and e.idempotency_key = any($3::text[])))
       order by g.effective_at, g.id`,
      [billingEntityId, bases.map((base) => baseGrantOf(billingEntityId, base)), keys],
    );
    return rows.map(({ id: grantId, ...rest }) => ({ grantId, ...rest }));
  }

  /**
   * Reinstates exactly what was clawed back of a grant. A grant without a clawback stays as it is.
   * @throws Refusal BAD_USER_INPUT, NOT_FOUND, UNAVAILABLE
   */
  async reinstate(billingEntityId: string, { grantId, reason }: { grantId: string; reason: string }): Promise<void> {
    unlessRejected(
      await this.#options.ledger.submit({
        kind: 'reinstate',
        billingEntityId,
        ...BY_ITSELF,
        grantId,
        reason: checkReason(reason),
      }),
    );
  }
}

/** The grant of a period's base credits. Its id is known before it is made. */
export function baseGrantOf(billingEntityId: string, { subscriptionId: id, periodStart }: BasePeriod): string {
  return newId(nameOfBase(billingEntityId, { id, periodStart }));
}

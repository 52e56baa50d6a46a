/** Reports of overage: frozen by the ledger, and delivered to the payment provider by others (rule 28). */
import { v7 as uuidv7 } from 'uuid';
import type { Ledger } from '../ledger/ledger.ts';
import { unlessRejected } from '../ledger/outcome.ts';
import { REPORT_COLUMNS, type ReportRow, toReport } from '../ledger/store/tables.ts';
import type { Database } from '../db/database.ts';
import type { DeliveredReport, Delivery, MeterReport } from '../ledger/rules/entries.ts';

/** An account's period in which overage was used. */
export interface ReportedPeriod {
  readonly billingEntityId: string;
  readonly start: Date;
  readonly end: Date;
}

export class MeterReports {
  readonly #database: Database;
  readonly #ledger: Ledger;

  constructor({ database, ledger }: { readonly database: Database; readonly ledger: Ledger }) {
    this.#database = database;
    this.#ledger = ledger;
  }

  /**
   * Accounts with unreported overage, in the order of their ids, found without locks. Accounts with a waiting report of the
   * same period are left out, so that use while the provider is away makes one report, and not one every few seconds.
   */
  async unreported({ after, limit }: { readonly after: string | null; readonly limit: number }): Promise<string[]> {
    const { rows } = await this.#database.query<{ billing_entity_id: string }>(
      `select a.billing_entity_id from credit_account a
       where a.overage_reported < a.overage_total and ($1::uuid is null or a.billing_entity_id > $1)
         and not exists (
           select from meter_report m
           where m.billing_entity_id = a.billing_entity_id and m.state = 'PENDING' and m.period_start = a.period_start)
       order by a.billing_entity_id limit $2`,
      [after, limit],
    );
    return rows.map((row) => row.billing_entity_id);
  }

  /**
   * Freezes an account's unreported overage into a report; null: there was none. The end of a period or subscription freezes
   * its overage by itself, so `undelivered` has more reports than this makes.
   */
  async freeze(billingEntityId: string): Promise<MeterReport | null> {
    const command = { billingEntityId, actor: 'system', idempotency: null, reportId: uuidv7() } as const;
    const outcome = unlessRejected(await this.#ledger.submit({ kind: 'reportOverage', ...command }));
    return outcome.reports[0] ?? null;
  }

  /** Reports of all accounts that are neither SENT nor BILLED, oldest first. */
  async undelivered({
    after,
    limit,
  }: {
    readonly after: Pick<MeterReport, 'createdAt' | 'id'> | null;
    readonly limit: number;
  }): Promise<DeliveredReport[]> {
    const { rows } = await this.#database.query<ReportRow>(
      `select ${REPORT_COLUMNS} from meter_report m
       where m.state in ('PENDING', 'FAILED') and ($1::timestamptz is null or (m.created_at, m.id) > ($1, $2::uuid))
       order by m.created_at, m.id limit $3`,
      [after?.createdAt ?? null, after?.id ?? null, limit],
    );
    return rows.map(toReport);
  }

  /** One account's reports that are neither SENT nor BILLED, in the order in which they were frozen. */
  async undeliveredOf(billingEntityId: string): Promise<DeliveredReport[]> {
    const { rows } = await this.#database.query<ReportRow>(
      `select ${REPORT_COLUMNS} from meter_report m
       where m.billing_entity_id = $1 and m.state in ('PENDING', 'FAILED') order by m.created_at, m.id`,
      [billingEntityId],
    );
    return rows.map(toReport);
  }

  /** Periods of accounts with reports made since then, a page at a time. It reads the whole table, once a day. */
  async periods({
    since,
    after,
    limit,
  }: {
    readonly since: Date;
    readonly after: ReportedPeriod | null;
    readonly limit: number;
  }): Promise<ReportedPeriod[]> {
    const { rows } = await this.#database.query<{ billing_entity_id: string; start: Date; end: Date }>(
      `select billing_entity_id, period_start as start, max(period_end) as "end" from meter_report
       where created_at >= $1 and ($2::uuid is null or (billing_entity_id, period_start) > ($2, $3::timestamptz))
       group by billing_entity_id, period_start order by billing_entity_id, period_start limit $4`,
      [since, after?.billingEntityId ?? null, after?.start ?? null, limit],
    );
    return rows.map(({ billing_entity_id: billingEntityId, start, end }) => ({ billingEntityId, start, end }));
  }

  /** The number of reports that are neither SENT nor BILLED, and how many of them were refused. */
  async counts(): Promise<{ undelivered: number; failed: number }> {
    const { rows } = await this.#database.query<{ undelivered: number; failed: number }>(
      `select count(*)::int as undelivered, (count(*) filter (where state = 'FAILED'))::int as failed
       from meter_report where state in ('PENDING', 'FAILED')`,
    );
    return rows[0] ?? { undelivered: 0, failed: 0 };
  }

  /**
   * Credits that an account reported with a stamp within [from, to).
   * @returns `sent`: the meter took them; `lately`: the part of them sent after `lately`, which may not be counted yet;
   *   `unknown`: the meter may have them or not
   */
  async sums(
    billingEntityId: string,
    { from, to, lately }: { readonly from: Date; readonly to: Date; readonly lately: Date },
  ): Promise<{ sent: bigint; lately: bigint; unknown: bigint }> {
    const { rows } = await this.#database.query<{ sent: bigint; lately: bigint; unknown: bigint }>(
      `select coalesce(sum(credits) filter (where state = 'SENT'), 0)::bigint as sent,
        coalesce(sum(credits) filter (where state = 'SENT' and sent_at > $4), 0)::bigint as lately,
        coalesce(sum(credits) filter (where state in ('PENDING', 'FAILED') and attempts > 0), 0)::bigint as unknown
       from meter_report where billing_entity_id = $1 and stamped_at >= $2 and stamped_at < $3`,
      [billingEntityId, from, to, lately],
    );
    return rows[0] ?? { sent: 0n, lately: 0n, unknown: 0n };
  }

  /** Reports by their ids alone, of any account. It reads the whole table, which happens seldom. */
  async byIds(ids: readonly string[]): Promise<DeliveredReport[]> {
    const { rows } = await this.#database.query<ReportRow>(
      `select ${REPORT_COLUMNS} from meter_report m where m.id = any($1::uuid[])`,
      [ids],
    );
    return rows.map(toReport);
  }

  /** The account that reported overage of a subscription; null: none did. It reads the whole table, which happens seldom. */
  async accountOf(subscriptionId: string): Promise<string | null> {
    const { rows } = await this.#database.query<{ billing_entity_id: string }>(
      `select m.billing_entity_id from meter_report m where m.subscription_id = $1 limit 1`,
      [subscriptionId],
    );
    return rows[0]?.billing_entity_id ?? null;
  }

  /** The subscriptions in which an account reported overage of a period. */
  async subscriptionsOf(billingEntityId: string, periodStart: Date): Promise<string[]> {
    const { rows } = await this.#database.query<{ subscription_id: string }>(
      `select distinct m.subscription_id from meter_report m
       where m.billing_entity_id = $1 and m.period_start = $2 and m.subscription_id is not null`,
      [billingEntityId, periodStart],
    );
    return rows.map((row) => row.subscription_id);
  }

  /** One account's reports made since then that are delivered or were tried, in the order in which they were frozen. */
  async triedOf(billingEntityId: string, since: Date): Promise<DeliveredReport[]> {
    const { rows } = await this.#database.query<ReportRow>(
      `select ${REPORT_COLUMNS} from meter_report m
       where m.billing_entity_id = $1 and m.created_at >= $2 and (m.state in ('SENT', 'BILLED') or m.attempts > 0)
       order by m.created_at, m.id`,
      [billingEntityId, since],
    );
    return rows.map(toReport);
  }

  /** Credits of the report's period that were billed by invoice items. */
  async billed({ billingEntityId, subscriptionId, period }: MeterReport): Promise<bigint> {
    const { rows } = await this.#database.query<{ credits: bigint }>(
      `select coalesce(sum(credits), 0)::bigint as credits from meter_report
       where billing_entity_id = $1 and state = 'BILLED' and subscription_id is not distinct from $2 and period_start = $3`,
      [billingEntityId, subscriptionId, period.start],
    );
    return rows[0]?.credits ?? 0n;
  }

  /** Accounts with reports made since then that are delivered, a page at a time. It reads the whole table, once a day. */
  async deliveredSince(
    since: Date,
    { after, limit }: { readonly after: string | null; readonly limit: number },
  ): Promise<string[]> {
    const { rows } = await this.#database.query<{ billing_entity_id: string }>(
      `select distinct m.billing_entity_id from meter_report m
       where m.state in ('SENT', 'BILLED') and m.created_at >= $1 and ($2::uuid is null or m.billing_entity_id > $2)
       order by m.billing_entity_id limit $3`,
      [since, after, limit],
    );
    return rows.map((row) => row.billing_entity_id);
  }

  /** True if the account has left the report's subscription. */
  async hasEnded({ billingEntityId, subscriptionId }: MeterReport): Promise<boolean> {
    const { rowCount } = await this.#database.query(
      `select from credit_account where billing_entity_id = $1 and subscription ->> 'id' = $2`,
      [billingEntityId, subscriptionId],
    );
    return rowCount === 0;
  }

  /** The report; null: there is none. */
  async byId({ billingEntityId, id }: Pick<MeterReport, 'billingEntityId' | 'id'>): Promise<DeliveredReport | null> {
    const { rows } = await this.#database.query<ReportRow>(
      `select ${REPORT_COLUMNS} from meter_report m where m.billing_entity_id = $1 and m.id = $2`,
      [billingEntityId, id],
    );
    return rows[0] === undefined ? null : toReport(rows[0]);
  }

  /**
   * Notes what became of a report. false: somebody else noted something since it was read, or altered it behind the ledger's
   * back; read it again.
   */
  async note(report: DeliveredReport, { state, attempts, error, sentAt }: Delivery): Promise<boolean> {
    const { billingEntityId } = report;
    const command = { billingEntityId, actor: 'system', idempotency: null, seen: report } as const;
    const delivery = { state, attempts, error, sentAt };
    const { kind } = await this.#ledger.submit({ kind: 'delivered', ...command, delivery });
    return kind === 'committed';
  }
}

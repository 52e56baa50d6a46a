/**
 * Reports overage to Stripe's meter: never twice, never lost, never into another period (rule 28). A report is frozen first,
 * and each step is on disk before the next, so that any process can go on after a crash.
 */
import type { Exclusive } from '../../db/advisory-lock.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { Log } from '../../kernel/log.ts';
import { Refusal } from '../../kernel/refusal.ts';
import type { DeliveredReport } from '../../ledger/rules/entries.ts';
import type { MeterReports } from '../../subscriptions/meter-reports.ts';
import { AWAY_AFTER, isAway, type StripeClient } from '../account/client.ts';
import type { Customers } from '../account/customers.ts';
import type { CatalogIds } from '../catalog/catalog-ids.ts';
import type { OverageMeters } from '../catalog/overage-meters.ts';
import type { StripeEvents } from '../webhooks/events.ts';
import { InvoicedOverage, type InvoicedResult } from './invoiced-overage.ts';
import { OverageItems } from './overage-items.ts';
import { takeRejections } from './rejections.ts';
import { ReportDelivery } from './report-delivery.ts';

interface Options {
  readonly stripe: StripeClient;
  readonly catalog: CatalogIds;
  readonly meters: OverageMeters;
  readonly events: StripeEvents;
  readonly reports: MeterReports;
  readonly exclusive: Exclusive;
  /** The reports of an entity without a customer wait. */
  readonly customers: Pick<Customers, 'of'>;
  readonly clock: Clock;
  readonly log: Log;
}

/** Types of events about reports that Stripe took and then rejected. */
const REJECTIONS = ['v1.billing.meter.error_report_triggered', 'v1.billing.meter.no_meter_found'];
const ENDED = 'customer.subscription.deleted';

const PAGE = 500;
/** Customers that are served at one time; each holds a connection. */
const AT_ONCE = 3;

export class MeterReporter {
  readonly #options: Options;
  readonly #invoiced: InvoicedOverage;
  readonly #delivery: ReportDelivery;
  /** Accounts for which Stripe did not answer last time: the others come first. */
  #unanswered = new Set<string>();
  #pass: Promise<void> | null = null;
  #isStopping = false;

  constructor(options: Options) {
    this.#options = options;
    const items = new OverageItems(options);
    this.#invoiced = new InvoicedOverage({ ...options, items });
    this.#delivery = new ReportDelivery({ ...options, items, invoiced: this.#invoiced });
    for (const type of REJECTIONS) options.events.on(type, ({ id }) => takeRejections(id, options));
    options.events.on(ENDED, async ({ objectId }) => {
      if (objectId !== null) await this.#settleEnded(objectId);
    });
  }

  /** Begins a pass unless one is under way, and does not wait for it, because the caller has other chores. */
  tend(): void {
    if (this.#isStopping) return;
    this.#pass ??= this.run()
      .catch((error: unknown) => this.#options.log.warn({ err: error }, 'reporting overage broke off; it goes on'))
      .finally(() => (this.#pass = null));
  }

  /** Begins nothing new and waits for what is under way. Reports that are left are on disk. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    await this.#pass;
  }

  /**
   * One pass: freezes overage that has no report yet, and delivers all reports that wait.
   * @param options.refusedToo whether refused reports are tried at once, because somebody has repaired what was wrong
   */
  async run({ refusedToo = false } = {}): Promise<void> {
    const { reports } = this.#options;
    for (let after: string | null = null; ;) {
      const ids: string[] = await reports.unreported({ after, limit: PAGE });
      await Promise.all(ids.map((id) => this.#freeze(id)));
      if (ids.length < PAGE) break;
      after = ids.at(-1) as string;
    }
    const waiting = await this.#waiting();
    const order = [...waiting].sort((a, b) => Number(this.#unanswered.has(a)) - Number(this.#unanswered.has(b)));
    const unanswered = new Set<string>();
    let inARow = 0;
    const ids = order.values();
    const worker = async (): Promise<void> => {
      for (const id of ids) {
        if (this.#isStopping || inARow >= AWAY_AFTER) return;
        const answered = await this.#serve(id, { refusedToo });
        inARow = answered ? 0 : inARow + 1;
        if (!answered) unanswered.add(id);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
    this.#unanswered = unanswered;
  }

  /**
   * Compares an account's overage with invoices, and bills what the meter has and no invoice will have. Repeating it changes nothing. It
   * runs under the account's lock and after the account was told of an end, so that later deliveries are found to be too late.
   * @throws Refusal PAYMENT_PROVIDER_ERROR, UNAVAILABLE
   */
  async settle(billingEntityId: string): Promise<InvoicedResult> {
    const { customers, exclusive } = this.#options;
    return exclusive.run(lockOf(billingEntityId), async () =>
      this.#invoiced.settle(billingEntityId, await customers.of(billingEntityId)),
    );
  }

  async #settleEnded(subscriptionId: string): Promise<void> {
    const { reports, log } = this.#options;
    const billingEntityId = await reports.accountOf(subscriptionId);
    if (billingEntityId === null) return;
    const { differences } = await this.settle(billingEntityId);
    if (differences.length > 0) log.error({ differences }, 'overage differs from invoices');
  }

  /** An account whose overage cannot be frozen does not keep the use of others from being reported. */
  async #freeze(billingEntityId: string): Promise<void> {
    try {
      await this.#options.reports.freeze(billingEntityId);
    } catch (error) {
      if (error instanceof Refusal && error.retryable) throw error;
      this.#options.log.error({ err: error, billingEntityId }, 'the overage of an account cannot be frozen');
    }
  }

  /** The accounts whose reports wait, the longest waiting first. */
  async #waiting(): Promise<ReadonlySet<string>> {
    const found = new Set<string>();
    for (let after: DeliveredReport | null = null; ;) {
      const page: DeliveredReport[] = await this.#options.reports.undelivered({ after, limit: PAGE });
      for (const { billingEntityId } of page) found.add(billingEntityId);
      if (page.length < PAGE) return found;
      after = page.at(-1) as DeliveredReport;
    }
  }

  /** @returns false: Stripe did not answer. Any other failure is logged, and does not keep other accounts waiting */
  async #serve(billingEntityId: string, { refusedToo }: { readonly refusedToo: boolean }): Promise<boolean> {
    const { customers, exclusive, log } = this.#options;
    const shouldStop = (): boolean => this.#isStopping;
    try {
      await exclusive.tryRun(lockOf(billingEntityId), async () => {
        const customerId = await customers.of(billingEntityId);
        if (customerId === null) return;
        await this.#delivery.deliverAll(billingEntityId, customerId, { refusedToo, shouldStop });
      });
      return true;
    } catch (error) {
      if (isAway(error)) return false;
      log.warn({ err: error, billingEntityId }, 'reporting the overage of an account failed; it is tried again');
      return true;
    }
  }
}

function lockOf(billingEntityId: string): string {
  return `overage of ${billingEntityId}`;
}

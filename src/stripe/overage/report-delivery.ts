import type { Stripe } from 'stripe';
import type { Clock } from '../../kernel/clock.ts';
import type { Log } from '../../kernel/log.ts';
import type { DeliveredReport, Delivery } from '../../ledger/rules/entries.ts';
import type { MeterReports } from '../../subscriptions/meter-reports.ts';
import { orMissing, type StripeClient, StripeRejection } from '../account/client.ts';
import { instantOf, secondsOf } from '../account/values.ts';
import type { CatalogIds } from '../catalog/catalog-ids.ts';
import type { OverageMeters } from '../catalog/overage-meters.ts';
import { OVERAGE_METER } from '../catalog/offers.ts';
import type { InvoicedOverage } from './invoiced-overage.ts';
import { Lateness } from './lateness.ts';
import { countedBy } from './meter-sums.ts';
import type { OverageItems } from './overage-items.ts';
import { errorAfter, identifierOf, isUnknown, isUntriedOfPeriod, timesRejected, UNDECIDED } from './report-state.ts';

interface Options {
  readonly stripe: StripeClient;
  readonly catalog: CatalogIds;
  readonly meters: OverageMeters;
  readonly reports: MeterReports;
  readonly items: OverageItems;
  readonly invoiced: InvoicedOverage;
  readonly clock: Clock;
  readonly log: Log;
}

/** Stripe recognises an identifier for 24 hours; a sending under way may take a while. */
const REMEMBERED_MS = 23 * 3_600_000;

/** The rest before a refused report is tried again. It doubles with each rejection after the report was taken. */
const REST_MS = 600_000;
const LONGEST_REST_MS = 6 * 3_600_000;

/** Brings an account's reports to the meter, or bills them where they are too late. Callers hold the account's lock. */
export class ReportDelivery {
  readonly #options: Options;
  readonly #lateness: Lateness;
  readonly #items: OverageItems;
  readonly #invoiced: InvoicedOverage;
  /** The instant at which this process tries a refused report again, by the report's id. */
  readonly #restsUntil = new Map<string, Date>();

  constructor(options: Options) {
    this.#options = options;
    this.#lateness = new Lateness(options);
    this.#items = options.items;
    this.#invoiced = options.invoiced;
  }

  /**
   * Delivers an account's reports in the order in which they were frozen, and no further than the first whose outcome is not
   * known: Stripe takes one at a time for a customer, and of two unknown reports the meter's sum would not tell which it has.
   * @param how.refusedToo whether refused reports are tried without a rest
   * @param how.shouldStop is asked before each report
   * @throws Refusal PAYMENT_PROVIDER_ERROR, UNAVAILABLE
   */
  async deliverAll(
    billingEntityId: string,
    customerId: string,
    { refusedToo, shouldStop }: { readonly refusedToo: boolean; readonly shouldStop: () => boolean },
  ): Promise<void> {
    const waiting = await this.#options.reports.undeliveredOf(billingEntityId);
    const delivered = new Set<string>();
    for (const report of waiting) {
      if (shouldStop()) return;
      if (delivered.has(report.id) || (report.state === 'FAILED' && !refusedToo && this.#rests(report))) continue;
      // Reports of one period that are too late and were never tried are billed together.
      const others = waiting.filter(
        (each) => each.id !== report.id && !delivered.has(each.id) && isUntriedOfPeriod(each, report),
      );
      for (const id of await this.#deliver(report, { customerId, others })) delivered.add(id);
    }
  }

  /** @returns ids of the reports that are delivered: this one, and the others that went with it */
  async #deliver(
    report: DeliveredReport,
    { customerId, others }: { readonly customerId: string; readonly others: readonly DeliveredReport[] },
  ): Promise<string[]> {
    const { reports, log } = this.#options;
    const hasLeft = await reports.hasEnded(report);
    const tooLate = await this.#lateness.isTooLate(report, { hasLeft, subscriptionOf: (id) => this.#subscription(id) });
    if (isUnknown(report) && (tooLate || this.#isForgotten(report))) {
      const found = await this.#lookUp(report, customerId);
      if (found === 'taken') {
        await this.#note(report, { state: 'SENT' });
        if (hasLeft) await this.#invoiced.settle(report.billingEntityId, customerId);
        return [];
      }
      if (found !== 'absent') {
        log.error({ report: report.id, found }, 'it cannot be told whether the meter has a report: decide by hand');
        await this.#note(report, { state: 'FAILED', error: found });
        return [];
      }
    }
    // The attempt is on disk before the call, so that after a crash the next process knows that Stripe may have the report.
    const trying = { ...report, state: 'PENDING', attempts: report.attempts + 1, sentAt: null } as const;
    if (!(await reports.note(report, trying))) return [];
    try {
      const together: ReportsOfPeriod = tooLate ? [trying, ...others] : [trying];
      const state = tooLate ? await this.#bill(together, customerId) : await this.#send(trying, customerId);
      for (const each of together) await this.#note(each, { state });
      return together.map(({ id }) => id);
    } catch (error) {
      if (error instanceof StripeRejection) {
        log.error({ err: error, report: report.id }, 'a report of overage was refused');
        await this.#note(trying, { state: 'FAILED', error: error.message });
        return [];
      }
      await this.#note(trying, { state: 'PENDING', error: error instanceof Error ? error.message : String(error) });
      throw error;
    }
  }

  /**
   * Sends a report to the meter. The call has no idempotency key: under a key, Stripe would repeat a 500 for a day. The
   * report's identifier makes it count once.
   */
  async #send(report: DeliveredReport, customerId: string): Promise<'SENT' | 'BILLED'> {
    const { credits, stampedAt } = report;
    try {
      await this.#options.stripe.call('billing.meter_event', (sdk) =>
        sdk.billing.meterEvents.create({
          event_name: OVERAGE_METER,
          identifier: identifierOf(report),
          timestamp: secondsOf(stampedAt),
          payload: { stripe_customer_id: customerId, value: String(credits) },
        }),
      );
    } catch (error) {
      if (!(error instanceof StripeRejection)) throw error;
      if (error.code === 'timestamp_too_far_in_past') return this.#bill([report], customerId);
      if (!isKnownAlready(error)) throw error;
    }
    return 'SENT';
  }

  /** Bills reports of one period, together with what was billed of that period before. */
  async #bill(reports: ReportsOfPeriod, customerId: string): Promise<'BILLED'> {
    const before = await this.#options.reports.billed(reports[0]);
    const credits = reports.reduce((sum, each) => sum + each.credits, before);
    const { subscriptionId, period } = reports[0];
    const subscription = subscriptionId === null ? null : await this.#subscription(subscriptionId);
    await this.#items.bill({ subscriptionId, period, reason: 'LATE' }, credits, { customerId, subscription });
    return 'BILLED';
  }

  /** @returns `taken` or `absent`, as the meter's sum of the report's minute tells; otherwise why it does not tell */
  async #lookUp(report: DeliveredReport, customer: string): Promise<string> {
    const { reports, stripe, catalog } = this.#options;
    const { meter } = await catalog.get();
    // The meter tells sums by the minute, at the finest.
    const from = Math.floor(secondsOf(report.stampedAt) / 60) * 60;
    const to = from + 60;
    let has: bigint;
    try {
      has = await countedBy(stripe, { meter, customer, from, to });
    } catch (error) {
      if (error instanceof StripeRejection) return `${UNDECIDED}${error.message}`;
      throw error;
    }
    const window = { from: instantOf(from), to: instantOf(to), lately: this.#options.clock.now() };
    const { sent } = await reports.sums(report.billingEntityId, window);
    if (has === sent) return 'absent';
    if (has === sent + report.credits) return 'taken';
    return `${UNDECIDED}the meter has ${has} credits in its minute, besides this one ${sent} were sent`;
  }

  /** Notes what became of a report. Where another process noted something meanwhile, that stands. */
  async #note(
    report: DeliveredReport,
    { state, error }: { readonly state: Delivery['state']; readonly error?: string },
  ): Promise<void> {
    const isDone = state === 'SENT' || state === 'BILLED';
    if (isDone) this.#restsUntil.delete(report.id);
    const kept = errorAfter(report, error === undefined ? null : error.slice(0, 500));
    await this.#options.reports.note(report, {
      state,
      attempts: report.attempts,
      error: kept,
      sentAt: isDone ? (report.sentAt ?? this.#options.clock.now()) : null,
    });
  }

  /** null: Stripe does not know it any more. */
  #subscription(id: string): Promise<Stripe.Subscription | null> {
    return orMissing(this.#options.stripe.call('subscription', (sdk) => sdk.subscriptions.retrieve(id)));
  }

  /** True while a refused report is left alone. Trying it at once would only make noise at Stripe, from every process. */
  #rests(report: DeliveredReport): boolean {
    const now = this.#options.clock.now();
    const restMs = Math.min(REST_MS * 2 ** timesRejected(report), LONGEST_REST_MS);
    const until = this.#restsUntil.get(report.id);
    if (until === undefined) this.#restsUntil.set(report.id, new Date(now.getTime() + restMs));
    if (until === undefined || now < until) return true;
    this.#restsUntil.delete(report.id);
    return false;
  }

  /** True if Stripe may have forgotten an identifier that was sent at the report's creation. */
  #isForgotten({ createdAt }: DeliveredReport): boolean {
    return this.#options.clock.now().getTime() - createdAt.getTime() > REMEMBERED_MS;
  }
}

/** Reports of one period. */
type ReportsOfPeriod = readonly [DeliveredReport, ...DeliveredReport[]];

function isKnownAlready({ code, message }: StripeRejection): boolean {
  return code === 'duplicate_meter_event' || message.startsWith('An event already exists with identifier');
}

/**
 * Bills what the meter has and no invoice will have, and says what differs otherwise. The event of a subscription's end and the
 * reconciler come here.
 */
import type { Stripe } from 'stripe';
import type { Clock } from '../../kernel/clock.ts';
import type { DeliveredReport } from '../../ledger/rules/entries.ts';
import type { MeterReports } from '../../subscriptions/meter-reports.ts';
import { orMissing, type StripeClient } from '../account/client.ts';
import { idOf, secondsOf } from '../account/values.ts';
import type { OverageMeters } from '../catalog/overage-meters.ts';
import { hasEnded } from '../sync/affairs.ts';
import { isOurs, type Overage, subscriptionInMark } from './item-marks.ts';
import { type MeteredAffairs, MeteredSpans, subscriptionOfItem } from './metered-spans.ts';
import type { OverageItems } from './overage-items.ts';
import { BILLED_APART, errorAfter, isBilledApart } from './report-state.ts';
import { compare, sumOf } from './unbilled.ts';
import { withoutItem } from './without-item.ts';

/** Reports that are compared: those of the last three months. */
export const COMPARED_MS = 100 * 86_400_000;

interface Options {
  readonly stripe: StripeClient;
  readonly meters: OverageMeters;
  readonly reports: MeterReports;
  readonly items: OverageItems;
  readonly clock: Clock;
}

/** What came of a comparison of an account's overage with invoices. */
export interface InvoicedResult {
  /** Things that were billed now, in words. */
  readonly billed: readonly string[];
  /** Differences that only people can resolve, in words. */
  readonly differences: readonly string[];
}

export class InvoicedOverage {
  readonly #options: Options;
  readonly #spans: MeteredSpans;

  constructor(options: Options) {
    this.#options = options;
    this.#spans = new MeteredSpans(options);
  }

  /**
   * Compares an account's overage with invoices, and bills what none has. Repeating it changes nothing. Callers hold the account's
   * lock.
   * @param present the account's customer; null: there is none any more
   * @throws Refusal PAYMENT_PROVIDER_ERROR, UNAVAILABLE
   */
  async settle(billingEntityId: string, present: string | null): Promise<InvoicedResult> {
    const { reports, clock } = this.#options;
    const since = new Date(clock.now().getTime() - COMPARED_MS);
    const all = await reports.triedOf(billingEntityId, since);
    const results: InvoicedResult[] = [];
    for (const [customer, own] of await this.#byCustomer(all)) {
      const affairs = await this.#spans.of(customer, Math.min(...own.map(({ stampedAt }) => secondsOf(stampedAt))));
      results.push(await this.#waiting(affairs), await this.#unbilled(own, { affairs, since, present }));
    }
    return {
      billed: results.flatMap(({ billed }) => billed),
      differences: results.flatMap(({ differences }) => differences),
    };
  }

  /** The reports by the customer of their subscription: each customer has a meter's sum of its own. */
  async #byCustomer(all: readonly DeliveredReport[]): Promise<ReadonlyMap<string, readonly DeliveredReport[]>> {
    const found = new Map<string, DeliveredReport[]>();
    for (const [id, own] of Map.groupBy(all, ({ subscriptionId }) => subscriptionId)) {
      const subscription = id === null ? null : await this.#subscription(id);
      if (subscription === null) continue;
      const customer = idOf(subscription.customer);
      found.set(customer, [...(found.get(customer) ?? []), ...own]);
    }
    return found;
  }

  /**
   * Invoices the items that wait for the next invoice of a subscription that has ended: without a last invoice they would wait for
   * ever. That of a planned end takes them along. Those of a subscription that is paused beyond its period wait for people.
   */
  async #waiting({ customerId, isDeleted, subscriptions, items, spans }: MeteredAffairs): Promise<InvoicedResult> {
    const result = { billed: [] as string[], differences: [] as string[] };
    const metered = new Set(spans.map(({ itemId }) => itemId));
    const waiting = items.filter((item) => item.invoice === null && (isOurs(item) || metered.has(item.id)));
    const now = secondsOf(this.#options.clock.now());
    for (const subscription of subscriptions.filter((each) => hasEnded(each) || standsStill(each, now))) {
      const own = waiting.filter((item) => (subscriptionOfItem(item) ?? subscriptionInMark(item)) === subscription.id);
      if (own.length === 0) continue;
      const cents = own.reduce((sum, { amount }) => sum + amount, 0);
      if (isDeleted) {
        const words = `${cents} cents of overage waited for the next invoice of ${subscription.id} when ${customerId} was deleted: Stripe can invoice nobody for them any more.`;
        result.differences.push(words);
        continue;
      }
      if (!hasEnded(subscription)) {
        const words = `${subscription.id}: ${cents} cents of overage wait for its next invoice, and it is paused beyond its period: resume or end it.`;
        result.differences.push(words);
        continue;
      }
      await this.#options.items.invoiceWaiting(subscription, own);
      result.billed.push(`${subscription.id}: ${cents} cents of overage waited for its next invoice, and it has ended`);
    }
    return result;
  }

  /** Bills what no line of Stripe's bills, period by period, and compares items of ours with what they are to bill. */
  async #unbilled(
    own: readonly DeliveredReport[],
    {
      affairs,
      since,
      present,
    }: { readonly affairs: MeteredAffairs; readonly since: Date; readonly present: string | null },
  ): Promise<InvoicedResult> {
    const { clock, items } = this.#options;
    const { unbilled, differences } = compare(own, { affairs, since, now: clock.now() });
    // Since the customer was deleted, items may have been made for the one that the payer became.
    const isOther = present !== null && present !== affairs.customerId;
    const made = isOther ? [...affairs.items, ...(await this.#spans.itemsOf(present))] : affairs.items;
    const missing = withoutItem(own, { items: made, customerId: affairs.customerId });
    const result = { billed: [] as string[], differences: [...differences, ...missing] };
    const customerId = present ?? (affairs.isDeleted ? null : affairs.customerId);
    for (const { overage, reports } of byPeriod(unbilled)) {
      const left = reports.filter((report) => !isBilledApart(report));
      if (left.length === 0) continue;
      const subscription = affairs.subscriptions.find(({ id }) => id === overage.subscriptionId) ?? null;
      const start = overage.period.start.toISOString();
      const words = `${overage.subscriptionId}: ${sumOf(left)} credits of overage of the period since ${start} were metered and on no invoice`;
      if (customerId === null) {
        result.differences.push(`${words}, and ${affairs.customerId} was deleted: Stripe can invoice nobody for them.`);
        continue;
      }
      await items.bill(overage, sumOf(reports), { customerId, subscription });
      for (const report of left) await this.#noteApart(report);
      result.billed.push(`${words}: they are billed by an item of their own`);
    }
    return result;
  }

  async #noteApart(report: DeliveredReport): Promise<void> {
    const { attempts, sentAt } = report;
    const delivery = { state: 'SENT', attempts, error: errorAfter(report, BILLED_APART), sentAt } as const;
    await this.#options.reports.note(report, delivery);
  }

  #subscription(id: string): Promise<Stripe.Subscription | null> {
    return orMissing(this.#options.stripe.call('subscription', (sdk) => sdk.subscriptions.retrieve(id)));
  }
}

/** True for a subscription that is paused, and no invoice of which will come by itself any more. */
function standsStill({ status, items }: Stripe.Subscription, now: number): boolean {
  return status === 'paused' && items.data.every(({ current_period_end: end }) => end <= now);
}

/** Reports by subscription and period. */
function byPeriod(reports: readonly DeliveredReport[]): { overage: Overage; reports: readonly DeliveredReport[] }[] {
  const groups = Map.groupBy(reports, ({ subscriptionId, period }) => `${subscriptionId} ${period.start.getTime()}`);
  return [...groups.values()].flatMap((group) => {
    const [first] = group;
    if (first === undefined) return [];
    // An account's period may have been cut since a report was made in it.
    const { subscriptionId, period } = first;
    return [{ overage: { subscriptionId, period, reason: 'UNBILLED' }, reports: group }];
  });
}

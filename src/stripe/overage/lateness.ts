/** Decides whether the meter is still the way to bill a report, or is too late for it (rule 28). */
import type { Stripe } from 'stripe';
import type { Clock } from '../../kernel/clock.ts';
import type { DeliveredReport } from '../../ledger/rules/entries.ts';
import type { StripeClient } from '../account/client.ts';
import { secondsOf } from '../account/values.ts';
import type { OverageMeters } from '../catalog/overage-meters.ts';
import { hasEnded, withAllLines } from '../sync/affairs.ts';

/** Margin around the instant at which an invoice is finalised: Stripe's clock may differ from ours, and the meter needs a moment to count. */
export const MARGIN_S = 60;

/** The meter takes reports 35 days back; an hour less leaves room for whatever is slow. */
const METER_TAKES_S = 35 * 86_400 - 3_600;

interface Options {
  readonly stripe: StripeClient;
  readonly meters: OverageMeters;
  readonly clock: Clock;
}

export class Lateness {
  readonly #options: Options;

  constructor(options: Options) {
    this.#options = options;
  }

  /**
   * Tells whether no invoice would bill the report any more, although the meter may take it. Stripe is asked only where the period is
   * over, or may be over without our having heard.
   * @param of.hasLeft whether the account does not have the report's subscription any more
   * @param of.subscriptionOf fetches the report's subscription; null: Stripe does not know it
   * @throws Refusal PAYMENT_PROVIDER_ERROR
   */
  async isTooLate(
    report: DeliveredReport,
    { hasLeft, subscriptionOf }: { readonly hasLeft: boolean; readonly subscriptionOf: FetchSubscription },
  ): Promise<boolean> {
    const { meters, clock } = this.#options;
    const { subscriptionId, period, stampedAt, createdAt, attempts } = report;
    const [now, stamp] = [secondsOf(clock.now()), secondsOf(stampedAt)];
    // Once a subscription has ended, nothing bills what the meter counts.
    if (subscriptionId === null || stamp < now - METER_TAKES_S) return true;
    const isFresh = attempts === 0 && now < secondsOf(createdAt) + MARGIN_S;
    if (!hasLeft && isFresh && now < secondsOf(period.end) - MARGIN_S) return false;
    const subscription = await subscriptionOf(subscriptionId);
    if (subscription === null) return true;
    const [drafts, final] = await this.#countersOf(subscription, { stamp, now });
    if (final > 0) return true;
    // The period of the item of the meter decides: that of the plan may be another. Without an item nothing counts from now on.
    const items = hasEnded(subscription) ? [] : await meters.itemsOf(subscription);
    return drafts === 0 && !items.some(({ current_period_start: start }) => start <= stamp);
  }

  /** The numbers of the subscription's invoices that count the instant: those that still do, and those that are final or will be at once. */
  async #countersOf(
    { id }: Stripe.Subscription,
    { stamp, now }: { readonly stamp: number; readonly now: number },
  ): Promise<readonly [drafts: number, final: number]> {
    const { stripe, meters } = this.#options;
    const listed = await stripe.list('invoice', (sdk, page) =>
      sdk.invoices.list({ subscription: id, created: { gte: stamp }, ...page }),
    );
    const counts = [0, 0] as [number, number];
    for (const invoice of await Promise.all(listed.map((each) => withAllLines(stripe, each)))) {
      const lines = await meters.billedBy(invoice.lines.data);
      // What an invoice item says was counted when it was made.
      const counting = lines.filter(
        ({ period, parent }) => !isItem(parent) && period.start <= stamp && stamp < period.end,
      );
      if (counting.length > 0) counts[isOpen(invoice, now) ? 0 : 1] += 1;
    }
    return counts;
  }
}

type FetchSubscription = (id: string) => Promise<Stripe.Subscription | null>;

function isOpen({ status, automatically_finalizes_at: finalizesAt }: Stripe.Invoice, now: number): boolean {
  return status === 'draft' && (finalizesAt === null || finalizesAt - MARGIN_S > now);
}

function isItem(parent: Stripe.InvoiceLineItem['parent']): boolean {
  return (parent?.subscription_item_details?.invoice_item ?? parent?.invoice_item_details ?? null) !== null;
}

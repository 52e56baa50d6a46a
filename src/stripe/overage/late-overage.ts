/** Bills overage that is too late for the meter: by an invoice item of its own that names its period (rule 28). */
import type { Stripe } from 'stripe';
import type { Clock } from '../../kernel/clock.ts';
import type { Period } from '../../ledger/rules/periods.ts';
import type { DeliveredReport } from '../../ledger/rules/entries.ts';
import { orMissing, type StripeClient, StripeRejection } from '../account/client.ts';
import { idOf, secondsOf } from '../account/values.ts';
import { CURRENCY, OVERAGE_CENTS } from '../catalog/offers.ts';
import type { OverageMeters } from '../catalog/overage-meters.ts';

/** Margin before an invoice is finalised: Stripe's clock may be ahead of ours, and the meter needs a moment to count. */
const MARGIN_S = 60;

/** The meter takes reports 35 days back; an hour less leaves room for whatever is slow. */
const METER_TAKES_S = 35 * 86_400 - 3_600;

/**
 * Metadata keys by which an item is found again when it is not known whether it was made. The value of the first is the
 * subscription and the period, that of the second the subscription that had ended without an invoice.
 */
const LATE_KEY = 'tollgate_late_overage';
const ENDED_KEY = 'tollgate_ended_subscription';

interface Options {
  readonly stripe: StripeClient;
  readonly meters: OverageMeters;
  readonly clock: Clock;
}

export class LateOverage {
  readonly #stripe: StripeClient;
  readonly #meters: OverageMeters;
  readonly #clock: Clock;

  constructor({ stripe, meters, clock }: Options) {
    this.#stripe = stripe;
    this.#meters = meters;
    this.#clock = clock;
  }

  /**
   * Tells whether no invoice would bill the report any more, although the meter may take it. Stripe is asked only where the period is
   * over, or may be over without our having heard.
   * @param hasEnded whether the account does not have the report's subscription any more
   */
  async isTooLate(report: DeliveredReport, hasEnded: boolean): Promise<boolean> {
    const { subscriptionId, period, stampedAt, createdAt, attempts } = report;
    const [now, stamp] = [secondsOf(this.#clock.now()), secondsOf(stampedAt)];
    // Once a subscription has ended, nothing bills what the meter counts.
    if (subscriptionId === null || stamp < now - METER_TAKES_S) return true;
    const isFresh = attempts === 0 && now < secondsOf(createdAt) + MARGIN_S;
    if (!hasEnded && isFresh && now < secondsOf(period.end) - MARGIN_S) return false;
    const subscription = await this.#subscription(subscriptionId);
    if (subscription === null) return true;
    const invoices = await this.#stripe.list('invoice', (sdk, page) =>
      sdk.invoices.list({ subscription: subscriptionId, created: { gte: stamp }, ...page }),
    );
    // An invoice's own period is the one whose use it bills. What it charges in advance is the next period.
    const own = invoices.filter(({ period_start: start, period_end: end }) => start <= stamp && stamp < end);
    const isOpen = ({ status, automatically_finalizes_at: finalizesAt }: Stripe.Invoice): boolean =>
      status === 'draft' && (finalizesAt === null || finalizesAt - MARGIN_S > now);
    // Invoices of a change of plan lie within the period too, and leave its use to the invoice at the period's end.
    const last = own.filter(({ billing_reason: reason }) => reason === 'subscription_cycle');
    if (last.length > 0) return !last.every(isOpen);
    // Somebody may have started a new billing cycle in the middle of a period, which was billed then.
    const isOver = subscription.ended_at !== null || stamp < lastPeriodStart(subscription);
    return isOver && !own.some(isOpen);
  }

  /**
   * The reports of an ended subscription that the meter has and no invoice bills. A subscription that is ended at once may be
   * left without a last invoice. A subscription that ends as planned gets its last invoice by itself, but use may go on until
   * we hear of the end.
   */
  async unbilled(subscriptionId: string, sent: readonly DeliveredReport[]): Promise<DeliveredReport[]> {
    const subscription = await this.#subscription(subscriptionId);
    if (subscription === null || subscription.ended_at === null) return [];
    const { cancel_at: plannedEnd, ended_at: endedAt } = subscription;
    const isPlanned = plannedEnd !== null && endedAt >= plannedEnd;
    const since = isPlanned ? endedAt : lastPeriodStart(subscription);
    const last = sent.filter(({ stampedAt }) => secondsOf(stampedAt) >= since);
    if (last.length === 0) return [];
    const invoices = await this.#stripe.list('invoice', (sdk, page) =>
      sdk.invoices.list({ subscription: subscriptionId, created: { gte: since }, ...page }),
    );
    const billed = await Promise.all(
      invoices.map(async (each) => ({ ...each, lines: await this.#meters.linesOf(await this.#linesOf(each)) })),
    );
    const periods = billed.flatMap(({ lines, status_transitions: { finalized_at: finalizedAt } }) =>
      lines.map(({ period }) => ({ ...period, finalizedAt: finalizedAt ?? Infinity })),
    );
    // A report that was sent after an invoice was final is not on that invoice.
    return last.filter(({ stampedAt, sentAt }) => {
      const [stamp, sent] = [secondsOf(stampedAt), secondsOf(sentAt ?? stampedAt)];
      return !periods.some(({ start, end, finalizedAt }) => start <= stamp && stamp < end && sent <= finalizedAt);
    });
  }

  /**
   * Bills the reports of a period that the meter did not take in time, by one item: on the subscription's next invoice or,
   * where there is none, on an invoice of its own.
   * @param report any report of the period
   * @param credits the total that such items are to have billed of the period. A repetition with a higher total adds only
   *   the difference
   */
  async bill(report: DeliveredReport, credits: bigint, customerId: string): Promise<void> {
    const { subscriptionId, period } = report;
    const subscription = subscriptionId === null ? null : await this.#subscription(subscriptionId);
    const mark = { [LATE_KEY]: `${subscriptionId ?? 'none'} ${secondsOf(period.start)}` };
    const nextInvoiceOf = subscription?.ended_at === null ? subscription.id : null;
    await this.#billUpTo({ customerId, credits, period, nextInvoiceOf, mark, subscription });
  }

  /**
   * Bills the reports of an ended subscription. A repetition with more reports adds only the difference.
   * @param reports all reports that no invoice of the subscription bills
   */
  async billEnded(
    subscriptionId: string,
    reports: readonly [DeliveredReport, ...DeliveredReport[]],
    customerId: string,
  ): Promise<void> {
    const end = new Date(Math.max(...reports.map(({ stampedAt }) => stampedAt.getTime())));
    await this.#billUpTo({
      customerId,
      credits: reports.reduce((sum, each) => sum + each.credits, 0n),
      period: { start: reports[0].period.start, end },
      nextInvoiceOf: null,
      mark: { [ENDED_KEY]: subscriptionId },
      subscription: await this.#subscription(subscriptionId),
    });
  }

  /** Keeps one waiting item per mark, so that cents are rounded once. Items that an invoice has taken stay as they are. */
  async #billUpTo({
    subscription,
    ...item
  }: OverageItem & { readonly subscription: Stripe.Subscription | null }): Promise<void> {
    const made = await this.#itemsOf(item.customerId, item.mark);
    const waiting = made.find(({ invoice }) => invoice === null);
    const invoiced = made
      .filter(({ invoice }) => invoice !== null)
      .reduce((sum, { quantity }) => sum + BigInt(quantity), 0n);
    const credits = item.credits - invoiced;
    if (credits <= 0n) return;
    const key = ['overage', ...Object.values(item.mark), invoiced, credits, item.nextInvoiceOf ?? 'alone'].join('/');
    if (waiting === undefined) await this.#createItem({ ...item, credits }, key);
    else if (BigInt(waiting.quantity) !== credits) {
      await this.#stripe.call('invoiceitem', (sdk) =>
        sdk.invoiceItems.update(waiting.id, { quantity: Number(credits) }),
      );
    }
    if (item.nextInvoiceOf === null) {
      await this.#invoice({ customerId: item.customerId, subscription, key: `${key}/invoice` });
    }
  }

  #createItem(
    { customerId, credits, period, nextInvoiceOf, mark }: OverageItem,
    key: string,
  ): Promise<Stripe.InvoiceItem> {
    return this.#stripe.call('invoiceitem', (sdk) =>
      sdk.invoiceItems.create(
        {
          customer: customerId,
          currency: CURRENCY,
          quantity: Number(credits),
          unit_amount_decimal: OVERAGE_CENTS,
          description: `Overage credits used from ${dayOf(period.start)} to ${dayOf(period.end)}`,
          period: { start: secondsOf(period.start), end: secondsOf(period.end) },
          metadata: mark,
          ...(nextInvoiceOf !== null && { subscription: nextInvoiceOf }),
        },
        { idempotencyKey: key },
      ),
    );
  }

  /**
   * Makes an invoice of the items that wait. It names the subscription's card, because Checkout gives the card only to the
   * subscription: without a name, nobody would be charged.
   */
  async #invoice({
    customerId,
    subscription,
    key,
  }: {
    readonly customerId: string;
    readonly subscription: Stripe.Subscription | null;
    readonly key: string;
  }): Promise<void> {
    const method = subscription?.default_payment_method ?? (await this.#anyCardOf(customerId));
    const create = (terms: { default_payment_method?: string }, idempotencyKey: string): Promise<Stripe.Invoice> =>
      this.#stripe.call('invoice', (sdk) =>
        sdk.invoices.create(
          { customer: customerId, pending_invoice_items_behavior: 'include', auto_advance: true, ...terms },
          { idempotencyKey },
        ),
      );
    try {
      await create(method === null ? {} : { default_payment_method: idOf(method) }, key);
    } catch (error) {
      if (method === null || !(error instanceof StripeRejection)) throw error;
      // The card may have been taken away since.
      await create({}, `${key}/any-card`);
    }
  }

  /** The card of the newest subscription that has one. Reservations may be settled after the last subscription has ended. */
  async #anyCardOf(customer: string): Promise<string | null> {
    const all = await this.#stripe.list('subscription', (sdk, page) =>
      sdk.subscriptions.list({ customer, status: 'all', ...page }),
    );
    const method = all.find((each) => each.default_payment_method !== null)?.default_payment_method ?? null;
    return method === null ? null : idOf(method);
  }

  /** A list of invoices has only the first lines of each. */
  async #linesOf({ id, lines }: Stripe.Invoice): Promise<readonly Stripe.InvoiceLineItem[]> {
    if (!lines.has_more) return lines.data;
    return this.#stripe.list('line_item', (sdk, page) => sdk.invoices.listLineItems(id, page));
  }

  /** The items that bear the mark. Stripe forgets idempotency keys after a day, and keeps items. */
  async #itemsOf(customer: string, mark: Mark): Promise<Stripe.InvoiceItem[]> {
    const items = await this.#stripe.list('invoiceitem', (sdk, page) => sdk.invoiceItems.list({ customer, ...page }));
    return items.filter(({ metadata }) => Object.entries(mark).every(([key, value]) => metadata?.[key] === value));
  }

  /** null: Stripe does not know it any more. */
  #subscription(id: string): Promise<Stripe.Subscription | null> {
    return orMissing(this.#stripe.call('subscription', (sdk) => sdk.subscriptions.retrieve(id)));
  }
}

/** An invoice item for overage. */
interface OverageItem {
  readonly customerId: string;
  readonly credits: bigint;
  readonly period: Period;
  /** The subscription on whose next invoice it goes; null: it gets an invoice of its own. */
  readonly nextInvoiceOf: string | null;
  readonly mark: Mark;
}

type Mark = Readonly<Record<string, string>>;

/** Start of a subscription's running period, or of its last one. */
function lastPeriodStart({ items }: Stripe.Subscription): number {
  return Math.min(...items.data.map((item) => item.current_period_start));
}

function dayOf(instant: Date): string {
  return instant.toISOString().slice(0, 10);
}

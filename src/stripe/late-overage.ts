/** Overage that is too late for the meter: billed by an item of its own that names its period (rule 28). */
import type { Stripe } from 'stripe';
import type { Clock } from '../clock.ts';
import type { Period } from '../credits/periods.ts';
import type { DeliveredReport } from '../subscriptions/meter-reports.ts';
import { type CatalogIds, CURRENCY, OVERAGE_CENTS } from './catalog.ts';
import { orMissing, type StripeClient, StripeRejection } from './client.ts';
import { idOf } from './provider-state.ts';

/** Stripe's clock may be ahead of ours, and what is sent must have been counted when the invoice is finalised. */
const MARGIN_S = 60;

/** How far back the meter takes what is reported to it, less an hour for whatever is slow. */
const METER_TAKES_S = 35 * 86_400 - 3_600;

/** What an item is found again by, when it is not known whether it was made: the report that it bills, */
const REPORT_KEY = 'tollgate_report';
/** or the subscription that had ended without an invoice. */
const ENDED_KEY = 'tollgate_ended_subscription';

interface Options {
  readonly stripe: StripeClient;
  readonly catalog: CatalogIds;
  readonly clock: Clock;
}

export class LateOverage {
  readonly #stripe: StripeClient;
  readonly #catalog: CatalogIds;
  readonly #clock: Clock;

  constructor({ stripe, catalog, clock }: Options) {
    this.#stripe = stripe;
    this.#catalog = catalog;
    this.#clock = clock;
  }

  /**
   * Whether what the meter would take now is on no invoice any more. Asks Stripe only where the period is over.
   * @param hasEnded whether the account has its subscription no more
   */
  async isTooLate({ subscriptionId, period, stampedAt }: DeliveredReport, hasEnded: boolean): Promise<boolean> {
    const [now, stamp] = [secondsOf(this.#clock.now()), secondsOf(stampedAt)];
    // After the subscription had ended there is nothing that would bill what the meter counts.
    if (subscriptionId === null || stamp < now - METER_TAKES_S) return true;
    if (!hasEnded && now < secondsOf(period.end) - MARGIN_S) return false;
    const subscription = await this.#subscription(subscriptionId);
    if (subscription === null) return true;
    const invoices = await this.#stripe.list('invoice', (sdk, page) =>
      sdk.invoices.list({ subscription: subscriptionId, created: { gte: stamp }, ...page }),
    );
    // An invoice's own period is the one whose use it bills. What was paid in advance is another one.
    const own = invoices.filter(({ period_start: start, period_end: end }) => start <= stamp && stamp < end);
    const isOpen = ({ status, automatically_finalizes_at: finalizesAt }: Stripe.Invoice): boolean =>
      status === 'draft' && (finalizesAt === null || finalizesAt - MARGIN_S > now);
    // Changes of plan within the period have invoices, too, and leave its use to the one at its end.
    const last = own.filter(({ billing_reason: reason }) => reason === 'subscription_cycle');
    if (last.length > 0) return !last.every(isOpen);
    // Somebody may have begun the cycle anew in the middle of a period, which was billed then.
    const isOver = subscription.ended_at !== null || stamp < begunAt(subscription);
    return isOver && !own.some(isOpen);
  }

  /**
   * Of what the meter has of a subscription that ended: what nobody bills any more. Whoever ends one at once may leave it
   * without an invoice. One that ends when it was told to gets its last invoice by itself, and use goes on until we hear.
   */
  async unbilled(subscriptionId: string, sent: readonly DeliveredReport[]): Promise<DeliveredReport[]> {
    const subscription = await this.#subscription(subscriptionId);
    if (subscription === null || subscription.ended_at === null) return [];
    const { cancel_at: plannedEnd, ended_at: endedAt } = subscription;
    const isPlanned = plannedEnd !== null && endedAt >= plannedEnd;
    const since = isPlanned ? endedAt : begunAt(subscription);
    const last = sent.filter(({ stampedAt }) => secondsOf(stampedAt) >= since);
    if (last.length === 0) return [];
    const { overagePrice } = await this.#catalog.get();
    const invoices = await this.#stripe.list('invoice', (sdk, page) =>
      sdk.invoices.list({ subscription: subscriptionId, created: { gte: since }, ...page }),
    );
    const lines = (await Promise.all(invoices.map((each) => this.#linesOf(each)))).flat();
    const periods = lines
      .filter(({ pricing }) => pricing?.price_details?.price === overagePrice)
      .map(({ period }) => period);
    return last.filter(({ stampedAt }) => {
      const stamp = secondsOf(stampedAt);
      return !periods.some(({ start, end }) => start <= stamp && stamp < end);
    });
  }

  /** Bills it once, however often this is called: on the subscription's next invoice or, where there is none, on its own. */
  async bill(report: DeliveredReport, customerId: string): Promise<void> {
    const { id, subscriptionId, credits, period } = report;
    const subscription = subscriptionId === null ? null : await this.#subscription(subscriptionId);
    const nextInvoiceOf = subscription?.ended_at === null ? subscription.id : null;
    const [made] = await this.#itemsOf(customerId, { [REPORT_KEY]: id });
    const due = { customerId, credits, period, nextInvoiceOf, mark: { [REPORT_KEY]: id } };
    // Whether the subscription goes on may change between two tries, and a key stands for one set of parameters.
    const key = `overage/${id}/${nextInvoiceOf === null ? 'alone' : 'subscription'}`;
    const item = made ?? (await this.#createItem(due, key));
    if (item.invoice !== null || nextInvoiceOf !== null) return;
    await this.#invoice({ customerId, subscription, key: `overage/${id}/invoice` });
  }

  /**
   * Bills what a subscription that ended left behind: again, and with more reports, only what was not billed before.
   * @param reports all of them that no invoice of the subscription bills
   */
  async billEnded(
    subscriptionId: string,
    reports: readonly [DeliveredReport, ...DeliveredReport[]],
    customerId: string,
  ): Promise<void> {
    const mark = { [ENDED_KEY]: subscriptionId };
    const made = await this.#itemsOf(customerId, mark);
    const billed = made.reduce((sum, { quantity }) => sum + BigInt(quantity), 0n);
    const credits = reports.reduce((sum, each) => sum + each.credits, 0n) - billed;
    if (credits > 0n) {
      const end = new Date(Math.max(...reports.map(({ stampedAt }) => stampedAt.getTime())));
      const period = { start: reports[0].period.start, end };
      const due = { customerId, credits, period, nextInvoiceOf: null, mark };
      made.push(await this.#createItem(due, `overage/${subscriptionId}/ended/${billed}`));
    }
    if (made.every(({ invoice }) => invoice !== null)) return;
    const subscription = await this.#subscription(subscriptionId);
    await this.#invoice({ customerId, subscription, key: `overage/${subscriptionId}/ended/${billed}/invoice` });
  }

  #createItem({ customerId, credits, period, nextInvoiceOf, mark }: Due, key: string): Promise<Stripe.InvoiceItem> {
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
   * An invoice of its own for what waits. Checkout gave the card to the subscription alone: without naming it nobody
   * would be charged.
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
    const method = subscription?.default_payment_method ?? null;
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

  /** A list of invoices has the first lines of each. */
  async #linesOf({ id, lines }: Stripe.Invoice): Promise<readonly Stripe.InvoiceLineItem[]> {
    if (!lines.has_more) return lines.data;
    return this.#stripe.list('line_item', (sdk, page) => sdk.invoices.listLineItems(id, page));
  }

  /** Those that bear the mark. Keys are forgotten after a day; items are not. */
  async #itemsOf(customer: string, mark: Mark): Promise<Stripe.InvoiceItem[]> {
    const items = await this.#stripe.list('invoiceitem', (sdk, page) => sdk.invoiceItems.list({ customer, ...page }));
    return items.filter(({ metadata }) => Object.entries(mark).every(([key, value]) => metadata?.[key] === value));
  }

  /** null: Stripe knows it no more. */
  #subscription(id: string): Promise<Stripe.Subscription | null> {
    return orMissing(this.#stripe.call('subscription', (sdk) => sdk.subscriptions.retrieve(id)));
  }
}

/** What an item is made of. */
interface Due {
  readonly customerId: string;
  readonly credits: bigint;
  readonly period: Period;
  /** null: an invoice of its own. */
  readonly nextInvoiceOf: string | null;
  readonly mark: Mark;
}

type Mark = Readonly<Record<string, string>>;

/** When the period began that is a subscription's last, or runs. */
function begunAt({ items }: Stripe.Subscription): number {
  return Math.min(...items.data.map((item) => item.current_period_start));
}

/** Whole seconds, as Stripe counts; what has begun within one belongs to it. */
export function secondsOf(instant: Date): number {
  return Math.floor(instant.getTime() / 1_000);
}

function dayOf(instant: Date): string {
  return instant.toISOString().slice(0, 10);
}

/** Overage that is too late for the meter: billed by an item of its own that names its period (rule 28). */
import type { Stripe } from 'stripe';
import type { Clock } from '../../kernel/clock.ts';
import type { Period } from '../../ledger/rules/periods.ts';
import type { DeliveredReport } from '../../subscriptions/meter-reports.ts';
import { type CatalogIds, CURRENCY, OVERAGE_CENTS } from '../catalog.ts';
import { orMissing, type StripeClient, StripeRejection } from '../client.ts';
import { idOf } from '../sync/provider-state.ts';

/** Stripe's clock may be ahead of ours, and what is sent must have been counted when the invoice is finalised. */
const MARGIN_S = 60;

/** How far back the meter takes what is reported to it, less an hour for whatever is slow. */
const METER_TAKES_S = 35 * 86_400 - 3_600;

/** What an item is found again by, when it is not known whether it was made: the subscription and period that it is of, */
const LATE_KEY = 'tollgate_late_overage';
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
   * Whether what the meter would take now is on no invoice any more. Asks Stripe only where the period is over, or may be
   * without our having heard.
   * @param hasEnded whether the account has its subscription no more
   */
  async isTooLate(report: DeliveredReport, hasEnded: boolean): Promise<boolean> {
    const { subscriptionId, period, stampedAt, createdAt, attempts } = report;
    const [now, stamp] = [secondsOf(this.#clock.now()), secondsOf(stampedAt)];
    // After the subscription had ended there is nothing that would bill what the meter counts.
    if (subscriptionId === null || stamp < now - METER_TAKES_S) return true;
    const isFresh = attempts === 0 && now < secondsOf(createdAt) + MARGIN_S;
    if (!hasEnded && isFresh && now < secondsOf(period.end) - MARGIN_S) return false;
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
    const billed = await Promise.all(invoices.map(async (each) => ({ ...each, lines: await this.#linesOf(each) })));
    const periods = billed.flatMap(({ lines, status_transitions: { finalized_at: finalizedAt } }) =>
      lines
        .filter(({ pricing }) => pricing?.price_details?.price === overagePrice)
        .map(({ period }) => ({ ...period, finalizedAt: finalizedAt ?? Infinity })),
    );
    // What was sent when an invoice was final is not on it.
    return last.filter(({ stampedAt, sentAt }) => {
      const [stamp, sent] = [secondsOf(stampedAt), secondsOf(sentAt ?? stampedAt)];
      return !periods.some(({ start, end, finalizedAt }) => start <= stamp && stamp < end && sent <= finalizedAt);
    });
  }

  /**
   * Bills what of a subscription's period the meter did not take in time, by one item: on the subscription's next invoice
   * or, where there is none, on one of its own.
   * @param of any report of the period
   * @param credits all that such items are to have billed of it: again, and with more, only the difference is added
   */
  async bill({ subscriptionId, period }: DeliveredReport, credits: bigint, customerId: string): Promise<void> {
    const subscription = subscriptionId === null ? null : await this.#subscription(subscriptionId);
    const mark = { [LATE_KEY]: `${subscriptionId ?? 'none'} ${secondsOf(period.start)}` };
    const nextInvoiceOf = subscription?.ended_at === null ? subscription.id : null;
    await this.#billUpTo({ customerId, credits, period, nextInvoiceOf, mark, subscription });
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

  /** Of one mark there is one item that waits, so that cents are rounded once; what an invoice has taken stays as it is. */
  async #billUpTo({
    subscription,
    ...due
  }: ScheduledEvent & { readonly subscription: Stripe.Subscription | null }): Promise<void> {
    const made = await this.#itemsOf(due.customerId, due.mark);
    const waiting = made.find(({ invoice }) => invoice === null);
    const invoiced = made
      .filter(({ invoice }) => invoice !== null)
      .reduce((sum, { quantity }) => sum + BigInt(quantity), 0n);
    const credits = due.credits - invoiced;
    if (credits <= 0n) return;
    const key = ['overage', ...Object.values(due.mark), invoiced, credits, due.nextInvoiceOf ?? 'alone'].join('/');
    if (waiting === undefined) await this.#createItem({ ...due, credits }, key);
    else if (BigInt(waiting.quantity) !== credits) {
      await this.#stripe.call('invoiceitem', (sdk) =>
        sdk.invoiceItems.update(waiting.id, { quantity: Number(credits) }),
      );
    }
    if (due.nextInvoiceOf === null) {
      await this.#invoice({ customerId: due.customerId, subscription, key: `${key}/invoice` });
    }
  }

  #createItem(
    { customerId, credits, period, nextInvoiceOf, mark }: ScheduledEvent,
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

  /** The card of the newest subscription that has one: holds are settled after the last one has ended. */
  async #anyCardOf(customer: string): Promise<string | null> {
    const all = await this.#stripe.list('subscription', (sdk, page) =>
      sdk.subscriptions.list({ customer, status: 'all', ...page }),
    );
    const method = all.find((each) => each.default_payment_method !== null)?.default_payment_method ?? null;
    return method === null ? null : idOf(method);
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
interface ScheduledEvent {
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

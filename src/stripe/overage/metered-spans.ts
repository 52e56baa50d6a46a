/** Use that Stripe's own lines bill: of invoices, of items that wait for one, and of periods that still run. */
import type { Stripe } from 'stripe';
import { orMissing, type StripeClient } from '../account/client.ts';
import { idOf } from '../account/values.ts';
import type { OverageMeters } from '../catalog/overage-meters.ts';
import { hasEnded, invoiceItemsOf, subscriptionOf, subscriptionsOf, withAllLines } from '../sync/affairs.ts';

/** A span of time whose use one line of Stripe's bills. Instants are in seconds. */
export interface MeteredSpan {
  /** The line's place, in words for people. */
  readonly name: string;
  readonly subscriptionId: string | null;
  /** The invoice item that it is, or was before it came on an invoice; null: it is none. */
  readonly itemId: string | null;
  readonly start: number;
  /** The first second that is not in it; Infinity: the period still runs. */
  readonly end: number;
  readonly credits: bigint;
  /** The instant from which it counts nothing more; null: it still counts. */
  readonly finalAt: number | null;
  /** The end of a period that does not turn, because the subscription is paused; null: it turns by itself, or has. */
  readonly stillAt: number | null;
  /** Nobody has to pay it, because its invoice was voided. */
  readonly isVoid: boolean;
}

/** Everything of a customer that tells what of their use is billed, and how. */
export interface MeteredAffairs {
  readonly customerId: string;
  /** The customer was deleted: nothing can be billed to it any more. */
  readonly isDeleted: boolean;
  /** All of them, the ended ones too. */
  readonly subscriptions: readonly Stripe.Subscription[];
  readonly invoices: readonly Stripe.Invoice[];
  /** All of them, those on invoices too. */
  readonly items: readonly Stripe.InvoiceItem[];
  readonly spans: readonly MeteredSpan[];
}

export class MeteredSpans {
  readonly #stripe: StripeClient;
  readonly #meters: OverageMeters;

  constructor({ stripe, meters }: { readonly stripe: StripeClient; readonly meters: OverageMeters }) {
    this.#stripe = stripe;
    this.#meters = meters;
  }

  /**
   * The affairs of a customer, as far as use since then is concerned.
   * @param since in seconds
   * @throws Refusal PAYMENT_PROVIDER_ERROR
   */
  async of(customer: string, since: number): Promise<MeteredAffairs> {
    const stripe = this.#stripe;
    const [found, subscriptions, listed, items] = await Promise.all([
      orMissing(stripe.call('customer', (sdk) => sdk.customers.retrieve(customer))),
      listOf(subscriptionsOf(stripe, customer)),
      listOf(stripe.list('invoice', (sdk, page) => sdk.invoices.list({ customer, created: { gte: since }, ...page }))),
      this.itemsOf(customer),
    ]);
    const invoices = await Promise.all(listed.map((each) => withAllLines(stripe, each)));
    const spans = [
      ...(await Promise.all(invoices.map((each) => this.#ofInvoice(each, items)))).flat(),
      ...(await this.#waiting(items)),
      ...(await Promise.all(subscriptions.map((each) => this.#running(each)))).flat(),
    ];
    return {
      customerId: customer,
      isDeleted: found === null || found.deleted === true,
      subscriptions,
      invoices,
      items,
      spans,
    };
  }

  /** All invoice items of a customer, those on invoices too. @throws Refusal PAYMENT_PROVIDER_ERROR */
  itemsOf(customer: string): Promise<Stripe.InvoiceItem[]> {
    return listOf(invoiceItemsOf(this.#stripe, customer));
  }

  /** The spans of an invoice's lines. */
  async #ofInvoice(invoice: Stripe.Invoice, items: readonly Stripe.InvoiceItem[]): Promise<MeteredSpan[]> {
    const finalizedAt = invoice.status_transitions.finalized_at;
    return (await this.#meters.billedBy(invoice.lines.data)).map((line) => {
      const item = items.find(({ id }) => id === itemOfLine(line));
      const of = line.parent?.subscription_item_details ?? line.parent?.invoice_item_details ?? null;
      return {
        name: `invoice ${invoice.id}`,
        subscriptionId: of?.subscription ?? subscriptionOf(invoice),
        itemId: itemOfLine(line),
        ...line.period,
        credits: BigInt(line.quantity ?? 0),
        // An item counted when it was made; a line counts until its invoice is final.
        finalAt: item?.date ?? finalizedAt ?? (invoice.status === 'draft' ? null : invoice.created),
        stillAt: null,
        isVoid: invoice.status === 'void',
      };
    });
  }

  /** The spans of items that no invoice has taken yet: Stripe may note use so, for example where it pauses a subscription. */
  async #waiting(items: readonly Stripe.InvoiceItem[]): Promise<MeteredSpan[]> {
    const billing = await this.#meters.billedBy(items.filter(({ invoice }) => invoice === null));
    return billing.map((item) => ({
      name: `the waiting item ${item.id}`,
      subscriptionId: subscriptionOfItem(item),
      itemId: item.id,
      ...item.period,
      credits: BigInt(item.quantity),
      finalAt: item.date,
      stillAt: null,
      isVoid: false,
    }));
  }

  /** The running periods of a subscription's items of the meter. Each has its own, as intervals may be mixed. */
  async #running(subscription: Stripe.Subscription): Promise<MeteredSpan[]> {
    if (hasEnded(subscription)) return [];
    return (await this.#meters.itemsOf(subscription)).map((item) => ({
      name: `the next invoice of ${subscription.id}`,
      subscriptionId: subscription.id,
      itemId: null,
      start: item.current_period_start,
      end: Infinity,
      credits: 0n,
      finalAt: null,
      stillAt: subscription.status === 'paused' ? item.current_period_end : null,
      isVoid: false,
    }));
  }
}

/** A list; empty: Stripe may have none of a customer who was deleted. */
async function listOf<T>(list: Promise<T[]>): Promise<T[]> {
  return (await orMissing(list)) ?? [];
}

/** The subscription on whose invoice an item is to go; null: on any. */
export function subscriptionOfItem({ parent }: Pick<Stripe.InvoiceItem, 'parent'>): string | null {
  const of = parent?.subscription_details?.subscription;
  return of === undefined ? null : idOf(of);
}

/** The invoice item that a line was before; null: it was none. */
function itemOfLine({ parent }: Stripe.InvoiceLineItem): string | null {
  return parent?.invoice_item_details?.invoice_item ?? parent?.subscription_item_details?.invoice_item ?? null;
}

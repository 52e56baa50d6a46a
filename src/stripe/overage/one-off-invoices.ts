/** Invoices of nothing but overage, for whom no other invoice will come soon. */
import type { Stripe } from 'stripe';
import { orMissing, type StripeClient, StripeRejection } from '../account/client.ts';
import { idOf } from '../account/values.ts';
import { CURRENCY, OVERAGE_CENTS } from '../catalog/offers.ts';
import { invoiceItemsOf, subscriptionsOf } from '../sync/affairs.ts';
import { isOurs } from './item-marks.ts';

/** The metadata key of a copy. Its value is the item that it takes the place of. */
const COPY_KEY = 'tollgate_copy_of';

/** Days to pay an invoice that is sent, where the subscription does not say. */
const DAYS_UNTIL_DUE = 30;

/** Drafts that are made for one invoice, before it is given up: each is final after an hour, unless somebody finalised it. */
const MOST_DRAFTS = 5;

/** The payer of an invoice. */
interface Payer {
  readonly customerId: string;
  /** The subscription in whose way the invoice is paid; null: Stripe does not know it any more. */
  readonly subscription: Stripe.Subscription | null;
}

export class OneOffInvoices {
  readonly #stripe: StripeClient;

  constructor(stripe: StripeClient) {
    this.#stripe = stripe;
  }

  /**
   * Makes one invoice of these items, and of nothing else that may wait. Items that an invoice has already are left alone, so that
   * it can be repeated after a crash.
   * @param to.key begins the idempotency keys
   * @throws Refusal PAYMENT_PROVIDER_ERROR
   */
  async bill(items: readonly Stripe.InvoiceItem[], { key, ...payer }: Payer & { readonly key: string }): Promise<void> {
    if (items.every(({ invoice }) => invoice !== null)) return;
    const draft = await this.#draft(payer, `${key}/invoice`);
    for (const item of items) if (item.invoice === null) await this.#put(item, draft.id);
  }

  /** A draft without lines. Stripe repeats its answer under a key, whatever became of the draft since: that leads on to another key. */
  async #draft(payer: Payer, first: string): Promise<Stripe.Invoice> {
    let key = first;
    for (let tries = 0; tries < MOST_DRAFTS; tries += 1) {
      const made = await this.#create(payer, key);
      const now = await orMissing(this.#stripe.call('invoice', (sdk) => sdk.invoices.retrieve(made.id)));
      if (now?.status === 'draft') return now;
      key = `${first}/after-${made.id}`;
    }
    throw new Error(`Stripe leaves no invoice of ${payer.customerId} a draft for long enough to put overage on it`);
  }

  /**
   * Creates a draft that is paid as the subscription was. It names the card, because Checkout gives the card only to the
   * subscription: without a name, nobody would be charged.
   */
  async #create({ customerId, subscription }: Payer, key: string): Promise<Stripe.Invoice> {
    const create = (terms: Stripe.InvoiceCreateParams, idempotencyKey: string): Promise<Stripe.Invoice> =>
      this.#stripe.call('invoice', (sdk) =>
        sdk.invoices.create(
          {
            customer: customerId,
            currency: CURRENCY,
            pending_invoice_items_behavior: 'exclude',
            auto_advance: true,
            ...terms,
          },
          { idempotencyKey },
        ),
      );
    if (subscription?.collection_method === 'send_invoice') {
      const days = subscription.days_until_due ?? DAYS_UNTIL_DUE;
      return create({ collection_method: 'send_invoice', days_until_due: days }, key);
    }
    const method = subscription?.default_payment_method ?? (await this.#anyCardOf(customerId));
    try {
      return await create(method === null ? {} : { default_payment_method: idOf(method) }, key);
    } catch (error) {
      if (method === null || !(error instanceof StripeRejection)) throw error;
      // The card may have been taken away since.
      return create({}, `${key}/any-card`);
    }
  }

  /** Puts an item on a draft. Where Stripe does not move it, because it belongs to a subscription, a copy without one takes its place. */
  async #put(item: Stripe.InvoiceItem, draft: string): Promise<void> {
    try {
      await this.#assign(item.id, draft);
    } catch (error) {
      const isFixed = error instanceof StripeRejection && item.parent !== null && isOurs(item);
      if (!isFixed) throw error;
      const now = await orMissing(this.#stripe.call('invoiceitem', (sdk) => sdk.invoiceItems.retrieve(item.id)));
      if (now === null || now.invoice === null) await this.#replace(item, draft);
    }
  }

  async #assign(item: string, draft: string): Promise<void> {
    await this.#stripe.call('invoice', (sdk) => sdk.invoices.addLines(draft, { lines: [{ invoice_item: item }] }));
  }

  /** Puts a copy on a draft. The copy is made first: after a crash in between it is found by its mark. */
  async #replace(item: Stripe.InvoiceItem, draft: string): Promise<void> {
    const copy = (await this.#copyOf(item)) ?? (await this.#copy(item));
    try {
      await orMissing(this.#stripe.call('invoiceitem', (sdk) => sdk.invoiceItems.del(item.id)));
    } catch (error) {
      if (!(error instanceof StripeRejection)) throw error;
      // Somebody has just invoiced it.
      await orMissing(this.#stripe.call('invoiceitem', (sdk) => sdk.invoiceItems.del(copy.id)));
      return;
    }
    if (copy.invoice === null) await this.#assign(copy.id, draft);
  }

  async #copyOf({ id, customer }: Stripe.InvoiceItem): Promise<Stripe.InvoiceItem | null> {
    const items = await invoiceItemsOf(this.#stripe, idOf(customer));
    return items.find(({ metadata }) => metadata?.[COPY_KEY] === id) ?? null;
  }

  #copy({ id, customer, quantity, description, period, metadata }: Stripe.InvoiceItem): Promise<Stripe.InvoiceItem> {
    return this.#stripe.call('invoiceitem', (sdk) =>
      sdk.invoiceItems.create(
        {
          customer: idOf(customer),
          currency: CURRENCY,
          quantity,
          unit_amount_decimal: OVERAGE_CENTS,
          ...(description !== null && { description }),
          period: { start: period.start, end: period.end },
          metadata: { ...metadata, [COPY_KEY]: id },
        },
        { idempotencyKey: `overage/copy/${id}` },
      ),
    );
  }

  /** The card of the newest subscription that has one. Reservations may be settled after the last subscription has ended. */
  async #anyCardOf(customer: string): Promise<string | null> {
    const all = await subscriptionsOf(this.#stripe, customer);
    const method = all.find((each) => each.default_payment_method !== null)?.default_payment_method ?? null;
    return method === null ? null : idOf(method);
  }
}

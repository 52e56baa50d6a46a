/** Invoices as Stripe has them, kept for a few seconds. */
import { LRUCache } from 'lru-cache';
import type { Stripe } from 'stripe';
import { checkPage, decodeCursor, type Page, type PageRequest, toPage } from '../../kernel/pagination.ts';
import { Refusal } from '../../kernel/refusal.ts';
import type { CatalogIds } from '../catalog.ts';
import { isMissing, type StripeClient, StripeRejection } from '../client.ts';
import type { Customers } from '../customers.ts';
import { chooseSubscription, idOf } from '../sync/provider-state.ts';

export interface Invoice {
  readonly id: string;
  readonly number: string | null;
  readonly status: string;
  readonly totalCents: number;
  readonly currency: string;
  readonly periodStart: Date;
  readonly periodEnd: Date;
  readonly hostedUrl: string | null;
  readonly pdfUrl: string | null;
  readonly createdAt: Date;
}

export interface UpcomingInvoice {
  readonly totalCents: number;
  readonly overageCents: number;
  readonly currency: string;
  readonly dueAt: Date;
}

interface Options {
  readonly stripe: StripeClient;
  readonly catalog: CatalogIds;
  readonly customers: Customers;
}

/** Long enough for a page that is drawn, short enough for who has just paid on another process. */
const KEPT_MS = 10_000;
const KEPT_CUSTOMERS = 1_000;

const INVOICE_ID = /^in_\w{1,250}$/;

export class Invoices {
  readonly #options: Options;
  /** Answers by what was asked, for each customer: all of them end with the customer's next change. */
  readonly #kept = new LRUCache<string, Map<string, Promise<unknown>>>({ max: KEPT_CUSTOMERS, ttl: KEPT_MS });

  constructor(options: Options) {
    this.#options = options;
  }

  /** Newest first. @throws Refusal BAD_USER_INPUT, PAYMENT_PROVIDER_ERROR, UNAVAILABLE */
  async list(billingEntityId: string, page: PageRequest): Promise<Page<Invoice>> {
    checkPage(page);
    const [after = null] = decodeCursor(page.after, ['text']) ?? [];
    if (after !== null && !INVOICE_ID.test(after)) throw notACursor();
    const customer = await this.#options.customers.of(billingEntityId);
    if (customer === null) return toPage<Invoice>([], page, ({ id }) => [id]);
    return this.#once(customer, JSON.stringify(page), async () => {
      const { data, has_more: hasMore } = await this.#page(customer, { first: page.first, after });
      const rows = data.map(toInvoice);
      // One more than the page has says that more follow.
      return toPage(hasMore ? rows.concat(rows.slice(-1)) : rows, page, ({ id }) => [id]);
    });
  }

  /** null: none is to come. @throws Refusal PAYMENT_PROVIDER_ERROR, UNAVAILABLE */
  async upcoming(billingEntityId: string): Promise<UpcomingInvoice | null> {
    const customer = await this.#options.customers.of(billingEntityId);
    return customer === null ? null : this.#once(customer, 'upcoming', () => this.#preview(customer));
  }

  /** Something of the customer may have changed. */
  forget(customerId: string): void {
    this.#kept.delete(customerId);
  }

  async #page(
    customer: string,
    { first, after }: PageRequest,
  ): Promise<Pick<Stripe.ApiList<Stripe.Invoice>, 'data' | 'has_more'>> {
    try {
      return await this.#options.stripe.call('list', (sdk) =>
        sdk.invoices.list({ customer, limit: first, ...(after !== null && { starting_after: after }) }),
      );
    } catch (error) {
      if (isMissing(error)) throw notACursor();
      throw error;
    }
  }

  async #preview(customer: string): Promise<UpcomingInvoice | null> {
    const { stripe, catalog } = this.#options;
    const { kept } = chooseSubscription(
      await stripe.list('subscription', (sdk, page) => sdk.subscriptions.list({ customer, ...page })),
    );
    if (kept === null || kept.status === 'incomplete') return null;
    const { overagePrice } = await catalog.get();
    try {
      const invoice = await stripe.call('invoice', (sdk) =>
        sdk.invoices.createPreview({
          customer,
          // A schedule knows what becomes of its subscription by then.
          ...(kept.schedule === null ? { subscription: kept.id } : { schedule: idOf(kept.schedule) }),
        }),
      );
      const ofOverage = invoice.lines.data.filter(({ pricing }) => pricing?.price_details?.price === overagePrice);
      return {
        totalCents: invoice.total,
        overageCents: ofOverage.reduce((sum, { amount }) => sum + amount, 0),
        currency: invoice.currency,
        dueAt: new Date((invoice.next_payment_attempt ?? invoice.period_end) * 1_000),
      };
    } catch (error) {
      if (error instanceof StripeRejection && error.code === 'invoice_upcoming_none') return null;
      throw error;
    }
  }

  /** Asks, unless somebody did a moment ago. What failed is asked again. */
  #once<T>(customer: string, key: string, ask: () => Promise<T>): Promise<T> {
    const answers = this.#kept.get(customer) ?? new Map<string, Promise<unknown>>();
    if (!this.#kept.has(customer)) this.#kept.set(customer, answers);
    const known = answers.get(key) as Promise<T> | undefined;
    if (known !== undefined) return known;
    const answer = ask();
    answers.set(key, answer);
    answer.catch(() => answers.delete(key));
    return answer;
  }
}

function notACursor(): Refusal {
  return new Refusal('BAD_USER_INPUT', 'that is not a cursor of this list');
}

function toInvoice(invoice: Stripe.Invoice): Invoice {
  return {
    id: invoice.id,
    number: invoice.number,
    status: invoice.status ?? 'draft',
    totalCents: invoice.total,
    currency: invoice.currency,
    periodStart: new Date(invoice.period_start * 1_000),
    periodEnd: new Date(invoice.period_end * 1_000),
    hostedUrl: invoice.hosted_invoice_url ?? null,
    pdfUrl: invoice.invoice_pdf ?? null,
    createdAt: new Date(invoice.created * 1_000),
  };
}

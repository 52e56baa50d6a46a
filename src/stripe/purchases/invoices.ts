/** Invoices as Stripe has them. Answers are kept for a few seconds. */
import type { Stripe } from 'stripe';
import { BoundedCache, bytesOf } from '../../kernel/bounded-cache.ts';
import { checkPage, decodeCursor, type Page, type PageRequest, toPage } from '../../kernel/pagination.ts';
import { Refusal } from '../../kernel/refusal.ts';
import { isMissing, orMissing, type StripeClient, StripeRejection } from '../account/client.ts';
import type { Customers } from '../account/customers.ts';
import { idOf, instantOf } from '../account/values.ts';
import type { OverageMeters } from '../catalog/overage-meters.ts';
import { chooseSubscription, subscriptionsOf } from '../sync/affairs.ts';

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
  readonly meters: OverageMeters;
  readonly customers: Customers;
}

/** Long enough for one page to be drawn, short enough for a payer who has just paid through another process. */
const KEPT_MS = 10_000;
const KEPT_BYTES = 8 * 1_048_576;
/** A question that nobody has answered yet. */
const OPEN_BYTES = 2_000;

/** An answer, or the promise of it, and the bytes that it holds. */
interface Kept {
  readonly answer: Promise<unknown>;
  readonly bytes: number;
}

const INVOICE_ID = /^in_\w{1,250}$/;

export class Invoices {
  readonly #options: Options;
  /** Answers by customer and question. A customer's next change drops all of that customer's answers. */
  readonly #kept = new BoundedCache<Kept>({ bytes: KEPT_BYTES, sizeOf: ({ bytes }) => bytes, ttlMs: KEPT_MS });

  constructor(options: Options) {
    this.#options = options;
  }

  /** A page of invoices, newest first. @throws Refusal BAD_USER_INPUT, PAYMENT_PROVIDER_ERROR, UNAVAILABLE */
  async list(billingEntityId: string, page: PageRequest): Promise<Page<Invoice>> {
    checkPage(page);
    const [after = null] = decodeCursor(page.after, ['text']) ?? [];
    if (after !== null && !INVOICE_ID.test(after)) throw notACursor();
    const customer = await this.#options.customers.of(billingEntityId);
    if (customer === null) return toPage<Invoice>([], page, ({ id }) => [id]);
    return this.#once(customer, JSON.stringify(page), async () => {
      const { data, has_more: hasMore } = await this.#page(customer, { first: page.first, after });
      const rows = data.map(toInvoice);
      // One row more than the page has says that more follow.
      return toPage(hasMore ? rows.concat(rows.slice(-1)) : rows, page, ({ id }) => [id]);
    });
  }

  /** The next invoice; null: none is to come. @throws Refusal PAYMENT_PROVIDER_ERROR, UNAVAILABLE */
  async upcoming(billingEntityId: string): Promise<UpcomingInvoice | null> {
    const customer = await this.#options.customers.of(billingEntityId);
    return customer === null ? null : this.#once(customer, 'upcoming', () => this.#preview(customer));
  }

  /** Drops the customer's answers, because something of the customer may have changed. */
  forget(customerId: string): void {
    this.#kept.deleteAllOf(keyOf(customerId));
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
      if (!isMissing(error)) throw error;
      // A customer whom this account of Stripe's does not know has no invoices in it.
      if (after === null) return { data: [], has_more: false };
      throw notACursor();
    }
  }

  async #preview(customer: string): Promise<UpcomingInvoice | null> {
    const { stripe, meters } = this.#options;
    const { kept } = chooseSubscription((await orMissing(subscriptionsOf(stripe, customer))) ?? []);
    if (kept === null || kept.status === 'incomplete') return null;
    try {
      const invoice = await stripe.call('invoice', (sdk) =>
        sdk.invoices.createPreview({
          customer,
          // A scheduled change counts for the next invoice, and only the schedule knows it.
          ...(kept.schedule === null ? { subscription: kept.id } : { schedule: idOf(kept.schedule) }),
        }),
      );
      const ofOverage = await meters.billedBy(invoice.lines.data);
      return {
        totalCents: invoice.total,
        overageCents: ofOverage.reduce((sum, { amount }) => sum + amount, 0),
        currency: invoice.currency,
        dueAt: instantOf(invoice.next_payment_attempt ?? invoice.period_end),
      };
    } catch (error) {
      if (error instanceof StripeRejection && error.code === 'invoice_upcoming_none') return null;
      throw error;
    }
  }

  /** Asks unless somebody asked a moment ago. A question that failed is asked again. */
  #once<T>(customer: string, key: string, ask: () => Promise<T>): Promise<T> {
    const name = keyOf(customer) + key;
    const known = this.#kept.get(name);
    if (known !== undefined) return known.answer as Promise<T>;
    const answer = ask();
    const open: Kept = { answer, bytes: OPEN_BYTES };
    this.#kept.set(name, open);
    // What was dropped or asked anew meanwhile stays so.
    const isKept = (): boolean => this.#kept.get(name) === open;
    answer.then(
      (value) => isKept() && this.#kept.set(name, { answer, bytes: OPEN_BYTES + bytesOf(value) }),
      () => isKept() && this.#kept.delete(name),
    );
    return answer;
  }
}

/** The beginning of the names of a customer's questions. */
function keyOf(customer: string): string {
  return `${customer} `;
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
    periodStart: instantOf(invoice.period_start),
    periodEnd: instantOf(invoice.period_end),
    hostedUrl: invoice.hosted_invoice_url ?? null,
    pdfUrl: invoice.invoice_pdf ?? null,
    createdAt: instantOf(invoice.created),
  };
}

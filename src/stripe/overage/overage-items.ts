/** Invoice items of ours: they bill overage that no line of the meter's will, and name its period (rule 28). */
import type { Stripe } from 'stripe';
import type { Clock } from '../../kernel/clock.ts';
import type { StripeClient } from '../account/client.ts';
import { dayOf, idOf, secondsOf } from '../account/values.ts';
import { CURRENCY, OVERAGE_CENTS } from '../catalog/offers.ts';
import { hasEnded, invoiceItemsOf } from '../sync/affairs.ts';
import { creditsOf, isOf, markOf, nameOf, type Overage } from './item-marks.ts';
import { OneOffInvoices } from './one-off-invoices.ts';

/** An item waits for its subscription's next invoice for so long at most, or else has an invoice of its own. */
const LONGEST_WAIT_S = 40 * 86_400;

export class OverageItems {
  readonly #stripe: StripeClient;
  readonly #clock: Clock;
  readonly #invoices: OneOffInvoices;

  constructor({ stripe, clock }: { readonly stripe: StripeClient; readonly clock: Clock }) {
    this.#stripe = stripe;
    this.#clock = clock;
    this.#invoices = new OneOffInvoices(stripe);
  }

  /**
   * Bills overage by one item: on the subscription's next invoice or, where there is none soon, on an invoice of its own. Repeating
   * it changes nothing, and a repetition with a higher total adds only the difference.
   * @param credits the total that such items are to have billed
   * @param to.subscription null: Stripe does not know it any more
   */
  async bill(
    overage: Overage,
    credits: bigint,
    { customerId, subscription }: { readonly customerId: string; readonly subscription: Stripe.Subscription | null },
  ): Promise<void> {
    // The customer may have been another one when the first items were made.
    const customers = new Set([customerId, ...(subscription === null ? [] : [idOf(subscription.customer)])]);
    // Items are searched for, because Stripe forgets idempotency keys after a day and keeps items.
    const made = (await Promise.all([...customers].map((each) => invoiceItemsOf(this.#stripe, each)))).flat();
    const own = made.filter((item) => isOf(item, overage));
    const waiting = own.find(({ invoice, customer }) => invoice === null && idOf(customer) === customerId);
    const billed = creditsOf(own.filter((item) => item !== waiting));
    const left = credits - billed;
    if (left <= 0n) return;
    const next = subscription !== null && this.#invoicesSoon(subscription) ? subscription.id : null;
    const key = ['overage', overage.reason, nameOf(overage), billed, left, next ?? 'alone'].join('/');
    const item =
      waiting === undefined
        ? await this.#create(overage, { customerId, credits: left, next, key })
        : await this.#correct(waiting, left);
    if (next === null) await this.#invoices.bill([item], { customerId, subscription, key });
  }

  /**
   * Invoices the items that wait for the next invoice of a subscription that has ended: without a last invoice they would wait for
   * ever. Repeating it changes nothing.
   */
  async invoiceWaiting(subscription: Stripe.Subscription, items: readonly Stripe.InvoiceItem[]): Promise<void> {
    if (items.length === 0) return;
    const ids = items.map(({ id }) => id).toSorted();
    const key = `overage/waiting/${subscription.id}/${ids[0]}/${ids.length}`;
    await this.#invoices.bill(items, { customerId: idOf(subscription.customer), subscription, key });
  }

  #create(
    overage: Overage,
    { customerId, credits, next, key }: { customerId: string; credits: bigint; next: string | null; key: string },
  ): Promise<Stripe.InvoiceItem> {
    const { start, end } = overage.period;
    return this.#stripe.call('invoiceitem', (sdk) =>
      sdk.invoiceItems.create(
        {
          customer: customerId,
          currency: CURRENCY,
          quantity: Number(credits),
          unit_amount_decimal: OVERAGE_CENTS,
          description: `Overage credits used from ${dayOf(start)} to ${dayOf(end)}`,
          period: { start: secondsOf(start), end: secondsOf(end) },
          metadata: markOf(overage),
          ...(next !== null && { subscription: next }),
        },
        { idempotencyKey: key },
      ),
    );
  }

  async #correct(item: Stripe.InvoiceItem, credits: bigint): Promise<Stripe.InvoiceItem> {
    if (BigInt(item.quantity) === credits) return item;
    return this.#stripe.call('invoiceitem', (sdk) => sdk.invoiceItems.update(item.id, { quantity: Number(credits) }));
  }

  /** True if the subscription has an invoice within weeks. A yearly one may be far away. */
  #invoicesSoon(subscription: Stripe.Subscription): boolean {
    const next = Math.min(...subscription.items.data.map(({ current_period_end: end }) => end));
    return !hasEnded(subscription) && next <= secondsOf(this.#clock.now()) + LONGEST_WAIT_S;
  }
}

/** A customer's affairs at Stripe, and which of their subscriptions counts. */
import type { Stripe } from 'stripe';
import type { PlanTerms } from '../../plans/plans.ts';
import type { StripeClient } from '../account/client.ts';
import { idOf } from '../account/values.ts';
import { planOfProduct } from '../catalog/offers.ts';

/** Everything of a customer that our state follows from, fetched together. */
export interface Affairs {
  /** All of them, the ended ones too. */
  readonly subscriptions: readonly Stripe.Subscription[];
  /** With all their lines. */
  readonly invoices: readonly Stripe.Invoice[];
  readonly charges: readonly Stripe.Charge[];
}

/**
 * The metadata key of a subscription that is undone because it was the second one. Its value is the subscription that
 * stays. Payers can write comments, but no metadata.
 */
export const DOUBLE_MARK = 'tollgate_double_of';

/** A subscription's item that is the plan, with the plan's terms. */
export interface PlanItem {
  /** The first, where the subscription has several prices of the plan. */
  readonly item: Stripe.SubscriptionItem;
  readonly plan: PlanTerms;
  /** Units of all its items. */
  readonly quantity: number;
  /** Other prices of the same plan, beside the item. Only people change their units. */
  readonly others: readonly Stripe.SubscriptionItem[];
}

/** The item that is the plan; null: the subscription is not one of ours, or has no units. */
export function planItemOf({ items }: Pick<Stripe.Subscription, 'items'>): PlanItem | null {
  return soldUnitsOf(items.data);
}

/** A price in some number: an item of a subscription, or of a phase to come. */
interface Priced {
  readonly price: Stripe.Price;
  readonly quantity?: number | undefined;
}

/** The plan that these items sell, and its units; null: they sell none. */
export function soldUnitsOf<Item extends Priced>(
  items: readonly Item[],
): {
  readonly item: Item;
  readonly plan: PlanTerms;
  readonly quantity: number;
  readonly others: readonly Item[];
} | null {
  const sold = items.filter((each) => planOfItem(each) !== null && unitsOf(each) > 0);
  const [item] = sold;
  const plan = item === undefined ? null : planOfItem(item);
  if (item === undefined || plan === null) return null;
  const others = sold.filter((each) => each !== item && planOfItem(each) === plan);
  return { item, plan, quantity: others.reduce((sum, each) => sum + unitsOf(each), unitsOf(item)), others };
}

/** The plan that an item is of; null: something else is sold, such as overage. */
export function planOfItem({ price }: Priced): PlanTerms | null {
  return price.recurring?.usage_type === 'metered' ? null : planOfProduct(idOf(price.product));
}

function unitsOf({ quantity = 1 }: Priced): number {
  return quantity;
}

/**
 * Chooses the subscription that counts among those that live at once (rule 26). A subscription that was paid goes before
 * one that was not, and of two that were paid the older one stays.
 * @returns the one that counts, or null, and all others, which are to be undone
 */
export function chooseSubscription(subscriptions: readonly Stripe.Subscription[]): {
  readonly kept: Stripe.Subscription | null;
  readonly doubles: readonly Stripe.Subscription[];
} {
  const rank = ({ status, created, id }: Stripe.Subscription): string =>
    `${UNPAID_RANKS[status] ?? 0} ${String(created).padStart(12, '0')} ${id}`;
  const alive = subscriptions
    .filter((each) => !hasEnded(each) && planItemOf(each) !== null)
    .toSorted((a, b) => (rank(a) < rank(b) ? -1 : 1));
  // A subscription that is being undone never counts, even if the other one has ended since.
  const kept = alive.find((each) => !isDouble(each)) ?? null;
  return { kept, doubles: alive.filter((each) => each !== kept) };
}

/** Statuses of subscriptions that nobody has paid for: a trial that ended without a card, and a first payment that is still to come. */
const UNPAID_RANKS: Readonly<Partial<Record<string, number>>> = { paused: 1, incomplete: 2 };

/** True for a subscription that is over for good. */
export function hasEnded({ status }: Pick<Stripe.Subscription, 'status'>): boolean {
  return status === 'canceled' || status === 'incomplete_expired';
}

/** True for a second subscription that is undone. Money that was paid for it is given back. */
export function isDouble({ metadata }: Stripe.Subscription): boolean {
  return metadata[DOUBLE_MARK] !== undefined;
}

/** The subscription that an invoice belongs to; null: it belongs to none. */
export function subscriptionOf({ parent }: Pick<Stripe.Invoice, 'parent'>): string | null {
  const of = parent?.subscription_details?.subscription;
  return of === undefined ? null : idOf(of);
}

/**
 * All subscriptions of a customer, of whatever status, the newest first.
 * @throws Refusal PAYMENT_PROVIDER_ERROR; StripeRejection where Stripe does not know the customer
 */
export function subscriptionsOf(stripe: StripeClient, customer: string): Promise<Stripe.Subscription[]> {
  return stripe.list('subscription', (sdk, page) => sdk.subscriptions.list({ customer, status: 'all', ...page }));
}

/**
 * All invoice items of a customer, those on invoices too.
 * @throws Refusal PAYMENT_PROVIDER_ERROR; StripeRejection where Stripe does not know the customer
 */
export function invoiceItemsOf(stripe: StripeClient, customer: string): Promise<Stripe.InvoiceItem[]> {
  return stripe.list('invoiceitem', (sdk, page) => sdk.invoiceItems.list({ customer, ...page }));
}

/**
 * The schedule of a subscription, with the prices of its phases whole, since their ids do not tell what they are of; null: the
 * subscription has none. @throws Refusal PAYMENT_PROVIDER_ERROR
 */
export async function scheduleOf(
  stripe: StripeClient,
  { schedule }: Pick<Stripe.Subscription, 'schedule'>,
): Promise<Stripe.SubscriptionSchedule | null> {
  if (schedule === null) return null;
  const id = idOf(schedule);
  return stripe.call('subscription_schedule', (sdk) =>
    sdk.subscriptionSchedules.retrieve(id, { expand: ['phases.items.price'] }),
  );
}

/** The invoice with all its lines: a list of invoices has only the first lines of each. @throws Refusal PAYMENT_PROVIDER_ERROR */
export async function withAllLines(stripe: StripeClient, invoice: Stripe.Invoice): Promise<Stripe.Invoice> {
  if (!invoice.lines.has_more) return invoice;
  const data = await stripe.list('line_item', (sdk, page) => sdk.invoices.listLineItems(invoice.id, page));
  return { ...invoice, lines: { ...invoice.lines, data, has_more: false } };
}

import { LRUCache } from 'lru-cache';
import type { Stripe } from 'stripe';
import { orMissing, type StripeClient } from '../account/client.ts';
import { idOf } from '../account/values.ts';
import { OVERAGE_METER, OVERAGE_PRODUCT } from './offers.ts';

/** A meter that somebody deactivates or reactivates is noticed after so long. */
const KEPT_MS = 600_000;
const KEPT = 1_000;

/**
 * Tells what bills overage. The meter of a price decides, and no id of the catalog: a price that was replaced since, or that
 * somebody made in the dashboard, bills what its meter counts all the same.
 */
export class OverageMeters {
  readonly #stripe: StripeClient;
  readonly #meters = new LRUCache<string, Promise<Stripe.Billing.Meter | null>>({ max: KEPT, ttl: KEPT_MS });
  /** Stripe never changes the meter of a price. */
  readonly #prices = new LRUCache<string, Promise<Stripe.Price | null>>({ max: KEPT });

  constructor(stripe: StripeClient) {
    this.#stripe = stripe;
  }

  /** The subscription's items that bill what is reported from now on. @throws Refusal PAYMENT_PROVIDER_ERROR */
  async itemsOf({ items }: Pick<Stripe.Subscription, 'items'>): Promise<Stripe.SubscriptionItem[]> {
    const found: Stripe.SubscriptionItem[] = [];
    for (const item of items.data) {
      const meter = await this.#meterOf(item.price);
      if (meter?.event_name === OVERAGE_METER && meter.status !== 'inactive') found.push(item);
    }
    return found;
  }

  /** Picks the lines or items that bill overage, whatever became of price and meter since. @throws Refusal PAYMENT_PROVIDER_ERROR */
  async billedBy<Line extends Priced>(lines: readonly Line[]): Promise<Line[]> {
    const found: Line[] = [];
    for (const line of lines) if (await this.#bills(line)) found.push(line);
    return found;
  }

  async #bills({ pricing }: Priced): Promise<boolean> {
    const details = pricing?.price_details ?? null;
    if (details === null) return false;
    const id = idOf(details.price);
    const price = await kept(this.#prices, id, () =>
      orMissing(this.#stripe.call('price', (sdk) => sdk.prices.retrieve(id))),
    );
    if (price === null) return details.product === OVERAGE_PRODUCT;
    return (await this.#meterOf(price))?.event_name === OVERAGE_METER;
  }

  #meterOf({ recurring }: Stripe.Price): Promise<Stripe.Billing.Meter | null> {
    const id = recurring?.meter ?? null;
    if (id === null) return Promise.resolve(null);
    return kept(this.#meters, id, () =>
      orMissing(this.#stripe.call('billing.meter', (sdk) => sdk.billing.meters.retrieve(id))),
    );
  }
}

/** A line of an invoice, or an item that is to become one. */
interface Priced {
  readonly pricing: {
    readonly price_details?: { readonly price: string | Stripe.Price; readonly product: string } | null;
  } | null;
}

/** Asks unless somebody asked a while ago. A question that failed is asked again. */
function kept<T extends object>(
  answers: LRUCache<string, Promise<T | null>>,
  id: string,
  ask: () => Promise<T | null>,
): Promise<T | null> {
  const known = answers.get(id);
  if (known !== undefined) return known;
  const answer = ask();
  answers.set(id, answer);
  answer.catch(() => answers.delete(id));
  return answer;
}

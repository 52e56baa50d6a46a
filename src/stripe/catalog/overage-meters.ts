import type { Stripe } from 'stripe';
import { BoundedCache } from '../../kernel/bounded-cache.ts';
import { orMissing, type StripeClient } from '../account/client.ts';
import { idOf } from '../account/values.ts';
import { OVERAGE_METER, OVERAGE_PRODUCT } from './offers.ts';

/** A meter that somebody deactivates or reactivates is noticed after so long. */
const KEPT_MS = 600_000;
/** Some two thousand, of each kind: of an answer only that is kept which decides. */
const KEPT_BYTES = 1_048_576;
const sizeOf = (): number => 300;

type Meter = Pick<Stripe.Billing.Meter, 'event_name' | 'status'>;
/** The meter that a price is billed by; null: none. */
interface MeteredPrice {
  readonly meter: string | null;
}

/**
 * Tells what bills overage. The meter of a price decides, and no id of the catalog: a price that was replaced since, or that
 * somebody made in the dashboard, bills what its meter counts all the same.
 */
export class OverageMeters {
  readonly #stripe: StripeClient;
  readonly #meters = new BoundedCache<Promise<Meter | null>>({ bytes: KEPT_BYTES, sizeOf, ttlMs: KEPT_MS });
  /** Stripe never changes the meter of a price. */
  readonly #prices = new BoundedCache<Promise<MeteredPrice | null>>({ bytes: KEPT_BYTES, sizeOf });

  constructor(stripe: StripeClient) {
    this.#stripe = stripe;
  }

  /** The subscription's items that bill what is reported from now on. @throws Refusal PAYMENT_PROVIDER_ERROR */
  async itemsOf({ items }: Pick<Stripe.Subscription, 'items'>): Promise<Stripe.SubscriptionItem[]> {
    const found: Stripe.SubscriptionItem[] = [];
    for (const item of items.data) {
      const meter = await this.#meterOf(meterIdOf(item.price));
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
    const price = await kept(this.#prices, id, async () => {
      const found = await orMissing(this.#stripe.call('price', (sdk) => sdk.prices.retrieve(id)));
      return found && { meter: meterIdOf(found) };
    });
    if (price === null) return details.product === OVERAGE_PRODUCT;
    return (await this.#meterOf(price.meter))?.event_name === OVERAGE_METER;
  }

  #meterOf(id: string | null): Promise<Meter | null> {
    if (id === null) return Promise.resolve(null);
    return kept(this.#meters, id, async () => {
      const found = await orMissing(this.#stripe.call('billing.meter', (sdk) => sdk.billing.meters.retrieve(id)));
      return found && { event_name: found.event_name, status: found.status };
    });
  }
}

/** A line of an invoice, or an item that is to become one. */
interface Priced {
  readonly pricing: {
    readonly price_details?: { readonly price: string | Stripe.Price; readonly product: string } | null;
  } | null;
}

function meterIdOf({ recurring }: Stripe.Price): string | null {
  return recurring?.meter ?? null;
}

/** Asks unless somebody asked a while ago. A question that failed is asked again. */
function kept<T extends object>(
  answers: BoundedCache<Promise<T | null>>,
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

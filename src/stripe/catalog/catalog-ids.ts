import { Refusal } from '../../kernel/refusal.ts';
import type { StripeClient } from '../account/client.ts';
import { type Catalog, surveyCatalog } from './survey.ts';

/** The catalog's ids, fetched once and kept. */
export class CatalogIds {
  readonly #stripe: StripeClient;
  #found: Promise<Catalog> | null = null;

  constructor(stripe: StripeClient) {
    this.#stripe = stripe;
  }

  /** @throws Refusal PAYMENT_PROVIDER_ERROR while Stripe is away, or its account lacks something */
  get(): Promise<Catalog> {
    this.#found ??= this.#find().catch((error: unknown) => {
      this.#found = null;
      throw error;
    });
    return this.#found;
  }

  async #find(): Promise<Catalog> {
    const { catalog, differences } = await surveyCatalog(this.#stripe, { repair: false });
    if (catalog !== null) return catalog;
    throw new Refusal('PAYMENT_PROVIDER_ERROR', 'the payment provider is not set up yet', {
      retryAfterMs: 60_000,
      cause: new Error(`npm run stripe:setup would mend: ${differences.join('; ')}`),
    });
  }
}

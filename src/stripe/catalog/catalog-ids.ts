import { Refusal } from '../../kernel/refusal.ts';
import { type StripeClient, StripeRejection } from '../account/client.ts';
import { type Catalog, type Survey, surveyCatalog } from './survey.ts';

/** The catalog's ids, kept until Stripe refuses one of them. */
export class CatalogIds {
  readonly #stripe: StripeClient;
  #found: Promise<Survey> | null = null;

  constructor(stripe: StripeClient) {
    this.#stripe = stripe;
  }

  /** All ids. @throws Refusal PAYMENT_PROVIDER_ERROR while Stripe is away, or its account lacks something */
  async get(): Promise<Catalog> {
    return needed(await this.#find(), ['prices', 'overagePrice', 'meter', 'portalConfiguration']);
  }

  /**
   * Does work with these ids. Where Stripe refuses it they are asked for anew, because somebody may have replaced a price or
   * the portal's configuration since, and the work is done again if others came of it.
   * @throws Refusal PAYMENT_PROVIDER_ERROR while Stripe is away, or its account lacks one of these
   * @throws StripeRejection where Stripe refuses the newest ids too
   */
  async using<Name extends keyof Catalog, T>(
    names: readonly Name[],
    work: (ids: Pick<Catalog, Name>) => Promise<T>,
  ): Promise<T> {
    const asked = this.#find();
    const ids = needed(await asked, names);
    try {
      return await work(ids);
    } catch (error) {
      if (!(error instanceof StripeRejection)) throw error;
      // The first of many who were refused at once asks for all.
      if (this.#found === asked) this.#found = null;
      const newest = needed(await this.#find(), names);
      if (spelled(newest) === spelled(ids)) throw error;
      return work(newest);
    }
  }

  #find(): Promise<Survey> {
    const found = (this.#found ??= surveyCatalog(this.#stripe, { repair: false }));
    const forget = (): void => {
      if (this.#found === found) this.#found = null;
    };
    // An account that lacks something is looked at again by the next who asks.
    found.then(({ catalog }) => {
      if (catalog === null) forget();
    }, forget);
    return found;
  }
}

function needed<Name extends keyof Catalog>({ ids, differences }: Survey, names: readonly Name[]): Pick<Catalog, Name> {
  if (names.every((name) => ids[name] !== null)) return ids as Pick<Catalog, Name>;
  throw new Refusal('PAYMENT_PROVIDER_ERROR', 'the payment provider is not set up yet', {
    retryAfterMs: 60_000,
    cause: new Error(`npm run stripe:setup would mend: ${differences.join('; ')}`),
  });
}

function spelled(ids: object): string {
  return JSON.stringify(Object.values(ids), (_key, value: unknown) => (value instanceof Map ? [...value] : value));
}

/** Stripe's hosted pages: Checkout, where a plan or credits are bought, and the portal, where payers keep cards and invoices. */
import type { Stripe } from 'stripe';
import { hash } from 'node:crypto';
import { canonicalJson } from '../../kernel/canonical-json.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { Log } from '../../kernel/log.ts';
import type { InvoiceCredits } from '../../subscriptions/invoice-credits.ts';
import { PLAN_BY_CODE, type PlanCode } from '../../plans/plans.ts';
import { Refusal } from '../../kernel/refusal.ts';
import { type Subscription, withoutSubscription } from '../../subscriptions/plan-state.ts';
import type { Subscriptions } from '../../subscriptions/subscriptions.ts';
import { orMissing, type StripeClient, StripeRejection } from '../account/client.ts';
import type { Customers, Payer } from '../account/customers.ts';
import { idOf, instantOf } from '../account/values.ts';
import type { CatalogIds } from '../catalog/catalog-ids.ts';
import { CURRENCY } from '../catalog/offers.ts';
import type { CustomerSync } from '../sync/sync.ts';
import { askedBy, type CheckoutSettings } from './checkout-settings.ts';
import { checkReturnAddress, type ReturnRules } from './return-addresses.ts';
import { checkCredits, saleOfCredits, saleOfPlan, type Sold } from './sales.ts';
import { checkQuantity } from './subscribed.ts';

interface Options {
  readonly stripe: StripeClient;
  readonly catalog: CatalogIds;
  readonly customers: Customers;
  readonly sync: CustomerSync;
  readonly subscriptions: Pick<Subscriptions, 'of'>;
  readonly credits: Pick<InvoiceCredits, 'wasEverPaid'>;
  readonly returns: ReturnRules;
  readonly settings: CheckoutSettings;
  readonly clock: Clock;
  readonly log: Log;
}

/** An address to send somebody to. */
export interface HostedPage {
  readonly url: string;
  readonly expiresAt: Date | null;
}

/** A purchase of a plan, or of credits once. Exactly one of the two is given. */
export interface CheckoutRequest {
  readonly plan: PlanCode | null;
  readonly quantity: number;
  readonly credits: bigint | null;
  /** That of who opens the page, as their token vouches for it; absent: none is known. */
  readonly email?: string | undefined;
  readonly successUrl: string;
  readonly cancelUrl: string;
}

/** A look at Stripe's portal, with the e-mail address of who looks. */
export interface PortalRequest extends Pick<CheckoutRequest, 'email'> {
  readonly returnUrl: string;
}

const SESSION_ID = /^cs_\w{1,250}$/;

/**
 * So long the same purchase by the same payer leads to the same page, for example after a double click. Whoever buys the same
 * again after it was paid gets another page at once.
 */
const SAME_PAGE_MS = 600_000;

export class Checkout {
  readonly #options: Options;

  constructor(options: Options) {
    this.#options = options;
  }

  /**
   * Opens a page where a plan or credits are paid for. Opening it buys nothing.
   * @throws Refusal BAD_USER_INPUT; CONFLICT where there is a subscription already; PAYMENT_PROVIDER_ERROR, UNAVAILABLE
   */
  async open(payer: Payer, request: CheckoutRequest): Promise<HostedPage> {
    const { returns, settings } = this.#options;
    const successUrl = checkReturnAddress(returns, 'successUrl', request.successUrl);
    const cancelUrl = checkReturnAddress(returns, 'cancelUrl', request.cancelUrl);
    await this.#check(payer, request);
    return this.#asking(payer, async () => {
      const customer = await this.#customerOf(payer, request);
      const session = await this.#withSold(payer, request, (sold) =>
        this.#session({
          ...sold,
          ...askedBy(settings),
          customer,
          client_reference_id: payer.billingEntityId,
          success_url: successUrl,
          cancel_url: cancelUrl,
        }),
      );
      if (session.url === null) throw new Error(`${session.id} has no page`);
      return { url: session.url, expiresAt: instantOf(session.expires_at) };
    });
  }

  /**
   * Makes our state follow Stripe's after Checkout, whether the webhook has come or not. Repeating it changes nothing.
   * @returns the payer's subscription; for a payer who bought credits without one, the free trial's terms
   * @throws Refusal NOT_FOUND; CONFLICT while nobody has paid; PAYMENT_PROVIDER_ERROR, UNAVAILABLE
   */
  async complete({ billingEntityId }: Payer, sessionId: string): Promise<Subscription> {
    const { customers, stripe, sync, subscriptions, clock } = this.#options;
    const all = await customers.idsOf(billingEntityId);
    const session =
      all.length === 0 || !SESSION_ID.test(sessionId)
        ? null
        : await orMissing(stripe.call('checkout.session', (sdk) => sdk.checkout.sessions.retrieve(sessionId)));
    const customer = session?.customer == null ? null : idOf(session.customer);
    if (session === null || customer === null || !all.includes(customer)) {
      throw new Refusal('NOT_FOUND', 'there is no such Checkout session');
    }
    if (session.status !== 'complete') {
      throw new Refusal(
        'CONFLICT',
        `the Checkout session is ${session.status === 'expired' ? 'expired' : 'not paid yet'}`,
      );
    }
    await sync.holding(customer, (lock) => sync.answerHeld(customer, lock));
    const { subscription } = await subscriptions.of(billingEntityId);
    return subscription ?? withoutSubscription(billingEntityId, clock.now());
  }

  /** Opens the page where a payer sees invoices, cards and the subscription. @throws Refusal BAD_USER_INPUT, PAYMENT_PROVIDER_ERROR, UNAVAILABLE */
  async openPortal(payer: Payer, request: PortalRequest): Promise<HostedPage> {
    const { stripe, catalog, returns } = this.#options;
    const address = checkReturnAddress(returns, 'returnUrl', request.returnUrl);
    return this.#asking(payer, async () => {
      const customer = await this.#customerOf(payer, request);
      const session = await catalog.using(['portalConfiguration'], ({ portalConfiguration: configuration }) =>
        stripe.call('billing_portal.session', (sdk) =>
          sdk.billingPortal.sessions.create({ customer, configuration, return_url: address }),
        ),
      );
      return { url: session.url, expiresAt: null };
    });
  }

  /**
   * The payer's customer, under the payer's present name unless the page may write one. A customer that somebody deleted is forgotten first. One that the
   * account of Stripe's does not know is set aside, if nothing was ever paid.
   * @throws Refusal CONFLICT where something was paid: another customer would not have what it paid for
   */
  async #customerOf(payer: Payer, { email: vouched }: Pick<CheckoutRequest, 'email'>): Promise<string> {
    const { customers, credits, sync, settings } = this.#options;
    const { billingEntityId } = payer;
    const known = await customers.of(billingEntityId);
    const email = settings.emailFromToken ? vouched : undefined;
    // A business gave the name that its tax id belongs to at Checkout.
    const name = settings.taxIds ? undefined : payer.name;
    if (known !== null && !(await customers.describe(known, { name, email }))) {
      if ((await customers.standingOf(known)) === 'DELETED') await sync.forgetDeleted(known);
      else if (await credits.wasEverPaid(billingEntityId)) {
        this.#options.log.error({ billingEntityId, customer: known }, 'Stripe does not know a customer who has paid');
        throw new Refusal(
          'CONFLICT',
          'the payment provider does not know this payer any more, though something was paid: ask whoever sells here',
        );
      } else await customers.setAside({ billingEntityId, customerId: known });
    }
    return customers.ensure({ billingEntityId, externalId: payer.externalId, name: payer.name, email });
  }

  /**
   * Opens a page under a key of ours, so that the same purchase, asked for again a moment later, has the same page. Stripe
   * repeats its first answer under a key, so a page that was paid since, and a refusal of before, lead on to the next key.
   */
  async #session(params: Stripe.Checkout.SessionCreateParams): Promise<Stripe.Checkout.Session> {
    const { stripe, clock } = this.#options;
    const window = Math.floor(clock.now().getTime() / SAME_PAGE_MS);
    const what = hash('sha256', canonicalJson(params)).slice(0, 32);
    for (let asked = 0; ; asked += 1) {
      const key = `tollgate-checkout-${params.client_reference_id}-${what}-${window}-${asked}`;
      try {
        const { id } = await stripe.call('checkout.session', (sdk) =>
          sdk.checkout.sessions.create(params, { idempotencyKey: key }),
        );
        const session = await stripe.call('checkout.session', (sdk) => sdk.checkout.sessions.retrieve(id));
        if (session.status === 'open') return session;
      } catch (error) {
        if (!(error instanceof StripeRejection && error.isRepeated)) throw error;
      }
    }
  }

  /** Stripe may refuse a sale for what it has of the payer, such as another currency, or for what somebody archived there. */
  async #asking<T>({ billingEntityId }: Payer, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof StripeRejection)) throw error;
      this.#options.log.error({ err: error, billingEntityId }, 'Stripe refused to open a page');
      const currency = await this.#currencyOf(billingEntityId);
      const why =
        currency === null || currency === CURRENCY
          ? 'the payment provider refuses this as things stand: ask whoever sells here'
          : `the payment provider has this payer's account in ${currency.toUpperCase()}, and ${CURRENCY.toUpperCase()} is sold here: ask whoever sells here`;
      throw new Refusal('CONFLICT', why, { cause: error });
    }
  }

  /** The currency that Stripe holds the payer to; null: none, or there is no customer. */
  async #currencyOf(billingEntityId: string): Promise<string | null> {
    const { customers, stripe } = this.#options;
    const id = await customers.of(billingEntityId);
    if (id === null) return null;
    const customer = await orMissing(stripe.call('customer', (sdk) => sdk.customers.retrieve(id)));
    return customer === null || customer.deleted === true ? null : (customer.currency ?? null);
  }

  /** @throws Refusal BAD_USER_INPUT; CONFLICT where there is a subscription already */
  async #check({ billingEntityId }: Payer, { plan, quantity, credits }: CheckoutRequest): Promise<void> {
    if ((plan === null) === (credits === null)) throw new Refusal('BAD_USER_INPUT', 'name either a plan or credits');
    if (plan === null) {
      checkCredits(credits as bigint);
      return;
    }
    checkQuantity(quantity);
    if (PLAN_BY_CODE[plan].priceCents === 0) throw new Refusal('BAD_USER_INPUT', `${plan} costs nothing`);
    const { subscription } = await this.#options.subscriptions.of(billingEntityId);
    if (subscription !== null && subscription.status !== 'INCOMPLETE') {
      throw new Refusal('CONFLICT', 'there is a subscription already: change its plan instead');
    }
  }

  /** Sells by the ids of the catalog, which are asked for anew where Stripe refuses them. */
  #withSold<T>(
    { billingEntityId }: Payer,
    { plan, quantity, credits }: CheckoutRequest,
    sell: (sold: Sold) => Promise<T>,
  ): Promise<T> {
    if (plan === null) return sell(saleOfCredits(credits as bigint));
    return this.#options.catalog.using(['prices', 'overagePrice'], (ids) =>
      sell(saleOfPlan(billingEntityId, { plan, quantity }, ids)),
    );
  }
}

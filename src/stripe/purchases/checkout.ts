/** Stripe's hosted pages: Checkout, where a plan or credits are bought, and the portal, where payers keep cards and invoices. */
import type { Stripe } from 'stripe';
import type { Clock } from '../../kernel/clock.ts';
import { PLAN_BY_CODE, type PlanCode } from '../../plans/plans.ts';
import { Refusal } from '../../kernel/refusal.ts';
import { type Subscription, withoutSubscription } from '../../subscriptions/plan-state.ts';
import type { Subscriptions } from '../../subscriptions/subscriptions.ts';
import { orMissing, type StripeClient } from '../account/client.ts';
import type { Customers, Payer } from '../account/customers.ts';
import { idOf, instantOf } from '../account/values.ts';
import type { CatalogIds } from '../catalog/catalog-ids.ts';
import { CREDITS_MARK, CURRENCY } from '../catalog/offers.ts';
import type { CustomerSync } from '../sync/sync.ts';
import { checkReturnAddress, type ReturnRules } from './return-addresses.ts';
import { checkQuantity } from './subscribed.ts';

interface Options {
  readonly stripe: StripeClient;
  readonly catalog: CatalogIds;
  readonly customers: Customers;
  readonly sync: CustomerSync;
  readonly subscriptions: Pick<Subscriptions, 'of'>;
  readonly returns: ReturnRules;
  readonly clock: Clock;
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
  readonly successUrl: string;
  readonly cancelUrl: string;
}

/** Credits for one cent. Purchases are multiples of it (rule 27). */
const CREDITS_PER_CENT = 250n;
/** Stripe's least amount is 50 cents. */
const FEWEST_CREDITS = 12_500n;
/** Stripe's greatest amount, in cents. */
const MOST_CENTS = 99_999_999n;

const SESSION_ID = /^cs_\w{1,250}$/;

type Line = Stripe.Checkout.SessionCreateParams.LineItem;

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
    const { stripe, returns } = this.#options;
    const successUrl = checkReturnAddress(returns, 'successUrl', request.successUrl);
    const cancelUrl = checkReturnAddress(returns, 'cancelUrl', request.cancelUrl);
    const sold = await this.#sold(payer, request);
    const customer = await this.#customerOf(payer);
    const session = await stripe.call('checkout.session', (sdk) =>
      sdk.checkout.sessions.create({
        ...sold,
        customer,
        client_reference_id: payer.billingEntityId,
        success_url: successUrl,
        cancel_url: cancelUrl,
      }),
    );
    if (session.url === null) throw new Error(`${session.id} has no page`);
    return { url: session.url, expiresAt: instantOf(session.expires_at) };
  }

  /**
   * Makes our state follow Stripe's after Checkout, whether the webhook has come or not. Repeating it changes nothing.
   * @returns the payer's subscription; for a payer who bought credits without one, the free trial's terms
   * @throws Refusal NOT_FOUND; CONFLICT while nobody has paid; PAYMENT_PROVIDER_ERROR, UNAVAILABLE
   */
  async complete({ billingEntityId }: Payer, sessionId: string): Promise<Subscription> {
    const { customers, stripe, sync, subscriptions, clock } = this.#options;
    const customer = await customers.of(billingEntityId);
    const session =
      customer === null || !SESSION_ID.test(sessionId)
        ? null
        : await orMissing(stripe.call('checkout.session', (sdk) => sdk.checkout.sessions.retrieve(sessionId)));
    if (customer === null || session === null || session.customer === null || idOf(session.customer) !== customer) {
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
  async openPortal(payer: Payer, { returnUrl }: { readonly returnUrl: string }): Promise<HostedPage> {
    const { stripe, catalog, returns } = this.#options;
    const address = checkReturnAddress(returns, 'returnUrl', returnUrl);
    const { portalConfiguration: configuration } = await catalog.get();
    const customer = await this.#customerOf(payer);
    const session = await stripe.call('billing_portal.session', (sdk) =>
      sdk.billingPortal.sessions.create({ customer, configuration, return_url: address }),
    );
    return { url: session.url, expiresAt: null };
  }

  /** The payer's customer, under the payer's present name. A customer that somebody deleted is forgotten first. */
  async #customerOf(payer: Payer): Promise<string> {
    const { customers, sync } = this.#options;
    const known = await customers.of(payer.billingEntityId);
    if (known !== null && !(await customers.rename(known, payer.name))) await sync.forgetDeleted(known);
    return customers.ensure(payer);
  }

  async #sold(payer: Payer, { plan, quantity, credits }: CheckoutRequest): Promise<Sold> {
    if ((plan === null) === (credits === null)) throw new Refusal('BAD_USER_INPUT', 'name either a plan or credits');
    return plan === null ? saleOf(credits as bigint) : this.#subscriptionTo(payer, { plan, quantity });
  }

  async #subscriptionTo(
    { billingEntityId }: Payer,
    { plan, quantity }: { readonly plan: PlanCode; readonly quantity: number },
  ): Promise<Sold> {
    checkQuantity(quantity);
    if (PLAN_BY_CODE[plan].priceCents === 0) throw new Refusal('BAD_USER_INPUT', `${plan} costs nothing`);
    const { subscription } = await this.#options.subscriptions.of(billingEntityId);
    if (subscription !== null && subscription.status !== 'INCOMPLETE') {
      throw new Refusal('CONFLICT', 'there is a subscription already: change its plan instead');
    }
    const { prices, overagePrice } = await this.#options.catalog.get();
    const line_items: Line[] = [{ price: prices.get(plan) as string, quantity }, { price: overagePrice }];
    const metadata = { billing_entity_id: billingEntityId };
    return { mode: 'subscription', line_items, subscription_data: { metadata } };
  }
}

type Sold = Pick<
  Stripe.Checkout.SessionCreateParams,
  'mode' | 'line_items' | 'subscription_data' | 'invoice_creation' | 'payment_intent_data'
>;

/** A sale of credits once. Its invoice says how many credits it sold. */
function saleOf(credits: bigint): Sold {
  const cents = credits / CREDITS_PER_CENT;
  if (credits < FEWEST_CREDITS || credits % CREDITS_PER_CENT !== 0n || cents > MOST_CENTS) {
    throw new Refusal(
      'BAD_USER_INPUT',
      `credits must be a multiple of ${CREDITS_PER_CENT}, at least ${FEWEST_CREDITS}`,
    );
  }
  const price_data = {
    currency: CURRENCY,
    product_data: { name: `${credits} credits` },
    unit_amount: Number(cents),
  };
  return {
    mode: 'payment',
    line_items: [{ price_data, quantity: 1 }],
    invoice_creation: { enabled: true, invoice_data: { metadata: { [CREDITS_MARK]: String(credits) } } },
  };
}

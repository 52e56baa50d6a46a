/** Customers with cards, and what becomes of them: what the tests of cards do. */
import type { Stripe } from 'stripe';
import { type Bench, type Catalog, itemOf } from './bench.ts';

const HOUR = 3_600;

interface World {
  readonly bench: Bench;
  readonly catalog: Catalog;
}

/** The actions on an emulator that a test file starts before its first test. */
export function cardActions(world: () => World) {
  /** A customer whose default is this card; null: there is none. */
  const customerWith = (card: string | null): Promise<Stripe.Customer> =>
    world().bench.stripe.customers.create(
      card === null ? {} : { payment_method: card, invoice_settings: { default_payment_method: card } },
    );

  /** One more card of the customer's, which is nobody's default. */
  const cardOf = async (customer: Stripe.Customer, card: string): Promise<string> =>
    (await world().bench.stripe.paymentMethods.attach(card, { customer: customer.id })).id;

  const defaultOf = async (customer: Pick<Stripe.Customer, 'id'>): Promise<unknown> =>
    ((await world().bench.stripe.customers.retrieve(customer.id)) as Stripe.Customer).invoice_settings
      .default_payment_method;

  const reload = ({ id }: Pick<Stripe.Subscription, 'id'>): Promise<Stripe.Subscription> =>
    world().bench.stripe.subscriptions.retrieve(id);

  /** The status of an invoice, and the card of its last attempt. */
  const payment = async ({ id }: Pick<Stripe.Invoice, 'id'>): Promise<{ status: unknown; card: unknown }> => {
    const { data } = await world().bench.stripe.invoicePayments.list({
      invoice: id,
      expand: ['data.payment.payment_intent'],
    });
    const intent = data[0]?.payment.payment_intent as Stripe.PaymentIntent;
    return { status: (await world().bench.stripe.invoices.retrieve(id)).status, card: intent.payment_method };
  };

  const newestOf = async ({ id }: Pick<Stripe.Subscription, 'id'>): Promise<Stripe.Invoice> =>
    (await world().bench.stripe.invoices.list({ subscription: id })).data[0] as Stripe.Invoice;

  /** The subscription's period ends and what it brings has been charged. */
  const renew = async (subscription: Pick<Stripe.Subscription, 'id'>): Promise<Stripe.Invoice> => {
    const { current_period_end: end } = itemOf(await reload(subscription), world().catalog.pro);
    await world().bench.control.moveClock({ to: end + HOUR });
    return newestOf(subscription);
  };

  /** A customer with a default, and a subscription whose own card is another. */
  const subscribed = async (
    { own, usual }: { own: string; usual: string | null },
    more: Partial<Stripe.SubscriptionCreateParams> = {},
  ): Promise<{ customer: Stripe.Customer; subscription: Stripe.Subscription; card: string }> => {
    const customer = await customerWith(usual);
    const card = await cardOf(customer, own);
    const subscription = await world().bench.stripe.subscriptions.create({
      customer: customer.id,
      items: [{ price: world().catalog.pro.id }],
      default_payment_method: card,
      ...more,
    });
    return { customer, subscription, card };
  };
  return { customerWith, cardOf, defaultOf, reload, payment, newestOf, renew, subscribed };
}

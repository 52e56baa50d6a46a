import { createPrice, createProduct, soldPriceOf } from './catalog.ts';
import { HOUR, MINUTE } from './calendar.ts';
import { type SessionParameters, sessionFields } from './checkout-parameters.ts';
import { blankSession } from './checkout-session.ts';
import { assertChargeable, assertTerms, checkoutLines, sessionDiscounts, sumUp } from './checkout-terms.ts';
import { addressOf, assertCurrency, assertKnown, customerOf } from './customers.ts';
import { invalid } from './errors.ts';
import { isMetered } from './invoice-lines.ts';
import { pageFields, pageInOrder, pageOf } from './lists.ts';
import { mergeMetadata, oneOf, text } from './parameters.ts';
import { route, type Route } from './router.ts';
import { rowOf, type Sandbox } from './sandbox.ts';
import type { CheckoutDetails } from './tables.ts';
import type { CheckoutSession, Price } from './wire.ts';

const SHORTEST = 30 * MINUTE;
const LONGEST = 24 * HOUR;

/** Checkout sessions: the calls, and what paying one does. The page itself is in checkout-page.ts. */
export const checkoutRoutes: readonly Route[] = [
  route('POST', '/v1/checkout/sessions', sessionFields, (sandbox, parameters) => createSession(sandbox, parameters)),
  route(
    'GET',
    '/v1/checkout/sessions',
    {
      ...pageFields,
      customer: text,
      payment_intent: text,
      status: oneOf('complete', 'expired', 'open'),
      subscription: text,
    },
    (sandbox, parameters) => {
      assertKnown(sandbox, parameters.customer);
      const rows = [...sandbox.tables.checkoutSessions.values()].filter(
        (each) =>
          (parameters.customer === undefined || each.customer === parameters.customer) &&
          (parameters.payment_intent === undefined || each.payment_intent === parameters.payment_intent) &&
          (parameters.status === undefined || each.status === parameters.status) &&
          (parameters.subscription === undefined || each.subscription === parameters.subscription),
      );
      return pageOf(rows, '/v1/checkout/sessions', parameters);
    },
  ),
  route('GET', '/v1/checkout/sessions/:id', {}, (sandbox, _parameters, [id]) => sessionOf(sandbox, id)),
  route('GET', '/v1/checkout/sessions/:id/line_items', pageFields, (sandbox, parameters, [id]) => {
    sessionOf(sandbox, id);
    return pageInOrder(checkoutLines(sandbox, id), `/v1/checkout/sessions/${id}/line_items`, parameters);
  }),
  route('POST', '/v1/checkout/sessions/:id/expire', {}, (sandbox, _parameters, [id]) => {
    const session = sessionOf(sandbox, id);
    if (session.status !== 'open') {
      throw invalid('Only Checkout Sessions with a status in ["open"] can be expired.');
    }
    expireSession(sandbox, session);
    return session;
  }),
];

/** The session, or Stripe's refusal. */
export function sessionOf(sandbox: Sandbox, id: string): CheckoutSession {
  return rowOf(sandbox.tables.checkoutSessions, 'checkout.session', id);
}

/** Nobody can pay it any more. */
export function expireSession(sandbox: Sandbox, session: CheckoutSession): void {
  session.status = 'expired';
  session.url = null;
  sandbox.emit('checkout.session.expired', session);
}

/** Details of a session that the API does not show. */
export function detailsOf(sandbox: Sandbox, session: CheckoutSession): CheckoutDetails {
  return rowOf(sandbox.tables.checkoutDetails, 'checkout.session', session.id);
}

function createSession(sandbox: Sandbox, parameters: SessionParameters): CheckoutSession {
  const { mode, line_items: items = [], expires_at: expiresAt } = parameters;
  const now = sandbox.now();
  if (items.length === 0) {
    throw invalid('Missing required param: line_items.', { code: 'parameter_missing', param: 'line_items' });
  }
  assertMode(parameters);
  assertTerms(sandbox, parameters);
  if (expiresAt !== undefined && (expiresAt < now + SHORTEST || expiresAt > now + LONGEST)) {
    const bound = expiresAt < now + SHORTEST ? 'at least 30 minutes' : 'less than 24 hours';
    throw invalid(`The \`expires_at\` timestamp must be ${bound} from Checkout Session creation.`, {
      param: 'expires_at',
    });
  }
  const buyer = parameters.customer === undefined ? null : customerOf(sandbox, parameters.customer, 'customer');
  const lines = items.map((item, index) => lineOf(sandbox, item, { index, mode }));
  const currency = lines[0]?.price.currency ?? 'usd';
  if (buyer !== null && mode === 'subscription') assertCurrency(buyer, currency);
  const id = sandbox.newId('cs_test', 58);
  const session = blankSession(sandbox, parameters, { id, currency });
  session.discounts = sessionDiscounts(sandbox, parameters.discounts);
  const trial = parameters.subscription_data;
  const details: CheckoutDetails = {
    lines: lines.map(({ price, quantity }) => ({ id: sandbox.newId('li'), price: price.id, quantity })),
    subscriptionMetadata: mergeMetadata({}, trial?.metadata),
    subscriptionDescription: trial?.description ?? null,
    trialEnd: trial?.trial_end ?? null,
    trialDays: trial?.trial_period_days ?? null,
    missingPaymentMethod: trial?.trial_settings?.end_behavior.missing_payment_method ?? 'create_invoice',
    intentMetadata: mergeMetadata({}, parameters.payment_intent_data?.metadata),
    intentDescription: parameters.payment_intent_data?.description ?? null,
    setupFutureUsage: parameters.payment_intent_data?.setup_future_usage ?? null,
    shipping: shippingOf(parameters.payment_intent_data?.shipping),
    authenticating: false,
    updates: {
      address: parameters.customer_update?.address === 'auto',
      name: parameters.customer_update?.name === 'auto',
    },
  };
  sandbox.tables.checkoutSessions.set(id, session);
  sandbox.tables.checkoutDetails.set(id, details);
  sumUp(sandbox, session, details);
  try {
    assertChargeable(session);
  } catch (error) {
    sandbox.tables.checkoutSessions.delete(id);
    sandbox.tables.checkoutDetails.delete(id);
    throw error;
  }
  sandbox.onChange();
  return session;
}

function shippingOf(
  given: NonNullable<SessionParameters['payment_intent_data']>['shipping'],
): CheckoutDetails['shipping'] {
  const address = addressOf(given?.address ?? null);
  return given === undefined || address === null ? null : { address, name: given.name };
}

function assertMode(parameters: SessionParameters): void {
  const { mode } = parameters;
  const misplaced =
    mode === 'payment'
      ? (['subscription_data', 'payment_method_collection'] as const)
      : (['payment_intent_data', 'invoice_creation', 'submit_type', 'customer_creation'] as const);
  const found = misplaced.find((name) => parameters[name] !== undefined);
  if (found !== undefined) throw invalid(`You can not pass \`${found}\` in \`${mode}\` mode.`, { param: found });
  if (parameters.customer !== undefined && parameters.customer_email !== undefined) {
    throw invalid('You may only specify one of these parameters: customer, customer_email.');
  }
}

interface SoldLine {
  readonly price: Price;
  readonly quantity: number;
}

function lineOf(
  sandbox: Sandbox,
  item: NonNullable<SessionParameters['line_items']>[number],
  { index, mode }: { index: number; mode: 'payment' | 'subscription' },
): SoldLine {
  const param = `line_items[${index}]`;
  const { price: id, price_data: data } = item;
  if ((id === undefined) === (data === undefined)) {
    throw invalid('You must specify exactly one of `price` and `price_data`.', { param });
  }
  const price = id === undefined ? priceFrom(sandbox, data, param) : soldPriceOf(sandbox, id, `${param}[price]`);
  if (mode === 'payment' && price.type === 'recurring') {
    throw invalid('You specified `payment` mode but passed a recurring price.', { param: `${param}[price]` });
  }
  if (isMetered(price) && item.quantity !== undefined) {
    throw invalid('Quantity should not be specified for metered prices.', { param: `${param}[quantity]` });
  }
  if (!isMetered(price) && item.quantity === undefined) {
    throw invalid(`Missing required param: ${param}[quantity].`, {
      code: 'parameter_missing',
      param: `${param}[quantity]`,
    });
  }
  return { price, quantity: item.quantity ?? 0 };
}

function priceFrom(
  sandbox: Sandbox,
  data: NonNullable<SessionParameters['line_items']>[number]['price_data'],
  param: string,
): Price {
  if (data === undefined || (data.product === undefined) === (data.product_data === undefined)) {
    throw invalid('You must specify exactly one of `product` and `product_data`.', { param: `${param}[price_data]` });
  }
  const product = data.product ?? createProduct(sandbox, { name: '', ...data.product_data, active: false }).id;
  return createPrice(sandbox, {
    currency: data.currency,
    product,
    recurring: data.recurring,
    tax_behavior: data.tax_behavior,
    unit_amount: data.unit_amount,
    unit_amount_decimal: data.unit_amount_decimal,
  });
}

import { methodNamed } from './cards.ts';
import { assertKnown, customerOf } from './customers.ts';
import { cardRefused, invalid } from './errors.ts';
import { pageFields, pageOf } from './lists.ts';
import { flag, integer, list, mergeMetadata, metadata, oneOf, required, text, type Values } from './parameters.ts';
import { attempt, createIntent } from './payments.ts';
import { route, type Route } from './router.ts';
import { rowOf, type Sandbox } from './sandbox.ts';
import type { PaymentIntent } from './wire.ts';

const createFields = {
  amount: required(integer),
  confirm: flag,
  currency: required(text),
  customer: text,
  description: text,
  metadata,
  payment_method: text,
};

/** Payments without an invoice or a page around them. How any payment goes is in payments.ts. */
export const paymentIntentRoutes: readonly Route[] = [
  route('POST', '/v1/payment_intents', createFields, (sandbox, parameters) => create(sandbox, parameters)),
  route('GET', '/v1/payment_intents', { ...pageFields, customer: text }, (sandbox, parameters) => {
    assertKnown(sandbox, parameters.customer);
    const rows = [...sandbox.tables.paymentIntents.values()].filter(
      (each) => parameters.customer === undefined || each.customer === parameters.customer,
    );
    return pageOf(rows, '/v1/payment_intents', parameters);
  }),
  route('GET', '/v1/payment_intents/:id', {}, (sandbox, _parameters, [id]) =>
    rowOf(sandbox.tables.paymentIntents, 'payment_intent', id),
  ),
];

/** The same with the kinds of methods named, as versions did before ours. */
export const olderPaymentIntentRoutes: readonly Route[] = [
  route(
    'POST',
    '/v1/payment_intents',
    { ...createFields, payment_method_types: list(required(oneOf('card'))) },
    (sandbox, parameters) => create(sandbox, parameters),
  ),
];

/** Makes one and, if asked to, has it paid at once. @throws StripeFailure 402 when the card does not */
function create(sandbox: Sandbox, parameters: Values<typeof createFields>): PaymentIntent {
  const { amount, currency, customer = null, payment_method: name } = parameters;
  if (amount < 1) throw invalid('This value must be greater than or equal to 1.', { param: 'amount' });
  if (customer !== null) customerOf(sandbox, customer, 'customer');
  const method = name === undefined ? null : ownMethod(sandbox, name, customer);
  if (parameters.confirm === true && method === null) {
    throw invalid('You cannot confirm this PaymentIntent because it is missing a payment method.', {
      code: 'payment_intent_unexpected_state',
    });
  }
  const intent = createIntent(sandbox, {
    amount,
    currency: currency.toLowerCase(),
    customer,
    description: parameters.description ?? null,
    metadata: mergeMetadata({}, parameters.metadata),
    setupFutureUsage: null,
  });
  if (method === null) return intent;
  intent.payment_method = method;
  intent.status = 'requires_confirmation';
  if (parameters.confirm !== true || attempt(sandbox, intent, { method }) !== 'requires_payment_method') return intent;
  throw cardRefused('Your card was declined.', 'card_declined', {
    charge: intent.latest_charge,
    decline_code: 'generic_decline',
    payment_intent: structuredClone(intent),
  });
}

/** The id of a card that is the customer's, or nobody's. */
function ownMethod(sandbox: Sandbox, name: string, customer: string | null): string {
  const method = methodNamed(sandbox, name, 'payment_method');
  if (method.customer !== null && method.customer !== customer) {
    throw invalid(
      `The PaymentMethod ${method.id} belongs to a Customer. Please include that Customer in the request.`,
      {
        param: 'payment_method',
      },
    );
  }
  return method.id;
}

import { assertFree, methodNamed, outcomeOf } from './cards.ts';
import { sessionOf } from './checkout.ts';
import { submitCheckout } from './checkout-payment.ts';
import { cardRefused, invalid } from './errors.ts';
import { integer, required, text } from './parameters.ts';
import { route, type Route } from './router.ts';

/**
 * The calls of Stripe's Checkout page. They are documented nowhere; the command-line tool, which pays sessions this way, looks
 * at none of the answers. So the session itself stands in for them.
 */
export const paymentPageRoutes: readonly Route[] = [
  route('GET', '/v1/payment_pages/:id', {}, (sandbox, _parameters, [id]) => sessionOf(sandbox, id)),
  route(
    'POST',
    '/v1/payment_pages/:id/confirm',
    { expected_amount: integer, payment_method: required(text) },
    (sandbox, parameters, [id]) => {
      const session = sessionOf(sandbox, id);
      const { expected_amount: expected } = parameters;
      if (expected !== undefined && expected !== session.amount_total) {
        throw invalid(`The amount is ${session.amount_total}, not ${expected}.`, { param: 'expected_amount' });
      }
      const method = methodNamed(sandbox, parameters.payment_method, 'payment_method');
      assertFree(method);
      const outcome = submitCheckout(sandbox, session, {
        card: outcomeOf(sandbox, method.id),
        authenticated: false,
        email: method.billing_details.email ?? undefined,
        method,
      });
      if (outcome === 'requires_payment_method') throw cardRefused('Your card was declined.', 'card_declined', {});
      return session;
    },
  ),
];

import { checkoutLines, sessionOf } from './checkout.ts';
import { abandonAuthentication, submitCheckout, successUrlOf } from './checkout-payment.ts';
import { formatDay, type Html, html, notice, page } from './html.ts';
import { formatMoney } from './money.ts';
import { isMetered, unitAmountOf } from './invoice-lines.ts';
import type { PageAnswer, PageRequest } from './page-request.ts';
import type { Sandbox } from './sandbox.ts';
import type { CardOutcome } from './tables.ts';
import type { CheckoutLine, CheckoutSession } from './wire.ts';

/** The hosted Checkout page: what is bought, which card, and 3-D Secure where the card wants it. */
export function checkoutPage(sandbox: Sandbox, id: string, { form }: PageRequest): PageAnswer {
  const session = sessionOf(sandbox, id);
  if (session.status === 'complete') return { redirect: successUrlOf(session) };
  if (session.status !== 'open') return { body: expiredPage(session) };
  if (form === null) return { body: paymentPage(sandbox, session, null) };
  switch (form.get('step')) {
    case 'confirm':
      return submit(sandbox, session, { card: 'requires_action', authenticated: true, email: form.get('email') });
    case 'refuse':
      abandonAuthentication(sandbox, session);
      return { body: paymentPage(sandbox, session, 'The bank did not confirm that it is you. Try another card.') };
    case null:
    default:
      return submit(sandbox, session, {
        card: cardOutcome(form.get('card')),
        authenticated: false,
        email: form.get('email'),
      });
  }
}

/** The card that a form names. Anything unknown is declined. */
export function cardOutcome(value: string | null): CardOutcome {
  return value === 'accepted' || value === 'requires_action' ? value : 'declined';
}

/** The choice of test cards. */
export function cardChoice(selected: CardOutcome): Html {
  const cards = [
    { value: 'accepted', label: 'Visa 4242', hint: 'pays' },
    { value: 'declined', label: 'Visa 0341', hint: 'is declined' },
    { value: 'requires_action', label: 'Visa 3184', hint: 'asks for 3-D Secure every time' },
  ] as const;
  return html`<fieldset>
    <legend>Test card</legend>
    ${cards.map(
      ({ value, label, hint }) =>
        html`<label
          ><input type="radio" name="card" value="${value}" ${selected === value && html` checked`} /> ${label}<small
            >${hint}</small
          ></label
        >`,
    )}
  </fieldset>`;
}

function submit(
  sandbox: Sandbox,
  session: CheckoutSession,
  { card, authenticated, email }: { card: CardOutcome; authenticated: boolean; email: string | null },
): PageAnswer {
  const known = email === null || email === '' ? undefined : email;
  switch (submitCheckout(sandbox, session, { card, authenticated, email: known })) {
    case 'succeeded':
      return { redirect: successUrlOf(session) };
    case 'requires_action':
      return { body: authenticationPage(session, known) };
    case 'requires_payment_method':
      return { body: paymentPage(sandbox, session, 'Your card was declined. Try another card.') };
  }
}

function paymentPage(sandbox: Sandbox, session: CheckoutSession, problem: string | null): string {
  const lines = checkoutLines(sandbox, session.id);
  const customer = sandbox.tables.customers.get(session.customer ?? '');
  const isSubscription = session.mode === 'subscription';
  const currency = session.currency ?? 'usd';
  const trial = sandbox.tables.checkoutDetails.get(session.id);
  const isTrial = trial?.trialDays != null || trial?.trialEnd != null;
  const email = customer?.email ?? session.customer_email;
  return page({
    title: isSubscription ? 'Subscribe' : 'Pay',
    back: session.cancel_url === null ? null : { href: session.cancel_url, label: 'Cancel and go back' },
    body: html`${notice(problem)}
      <section aria-labelledby="order">
        <h2 id="order">Your order</h2>
        <table>
          <thead>
            <tr>
              <th scope="col">What</th>
              <th scope="col">Quantity</th>
              <th scope="col" class="amount">Price</th>
            </tr>
          </thead>
          <tbody>
            ${lines.map(lineRow)}
          </tbody>
          <tfoot>
            <tr>
              <th scope="row" colspan="2">Due today</th>
              <td class="amount">${formatMoney(session.amount_total ?? 0, currency)}</td>
            </tr>
          </tfoot>
        </table>
        ${isTrial && html`<p>Free of charge during the trial.</p>`}
      </section>
      <section aria-labelledby="payment">
        <h2 id="payment">Payment</h2>
        <form method="post">
          ${
            email === null
              ? html`<p>
                  <label>E-mail <input type="email" name="email" autocomplete="email" required /></label>
                </p>`
              : html`<p>${email}</p>`
          }
          ${cardChoice('accepted')}
          <button type="submit">
            ${isSubscription ? 'Subscribe' : `Pay ${formatMoney(session.amount_total ?? 0, currency)}`}
          </button>
        </form>
      </section>
      <p>This page is good until ${formatDay(session.expires_at)}.</p>`,
  });
}

function lineRow(line: CheckoutLine): Html {
  const { price } = line;
  const isUsage = price !== null && isMetered(price);
  const every = price?.recurring === null || price === null ? '' : ` / ${price.recurring.interval}`;
  const amount = isUsage
    ? `${unitAmountOf(price)} cents each`
    : `${formatMoney(line.amount_total, line.currency)}${every}`;
  return html`<tr>
    <th scope="row">${line.description}</th>
    <td>${line.quantity ?? 'as used'}</td>
    <td class="amount">${amount}</td>
  </tr>`;
}

function authenticationPage(session: CheckoutSession, email: string | undefined): string {
  return page({
    title: '3-D Secure',
    body: html`<section aria-labelledby="bank">
      <h2 id="bank">Your bank wants to know that it is you</h2>
      <p>${formatMoney(session.amount_total ?? 0, session.currency ?? 'usd')} to Tollgate.</p>
      <div class="row">
        <form method="post">
          <input
            type="hidden"
            name="step"
            value="confirm"
          />${email !== undefined && html`<input type="hidden" name="email" value="${email}" />`}<button type="submit">
            Confirm
          </button>
        </form>
        <form method="post">
          <input type="hidden" name="step" value="refuse" /><button type="submit" class="quiet">
            Fail authentication
          </button>
        </form>
      </div>
    </section>`,
  });
}

function expiredPage(session: CheckoutSession): string {
  return page({
    title: 'This page is no longer valid',
    body: html`<section><p>The session expired on ${formatDay(session.expires_at)}.</p></section>`,
    back: session.cancel_url === null ? null : { href: session.cancel_url, label: 'Go back' },
  });
}

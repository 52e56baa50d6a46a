import { detailsOf, sessionOf } from './checkout.ts';
import { abandonAuthentication, submitCheckout, successUrlOf } from './checkout-payment.ts';
import { type Answers, assertFilledIn, checkoutLines, fillIn } from './checkout-terms.ts';
import { addressOf } from './customers.ts';
import { StripeFailure } from './errors.ts';
import { formatDay, type Html, html, notice, page } from './html.ts';
import { formatMoney } from './money.ts';
import { isMetered, unitAmountOf } from './invoice-lines.ts';
import type { PageAnswer, PageRequest } from './page-request.ts';
import type { Sandbox } from './sandbox.ts';
import type { CardOutcome, ToldAtCheckout } from './tables.ts';
import type { CheckoutLine, CheckoutSession, TaxId } from './wire.ts';

/** The hosted Checkout page: what is bought, which card, and 3-D Secure where the card wants it. */
export function checkoutPage(sandbox: Sandbox, id: string, { form }: PageRequest): PageAnswer {
  const session = sessionOf(sandbox, id);
  if (session.status === 'complete') return { redirect: successUrlOf(session) };
  if (session.status !== 'open') return { body: expiredPage(session) };
  if (form === null) return { body: paymentPage(sandbox, session, null) };
  const problem = problemOf(() =>
    fillIn(sandbox, { session, details: detailsOf(sandbox, session) }, answersOf(session, form)),
  );
  if (problem !== null) return { body: paymentPage(sandbox, session, problem) };
  switch (form.get('step')) {
    case 'confirm':
      return submit(sandbox, session, { card: 'requires_action', authenticated: true, email: form.get('email') });
    case 'refuse':
      abandonAuthentication(sandbox, session);
      return { body: paymentPage(sandbox, session, 'The bank did not confirm that it is you. Try another card.') };
    case 'update':
      return { body: paymentPage(sandbox, session, null) };
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
  const problem = problemOf(() => assertFilledIn(session, detailsOf(sandbox, session)));
  if (problem !== null) return { body: paymentPage(sandbox, session, problem) };
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
            ${sumRow('Discount', -(session.total_details?.amount_discount ?? 0), currency)}
            ${sumRow('Tax', session.total_details?.amount_tax ?? 0, currency)}
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
          ${answerFields(session, trial?.told)} ${cardChoice('accepted')}
          <button type="submit">
            ${isSubscription ? 'Subscribe' : `Pay ${formatMoney(session.amount_total ?? 0, currency)}`}
          </button>
        </form>
      </section>
      <p>This page is good until ${formatDay(session.expires_at)}.</p>`,
  });
}

function sumRow(label: string, cents: number, currency: string): Html {
  if (cents === 0) return html``;
  return html`<tr>
    <th scope="row" colspan="2">${label}</th>
    <td class="amount">${formatMoney(cents, currency)}</td>
  </tr>`;
}

/** The questions of the page besides the card, where the session has any. */
function answerFields(session: CheckoutSession, told: ToldAtCheckout | undefined): Html {
  const collects = session.tax_id_collection?.enabled === true;
  const taxes = session.automatic_tax.enabled;
  const field = (name: string, label: string, value: string | null | undefined): Html =>
    html`<p>
      <label>${label} <input type="text" name="${name}" value="${value ?? ''}" /></label>
    </p>`;
  const fields = [
    ...(taxes || collects ? [field('country', 'Country (two letters)', told?.address?.country ?? 'US')] : []),
    ...(taxes ? [field('postal_code', 'Postal code', told?.address?.postal_code)] : []),
    ...(collects ? [field('name', 'Business name', told?.name), field('tax_id', 'Tax ID', told?.taxId?.value)] : []),
    ...(session.allow_promotion_codes === true ? [field('promotion_code', 'Promotion code', null)] : []),
  ];
  if (fields.length === 0) return html``;
  return html`${fields}
    <p><button type="submit" name="step" value="update" class="quiet">Update the total</button></p>`;
}

/** The answers of a form. A field that was left empty says nothing. */
function answersOf(session: CheckoutSession, form: URLSearchParams): Answers {
  const answer = (name: string): string | null => {
    const text = form.get(name)?.trim() ?? '';
    return text === '' ? null : text;
  };
  const country = answer('country')?.toUpperCase() ?? null;
  const [name, taxId, code] = [answer('name'), answer('tax_id'), answer('promotion_code')];
  return {
    ...(code !== null && { promotionCode: code }),
    ...(country !== null && { address: addressOf({ country, postal_code: answer('postal_code') ?? undefined }) }),
    ...(name !== null && { name }),
    ...(taxId !== null &&
      session.tax_id_collection?.enabled === true && { taxId: { type: taxIdTypeOf(country), value: taxId } }),
  };
}

/** The kind of tax id that a country's businesses have, of the few that the page knows. */
function taxIdTypeOf(country: string | null): TaxId['type'] {
  if (country === 'US') return 'us_ein';
  if (country === 'GB') return 'gb_vat';
  return country === 'CH' ? 'ch_vat' : 'eu_vat';
}

function problemOf(work: () => void): string | null {
  try {
    work();
    return null;
  } catch (error) {
    if (error instanceof StripeFailure) return error.message;
    throw error;
  }
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

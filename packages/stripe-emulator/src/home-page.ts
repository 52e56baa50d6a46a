import { productNameOf } from './catalog.ts';
import { describeCard } from './default-cards.ts';
import { formatInstant, type Html, html, page } from './html.ts';
import { invoiceTable } from './invoice-page.ts';
import { isMetered } from './invoice-lines.ts';
import { unitsUsed } from './meters.ts';
import type { PageAnswer } from './page-request.ts';
import type { Sandbox } from './sandbox.ts';
import { periodOf } from './subscription-items.ts';
import { moveTo } from './timeline.ts';
import type { Customer, Subscription } from './wire.ts';

const HOUR = 3_600;
const STEPS = [
  { label: 'An hour on', seconds: HOUR },
  { label: 'A day on', seconds: 24 * HOUR },
  { label: 'A month on', seconds: 31 * 24 * HOUR },
];

/** A small dashboard: the account's time, and its customers with their subscriptions, use and invoices. */
export function homePage(sandbox: Sandbox, form: URLSearchParams | null): PageAnswer {
  if (form !== null) {
    const step = STEPS.find(({ seconds }) => String(seconds) === form.get('on'));
    if (step !== undefined) moveTo(sandbox, sandbox.now() + step.seconds, sandbox.frozen);
    // Fetched anew: reloading it moves nothing again.
    return { redirect: '/' };
  }
  const customers = [...sandbox.tables.customers.values()].toReversed();
  return {
    body: page({
      title: 'Account',
      body: html`<section aria-labelledby="time">
          <h2 id="time">Time</h2>
          <p>
            It is ${formatInstant(sandbox.now())} here. What is due until then happens at once: renewals, retries, ends.
          </p>
          <form method="post" class="row">
            ${STEPS.map(
              ({ label, seconds }) =>
                html`<button type="submit" name="on" value="${seconds}" class="quiet">${label}</button>`,
            )}
          </form>
        </section>
        ${customers.length === 0 && html`<section><p>There are no customers yet.</p></section>`}
        ${customers.map((customer) => customerSection(sandbox, customer))}`,
    }),
  };
}

function customerSection(sandbox: Sandbox, customer: Customer): Html {
  const subscriptions = [...sandbox.tables.subscriptions.values()].filter((each) => each.customer === customer.id);
  return html`<section aria-labelledby="${customer.id}">
    <h2 id="${customer.id}">${customer.name ?? customer.description ?? customer.id}</h2>
    <p>${customer.id}. ${describeCard(sandbox, customer) ?? 'No card'}.</p>
    ${subscriptions.toReversed().map((subscription) => subscriptionPart(sandbox, subscription))}
    ${invoiceTable(sandbox, customer.id, `${sandbox.baseUrl}/`)}
  </section>`;
}

function subscriptionPart(sandbox: Sandbox, subscription: Subscription): Html {
  const { start, end } = periodOf(subscription);
  const { customer } = subscription;
  const plans = subscription.items.data.filter(({ price }) => !isMetered(price));
  const meters = subscription.items.data.flatMap(({ price }) => price.recurring?.meter ?? []);
  const goesOn = subscription.cancel_at_period_end ? 'ends' : 'renews';
  const until = subscription.ended_at === null ? `${goesOn} on ${formatInstant(end)}` : 'ended';
  return html`<p>
      <strong
        >${plans.map((item) => html`${productNameOf(sandbox, item.price)}, quantity ${item.quantity ?? 0}`)}</strong
      >: ${subscription.status}, ${until}.
    </p>
    ${meters.map(
      (meter) =>
        html`<p>
          Meter «${sandbox.tables.meters.get(meter)?.display_name ?? meter}»:
          <strong>${unitsUsed(sandbox, { meter, customer, start, end })}</strong> in its period since
          ${formatInstant(start)}.
        </p>`,
    )}`;
}

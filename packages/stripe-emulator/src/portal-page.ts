import { priceOf, productNameOf } from './catalog.ts';
import { cardChoice, cardOutcome } from './checkout-page.ts';
import { outcomeOf } from './cards.ts';
import { customerOf } from './customers.ts';
import { describeCard, giveCard, shownCard } from './default-cards.ts';
import { formatDay, type Html, html, notice, page } from './html.ts';
import { isMetered, unitAmountOf } from './invoice-lines.ts';
import { formatMoney, lineCents } from './money.ts';
import { invoiceTable } from './invoice-page.ts';
import type { PageAnswer, PageRequest } from './page-request.ts';
import { configurationOf } from './portal.ts';
import { changePlan, setCancellation } from './portal-actions.ts';
import { rowOf, type Sandbox } from './sandbox.ts';
import { periodOf } from './subscription-items.ts';
import type { Customer, PortalConfiguration, PortalSession, Subscription } from './wire.ts';

/** The customer portal: plan, quantity, cancellation, card and invoices. */
export function portalPage(sandbox: Sandbox, id: string, { form }: PageRequest): PageAnswer {
  const session = rowOf(sandbox.tables.portalSessions, 'billing_portal.session', id);
  const view = viewOf(sandbox, session);
  if (form === null) return { body: pageOf(sandbox, view, null) };
  const problem = act(sandbox, view, form);
  // After a change that worked the page is fetched anew, so that reloading it changes nothing again.
  return problem === null ? { redirect: `/p/session/${id}` } : { body: pageOf(sandbox, view, problem) };
}

interface View {
  readonly session: PortalSession;
  readonly configuration: PortalConfiguration;
  readonly customer: Customer;
  readonly subscription: Subscription | null;
}

function viewOf(sandbox: Sandbox, session: PortalSession): View {
  const subscription =
    [...sandbox.tables.subscriptions.values()].find(
      (each) => each.customer === session.customer && each.ended_at === null,
    ) ?? null;
  return {
    session,
    configuration: configurationOf(sandbox, session.configuration),
    customer: customerOf(sandbox, session.customer),
    subscription,
  };
}

/** Does what a form asks for; says why not. */
function act(sandbox: Sandbox, view: View, form: URLSearchParams): string | null {
  const { configuration, customer, subscription } = view;
  switch (form.get('action')) {
    case 'card':
      giveCard(sandbox, customer, cardOutcome(form.get('card')));
      return null;
    case 'plan': {
      if (subscription === null || !configuration.features.subscription_update.enabled) {
        return 'This cannot be changed.';
      }
      const quantity = Number(form.get('quantity') ?? '1');
      return changePlan(sandbox, { configuration, subscription, price: form.get('price') ?? '', quantity });
    }
    case 'cancel':
    case 'renew':
      if (subscription === null || !configuration.features.subscription_cancel.enabled) {
        return 'This cannot be canceled.';
      }
      return setCancellation(sandbox, { configuration, subscription, cancel: form.get('action') === 'cancel' });
    case null:
    default:
      return 'This is not possible.';
  }
}

function pageOf(sandbox: Sandbox, view: View, problem: string | null): string {
  const { configuration, customer, session, subscription } = view;
  return page({
    title: configuration.business_profile.headline ?? 'Your subscription',
    back: session.return_url === null ? null : { href: session.return_url, label: 'Return to Tollgate' },
    body: html`${notice(problem)}
    ${subscription === null ? html`<section><p>There is no subscription.</p></section>` : planSection(sandbox, view, subscription)}
    ${subscription !== null && configuration.features.subscription_update.enabled && changeSection(sandbox, configuration, subscription)}
    ${configuration.features.payment_method_update.enabled && cardSection(sandbox, customer)}
    ${configuration.features.invoice_history.enabled && invoicesSection(sandbox, view)}`,
  });
}

function planSection(sandbox: Sandbox, { configuration }: View, subscription: Subscription): Html {
  const { end } = periodOf(subscription);
  const items = subscription.items.data.filter((item) => !isMetered(item.price));
  const isEnding = subscription.cancel_at_period_end;
  const button = isEnding
    ? html`<button type="submit" name="action" value="renew">Renew</button>`
    : html`<button type="submit" name="action" value="cancel" class="quiet">Cancel plan</button>`;
  return html`<section aria-labelledby="plan">
    <h2 id="plan">Current plan</h2>
    ${items.map(
      (item) =>
        html`<p>
          <strong>${productNameOf(sandbox, item.price)}</strong>, quantity ${item.quantity ?? 0},
          ${formatMoney(lineCents(unitAmountOf(item.price), item.quantity ?? 0), item.price.currency)} /
          ${item.price.recurring?.interval ?? ''}
        </p>`,
    )}
    <p>
      Status: ${subscription.status}. ${isEnding ? `Ends on ${formatDay(end)}.` : `Renews on ${formatDay(end)}.`}
      ${subscription.pending_update !== null && 'A change waits for its payment.'}
      ${subscription.schedule !== null && 'A change is scheduled for the end of the period.'}
    </p>
    ${configuration.features.subscription_cancel.enabled && html`<form method="post">${button}</form>`}
  </section>`;
}

function changeSection(sandbox: Sandbox, configuration: PortalConfiguration, subscription: Subscription): Html {
  const { default_allowed_updates: allowed, products } = configuration.features.subscription_update;
  const current = subscription.items.data.find((item) => !isMetered(item.price));
  const prices = (products ?? []).flatMap((product) => product.prices.map((id) => priceOf(sandbox, id)));
  const mayChangeQuantity = allowed.includes('quantity');
  return html`<section aria-labelledby="change">
    <h2 id="change">Change plan</h2>
    <form method="post">
      <input type="hidden" name="action" value="plan" />
      <p>
        <label
          >Plan
          <select name="price">
            ${prices.map(
              (price) =>
                html`<option value="${price.id}" ${price.id === current?.price.id && html` selected`}>
                  ${productNameOf(sandbox, price)}, ${formatMoney(price.unit_amount ?? 0, price.currency)} /
                  ${price.recurring?.interval ?? ''}
                </option>`,
            )}
          </select></label
        >
      </p>
      ${
        mayChangeQuantity &&
        html`<p>
          <label
            >Quantity
            <input type="number" name="quantity" min="1" max="999999" value="${current?.quantity ?? 1}" required
          /></label>
        </p>`
      }
      <button type="submit">Change plan</button>
    </form>
  </section>`;
}

function cardSection(sandbox: Sandbox, customer: Customer): Html {
  const card = shownCard(sandbox, customer);
  const selected = card === null ? 'accepted' : outcomeOf(sandbox, card.id);
  return html`<section aria-labelledby="card">
    <h2 id="card">Payment method</h2>
    <p>${describeCard(sandbox, customer) ?? 'None yet.'}</p>
    <form method="post">
      <input type="hidden" name="action" value="card" />${cardChoice(selected)}<button type="submit">
        Use this card
      </button>
    </form>
  </section>`;
}

function invoicesSection(sandbox: Sandbox, { customer, session }: View): Html {
  return html`<section aria-labelledby="invoices">
    <h2 id="invoices">Invoices</h2>
    ${invoiceTable(sandbox, customer.id, session.url)}
  </section>`;
}

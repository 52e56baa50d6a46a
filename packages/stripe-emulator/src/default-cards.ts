import { attachMethod, newCard, outcomeOf } from './cards.ts';
import type { Sandbox } from './sandbox.ts';
import type { CardOutcome } from './tables.ts';
import type { Customer, Invoice, PaymentMethod, Subscription } from './wire.ts';

/** The card of an invoice, unless the call names one: its own, its subscription's, its customer's. */
export function cardOfInvoice(sandbox: Sandbox, invoice: Invoice): string | null {
  const subscription = sandbox.tables.subscriptions.get(invoice.parent?.subscription_details?.subscription ?? '');
  const card =
    invoice.default_payment_method ??
    subscription?.default_payment_method ??
    cardOfCustomer(sandbox, invoice.customer ?? '');
  return heldCard(sandbox, card);
}

/** The card of a subscription's invoices. */
export function cardOfSubscription(sandbox: Sandbox, subscription: Subscription): string | null {
  return heldCard(sandbox, subscription.default_payment_method ?? cardOfCustomer(sandbox, subscription.customer));
}

/** The card, unless it was detached since: then nothing is charged, though it is still named. */
function heldCard(sandbox: Sandbox, card: string | null): string | null {
  return card !== null && sandbox.tables.paymentMethods.get(card)?.customer == null ? null : card;
}

/** The card of a customer, unless something more particular has one. */
export function cardOfCustomer(sandbox: Sandbox, customer: string): string | null {
  const row = sandbox.tables.customers.get(customer);
  return row?.invoice_settings.default_payment_method ?? row?.default_source ?? null;
}

/**
 * The customer pays with a card that answers so from now on: it becomes their default and that of each of their
 * subscriptions that has not ended; null takes every such default away. The card of before is left behind, as at Stripe.
 * A schedule keeps its card: its next phase gives it back to the subscription.
 * @returns the card
 */
export function giveCard(sandbox: Sandbox, customer: Customer, outcome: CardOutcome | null): string | null {
  const method = outcome === null ? null : cardAnswering(sandbox, customer, outcome);
  sandbox.change(customer, 'customer.updated', () => {
    customer.invoice_settings.default_payment_method = method;
    if (method === null) customer.default_source = null;
  });
  for (const subscription of liveOf(sandbox, customer)) {
    sandbox.change(subscription, 'customer.subscription.updated', () => {
      subscription.default_payment_method = method;
    });
  }
  return method;
}

/** The card is nobody's any more, and no default: it can neither be charged nor attached again. */
export function detachMethod(sandbox: Sandbox, method: PaymentMethod): void {
  const customer = sandbox.tables.customers.get(method.customer ?? '');
  sandbox.change(method, 'payment_method.detached', () => (method.customer = null));
  if (customer === undefined) return;
  sandbox.change(customer, 'customer.updated', () => {
    const { invoice_settings: settings } = customer;
    if (settings.default_payment_method === method.id) settings.default_payment_method = null;
    if (customer.default_source === method.id) customer.default_source = null;
  });
  if (!sandbox.behaviour.detachingClearsSubscriptions) return;
  for (const subscription of liveOf(sandbox, customer)) {
    if (subscription.default_payment_method !== method.id) continue;
    sandbox.change(subscription, 'customer.subscription.updated', () => {
      subscription.default_payment_method = null;
    });
  }
}

/** The card to show for a customer: their default, or else that of the newest subscription that has one and lives. */
export function shownCard(sandbox: Sandbox, customer: Customer): PaymentMethod | null {
  const method =
    cardOfCustomer(sandbox, customer.id) ??
    liveOf(sandbox, customer).findLast((each) => each.default_payment_method !== null)?.default_payment_method;
  return sandbox.tables.paymentMethods.get(method ?? '') ?? null;
}

/** The card's brand and number, for people. */
export function describeCard(sandbox: Sandbox, customer: Customer): string | null {
  const method = shownCard(sandbox, customer);
  return method?.card === undefined ? null : `Visa ending in ${method.card.last4}`;
}

/** The customer's default if that is how it answers, or else a new card of theirs. */
function cardAnswering(sandbox: Sandbox, customer: Customer, outcome: CardOutcome): string {
  const current = customer.invoice_settings.default_payment_method;
  if (current !== null && outcomeOf(sandbox, current) === outcome) return current;
  const method = newCard(sandbox, customer, outcome);
  attachMethod(sandbox, customer, method);
  return method.id;
}

function liveOf(sandbox: Sandbox, customer: Customer): Subscription[] {
  return [...sandbox.tables.subscriptions.values()].filter(
    (each) => each.customer === customer.id && each.ended_at === null,
  );
}

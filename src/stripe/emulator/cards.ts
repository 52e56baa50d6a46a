import type { Sandbox } from './sandbox.ts';
import type { CardOutcome } from './tables.ts';
import type { Customer, PaymentMethod } from './wire.ts';

/** Last digits of Stripe's test cards that behave so. */
const LAST_DIGITS = { accepted: '4242', declined: '0341', requires_action: '3184' } satisfies Record<
  CardOutcome,
  string
>;

/** How the customer's card would answer now; null: there is none. */
export function cardOf(sandbox: Sandbox, customer: string): CardOutcome | null {
  return sandbox.tables.cards.get(customer)?.outcome ?? null;
}

/**
 * Gives the customer a card and makes it the default. The card of before is left behind, as at Stripe; null takes the
 * default away.
 */
export function giveCard(sandbox: Sandbox, customer: Customer, outcome: CardOutcome | null): PaymentMethod | null {
  if (outcome === null) {
    sandbox.tables.cards.delete(customer.id);
    setDefault(sandbox, customer, null);
    return null;
  }
  if (cardOf(sandbox, customer.id) === outcome) {
    const current = sandbox.tables.paymentMethods.get(customer.invoice_settings.default_payment_method ?? '');
    if (current !== undefined) return current;
  }
  const method = newMethod(sandbox, customer, outcome);
  sandbox.tables.paymentMethods.set(method.id, method);
  sandbox.tables.cards.set(customer.id, { outcome });
  sandbox.emit('payment_method.attached', method);
  setDefault(sandbox, customer, method.id);
  return method;
}

/** The card's brand and number, for people. */
export function describeCard(sandbox: Sandbox, customer: Customer): string | null {
  const method = sandbox.tables.paymentMethods.get(customer.invoice_settings.default_payment_method ?? '');
  return method?.card === undefined ? null : `Visa ending in ${method.card.last4}`;
}

function setDefault(sandbox: Sandbox, customer: Customer, method: string | null): void {
  sandbox.change(customer, 'customer.updated', () => {
    customer.invoice_settings.default_payment_method = method;
  });
}

function newMethod(sandbox: Sandbox, customer: Customer, outcome: CardOutcome): PaymentMethod {
  return {
    id: sandbox.newId('pm'),
    object: 'payment_method',
    allow_redisplay: 'limited',
    billing_details: { address: null, email: customer.email, name: customer.name ?? null, phone: null, tax_id: null },
    card: {
      brand: 'visa',
      checks: { address_line1_check: null, address_postal_code_check: null, cvc_check: 'pass' },
      country: 'US',
      display_brand: 'visa',
      exp_month: 12,
      exp_year: 2034,
      fingerprint: sandbox.newId('').slice(1, 17),
      funding: 'credit',
      generated_from: null,
      last4: LAST_DIGITS[outcome],
      networks: { available: ['visa'], preferred: null },
      regulated_status: 'unregulated',
      three_d_secure_usage: { supported: true },
      wallet: null,
    },
    created: sandbox.now(),
    customer: customer.id,
    customer_account: null,
    livemode: false,
    metadata: {},
    type: 'card',
  };
}

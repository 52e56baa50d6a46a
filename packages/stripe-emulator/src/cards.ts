import { invalid } from './errors.ts';
import { rowOf, type Sandbox } from './sandbox.ts';
import type { CardOutcome } from './tables.ts';
import type { Customer, PaymentMethod } from './wire.ts';

interface TestCard {
  readonly last4: string;
  readonly outcome: CardOutcome;
}

/** Stripe's test cards, of which `pm_card_visa` and `tok_visa` make new ones. The last digits say how each answers. */
const TEST_CARDS: Readonly<Record<string, TestCard>> = {
  visa: { last4: '4242', outcome: 'accepted' },
  chargeCustomerFail: { last4: '0341', outcome: 'declined' },
  authenticationRequired: { last4: '3184', outcome: 'requires_action' },
  threeDSecure2Required: { last4: '3220', outcome: 'requires_action' },
  createDisputeInquiry: { last4: '1976', outcome: 'accepted' },
};

/** The card that control and the hosted pages give for each outcome. */
const CARD_OF = {
  accepted: 'visa',
  declined: 'chargeCustomerFail',
  requires_action: 'authenticationRequired',
} satisfies Record<CardOutcome, string>;

/** A card's answer when it is charged. */
export function outcomeOf(sandbox: Sandbox, method: string): CardOutcome {
  const last4 = sandbox.tables.paymentMethods.get(method)?.card?.last4;
  return Object.values(TEST_CARDS).find((card) => card.last4 === last4)?.outcome ?? 'declined';
}

/** True for a card whose owner asks the bank about every charge at once. */
export function bringsInquiry(sandbox: Sandbox, method: string): boolean {
  return sandbox.tables.paymentMethods.get(method)?.card?.last4 === TEST_CARDS['createDisputeInquiry']?.last4;
}

/** A new card that answers so. It bears the customer's name and is nobody's yet. */
export function newCard(sandbox: Sandbox, customer: Customer, outcome: CardOutcome): PaymentMethod {
  const method = newMethod(sandbox, CARD_OF[outcome]);
  method.billing_details.email = customer.email;
  method.billing_details.name = customer.name ?? null;
  return method;
}

/** The card is this customer's from now on. */
export function attachMethod(sandbox: Sandbox, customer: Customer, method: PaymentMethod): void {
  assertFree(method);
  method.customer = customer.id;
  sandbox.emit('payment_method.attached', method);
}

/** Refuses what somebody owns. */
export function assertFree(method: PaymentMethod): void {
  if (method.customer === null) return;
  throw invalid('The payment method you provided has already been attached to a customer.');
}

/** The method with this id. The name of a test card stands for a new one, which is how Stripe takes it. */
export function methodNamed(sandbox: Sandbox, id: string, param?: string): PaymentMethod {
  const name = /^pm_card_(\w+)$/.exec(id)?.[1];
  if (name !== undefined && Object.hasOwn(TEST_CARDS, name)) return newMethod(sandbox, name);
  return rowOf(sandbox.tables.paymentMethods, 'PaymentMethod', id, param);
}

/** A card from a token. Only those of test cards exist: no number is ever sent here. */
export function methodFromToken(sandbox: Sandbox, token: string, param: string): PaymentMethod {
  return newMethod(sandbox, nameOfToken(token, param));
}

/**
 * The customer's source, as integrations made them before there were payment methods: Stripe shows the same card as a
 * payment method under the id of the source, and so it is kept.
 */
export function giveSource(sandbox: Sandbox, customer: Customer, token: string): void {
  const method = newMethod(sandbox, nameOfToken(token, 'source'), sandbox.newId('card'));
  method.customer = customer.id;
  customer.default_source = method.id;
}

function nameOfToken(token: string, param: string): string {
  const name = /^tok_(\w+)$/.exec(token)?.[1];
  if (name === undefined || !Object.hasOwn(TEST_CARDS, name)) {
    throw invalid(`No such token: '${token}'`, { code: 'resource_missing', param });
  }
  return name;
}

/** A card that is nobody's yet. */
function newMethod(sandbox: Sandbox, name: string, id = sandbox.newId('pm')): PaymentMethod {
  const method: PaymentMethod = {
    id,
    object: 'payment_method',
    allow_redisplay: 'limited',
    billing_details: { address: null, email: null, name: null, phone: null, tax_id: null },
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
      last4: TEST_CARDS[name]?.last4 ?? '',
      networks: { available: ['visa'], preferred: null },
      regulated_status: 'unregulated',
      three_d_secure_usage: { supported: true },
      wallet: null,
    },
    created: sandbox.now(),
    customer: null,
    customer_account: null,
    livemode: false,
    metadata: {},
    type: 'card',
  };
  sandbox.tables.paymentMethods.set(id, method);
  return method;
}

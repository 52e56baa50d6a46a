import { bringsInquiry, outcomeOf } from './cards.ts';
import { openDispute } from './disputes.ts';
import type { Sandbox } from './sandbox.ts';
import type { CardOutcome } from './tables.ts';
import type { Charge, InvoicePayment, Metadata, PaymentIntent } from './wire.ts';

/** The end of an attempt to charge a card. */
export type Attempt = 'succeeded' | 'requires_action' | 'requires_payment_method';

export interface NewIntent {
  readonly amount: number;
  readonly currency: string;
  readonly customer: string | null;
  readonly description: string | null;
  readonly metadata: Metadata;
  readonly setupFutureUsage: 'off_session' | 'on_session' | null;
}

/** Makes a payment intent that nobody has tried to pay yet. */
export function createIntent(sandbox: Sandbox, parameters: NewIntent): PaymentIntent {
  const id = sandbox.newId('pi');
  const intent: PaymentIntent = {
    id,
    object: 'payment_intent',
    allowed_payment_method_types: null,
    amount: parameters.amount,
    amount_capturable: 0,
    amount_received: 0,
    application: null,
    application_fee_amount: null,
    automatic_payment_methods: null,
    canceled_at: null,
    cancellation_reason: null,
    capture_method: 'automatic',
    client_secret: `${id}_secret_${sandbox.newId('').slice(1)}`,
    confirmation_method: 'automatic',
    created: sandbox.now(),
    currency: parameters.currency,
    customer: parameters.customer,
    customer_account: null,
    description: parameters.description,
    excluded_payment_method_types: null,
    last_payment_error: null,
    latest_charge: null,
    livemode: false,
    managed_payments: null,
    metadata: parameters.metadata,
    next_action: null,
    on_behalf_of: null,
    payment_method: null,
    payment_method_configuration_details: null,
    payment_method_options: null,
    payment_method_types: ['card'],
    payment_record: null,
    processing: null,
    receipt_email: null,
    review: null,
    setup_future_usage: parameters.setupFutureUsage,
    shipping: null,
    source: null,
    statement_descriptor: null,
    statement_descriptor_suffix: null,
    status: 'requires_payment_method',
    transfer_data: null,
    transfer_group: null,
  };
  sandbox.tables.paymentIntents.set(id, intent);
  sandbox.emit('payment_intent.created', intent);
  return intent;
}

export interface Payment {
  /** The card that is charged; null: there is none. */
  readonly method: string | null;
  /** The customer has just confirmed by 3-D Secure. */
  readonly authenticated?: boolean;
}

/** Tries to pay with a card. */
export function attempt(sandbox: Sandbox, intent: PaymentIntent, { method, authenticated = false }: Payment): Attempt {
  const outcome = method === null ? null : outcomeOf(sandbox, method);
  intent.payment_method = method;
  if (outcome === 'requires_action' && !authenticated) {
    intent.status = 'requires_action';
    intent.next_action = {
      type: 'redirect_to_url',
      redirect_to_url: { return_url: null, url: `${sandbox.baseUrl}/authenticate/${intent.id}` },
    };
    sandbox.emit('payment_intent.requires_action', intent);
    return 'requires_action';
  }
  intent.next_action = null;
  if (outcome === null || outcome === 'declined') {
    fail(sandbox, intent, outcome);
    return 'requires_payment_method';
  }
  const charge = newCharge(sandbox, intent, { failed: false, authenticated });
  intent.status = 'succeeded';
  intent.amount_received = intent.amount;
  intent.latest_charge = charge.id;
  intent.last_payment_error = null;
  sandbox.emit('charge.succeeded', charge);
  sandbox.emit('payment_intent.succeeded', intent);
  if (method !== null && bringsInquiry(sandbox, method)) openDispute(sandbox, charge.id, { inquiry: true });
  return 'succeeded';
}

/** 3-D Secure was asked for and the customer did not confirm. */
export function failAuthentication(sandbox: Sandbox, intent: PaymentIntent): void {
  intent.status = 'requires_payment_method';
  intent.next_action = null;
  intent.last_payment_error = {
    code: 'payment_intent_authentication_failure',
    message: 'The provided PaymentMethod has failed authentication.',
    type: 'card_error',
  };
  sandbox.emit('payment_intent.payment_failed', intent);
}

/** Nobody needs to pay it any more. */
export function cancelIntent(sandbox: Sandbox, intent: PaymentIntent): void {
  if (intent.status === 'succeeded' || intent.status === 'canceled') return;
  intent.status = 'canceled';
  intent.next_action = null;
  intent.canceled_at = sandbox.now();
  intent.cancellation_reason = 'void_invoice';
  sandbox.emit('payment_intent.canceled', intent);
}

/** The payments of an invoice, oldest first. */
export function paymentsOf(sandbox: Sandbox, invoice: string): InvoicePayment[] {
  return [...sandbox.tables.invoicePayments.values()].filter((each) => each.invoice === invoice);
}

/** The intent of an invoice; null for one that needed none. */
export function intentOf(sandbox: Sandbox, invoice: string): PaymentIntent | null {
  const payment = paymentsOf(sandbox, invoice).at(-1);
  return sandbox.tables.paymentIntents.get(payment?.payment.payment_intent ?? '') ?? null;
}

function fail(sandbox: Sandbox, intent: PaymentIntent, outcome: CardOutcome | null): void {
  intent.status = 'requires_payment_method';
  if (outcome === null) {
    intent.last_payment_error = {
      code: 'payment_intent_payment_attempt_failed',
      message: 'There is no default payment method set on this customer.',
      type: 'invalid_request_error',
    };
  } else {
    const charge = newCharge(sandbox, intent, { failed: true, authenticated: false });
    intent.latest_charge = charge.id;
    intent.last_payment_error = {
      charge: charge.id,
      code: 'card_declined',
      decline_code: 'generic_decline',
      doc_url: 'https://stripe.com/docs/error-codes/card-declined',
      message: 'Your card was declined.',
      type: 'card_error',
    };
    sandbox.emit('charge.failed', charge);
  }
  sandbox.emit('payment_intent.payment_failed', intent);
}

function newCharge(
  sandbox: Sandbox,
  intent: PaymentIntent,
  { failed, authenticated }: { failed: boolean; authenticated: boolean },
): Charge {
  const id = sandbox.newId('ch');
  const customer = sandbox.tables.customers.get(intent.customer ?? '');
  const card = sandbox.tables.paymentMethods.get(intent.payment_method ?? '')?.card;
  const charge: Charge = {
    id,
    object: 'charge',
    amount: intent.amount,
    amount_captured: failed ? 0 : intent.amount,
    amount_refunded: 0,
    application: null,
    application_fee: null,
    application_fee_amount: null,
    balance_transaction: failed ? null : sandbox.newId('txn'),
    billing_details: {
      address: null,
      email: customer?.email ?? null,
      name: customer?.name ?? null,
      phone: null,
      tax_id: null,
    },
    calculated_statement_descriptor: null,
    captured: !failed,
    created: sandbox.now(),
    currency: intent.currency,
    customer: intent.customer,
    description: intent.description,
    disputed: false,
    failure_balance_transaction: null,
    failure_code: failed ? 'card_declined' : null,
    failure_message: failed ? 'Your card was declined.' : null,
    fraud_details: {},
    livemode: false,
    metadata: intent.metadata,
    on_behalf_of: null,
    outcome: {
      advice_code: failed ? 'try_again_later' : null,
      network_advice_code: null,
      network_decline_code: null,
      network_status: failed ? 'declined_by_network' : 'approved_by_network',
      reason: failed ? 'generic_decline' : null,
      risk_level: 'normal',
      risk_score: 20,
      seller_message: failed ? 'The bank did not return any further details.' : 'Payment complete.',
      type: failed ? 'issuer_declined' : 'authorized',
    },
    paid: !failed,
    payment_intent: intent.id,
    payment_method: intent.payment_method,
    payment_method_details:
      card === undefined
        ? null
        : {
            type: 'card',
            card: {
              amount_authorized: failed ? null : intent.amount,
              authorization_code: null,
              brand: card.brand,
              checks: card.checks,
              country: card.country,
              electronic_commerce_indicator: null,
              exp_month: card.exp_month,
              exp_year: card.exp_year,
              fingerprint: card.fingerprint ?? null,
              funding: card.funding,
              installments: null,
              last4: card.last4,
              mandate: null,
              network: 'visa',
              network_transaction_id: null,
              regulated_status: 'unregulated',
              three_d_secure: authenticated
                ? {
                    authentication_flow: 'challenge',
                    electronic_commerce_indicator: '05',
                    exemption_indicator: null,
                    result: 'authenticated',
                    result_reason: null,
                    transaction_id: null,
                    version: '2.2.0',
                  }
                : null,
              transaction_link_id: null,
              wallet: null,
            },
          },
    receipt_email: null,
    receipt_number: null,
    receipt_url: failed ? null : `${sandbox.baseUrl}/receipts/${id}`,
    refunded: false,
    review: null,
    shipping: null,
    source: null,
    source_transfer: null,
    statement_descriptor: null,
    statement_descriptor_suffix: null,
    status: failed ? 'failed' : 'succeeded',
    transfer_data: null,
    transfer_group: null,
  };
  sandbox.tables.charges.set(id, charge);
  return charge;
}

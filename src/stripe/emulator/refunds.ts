import { invalid } from './errors.ts';
import { pageFields, pageOf, range, within } from './lists.ts';
import { integer, mergeMetadata, metadata, oneOf, text, type Values } from './parameters.ts';
import { route, type Route } from './router.ts';
import { rowOf, type Sandbox } from './sandbox.ts';
import type { Charge, Dispute, Refund } from './wire.ts';

const createFields = {
  amount: integer,
  charge: text,
  metadata,
  payment_intent: text,
  reason: oneOf('duplicate', 'fraudulent', 'requested_by_customer'),
};

/** Payments after the fact: intents, charges, refunds and disputes. */
export const paymentRoutes: readonly Route[] = [
  route('GET', '/v1/payment_intents', { ...pageFields, customer: text }, (sandbox, parameters) => {
    const rows = [...sandbox.tables.paymentIntents.values()].filter(
      (each) => parameters.customer === undefined || each.customer === parameters.customer,
    );
    return pageOf(rows, '/v1/payment_intents', parameters);
  }),
  route('GET', '/v1/payment_intents/:id', {}, (sandbox, _parameters, [id]) =>
    rowOf(sandbox.tables.paymentIntents, 'payment_intent', id),
  ),
  route(
    'GET',
    '/v1/charges',
    { ...pageFields, created: range, customer: text, payment_intent: text },
    (sandbox, parameters) => {
      const rows = [...sandbox.tables.charges.values()].filter(
        (each) =>
          (parameters.customer === undefined || each.customer === parameters.customer) &&
          (parameters.payment_intent === undefined || each.payment_intent === parameters.payment_intent) &&
          within(each.created, parameters.created),
      );
      return pageOf(rows, '/v1/charges', parameters);
    },
  ),
  route('GET', '/v1/charges/:id', {}, (sandbox, _parameters, [id]) => chargeOf(sandbox, id)),
  route('POST', '/v1/refunds', createFields, (sandbox, parameters) => createRefund(sandbox, parameters)),
  route(
    'GET',
    '/v1/refunds',
    { ...pageFields, charge: text, created: range, payment_intent: text },
    (sandbox, parameters) => {
      const rows = [...sandbox.tables.refunds.values()].filter(
        (each) =>
          (parameters.charge === undefined || each.charge === parameters.charge) &&
          (parameters.payment_intent === undefined || each.payment_intent === parameters.payment_intent) &&
          within(each.created, parameters.created),
      );
      return pageOf(rows, '/v1/refunds', parameters);
    },
  ),
  route('GET', '/v1/refunds/:id', {}, (sandbox, _parameters, [id]) => rowOf(sandbox.tables.refunds, 'refund', id)),
  route(
    'GET',
    '/v1/disputes',
    { ...pageFields, charge: text, created: range, payment_intent: text },
    (sandbox, parameters) => {
      const rows = [...sandbox.tables.disputes.values()].filter(
        (each) =>
          (parameters.charge === undefined || each.charge === parameters.charge) &&
          (parameters.payment_intent === undefined || each.payment_intent === parameters.payment_intent) &&
          within(each.created, parameters.created),
      );
      return pageOf(rows, '/v1/disputes', parameters);
    },
  ),
  route('GET', '/v1/disputes/:id', {}, (sandbox, _parameters, [id]) => rowOf(sandbox.tables.disputes, 'dispute', id)),
];

/** Gives money back: all of it, or a part. */
export function createRefund(sandbox: Sandbox, parameters: Partial<Values<typeof createFields>>): Refund {
  const charge = chargeToRefund(sandbox, parameters);
  if (charge.disputed) {
    throw invalid(`Charge ${charge.id} has been charged back; cannot issue a refund.`, { code: 'charge_disputed' });
  }
  const left = charge.amount_captured - charge.amount_refunded;
  const amount = parameters.amount ?? left;
  if (left === 0) {
    throw invalid(`Charge ${charge.id} has already been refunded.`, { code: 'charge_already_refunded' });
  }
  if (amount < 1) throw invalid('This value must be greater than or equal to 1.', { param: 'amount' });
  if (amount > left) {
    throw invalid(`Refund amount (${amount}) is greater than unrefunded amount on charge (${left})`, {
      param: 'amount',
    });
  }
  const refund: Refund = {
    id: sandbox.newId('re'),
    object: 'refund',
    amount,
    balance_transaction: sandbox.newId('txn'),
    charge: charge.id,
    created: sandbox.now(),
    currency: charge.currency,
    customer: charge.customer,
    customer_account: null,
    destination_details: {
      card: { reference_status: 'pending', reference_type: 'acquirer_reference_number', type: 'refund' },
      type: 'card',
    },
    metadata: mergeMetadata({}, parameters.metadata),
    payment_intent: charge.payment_intent,
    payment_method: charge.payment_method,
    reason: parameters.reason ?? null,
    receipt_number: null,
    source_transfer_reversal: null,
    status: 'succeeded',
    transfer_reversal: null,
  };
  sandbox.tables.refunds.set(refund.id, refund);
  sandbox.emit('refund.created', refund);
  sandbox.change(charge, 'charge.refunded', () => {
    charge.amount_refunded += amount;
    charge.refunded = charge.amount_refunded === charge.amount_captured;
  });
  return refund;
}

/** The cardholder's bank takes the money back for now. */
export function openDispute(sandbox: Sandbox, chargeId: string, amountCents?: number): Dispute {
  const charge = chargeOf(sandbox, chargeId, 'charge');
  if (charge.disputed) throw invalid(`Charge ${chargeId} is disputed already.`);
  const intent = charge.payment_intent;
  const dispute: Dispute = {
    id: sandbox.newId('du'),
    object: 'dispute',
    amount: amountCents ?? charge.amount,
    balance_transactions: [],
    charge: chargeId,
    created: sandbox.now(),
    currency: charge.currency,
    enhanced_eligibility_types: [],
    evidence: blankEvidence(),
    evidence_details: {
      due_by: sandbox.now() + 7 * 86_400,
      enhanced_eligibility: {},
      has_evidence: false,
      past_due: false,
      submission_count: 0,
      submission_method: 'not_submitted',
    },
    intended_submission_method: null,
    is_charge_refundable: false,
    livemode: false,
    metadata: {},
    network_reason_code: '10.4',
    payment_intent: intent,
    payment_method_details: {
      card: { brand: 'visa', case_type: 'chargeback', network: 'visa', network_reason_code: '10.4' },
      type: 'card',
    },
    reason: 'fraudulent',
    status: 'needs_response',
  };
  sandbox.tables.disputes.set(dispute.id, dispute);
  charge.disputed = true;
  sandbox.emit('charge.dispute.created', dispute);
  sandbox.emit('charge.dispute.funds_withdrawn', dispute);
  return dispute;
}

/** The bank has decided. */
export function closeDispute(sandbox: Sandbox, id: string, outcome: 'won' | 'lost'): Dispute {
  const dispute = rowOf(sandbox.tables.disputes, 'dispute', id);
  if (dispute.status === 'won' || dispute.status === 'lost') throw invalid(`Dispute ${id} is closed already.`);
  dispute.status = outcome;
  sandbox.emit('charge.dispute.closed', dispute, { status: 'needs_response' });
  if (outcome === 'won') sandbox.emit('charge.dispute.funds_reinstated', dispute);
  return dispute;
}

function chargeToRefund(sandbox: Sandbox, parameters: Partial<Values<typeof createFields>>): Charge {
  if (parameters.charge !== undefined) return chargeOf(sandbox, parameters.charge, 'charge');
  if (parameters.payment_intent === undefined) {
    throw invalid('One of the following params should be provided for this request: payment_intent or charge.');
  }
  const intent = rowOf(sandbox.tables.paymentIntents, 'payment_intent', parameters.payment_intent, 'payment_intent');
  if (intent.latest_charge === null || intent.status !== 'succeeded') {
    throw invalid(`This PaymentIntent (${intent.id}) does not have a successful charge to refund.`, {
      param: 'payment_intent',
    });
  }
  return chargeOf(sandbox, intent.latest_charge, 'payment_intent');
}

function chargeOf(sandbox: Sandbox, id: string, param?: string): Charge {
  return rowOf(sandbox.tables.charges, 'charge', id, param);
}

function blankEvidence(): Dispute['evidence'] {
  return {
    access_activity_log: null,
    billing_address: null,
    cancellation_policy: null,
    cancellation_policy_disclosure: null,
    cancellation_rebuttal: null,
    customer_communication: null,
    customer_email_address: null,
    customer_name: null,
    customer_purchase_ip: null,
    customer_signature: null,
    duplicate_charge_documentation: null,
    duplicate_charge_explanation: null,
    duplicate_charge_id: null,
    enhanced_evidence: {},
    product_description: null,
    receipt: null,
    refund_policy: null,
    refund_policy_disclosure: null,
    refund_refusal_explanation: null,
    service_date: null,
    service_documentation: null,
    shipping_address: null,
    shipping_carrier: null,
    shipping_date: null,
    shipping_documentation: null,
    shipping_tracking_number: null,
    uncategorized_file: null,
    uncategorized_text: null,
  };
}

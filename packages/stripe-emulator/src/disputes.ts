import { invalid } from './errors.ts';
import { pageFields, pageOf, range, within } from './lists.ts';
import { mergeMetadata, metadata, text } from './parameters.ts';
import { route, type Route } from './router.ts';
import { rowOf, type Sandbox } from './sandbox.ts';
import type { Dispute } from './wire.ts';

const CLOSED = new Set<string>(['won', 'lost', 'warning_closed']);

/** Payments that the cardholder does not recognise. */
export const disputeRoutes: readonly Route[] = [
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
  route('GET', '/v1/disputes/:id', {}, (sandbox, _parameters, [id]) => disputeOf(sandbox, id)),
  route('POST', '/v1/disputes/:id', { metadata }, (sandbox, parameters, [id]) => {
    const dispute = disputeOf(sandbox, id);
    sandbox.change(dispute, 'charge.dispute.updated', () => {
      dispute.metadata = mergeMetadata(dispute.metadata, parameters.metadata);
    });
    return dispute;
  }),
  // Whoever closes a dispute has nothing to say to it. An inquiry has cost nothing yet.
  route('POST', '/v1/disputes/:id/close', {}, (sandbox, _parameters, [id]) =>
    closeDispute(sandbox, id, disputeOf(sandbox, id).status === 'warning_needs_response' ? 'warning_closed' : 'lost'),
  ),
];

/** The cardholder's bank takes the money back for now, or only inquires. */
export function openDispute(
  sandbox: Sandbox,
  chargeId: string,
  { amountCents, inquiry = false }: { amountCents?: number | undefined; inquiry?: boolean } = {},
): Dispute {
  const charge = rowOf(sandbox.tables.charges, 'charge', chargeId, 'charge');
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
    is_charge_refundable: inquiry,
    livemode: false,
    metadata: {},
    network_reason_code: '10.4',
    payment_intent: intent,
    payment_method_details: {
      card: {
        brand: 'visa',
        case_type: inquiry ? 'inquiry' : 'chargeback',
        network: 'visa',
        network_reason_code: '10.4',
      },
      type: 'card',
    },
    reason: 'fraudulent',
    status: inquiry ? 'warning_needs_response' : 'needs_response',
  };
  sandbox.tables.disputes.set(dispute.id, dispute);
  charge.disputed = true;
  sandbox.emit('charge.dispute.created', dispute);
  if (!inquiry) sandbox.emit('charge.dispute.funds_withdrawn', dispute);
  return dispute;
}

/** It is decided. */
export function closeDispute(sandbox: Sandbox, id: string, outcome: 'won' | 'lost' | 'warning_closed'): Dispute {
  const dispute = disputeOf(sandbox, id);
  if (CLOSED.has(dispute.status)) throw invalid(`Dispute ${id} is closed already.`);
  sandbox.change(dispute, 'charge.dispute.closed', () => {
    dispute.status = outcome;
    // The money is the seller's again, to give back if they like.
    if (outcome === 'won') dispute.is_charge_refundable = true;
  });
  if (outcome === 'won') sandbox.emit('charge.dispute.funds_reinstated', dispute);
  return dispute;
}

/** True when the money of a charge has been taken back. An inquiry alone does not take it. */
export function isChargedBack(sandbox: Sandbox, charge: string): boolean {
  return [...sandbox.tables.disputes.values()].some((each) => each.charge === charge && !each.is_charge_refundable);
}

function disputeOf(sandbox: Sandbox, id: string): Dispute {
  return rowOf(sandbox.tables.disputes, 'dispute', id);
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

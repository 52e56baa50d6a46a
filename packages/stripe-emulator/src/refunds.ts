import { assertKnown } from './customers.ts';
import { isChargedBack } from './disputes.ts';
import { invalid } from './errors.ts';
import { pageFields, pageOf, range, within } from './lists.ts';
import { integer, mergeMetadata, metadata, oneOf, text, type Values } from './parameters.ts';
import { route, type Route } from './router.ts';
import { rowOf, type Sandbox } from './sandbox.ts';
import type { Charge, Refund } from './wire.ts';

const createFields = {
  amount: integer,
  charge: text,
  metadata,
  payment_intent: text,
  reason: oneOf('duplicate', 'fraudulent', 'requested_by_customer'),
};

/** Payments after the fact: charges and refunds. */
export const refundRoutes: readonly Route[] = [
  route(
    'GET',
    '/v1/charges',
    { ...pageFields, created: range, customer: text, payment_intent: text },
    (sandbox, parameters) => {
      assertKnown(sandbox, parameters.customer);
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
  route('GET', '/v1/refunds/:id', {}, (sandbox, _parameters, [id]) => refundOf(sandbox, id)),
  route('POST', '/v1/refunds/:id', { metadata }, (sandbox, parameters, [id]) => {
    const refund = refundOf(sandbox, id);
    const before = refund.metadata;
    // Stripe tells of it twice: this is the older name.
    for (const type of ['refund.updated', 'charge.refund.updated']) {
      refund.metadata = before;
      sandbox.change(refund, type, () => {
        refund.metadata = mergeMetadata(before ?? {}, parameters.metadata);
      });
    }
    return refund;
  }),
];

/** Gives money back: all of it, or a part. */
export function createRefund(sandbox: Sandbox, parameters: Partial<Values<typeof createFields>>): Refund {
  const charge = chargeToRefund(sandbox, parameters);
  if (isChargedBack(sandbox, charge.id)) {
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

/** The bank would not take it: the money is back with who gave it, days after it was said to be gone. */
export function failRefund(sandbox: Sandbox, id: string): Refund {
  const refund = refundOf(sandbox, id);
  if (refund.status !== 'succeeded' || refund.charge === null) throw invalid(`Refund ${id} cannot fail any more.`);
  const charge = chargeOf(sandbox, refund.charge);
  sandbox.change(charge, 'charge.updated', () => {
    charge.amount_refunded -= refund.amount;
    charge.refunded = false;
  });
  sandbox.change(refund, 'refund.failed', () => {
    refund.status = 'failed';
    refund.failure_reason = 'expired_or_canceled_card';
    refund.failure_balance_transaction = sandbox.newId('txn');
  });
  return refund;
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

function refundOf(sandbox: Sandbox, id: string): Refund {
  return rowOf(sandbox.tables.refunds, 'refund', id);
}

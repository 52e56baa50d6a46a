import { discountFields } from './discounts.ts';
import { clearable, flag, integer, integerOr, list, metadata, object, oneOf, required, text } from './parameters.ts';
import { taxRateFields } from './tax-rates.ts';

const trialSettings = object({
  end_behavior: required(
    object({
      billing_cycle_anchor: oneOf('now', 'unchanged'),
      missing_payment_method: oneOf('cancel', 'create_invoice', 'pause'),
    }),
  ),
});

/** Reasons for an end, as their customer gave them. */
export const cancellationDetails = object({
  comment: clearable(text),
  feedback: clearable(
    oneOf(
      'customer_service',
      'low_quality',
      'missing_features',
      'other',
      'switched_service',
      'too_complex',
      'too_expensive',
      'unused',
    ),
  ),
});

/** An object with a type, since other kinds of it name a time. */
export const cycleAnchor = object({ type: required(oneOf('now', 'unchanged')) });

/** The treatment of time that was paid for and is not used any more. */
export const prorationBehavior = oneOf('always_invoice', 'create_prorations', 'none');

/** Items that are sold, in a new subscription as in a phase of a schedule. */
export const soldItems = required(
  list(
    required(
      object({
        discounts: discountFields,
        metadata,
        price: required(text),
        quantity: integer,
        tax_rates: taxRateFields,
      }),
    ),
  ),
);

const collectionMethod = oneOf('charge_automatically', 'send_invoice');

/** The parameters of changed items. Previews take the same. */
export const itemChanges = list(
  required(
    object({
      id: text,
      // Stripe says that it has no effect where a meter counts, and no other price is metered any more.
      clear_usage: flag,
      deleted: flag,
      discounts: discountFields,
      metadata,
      price: text,
      quantity: integer,
      tax_rates: taxRateFields,
    }),
  ),
);

/** The parameters of `subscriptions.create`. */
export const createFields = {
  billing_cycle_anchor: integer,
  cancel_at: integer,
  cancel_at_period_end: flag,
  collection_method: collectionMethod,
  customer: required(text),
  days_until_due: integer,
  default_payment_method: text,
  default_tax_rates: taxRateFields,
  description: text,
  discounts: discountFields,
  items: soldItems,
  metadata,
  off_session: flag,
  payment_behavior: oneOf('allow_incomplete', 'default_incomplete', 'error_if_incomplete'),
  proration_behavior: prorationBehavior,
  trial_end: integerOr('now'),
  trial_period_days: integer,
  trial_settings: trialSettings,
};

/** The parameters of `subscriptions.update`. */
export const updateFields = {
  billing_cycle_anchor: cycleAnchor,
  cancel_at: clearable(integer),
  cancel_at_period_end: flag,
  cancellation_details: cancellationDetails,
  collection_method: collectionMethod,
  days_until_due: integer,
  default_payment_method: text,
  default_tax_rates: taxRateFields,
  description: clearable(text),
  discounts: discountFields,
  items: itemChanges,
  metadata,
  off_session: flag,
  pause_collection: clearable(
    object({ behavior: required(oneOf('keep_as_draft', 'mark_uncollectible', 'void')), resumes_at: integer }),
  ),
  payment_behavior: oneOf('allow_incomplete', 'default_incomplete', 'error_if_incomplete', 'pending_if_incomplete'),
  proration_behavior: prorationBehavior,
  proration_date: integer,
  trial_end: integerOr('now'),
  trial_settings: trialSettings,
};

/** Parameters that may stand beside `payment_behavior=pending_if_incomplete`. */
export const PENDING_UPDATE_PARAMETERS = new Set([
  'billing_cycle_anchor',
  'cancel_at_period_end',
  'expand',
  'items',
  'metadata',
  'off_session',
  'payment_behavior',
  'proration_behavior',
  'proration_date',
  'trial_end',
]);

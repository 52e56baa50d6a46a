import { recurringFields } from './catalog.ts';
import { addressFields } from './customers.ts';
import { decimal, flag, integer, list, metadata, object, oneOf, required, text, type Values } from './parameters.ts';

const priceData = object({
  currency: required(text),
  product: text,
  product_data: object({ description: text, metadata, name: required(text) }),
  recurring: object({ interval: recurringFields.interval, interval_count: integer }),
  tax_behavior: oneOf('exclusive', 'inclusive', 'unspecified'),
  unit_amount: integer,
  unit_amount_decimal: decimal,
});

/** The parameters of `POST /v1/checkout/sessions`. */
export const sessionFields = {
  allow_promotion_codes: flag,
  automatic_tax: object({ enabled: required(flag) }),
  billing_address_collection: oneOf('auto', 'required'),
  cancel_url: text,
  client_reference_id: text,
  currency: text,
  customer: text,
  customer_creation: oneOf('always', 'if_required'),
  customer_email: text,
  customer_update: object({ address: oneOf('auto', 'never'), name: oneOf('auto', 'never') }),
  discounts: list(required(object({ coupon: text, promotion_code: text }))),
  expires_at: integer,
  invoice_creation: object({
    enabled: required(flag),
    invoice_data: object({ description: text, footer: text, metadata }),
  }),
  line_items: list(required(object({ metadata, price: text, price_data: priceData, quantity: integer }))),
  metadata,
  mode: required(oneOf('payment', 'subscription')),
  payment_intent_data: object({
    description: text,
    metadata,
    setup_future_usage: oneOf('off_session', 'on_session'),
    shipping: object({ address: required(addressFields), name: required(text) }),
  }),
  payment_method_collection: oneOf('always', 'if_required'),
  saved_payment_method_options: object({ payment_method_save: oneOf('disabled', 'enabled') }),
  submit_type: oneOf('auto', 'book', 'donate', 'pay', 'subscribe'),
  subscription_data: object({
    description: text,
    metadata,
    trial_end: integer,
    trial_period_days: integer,
    trial_settings: object({
      end_behavior: required(object({ missing_payment_method: required(oneOf('cancel', 'create_invoice', 'pause')) })),
    }),
  }),
  success_url: required(text),
  tax_id_collection: object({ enabled: required(flag), required: oneOf('if_supported', 'never') }),
  ui_mode: oneOf('hosted_page'),
};

/** A call's parameters, read. */
export type SessionParameters = Values<typeof sessionFields>;

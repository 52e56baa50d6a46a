import { DAY } from './calendar.ts';
import type { SessionParameters } from './checkout-parameters.ts';
import { mergeMetadata } from './parameters.ts';
import type { Sandbox } from './sandbox.ts';
import type { CheckoutSession } from './wire.ts';

/** A session that nobody has paid yet, before it is summed up. */
export function blankSession(
  sandbox: Sandbox,
  parameters: SessionParameters,
  { id, currency }: { id: string; currency: string },
): CheckoutSession {
  const { mode, invoice_creation: invoicing, tax_id_collection: collection } = parameters;
  const taxes = parameters.automatic_tax?.enabled ?? false;
  return {
    id,
    object: 'checkout.session',
    adaptive_pricing: null,
    after_expiration: null,
    allow_promotion_codes: parameters.allow_promotion_codes ?? null,
    allowed_payment_method_types: null,
    amount_subtotal: 0,
    amount_total: 0,
    automatic_tax: {
      enabled: taxes,
      liability: taxes ? { type: 'self' } : null,
      provider: taxes ? 'stripe' : null,
      status: taxes ? 'requires_location_inputs' : null,
    },
    billing_address_collection: parameters.billing_address_collection ?? null,
    cancel_url: parameters.cancel_url ?? null,
    client_reference_id: parameters.client_reference_id ?? null,
    client_secret: null,
    collected_information: null,
    consent: null,
    consent_collection: null,
    created: sandbox.now(),
    currency,
    currency_conversion: null,
    custom_fields: [],
    custom_text: {
      after_submit: null,
      shipping_address: null,
      submit: null,
      terms_of_service_acceptance: null,
    },
    customer: parameters.customer ?? null,
    customer_account: null,
    customer_creation: mode === 'payment' ? (parameters.customer_creation ?? 'if_required') : null,
    customer_details: null,
    customer_email: parameters.customer_email ?? null,
    discounts: [],
    expires_at: parameters.expires_at ?? sandbox.now() + DAY,
    integration_identifier: null,
    invoice: null,
    invoice_creation:
      mode === 'payment'
        ? {
            enabled: invoicing?.enabled ?? false,
            invoice_data: {
              account_tax_ids: null,
              custom_fields: null,
              description: invoicing?.invoice_data?.description ?? null,
              footer: invoicing?.invoice_data?.footer ?? null,
              issuer: null,
              metadata: mergeMetadata({}, invoicing?.invoice_data?.metadata),
              rendering_options: null,
            },
          }
        : null,
    livemode: false,
    locale: null,
    managed_payments: null,
    metadata: mergeMetadata({}, parameters.metadata),
    mode,
    origin_context: null,
    payment_intent: null,
    payment_link: null,
    payment_method_collection: mode === 'subscription' ? (parameters.payment_method_collection ?? 'always') : null,
    payment_method_configuration_details: null,
    payment_method_options: {},
    payment_method_types: ['card'],
    payment_status: 'unpaid',
    permissions: null,
    phone_number_collection: { enabled: false },
    recovered_from: null,
    saved_payment_method_options: null,
    setup_intent: null,
    shipping_address_collection: null,
    shipping_cost: null,
    shipping_options: [],
    status: 'open',
    submit_type: parameters.submit_type ?? null,
    subscription: null,
    success_url: parameters.success_url,
    ...(collection !== undefined && {
      tax_id_collection: { enabled: collection.enabled, required: collection.required ?? 'never' },
    }),
    total_details: { amount_discount: 0, amount_shipping: 0, amount_tax: 0 },
    ui_mode: 'hosted_page',
    url: `${sandbox.baseUrl}/c/pay/${id}`,
    wallet_options: null,
  };
}

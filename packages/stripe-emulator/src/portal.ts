import { priceOf, productOf } from './catalog.ts';
import { customerOf } from './customers.ts';
import { invalid } from './errors.ts';
import { pageFields, pageOf } from './lists.ts';
import {
  clearable,
  flag,
  integer,
  list,
  mergeMetadata,
  metadata,
  object,
  oneOf,
  required,
  text,
  type Values,
} from './parameters.ts';
import { route, type Route } from './router.ts';
import { rowOf, type Sandbox } from './sandbox.ts';
import { prorationBehavior } from './subscription-parameters.ts';
import type { PortalConfiguration, PortalSession } from './wire.ts';

const features = object({
  customer_update: object({
    allowed_updates: list(required(oneOf('address', 'email', 'name', 'phone', 'shipping', 'tax_id'))),
    enabled: required(flag),
  }),
  invoice_history: object({ enabled: required(flag) }),
  payment_method_update: object({ enabled: required(flag) }),
  subscription_cancel: object({
    cancellation_reason: object({ enabled: required(flag), options: required(list(required(text))) }),
    enabled: required(flag),
    mode: oneOf('at_period_end', 'immediately'),
    proration_behavior: prorationBehavior,
  }),
  subscription_update: object({
    default_allowed_updates: list(required(oneOf('price', 'promotion_code', 'quantity'))),
    enabled: required(flag),
    products: list(
      required(
        object({
          adjustable_quantity: object({ enabled: required(flag), maximum: integer, minimum: integer }),
          prices: required(list(required(text))),
          product: required(text),
        }),
      ),
    ),
    proration_behavior: prorationBehavior,
    schedule_at_period_end: object({
      conditions: list(required(object({ type: required(oneOf('decreasing_item_amount', 'shortening_interval')) }))),
    }),
  }),
});

const businessProfile = object({
  headline: clearable(text),
  privacy_policy_url: clearable(text),
  terms_of_service_url: clearable(text),
});

const configurationFields = {
  business_profile: businessProfile,
  default_return_url: clearable(text),
  metadata,
  name: clearable(text),
};

type Features = Values<typeof configurationFields & { features: typeof features }>['features'];

/** The customer portal: its configurations and sessions. The page itself is in portal-page.ts. */
export const portalRoutes: readonly Route[] = [
  route(
    'POST',
    '/v1/billing_portal/configurations',
    { ...configurationFields, features: required(features) },
    (sandbox, parameters) => {
      const isFirst = sandbox.tables.portalConfigurations.size === 0;
      const configuration = blankConfiguration(sandbox, isFirst);
      apply(sandbox, configuration, parameters);
      sandbox.tables.portalConfigurations.set(configuration.id, configuration);
      sandbox.emit('billing_portal.configuration.created', configuration);
      return configuration;
    },
  ),
  route(
    'GET',
    '/v1/billing_portal/configurations',
    { ...pageFields, active: flag, is_default: flag },
    (sandbox, parameters) => {
      const rows = [...sandbox.tables.portalConfigurations.values()].filter(
        (each) =>
          (parameters.active === undefined || each.active === parameters.active) &&
          (parameters.is_default === undefined || each.is_default === parameters.is_default),
      );
      return pageOf(rows, '/v1/billing_portal/configurations', parameters);
    },
  ),
  route('GET', '/v1/billing_portal/configurations/:id', {}, (sandbox, _parameters, [id]) =>
    configurationOf(sandbox, id),
  ),
  route(
    'POST',
    '/v1/billing_portal/configurations/:id',
    { ...configurationFields, active: flag, features },
    (sandbox, parameters, [id]) => {
      const configuration = configurationOf(sandbox, id);
      sandbox.change(configuration, 'billing_portal.configuration.updated', () => {
        if (parameters.active !== undefined) configuration.active = parameters.active;
        apply(sandbox, configuration, parameters);
      });
      return configuration;
    },
  ),
  route(
    'POST',
    '/v1/billing_portal/sessions',
    { configuration: text, customer: required(text), return_url: text },
    (sandbox, parameters) => {
      customerOf(sandbox, parameters.customer, 'customer');
      const configuration =
        parameters.configuration === undefined
          ? [...sandbox.tables.portalConfigurations.values()].find((each) => each.is_default)
          : configurationOf(sandbox, parameters.configuration, 'configuration');
      if (configuration === undefined) {
        throw invalid(
          'No configuration provided and your test mode default configuration has not been created. Provide a configuration or create your default by saving your customer portal settings in test mode.',
        );
      }
      if (!configuration.active) {
        throw invalid(`The configuration ${configuration.id} is inactive.`, { param: 'configuration' });
      }
      const id = sandbox.newId('bps');
      const session: PortalSession = {
        id,
        object: 'billing_portal.session',
        configuration: configuration.id,
        created: sandbox.now(),
        customer: parameters.customer,
        customer_account: null,
        flow: null,
        livemode: false,
        locale: null,
        on_behalf_of: null,
        return_url: parameters.return_url ?? configuration.default_return_url,
        url: `${sandbox.baseUrl}/p/session/${id}`,
      };
      sandbox.tables.portalSessions.set(id, session);
      sandbox.emit('billing_portal.session.created', session);
      return session;
    },
  ),
];

/** The configuration, or Stripe's refusal. */
export function configurationOf(sandbox: Sandbox, id: string, param?: string): PortalConfiguration {
  return rowOf(sandbox.tables.portalConfigurations, 'configuration', id, param);
}

function apply(
  sandbox: Sandbox,
  configuration: PortalConfiguration,
  parameters: Values<typeof configurationFields> & { readonly features?: Features },
): void {
  const { business_profile: profile } = parameters;
  if (profile?.headline !== undefined) configuration.business_profile.headline = profile.headline;
  if (profile?.privacy_policy_url !== undefined) {
    configuration.business_profile.privacy_policy_url = profile.privacy_policy_url;
  }
  if (profile?.terms_of_service_url !== undefined) {
    configuration.business_profile.terms_of_service_url = profile.terms_of_service_url;
  }
  if (parameters.default_return_url !== undefined) configuration.default_return_url = parameters.default_return_url;
  if (parameters.name !== undefined) configuration.name = parameters.name;
  configuration.metadata = mergeMetadata(configuration.metadata ?? {}, parameters.metadata);
  configuration.updated = sandbox.now();
  if (parameters.features !== undefined) applyFeatures(sandbox, configuration, parameters.features);
}

function applyFeatures(sandbox: Sandbox, configuration: PortalConfiguration, given: NonNullable<Features>): void {
  const { features: now } = configuration;
  const { customer_update: customer, subscription_cancel: cancel, subscription_update: update } = given;
  if (customer !== undefined) {
    now.customer_update.enabled = customer.enabled;
    if (customer.allowed_updates !== undefined) now.customer_update.allowed_updates = customer.allowed_updates;
  }
  if (given.invoice_history !== undefined) now.invoice_history.enabled = given.invoice_history.enabled;
  if (given.payment_method_update !== undefined) {
    now.payment_method_update.enabled = given.payment_method_update.enabled;
  }
  if (cancel !== undefined) {
    now.subscription_cancel.enabled = cancel.enabled;
    now.subscription_cancel.mode = cancel.mode ?? now.subscription_cancel.mode;
    now.subscription_cancel.proration_behavior =
      cancel.proration_behavior ?? now.subscription_cancel.proration_behavior;
    if (cancel.cancellation_reason !== undefined) {
      now.subscription_cancel.cancellation_reason = { feedback_options: null, ...cancel.cancellation_reason };
    }
  }
  if (update === undefined) return;
  now.subscription_update.enabled = update.enabled;
  now.subscription_update.proration_behavior = update.proration_behavior ?? now.subscription_update.proration_behavior;
  if (update.default_allowed_updates !== undefined) {
    now.subscription_update.default_allowed_updates = update.default_allowed_updates;
  }
  if (update.schedule_at_period_end !== undefined) {
    now.subscription_update.schedule_at_period_end = {
      conditions: update.schedule_at_period_end.conditions ?? [],
    };
  }
  if (update.products === undefined) return;
  now.subscription_update.products = update.products.map((entry, index) => {
    const param = `features[subscription_update][products][${index}]`;
    productOf(sandbox, entry.product, `${param}[product]`);
    for (const price of entry.prices) priceOf(sandbox, price, `${param}[prices]`);
    return {
      adjustable_quantity: {
        enabled: entry.adjustable_quantity?.enabled ?? false,
        maximum: entry.adjustable_quantity?.maximum ?? null,
        minimum: entry.adjustable_quantity?.minimum ?? 1,
      },
      prices: entry.prices,
      product: entry.product,
    };
  });
}

function blankConfiguration(sandbox: Sandbox, isDefault: boolean): PortalConfiguration {
  return {
    id: sandbox.newId('bpc'),
    object: 'billing_portal.configuration',
    active: true,
    application: null,
    business_profile: { headline: null, privacy_policy_url: null, terms_of_service_url: null },
    created: sandbox.now(),
    default_return_url: null,
    features: {
      customer_update: { allowed_updates: [], enabled: false },
      invoice_history: { enabled: false },
      payment_method_update: { enabled: false, payment_method_configuration: null },
      subscription_cancel: {
        cancellation_reason: { enabled: false, feedback_options: null, options: [] },
        enabled: false,
        mode: 'at_period_end',
        proration_behavior: 'none',
      },
      subscription_pause: { duration: { interval_options: [], type: 'indefinite' }, enabled: false },
      subscription_update: {
        billing_cycle_anchor: null,
        default_allowed_updates: [],
        enabled: false,
        products: [],
        proration_behavior: 'none',
        schedule_at_period_end: { conditions: [] },
        trial_update_behavior: 'end_trial',
      },
    },
    is_default: isDefault,
    livemode: false,
    login_page: { enabled: false, url: null },
    metadata: {},
    name: null,
    updated: sandbox.now(),
  };
}
